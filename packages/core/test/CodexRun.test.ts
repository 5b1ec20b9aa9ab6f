import * as Codex from "@effect-codex/core/Codex"
import type { CodexEvent } from "@effect-codex/core/CodexEvent"
import type { CodexRun } from "@effect-codex/core/CodexRun"
import { CodexTransport } from "@effect-codex/core/CodexTransport"
import * as FakeCli from "@effect-codex/testing/FakeCli"
import * as FakeProcess from "@effect-codex/testing/FakeProcess"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as PlatformError from "effect/PlatformError"
import * as Stream from "effect/Stream"
import { command, hungTurn, invocations, pass, settle, slowTurn, tagOf, threadA } from "./support/fakeCodex.ts"

/** A turn of so many items, each printed by itself. */
const longTurn = (items: number) =>
  FakeProcess.turn({ threadId: threadA, items: Array.from({ length: items }, (_, index) => command(`item_${index}`)) })

const typesOf = (run: CodexRun) => Stream.runCollect(Stream.map(run.events, ({ type }) => type))

const isRunning = Effect.map(invocations, ([first]) => first?.running)

describe("a handle", () => {
  it.effect("is there at the first event, and gives all of them, and what they came to", () =>
    Effect.gen(function*() {
      const run = yield* Codex.start("x")
      assert.strictEqual(run.threadId, threadA)
      assert.strictEqual(run.pid, 1_000_000)
      assert.deepStrictEqual(yield* run.result, Option.none())

      const waiting = yield* Effect.forkChild(run.await)
      const reading = yield* Effect.forkChild(typesOf(run))
      yield* pass("5 seconds")
      const turn = yield* Fiber.join(waiting)
      assert.deepStrictEqual(yield* Fiber.join(reading), [
        "thread.started",
        "turn.started",
        "item.completed",
        "turn.completed"
      ])
      assert.strictEqual(turn.finalMessage, "ok")
      assert.strictEqual(turn.usage?.input_tokens, 100)
      assert.strictEqual(Duration.toSeconds(turn.duration), 5)
      assert.deepStrictEqual(yield* run.result, Option.some(Exit.succeed(turn)))
      assert.strictEqual(yield* run.await, turn)
    }).pipe(
      Effect.scoped,
      Effect.provide(FakeCli.layer([slowTurn("5 seconds", { threadId: threadA, message: "ok" })]))
    ))

  it.effect("is not there if the run fails before its first event", () =>
    Effect.gen(function*() {
      const spawn = yield* Effect.flip(Codex.start("x"))
      assert.strictEqual(tagOf(spawn), "SpawnFailed")
      const exited = yield* Effect.flip(Codex.start("x"))
      assert.strictEqual(tagOf(exited), "Exited")
      const refused = yield* Effect.flip(Codex.start(" "))
      assert.strictEqual(tagOf(refused), "InvalidOption")
    }).pipe(
      Effect.scoped,
      Effect.provide(FakeCli.layer([
        PlatformError.systemError({ _tag: "NotFound", module: "FakeCli", method: "spawn" }),
        FakeProcess.startFailed("no")
      ]))
    ))

  it.effect("that is no longer wanted before it is there leaves no run behind", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Codex.start("x"))
      yield* settle
      assert.isTrue(yield* isRunning)
      yield* Fiber.interrupt(fiber)
      assert.isFalse(yield* isRunning)
    }).pipe(Effect.scoped, Effect.provide(FakeCli.layer([FakeProcess.make([FakeProcess.hang])]))))

  it.effect("tells of a failed turn at its end, with the turn", () =>
    Effect.gen(function*() {
      const run = yield* Codex.start("x")
      const error = yield* Effect.flip(run.await)
      assert.strictEqual(error.message, "The turn failed: boom")
      assert.strictEqual(error.turn?.status, "failed")
      assert.lengthOf(error.turn?.commands ?? [], 1)
      assert.isTrue(error.worked)
      const result = yield* run.result
      assert.isTrue(Option.exists(result, (exit) => Exit.isFailure(exit) && Cause.squash(exit.cause) === error))
      const seen: Array<string> = []
      const read = yield* run.events.pipe(
        Stream.runForEach(({ type }) => Effect.sync(() => seen.push(type))),
        Effect.flip
      )
      assert.strictEqual(seen.at(-1), "turn.failed")
      assert.strictEqual(read, error)
    }).pipe(
      Effect.scoped,
      Effect.provide(FakeCli.layer([FakeProcess.turnFailed("boom", { items: [command("item_0")] })]))
    ))

  it.effect("has the run's time limits", () =>
    Effect.gen(function*() {
      const run = yield* Codex.start("x", { idleTimeout: "10 seconds" })
      const waiting = yield* Effect.forkChild(Effect.flip(run.await))
      yield* pass("10 seconds")
      assert.strictEqual(tagOf(yield* Fiber.join(waiting)), "TimedOut")
    }).pipe(Effect.scoped, Effect.provide(FakeCli.layer([hungTurn()]))))

  it.effect("does not hide a defect", () =>
    Effect.gen(function*() {
      const run = yield* Codex.start("x")
      const exit = yield* Effect.exit(run.await)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(Stream.runDrain(run.events))))
    }).pipe(
      Effect.scoped,
      Effect.provide(
        Codex.layer().pipe(Layer.provide(Layer.succeed(
          CodexTransport,
          CodexTransport.of({
            turn: () =>
              Stream.concat(
                Stream.make<ReadonlyArray<CodexEvent>>({ type: "thread.started", thread_id: threadA }),
                Stream.die("a bug")
              )
          })
        )))
      )
    ))
})

