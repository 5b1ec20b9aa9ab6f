import * as Codex from "@effect-codex/core/Codex"
import * as CodexHook from "@effect-codex/core/CodexHook"
import { CodexHookEvent } from "@effect-codex/core/CodexHookEvent"
import type { CodexOptions } from "@effect-codex/core/CodexOptions"
import * as CodexRetry from "@effect-codex/core/CodexRetry"
import * as FakeCli from "@effect-codex/testing/FakeCli"
import * as FakeProcess from "@effect-codex/testing/FakeProcess"
import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { command, hungTurn, pass, settle, slowTurn, threadA } from "./support/fakeCodex.ts"

/** A Codex, and what its hook is told. */
const hooked = (script: FakeCli.Script, options?: Parameters<typeof FakeCli.layer>[1]) => {
  const told: Array<CodexHookEvent> = []
  const layer = FakeCli.layer(script, options).pipe(
    Layer.provide(CodexHook.layer((event) => Effect.sync(() => told.push(event))))
  )
  return {
    layer,
    /** Everything that was told, as far as tests are after it. */
    told: Effect.as(settle, told),
    types: Effect.map(settle, () => told.map((event) => event.type))
  }
}

const retry = CodexRetry.make({ schedule: CodexRetry.exponential({ times: 1, initial: "1 second", jitter: 0 }) })
const overloaded = FakeProcess.turnFailed("We're currently experiencing high demand", { threadId: threadA })
const busy = FakeProcess.startFailed(`Error: thread ${threadA} already has an active writer (code -32600)`)
const ok = FakeProcess.turn({ threadId: threadA, message: "ok" })

