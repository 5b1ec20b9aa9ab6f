/**
 * Finds Codex's home directory on Node.
 *
 * It is where the CLI looks: the `path` option, else `CODEX_HOME` in the environment that the CLI is started with,
 * else `.codex` in the user's home directory.
 *
 * **Example** (The last thread of this directory)
 *
 * ```ts
 * import * as CodexHome from "@effect-codex/core/CodexHome"
 * import * as NodeCodexHome from "@effect-codex/node/NodeCodexHome"
 * import * as Effect from "effect/Effect"
 *
 * const last = CodexHome.CodexHome.use((home) => home.last({ directory: "." })).pipe(
 *   Effect.provide(NodeCodexHome.layer())
 * )
 * ```
 *
 * @since 0.1.0
 */
import * as CodexCli from "@effect-codex/core/CodexCli"
import * as CodexHome from "@effect-codex/core/CodexHome"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { locate } from "./internal/codexHome.ts"

/**
 * Where Codex's home directory is.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** The directory. Default: where the CLI looks. */
  readonly path?: string | undefined
  /** Environment variables that the CLI is started with, as for `NodeCodexCli`. */
  readonly env?: CodexCli.CodexCliConfig["env"]
  /** Whether the CLI inherits the host's environment. Default `true`. */
  readonly extendEnv?: boolean | undefined
}

/**
 * Provides `CodexHome` by the directory that is found.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<CodexHome.CodexHome> =>
  Layer.unwrap(Effect.sync(() => CodexHome.layer({ path: options.path ?? locate(options) }))).pipe(
    Layer.provide([NodeFileSystem.layer, NodePath.layer])
  )

/**
 * Reads the home of the CLI in context.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerCli: Layer.Layer<CodexHome.CodexHome, never, CodexCli.CodexCli> = Layer.unwrap(
  Effect.map(CodexCli.CodexCli, (cli) => layer({ path: cli.codexHome, env: cli.env, extendEnv: cli.extendEnv }))
)
