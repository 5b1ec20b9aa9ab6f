/**
 * A peer that speaks to an app-server over any {@link Duplex}: requests, notifications, and the requests that the
 * app-server makes in turn. Payloads are JSON; `appserver/Client` gives them types.
 *
 * - Of the requests of this side, a bounded number is in flight, as the CLI drops replies when it is flooded. The
 *   others wait in order. Each has a time limit, which counts from the call.
 * - Who reads the connection never runs a program's code, and waits for nobody but a subscriber that is too far behind.
 * - Every request of the app-server gets one answer, within a time limit: without a handler, or from one that fails,
 *   the default answer.
 * - When the connection ends, whoever waits on it fails with one error, which tells why.
 * - What nobody can have waited for harms nobody: see `strays`.
 *
 * **Example** (A conversation with an app-server of one's own)
 *
 * ```ts
 * import * as Connection from "@effect-codex/core/appserver/Connection"
 * import * as JsonRpc from "@effect-codex/core/appserver/JsonRpc"
 * import * as Console from "effect/Console"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 *
 * const program = Effect.gen(function*() {
 *   const duplex = yield* Connection.stdio()
 *   const peer = yield* JsonRpc.make(duplex)
 *   const notifications = yield* peer.subscribe()
 *   yield* Effect.forkScoped(Stream.runForEach(notifications, ({ method }) => Console.log(method)))
 *   yield* peer.request("initialize", { clientInfo: { name: "example", version: "1.0.0" } })
 *   yield* peer.notify("initialized")
 *   return yield* peer.request("model/list", {}, { repeatable: true })
 * })
 * ```
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as JsonRpcMessage from "../internal/jsonRpcMessage.ts"
import * as Peer from "../internal/jsonRpcPeer.ts"
import type { Duplex } from "./Connection.ts"
import type { ConnectionError } from "./ConnectionError.ts"
import type {
  ClientRequest,
  Notification,
  ServerRequest,
  ServerRequestProgress,
  Stray,
  TraceContext
} from "./JsonRpcMessage.ts"
import { JsonRpcMiddleware, type Middleware } from "./JsonRpcMiddleware.ts"
import { isOverloaded, type RequestError } from "./RpcError.ts"

// =============================================================================
// Models
// =============================================================================

/**
 * A peer, see {@link make}.
 *
 * @category models
 * @since 0.1.0
 */
export interface JsonRpc {
  /**
   * Sends a request and gives the result. Interrupted, it does not wait any more, but the app-server goes on.
   *
   * Most methods of the CLI want `params`, if only `{}`. What is no JSON, such as a `bigint`, is a defect.
   */
  readonly request: (
    method: string,
    params?: unknown,
    options?: RequestOptions
  ) => Effect.Effect<unknown, RequestError>
  /** Sends a notification. Waits only while the app-server takes nothing. */
  readonly notify: (method: string, params?: unknown) => Effect.Effect<void, ConnectionError>
  /**
   * Subscribes to notifications: from when this returns, nothing is missed, even if the stream is run later. They come
   * in order, to every subscriber, and what came before the end of the connection comes before the error.
   *
   * A stream that is not run holds the app-server back, once `bufferSize` is used up.
   */
  readonly subscribe: (
    options?: SubscribeOptions
  ) => Effect.Effect<Stream.Stream<Notification, ConnectionError>, never, Scope.Scope>
  /**
   * Waits until the notifications that have come so far are with their subscribers. Without it, a reply overtakes those
   * before it that a `notification` middleware still holds. Such a middleware must not wait for this itself.
   */
  readonly delivered: Effect.Effect<void>
  /**
   * Looks out for a notification, from when this returns; the effect that it gives waits for the first one. Run it
   * before what causes the notification.
   */
  readonly waitFor: (
    predicate: (notification: Notification) => boolean,
    options?: SubscribeOptions
  ) => Effect.Effect<Effect.Effect<Notification, ConnectionError>, never, Scope.Scope>
  /**
   * Answers the requests of a method with what `handler` gives, for as long as the scope is open; the handler that was
   * there before takes over again then. It may use the peer. It is interrupted when the app-server does not wait for
   * the answer any more (`serverRequest/resolved`).
   *
   * A handler that fails with an `RpcError` answers with that error. One that fails with anything else, dies, or takes
   * too long leaves it to the default answer, and a warning is logged.
   */
  readonly handle: <E, R>(
    method: string,
    handler: (request: ServerRequest) => Effect.Effect<unknown, E, R>,
    options?: HandleOptions
  ) => Effect.Effect<void, never, R | Scope.Scope>
  /**
   * Subscribes to what becomes of the requests of the app-server, whoever answers them: from when this returns, nothing
   * is missed, even if the stream is run later. Those that are refused, as there are too many, are not among them.
   *
   * A stream that is not run holds the app-server back, once 1 Mi characters of JSON wait for it.
   */
  readonly subscribeRequests: Effect.Effect<
    Stream.Stream<ServerRequestProgress, ConnectionError>,
    never,
    Scope.Scope
  >
  /** Fails when the connection ends, with the error that everybody gets. */
  readonly closed: Effect.Effect<never, ConnectionError>
  /** The last 64 messages that nobody can have waited for, and those to come. Each is in the log at debug level, too. */
  readonly strays: Stream.Stream<Stray>
}

