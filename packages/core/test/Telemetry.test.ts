import * as Codex from "@effect-codex/core/Codex"
import * as CodexRetry from "@effect-codex/core/CodexRetry"
import * as FakeCli from "@effect-codex/testing/FakeCli"
import * as FakeProcess from "@effect-codex/testing/FakeProcess"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { command, hungTurn, invocations, pass, settle, slowTurn, threadA } from "./support/fakeCodex.ts"

/** A tracer, and the spans that it saw. */
const makeTracer = () => {
  const spans: Array<Tracer.NativeSpan> = []
  return {
    spans,
    tracer: Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        spans.push(span)
        return span
      }
    })
  }
}

/** The names from a span up to its root. */
const lineage = (span: Tracer.AnySpan): ReadonlyArray<string> =>
  span._tag === "Span" ? [...Option.match(span.parent, { onNone: () => [], onSome: lineage }), span.name] : []

const attributesOf = (spans: ReadonlyArray<Tracer.Span>, name: string) =>
  spans.filter((span) => span.name === name).map((span) => Object.fromEntries(span.attributes))

/** How each span ended. */
const endings = (spans: ReadonlyArray<Tracer.Span>) =>
  spans.map(({ name, status }) => [
    name,
    status._tag === "Started" ? "open" : Exit.isSuccess(status.exit) ? "success" : "failure"
  ])

const usage = { input_tokens: 100, cached_input_tokens: 40, output_tokens: 10 }

