/**
 * What goes over a connection to an app-server: JSON-RPC, but without its member `jsonrpc`.
 *
 * Payloads are JSON as it came: `appserver/Client` gives them types.
 *
 * @since 0.1.0
 */

/**
 * What ties a reply to its request. Each side counts its own: the app-server from 0, this one from 1.
 *
 * @category models
 * @since 0.1.0
 */
export type RequestId = string | number

/**
 * What the app-server tells: the parsed message itself, with all its members.
 *
 * @category models
 * @since 0.1.0
 */
export interface Notification {
  readonly method: string
  readonly params?: unknown
}

/**
 * What the app-server asks: the parsed message itself, with all its members.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServerRequest {
  readonly id: RequestId
  readonly method: string
  readonly params?: unknown
}

/**
 * What becomes of a {@link ServerRequest}: it is `asked`, and `settled` when nobody waits for its answer any more.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServerRequestProgress {
  readonly stage: "asked" | "settled"
  readonly request: ServerRequest
}

/**
 * What this side asks.
 *
 * @category models
 * @since 0.1.0
 */
export interface ClientRequest {
  readonly id: number
  readonly method: string
  readonly params?: unknown
  /** The trace that the app-server is to join. */
  readonly trace?: TraceContext | undefined
}

/**
 * A place in a distributed trace, by W3C Trace Context.
 *
 * @category models
 * @since 0.1.0
 */
export interface TraceContext {
  readonly traceparent: string
  readonly tracestate?: string | undefined
}

/**
 * The answer to a {@link ServerRequest}.
 *
 * @category models
 * @since 0.1.0
 */
export type Answer =
  | { readonly result: unknown }
  | { readonly error: { readonly code: number; readonly message: string; readonly data?: unknown } }

/**
 * One message as it goes over the connection.
 *
 * @category models
 * @since 0.1.0
 */
export interface Frame {
  readonly direction: "sent" | "received"
  /** The JSON, without the end of the line. */
  readonly text: string
}

/**
 * Something that came and that nobody can have waited for: no JSON, the reply to a request that was never sent, or no
 * message of a known form. `text` is its beginning, up to 1,000 characters.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stray {
  readonly kind: "not-json" | "unknown-id" | "unknown-form"
  readonly text: string
}
