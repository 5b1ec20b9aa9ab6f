/**
 * What is over an app-server. Loaded when it is used, as the protocol is large.
 */
import * as ApprovalServing from "@effect-codex/core/appserver/ApprovalServing"
import * as AppServerTransport from "@effect-codex/core/appserver/AppServerTransport"
import * as Client from "@effect-codex/core/appserver/Client"
import * as Connection from "@effect-codex/core/appserver/Connection"
import * as Threads from "@effect-codex/core/appserver/Threads"
import { CodexCli } from "@effect-codex/core/CodexCli"
import type { CodexConfig } from "@effect-codex/core/CodexConfig"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as NodeAppServer from "../NodeAppServer.ts"
import type { RemoteServerOptions, ServerOptions } from "../NodeCodex.ts"

/** A client of an app-server that is started for it. */
const startClient = Effect.fnUntraced(function*({ approvalTimeout, server: options = {} }: ServerOptions) {
  const { env } = yield* CodexCli
  // `codex exec` alone takes it from there.
  const key = env?.["CODEX_API_KEY"] ?? ""
  const config: CodexConfig = {
    // A thread that nobody is at work on is for others to go on with.
    thread_unload_delay_secs: 0,
    // The key is in no file.
    ...(key === "" ? {} : { cli_auth_credentials_store: "ephemeral" }),
    ...options.config
  }
  const duplex = yield* Connection.stdio({ ...options, config })
  const client = yield* connect(duplex, options, approvalTimeout)
  if (key === "") return client
  const apiKey = Redacted.isRedacted(key) ? key : Redacted.make(key)
  yield* client.account.login.start({ type: "apiKey", apiKey })
  return client
})

/** A client of an app-server that runs elsewhere. */
const remoteClient = ({ approvalTimeout, client: options = {}, token, url }: RemoteServerOptions) => {
  const path = /^unix:\/\/(.*)$/.exec(url)?.[1]
  const duplex = path === undefined
    ? NodeAppServer.webSocket({ url, token })
    : NodeAppServer.unixSocket({ token, path: path === "" ? undefined : path })
  return Effect.flatMap(duplex, (duplex) => connect(duplex, options, approvalTimeout))
}

const connect = (duplex: Connection.Duplex, options: Client.Options, timeout: Duration.Input | undefined) =>
  Client.make(duplex, { defaultAnswer: ApprovalServing.defaultAnswer, ...options, experimentalApi: true }).pipe(
    Effect.tap(({ rpc }) => ApprovalServing.serve(rpc, { timeout }))
  )

export const transport = (options: ServerOptions & AppServerTransport.AppServerOptions) =>
  AppServerTransport.layerConnect(startClient(options), options)

export const remoteTransport = (options: RemoteServerOptions & AppServerTransport.AppServerOptions) =>
  AppServerTransport.layerConnect(remoteClient(options), options)

export const threads = (options: ServerOptions & Threads.ConnectOptions) =>
  Threads.layerConnect(startClient(options), options)

export const remoteThreads = (options: RemoteServerOptions & Threads.ConnectOptions) =>
  Threads.layerConnect(remoteClient(options), options)
