import * as CodexHook from "@effect-codex/core/CodexHook"
import * as CodexHookEvent from "@effect-codex/core/CodexHookEvent"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import * as HookDelivery from "../src/internal/hookDelivery.ts"

const attempt = (attempt: number): CodexHookEvent.CodexHookEvent => ({
  type: "attempt.started",
  operation: "run",
  timestamp: DateTime.makeUnsafe(0),
  attempt
})

const attempts = [attempt(1), attempt(2), attempt(3)]

/** A hook that keeps what it gets. */
const recorder = () => {
  const got: Array<CodexHookEvent.CodexHookEvent> = []
  const hook: CodexHook.Hook = (event) => Effect.sync(() => got.push(event))
  return { got, hook }
}

const count = (cause: Parameters<typeof CodexHook.dropped>[0]) =>
  Effect.map(Metric.value(CodexHook.dropped(cause)), ({ count }) => count)

const freshMetrics = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => Effect.provideService(self, Metric.MetricRegistry, new Map()))

const emitAll = (delivery: HookDelivery.HookDelivery, events: ReadonlyArray<CodexHookEvent.CodexHookEvent>) =>
  Effect.forEach(events, delivery.emit, { discard: true })

describe("an event", () => {
  const codec = Schema.toCodecJson(CodexHookEvent.CodexHookEvent)

  it.effect.prop(
    "decodes what it encodes",
    { event: CodexHookEvent.CodexHookEvent },
    ({ event }) =>
      Effect.gen(function*() {
        const json: unknown = JSON.parse(JSON.stringify(yield* Schema.encodeEffect(codec)(event)))
        const back = yield* Schema.decodeUnknownEffect(codec)(json)
        assert.isTrue(Equal.equals(yield* Schema.encodeEffect(codec)(back), json))
        assert.strictEqual(back.type, event.type)
        assert.isTrue(Equal.equals(back.timestamp, event.timestamp))
      })
  )
})

describe("delivery", () => {
  it.effect("is not there without a hook", () =>
    Effect.gen(function*() {
      const delivery = yield* HookDelivery.make(yield* CodexHook.CodexHook)
      assert.isFalse(delivery.isActive)
      yield* emitAll(delivery, attempts)
    }))

  it.effect("gives each hook every event in order, and what is queued when the scope closes", () =>
    Effect.gen(function*() {
      const [first, second] = [recorder(), recorder()]
      yield* Effect.scoped(Effect.gen(function*() {
        const delivery = yield* HookDelivery.make([first.hook, second.hook])
        assert.isTrue(delivery.isActive)
        yield* emitAll(delivery, attempts)
        assert.deepStrictEqual(first.got, [])
      }))
      assert.deepStrictEqual(first.got, attempts)
      assert.deepStrictEqual(second.got, attempts)
    }))

  const failing: ReadonlyArray<readonly [string, CodexHook.Hook]> = [
    ["fails", () => Effect.fail("no")],
    ["dies", () => Effect.die("no")],
    ["throws", () => {
      throw new Error("no")
    }],
    ["interrupts itself", () => Effect.interrupt]
  ]
  for (const [name, hook] of failing) {
    it.effect(`goes on with a hook that ${name}, counts it, and complains once`, () => {
      const logs: Array<string> = []
      const logger = Logger.make(({ logLevel }) => void logs.push(logLevel))
      return Effect.gen(function*() {
        const { got, hook: other } = recorder()
        yield* Effect.scoped(Effect.gen(function*() {
          const delivery = yield* HookDelivery.make([
            (event) => event.type === "attempt.started" && event.attempt < 3 ? hook(event) : other(event),
            other
          ])
          yield* emitAll(delivery, attempts)
        }))
        assert.deepStrictEqual(got, [attempt(3), ...attempts].toSorted((a, b) => ordinal(a) - ordinal(b)))
        assert.strictEqual(yield* count("failed"), 2)
        assert.strictEqual(yield* count("closed"), 0)
        assert.deepStrictEqual(logs, ["Debug"])
      }).pipe(
        freshMetrics,
        Effect.provideService(References.MinimumLogLevel, "Debug"),
        Effect.provide(Logger.layer([logger]))
      )
    })
  }

  it.effect("gives up on an event for which a hook takes too long, and goes on", () =>
    Effect.gen(function*() {
      const { got, hook } = recorder()
      const delivery = yield* HookDelivery.make([
        (event) => event === attempts[0] ? Effect.never : hook(event)
      ])
      yield* emitAll(delivery, attempts)
      yield* TestClock.adjust("4999 millis")
      assert.deepStrictEqual(got, [])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(got, attempts.slice(1))
      assert.strictEqual(yield* count("timeout"), 1)
    }).pipe(Effect.scoped, freshMetrics))

  it.effect("drops what finds the queue full, and counts it", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const { got, hook } = recorder()
      yield* Effect.scoped(Effect.gen(function*() {
        const delivery = yield* HookDelivery.make([(event) => Effect.andThen(Deferred.await(gate), hook(event))], {
          capacity: 2
        })
        // One is with the hook, two wait, two find no room.
        yield* delivery.emit(attempt(1))
        yield* Effect.yieldNow
        yield* emitAll(delivery, [attempt(2), attempt(3), attempt(4), attempt(5)])
        assert.strictEqual(yield* count("full"), 2)
        yield* Deferred.succeed(gate, undefined)
      }))
      assert.deepStrictEqual(got, attempts)
    }).pipe(freshMetrics))

  for (
    const [name, never] of [["waits", Effect.never], [
      "cannot be interrupted",
      Effect.uninterruptible(Effect.never)
    ]] as const
  ) {
    it.effect(`does not keep the scope open for a hook that ${name} for ever`, () =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const delivery = yield* HookDelivery.make([() => never]).pipe(Scope.provide(scope))
        yield* emitAll(delivery, attempts)
        const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
        yield* TestClock.adjust("999 millis")
        assert.isUndefined(closing.pollUnsafe())
        // One second for the events, and one for a hook that will not go.
        yield* TestClock.adjust("1001 millis")
        yield* Fiber.join(closing)
        assert.strictEqual(yield* count("closed"), 3)

        yield* delivery.emit(attempt(4))
        assert.strictEqual(yield* count("closed"), 4)
      }).pipe(freshMetrics))
  }
})

