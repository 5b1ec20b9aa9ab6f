/**
 * The terminal of the chat. It alone reads the keyboard: a line answers the question that waits, if there is one, and
 * else is for whoever takes the next line.
 */
import type * as Cause from "effect/Cause"
import { TerminalCapabilities } from "effect/cli/TerminalCapabilities"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Semaphore from "effect/Semaphore"
import * as Readline from "node:readline"

export class Screen extends Context.Service<Screen, {
  /** The next line that is no answer; nothing once the input has ended. */
  readonly read: (prompt?: string) => Effect.Effect<string | undefined>
  /** The next line. Questions wait for each other. Once the input has ended, the answer is empty. */
  readonly ask: (question: ReadonlyArray<string>, prompt: string) => Effect.Effect<string>
  /** A line, as if it had been typed. */
  readonly type: (line: string) => Effect.Effect<void>
  /** Waits for Ctrl-C. */
  readonly ctrlC: Effect.Effect<void>
  /** Goes on in the same line. */
  readonly write: (text: string) => Effect.Effect<void>
  /** Begins a new line, if there is something in this one, and writes whole lines. */
  readonly print: (...lines: ReadonlyArray<string>) => Effect.Effect<void>
  readonly dim: (text: string) => string
}>()("chat/Screen") {}

export const make = Effect.fnUntraced(function*(
  { input, output, terminal }: {
    readonly input: NodeJS.ReadableStream
    readonly output: NodeJS.WritableStream
    /** Whether there are keys to press, and not only lines that come. */
    readonly terminal: boolean
  }
) {
  const lines = yield* Queue.unbounded<string, Cause.Done>()
  const ctrlC = yield* Latch.make()
  const questions = yield* Semaphore.make(1)
  let asked: Deferred.Deferred<string> | undefined
  let hasEnded = false

  const onLine = (line: string) => {
    if (terminal) shown = ""
    if (asked === undefined) Queue.offerUnsafe(lines, line)
    else answer(asked, line)
  }
  const answer = (to: Deferred.Deferred<string>, line: string) => {
    asked = undefined
    Deferred.doneUnsafe(to, Effect.succeed(line))
  }
  const onCtrlC = () => {
    // What was typed is gone, as in a shell.
    if (terminal) rl.write(null, { ctrl: true, name: "u" })
    ctrlC.openUnsafe()
    ctrlC.closeUnsafe()
  }
  const onEnd = () => {
    hasEnded = true
    if (asked !== undefined) answer(asked, "")
    Queue.endUnsafe(lines)
  }
  const rl = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const rl = Readline.createInterface({ input, output, terminal, prompt: "" })
      process.on("SIGINT", onCtrlC)
      return rl.on("line", onLine).on("SIGINT", onCtrlC).on("close", onEnd)
    }),
    (rl) =>
      Effect.sync(() => {
        process.off("SIGINT", onCtrlC)
        rl.close()
      })
  )

  /** What there is of the last line, and what is yet to be shown. */
  let shown = ""
  let held = ""
  /** While something is typed, all else goes above it, line by line. */
  const put = (text: string) => {
    held += text
    const isTyping = terminal && rl.getPrompt() + rl.line !== ""
    const end = isTyping ? held.lastIndexOf("\n") + 1 : held.length
    if (end === 0) return
    const line = shown + held.slice(0, end)
    if (isTyping) {
      Readline.cursorTo(output, 0)
      Readline.clearScreenDown(output)
      output.write(line)
      rl.prompt(true)
    } else output.write(held.slice(0, end))
    shown = line.slice(line.lastIndexOf("\n") + 1)
    held = held.slice(end)
  }
  const print = (...lines: ReadonlyArray<string>) =>
    Effect.sync(() => put((shown + held === "" ? "" : "\n") + lines.map((line) => `${line}\n`).join("")))

  const setPrompt = (prompt: string) =>
    Effect.sync(() => {
      rl.setPrompt(prompt)
      if (!hasEnded && (terminal || prompt !== "")) rl.prompt(true)
    })
  const prompting = (prompt: string) => <A>(effect: Effect.Effect<A>) =>
    Effect.acquireUseRelease(Effect.andThen(print(), setPrompt(prompt)), () => effect, () => setPrompt(""))
  const take = Effect.catch(Queue.take(lines), () => Effect.undefined)
  const { canColor } = yield* TerminalCapabilities

  return Screen.of({
    read: (prompt) => prompt === undefined ? take : prompting(prompt)(take),
    ask: (question, prompt) =>
      Effect.suspend(() => {
        if (hasEnded) return Effect.succeed("")
        asked = Deferred.makeUnsafe<string>()
        return Effect.ensuring(Deferred.await(asked), Effect.sync(() => asked = undefined))
      }).pipe(
        prompting(prompt),
        (asking) => questions.withPermit(Effect.andThen(print(...question), asking))
      ),
    type: (line) => Effect.asVoid(Queue.offer(lines, line)),
    ctrlC: ctrlC.await,
    write: (text) => Effect.sync(() => put(text)),
    print,
    dim: (text) => canColor ? `\u001b[2m${text}\u001b[22m` : text
  })
})

export const layer = Layer.effect(
  Screen,
  Effect.flatMap(
    TerminalCapabilities,
    ({ canPrompt }) => make({ input: process.stdin, output: process.stdout, terminal: canPrompt })
  )
)

/** The text of others, without what could move the cursor, or pass for something else. Lines and tabs stay. */
export const plain = (text: string): string => text.replace(/(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "")
