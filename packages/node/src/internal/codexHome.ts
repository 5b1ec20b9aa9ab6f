/**
 * Where Codex keeps its own files.
 */
import type { CodexCliConfig } from "@effect-codex/core/CodexCli"
import * as Redacted from "effect/Redacted"
import { homedir } from "node:os"
import { join } from "node:path"

/** The home of a CLI that is started with `env`, alone or laid over the host's environment. */
export const locate = ({ env = {}, extendEnv = true }: Pick<CodexCliConfig, "env" | "extendEnv">): string => {
  const variable = (name: string): string => {
    const value = Object.hasOwn(env, name) ? env[name] : extendEnv ? process.env[name] : undefined
    return (Redacted.isRedacted(value) ? Redacted.value(value) : value) ?? ""
  }
  // For the CLI an empty variable is none, and Windows keeps the user's home directory elsewhere than in `HOME`.
  const userHome = process.platform === "win32" ? "" : variable("HOME")
  return variable("CODEX_HOME") || join(userHome || homedir(), ".codex")
}