describe("layers", () => {
  const emitted = Effect.gen(function*() {
    const delivery = yield* HookDelivery.make(yield* CodexHook.CodexHook)
    yield* emitAll(delivery, attempts)
  }).pipe(Effect.scoped)

  it.effect("add to what is there", () =>
    Effect.gen(function*() {
      const [first, second, third] = [recorder(), recorder(), recorder()]
      yield* emitted.pipe(
        Effect.provide(
          CodexHook.layer(first.hook).pipe(Layer.provideMerge(CodexHook.layerAll([second.hook, third.hook])))
        )
      )
      for (const { got } of [first, second, third]) assert.deepStrictEqual(got, attempts)
    }))

  it.effect("depend on where they are, not on where they were used before", () =>
    Effect.gen(function*() {
      const { got, hook } = recorder()
      class Hooks extends Context.Service<Hooks, ReadonlyArray<CodexHook.Hook>>()("Hooks") {}
      const client = Layer.effect(Hooks, CodexHook.CodexHook)
      const one = client.pipe(Layer.provide(CodexHook.layerLogger), Layer.provide(CodexHook.layer(hook)))
      const other = client.pipe(Layer.fresh, Layer.provide(CodexHook.layerLogger))
      const memo = yield* Layer.makeMemoMap
      const scope = yield* Effect.scope
      const sizeOf = (layer: Layer.Layer<Hooks>) =>
        Effect.map(Layer.buildWithMemoMap(layer, memo, scope), (context) => Context.get(context, Hooks).length)
      assert.strictEqual(yield* sizeOf(one), 2)
      assert.strictEqual(yield* sizeOf(other), 1)
      assert.deepStrictEqual(got, [])
    }))

  it.effect("give a hook the services that it needs", () => {
    class Sink extends Context.Service<Sink, Array<string>>()("Sink") {}
    const sink: Array<string> = []
    const hook: CodexHook.Hook<never, Sink> = ({ type }) => Effect.map(Sink, (sink) => sink.push(type))
    return Effect.gen(function*() {
      yield* emitted
      assert.deepStrictEqual(sink, ["attempt.started", "attempt.started", "attempt.started"])
    }).pipe(Effect.provide(CodexHook.layer(hook).pipe(Layer.provide(Layer.succeed(Sink, sink)))))
  })

  it.effect("log", () => {
    const logs: Array<unknown> = []
    const logger = Logger.make(({ fiber, logLevel, message }) => {
      logs.push([logLevel, message, fiber.getRef(References.CurrentLogAnnotations)])
    })
    return Effect.gen(function*() {
      const common = { operation: "run", timestamp: DateTime.makeUnsafe(0) }
      yield* emitAll(yield* HookDelivery.make(yield* CodexHook.CodexHook), [
        { ...common, type: "retry.scheduled", attempt: 1, retryDelay: Duration.millis(500), reason: "TimedOut" },
        { ...common, type: "live.event", metadata: { eventType: "turn.started" } }
      ])
    }).pipe(
      Effect.scoped,
      Effect.andThen(Effect.sync(() =>
        assert.deepStrictEqual(logs, [
          ["Info", ["retry.scheduled"], {
            "codex.operation": "run",
            "codex.attempt": 1,
            "codex.retryDelay": "500ms",
            "codex.reason": "TimedOut"
          }],
          ["Debug", ["live.event"], { "codex.operation": "run", "codex.metadata": { eventType: "turn.started" } }]
        ])
      )),
      Effect.provideService(References.MinimumLogLevel, "Debug"),
      Effect.provide([CodexHook.layerLogger, Logger.layer([logger])])
    )
  })
})

