/**
 * Finds the Codex CLI on Node.
 *
 * The first of these counts:
 *
 * 1. the `path` option, then the `CODEX_PATH` setting: one that cannot be used is an error, never passed over;
 * 2. the native executable of the package `@openai/codex`, as this package, the program's main module, and the
 *    working directory see it, in this order;
 * 3. `codex` on `PATH`.
 *
 * What npm, pnpm and others install as `codex` is a script in JavaScript that starts the native executable. It is
 * never what runs: killed, it would leave the native process behind. The executable that belongs to it does.
 *
 * @since 0.1.0
 */
import * as CodexCli from "@effect-codex/core/CodexCli"
import type * as CodexError from "@effect-codex/core/CodexError"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as CodexBinary from "./internal/codexBinary.ts"
import { environment } from "./internal/codexEnvironment.ts"
import { locate } from "./internal/codexHome.ts"

/**
 * Which Codex to start, and how.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** The executable, relative to the working directory. Default: it is looked for. */
  readonly path?: string | undefined
  /** Arguments that come before all others, for an executable that starts Codex in turn. */
  readonly args?: ReadonlyArray<string> | undefined
  /** Environment variables for Codex; `undefined` removes an inherited one. */
  readonly env?: CodexCli.CodexCliConfig["env"]
  /**
   * Whether Codex inherits the environment of this process (default `true`), or the names of the variables that it
   * does. The agent's commands get what Codex gets.
   *
   * With `false` or names, Codex starts even with nothing, but it usually needs `PATH`, for Git and the tools of the
   * agent, and `HOME` or `CODEX_HOME`, where its configuration and the account of `codex login` are.
   */
  readonly extendEnv?: boolean | ReadonlyArray<string> | undefined
  /**
   * The key that Codex is to use, passed as `CODEX_API_KEY`. Without it Codex uses that variable if it gets it, or
   * else the account of `codex login`. The agent's commands never get to see that variable.
   */
  readonly apiKey?: Redacted.Redacted<string> | undefined
}

/**
 * Finds the Codex CLI and describes how to start it.
 *
 * The tools that come with Codex (ripgrep) are put first on its `PATH`, and `CODEX_INTERNAL_ORIGINATOR_OVERRIDE`,
 * by which Codex tells its service who drives it, is `effect_codex` unless it is set already.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  options: Options = {}
): Effect.fn.Return<CodexCli.CodexCliConfig, CodexError.CodexError | Config.ConfigError> {
  const host: CodexBinary.Host = {
    platform: process.platform,
    arch: process.arch,
    cwd: process.cwd(),
    searchPath: process.env.PATH ?? "",
    modules: {
      "@effect-codex/node": import.meta.url,
      ...process.argv[1] === undefined ? {} : { "main module": process.argv[1] },
      "working directory": `${process.cwd()}/package.json`
    }
  }
  const configured = yield* Config.option(Config.String("CODEX_PATH"))
  const binary = yield* options.path !== undefined
    ? CodexBinary.named("path", options.path, host)
    : Option.isSome(configured) && configured.value !== ""
    ? CodexBinary.named("CODEX_PATH", configured.value, host)
    : CodexBinary.search(host)
  const { args, extendEnv = true } = options
  const env = environment({
    given: options.env,
    host: process.env,
    extendEnv,
    tools: binary.tools,
    apiKey: options.apiKey,
    platform: host.platform
  })
  const codexHome = locate({ env, extendEnv: extendEnv === true })
  return { command: binary.command, args, env, extendEnv: extendEnv === true, codexHome }
})

/**
 * Provides the Codex CLI that is found, see {@link make}.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options?: Options
): Layer.Layer<CodexCli.CodexCli, CodexError.CodexError | Config.ConfigError> =>
  Layer.effect(CodexCli.CodexCli, make(options))
