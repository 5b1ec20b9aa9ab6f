/**
 * Codex on Node: one Layer to start.
 *
 * **Example** (A program)
 *
 * ```ts
 * import * as Codex from "@effect-codex/core/Codex"
 * import * as NodeCodex from "@effect-codex/node/NodeCodex"
 * import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
 * import * as Console from "effect/Console"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function*() {
 *   const turn = yield* Codex.run("Summarise this repository", { sandbox: "read-only" })
 *   yield* Console.log(turn.finalMessage)
 * })
 *
 * program.pipe(Effect.provide(NodeCodex.layer()), NodeRuntime.runMain)
 * ```
 *
 * @since 0.1.0
 */
import type * as AppServerTransport from "@effect-codex/core/appserver/AppServerTransport"
import type * as Client from "@effect-codex/core/appserver/Client"
import * as Codex from "@effect-codex/core/Codex"
import type { CodexError } from "@effect-codex/core/CodexError"
import type { CodexOptions } from "@effect-codex/core/CodexOptions"
import * as ExecTransport from "@effect-codex/core/exec/ExecTransport"
import type * as Config from "effect/Config"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as ConfiguredCli from "./internal/configuredCli.ts"
import type * as NodeCodexCli from "./NodeCodexCli.ts"
import * as NodeCodexHome from "./NodeCodexHome.ts"

/**
 * Which Codex, how its processes are treated, and the default options of every run.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends NodeCodexCli.Options, ExecTransport.ExecOptions, CodexOptions {}

/**
 * An app-server that is started.
 *
 * @category options
 * @since 0.1.0
 */
export interface ServerOptions {
  /** The app-server itself, and the connection to it. */
  readonly server?: Omit<Client.StdioOptions, "experimentalApi" | "workingDirectory"> | undefined
  /** How long an `Approvals` policy may take for one request (default 10 minutes); then the answer is "no". */
  readonly approvalTimeout?: Duration.Input | undefined
}

/**
 * An app-server that runs elsewhere.
 *
 * @category options
 * @since 0.1.0
 */
export interface RemoteServerOptions {
  /**
   * Where it listens, as `codex app-server --listen` was told: `ws://HOST:PORT`, `unix://PATH`, or `unix://` for the
   * socket in the home directory of Codex.
   */
  readonly url: string
  /** A capability token, or a signed bearer token. */
  readonly token?: Redacted.Redacted<string> | undefined
  /** The connection to it. */
  readonly client?: Omit<Client.Options, "experimentalApi"> | undefined
  /** How long an `Approvals` policy may take for one request (default 10 minutes); then the answer is "no". */
  readonly approvalTimeout?: Duration.Input | undefined
}

/**
 * Which Codex, how its app-server and turns are treated, and the default options of every run.
 *
 * @category options
 * @since 0.1.0
 */
export interface AppServerOptions
  extends NodeCodexCli.Options, ServerOptions, AppServerTransport.AppServerOptions, CodexOptions
{}

/**
 * Which app-server, how turns are treated, and the default options of every run.
 *
 * @category options
 * @since 0.1.0
 */
export interface RemoteOptions extends RemoteServerOptions, AppServerTransport.AppServerOptions, CodexOptions {}

/**
 * Provides `Codex` by a `codex exec` process for each turn.
 *
 * What is not given as an option is read from the configuration: `CODEX_PATH`, the executable; `CODEX_API_KEY`,
 * the key, which is then hidden from the commands that the agent runs. All else is Codex's own configuration
 * (`CODEX_HOME`, `config.toml`, `codex login`).
 *
 * Sessions are kept in memory unless a store is provided to this layer, `NodeSessionStore.layerFile` for instance;
 * `CodexRetry` and `CodexHook` layers are provided to it too, and a `ChildProcessSpawner` that is to start its processes:
 * one that records them, for instance.
 *
 * Building the layer fails with `CodexError` (`BinaryNotFound`) if there is no Codex.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: Options = {}
): Layer.Layer<Codex.Codex, CodexError | Config.ConfigError> => {
  const { interruptGrace, maxLineBytes, ...rest } = options
  const [cli, defaults] = ConfiguredCli.split(rest)
  return Codex.layer(defaults).pipe(
    Layer.provide([ExecTransport.layer({ interruptGrace, maxLineBytes }), NodeCodexHome.layerCli]),
    Layer.provide(cli)
  )
}

/**
 * Provides `Codex` by one `codex app-server` for all turns, which is started with the layer and ended with it, and
 * started again for the turn that finds it gone.
 *
 * Programs run over it as they do over {@link layer}, with more events; `appserver/AppServerTransport` tells what else
 * differs. Configuration and stores are those of {@link layer}. An `Approvals` layer is provided to this one.
 *
 * Building the layer fails with `CodexError` if there is no Codex, or if its app-server does not start. That is not tried
 * again ({@link layerRemote} shows how): a `CodexRetry` layer is for runs.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerAppServer = (
  options: AppServerOptions = {}
): Layer.Layer<Codex.Codex, CodexError | Config.ConfigError> => {
  const { approvalTimeout, completionGrace, interruptGrace, server, ...rest } = options
  const [cli, defaults] = ConfiguredCli.split(rest)
  const transport = Layer.unwrap(Effect.map(
    appServerLayers,
    (layers) => layers.transport({ approvalTimeout, completionGrace, interruptGrace, server })
  ))
  return Codex.layer(defaults).pipe(
    Layer.provide([transport, NodeCodexHome.layerCli]),
    Layer.provide(cli)
  )
}

/**
 * Provides `Codex` by a `codex app-server` that runs elsewhere, to which it connects again for the turn that finds the
 * connection lost.
 *
 * Paths are those of where the app-server runs; relative ones, and the default of `workingDirectory`, start from its
 * own working directory. There is no last thread. The server keeps a thread that a turn has left for as long as its
 * configuration says (`thread_unload_delay_secs`, one minute by default); until then, only it can go on with the thread.
 *
 * Building the layer fails with `CodexError` if there is no connection (`AppServerFailed`), or not with this token
 * (`Unauthorized`). That is not tried again: a `CodexRetry` layer is for runs. Retry the building itself, if the
 * app-server may come later than the program.
 *
 * **Example** (Waiting for an app-server)
 *
 * ```ts
 * import * as CodexError from "@effect-codex/core/CodexError"
 * import * as CodexRetry from "@effect-codex/core/CodexRetry"
 * import * as NodeCodex from "@effect-codex/node/NodeCodex"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 *
 * const patient = Layer.effectContext(
 *   Layer.build(NodeCodex.layerRemote({ url: "ws://127.0.0.1:4500" })).pipe(
 *     Effect.retry({ schedule: CodexRetry.exponential({ times: 10 }), while: CodexError.isRetryable })
 *   )
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerRemote = (options: RemoteOptions): Layer.Layer<Codex.Codex, CodexError> => {
  const { approvalTimeout, client, completionGrace, interruptGrace, token, url, ...defaults } = options
  const transport = Layer.unwrap(Effect.map(
    appServerLayers,
    (layers) => layers.remoteTransport({ approvalTimeout, client, completionGrace, interruptGrace, token, url })
  ))
  return Layer.provide(Codex.layer(defaults), transport)
}

const appServerLayers = Effect.promise(() => import("./internal/appServerLayers.ts"))