describe("subscribers", () => {
  const publishAll = (events: ReadonlyArray<CodexHookEvent.CodexHookEvent>) =>
    Effect.gen(function*() {
      const { publish } = yield* CodexHook.CodexHookEvents
      yield* Effect.forEach(events, publish, { discard: true })
    })

  it.effect("get what the client tells, from when they subscribe until the layer's scope closes", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(CodexHook.layerPubSub(), scope)
      const [early, late] = yield* Effect.gen(function*() {
        const { events, subscribe } = yield* CodexHook.CodexHookEvents
        const emit = Effect.fnUntraced(function*(events: ReadonlyArray<CodexHookEvent.CodexHookEvent>) {
          yield* emitAll(yield* HookDelivery.make(yield* CodexHook.CodexHook), events)
        }, Effect.scoped)
        const early = yield* Effect.map(subscribe, Stream.runCollect)
        yield* emit([attempt(1)])
        const late = yield* Effect.forkChild(Stream.runCollect(events))
        yield* Effect.yieldNow
        yield* emit([attempt(2), attempt(3)])
        return [early, Fiber.join(late)]
      }).pipe(Effect.provideContext(context))
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* early, attempts)
      assert.deepStrictEqual(yield* late, attempts.slice(1))
    }).pipe(Effect.scoped))

  it.effect("lose the oldest when they are slow, which is counted, and no other subscriber does", () =>
    Effect.gen(function*() {
      const { subscribe } = yield* CodexHook.CodexHookEvents
      const slow = yield* subscribe
      const quick: Array<CodexHookEvent.CodexHookEvent> = []
      const reader = yield* Effect.forkChild(
        Stream.runForEach(yield* subscribe, (event) => Effect.sync(() => quick.push(event)))
      )
      for (let number = 1; number <= 5; number++) {
        yield* publishAll([attempt(number)])
        yield* Effect.yieldNow
      }
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(slow, 2)), [attempt(4), attempt(5)])
      assert.strictEqual(yield* count("slow"), 3)
      assert.strictEqual(quick.length, 5)
      yield* Fiber.interrupt(reader)
    }).pipe(Effect.scoped, Effect.provide(CodexHook.layerPubSub({ capacity: 2 })), freshMetrics))

  it.effect("are there beside other hooks, and share one source wherever the layer is provided", () =>
    Effect.gen(function*() {
      const { got, hook } = recorder()
      const events = CodexHook.layerPubSub()
      class Hooks extends Context.Service<Hooks, ReadonlyArray<CodexHook.Hook>>()("Hooks") {}
      const client = Layer.effect(Hooks, CodexHook.CodexHook).pipe(
        Layer.provide(events),
        Layer.provide(CodexHook.layer(hook))
      )
      yield* Effect.gen(function*() {
        const seen = yield* Effect.flatMap(CodexHook.CodexHookEvents, ({ subscribe }) => subscribe)
        const delivery = yield* HookDelivery.make(yield* Hooks)
        yield* emitAll(delivery, attempts)
        assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(seen, 3)), attempts)
      }).pipe(Effect.scoped, Effect.provide(Layer.merge(client, events)))
      assert.deepStrictEqual(got, attempts)
    }))
})

const ordinal = (event: CodexHookEvent.CodexHookEvent) => "attempt" in event ? event.attempt : 0
