/**
 * The `codex exec` command of a turn, and what it must keep to itself.
 *
 * @internal
 */
import * as ChildProcess from "effect/process/ChildProcess"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type { CodexCliConfig } from "../CodexCli.ts"
import * as CodexConfig from "../CodexConfig.ts"
import type { InvalidOption } from "../CodexError.ts"
import type { TurnRequest } from "../CodexOptions.ts"
import type { ProcessTree } from "../ProcessGuard.ts"

export interface Turn {
  readonly cli: CodexCliConfig
  readonly request: TurnRequest
  readonly tree: ProcessTree
}

/** What to spawn. Fails if the configuration cannot be said in TOML. */
export const make = (turn: Turn): Result.Result<ChildProcess.Command, InvalidOption> =>
  Result.map(CodexConfig.toArguments(configOf(turn)), (config) => {
    const { cli, request, tree } = turn
    const args = [
      ...cli.args ?? [],
      "exec",
      "--json",
      ...(request.model === undefined ? [] : ["--model", request.model]),
      ...(request.sandbox === undefined ? [] : ["--sandbox", request.sandbox]),
      ...(request.skipGitRepoCheck === true ? ["--skip-git-repo-check"] : []),
      ...config,
      // Flags of `exec` must come before the subcommand, which does not take all of them.
      ...(request.thread === undefined ? [] : ["resume", request.thread]),
      "-"
    ]
    return ChildProcess.make(cli.command, args, {
      ...(request.workingDirectory === undefined ? {} : { cwd: request.workingDirectory }),
      env: { ...cli.env, ...tree.env },
      extendEnv: cli.extendEnv ?? true,
      // The stream's end closes stdin: a CLI that waits for more would wait for ever.
      stdin: Stream.encodeText(Stream.succeed(request.prompt)),
      forceKillAfter: "1 second"
    })
  })

/** Takes the secrets of `cli` out of a text: a service may quote the key that it refuses. */
export const hideSecrets = (cli: CodexCliConfig): (text: string) => string => {
  const secrets = secretsOf(cli).map(([, secret]) => Redacted.value(secret)).filter((secret) => secret !== "")
  return (text) => secrets.reduce((text, secret) => text.replaceAll(secret, "<redacted>"), text)
}

const secretsOf = ({ env = {} }: CodexCliConfig): ReadonlyArray<readonly [string, Redacted.Redacted<string>]> =>
  Object.entries(env).flatMap(([name, value]) => Redacted.isRedacted(value) ? [[name, value] as const] : [])

const configOf = ({ cli, request, tree }: Turn): CodexConfig.CodexConfig => {
  // The agent's commands inherit the CLI's environment, as far as the user's policy lets them. Setting a variable adds
  // to that policy: a secret is blanked, as excluding it would replace the user's list, and the tree's mark is kept.
  const set = { ...Object.fromEntries(secretsOf(cli).map(([name]) => [name, ""])), ...tree.env }
  return [
    request.baseUrl === undefined ? {} : { openai_base_url: request.baseUrl },
    request.config ?? {},
    Object.keys(set).length === 0 ? {} : { shell_environment_policy: { set } }
  ].reduce(CodexConfig.merge)
}
