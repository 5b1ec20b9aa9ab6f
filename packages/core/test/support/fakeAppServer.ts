/** An app-server that answers by itself, and tells what a test wants it to tell. */
import * as AppServerTransport from "@effect-codex/core/appserver/AppServerTransport"
import * as Client from "@effect-codex/core/appserver/Client"
import type { ClientError } from "@effect-codex/core/appserver/ClientError"
import * as Connection from "@effect-codex/core/appserver/Connection"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Predicate from "effect/Predicate"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { serverInfo } from "./client.ts"
import { type Message, serve } from "./peer.ts"

export const threadId = "00000000-0000-7000-8000-00000000000a"
export const turnId = "turn"

/** What it gives for a thread that begins, goes on, or is copied. */
export const thread = (
  params: Readonly<Record<string, unknown>>,
  changes: Readonly<Record<string, unknown>> = {},
  id = threadId
) => ({
  thread: {
    id,
    sessionId: id,
    cliVersion: "0.169.0",
    createdAt: 0,
    updatedAt: 0,
    cwd: "/srv",
    ephemeral: false,
    modelProvider: "openai",
    preview: "",
    projectId: null,
    source: "vscode",
    status: { type: "idle" },
    turns: []
  },
  cwd: "/srv",
  model: "gpt-5.5",
  modelProvider: "openai",
  approvalPolicy: params["approvalPolicy"] ?? "on-request",
  approvalsReviewer: params["approvalsReviewer"] ?? "user",
  sandbox: sandboxes[String(params["sandbox"])] ?? { type: "readOnly" },
  ...changes
})

const sandboxes: Readonly<Record<string, object>> = {
  "workspace-write": { type: "workspaceWrite", writableRoots: ["/var/tmp"], networkAccess: false },
  "danger-full-access": { type: "dangerFullAccess" }
}

/** An error instead of a result. */
export class Refusal {
  readonly error: { readonly code: number; readonly message: string }
  constructor(message: string, code = -32600) {
    this.error = { code, message }
  }
}

/** What it gives for a request. `undefined`: what it gives anyhow. `"nothing"`: no answer. */
export type Answer = (params: Params, method: string) => unknown

type Params = Readonly<Record<string, Schema.Json>>

const isParams = (params: unknown): params is Params => Predicate.isObject(params)

const usual: Answer = (params, method) => {
  switch (method) {
    case "config/read":
      return { config: { thread_unload_delay_secs: 0 }, origins: {} }
    case "thread/start":
    case "thread/resume":
    case "thread/fork":
      return thread(params)
    case "turn/start":
      return { turn: { id: turnId, items: [], status: "inProgress" } }
    case "review/start":
      return { turn: { id: turnId, items: [], status: "inProgress" }, reviewThreadId: threadId }
    case "thread/unsubscribe":
      return { status: "unsubscribed" }
    default:
      return {}
  }
}

/** What it tells once it has answered. */
export type Aftermath = (method: string, params: Params, result: Params) => ReadonlyArray<object>

export interface Options {
  readonly experimentalApi?: boolean
  readonly middleware?: Client.Options["middleware"]
  readonly aftermath?: Aftermath
}

/** A server at the far end of each connection. */
export const serveApp = (
  answer: Answer = () => undefined,
  { aftermath = () => [], experimentalApi = true, middleware }: Options = {}
) => {
  const said: Array<Message> = []
  const answers: Array<Message> = []
  const news = Latch.makeUnsafe()
  const ends: Array<Effect.Effect<unknown>> = []
  let send: (message: object) => Effect.Effect<unknown> = () => Effect.void
  let connections = 0

  const connect: Effect.Effect<Client.Client["Service"], ClientError, Scope.Scope> = Effect.gen(function*() {
    connections++
    const [near, far] = yield* Connection.inMemory
    const server = yield* serve(far)
    send = server.send
    ends.push(server.end)
    const respond = Effect.fnUntraced(function*(message: Message) {
      const { id, method, params } = message
      if (method === undefined) return void answers.push(message)
      if (id === undefined) return
      if (method === "initialize") return void (yield* server.reply(message, serverInfo))
      said.push(message)
      yield* news.open
      const given = isParams(params) ? params : {}
      const own = answer(given, method)
      if (own === "nothing") return
      const result = own ?? usual(given, method)
      if (result instanceof Refusal) return void (yield* server.send({ id, error: result.error }))
      yield* server.reply(message, result)
      if (method === "thread/unsubscribe") {
        yield* server.send({ method: "thread/closed", params: { threadId: given["threadId"] } })
      }
      if (method === "turn/interrupt" && own === undefined) {
        const turn = { id: given["turnId"], items: [], status: "interrupted" }
        yield* server.send({ method: "turn/completed", params: { threadId: given["threadId"], turn } })
      }
      for (const news of aftermath(method, given, isParams(result) ? result : {})) yield* server.send(news)
    })
    yield* Effect.forkScoped(Effect.exit(Effect.forever(Effect.flatMap(server.take, respond))))
    return yield* Client.make(near, { experimentalApi, middleware })
  })

  return {
    connect,
    connections: () => connections,
    /** The requests so far, but for the first, which is the link's own. */
    said: () => said.slice(1),
    methods: () => said.slice(1).map(({ method }) => method),
    /** What it was asked by this method, in order. */
    allOf: (method: string) => said.flatMap((message) => message.method === method ? [message.params] : []),
    paramsOf: (method: string) => said.findLast((message) => message.method === method)?.params,
    /** What it was answered. */
    answered: () => answers.map(({ id, result }) => [id, result]),
    /** Waits until it was asked so, so many times. */
    asked: (method: string, times = 1): Effect.Effect<void> =>
      Effect.gen(function*() {
        while (said.slice(1).filter((message) => message.method === method).length < times) {
          yield* news.close
          yield* news.await
        }
      }),
    /** An answer by hand, to the last request, or the last one by this method. */
    reply: (result: object, method?: string) =>
      send({ id: said.findLast((message) => method === undefined || message.method === method)?.id, result }),
    tell: (method: string, params: object) => send({ method, params: { threadId, turnId, ...params } }),
    /** Asks about an item. */
    ask: (id: number, method: string, params: object = {}) =>
      send({ id, method, params: { threadId, turnId, itemId: "i", ...params } }),
    message: (text: string, id = "m") =>
      send({
        method: "item/completed",
        params: { threadId, turnId, item: { type: "agentMessage", id, text } }
      }),
    complete: (turn: object = {}) =>
      send({
        method: "turn/completed",
        params: { threadId, turn: { id: turnId, items: [], status: "completed", ...turn } }
      }),
    /** The connection ends. */
    end: Effect.suspend(() => ends.at(-1) ?? Effect.void)
  }
}

/** The same, with the transport over it. */
export const make = Effect.fnUntraced(function*(
  answer?: Answer,
  options?: AppServerTransport.AppServerOptions & Options
) {
  const server = serveApp(answer, options)
  return { ...server, transport: yield* AppServerTransport.make(server.connect, options) }
})
