/** An app-server that answers by itself, and tells what a test wants it to tell. */
import * as AppServerTransport from "@effect-codex/core/appserver/AppServerTransport"
import * as Client from "@effect-codex/core/appserver/Client"
import * as Connection from "@effect-codex/core/appserver/Connection"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Predicate from "effect/Predicate"
import type * as Schema from "effect/Schema"
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
    cwd: "/work",
    ephemeral: false,
    modelProvider: "openai",
    preview: "",
    projectId: null,
    source: "vscode",
    status: { type: "idle" },
    turns: []
  },
  cwd: "/work",
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

const isParams = (params: Schema.Json | undefined): params is Params =>
  Predicate.isObject(params) && !Array.isArray(params)

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

/** A server at the far end of each connection. */
export const make = Effect.fnUntraced(function*(
  answer: Answer = () => undefined,
  options?: AppServerTransport.AppServerOptions & { readonly experimentalApi?: boolean }
) {
  const said: Array<Message> = []
  const news = Latch.makeUnsafe()
  const ends: Array<Effect.Effect<unknown>> = []
  let send: (message: object) => Effect.Effect<unknown> = () => Effect.void
  let connections = 0

  const connect = Effect.gen(function*() {
    connections++
    const [near, far] = yield* Connection.inMemory
    const server = yield* serve(far)
    send = server.send
    ends.push(server.end)
    const respond = Effect.fnUntraced(function*(message: Message) {
      const { id, method, params } = message
      if (method === undefined || id === undefined) return
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
    })
    yield* Effect.forkScoped(Effect.exit(Effect.forever(Effect.flatMap(server.take, respond))))
    return yield* Client.make(near, { experimentalApi: options?.experimentalApi ?? true })
  })

  const transport = yield* AppServerTransport.make(connect, options)
  return {
    transport,
    connections: () => connections,
    /** The requests so far, but for the first, which is the transport's own. */
    said: () => said.slice(1),
    methods: () => said.slice(1).map(({ method }) => method),
    paramsOf: (method: string) => said.findLast((message) => message.method === method)?.params,
    /** Waits until it was asked so. */
    asked: (method: string): Effect.Effect<void> =>
      Effect.gen(function*() {
        while (!said.slice(1).some((message) => message.method === method)) {
          yield* news.close
          yield* news.await
        }
      }),
    /** An answer by hand, to the last request. */
    reply: (result: object) => send({ id: said.at(-1)?.id, result }),
    tell: (method: string, params: object) => send({ method, params: { threadId, turnId, ...params } }),
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
})
