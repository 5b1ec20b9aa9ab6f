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
  const { apiKey, args, env, extendEnv, interruptGrace, maxLineBytes, path, ...defaults } = options
  const cli = Layer.unwrap(Effect.gen(function*() {
    // A key that is given, in whatever way, is not to be replaced by one that happens to be around.
    const isGiven = apiKey !== undefined || Object.hasOwn(env ?? {}, "CODEX_API_KEY")
    const configured = isGiven ? Option.none() : yield* Config.option(Config.Redacted("CODEX_API_KEY"))
    return NodeCodexCli.layer({ path, args, env, extendEnv, apiKey: apiKey ?? Option.getOrUndefined(configured) })
  }))
  return Codex.layer(defaults).pipe(
    Layer.provide([ExecTransport.layer({ interruptGrace, maxLineBytes }), NodeCodexHome.layerCli]),
    Layer.provide([cli, NodeProcessGuard.layer]),
    Layer.provide(platform)
  )
}

// Less to load than all of `NodeServices`, which opens the host's stdin too.
const platform = NodeChildProcessSpawner.layer.pipe(Layer.provideMerge([NodeFileSystem.layer, NodePath.layer]))
