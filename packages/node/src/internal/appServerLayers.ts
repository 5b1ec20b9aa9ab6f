/**
 * The transports over an app-server. Loaded when they are used, as the protocol is large.
 */
import * as ApprovalServing from "@effect-codex/core/appserver/ApprovalServing"
import * as AppServerTransport from "@effect-codex/core/appserver/AppServerTransport"
import * as Client from "@effect-codex/core/appserver/Client"
import * as Connection from "@effect-codex/core/appserver/Connection"
import { CodexCli } from "@effect-codex/core/CodexCli"
import type { CodexConfig } from "@effect-codex/core/CodexConfig"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as NodeAppServer from "../NodeAppServer.ts"
import type { AppServerOptions, RemoteOptions } from "../NodeCodex.ts"

/** Over an app-server that is started for it. */
export const local = ({ completionGrace, interruptGrace, server = {} }: AppServerOptions) =>
  AppServerTransport.layerConnect(start(server), { completionGrace, interruptGrace })

const start = Effect.fnUntraced(function*(options: Client.StdioOptions) {
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
  const client = yield* connect(yield* Connection.stdio({ ...options, config }), options)
  if (key === "") return client
  const apiKey = Redacted.isRedacted(key) ? key : Redacted.make(key)
  yield* client.account.login.start({ type: "apiKey", apiKey })
  return client
})

/** Over an app-server that runs elsewhere. */
export const remote = ({ client: options = {}, completionGrace, interruptGrace, token, url }: RemoteOptions) => {
  const path = /^unix:\/\/(.*)$/.exec(url)?.[1]
  const duplex = path === undefined
    ? NodeAppServer.webSocket({ url, token })
    : NodeAppServer.unixSocket({ token, path: path === "" ? undefined : path })
  return AppServerTransport.layerConnect(Effect.flatMap(duplex, (duplex) => connect(duplex, options)), {
    completionGrace,
    interruptGrace
  })
}

const connect = (duplex: Connection.Duplex, options: Client.Options) =>
  Client.make(duplex, { defaultAnswer: ApprovalServing.defaultAnswer, ...options, experimentalApi: true }).pipe(
    Effect.tap(({ rpc }) => ApprovalServing.serve(rpc))
  )
