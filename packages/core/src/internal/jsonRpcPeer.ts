/**
 * The two directions of a connection put together: who reads, who writes, who is told, and the end of it all.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import { identity } from "effect/Function"
import * as Predicate from "effect/Predicate"
import * as PubSub from "effect/PubSub"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Duplex } from "../appserver/Connection.ts"
import * as ConnectionError from "../appserver/ConnectionError.ts"
import type { Frame, Notification, ServerRequest, ServerRequestProgress, Stray } from "../appserver/JsonRpcMessage.ts"
import type { Middleware } from "../appserver/JsonRpcMiddleware.ts"
import { Fanout } from "./jsonRpcFanout.ts"
import { dispatch, Gate, type Receivers } from "./jsonRpcReader.ts"
import { Requests } from "./jsonRpcRequests.ts"
import { type Reason, Serving } from "./jsonRpcServing.ts"

export interface Options {
  readonly window: number
  readonly maxServerRequests: number
  readonly handlerTimeout: Duration.Input
  readonly defaultAnswer: (request: ServerRequest, reason: Reason) => unknown
  readonly middleware: ReadonlyArray<Middleware>
}

export interface Peer {
  readonly requests: Requests
  readonly serving: Serving
  readonly notifications: Fanout<Notification>
  readonly progress: Fanout<ServerRequestProgress>
  /** Waits until the notifications that have come so far are with their subscribers. */
  readonly delivered: Effect.Effect<void>
  readonly strays: Stream.Stream<Stray>
  /** Waits only for a place among what is to be written. */
  readonly write: (text: string) => Effect.Effect<void, ConnectionError.ConnectionError>
  readonly closed: Effect.Effect<never, ConnectionError.ConnectionError>
}

/** How much may wait for a subscriber, in characters of JSON. */
export const defaultBufferSize = 1024 * 1024

/** How many messages wait to be written before who sends waits. */
const outgoingCapacity = 64

const straysKept = 64

