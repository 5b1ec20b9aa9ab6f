/**
 * The typed client of an app-server: every method as an Effect, everything that the app-server tells as Streams, and
 * everything that it asks as handlers.
 *
 * **Example** (What models are there)
 *
 * ```ts
 * import * as Client from "@effect-codex/core/appserver/Client"
 * import * as Console from "effect/Console"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 *
 * const program = Effect.gen(function*() {
 *   const client = yield* Client.Client
 *   yield* Stream.runForEach(client.paginate("model/list"), ({ displayName }) => Console.log(displayName))
 * })
 *
 * const main = Effect.provide(program, Client.layerStdio())
 * ```
 *
 * **Example** (A turn, by hand)
 *
 * ```ts
 * import * as Client from "@effect-codex/core/appserver/Client"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function*() {
 *   const client = yield* Client.Client
 *   const { thread } = yield* client.thread.start({ sandbox: "read-only" })
 *   // Looked out for before it can happen.
 *   const completed = yield* client.waitFor("turn/completed", ({ threadId }) => threadId === thread.id)
 *   yield* client.turn.start({ threadId: thread.id, input: [{ type: "text", text: "Hello" }] })
 *   return (yield* completed).turn.status
 * })
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { CodexCli } from "../CodexCli.ts"
import * as Calls from "../internal/clientCalls.ts"
import * as ClientOptions from "../internal/clientOptions.ts"
import * as Pages from "../internal/clientPages.ts"
import type { ProcessGuard } from "../ProcessGuard.ts"
import { type ClientError, ExperimentalApiRequired } from "./ClientError.ts"
import * as Connection from "./Connection.ts"
import * as ConnectionError from "./ConnectionError.ts"
import * as JsonRpc from "./JsonRpc.ts"
import type { ServerRequest } from "./JsonRpcMessage.ts"
import * as Protocol from "./Protocol.ts"

// =============================================================================
// Models
// =============================================================================

/**
 * A method that a client can call: all but `initialize`, which it has called.
 *
 * @category models
 * @since 0.1.0
 */
export type Method = Calls.Method

/**
 * A method that gives a list page by page.
 *
 * @category models
 * @since 0.1.0
 */
export type PaginatedMethod = Pages.PaginatedMethod

/**
 * What is in the list that a method gives page by page.
 *
 * @category models
 * @since 0.1.0
 */
export type ElementOf<M extends PaginatedMethod> = Pages.ElementOf<M>

/**
 * What a subscriber to some methods gets. `unrecognized` is one of them that has not the shape that this version knows.
 *
 * @category models
 * @since 0.1.0
 */
export type NotificationFor<M extends Protocol.NotificationMethod> = Extract<
  Protocol.Notification,
  { readonly method: M | "unrecognized" }
>

/**
 * What a client does, beside its methods.
 *
 * @category models
 * @since 0.1.0
 */