describe("a run tells of", () => {
  it.effect("its attempt, and how it went", () => {
    const codex = hooked([slowTurn("5 seconds", { threadId: threadA })])
    return Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Codex.run("x", { model: "m" }))
      yield* pass("5 seconds")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(yield* codex.told, [
        { type: "attempt.started", operation: "run", timestamp: DateTime.makeUnsafe(0), attempt: 1 },
        {
          type: "attempt.succeeded",
          operation: "run",
          timestamp: DateTime.makeUnsafe(5000),
          threadId: threadA,
          command: ["codex", "exec", "--json", "--model", "m", "-"],
          attempt: 1,
          duration: Duration.seconds(5),
          exitCode: 0,
          turnStatus: "completed"
        }
      ])
    }).pipe(Effect.provide(codex.layer))
  })

  it.effect("its failure, which is not retried if the policy does not say so", () => {
    const codex = hooked([FakeProcess.turnFailed("boom", { threadId: threadA })])
    return Effect.gen(function*() {
      yield* Effect.flip(Codex.run("x", { retry, thread: threadA }))
      assert.deepStrictEqual(yield* codex.told, [
        {
          type: "attempt.started",
          operation: "run",
          timestamp: DateTime.makeUnsafe(0),
          threadId: threadA,
          attempt: 1
        },
        {
          type: "attempt.failed",
          operation: "run",
          timestamp: DateTime.makeUnsafe(0),
          threadId: threadA,
          command: ["codex", "exec", "--json", "resume", threadA, "-"],
          attempt: 1,
          duration: Duration.zero,
          exitCode: 1,
          turnStatus: "failed",
          message: "The turn failed: boom",
          reason: "TurnFailed"
        }
      ])
    }).pipe(Effect.provide(codex.layer))
  })

  it.effect("each retry, with its delay", () => {
    const codex = hooked([overloaded, ok])
    return Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Codex.run("x", { retry }))
      yield* pass("1 second")
      yield* Fiber.join(fiber)
      const told = yield* codex.told
      assert.deepStrictEqual(
        told.map((event) => [event.type, "attempt" in event ? event.attempt : 0]),
        [
          ["attempt.started", 1],
          ["attempt.failed", 1],
          ["retry.scheduled", 1],
          ["attempt.started", 2],
          ["attempt.succeeded", 2]
        ]
      )
      assert.deepInclude(told[2], {
        retryDelay: Duration.seconds(1),
        exitCode: 1,
        reason: "TurnFailed",
        threadId: threadA,
        timestamp: DateTime.makeUnsafe(0)
      })
    }).pipe(Effect.provide(codex.layer))
  })

  it.effect("no retry after the last", () => {
    const codex = hooked([overloaded, overloaded])
    return Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Effect.flip(Codex.run("x", { retry })))
      yield* pass("1 second")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(yield* codex.types, [
        "attempt.started",
        "attempt.failed",
        "retry.scheduled",
        "attempt.started",
        "attempt.failed"
      ])
    }).pipe(Effect.provide(codex.layer))
  })

  it.effect("its interruption, which is the end of the attempt that it hits", () => {
    const codex = hooked([hungTurn({ threadId: threadA }), busy])
    return Effect.gen(function*() {
      const running = yield* Effect.forkChild(Codex.run("x"))
      yield* pass("5 seconds")
      yield* Fiber.interrupt(running)
      assert.deepStrictEqual(yield* codex.types, ["attempt.started", "attempt.failed"])
      assert.deepInclude((yield* codex.told)[1], { reason: "Stopped", duration: Duration.seconds(5) })

      const waiting = yield* Effect.forkChild(Codex.run("x", { retry, thread: threadA }))
      yield* pass("500 millis")
      yield* Fiber.interrupt(waiting)
      assert.deepStrictEqual((yield* codex.types).slice(2), ["attempt.started", "attempt.failed", "retry.scheduled"])
    }).pipe(Effect.provide(codex.layer))
  })

  it.effect("the exit code that the CLI gave, or a timeout has", () => {
    const codex = hooked([FakeProcess.startFailed("no", 2), FakeProcess.make([FakeProcess.hang])])
    return Effect.gen(function*() {
      yield* Effect.flip(Codex.run("x"))
      const fiber = yield* Effect.forkChild(Effect.flip(Codex.run("x", { timeout: "10 seconds" })))
      yield* pass("10 seconds")
      yield* Fiber.join(fiber)
      const failed = (yield* codex.told).flatMap((event) => event.type === "attempt.failed" ? [event] : [])
      assert.deepStrictEqual(failed.map(({ exitCode, reason }) => [exitCode, reason]), [[2, "Exited"], [
        124,
        "TimedOut"
      ]])
    }).pipe(Effect.provide(codex.layer))
  })

  it.effect("nothing if it was refused", () => {
    const codex = hooked([])
    return Effect.gen(function*() {
      yield* Effect.flip(Codex.run(" "))
      assert.deepStrictEqual(yield* codex.told, [])
    }).pipe(Effect.provide(codex.layer))
  })
})