describe("events", () => {
  const count = 100
  const codex = () => FakeCli.layer([longTurn(count)])
  const all = [
    "thread.started",
    "turn.started",
    ...Array.from({ length: count }, () => "item.completed"),
    "turn.completed"
  ]

  it.effect("wait for a reader, who then gets every one", () =>
    Effect.gen(function*() {
      const run = yield* Codex.start("x")
      yield* pass("1 hour")
      assert.isTrue(yield* isRunning)
      assert.deepStrictEqual(yield* run.result, Option.none())
      assert.deepStrictEqual(yield* typesOf(run), all)
      assert.strictEqual((yield* run.await).commands.length, count)
    }).pipe(Effect.scoped, Effect.provide(codex())))

  it.effect("that nobody reads do not hold up who waits for the end", () =>
    Effect.gen(function*() {
      const run = yield* Codex.start("x")
      yield* settle
      assert.strictEqual((yield* run.await).commands.length, count)
    }).pipe(Effect.scoped, Effect.provide(codex())))

  it.effect("are all read by a reader who came before, while others wait for the end", () =>
    Effect.gen(function*() {
      const run = yield* Codex.start("x")
      // Until the buffer is full.
      yield* settle
      const reading = yield* Effect.forkChild(
        Stream.runCollect(Stream.tap(run.events, () => Effect.sleep("1 second")))
      )
      const turns = yield* Effect.forkChild(Effect.all([run.await, run.await], { concurrency: "unbounded" }))
      yield* pass("10 seconds")
      assert.deepStrictEqual(yield* run.result, Option.none())
      for (let batch = 0; batch < 10; batch++) yield* pass("20 seconds")
      assert.deepStrictEqual((yield* Fiber.join(reading)).map(({ type }) => type), all)
      const [one, two] = yield* Fiber.join(turns)
      assert.strictEqual(one, two)
    }).pipe(Effect.scoped, Effect.provide(codex())))

  it.effect("are all read by a reader who was forked right before, too", () =>
    Effect.gen(function*() {
      const run = yield* Codex.start("x")
      yield* settle
      const reading = yield* Effect.forkChild(typesOf(run))
      yield* run.await
      assert.deepStrictEqual(yield* Fiber.join(reading), all)
    }).pipe(Effect.scoped, Effect.provide(codex())))

  it.effect("fewer than the bound are there after the end too", () =>
    Effect.gen(function*() {
      const run = yield* Codex.start("x")
      yield* run.await
      assert.lengthOf(yield* typesOf(run), 13)
    }).pipe(Effect.scoped, Effect.provide(FakeCli.layer([longTurn(10)]))))

  it.effect("that a reader leaves unread do not hold up who waits for the end", () =>
    Effect.gen(function*() {
      const run = yield* Codex.start("x")
      yield* settle
      yield* Stream.runDrain(Stream.take(run.events, 1))
      const waiting = yield* Effect.forkChild(run.await)
      const reading = yield* Effect.forkChild(Stream.runDrain(Stream.take(run.events, 2)))
      yield* settle
      yield* Fiber.join(reading)
      assert.strictEqual((yield* Fiber.join(waiting)).commands.length, count)
    }).pipe(Effect.scoped, Effect.provide(codex())))
})

