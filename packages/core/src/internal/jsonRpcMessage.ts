/**
 * Tells the kinds of messages apart, and writes them.
 *
 * @internal
 */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type * as Message from "../appserver/JsonRpcMessage.ts"
import { RpcError } from "../appserver/RpcError.ts"

export type Incoming =
  | { readonly _tag: "Notification"; readonly notification: Message.Notification }
  | { readonly _tag: "Request"; readonly request: Message.ServerRequest }
  | { readonly _tag: "Reply"; readonly reply: Reply }
  | { readonly _tag: "Stray"; readonly stray: Message.Stray }

export interface Reply {
  readonly id: Message.RequestId
  readonly result?: unknown
  readonly error?: unknown
}

/** The message in a line. Ids of either side are numbers from a space of its own: `method` alone tells them apart. */
export const fromText = (text: string): Incoming => {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return { _tag: "Stray", stray: stray("not-json", text) }
  }
  if (Predicate.isReadonlyObject(json)) {
    if (isReply(json)) return { _tag: "Reply", reply: json }
    if (isNotification(json)) return { _tag: "Notification", notification: json }
    if (isRequest(json)) return { _tag: "Request", request: json }
  }
  return { _tag: "Stray", stray: stray("unknown-form", text) }
}

export const stray = (kind: Message.Stray["kind"], text: string): Message.Stray => ({ kind, text: text.slice(0, 1000) })

/** Which request of its own the app-server takes back, or has its answer to. */
export const resolvedRequest = ({ method, params }: Message.Notification): Message.RequestId | undefined =>
  method === "serverRequest/resolved" && Predicate.hasProperty(params, "requestId") && isId(params.requestId)
    ? params.requestId
    : undefined

export const errorOf = (method: string, error: unknown): RpcError => {
  const { code, data, message }: Record<string, unknown> = Predicate.isReadonlyObject(error) ? error : {}
  return new RpcError({
    method,
    code: typeof code === "number" ? code : unknownCode,
    description: typeof message === "string" ? message : "an error without a message",
    ...(isJson(data) ? { data } : {})
  })
}

export const requestText = ({ id, method, params, trace }: Message.ClientRequest): string =>
  JSON.stringify({ id, method, params, trace })

export const notificationText = ({ method, params }: Message.Notification): string => JSON.stringify({ method, params })

/** Of what is no JSON, nothing would be sent: `null` stands for it. */
export const answerText = (id: Message.RequestId, answer: Message.Answer): string =>
  JSON.stringify("error" in answer ? { id, error: answer.error } : { id, result: answer.result ?? null })

type Json = { readonly [key: string]: unknown }

const unknownCode = -32603

const isId = (u: unknown): u is Message.RequestId => typeof u === "string" || Number.isSafeInteger(u)

const isReply = (json: Json): json is Json & Reply =>
  json.method === undefined && isId(json.id) && ("result" in json || "error" in json)

const isNotification = (json: Json): json is Json & Message.Notification =>
  typeof json.method === "string" && json.id === undefined

const isRequest = (json: Json): json is Json & Message.ServerRequest => typeof json.method === "string" && isId(json.id)

const isJson = Schema.is(Schema.Json)
