/**
 * What stands between a program and its app-server: sees the messages in both directions, and may replace, answer or
 * refuse them.
 *
 * Of several, the first is the first to see each message, whichever way it goes, and the last to see what becomes of
 * it. The Layers here add to the middleware that is there.
 *
 * **Example** (Refusing a method, and logging everything)
 *
 * ```ts
 * import * as JsonRpcMiddleware from "@effect-codex/core/appserver/JsonRpcMiddleware"
 * import { RpcError } from "@effect-codex/core/appserver/RpcError"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 *
 * const readOnly = JsonRpcMiddleware.layer({
 *   request: (request, next) =>
 *     request.method === "config/value/write"
 *       ? Effect.fail(new RpcError({ method: request.method, code: -32600, description: "not from here" }))
 *       : next(request)
 * })
 *
 * const layer = Layer.provide(readOnly, JsonRpcMiddleware.layerLogger)
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type { ConnectionError } from "./ConnectionError.ts"
import type { Answer, ClientRequest, Frame, Notification, ServerRequest } from "./JsonRpcMessage.ts"
import type { RequestError, RpcError } from "./RpcError.ts"

// =============================================================================
// Models
// =============================================================================

/**
 * What is done with messages, by their kind. Who does not call `next` answers, drops or refuses the message.
 *
 * Each runs beside the connection, which goes on meanwhile: `request` and `notify` in the fiber that calls,
 * `serverRequest` in the request's own, within its time limit. `notification` and `frame` each run in a fiber of
 * theirs, one message after the other: while they are too slow, the app-server waits. A defect of theirs is logged.
 *
 * @category models
 * @since 0.1.0
 */
export interface Middleware {
  /** Around a request of this side: once for each time that it is sent. Of what it passes on, the id is kept. */
  readonly request?:
    | ((
      request: ClientRequest,
      next: (request: ClientRequest) => Effect.Effect<unknown, RequestError>
    ) => Effect.Effect<unknown, RequestError>)
    | undefined
  /** Around a notification of this side. */
  readonly notify?:
    | ((
      notification: Notification,
      next: (notification: Notification) => Effect.Effect<void, ConnectionError>
    ) => Effect.Effect<void, ConnectionError>)
    | undefined
  /** Around a request of the app-server. What it fails with is the answer. */
  readonly serverRequest?:
    | ((
      request: ServerRequest,
      next: (request: ServerRequest) => Effect.Effect<Answer, RpcError>
    ) => Effect.Effect<Answer, RpcError>)
    | undefined
  /** Around a notification of the app-server. */
  readonly notification?:
    | ((
      notification: Notification,
      next: (notification: Notification) => Effect.Effect<void>
    ) => Effect.Effect<void>)
    | undefined
  /** Sees every message as it goes over the connection, with the secrets that may be in it. */
  readonly frame?: ((frame: Frame) => Effect.Effect<void>) | undefined
}

/**
 * The middleware of the connections that are made where this is provided; none by default.
 *
 * @category services
 * @since 0.1.0
 */
export const JsonRpcMiddleware: Context.Reference<ReadonlyArray<Middleware>> = Context.Reference<
  ReadonlyArray<Middleware>
>("@effect-codex/core/appserver/JsonRpcMiddleware", { defaultValue: () => [] })

// =============================================================================
// Middleware
// =============================================================================

/**
 * Logs every message at debug level: its method and id, and what became of it. Never what is in it.
 *
 * @category middleware
 * @since 0.1.0
 */
export const logger: Middleware = {
  request: (request, next) =>
    next(request).pipe(
      Effect.onExit((exit) => log("request", { method: request.method, id: request.id, outcome: outcomeOf(exit) }))
    ),
  notify: (notification, next) => Effect.tap(next(notification), log("notify", { method: notification.method })),
  serverRequest: (request, next) =>
    next(request).pipe(
      Effect.onExit((exit) =>
        log("server request", {
          method: request.method,
          id: request.id,
          outcome: Exit.isSuccess(exit) && "error" in exit.value ? String(exit.value.error.code) : outcomeOf(exit)
        })
      )
    ),
  notification: (notification, next) =>
    Effect.andThen(log("notification", { method: notification.method }), next(notification))
}

/**
 * Tells each message as it goes over the connection, for a record of what was said. Of members whose name says that
 * they hold a secret, such as `apiKey` or `accessToken`, it shows `<redacted>`. Prompts, answers and files are shown.
 *
 * @category middleware
 * @since 0.1.0
 */
export const recorder = (onFrame: (frame: Frame) => Effect.Effect<void>): Middleware => ({
  frame: (frame) => onFrame({ ...frame, text: withoutSecrets(frame.text) })
})

// =============================================================================
// Layers
// =============================================================================

/**
 * Adds a middleware behind those that are there.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (middleware: Middleware): Layer.Layer<never> =>
  // Fresh, as what it gives depends on what is there: one Layer may be provided in several places.
  Layer.fresh(Layer.effect(JsonRpcMiddleware, Effect.map(JsonRpcMiddleware, (existing) => [...existing, middleware])))

/**
 * Adds the {@link logger}.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerLogger: Layer.Layer<never> = layer(logger)

/**
 * Adds a {@link recorder}.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerRecorder = (onFrame: (frame: Frame) => Effect.Effect<void>): Layer.Layer<never> =>
  layer(recorder(onFrame))

// =============================================================================
// Internals
// =============================================================================

const log = (message: string, annotations: Readonly<Record<string, unknown>>) =>
  Effect.annotateLogs(Effect.logDebug(`app-server: ${message}`), annotations)

const outcomeOf = <A, E>(exit: Exit.Exit<A, E>): string => {
  if (Exit.isSuccess(exit)) return "ok"
  return Exit.hasInterrupts(exit) ? "interrupted" : "failed"
}

const withoutSecrets = (text: string): string => {
  try {
    return JSON.stringify(
      JSON.parse(
        text,
        (key, value: unknown) => typeof value === "string" && secretName.test(key) ? "<redacted>" : value
      )
    )
  } catch {
    // A line that is no JSON has no names to go by.
    return "<not JSON>"
  }
}

// As the protocol and the environment name them.
const secretName = /token|secret|passw|api[-_]?key|_key$|private[-_]?key|bearer|credential|cookie|^authorization$/i
