import * as Codex from "@effect-codex/core/Codex"
import * as CodexError from "@effect-codex/core/CodexError"
import type { CodexOptions } from "@effect-codex/core/CodexOptions"
import * as CodexRetry from "@effect-codex/core/CodexRetry"
import * as FakeCli from "@effect-codex/testing/FakeCli"
import * as FakeProcess from "@effect-codex/testing/FakeProcess"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as PlatformError from "effect/PlatformError"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import {
  command,
  invocations,
  pass,
  prompts,
  slowTurn,
  subcommands,
  tagOf,
  threadA,
  threadB
} from "./support/fakeCodex.ts"

const twice = CodexRetry.make({ schedule: CodexRetry.exponential({ times: 2, initial: "1 second", jitter: 0 }) })

const failed = (cause: string) => FakeProcess.turnFailed(cause, { threadId: threadA })
const overloaded = failed("We're currently experiencing high demand")
const unauthorized = failed("unexpected status 401 Unauthorized")
const busy = FakeProcess.startFailed(`Error: thread ${threadA} already has an active writer (code -32600)`)
const noProcesses = PlatformError.systemError({ _tag: "WouldBlock", module: "FakeCli", method: "spawn" })
const notFound = PlatformError.systemError({ _tag: "NotFound", module: "FakeCli", method: "spawn" })
const silent = FakeProcess.make([FakeProcess.hang])

/** A Codex whose every run has this policy. */
const codex = (script: FakeCli.Script, policy: CodexRetry.Policy = twice, options?: CodexOptions) =>
  FakeCli.layer(script, options).pipe(Layer.provide(CodexRetry.layer(policy)))

const starts = Effect.map(invocations, (all) => all.length)

