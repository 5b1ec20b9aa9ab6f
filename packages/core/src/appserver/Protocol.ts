/**
 * The protocol of `codex app-server`, typed in full: what each method takes and gives, and what the server sends.
 *
 * Types, schemas and tables are generated from the CLI itself (0.169). The names are those of the wire.
 *
 * - What you send is exact: a wrong field, word or variant is a type error, and values are checked before they are
 *   sent. Secrets are `Redacted`.
 * - What the server sends is open to what a later CLI may send: other words of an enum, other fields, and other
 *   variants, which arrive as {@link Unrecognized} with their JSON. A type that travels both ways exists twice:
 *   `UserInput` is what you send, `OpenUserInput` what you receive.
 *
 * **Example** (What a method takes and gives)
 *
 * ```ts
 * import * as Protocol from "@effect-codex/core/appserver/Protocol"
 * import * as Result from "effect/Result"
 *
 * const params: Protocol.ParamsOf<"thread/start"> = { sandbox: "read-only", approvalPolicy: "never" }
 * const json = Protocol.encodeParams("thread/start", params)
 *
 * const show = (item: Protocol.ThreadItem): string => item.type === "agentMessage" ? item.text : item.type
 *
 * const threadId = (reply: unknown) =>
 *   Result.map(Protocol.decodeResult("thread/start", reply), ({ thread }) => thread.id)
 * ```
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Definition, Unrecognized } from "../internal/protocolSchema.ts"
import { ClientRequests, ServerNotifications, ServerRequests } from "./generated/methods.ts"
import type { RequestId } from "./generated/types.ts"

// =============================================================================
// Models
// =============================================================================

/**
 * What there is to ask and to tell, by method: the schemas of params and results, and what needs the capability
 * `experimentalApi`. Each is a type, of what its methods take and give, and a value.
 *
 * @category models
 * @since 0.1.0
 */
export { ClientNotifications, ClientRequests, ServerNotifications, ServerRequests } from "./generated/methods.ts"

/**
 * Every type of the protocol, by its name.
 *
 * @category models
 * @since 0.1.0
 */
export type * from "./generated/types.ts"

/**
 * The schemas of the types, by the same names, such as `Schemas.ThreadItem.schema`. Each is built at its first use.
 *
 * @category schemas
 * @since 0.1.0
 */
export * as Schemas from "./generated/schemas.ts"

export type { Definition, Unrecognized } from "../internal/protocolSchema.ts"

/**
 * A method that a client can request.
 *
 * @category models
 * @since 0.1.0
 */
export type ClientMethod = keyof ClientRequests

/**
 * What a method takes. `undefined` stands for no params.
 *
 * @category models
 * @since 0.1.0
 */
export type ParamsOf<M extends ClientMethod> = ClientRequests[M]["params"]

/**
 * What a method gives.
 *
 * @category models
 * @since 0.1.0
 */
export type ResultOf<M extends ClientMethod> = ClientRequests[M]["result"]

/**
 * A method that a client can request without the capability `experimentalApi`.
 *
 * @category models
 * @since 0.1.0
 */
export type StableMethod = {
  [M in ClientMethod]: ClientRequests[M]["experimental"] extends true ? never : M
}[ClientMethod]

/**
 * What a method takes without the capability `experimentalApi`.
 *
 * @category models
 * @since 0.1.0
 */
export type StableParamsOf<M extends StableMethod> = [ClientRequests[M]["experimentalParams"]] extends [never]
  ? ParamsOf<M>
  : Omit<ParamsOf<M>, ClientRequests[M]["experimentalParams"]>

/**
 * A method by which the server tells something.
 *
 * @category models
 * @since 0.1.0
 */
export type NotificationMethod = keyof ServerNotifications

/**
 * What the server tells by a method.
 *
 * @category models
 * @since 0.1.0
 */
export type NotificationOf<M extends NotificationMethod> = ServerNotifications[M]["params"]

/**
 * Something that the server tells, by `method`; `unrecognized` if this version does not know it.
 *
 * @category models
 * @since 0.1.0
 */
export type Notification =
  | {
    [M in NotificationMethod]: {
      readonly method: M
      readonly params: NotificationOf<M>
      /** When the server sent it, in Unix milliseconds. */
      readonly emittedAtMs?: number
    }
  }[NotificationMethod]
  | Unrecognized<"method">

/**
 * A method by which the server asks something.
 *
 * @category models
 * @since 0.1.0
 */
export type ServerRequestMethod = keyof ServerRequests

/**
 * What the server asks by a method.
 *
 * @category models
 * @since 0.1.0
 */
export type ServerParamsOf<M extends ServerRequestMethod> = ServerRequests[M]["params"]

/**
 * What the server wants to hear.
 *
 * @category models
 * @since 0.1.0
 */
export type ServerResultOf<M extends ServerRequestMethod> = ServerRequests[M]["result"]

/**
 * Something that the server asks, by `method`; `unrecognized` if this version does not know it.
 *
 * @category models
 * @since 0.1.0
 */
