/**
 * `codex exec`, as a script has it.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Program, Stdio } from "./fakeProcess.ts"
import { ExecEvents } from "./scriptExecEvents.ts"
import type { Settings, Thread, Threads } from "./scriptThreads.ts"
import * as ScriptTurn from "./scriptTurn.ts"

export const make = (threads: Threads): Program => ({
  run: (stdio) =>
    Effect.gen(function*() {
      const asked = parse(stdio.args)
      const prompt = yield* Stream.mkString(Stream.decodeText(stdio.input))
      if (asked.subcommand === "review") {
        return yield* stop(stdio, "CodexScript: a fake `codex exec` does not review; run a fake app-server\n")
      }
      if (prompt.trim() === "") return yield* stop(stdio, "No prompt provided via stdin.\n")
      const thread = yield* open(threads, stdio, asked)
      if (typeof thread === "string") {
        const method = `thread/${asked.subcommand}`
        return yield* stop(stdio, `Error: ${method}: ${method} failed: ${thread} (code -32600)\n`)
      }
      return yield* play(threads, thread, stdio, prompt).pipe(Effect.ensuring(Effect.sync(() => threads.close(thread))))
    }),
  talks: false,
  // It ends its commands and then itself.
  on: (signal) => signal === "SIGINT" ? { code: 1 } : { signal }
})

const stop = (stdio: Stdio, why: string) => Effect.andThen(stdio.printError(why), stdio.end({ code: 1 }))

// =============================================================================
// The turn
// =============================================================================

const play = Effect.fnUntraced(function*(threads: Threads, thread: Thread, stdio: Stdio, prompt: string) {
  const events = new ExecEvents()
  let failed = false
  yield* stdio.print(`${JSON.stringify({ type: "thread.started", thread_id: thread.id })}\n`)
  const turn = yield* ScriptTurn.make(threads, thread, {
    tell: (message) => {
      if (message.method === "turn/completed") failed = message.params.turn.status !== "completed"
      return Effect.forEach(events.take(message), stdio.print, { discard: true })
    },
    // Whoever runs it is not there to be asked.
    ask: () => Effect.void,
    garbage: (line) => stdio.print(`${line}\n`),
    future: (type, fields) => stdio.print(`${JSON.stringify({ type, ...fields })}\n`),
    crash: ({ exitCode, signal, stderr }) =>
      Effect.andThen(
        stderr === "" ? Effect.void : stdio.printError(stderr),
        stdio.end(signal === undefined ? { code: exitCode ?? 1 } : { signal })
      )
  }, prompt)
  yield* Effect.onInterrupt(turn.play, () =>
    Effect.sync(() => {
      turn.record.status = "interrupted"
    }))
  return yield* stdio.end({ code: failed ? 1 : 0 })
})

const open = Effect.fnUntraced(function*(threads: Threads, stdio: Stdio, { subcommand, target, ...flags }: Asked) {
  const settings: Settings = {
    cwd: stdio.cwd ?? "/",
    model: flags.model ?? "gpt-5.5",
    approvalPolicy: "never",
    approvalsReviewer: "user",
    sandbox: flags.sandbox ?? "workspace-write",
    networkAccess: false,
    ephemeral: flags.ephemeral,
    tools: new Set()
  }
  const now = yield* Clock.currentTimeMillis
  // A name that no thread has makes a new one.
  if (target === undefined || !/^[-0-9a-f]{36}$/i.test(target)) return threads.make(settings, stdio, now)
  const thread = threads.find(target, subcommand === "resume" ? stdio : undefined)
  if (typeof thread === "string") return thread
  if (subcommand === "fork") return threads.make(settings, stdio, now, thread)
  thread.owner = stdio
  thread.settings = settings
  return thread
})

// =============================================================================
// Arguments
// =============================================================================

interface Asked {
  readonly subcommand: string | undefined
  /** The thread to go on with. */
  readonly target: string | undefined
  readonly model: string | undefined
  readonly sandbox: string | undefined
  readonly ephemeral: boolean
}

/** The flags that take the argument behind them. */
const taking = new Set(
  ("--model -m --sandbox -s --add-dir --enable --disable --local-provider --thread-source " +
    "--output-last-message -o --output-schema --config -c --profile -p --cd -C").split(" ")
)

const parse = (args: ReadonlyArray<string>): Asked => {
  const flags = new Map<string, string>()
  const words: Array<string> = []
  const given = args.slice(args.indexOf("exec") + 1)
  for (let index = 0; index < given.length; index++) {
    const arg = given[index] ?? ""
    if (taking.has(arg)) flags.set(arg, given[++index] ?? "")
    else if (arg.startsWith("-") && arg !== "-") flags.set(arg, "")
    else words.push(arg)
  }
  const subcommand = words.find((word) => word === "resume" || word === "fork" || word === "review")
  return {
    subcommand,
    target: subcommand === undefined || subcommand === "review" ? undefined : words[words.indexOf(subcommand) + 1],
    model: flags.get("--model"),
    sandbox: flags.has("--approve-for-me") ? "workspace-write" : flags.get("--sandbox"),
    ephemeral: flags.has("--ephemeral")
  }
}