describe("a run", () => {
  const passing: ReadonlyArray<readonly [string, FakeProcess.FakeProcess | PlatformError.PlatformError]> = [
    ["an overloaded model", overloaded],
    ["a rate limit", failed("rate limit exceeded: slow down")],
    ["a lost connection", failed("stream disconnected before completion: eof")],
    ["a thread that is busy", busy],
    ["a system that is short of processes", noProcesses]
  ]
  for (const [name, failure] of passing) {
    it.effect(`is tried again after ${name}`, () =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(Codex.run("x", { thread: threadA }))
        yield* pass("999 millis")
        assert.strictEqual(yield* starts, 1)
        yield* pass("1 milli")
        assert.strictEqual((yield* Fiber.join(fiber)).finalMessage, "ok")
        assert.strictEqual(yield* starts, 2)
      }).pipe(Effect.provide(codex([failure, FakeProcess.turn({ threadId: threadA, message: "ok" })]))))
  }

  const final: ReadonlyArray<readonly [string, FakeProcess.FakeProcess | PlatformError.PlatformError]> = [
    ["that was refused", unauthorized],
    ["whose CLI is not there", notFound],
    ["whose CLI ended", FakeProcess.startFailed("error: unexpected argument", 2)],
    [
      "that had begun to work",
      FakeProcess.turnFailed("We're currently experiencing high demand", { items: [command("item_0")] })
    ]
  ]
  for (const [name, failure] of final) {
    it.effect(`${name} is not tried again`, () =>
      Effect.gen(function*() {
        yield* Effect.flip(Codex.run("x"))
        assert.strictEqual(yield* starts, 1)
      }).pipe(Effect.provide(codex([failure, FakeProcess.turn()]))))
  }

  it.effect("that had begun to work is tried again if the policy says so by name", () =>
    Effect.gen(function*() {
      const retry = CodexRetry.make({ schedule: Schedule.recurs(1), while: CodexRetry.evenAfterWork })
      const turn = yield* Codex.run("x", { retry })
      assert.strictEqual(turn.finalMessage, "ok")
    }).pipe(Effect.provide(FakeCli.layer([
      FakeProcess.turnFailed("We're currently experiencing high demand", { items: [command("item_0")] }),
      FakeProcess.turn({ message: "ok" })
    ]))))

  it.effect("is not tried again unless that is asked for", () =>
    Effect.gen(function*() {
      yield* Effect.flip(Codex.run("x"))
      assert.strictEqual(yield* starts, 1)
    }).pipe(Effect.provide(FakeCli.layer([overloaded, FakeProcess.turn()]))))

  it.effect("has the layer's policy, unless it has one of its own, or none", () =>
    Effect.gen(function*() {
      yield* Effect.flip(Codex.run("x", { retry: CodexRetry.none }))
      assert.strictEqual(yield* starts, 1)
      yield* Effect.flip(Codex.run("x", { retry: CodexRetry.make({ schedule: Schedule.recurs(3) }) }))
      assert.strictEqual(yield* starts, 1 + 4)
      const thread = yield* Codex.thread({ retry: CodexRetry.make({ schedule: Schedule.recurs(1) }) })
      yield* Effect.flip(thread.run("x"))
      assert.strictEqual(yield* starts, 5 + 2)
      yield* Effect.flip(thread.run("x", { retry: CodexRetry.none }))
      assert.strictEqual(yield* starts, 7 + 1)
      const fiber = yield* Effect.forkChild(Effect.flip(Codex.run("x")))
      yield* pass("1 second")
      yield* pass("2 seconds")
      yield* Fiber.join(fiber)
      assert.strictEqual(yield* starts, 8 + 3)
    }).pipe(Effect.provide(codex(() => overloaded))))

  it.effect("fails with the last attempt's error and turn, after the delays of the policy", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Effect.flip(Codex.run("x")))
      yield* pass("1 second")
      yield* pass("1999 millis")
      assert.strictEqual(yield* starts, 2)
      yield* pass("1 milli")
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error.message, "The turn failed: rate limit exceeded: third")
      assert.strictEqual(error.turn?.threadId, threadB)
      assert.strictEqual(error.turn?.status, "failed")
      assert.isFalse(error.worked)
    }).pipe(Effect.provide(codex([
      overloaded,
      noProcesses,
      FakeProcess.turnFailed("rate limit exceeded: third", { threadId: threadB })
    ]))))

  it.effect("begins its turn and its time anew with each attempt", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Codex.run("x"))
      yield* pass("1 second")
      yield* pass("5 seconds")
      const turn = yield* Fiber.join(fiber)
      assert.deepStrictEqual(turn.messages.map(({ text }) => text), ["second"])
      assert.strictEqual(turn.error, undefined)
      assert.strictEqual(Duration.toSeconds(turn.duration), 5)
    }).pipe(Effect.provide(codex([
      FakeProcess.turnFailed("rate limit exceeded", { message: "first" }),
      slowTurn("5 seconds", { message: "second" })
    ]))))

  it.effect("has its time limit for each attempt", () =>
    Effect.gen(function*() {
      const evenTooLong = CodexRetry.make({
        schedule: Schedule.recurs(1),
        while: (error) => tagOf(error) === "TimedOut"
      })
      const fiber = yield* Effect.forkChild(Codex.run("x", { timeout: "10 seconds", retry: evenTooLong }))
      yield* pass("10 seconds")
      yield* pass("9 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).finalMessage, "ok")
      assert.deepStrictEqual((yield* invocations).map(({ signals }) => signals), [["SIGINT"], []])
    }).pipe(Effect.provide(FakeCli.layer([silent, slowTurn("9 seconds", { message: "ok" })]))))

  it.effect("that is interrupted while it waits is over", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Codex.run("x", { thread: threadA }))
      yield* pass("500 millis")
      yield* Fiber.interrupt(fiber)
      yield* pass("1 hour")
      assert.strictEqual(yield* starts, 1)
      yield* Codex.run("y", { thread: threadA })
    }).pipe(Effect.provide(codex([busy, FakeProcess.turn({ threadId: threadA })]))))

  it.effect("keeps its thread while it waits", () =>
    Effect.gen(function*() {
      const first = yield* Effect.forkChild(Codex.run("one", { thread: threadA }))
      yield* pass("500 millis")
      const second = yield* Effect.forkChild(Codex.run("two", { thread: threadA }))
      yield* pass("500 millis")
      yield* Fiber.joinAll([first, second])
      assert.deepStrictEqual(yield* prompts, ["one", "one", "two"])
    }).pipe(Effect.provide(codex([
      busy,
      FakeProcess.turn({ threadId: threadA }),
      FakeProcess.turn({ threadId: threadA })
    ]))))

  it.effect("of a new thread begins another thread, also if a conversation goes on with that one", () =>
    Effect.gen(function*() {
      const thread = yield* Codex.thread({ session: "s" })
      const fiber = yield* Effect.forkChild(thread.run("one"))
      yield* pass("1 second")
      assert.strictEqual((yield* Fiber.join(fiber)).threadId, threadB)
      yield* thread.run("two")
      const other = yield* Codex.thread({ session: "s" })
      yield* other.run("three")
      assert.deepStrictEqual(yield* subcommands, ["-", "-", `resume ${threadB} -`, `resume ${threadB} -`])
    }).pipe(Effect.provide(codex([
      FakeProcess.turnFailed("rate limit exceeded", { threadId: threadA }),
      ...[1, 2, 3].map(() => FakeProcess.turn({ threadId: threadB }))
    ]))))
})