describe("to wait for a while", () => {
  it.effect("does not stop the run", () =>
    Effect.gen(function*() {
      const run = yield* Codex.start("x")
      const first = yield* Effect.forkChild(Effect.timeoutOption(run.await, "10 seconds"))
      yield* pass("10 seconds")
      assert.deepStrictEqual(yield* Fiber.join(first), Option.none())
      assert.isTrue(yield* isRunning)
      const second = yield* Effect.forkChild(Effect.timeoutOption(run.await, "1 minute"))
      yield* pass("50 seconds")
      assert.isTrue(Option.isSome(yield* Fiber.join(second)))
      assert.deepStrictEqual((yield* invocations)[0]?.signals, [])
    }).pipe(Effect.scoped, Effect.provide(FakeCli.layer([slowTurn("1 minute")]))))

  it.effect("leaves the events to whom they belong", () =>
    Effect.gen(function*() {
      const run = yield* Codex.start("x")
      const first = yield* Effect.forkChild(Effect.timeoutOption(run.await, "10 seconds"))
      yield* pass("10 seconds")
      yield* Fiber.join(first)
      const reading = yield* Effect.forkChild(typesOf(run))
      yield* pass("1 minute")
      assert.deepStrictEqual(yield* Fiber.join(reading), ["thread.started", "turn.started", "turn.completed"])
    }).pipe(Effect.scoped, Effect.provide(FakeCli.layer([slowTurn("1 minute")]))))
})

describe("a run stops", () => {
  const hung = () => FakeCli.layer([hungTurn({ threadId: threadA, items: [command("item_0")], message: "so far" })])

  for (const how of ["interrupt", "kill"] as const) {
    it.effect(`by ${how}, and keeps the turn so far`, () =>
      Effect.gen(function*() {
        const run = yield* Codex.start("x")
        yield* pass("5 seconds")
        yield* run[how]
        const [invocation] = yield* invocations
        assert.isFalse(invocation?.running)
        assert.deepStrictEqual(invocation?.signals, [how === "kill" ? "SIGKILL" : "SIGINT"])
        const error = yield* Effect.flip(run.await)
        assert.deepInclude(error.reason, { _tag: "Stopped", how })
        assert.strictEqual(error.turn?.status, "in_progress")
        assert.strictEqual(error.turn?.finalMessage, "so far")
        assert.strictEqual(Duration.toSeconds(error.turn?.duration ?? Duration.zero), 5)
        assert.isTrue(error.worked)
        assert.isFalse(error.isRetryable)
        const seen: Array<string> = []
        const read = yield* run.events.pipe(
          Stream.runForEach(({ type }) => Effect.sync(() => seen.push(type))),
          Effect.flip
        )
        assert.lengthOf(seen, 4)
        assert.strictEqual(read, error)
      }).pipe(Effect.scoped, Effect.provide(hung())))
  }

  it.effect("when its scope closes", () =>
    Effect.gen(function*() {
      const run = yield* Effect.scoped(Effect.tap(Codex.start("x"), settle))
      assert.isFalse(yield* isRunning)
      const error = yield* Effect.flip(run.await)
      assert.deepInclude(error.reason, { _tag: "Stopped", how: "interrupt" })
    }).pipe(Effect.provide(hung())))

  it.effect("while its events are waited for, and while they wait", () =>
    Effect.gen(function*() {
      const run = yield* Codex.start("x")
      yield* settle
      yield* run.interrupt
      assert.isFalse(yield* isRunning)
    }).pipe(Effect.scoped, Effect.provide(FakeCli.layer([longTurn(100)]))))

  it.effect("only once: what it came to before stays", () =>
    Effect.gen(function*() {
      const run = yield* Codex.start("x")
      const turn = yield* run.await
      yield* run.interrupt
      yield* run.kill
      assert.strictEqual(yield* run.await, turn)
      assert.deepStrictEqual((yield* invocations)[0]?.signals, [])
    }).pipe(Effect.scoped, Effect.provide(FakeCli.layer([FakeProcess.turn()]))))

  it.effect("after its turn as if it had ended by itself", () =>
    Effect.gen(function*() {
      const run = yield* Codex.start("x")
      yield* settle
      yield* run.interrupt
      assert.strictEqual((yield* run.await).finalMessage, "ok")
      assert.deepStrictEqual((yield* invocations)[0]?.signals, ["SIGINT"])
      assert.lengthOf(yield* typesOf(run), 4)
    }).pipe(
      Effect.scoped,
      Effect.provide(FakeCli.layer([
        FakeProcess.make([...FakeProcess.turn({ message: "ok" }).steps, FakeProcess.hang])
      ]))
    ))
})