/**
 * How a request is sent.
 *
 * @category options
 * @since 0.1.0
 */
export interface RequestOptions {
  /** From the call to the reply, with all waits and repeats; default: that of the peer. */
  readonly timeout?: Duration.Input | "none" | undefined
  /** Whether it may be sent again if the app-server was overloaded, by the schedule of the peer (default `false`). */
  readonly repeatable?: boolean | undefined
  /** The trace that the app-server is to join. */
  readonly trace?: TraceContext | undefined
}

/**
 * What a subscriber gets.
 *
 * @category options
 * @since 0.1.0
 */
export interface SubscribeOptions {
  /** Only notifications of these methods. Default: all. */
  readonly methods?: ReadonlyArray<string> | undefined
  /**
   * How much may wait for the subscriber, in characters of JSON (default 1 Mi). One message may exceed it.
   *
   * While a reply is awaited, up to 64 Mi may wait, however little is said here: it may be the subscriber who waits.
   */
  readonly bufferSize?: number | undefined
  /**
   * What happens when more waits: `"wait"` (the default) stops reading, so that the app-server waits and nothing is
   * lost; `"fail"` fails this subscriber alone, with `SubscriberTooSlow`.
   */
  readonly onOverflow?: "wait" | "fail" | undefined
}

/**
 * How a handler is treated.
 *
 * @category options
 * @since 0.1.0
 */
export interface HandleOptions {
  /** How long it may take; default: the peer's `handlerTimeout`. */
  readonly timeout?: Duration.Input | undefined
}

/**
 * How a peer behaves.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** How many requests are in flight at most (default 64, at least 1). The CLI drops replies from some 140 on. */
  readonly window?: number | undefined
  /** How long a request may take, if it does not say (default 60 seconds). */
  readonly requestTimeout?: Duration.Input | "none" | undefined
  /** When a repeatable request is sent again (default: 6 times, from 100 milliseconds on, twice as long each time). */
  readonly retry?: Schedule.Schedule<unknown> | undefined
  /** How many requests of the app-server are handled at once (default 256, at least 1); more get an error. */
  readonly maxServerRequests?: number | undefined
  /** How long a handler may take, if it does not say (default 10 minutes). */
  readonly handlerTimeout?: Duration.Input | undefined
  /**
   * The result for a request of the app-server that has no handler, or whose handler failed or took too long. With
   * `undefined`, as by default, an error is answered. Either should mean "no".
   */
  readonly defaultAnswer?: ((request: ServerRequest, reason: "unhandled" | "failed" | "timeout") => unknown) | undefined
  /** Comes behind the `JsonRpcMiddleware` in context. */
  readonly middleware?: ReadonlyArray<Middleware> | undefined
}

// =============================================================================
// Constructors
// =============================================================================