describe("a stream", () => {
  const events = (options?: CodexOptions) =>
    Codex.stream("x", options).pipe(Stream.map(({ type }) => type), Stream.runCollect)

  it.effect("that fails before its first event is started again", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(events({ thread: threadA }))
      yield* pass("1 second")
      yield* pass("2 seconds")
      assert.deepStrictEqual(yield* Fiber.join(fiber), ["thread.started", "turn.started", "turn.completed"])
      assert.strictEqual(yield* starts, 3)
    }).pipe(Effect.provide(codex([busy, noProcesses, FakeProcess.turn({ threadId: threadA })]))))

  it.effect("is started again only as often as the policy says, and for its causes", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Effect.flip(events({ thread: threadA })))
      yield* pass("1 second")
      yield* pass("2 seconds")
      assert.strictEqual(tagOf(yield* Fiber.join(fiber)), "ThreadBusy")
      assert.strictEqual(yield* starts, 3)
      assert.strictEqual(tagOf(yield* Effect.flip(events())), "SpawnFailed")
      assert.strictEqual(yield* starts, 4)
      assert.strictEqual(tagOf(yield* Effect.flip(events({ thread: threadA, retry: CodexRetry.none }))), "ThreadBusy")
      assert.strictEqual(yield* starts, 5)
    }).pipe(Effect.provide(codex([busy, busy, busy, notFound, busy]))))

  it.effect("is never started again after its first event, whatever the policy", () =>
    Effect.gen(function*() {
      const always = CodexRetry.make({ schedule: Schedule.recurs(3), while: () => true })
      const seen: Array<string> = []
      const error = yield* Codex.stream("x", { retry: always }).pipe(
        Stream.runForEach(({ type }) => Effect.sync(() => seen.push(type))),
        Effect.flip
      )
      assert.isTrue(CodexError.isRetryable(error))
      assert.deepStrictEqual(seen, ["thread.started", "turn.started", "error", "turn.failed"])
      assert.strictEqual(yield* starts, 1)
    }).pipe(Effect.provide(codex([overloaded, FakeProcess.turn()]))))

  it.effect("is started again behind a handle, which has the process that answers", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Codex.start("x"))
      yield* pass("1 minute")
      yield* pass("1 second")
      const run = yield* Fiber.join(fiber)
      assert.strictEqual(run.pid, 1_000_001)
      assert.strictEqual((yield* run.await).finalMessage, "ok")
    }).pipe(Effect.scoped, Effect.provide(codex([silent, FakeProcess.turn({ message: "ok" })]))))
})
