/**
 * Where the client tells what it does: {@link CodexHookEvent.CodexHookEvent}s, to any number of hooks.
 *
 * A hook never harms a run. Each has a queue (1024 events) and a fiber of its own, gets its events in order, and
 * one event at a time; it may take 5 seconds for an event. What fails or takes longer is given up, what finds the
 * queue full is not delivered, and both are counted ({@link dropped}). When the client's scope closes, what is
 * queued is still delivered, for up to a second. Without a hook there is no work at all.
 *
 * The Layers here add to the hooks that are there: give them one after the other with `Layer.provide`, or several
 * at once with {@link layerAll}. (`Layer.mergeAll` of two keeps only the last, as it does with any service.)
 *
 * **Example** (Counting retries, and logging everything)
 *
 * ```ts
 * import * as Codex from "@effect-codex/core/Codex"
 * import * as CodexHook from "@effect-codex/core/CodexHook"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import * as Metric from "effect/Metric"
 *
 * const retries = Metric.counter("retries")
 *
 * const layer = Codex.layer().pipe(
 *   Layer.provide(CodexHook.layer((event) =>
 *     event.type === "retry.scheduled" ? Metric.update(retries, 1) : Effect.void
 *   )),
 *   Layer.provide(CodexHook.layerLogger)
 * )
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as PubSub from "effect/PubSub"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { CodexHookEvent } from "./CodexHookEvent.ts"

// =============================================================================
// Models
// =============================================================================

/**
 * What is done with an event. Its failures are the hook's own affair: nobody else sees them.
 *
 * @category models
 * @since 0.1.0
 */
export type Hook<E = unknown, R = never> = (event: CodexHookEvent) => Effect.Effect<unknown, E, R>

// =============================================================================
// Services
// =============================================================================

/**
 * The hooks of the client that is made where this is provided; none by default.
 *
 * @category services
 * @since 0.1.0
 */
export const CodexHook: Context.Reference<ReadonlyArray<Hook>> = Context.Reference<ReadonlyArray<Hook>>(
  "@effect-codex/core/CodexHook",
  { defaultValue: () => [] }
)

/**
 * The events as a stream, which any number of subscribers share: see {@link layerPubSub}.
 *
 * @category services
 * @since 0.1.0
 */
export class CodexHookEvents extends Context.Service<CodexHookEvents, {
  /** What happens from when the stream is run until the layer's scope closes. */
  readonly events: Stream.Stream<CodexHookEvent>
  /** Subscribes at once, so that nothing is missed from here on, even if the stream is run later. */
  readonly subscribe: Effect.Effect<Stream.Stream<CodexHookEvent>, never, Scope.Scope>
  /** Where the events come from. */
  readonly publish: Hook<never>
}>()("@effect-codex/core/CodexHook/CodexHookEvents") {}

// =============================================================================
// Hooks
// =============================================================================

/**
 * Logs events, with what they tell as annotations: `live.event` at debug level, the others at info level.
 *
 * @category hooks
 * @since 0.1.0
 */
export const logger: Hook<never> = (event) =>
  (event.type === "live.event" ? Effect.logDebug(event.type) : Effect.logInfo(event.type)).pipe(
    Effect.annotateLogs(Object.fromEntries(
      Object.entries(event)
        .filter(([key]) => key !== "type" && key !== "timestamp")
        .map(([key, value]) => [`codex.${key}`, Duration.isDuration(value) ? Duration.format(value) : value])
    ))
  )

// =============================================================================
// Metrics
// =============================================================================

/**
 * Counts events that a hook did not get or did not finish with, by the attribute `cause`: `full` (its queue
 * was), `failed`, `timeout` (it took too long), `closed` (the scope closed before), or `slow` (a subscriber of
 * {@link CodexHookEvents} was, by more than the capacity).
 *
 * @category metrics
 * @since 0.1.0
 */
export const dropped = (cause: "full" | "failed" | "timeout" | "closed" | "slow"): Metric.Counter<number> =>
  Metric.counter("codex.hook.dropped", {
    description: "Events that a hook did not get or did not finish with",
    incremental: true,
    attributes: { cause }
  })

// =============================================================================
// Layers
// =============================================================================

// Fresh, as what it gives depends on what is there: one Layer may be provided in several places.
const add = <R>(hooks: Effect.Effect<ReadonlyArray<Hook>, never, R>): Layer.Layer<never, never, R> =>
  Layer.fresh(Layer.effect(
    CodexHook,
    Effect.zipWith(CodexHook, hooks, (existing, hooks) => [...existing, ...hooks])
  ))

/**
 * Adds a hook.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <E, R>(hook: Hook<E, R>): Layer.Layer<never, never, R> =>
  add(Effect.map(Effect.context<R>(), (context) => [(event) => Effect.provideContext(hook(event), context)]))

/**
 * Adds several hooks. None waits for another.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerAll = (hooks: ReadonlyArray<Hook>): Layer.Layer<never> => add(Effect.succeed(hooks))

/**
 * Adds the {@link logger}.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerLogger: Layer.Layer<never> = layerAll([logger])

/**
 * Adds a hook that publishes the events to the subscribers of {@link CodexHookEvents}.
 *
 * Nobody waits for a subscriber: one that is `capacity` events behind (default 1024) loses the oldest, and
 * only that one does. What it loses is counted as `slow` when it reads on ({@link dropped}). One that comes
 * late gets what happens from then on.
 *
 * **Example** (Showing what happens)
 *
 * ```ts
 * import * as Codex from "@effect-codex/core/Codex"
 * import * as CodexHook from "@effect-codex/core/CodexHook"
 * import * as Console from "effect/Console"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import * as Stream from "effect/Stream"
 *
 * const program = Effect.gen(function*() {
 *   const { subscribe } = yield* CodexHook.CodexHookEvents
 *   const events = yield* subscribe
 *   yield* Effect.forkScoped(Stream.runForEach(events, (event) => Console.log(event.type)))
 *   return yield* Codex.run("Explain the last commit")
 * })
 *
 * const layer = Codex.layer().pipe(Layer.provideMerge(CodexHook.layerPubSub()))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerPubSub = (
  options?: { readonly capacity?: number | undefined }
): Layer.Layer<CodexHookEvents> => {
  const events = Layer.effect(CodexHookEvents, makeEvents(options?.capacity ?? 1024))
  return Layer.flatMap(events, (context) =>
    Layer.merge(
      Layer.succeedContext(context),
      layer(Context.get(context, CodexHookEvents).publish)
    ))
}

// =============================================================================
// Internals
// =============================================================================

interface Numbered {
  readonly number: number
  readonly event: CodexHookEvent
}

const makeEvents = Effect.fnUntraced(function*(capacity: number) {
  const pubsub = yield* Effect.acquireRelease(
    PubSub.sliding<Numbered | undefined>(capacity),
    (pubsub) => PubSub.end(pubsub, undefined)
  )
  let published = 0

  const subscribe = Effect.gen(function*() {
    let next = published
    const subscription = yield* PubSub.subscribe(pubsub)
    return Stream.fromSubscription(subscription).pipe(
      Stream.takeWhile((numbered) => numbered !== undefined),
      Stream.mapEffect(({ event, number }) => {
        const lost = number - next
        next = number + 1
        return lost === 0 ? Effect.succeed(event) : Effect.as(Metric.update(dropped("slow"), lost), event)
      })
    )
  })

  return CodexHookEvents.of({
    events: Stream.unwrap(subscribe),
    subscribe,
    publish: (event) => Effect.suspend(() => PubSub.publish(pubsub, { number: published++, event }))
  })
})