describe("spans", () => {
  it.effect("of a run are one for the call, the turn, each attempt and its process", () => {
    const { spans, tracer } = makeTracer()
    return Effect.gen(function*() {
      const retry = CodexRetry.make({ schedule: Schedule.recurs(1) })
      yield* Codex.run("x", { model: "m", sandbox: "read-only", retry })
      assert.deepStrictEqual(spans.map(lineage), [
        ["Codex.run"],
        ["Codex.run", "Codex.turn"],
        ["Codex.run", "Codex.turn", "Codex.attempt"],
        ["Codex.run", "Codex.turn", "Codex.attempt", "codex exec"],
        ["Codex.run", "Codex.turn", "Codex.attempt"],
        ["Codex.run", "Codex.turn", "Codex.attempt", "codex exec"]
      ])
      assert.deepStrictEqual(attributesOf(spans, "Codex.attempt"), [{ "codex.attempt": 1 }, { "codex.attempt": 2 }])
      const request = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": "openai",
        "gen_ai.agent.name": "codex",
        "gen_ai.request.model": "m",
        "codex.sandbox": "read-only"
      }
      assert.deepStrictEqual(attributesOf(spans, "codex exec"), [request, request])
      assert.deepStrictEqual(attributesOf(spans, "Codex.turn"), [{
        ...request,
        "codex.turn.status": "completed",
        "gen_ai.conversation.id": threadA,
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 10
      }])
      assert.deepStrictEqual(endings(spans).map(([, ending]) => ending), [
        "success",
        "success",
        "failure",
        // The process itself did what it should.
        "success",
        "success",
        "success"
      ])
      assert.deepStrictEqual(spans.map(({ kind }) => kind).filter((kind) => kind === "client").length, 2)
    }).pipe(
      Effect.withTracer(tracer),
      Effect.provide(FakeCli.layer([
        FakeProcess.turnFailed("rate limit exceeded", { threadId: threadA }),
        FakeProcess.turn({ threadId: threadA, usage })
      ]))
    )
  })

  it.effect("of a failed turn say why", () => {
    const { spans, tracer } = makeTracer()
    return Effect.gen(function*() {
      yield* Effect.flip(Codex.run("x"))
      yield* Effect.flip(Stream.runDrain(Codex.stream("x")))
      for (const attributes of attributesOf(spans, "Codex.turn")) {
        assert.deepInclude(attributes, { "codex.turn.status": "failed", "error.type": "TurnFailed" })
        assert.notProperty(attributes, "gen_ai.usage.input_tokens")
      }
      assert.lengthOf(attributesOf(spans, "Codex.turn"), 2)
      assert.deepStrictEqual(
        endings(spans).filter(([name]) => name !== "codex exec").map(([, ending]) => ending),
        Array.from({ length: 6 }, () => "failure")
      )
    }).pipe(
      Effect.withTracer(tracer),
      Effect.provide(FakeCli.layer(() => FakeProcess.turnFailed("boom", { threadId: threadA })))
    )
  })

  it.effect("of a stream, however it is read, are the same below the call", () => {
    const { spans, tracer } = makeTracer()
    return Effect.gen(function*() {
      yield* Stream.runDrain(Codex.stream("x", { thread: threadA }))
      yield* Codex.stream("x", { thread: threadA }).pipe(Stream.take(1), Stream.runDrain)
      const one = [
        ["Codex.stream"],
        ["Codex.stream", "Codex.turn"],
        ["Codex.stream", "Codex.turn", "Codex.attempt"],
        ["Codex.stream", "Codex.turn", "Codex.attempt", "codex exec"]
      ]
      assert.deepStrictEqual(spans.map(lineage), [...one, ...one])
      assert.deepStrictEqual(attributesOf(spans, "Codex.turn").map((attributes) => attributes["codex.turn.status"]), [
        "completed",
        "interrupted"
      ])
      assert.notInclude(endings(spans).map(([, ending]) => ending), "open")
    }).pipe(Effect.withTracer(tracer), Effect.provide(FakeCli.layer(() => slowTurn(0, { threadId: threadA }))))
  })

  it.effect("of a handle's run end with the run, that of the call when the handle is there", () => {
    const { spans, tracer } = makeTracer()
    return Effect.gen(function*() {
      const run = yield* Codex.start("x")
      assert.deepStrictEqual(endings(spans), [
        ["Codex.start", "success"],
        ["Codex.turn", "open"],
        ["Codex.attempt", "open"],
        ["codex exec", "open"]
      ])
      assert.deepStrictEqual(spans.map(lineage).at(-1), ["Codex.start", "Codex.turn", "Codex.attempt", "codex exec"])
      const waiting = yield* Effect.forkChild(run.await)
      yield* pass("1 minute")
      yield* Fiber.join(waiting)
      assert.deepStrictEqual(endings(spans).map(([, ending]) => ending), Array.from({ length: 4 }, () => "success"))
      assert.deepInclude(attributesOf(spans, "Codex.turn")[0], { "codex.turn.status": "completed" })
    }).pipe(Effect.scoped, Effect.withTracer(tracer), Effect.provide(FakeCli.layer([slowTurn("1 minute")])))
  })

  it.effect("of an interrupted run say so", () => {
    const { spans, tracer } = makeTracer()
    return Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Codex.run("x"))
      yield* settle
      yield* Fiber.interrupt(fiber)
      assert.deepInclude(attributesOf(spans, "Codex.turn")[0], {
        "codex.turn.status": "interrupted",
        "gen_ai.conversation.id": threadA
      })
      assert.notInclude(endings(spans).map(([, ending]) => ending), "open")
    }).pipe(Effect.withTracer(tracer), Effect.provide(FakeCli.layer([hungTurn({ threadId: threadA })])))
  })

  it.effect("of an answer that is mended are one for the call, and one for each turn", () => {
    const { spans, tracer } = makeTracer()
    return Effect.gen(function*() {
      yield* Codex.run("x", { output: Schema.Struct({ ok: Schema.Boolean }), repair: 1 })
      assert.deepStrictEqual(spans.map(({ name }) => name), [
        "Codex.run",
        "Codex.turn",
        "Codex.attempt",
        "codex exec",
        "Codex.turn",
        "Codex.attempt",
        "codex exec"
      ])
    }).pipe(
      Effect.withTracer(tracer),
      Effect.provide(FakeCli.layer([
        FakeProcess.turn({ threadId: threadA, message: "no" }),
        FakeProcess.turn({ threadId: threadA, message: "{\"ok\":true}" })
      ]))
    )
  })

  it.effect("hold nothing that was said", () => {
    const { spans, tracer } = makeTracer()
    return Effect.gen(function*() {
      yield* Codex.run("the prompt", { session: "s" })
      const attributes = JSON.stringify(spans.map(({ attributes, events }) => [Array.from(attributes), events]))
      for (const word of ["the prompt", "the answer", "ls"]) assert.notInclude(attributes, word)
    }).pipe(
      Effect.withTracer(tracer),
      Effect.provide(FakeCli.layer([FakeProcess.turn({ items: [command("item_0")], message: "the answer" })]))
    )
  })
})

