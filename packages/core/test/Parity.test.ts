/**
 * What users of other SDKs look for, and no other test shows: see `docs/parity.md`.
 */
import * as Codex from "@effect-codex/core/Codex"
import * as CodexRetry from "@effect-codex/core/CodexRetry"
import * as FakeCli from "@effect-codex/testing/FakeCli"
import * as FakeProcess from "@effect-codex/testing/FakeProcess"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { command, invocations, pass, settle, threadA } from "./support/fakeCodex.ts"

const begun = FakeProcess.turn({ items: [command("item_0")] }).steps.slice(0, -1)

describe("a run", () => {
  it.effect("with a signal that is aborted already is interrupted, and leaves nothing alive", () =>
    Effect.gen(function*() {
      const context = yield* Effect.context<Codex.Codex>()
      const signal = AbortSignal.abort()
      const exit = yield* Effect.promise(() => Effect.runPromiseExitWith(context)(Codex.run("x"), { signal }))
      assert.isTrue(Exit.hasInterrupts(exit))
      // Effect begins, and is interrupted at its first wait.
      assert.deepStrictEqual((yield* invocations).filter(({ running }) => running), [])
    }).pipe(Effect.provide(FakeCli.layer([FakeProcess.make([FakeProcess.hang])]))))

  it.effect("that takes too long keeps what was done", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Effect.flip(Codex.run("x", { timeout: "1 minute" })))
      yield* pass("1 minute")
      const error = yield* Fiber.join(fiber)
      assert.deepInclude(error.reason, { _tag: "TimedOut", limit: "total" })
      assert.lengthOf(error.turn?.commands ?? [], 1)
    }).pipe(Effect.provide(FakeCli.layer([FakeProcess.make([...begun, FakeProcess.hang])]))))

  it.effect("whose turn failed lets the CLI end by itself", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Effect.flip(Codex.run("x")))
      yield* pass("5 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "TurnFailed")
      assert.deepStrictEqual((yield* invocations).map(({ running, signals }) => [running, signals]), [[false, []]])
    }).pipe(Effect.provide(FakeCli.layer([
      FakeProcess.make([
        ...begun,
        FakeProcess.event({ type: "turn.failed", error: { message: "boom" } }),
        FakeProcess.delay("5 seconds"),
        FakeProcess.exit(1)
      ])
    ]))))

  it.effect("whose turn failed is tried again whatever the exit code of the CLI", () =>
    Effect.gen(function*() {
      const retry = CodexRetry.make({ schedule: Schedule.recurs(1) })
      assert.strictEqual((yield* Codex.run("x", { retry })).finalMessage, "ok")
    }).pipe(Effect.provide(FakeCli.layer([
      FakeProcess.make([
        FakeProcess.event({ type: "thread.started", thread_id: threadA }),
        FakeProcess.event({ type: "turn.failed", error: { message: "rate limit exceeded: slow down" } }),
        FakeProcess.exit(0)
      ]),
      FakeProcess.turn({ message: "ok" })
    ]))))

  it.effect("keeps only the end of what comes on stderr", () =>
    Effect.gen(function*() {
      const { reason } = yield* Effect.flip(Codex.run("x"))
      if (reason._tag !== "Exited") return assert.fail(reason.message)
      assert.isAtMost(reason.stderr.length, 16 * 1024)
      assert.match(reason.stderr, /x\nthe end$/)
    }).pipe(Effect.provide(FakeCli.layer([
      FakeProcess.make([
        ...Array.from({ length: 100 }, () => FakeProcess.stderr(`${"x".repeat(10_000)}\n`)),
        FakeProcess.stderr("the end\n"),
        FakeProcess.exit(3)
      ])
    ]))))
})

describe("a stream", () => {
  it.effect("that is not read lets the CLI wait", () =>
    Effect.gen(function*() {
      const isRead = yield* Latch.make()
      const fiber = yield* Effect.forkChild(Stream.runForEach(Codex.stream("x"), () => isRead.await))
      yield* pass("1 hour")
      yield* settle
      assert.isTrue((yield* invocations)[0]?.running)
      yield* isRead.open
      yield* Fiber.join(fiber)
      assert.isFalse((yield* invocations)[0]?.running)
    }).pipe(Effect.provide(FakeCli.layer([
      FakeProcess.turn({ items: Array.from({ length: 100 }, (_, index) => command(`item_${index}`)) })
    ]))))
})