/**
 * Makes a peer, which takes the duplex over until the scope closes: then everybody who still waits fails with `Closed`,
 * what was to be sent is sent, for up to a second, and the outgoing side is ended.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: (duplex: Duplex, options?: Options) => Effect.Effect<JsonRpc, never, Scope.Scope> = Effect
  .fnUntraced(function*(duplex: Duplex, options: Options = {}) {
    const middleware = [...yield* JsonRpcMiddleware, ...options.middleware ?? []]
    const { closed, delivered, notifications, progress, requests, serving, strays, write } = yield* Peer.make(duplex, {
      window: Math.max(1, options.window ?? 64),
      maxServerRequests: Math.max(1, options.maxServerRequests ?? 256),
      handlerTimeout: options.handlerTimeout ?? "10 minutes",
      defaultAnswer: options.defaultAnswer ?? (() => undefined),
      middleware
    })
    const requestHooks = middleware.flatMap(({ request }) => request ?? [])
    const notifyHooks = middleware.flatMap(({ notify }) => notify ?? [])
    const requestTimeout = toDuration(options.requestTimeout ?? "60 seconds")
    const schedule = options.retry ?? defaultRetry

    const request: JsonRpc["request"] = (method, params, { repeatable = false, timeout, trace } = {}) =>
      Effect.suspend(() => {
        const limit = requests.limit(timeout === undefined ? requestTimeout : toDuration(timeout))
        const attempt = Effect.suspend(() => {
          const id = requests.nextId()
          const exchange = (request: ClientRequest) => requests.exchange({ ...request, id }, limit)
          return Peer.compose(requestHooks, exchange)({ id, method, params, trace })
        })
        return repeatable ? whileOverloaded(attempt, schedule) : attempt
      })

    const notify = (notification: Notification) =>
      Effect.suspend(() => write(JsonRpcMessage.notificationText(notification)))

    const subscribe: JsonRpc["subscribe"] = ({ bufferSize, methods, onOverflow } = {}) => {
      const wanted = methods === undefined ? undefined : new Set(methods)
      return notifications.subscribe({
        accepts: wanted === undefined ? undefined : ({ method }) => wanted.has(method),
        limit: bufferSize ?? Peer.defaultBufferSize,
        onOverflow: onOverflow ?? "wait"
      })
    }

    return {
      request,
      notify: (method, params) => Effect.suspend(() => Peer.compose(notifyHooks, notify)({ method, params })),
      subscribe,
      delivered,
      waitFor: (predicate, options) =>
        subscribe(options).pipe(
          Effect.flatMap((notifications) => Stream.runHead(Stream.filter(notifications, predicate))),
          Effect.flatMap(Option.match({ onNone: () => closed, onSome: Effect.succeed })),
          Effect.scoped,
          Effect.forkScoped({ startImmediately: true }),
          Effect.map(Fiber.join)
        ),
      handle: <E, R>(
        method: string,
        handler: (request: ServerRequest) => Effect.Effect<unknown, E, R>,
        options: HandleOptions = {}
      ) =>
        Effect.flatMap(Effect.context<R>(), (context) =>
          serving.handle(method, {
            run: (request) => Effect.provideContext(Effect.exit(Effect.suspend(() => handler(request))), context),
            timeout: options.timeout
          })),
      subscribeRequests: progress.subscribe({ limit: Peer.defaultBufferSize, onOverflow: "wait" }),
      closed,
      strays
    }
  })

// =============================================================================
// Internals
// =============================================================================

const defaultRetry = Schedule.exponential("100 millis").pipe(Schedule.jittered, Schedule.upTo({ times: 6 }))

/** Does nothing for the schedule before the app-server is overloaded: to begin one costs more than a request. */
const whileOverloaded = (
  attempt: Effect.Effect<unknown, RequestError>,
  schedule: Schedule.Schedule<unknown>
): Effect.Effect<unknown, RequestError> =>
  Effect.catchIf(attempt, isOverloaded, (error) => {
    let next: typeof attempt = Effect.fail(error)
    const attempts = Effect.suspend(() => {
      const current = next
      next = attempt
      return current
    })
    return Effect.retry(attempts, { schedule, while: isOverloaded })
  })

const toDuration = (timeout: Duration.Input | "none"): Duration.Duration =>
  timeout === "none" ? Duration.infinity : Duration.fromInputUnsafe(timeout)
