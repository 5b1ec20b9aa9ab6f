/**
 * Why there is no connection to an app-server, or no longer one: a tagged error with a tagged `reason`.
 *
 * Whoever waits on a connection, for a reply, a notification or anything else, fails with the one error that
 * ended it.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { InvalidOption, LineTooLong, SpawnFailed, Unauthorized } from "../CodexError.ts"

const TypeId = "~@effect-codex/core/appserver/ConnectionError" as const

// =============================================================================
// Reasons
// =============================================================================

/**
 * The app-server that we started has ended. `stderr` is the end of what it wrote there, without its known noise.
 *
 * @category reasons
 * @since 0.1.0
 */
export class Exited extends Schema.TaggedError<Exited>("@effect-codex/core/appserver/ConnectionError/Exited")(
  "Exited",
  { exitCode: Schema.optionalKey(Schema.Int), signal: Schema.optionalKey(Schema.String), stderr: Schema.String }
) {
  override get message(): string {
    const how = this.signal === undefined ? `exit code ${this.exitCode ?? "unknown"}` : `signal ${this.signal}`
    return `The app-server ended (${how})${this.stderr === "" ? "" : `: ${this.stderr}`}`
  }

  /** It was killed: another one may live. One that exited by itself had its reason. */
  get isTransient(): boolean {
    return this.signal !== undefined
  }
}

/**
 * No connection could be made to `address`.
 *
 * @category reasons
 * @since 0.1.0
 */
export class ConnectFailed
  extends Schema.TaggedError<ConnectFailed>("@effect-codex/core/appserver/ConnectionError/ConnectFailed")(
    "ConnectFailed",
    { address: Schema.String, description: Schema.String }
  )
{
  override get message(): string {
    return `Could not connect to the app-server at ${this.address}: ${this.description}`
  }

  get isTransient(): boolean {
    return true
  }
}

/**
 * The connection to an app-server that we did not start was lost. `code` is the one that a WebSocket was closed with.
 *
 * @category reasons
 * @since 0.1.0
 */
export class Disconnected
  extends Schema.TaggedError<Disconnected>("@effect-codex/core/appserver/ConnectionError/Disconnected")(
    "Disconnected",
    { code: Schema.optionalKey(Schema.Int), description: Schema.String }
  )
{
  override get message(): string {
    return `The connection to the app-server was lost: ${this.description}`
  }

  get isTransient(): boolean {
    return true
  }
}

/**
 * The connection was closed by this program: its scope is.
 *
 * @category reasons
 * @since 0.1.0
 */
export class Closed extends Schema.TaggedError<Closed>("@effect-codex/core/appserver/ConnectionError/Closed")(
  "Closed",
  {}
) {
  override get message(): string {
    return "The connection to the app-server was closed by this program"
  }

  get isTransient(): boolean {
    return false
  }
}

/**
 * A subscriber that is not waited for was too slow: more than `limit` characters of notifications were waiting for
 * it. The connection goes on.
 *
 * @category reasons
 * @since 0.1.0
 */
export class SubscriberTooSlow
  extends Schema.TaggedError<SubscriberTooSlow>("@effect-codex/core/appserver/ConnectionError/SubscriberTooSlow")(
    "SubscriberTooSlow",
    { limit: Schema.Finite }
  )
{
  override get message(): string {
    return `A subscriber was more than ${this.limit} characters behind: take its notifications faster, ` +
      "give it a larger `bufferSize`, or let the app-server wait for it (`onOverflow: \"wait\"`)"
  }

  get isTransient(): boolean {
    return false
  }
}

/**
 * Every reason why a connection fails.
 *
 * @category reasons
 * @since 0.1.0
 */
export type ConnectionErrorReason = typeof ConnectionErrorReason.Type

/**
 * Schema of {@link ConnectionErrorReason}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ConnectionErrorReason = Schema.Union([
  SpawnFailed,
  InvalidOption,
  Exited,
  ConnectFailed,
  Unauthorized,
  Disconnected,
  LineTooLong,
  Closed,
  SubscriberTooSlow
])

// =============================================================================
// Error
// =============================================================================

/**
 * The one error of a connection.
 *
 * @category errors
 * @since 0.1.0
 */
export class ConnectionError
  extends Schema.TaggedError<ConnectionError>("@effect-codex/core/appserver/ConnectionError")("ConnectionError", {
    reason: ConnectionErrorReason
  })
{
  readonly [TypeId] = TypeId

  override get message(): string {
    return this.reason.message
  }

  /** Whether a new connection may fare better. */
  get isRetryable(): boolean {
    return this.reason.isTransient
  }
}

// =============================================================================
// Constructors
// =============================================================================

/**
 * The error for a reason.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromReason = (reason: ConnectionErrorReason): ConnectionError => new ConnectionError({ reason })

// =============================================================================
// Guards
// =============================================================================

/**
 * Whether a value is a {@link ConnectionError}.
 *
 * @category guards
 * @since 0.1.0
 */
export const isConnectionError = (u: unknown): u is ConnectionError => Predicate.hasProperty(u, TypeId)
