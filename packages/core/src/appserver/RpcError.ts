/**
 * How a request fails while its connection lives: the app-server refuses it, or does not answer in time.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { ConnectionError } from "./ConnectionError.ts"

const TypeId = "~@effect-codex/core/appserver/RpcError" as const

/**
 * The app-server answered with an error, whose words are `description`. A handler or a middleware fails with it to
 * answer with an error of its own.
 *
 * The CLI gives -32600 for nearly everything that is wrong with a request, so that only its words tell more.
 *
 * @category errors
 * @since 0.1.0
 */
export class RpcError extends Schema.TaggedError<RpcError>("@effect-codex/core/appserver/RpcError")("RpcError", {
  method: Schema.String,
  code: Schema.Finite,
  description: Schema.String,
  /** What more the error says. */
  data: Schema.optionalKey(Schema.Json)
}) {
  readonly [TypeId] = TypeId

  // For an unknown method the CLI lists all that it knows, 4,400 characters.
  override get message(): string {
    const { description } = this
    return `${this.method}: ${description.length > 500 ? `${description.slice(0, 500)}…` : description} (${this.code})`
  }

  /** The app-server had too much to do, and did nothing. */
  get isOverloaded(): boolean {
    return this.code === -32001
  }

  /** The app-server refuses what was asked: it does not know it, or can't do it now. */
  get isInvalidRequest(): boolean {
    return this.code === -32600
  }
}

/**
 * There was no reply within the time limit. A reply that still comes is ignored, but the app-server may have done, or
 * may still do, what was asked, unless the request was not `sent`.
 *
 * @category errors
 * @since 0.1.0
 */
export class RequestTimedOut
  extends Schema.TaggedError<RequestTimedOut>("@effect-codex/core/appserver/RpcError/RequestTimedOut")(
    "RequestTimedOut",
    { method: Schema.String, duration: Schema.Duration, sent: Schema.Boolean }
  )
{
  override get message(): string {
    const what = this.sent ? "got no reply" : "could not be sent"
    return `${this.method} ${what} within ${Duration.format(this.duration)} (option \`timeout\`)`
  }
}

/**
 * Every way in which a request fails.
 *
 * @category errors
 * @since 0.1.0
 */
export type RequestError = RpcError | RequestTimedOut | ConnectionError

/**
 * Whether a value is an {@link RpcError}.
 *
 * @category guards
 * @since 0.1.0
 */
export const isRpcError = (u: unknown): u is RpcError => Predicate.hasProperty(u, TypeId)

/**
 * Whether a request failed as the app-server had too much to do. Another try does nothing twice.
 *
 * @category guards
 * @since 0.1.0
 */
export const isOverloaded = (u: unknown): boolean => isRpcError(u) && u.isOverloaded