describe("a stream tells of", () => {
  it.effect("its start, each event, and how it went", () => {
    const codex = hooked([FakeProcess.turn({ threadId: threadA, items: [command("item_0")] })])
    return Effect.gen(function*() {
      yield* Stream.runDrain(Codex.stream("x"))
      const common = {
        operation: "stream",
        timestamp: DateTime.makeUnsafe(0),
        threadId: threadA,
        command: ["codex", "exec", "--json", "-"]
      }
      assert.deepStrictEqual(yield* codex.told, [
        { ...common, type: "live.started", attempt: 1, metadata: { pid: 1_000_000 } },
        { ...common, type: "live.event", metadata: { eventType: "thread.started" } },
        { ...common, type: "live.event", metadata: { eventType: "turn.started" } },
        { ...common, type: "live.event", metadata: { eventType: "item.completed", itemType: "command_execution" } },
        { ...common, type: "live.event", metadata: { eventType: "turn.completed" } },
        {
          ...common,
          type: "attempt.succeeded",
          attempt: 1,
          duration: Duration.zero,
          exitCode: 0,
          turnStatus: "completed"
        }
      ])
    }).pipe(Effect.provide(codex.layer))
  })

  it.effect("its failure before the first event", () => {
    const codex = hooked([busy])
    return Effect.gen(function*() {
      yield* Effect.flip(Stream.runDrain(Codex.stream("x", { thread: threadA })))
      assert.deepStrictEqual(yield* codex.types, ["live.startup_failed", "attempt.failed"])
      assert.deepInclude((yield* codex.told)[0], {
        attempt: 1,
        reason: "ThreadBusy",
        message: `Another process is at work on thread ${threadA}`,
        threadId: threadA
      })
    }).pipe(Effect.provide(codex.layer))
  })

  it.effect("each new start, with its delay", () => {
    const codex = hooked([busy, ok])
    return Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Stream.runDrain(Codex.stream("x", { thread: threadA, retry })))
      yield* pass("1 second")
      yield* Fiber.join(fiber)
      const told = yield* codex.told
      assert.deepStrictEqual(
        told.flatMap((event) => event.type === "live.event" ? [] : [[event.type, "attempt" in event && event.attempt]]),
        [
          ["live.startup_failed", 1],
          ["live.startup_retried", 1],
          ["live.started", 2],
          ["attempt.succeeded", 2]
        ]
      )
      assert.deepInclude(told[1], { retryDelay: Duration.seconds(1), reason: "ThreadBusy" })
    }).pipe(Effect.provide(codex.layer))
  })

  it.effect("its failure after that", () => {
    const codex = hooked([overloaded])
    return Effect.gen(function*() {
      yield* Effect.flip(Stream.runDrain(Codex.stream("x", { retry })))
      assert.deepStrictEqual(yield* codex.types, [
        "live.started",
        ...Array.from({ length: 4 }, () => "live.event"),
        "attempt.failed"
      ])
    }).pipe(Effect.provide(codex.layer))
  })

  it.effect("its success if it is left after the turn, else that it was stopped", () => {
    const codex = hooked([hungTurn(), FakeProcess.make([...ok.steps, FakeProcess.hang])])
    return Effect.gen(function*() {
      yield* Codex.stream("x").pipe(Stream.take(1), Stream.runDrain)
      yield* Codex.stream("x").pipe(Stream.takeUntil(({ type }) => type === "turn.completed"), Stream.runDrain)
      const ends = (yield* codex.told).flatMap((event) =>
        event.type === "attempt.failed" ? [event.reason] : event.type === "attempt.succeeded" ? [event.type] : []
      )
      assert.deepStrictEqual(ends, ["Stopped", "attempt.succeeded"])
    }).pipe(Effect.provide(codex.layer))
  })

  it.effect("itself by the name of its call: a handle's is start", () => {
    const codex = hooked([ok])
    return Effect.gen(function*() {
      const run = yield* Codex.start("x")
      yield* run.await
      const told = yield* codex.told
      assert.deepStrictEqual(told.map(({ operation }) => operation), told.map(() => "start"))
      assert.deepStrictEqual(told.map(({ type }) => type), [
        "live.started",
        ...Array.from({ length: 4 }, () => "live.event"),
        "attempt.succeeded"
      ])
    }).pipe(Effect.scoped, Effect.provide(codex.layer))
  })
})

describe("a session tells of", () => {
  it.effect("each turn that is written down", () => {
    const codex = hooked([ok, FakeProcess.turnFailed("boom", { threadId: threadA }), ok])
    return Effect.gen(function*() {
      const thread = yield* Codex.thread({ session: "s" })
      yield* thread.run("one")
      yield* Effect.flip(thread.run("two"))
      yield* Stream.runDrain(thread.stream("three"))
      const told = yield* codex.told
      assert.deepStrictEqual(told.map(({ sessionName }) => sessionName), told.map(() => "s"))
      assert.deepStrictEqual(told.filter(({ type }) => type !== "live.event").map(({ type }) => type), [
        "attempt.started",
        "attempt.succeeded",
        "session.updated",
        "attempt.started",
        "attempt.failed",
        "session.updated",
        "live.started",
        "attempt.succeeded",
        "session.updated"
      ])
      const updates = told.flatMap((event) => event.type === "session.updated" ? [event] : [])
      assert.deepStrictEqual(
        updates.map(({ exitCode, metadata, turnStatus }) => [
          turnStatus,
          exitCode,
          metadata.turnCount,
          metadata.successCount,
          metadata.failureCount
        ]),
        [["completed", 0, 1, 1, 0], ["failed", 1, 2, 1, 1], ["completed", 0, 3, 2, 1]]
      )
      assert.deepStrictEqual(updates[0]?.threadId, threadA)
    }).pipe(Effect.provide(codex.layer))
  })
})

