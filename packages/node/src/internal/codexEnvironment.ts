/**
 * The environment in which Codex is started.
 */
import type { CodexCliConfig } from "@effect-codex/core/CodexCli"
import * as Redacted from "effect/Redacted"

type Environment = NonNullable<CodexCliConfig["env"]>

/** The variables to add to the host's if Codex inherits all of them, else all that there are. */
export const environment = (options: {
  readonly given: Environment | undefined
  readonly host: Readonly<Record<string, string | undefined>>
  /** Whether Codex inherits what the host has, or which of it. */
  readonly extendEnv: boolean | ReadonlyArray<string>
  /** A directory to put first on the search path. */
  readonly tools: string | undefined
  readonly apiKey: Redacted.Redacted<string> | undefined
  readonly platform: string
}): Environment => {
  const { extendEnv, host, platform, tools } = options
  const inherited = extendEnv === true ? host : {}
  const env: Record<string, Environment[string]> = {
    ...(typeof extendEnv === "boolean" ? {} : select(host, extendEnv)),
    ...options.given
  }
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
  // The agent's commands don't get to see what is redacted.
  const key = options.apiKey ?? ("CODEX_API_KEY" in env ? env.CODEX_API_KEY : inherited.CODEX_API_KEY)
  if (key !== undefined) env.CODEX_API_KEY = Redacted.isRedacted(key) ? key : Redacted.make(key)
  return env
}

const select = (
  host: Readonly<Record<string, string | undefined>>,
  names: ReadonlyArray<string>
): Readonly<Record<string, string>> =>
  Object.fromEntries(names.flatMap((name) => {
    const value = host[name]
    return value === undefined ? [] : [[name, value]]
  }))