export const make = Effect.fnUntraced(function*(
  duplex: Duplex,
  options: Options
): Effect.fn.Return<Peer, never, Scope.Scope> {
  const { middleware } = options
  const filters = middleware.flatMap(({ notification }) => notification ?? [])
  const fibers = yield* Effect.acquireRelease(Scope.make(), (scope) => withinGrace(Scope.close(scope, Exit.void)))
  const fork = yield* Scope.provide(FiberSet.makeRuntime(), fibers)

  const closed = yield* Deferred.make<never, ConnectionError.ConnectionError>()
  const outgoing = yield* Queue.bounded<string, Cause.Done>(outgoingCapacity)
  const gate = new Gate()
  const frames = new Fanout<Frame>(gate.relieve)
  // What takes the notifications through the middleware, one after the other, and where they go then.
  const arrivals = new Fanout<Effect.Effect<void>>(gate.relieve)
  const notifications = new Fanout<Notification>(gate.relieve)
  const progress = new Fanout<ServerRequestProgress>(gate.relieve)
  const strays = yield* PubSub.sliding<Stray | undefined>({ capacity: straysKept, replay: straysKept })
  const straysToEnd = Stream.takeWhile(Stream.fromPubSub(strays), Predicate.isNotUndefined)

  // ---------------------------------------------------------------------------
  // Who sends
  // ---------------------------------------------------------------------------

  const send = (text: string) => Queue.offerUnsafe(outgoing, text) ? undefined : fork(Queue.offer(outgoing, text))

  const write = (text: string): Effect.Effect<void, ConnectionError.ConnectionError> =>
    Effect.suspend(() => {
      if (Deferred.isDoneUnsafe(closed)) return Deferred.await(closed)
      const sending = send(text)
      if (sending === undefined) return Effect.void
      return Effect.raceFirst(Effect.asVoid(Fiber.await(sending)), Deferred.await(closed)).pipe(
        Effect.ensuring(Effect.sync(() => sending.interruptUnsafe()))
      )
    })

  const requests = new Requests({
    window: options.window,
    clock: yield* Clock.Clock,
    send,
    onAwaiting: () => {
      gate.relieve()
      // Nothing else will be sent along with it.
      Queue.flushUnsafe(outgoing)
    }
  })

  const serving = new Serving({
    max: options.maxServerRequests,
    timeout: options.handlerTimeout,
    defaultAnswer: options.defaultAnswer,
    around: (handle) => compose(middleware.flatMap(({ serverRequest }) => serverRequest ?? []), handle),
    fork,
    send: (text) => Effect.ignore(write(text)),
    onProgress: (value, size) => progress.publish(value, size),
    onRelief: gate.relieve
  })

  // ---------------------------------------------------------------------------
  // The end
  // ---------------------------------------------------------------------------

  const end = (error: ConnectionError.ConnectionError): void => {
    if (!Deferred.doneUnsafe(closed, Effect.fail(error))) return
    requests.fail(error)
    serving.interruptAll()
    // Behind what still waits for the middleware.
    if (filters.length > 0) arrivals.fail(error)
    else notifications.fail(error)
    progress.fail(error)
    PubSub.endUnsafe(strays, undefined)
    gate.relieve()
  }

  // ---------------------------------------------------------------------------
  // Who watches
  // ---------------------------------------------------------------------------

  const follow = <A>(fanout: Fanout<A>, f: (value: A) => Effect.Effect<void>) =>
    Effect.map(
      Scope.provide(fanout.subscribe({ limit: defaultBufferSize, onOverflow: "wait" }), fibers),
      (values) => fork(Effect.catch(Stream.runForEach(values, f), Effect.succeed))
    )

  const recorders = yield* Effect.forEach(
    middleware.flatMap(({ frame }) => frame ?? []),
    (see) =>
      follow(
        frames,
        (frame) =>
          Effect.catchCause(Effect.suspend(() => see(frame)), (cause) =>
            Effect.logWarning("A middleware failed to see a message", cause))
      )
  )

  const publish = (size: number) => (notification: Notification) =>
    gate.forEach(
      [notification],
      () => Deferred.isDoneUnsafe(closed) || !notifications.isCongested(requests.isAwaiting),
      (notification) => notifications.publish(notification, size)
    )
  const filter = (notification: Notification, size: number) =>
    Effect.catchCause(
      Effect.suspend(() => compose(filters, publish(size))(notification)),
      (cause) => Effect.logWarning("A middleware failed to pass a notification on", cause)
    )

  let delivered: Effect.Effect<void> = Effect.void
  if (filters.length > 0) {
    const filtering = yield* follow(arrivals, identity)
    fork(Effect.map(Fiber.join(filtering), (error) => error === undefined || notifications.fail(error)))
    delivered = Effect.suspend(() => {
      const reached = Deferred.makeUnsafe<void>()
      arrivals.publish(Deferred.succeed(reached, undefined), 0)
      // After the end, nothing is added to what still waits.
      return Effect.raceFirst(Deferred.await(reached), Effect.asVoid(Fiber.await(filtering)))
    })
  }

  fork(Stream.runForEach(straysToEnd, ({ kind }) => Effect.logDebug(`app-server: a stray message (${kind})`)))
  fork(requests.watch)

  // ---------------------------------------------------------------------------
  // Who writes, and who reads
  // ---------------------------------------------------------------------------

  const record = (direction: Frame["direction"]) => (text: string) => {
    frames.publish({ direction, text }, text.length)
    return text
  }

  const written = Stream.fromQueue(outgoing)
  const writer = fork(
    Stream.run(recorders.length === 0 ? written : Stream.map(written, record("sent")), duplex.outgoing).pipe(
      Effect.andThen(Effect.fail(lost("it takes nothing any more"))),
      // Who reads often knows better why.
      Effect.catchCause((cause) =>
        Deferred.await(closed).pipe(
          Effect.timeoutOption("1 second"),
          Effect.exit,
          Effect.map(() => end(errorOf(cause)))
        )
      )
    )
  )

  const read = recorders.length === 0 ? identity<string> : record("received")
  const isOpen = () => {
    const eager = requests.isAwaiting
    return !serving.isCongested && !notifications.isCongested(eager) && !arrivals.isCongested(eager) &&
      !progress.isCongested(eager) && !frames.isCongested(eager)
  }
  const receivers: Receivers = {
    requests,
    serving,
    notify: filters.length === 0
      ? (notification, size) => notifications.publish(notification, size)
      : (notification, size) => arrivals.publish(filter(notification, size), size),
    stray: (stray) => PubSub.publishUnsafe(strays, stray)
  }
  fork(
    // Not before whoever makes the peer had the chance to subscribe.
    Effect.andThen(
      Effect.yieldNow,
      Stream.runForEachArray(
        duplex.incoming,
        (texts) => gate.forEach(texts, isOpen, (text) => dispatch(read(text), receivers))
      )
    ).pipe(
      Effect.andThen(Effect.fail(lost("it ended"))),
      Effect.catchCause((cause) => Effect.sync(() => end(errorOf(cause)))),
      // Nobody takes it any more.
      Effect.andThen(Queue.shutdown(outgoing))
    )
  )

  yield* Effect.addFinalizer(Effect.fnUntraced(function*() {
    const error = ConnectionError.fromReason(new ConnectionError.Closed())
    end(error)
    yield* Queue.end(outgoing)
    yield* withinGrace(Fiber.await(writer))
    frames.fail(error)
    yield* withinGrace(Fiber.awaitAll(recorders))
  }))

  return {
    requests,
    serving,
    notifications,
    progress,
    delivered,
    strays: straysToEnd,
    write,
    closed: Deferred.await(closed)
  }
})

// =============================================================================
// Internals
// =============================================================================

/** Calls each around the next, and the last around `last`. */
export const compose = <A, B>(hooks: ReadonlyArray<(a: A, next: (a: A) => B) => B>, last: (a: A) => B): (a: A) => B =>
  hooks.reduceRight<(a: A) => B>((next, hook) => (a) => hook(a, next), last)

const lost = (description: string) => ConnectionError.fromReason(new ConnectionError.Disconnected({ description }))

const errorOf = (cause: Cause.Cause<unknown>): ConnectionError.ConnectionError => {
  const error = Cause.squash(cause)
  return ConnectionError.isConnectionError(error) ? error : lost("its transport broke")
}

/** Waits for a second at most, by the machine's clock: for what somebody else's code, or the app-server, may hold up. */
const withinGrace = (effect: Effect.Effect<unknown>): Effect.Effect<void> =>
  Effect.flatMap(Effect.forkDetach(effect), (fiber) =>
    Fiber.await(fiber).pipe(
      Effect.timeoutOption("1 second"),
      Effect.provideService(Clock.Clock, Clock.Clock.defaultValue()),
      Effect.asVoid
    ))
