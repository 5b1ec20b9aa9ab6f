/**
 * What reaches the terminal while a turn runs, on a clock of the test's own.
 */
import type * as CodexEvent from "@effect-codex/core/CodexEvent"
import { assert, describe, it } from "@effect/vitest"
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as PlatformError from "effect/PlatformError"
import * as Sink from "effect/Sink"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Screen from "./Screen.ts"

const view = { color: false, columns: 80, directory: "/srv" }

const thread: CodexEvent.CodexEvent = { type: "thread.started", thread_id: "t" }
const message: CodexEvent.CodexEvent = {
  type: "item.completed",
  item: { type: "agent_message", id: "item_0", text: "Hi" }
}
const completed: CodexEvent.CodexEvent = { type: "turn.completed", usage: { input_tokens: 3, output_tokens: 2 } }

/** A turn whose message comes a quarter of a second after its thread. */
const events = Stream.concat(
  Stream.succeed(thread),
  Stream.fromIterable([message, completed]).pipe(Stream.onStart(Effect.sleep("250 millis")))
)

/** Shows `events`, and gives what came of it and what was written. */
const watch = Effect.fnUntraced(function*<E>(events: Stream.Stream<CodexEvent.CodexEvent, E>, canAnimate: boolean) {
  const written: Array<string> = []
  const fiber = yield* Effect.forkChild(
    Screen.watch(view, events).pipe(
      Effect.provide(Stdio.layerTest({
        stdout: () => Sink.forEach((text) => Effect.sync(() => written.push(String(text))))
      })),
      Effect.provideService(TerminalCapabilities.TerminalCapabilities, {
        canAnimate,
        canColor: canAnimate,
        canPrompt: canAnimate
      })
    )
  )
  // In small steps, so that all that a step sets off is done before time has moved on much.
  yield* TestClock.adjust("5 millis").pipe(Effect.repeat({ until: () => fiber.pollUnsafe() !== undefined }))
  return { exit: yield* Fiber.await(fiber), written }
})

describe("Screen.watch", () => {
  it.effect("piped, writes lines and nothing else", () =>
    Effect.gen(function*() {
      const { exit, written } = yield* watch(events, false)
      assert.strictEqual(written.join(""), "  0.0s   thread    t\n  0.3s   says      Hi\n")
      assert.isTrue(Exit.isSuccess(exit))
      if (Exit.isSuccess(exit)) {
        assert.strictEqual(exit.value.status, "completed")
        assert.strictEqual(exit.value.finalMessage, "Hi")
        assert.deepStrictEqual(exit.value.usage, { input_tokens: 3, output_tokens: 2 })
      }
    }))

  it.effect("on a terminal, keeps a status line that moves, below the others", () =>
    Effect.gen(function*() {
      const { written } = yield* watch(events, true)
      const clear = "\r\u001b[2K"
      const frames = new Set(written.filter((text) => !text.includes("\n")))
      assert.includeMembers([...frames], [
        `${clear}⠋ 0.0s   …         thinking`,
        `${clear}⠙ 0.1s   …         thinking`,
        `${clear}⠹ 0.2s   …         thinking`
      ])
      assert.include(written, `${clear}  0.3s   says      Hi\n⠹ 0.3s   …         thinking`)
      // In the end the status line is gone.
      assert.strictEqual(written.at(-1), clear)
    }))

  it.effect("clears the status line, and shows the last trouble, when the turn fails", () =>
    Effect.gen(function*() {
      const failing = Stream.concat(
        Stream.succeed<CodexEvent.CodexEvent>({ type: "error", message: "No network" }),
        Stream.fail("cut")
      )
      const { exit, written } = yield* watch(failing, true)
      assert.deepStrictEqual(exit, Exit.fail("cut"))
      assert.strictEqual(written.at(-1), "\r\u001b[2K  0.0s   notice    No network\n")
    }))

  it.effect("ends when nobody reads any more", () =>
    Effect.gen(function*() {
      const exit = yield* Screen.watch(view, Stream.concat(events, Stream.never)).pipe(
        Effect.provide(Stdio.layerTest({
          stdout: () => Sink.fail(PlatformError.systemError({ _tag: "Unknown", module: "Stdio", method: "stdout" }))
        })),
        Effect.exit
      )
      assert.isTrue(Exit.hasInterrupts(exit))
    }))
})