export interface Operations {
  /** What the app-server said of itself. */
  readonly serverInfo: Protocol.InitializeResponse
  /**
   * Calls a method; `client.thread.start(params)` is short for `client.request("thread/start", params)`.
   *
   * One that only reads is called again if the app-server was overloaded, unless `repeatable` says otherwise.
   */
  readonly request: Calls.Request
  /** Calls a method that gives a list page by page. Pages are fetched as they are needed. */
  readonly paginate: Pages.Paginate
  /**
   * Subscribes to what the app-server tells: from when this returns, nothing is missed, even if the stream is run
   * later. Default: all methods, those of later versions, too.
   *
   * A stream that is not run holds the app-server back, once `bufferSize` is used up.
   */
  readonly notifications: <M extends Protocol.NotificationMethod = Protocol.NotificationMethod>(
    methods?: ReadonlyArray<M>,
    options?: NotificationOptions
  ) => Effect.Effect<Stream.Stream<NotificationFor<M>, ConnectionError.ConnectionError>, never, Scope.Scope>
  /**
   * Looks out for a notification, from when this returns; the effect that it gives waits for the first one. Run it
   * before what causes the notification. Fails with `ProtocolError` when one comes that can't be decoded, as it might be
   * the one.
   */
  readonly waitFor: <M extends Protocol.NotificationMethod>(
    method: M,
    predicate?: (params: Protocol.NotificationOf<M>) => boolean
  ) => Effect.Effect<
    Effect.Effect<Protocol.NotificationOf<M>, ConnectionError.ConnectionError | Protocol.ProtocolError>,
    never,
    Scope.Scope
  >
  /**
   * Answers what the app-server asks by a method with what `handler` gives, for as long as the scope is open; the handler
   * that was there before takes over again then. It runs in a fiber of its own, may use the client, and is interrupted
   * when the app-server does not wait for the answer any more.
   *
   * Without a handler, or when it fails, takes too long, or its request or answer has not the shape that this version
   * knows, the app-server gets the `defaultAnswer`.
   */
  readonly onServerRequest: <M extends Protocol.ServerRequestMethod, E, R>(
    method: M,
    handler: (
      params: Protocol.ServerParamsOf<M>,
      request: ServerRequest
    ) => Effect.Effect<Protocol.ServerResultOf<M>, E, R>,
    options?: JsonRpc.HandleOptions
  ) => Effect.Effect<void, never, R | Scope.Scope>
  /**
   * What Codex dislikes in its configuration: up to 64 warnings from before, as most come before anybody can subscribe,
   * and those to come.
   */
  readonly configWarnings: Stream.Stream<
    Protocol.ConfigWarningNotification,
    ConnectionError.ConnectionError | Protocol.ProtocolError
  >
  /** Fails when the connection ends, with the error that everybody gets. */
  readonly closed: Effect.Effect<never, ConnectionError.ConnectionError>
  /** The connection below, for what this version does not know. */
  readonly rpc: JsonRpc.JsonRpc
}

/**
 * A connection to an app-server, over which every method can be called.
 *
 * @category services
 * @since 0.1.0
 */
export class Client extends Context.Service<Client, Operations & Calls.Calls>()(
  "@effect-codex/core/appserver/Client"
) {}

// =============================================================================
// Options
// =============================================================================

export type {
  /**
   * @category options
   * @since 0.1.0
   */
  LifecycleMethod,
  /**
   * @category options
   * @since 0.1.0
   */
  Options,
  /**
   * @category options
   * @since 0.1.0
   */
  StdioOptions
} from "../internal/clientOptions.ts"

/**
 * How much a subscriber gets.
 *
 * @category options
 * @since 0.1.0
 */
export type NotificationOptions = Omit<JsonRpc.SubscribeOptions, "methods">

// =============================================================================
// Constructors
// =============================================================================