it.effect("a review tells of itself by its name", () => {
  const codex = hooked([ok])
  return Effect.gen(function*() {
    yield* Codex.review({ type: "uncommitted" })
    assert.deepStrictEqual((yield* codex.told).map(({ operation }) => operation), ["review", "review"])
  }).pipe(Effect.provide(codex.layer))
})

it.effect("neither prompts nor configuration nor secrets are told, and all of it encodes", () => {
  const codex = hooked([FakeProcess.turn({ message: "the answer" })], {
    cli: { env: { CODEX_API_KEY: Redacted.make("sk-secret") } },
    config: { model_providers: { mine: { http_headers: { Authorization: "Bearer sk-config" } } } }
  })
  return Effect.gen(function*() {
    yield* Codex.run("the prompt", { session: "s" })
    const told = yield* codex.told
    const json = JSON.stringify(
      yield* Schema.encodeEffect(Schema.toCodecJson(Schema.Array(CodexHookEvent)))(told)
    )
    for (const word of ["the prompt", "the answer", "sk-secret", "sk-config"]) assert.notInclude(json, word)
    assert.include(json, "model_providers.mine.http_headers.Authorization=…")
  }).pipe(Effect.provide(codex.layer))
})

describe("a hook", () => {
  const Script = Schema.NonEmptyArray(
    Schema.Literals(["ok", "failed", "overloaded", "startFailed", "items", "odd"])
  )
  const processOf: Record<typeof Script.Type[number], FakeProcess.FakeProcess> = {
    ok,
    overloaded,
    failed: FakeProcess.turnFailed("boom", { items: [command("item_0")] }),
    startFailed: FakeProcess.startFailed("no"),
    items: FakeProcess.turn({ items: [command("item_0"), command("item_1")], message: "done" }),
    odd: FakeProcess.make([FakeProcess.event({ type: "turn.dreamt" }), ...ok.steps])
  }
  const hooks: ReadonlyArray<CodexHook.Hook> = [
    () => Effect.fail("broken"),
    () => Effect.die("dead"),
    () => Effect.never,
    () => {
      throw new Error("thrown")
    }
  ]
  const options: CodexOptions = {
    session: "s",
    retry: CodexRetry.make({ schedule: CodexRetry.exponential({ times: 1 }) })
  }

  /** What three calls give: a run, a stream and a handle. */
  const results = (script: typeof Script.Type, hooks: ReadonlyArray<CodexHook.Hook>) =>
    Effect.gen(function*() {
      const calls = Effect.all([
        Effect.exit(Codex.run("one", options)),
        Effect.exit(Stream.runCollect(Codex.stream("two", options))),
        Effect.exit(Effect.scoped(Effect.flatMap(Codex.start("three", options), (run) => run.await)))
      ])
      const codex = FakeCli.layer((_, index) => processOf[script[index % script.length] ?? "ok"]).pipe(
        Layer.provide(CodexHook.layerAll(hooks))
      )
      const fiber = yield* Effect.forkChild(Effect.provide(calls, codex))
      // Retries wait for the clock, and the end of the client for a hook that hangs.
      while (fiber.pollUnsafe() === undefined) {
        yield* Effect.repeat(Effect.yieldNow, { times: 200 })
        yield* TestClock.adjust("1 second")
      }
      return JSON.stringify(yield* Fiber.join(fiber))
    })

  it.effect.prop(
    "that fails, dies or hangs changes nothing",
    { script: Script },
    ({ script }) =>
      Effect.gen(function*() {
        assert.strictEqual(yield* results(script, hooks), yield* results(script, []))
      }),
    { arbitrary: { runs: 20 } }
  )
})
