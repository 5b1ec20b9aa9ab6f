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
import * as NodeChildProcessSpawner from "@effect/platform-node/NodeChildProcessSpawner"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as NodeCodexCli from "./NodeCodexCli.ts"
import * as NodeCodexHome from "./NodeCodexHome.ts"
import * as NodeProcessGuard from "./NodeProcessGuard.ts"

/**
 * Which Codex, how its processes are treated, and the default options of every run.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends NodeCodexCli.Options, ExecTransport.ExecOptions, CodexOptions {}

/**
 * Which Codex, how its app-server and turns are treated, and the default options of every run.
 *
 * @category options
 * @since 0.1.0
 */
export interface AppServerOptions extends NodeCodexCli.Options, AppServerTransport.AppServerOptions, CodexOptions {
  /** The app-server itself, and the connection to it. */
  readonly server?: Omit<Client.StdioOptions, "experimentalApi" | "workingDirectory"> | undefined
}

/**
 * Which app-server, how turns are treated, and the default options of every run.
 *
 * @category options
 * @since 0.1.0
 */
export interface RemoteOptions extends AppServerTransport.AppServerOptions, CodexOptions {
  /**
   * Where it listens, as `codex app-server --listen` was told: `ws://HOST:PORT`, `unix://PATH`, or `unix://` for the
   * socket in the home directory of Codex.
   */
  readonly url: string
  /** A capability token, or a signed bearer token. */
  readonly token?: Redacted.Redacted<string> | undefined
  /** The connection to it. */
  readonly client?: Omit<Client.Options, "experimentalApi"> | undefined
}

/**
 * Provides `Codex` by a `codex exec` process for each turn.
 *
 * What is not given as an option is read from the configuration: `CODEX_PATH`, the executable; `CODEX_API_KEY`,
 * the key, which is then hidden from the commands that the agent runs. All else is Codex's own configuration
 * (`CODEX_HOME`, `config.toml`, `codex login`).
 *
 * Sessions are kept in memory unless a store is provided to this layer, `NodeSessionStore.layerFile` for instance;
 * `CodexRetry` and `CodexHook` layers are provided to it too.
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
  const [cli, defaults] = layerCli(rest)
  return Codex.layer(defaults).pipe(
    Layer.provide([ExecTransport.layer({ interruptGrace, maxLineBytes }), NodeCodexHome.layerCli]),
    Layer.provide([cli, NodeProcessGuard.layer]),
    Layer.provide(platform)
  )
}

/**
 * Provides `Codex` by one `codex app-server` for all turns, which is started with the layer and ended with it, and
 * started again for the turn that finds it gone.
 *
 * Programs run over it as they do over {@link layer}, with more events; `appserver/AppServerTransport` tells what else
 * differs. Configuration and stores are those of {@link layer}. An `Approvals` layer is provided to this one.
 *
 * Building the layer fails with `CodexError` if there is no Codex, or if its app-server does not start.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerAppServer = (
  options: AppServerOptions = {}
): Layer.Layer<Codex.Codex, CodexError | Config.ConfigError> => {
  const { completionGrace, interruptGrace, server, ...rest } = options
  const [cli, defaults] = layerCli(rest)
  const transport = Layer.unwrap(
    Effect.map(appServerLayers, ({ local }) => local({ completionGrace, interruptGrace, server }))
  )
  return Codex.layer(defaults).pipe(
    Layer.provide([transport, NodeCodexHome.layerCli]),
    Layer.provide([cli, NodeProcessGuard.layer]),
    Layer.provide(platform)
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
 * Building the layer fails with `CodexError` (`AppServerFailed`) if there is no connection.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerRemote = (options: RemoteOptions): Layer.Layer<Codex.Codex, CodexError> => {
  const { client, completionGrace, interruptGrace, token, url, ...defaults } = options
  const transport = Layer.unwrap(
    Effect.map(appServerLayers, ({ remote }) => remote({ client, completionGrace, interruptGrace, token, url }))
  )
  return Layer.provide(Codex.layer(defaults), transport)
}

const appServerLayers = Effect.promise(() => import("./internal/appServerLayers.ts"))

const layerCli = <O extends NodeCodexCli.Options>({ apiKey, args, env, extendEnv, path, ...defaults }: O) => {
  const cli = Layer.unwrap(Effect.gen(function*() {
    // A key that is given, in whatever way, is not to be replaced by one that happens to be around.
    const isGiven = apiKey !== undefined || Object.hasOwn(env ?? {}, "CODEX_API_KEY")
    const configured = isGiven ? Option.none() : yield* Config.option(Config.Redacted("CODEX_API_KEY"))
    return NodeCodexCli.layer({ path, args, env, extendEnv, apiKey: apiKey ?? Option.getOrUndefined(configured) })
  }))
  return [cli, defaults] as const
}

// Less to load than all of `NodeServices`, which opens the host's stdin too.
const platform = NodeChildProcessSpawner.layer.pipe(Layer.provideMerge([NodeFileSystem.layer, NodePath.layer]))