export type ServerRequest =
  | {
    [M in ServerRequestMethod]: { readonly id: RequestId; readonly method: M; readonly params: ServerParamsOf<M> }
  }[ServerRequestMethod]
  | Unrecognized<"method">

// =============================================================================
// Errors
// =============================================================================

/**
 * Params or a result do not have the shape that this version knows. What was `sent` is a mistake of the program, and
 * has not left it; what was `received` comes from a CLI that differs. `issue` names paths, never values.
 *
 * @category errors
 * @since 0.1.0
 */
export class ProtocolError
  extends Schema.TaggedError<ProtocolError>("@effect-codex/core/appserver/Protocol/ProtocolError")("ProtocolError", {
    method: Schema.String,
    part: Schema.Literals(["params", "result"]),
    direction: Schema.Literals(["sent", "received"]),
    issue: Schema.String
  })
{
  override get message(): string {
    return this.direction === "sent"
      ? `${this.method}: Codex takes no such ${this.part}: ${this.issue}`
      : `${this.method}: Codex sent ${this.part} that this version cannot decode: ${this.issue}`
  }
}

// =============================================================================
// Requests of the client
// =============================================================================

/**
 * Checks params, and gives their JSON (secrets in plain text), or `undefined` for no params.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encodeParams = <M extends ClientMethod>(
  method: M,
  params: ParamsOf<M>
): Result.Result<unknown, ProtocolError> =>
  Result.mapError(ClientRequests[method].params.encode(params), failed(method, "params", "sent"))

/**
 * Takes the result of a request.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decodeResult = <M extends ClientMethod>(
  method: M,
  json: unknown
): Result.Result<ResultOf<M>, ProtocolError> =>
  Result.mapError(ClientRequests[method].result.decode(json), failed(method, "result", "received"))

/**
 * What of a request needs the capability `experimentalApi`: the method itself, or params such as
 * `thread/start.dynamicTools`.
 *
 * @category getters
 * @since 0.1.0
 */
export const experimentalUses = <M extends ClientMethod>(method: M, params: ParamsOf<M>): ReadonlyArray<string> => {
  const { experimental, experimentalParams } = ClientRequests[method]
  if (experimental) return [method]
  const given: Readonly<Record<string, unknown>> = { ...params }
  return experimentalParams.flatMap((name) => (given[name] ?? undefined) === undefined ? [] : [`${method}.${name}`])
}

// =============================================================================
// Notifications of the server
// =============================================================================

/**
 * Takes what the server tells by a method.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decodeNotification = <M extends NotificationMethod>(
  method: M,
  params: unknown
): Result.Result<NotificationOf<M>, ProtocolError> =>
  Result.mapError(ServerNotifications[method].params.decode(params), failed(method, "params", "received"))

/**
 * Takes a notification as it came. It never fails: what this version does not know is `unrecognized`.
 *
 * @category decoding
 * @since 0.1.0
 */
export function notification(message: Message): Notification
export function notification(message: Message): object {
  return recognize(ServerNotifications, message)
}

// =============================================================================
// Requests of the server
// =============================================================================

/**
 * Takes what the server asks by a method.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decodeServerParams = <M extends ServerRequestMethod>(
  method: M,
  params: unknown
): Result.Result<ServerParamsOf<M>, ProtocolError> =>
  Result.mapError(ServerRequests[method].params.decode(params), failed(method, "params", "received"))

/**
 * Takes a request as it came. It never fails: what this version does not know is `unrecognized`.
 *
 * @category decoding
 * @since 0.1.0
 */
export function serverRequest(message: Message & { readonly id: RequestId }): ServerRequest
export function serverRequest(message: Message): object {
  return recognize(ServerRequests, message)
}

/**
 * Checks an answer to the server, and gives its JSON (secrets in plain text).
 *
 * @category encoding
 * @since 0.1.0
 */
export const encodeServerResult = <M extends ServerRequestMethod>(
  method: M,
  result: ServerResultOf<M>
): Result.Result<unknown, ProtocolError> =>
  Result.mapError(ServerRequests[method].result.encode(result), failed(method, "result", "sent"))

// =============================================================================
// Internals
// =============================================================================

/** What both kinds of messages of the server have. */
interface Message {
  readonly method: string
  readonly params?: unknown
}

const failed =
  (method: string, part: ProtocolError["part"], direction: ProtocolError["direction"]) =>
  ({ message }: Schema.SchemaError): ProtocolError => new ProtocolError({ method, part, direction, issue: message })

type AnyTable = Readonly<Record<string, { readonly params: Definition<unknown> }>>

/** The message itself if it is known in full. */
const recognize = (table: AnyTable, message: Message): Message | Unrecognized<"method"> => {
  const known = Object.hasOwn(table, message.method) ? table[message.method] : undefined
  if (known === undefined) return { method: "unrecognized", raw: message }
  const params = known.params.decode(message.params)
  if (Result.isFailure(params)) return { method: "unrecognized", raw: message, issue: params.failure.message }
  return params.success === message.params ? message : { ...message, params: params.success }
}
