/**
 * A chat with an agent in the terminal.
 *
 *     npm run example -- chat                  a new thread (with your Codex account)
 *     npm run example -- chat <thread id>      goes on with a thread
 *
 * What you type while the agent works is said to it at once. Ctrl-C stops it; at the prompt, Ctrl-C or Ctrl-D ends the
 * chat. It asks you before it does anything.
 */
import * as ApprovalAnswer from "@effect-codex/core/ApprovalAnswer"
import * as Approvals from "@effect-codex/core/Approvals"
import type { Thread } from "@effect-codex/core/appserver/Thread"
import * as Threads from "@effect-codex/core/appserver/Threads"
import type { Turn } from "@effect-codex/core/appserver/Turn"
import * as NodeThreads from "@effect-codex/node/NodeThreads"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Runtime from "effect/Runtime"
import * as Stream from "effect/Stream"
import * as Screen from "./Screen.ts"

const help = "/compact, /name <name>, /fork, /quit"

/** Asks the person. What is neither "yes" nor "no" is a "no", and is said to the agent. */
const confirm = Effect.fnUntraced(function*(...what: ReadonlyArray<string>) {
  const screen = yield* Screen.Screen
  const question = what.filter((text) => text !== "").map(Screen.plain)
  const answer = (yield* screen.ask(question, "[y]es, [a]lways, [n]o, or what to do instead: ")).trim()
  if (/^y(es)?$/i.test(answer)) return ApprovalAnswer.accept
  if (/^a(lways)?$/i.test(answer)) return ApprovalAnswer.acceptForSession
  if (!/^(no?)?$/i.test(answer)) yield* screen.type(answer)
  return ApprovalAnswer.decline
})

/** Who decides: the person. What is not here is declined. */
export const policy = Approvals.make({
  command: ({ command, reason = "" }) => confirm("May it run this?", command, reason),
  fileChange: ({ changes = [] }) =>
    confirm("May it change this?", ...changes.map(({ change, diff, path }) => `${change} ${path}\n${diff}`)),
  network: ({ host }) => confirm("May it connect to this?", host)
})

/** Shows what a turn does, event by event. */
const show = Effect.fnUntraced(function*(turn: Turn) {
  const { dim, print, write } = yield* Screen.Screen
  /** How much of each item was told while it came, and which one is being told. */
  const told = new Map<string, number>()
  let telling: string | undefined

  yield* Stream.runForEach(turn.events, (event) => {
    switch (event.type) {
      case "item.delta": {
        const { delta, item_id, kind } = event
        if (kind !== "text" && kind !== "output") return Effect.void
        const begun = item_id === telling ? Effect.void : print()
        telling = item_id
        told.set(item_id, (told.get(item_id) ?? 0) + delta.length)
        return Effect.andThen(begun, write(kind === "text" ? Screen.plain(delta) : dim(Screen.plain(delta))))
      }
      case "item.started":
        return event.item.type === "command_execution"
          ? print(dim(`$ ${Screen.plain(event.item.command)}`))
          : Effect.void
      case "item.completed": {
        const { item } = event
        if (item.type === "agent_message") return told.has(item.id) ? print() : print(Screen.plain(item.text))
        if (item.type === "file_change") {
          return print(...item.changes.map(({ kind, path }) => dim(`${item.status}: ${kind} ${Screen.plain(path)}`)))
        }
        if (item.type !== "command_execution") return Effect.void
        // Codex does not tell what a command says at first while it says it.
        const output = item.aggregated_output
        const missed = output.slice(0, Math.max(0, output.length - (told.get(item.id) ?? 0))).trimEnd()
        return print(
          ...(missed === "" ? [] : [dim(Screen.plain(told.has(item.id) ? `At first: ${missed}` : missed))]),
          ...(item.exit_code === 0 ? [] : [dim(`${item.status} (${item.exit_code ?? "no exit code"})`)])
        )
      }
      case "error":
        return print(Screen.plain(event.message))
      default:
        return Effect.void
    }
  })
})

/** Says to the agent what is typed while it works. Ends with `/quit`. */
const listen = Effect.fnUntraced(function*(turn: Turn) {
  const screen = yield* Screen.Screen
  while (true) {
    const line = yield* screen.read()
    if (line === undefined) return yield* Effect.never
    if (line === "/quit") return yield* screen.type(line)
    yield* Effect.andThen(turn.steer(line), screen.print(screen.dim("Said to the agent."))).pipe(
      // It has just ended: this is what the next one begins with.
      Effect.catchReason("CodexError", "NotSteerable", () => screen.type(line)),
      Effect.uninterruptible
    )
  }
})

/** A conversation, until the input ends, or somebody ends it. */
export const chat = Effect.fn("chat")(function*(threadId: string | undefined) {
  const threads = yield* Threads.Threads
  const screen = yield* Screen.Screen
  let thread: Thread = yield* threadId === undefined ? threads.start() : threads.resume(threadId)
  yield* screen.print(`Thread ${thread.id} in ${thread.settings.cwd}. ${help}`)

  const onLine = Effect.fnUntraced(function*(line: string) {
    const [command, ...words] = line.trim().split(/\s+/)
    switch (command) {
      case "":
        return
      case "/compact":
        yield* Effect.scoped(Effect.flatMap(thread.compact, (turn) => turn.await))
        return yield* screen.print("What was said is a summary now.")
      case "/name":
        return yield* thread.setName(words.join(" "))
      case "/fork":
        thread = yield* thread.fork()
        return yield* screen.print(`Thread ${thread.id}`)
      default: {
        const talk = Effect.flatMap(thread.turn(line), (turn) => Effect.raceFirst(show(turn), listen(turn)))
        // The turn is stopped with its scope, and so are its commands.
        return yield* Effect.scoped(talk)
      }
    }
  })

  while (true) {
    const line = yield* Effect.raceFirst(screen.read("> "), screen.ctrlC)
    if (typeof line !== "string" || line === "/quit") return
    yield* onLine(line).pipe(
      Effect.raceFirst(Effect.andThen(screen.ctrlC, screen.print("Stopping."))),
      Effect.catchTag("CodexError", ({ message }) => screen.print(Screen.plain(message)))
    )
  }
}, Effect.scoped)

/** Ctrl-C is up to the chat, and does not end the program as it does with `NodeRuntime.runMain`. */
const runMain = Runtime.makeRunMain(({ fiber, teardown }) => {
  const stop = () => fiber.interruptUnsafe()
  process.on("SIGTERM", stop)
  fiber.addObserver((exit) => teardown(exit, (code) => process.exit(code)))
})

if (import.meta.main) {
  const layer = NodeThreads.layer({ defaults: { approval: "untrusted" } }).pipe(
    Layer.provide(Approvals.layer(policy)),
    Layer.provideMerge(Screen.layer)
  )
  chat(process.argv[2]).pipe(
    Effect.provide(layer),
    Effect.tapError(({ message }) => Console.error(`error: ${message}`)),
    runMain({ disableErrorReporting: true })
  )
}