/**
 * Introduces itself to an app-server, and gives the client, which takes the duplex over until the scope closes.
 *
 * Fails with what the connection fails with, such as `Exited`, when the app-server does not come to an answer.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: (
  duplex: Connection.Duplex,
  options?: ClientOptions.Options
) => Effect.Effect<Client["Service"], ClientError, Scope.Scope> = Effect.fnUntraced(function*(duplex, options = {}) {
  const { experimentalApi = false, initializeTimeout = "30 seconds" } = options
  const introduction = yield* Effect.mapError(
    Effect.fromResult(ClientOptions.introduction(options)),
    ConnectionError.fromReason
  )
  const rpc = yield* JsonRpc.make(duplex, options)

  const call = <M extends Protocol.ClientMethod>(
    method: M,
    params: Protocol.ParamsOf<M>,
    options: JsonRpc.RequestOptions | undefined
  ): Effect.Effect<Protocol.ResultOf<M>, ClientError> => {
    const json = Protocol.encodeParams(method, params)
    return Result.isFailure(json) ? Effect.fail(json.failure) : Effect.flatMap(
      rpc.request(method, json.success, options),
      (json) => Effect.fromResult(Protocol.decodeResult(method, json))
    )
  }

  const request = <M extends Method>(
    method: M,
    params?: Protocol.ParamsOf<M>,
    options?: JsonRpc.RequestOptions
  ): Effect.Effect<Protocol.ResultOf<M>, ClientError> =>
    Effect.suspend(() => {
      const given = params === undefined ? withoutParams(method) : Result.succeed(params)
      if (Result.isFailure(given)) return Effect.fail(given.failure)
      const uses = experimentalApi ? [] : Protocol.experimentalUses(method, given.success)
      if (uses.length > 0) return Effect.fail(new ExperimentalApiRequired({ method, uses }))
      return call(method, given.success, { repeatable: Calls.isRepeatable(method), ...options })
    })

  const configWarnings = yield* rpc.subscribe({ methods: ["configWarning"] }).pipe(
    Effect.map(
      Stream.mapEffect(({ params }) => Effect.fromResult(Protocol.decodeNotification("configWarning", params)))
    ),
    Effect.flatMap(Stream.broadcast({ capacity: 64, strategy: "sliding", replay: 64 }))
  )
  const serverInfo = yield* call("initialize", introduction, { timeout: initializeTimeout })
  yield* rpc.notify("initialized")

  return Client.of({
    ...Calls.make(request),
    serverInfo,
    request,
    paginate: Pages.make(request),
    notifications: (methods, options) =>
      Effect.map(
        rpc.subscribe({ ...options, methods }),
        (notifications) => Stream.filter(Stream.map(notifications, Protocol.notification), isFor(methods))
      ),
    waitFor: (method, predicate = () => true) =>
      rpc.waitFor(({ params }) => {
        const decoded = Protocol.decodeNotification(method, params)
        return Result.isFailure(decoded) || predicate(decoded.success)
      }, { methods: [method] }).pipe(
        Effect.map(Effect.flatMap(({ params }) => Effect.fromResult(Protocol.decodeNotification(method, params))))
      ),
    onServerRequest: (method, handler, options) =>
      rpc.handle(method, (request) =>
        Effect.fromResult(Protocol.decodeServerParams(method, request.params)).pipe(
          Effect.flatMap((params) => handler(params, request)),
          Effect.flatMap((result) => Effect.fromResult(Protocol.encodeServerResult(method, result)))
        ), options),
    configWarnings,
    closed: rpc.closed,
    rpc
  })
})

/**
 * Makes a connection, such as `Connection.stdio()`, and its client. If it fails, nothing of the connection is left.
 *
 * @category constructors
 * @since 0.1.0
 */
export const connect = Effect.fnUntraced(function*<E, R>(
  connection: Effect.Effect<Connection.Duplex, E, R>,
  options?: ClientOptions.Options
): Effect.fn.Return<Client["Service"], E | ClientError, R | Scope.Scope> {
  const scope = yield* Scope.fork(yield* Effect.scope)
  return yield* Effect.flatMap(connection, (duplex) => make(duplex, options)).pipe(
    Scope.provide(scope),
    Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
  )
})

// =============================================================================
// Layers
// =============================================================================

/**
 * Provides the {@link Client} over a connection, such as `Connection.webSocket({ url, token })`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <E, R>(
  connection: Effect.Effect<Connection.Duplex, E, R>,
  options?: ClientOptions.Options
): Layer.Layer<Client, E | ClientError, Exclude<R, Scope.Scope>> => Layer.effect(Client, connect(connection, options))

/**
 * Provides the {@link Client} of an app-server that is started for it, and ended with it.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerStdio = (
  options?: ClientOptions.StdioOptions
): Layer.Layer<Client, ClientError, CodexCli | ChildProcessSpawner | ProcessGuard> =>
  layer(Connection.stdio(options), options)

// =============================================================================
// Internals
// =============================================================================

const isFor =
  <M extends Protocol.NotificationMethod>(methods: ReadonlyArray<M> | undefined) =>
  (notification: Protocol.Notification): notification is NotificationFor<M> =>
    methods === undefined || notification.method === "unrecognized" ||
    methods.some((method) => method === notification.method)

/** The CLI wants params of most methods, if only `{}`. */
const withoutParams = <M extends Method>(method: M): Result.Result<Protocol.ParamsOf<M>, Protocol.ProtocolError> => {
  const { params } = Protocol.ClientRequests[method]
  const empty = params.decode({})
  return empty.pipe(
    Result.orElse(() => params.decode(undefined)),
    Result.orElse(() => empty),
    Result.mapError(({ message }) =>
      new Protocol.ProtocolError({ method, part: "params", direction: "sent", issue: message })
    )
  )
}
