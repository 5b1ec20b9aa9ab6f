/**
 * Which Codex executable is started, and with which environment.
 *
 * Core never looks for a binary: a platform package finds one and provides this service
 * (`@effect-codex/node/NodeCodexCli`), and a test provides a fake.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Redacted from "effect/Redacted"

/**
 * How to start Codex.
 *
 * @category models
 * @since 0.1.0
 */
export interface CodexCliConfig {
  /** The executable: an absolute path, or a name to be looked up on `PATH`. */
  readonly command: string
  /** Arguments that come before ours, for a wrapper such as `node codex.js`. */
  readonly args?: ReadonlyArray<string> | undefined
  /** Environment variables; `undefined` removes an inherited one, `Redacted` stays out of errors and logs. */
  readonly env?: Readonly<Record<string, string | Redacted.Redacted<string> | undefined>> | undefined
  /** Whether `env` is added to the host's environment (default `true`) or replaces it. */
  readonly extendEnv?: boolean | undefined
  /**
   * Where Codex keeps its own files: its `CODEX_HOME`, or else `~/.codex`. Only a configuration that is too large for
   * a command line needs to know.
   */
  readonly codexHome?: string | undefined
}

/**
 * The Codex executable that transports start.
 *
 * @category services
 * @since 0.1.0
 */
export class CodexCli extends Context.Service<CodexCli, CodexCliConfig>()("@effect-codex/core/CodexCli") {}
