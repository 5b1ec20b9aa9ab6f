/**
 * The environment in which Codex is started.
 */
import type { CodexCliConfig } from "@effect-codex/core/CodexCli"
import * as Redacted from "effect/Redacted"

type Environment = NonNullable<CodexCliConfig["env"]>

/** The variables to add to those that are inherited. */
export const environment = (options: {
  readonly given: Environment | undefined
  readonly inherited: Readonly<Record<string, string | undefined>>
  /** A directory to put first on the search path. */
  readonly tools: string | undefined
  readonly apiKey: Redacted.Redacted<string> | undefined
  readonly platform: string
}): Environment => {
  const { inherited, platform, tools } = options
  const env: Record<string, Environment[string]> = { ...options.given }
  if (tools !== undefined) {
    const windows = platform === "win32"
    // Windows knows `Path` and `PATH` as one variable, but a record of variables may hold both.
    const isPath = (name: string) => windows ? name.toUpperCase() === "PATH" : name === "PATH"
    const [name = "PATH", ...others] = new Set([...Object.keys(env), ...Object.keys(inherited)].filter(isPath))
    const rest = name in env ? env[name] : inherited[name]
    for (const other of others) env[other] = undefined
    const prepend = (rest: string | undefined) => rest ? `${tools}${windows ? ";" : ":"}${rest}` : tools
    env[name] = Redacted.isRedacted(rest) ? Redacted.make(prepend(Redacted.value(rest))) : prepend(rest)
  }
  const originator = "CODEX_INTERNAL_ORIGINATOR_OVERRIDE"
  if (!(originator in env) && inherited[originator] === undefined) env[originator] = "effect_codex"
  if (options.apiKey !== undefined) env.CODEX_API_KEY = options.apiKey
  return env
}