describe("the trace context", () => {
  it.effect("that the CLI is given is that of its span", () => {
    const { spans, tracer } = makeTracer()
    return Effect.gen(function*() {
      yield* Effect.withSpan(Codex.run("x"), "mine")
      const span = spans.find(({ name }) => name === "codex exec")
      const [invocation] = yield* invocations
      assert.strictEqual(invocation?.env["TRACEPARENT"], `00-${span?.traceId}-${span?.spanId}-01`)
      assert.strictEqual(span?.traceId, spans.find(({ name }) => name === "mine")?.traceId)
    }).pipe(Effect.withTracer(tracer), Effect.provide(FakeCli.layer([FakeProcess.turn()])))
  })

  it.effect("is not given if nobody traces: what the environment has stays", () =>
    Effect.gen(function*() {
      yield* Codex.run("x")
      const [invocation] = yield* invocations
      assert.notProperty(invocation?.env, "TRACEPARENT")
    }).pipe(Effect.provide(FakeCli.layer([FakeProcess.turn()]))))
})

describe("metrics", () => {
  /** The metrics of this library that were updated, by name and attributes. */
  const snapshot = Effect.map(Metric.snapshot, (metrics) =>
    Object.fromEntries(metrics.flatMap((metric) => {
      if (!metric.id.startsWith("codex.")) return []
      const { reason, status, type } = metric.attributes ?? {}
      const name = `${metric.id} ${reason ?? status ?? type}`
      return [[
        name,
        metric.type === "Counter" ? metric.state.count : metric.type === "Histogram" ? metric.state : null
      ]]
    })))

  it.effect("count turns, failures and tokens, and time turns", () =>
    Effect.gen(function*() {
      const ran = yield* Effect.forkChild(Codex.run("x"))
      yield* pass("5 seconds")
      yield* Fiber.join(ran)
      yield* Stream.runDrain(Codex.stream("x", { thread: threadA }))
      yield* Effect.flip(Codex.run("x", { thread: threadA }))
      yield* Codex.stream("x", { thread: threadA }).pipe(Stream.take(1), Stream.runDrain)
      const metrics = yield* snapshot
      assert.deepInclude(metrics, {
        "codex.turns completed": 2,
        "codex.turns failed": 1,
        "codex.turns interrupted": 1,
        "codex.failures TurnFailed": 1,
        "codex.tokens input": 150,
        "codex.tokens output": 15
      })
      assert.deepInclude(metrics["codex.turn.duration completed"], { count: 2, sum: 5000, max: 5000 })
    }).pipe(
      Effect.provide(FakeCli.layer([
        slowTurn("5 seconds", { threadId: threadA, usage: { input_tokens: 100, output_tokens: 10 } }),
        FakeProcess.turn({ threadId: threadA, usage: { input_tokens: 150, output_tokens: 15 } }),
        FakeProcess.turnFailed("boom", { threadId: threadA }),
        hungTurn({ threadId: threadA })
      ])),
      Effect.provideService(Metric.MetricRegistry, new Map())
    ))

  it.effect("count a run once, however often it was tried", () =>
    Effect.gen(function*() {
      yield* Codex.run("x", { retry: CodexRetry.make({ schedule: Schedule.recurs(1) }) })
      const counts = yield* snapshot
      assert.strictEqual(counts["codex.turns completed"], 1)
      assert.notProperty(counts, "codex.turns failed")
    }).pipe(
      Effect.provide(FakeCli.layer([FakeProcess.turnFailed("rate limit exceeded"), FakeProcess.turn()])),
      Effect.provideService(Metric.MetricRegistry, new Map())
    ))
})
