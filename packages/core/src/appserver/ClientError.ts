/**
 * How a call of `appserver/Client` fails.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { ProtocolError } from "./Protocol.ts"
import type { RequestError } from "./RpcError.ts"

const TypeId = "~@effect-codex/core/appserver/ClientError/ExperimentalApiRequired" as const

/**
 * The call `uses` what only a client with the capability `experimentalApi` may use. Nothing was sent.
 *
 * @category errors
 * @since 0.1.0
 */
export class ExperimentalApiRequired extends Schema.TaggedError<ExperimentalApiRequired>(
  "@effect-codex/core/appserver/ClientError/ExperimentalApiRequired"
)(
  "ExperimentalApiRequired",
  {
    method: Schema.String,
    /** The method itself, or params such as `thread/start.dynamicTools`. */
    uses: Schema.Array(Schema.String)
  }
) {
  readonly [TypeId] = TypeId

  override get message(): string {
    return `${this.uses.join(", ")}: experimental in Codex: make the client with \`experimentalApi: true\``
  }
}

/**
 * Every way in which a call fails.
 *
 * - `RpcError`: the app-server refuses.
 * - `RequestTimedOut`: it does not answer in time.
 * - `ConnectionError`: there is no connection to it any more.
 * - `ProtocolError`: what was to be sent, or what came back, has another shape.
 * - `ExperimentalApiRequired`.
 *
 * @category errors
 * @since 0.1.0
 */
export type ClientError = RequestError | ProtocolError | ExperimentalApiRequired

/**
 * Whether a value is an {@link ExperimentalApiRequired}.
 *
 * @category guards
 * @since 0.1.0
 */
export const isExperimentalApiRequired = (u: unknown): u is ExperimentalApiRequired => Predicate.hasProperty(u, TypeId)
