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
import { InvalidOption } from "../CodexError.ts"
import * as CodexInput from "../CodexInput.ts"
import type { TurnRequest } from "../CodexOptions.ts"
import type { ProcessTree } from "../ProcessGuard.ts"

export interface Turn {
  readonly cli: CodexCliConfig
  readonly request: TurnRequest
  readonly tree: ProcessTree
  /** The flags that say the configuration. */
  readonly config: ReadonlyArray<string>
  /** Where the JSON Schema of the answer was written. */
  readonly schemaFile?: string | undefined
  /** Environment variables of this turn alone. */
  readonly env?: Readonly<Record<string, string>> | undefined
}

/** What to spawn, for a request that {@link check} lets pass. */
export const make = (turn: Turn): ChildProcess.StandardCommand => {
  const { cli, config, env, request, tree } = turn
  const args = [
    ...cli.args ?? [],
    "exec",
    ...flags(turn),
    ...config,
    ...request.extraArgs ?? [],
    ...subcommand(request)
  ]
  return ChildProcess.make(cli.command, args, {
    ...(request.workingDirectory === undefined ? {} : { cwd: request.workingDirectory }),
    env: { ...cli.env, ...env, ...tree.env },
    extendEnv: cli.extendEnv ?? true,
    // The stream's end closes stdin: a CLI that waits for more would wait for ever.
    stdin: Stream.encodeText(Stream.succeed(CodexInput.textOf(request.input))),
    forceKillAfter: "1 second"
  })
}

/** The command as one may show it: values of the configuration may be secrets. */
export const show = ({ args, command }: ChildProcess.StandardCommand): ReadonlyArray<string> => [
  command,
  ...args.map((arg, index) => {
    if (Redacted.isRedacted(arg)) return "<redacted>"
    return args[index - 1] === "--config" ? arg.replace(/=.*$/s, "=…") : arg
  })
]

/** Fails if `codex exec` cannot do what is asked. */
export const check = (
  { approval, input, sandbox, thread, worktree }: TurnRequest
): Result.Result<void, InvalidOption> => {
  const refuse = (option: string, problem: string) => Result.fail(new InvalidOption({ option, problem }))
  const isReview = "type" in input
  if (approval === "on-request" || approval === "untrusted") {
    return refuse(
      "approval",
      `"${approval}" needs somebody to ask, whom \`codex exec\` has not: use "never" or "auto-review"`
    )
  }
  if (approval === "auto-review" && isReview) {
    return refuse("approval", "a review of changes can only have \"never\"")
  }
  if (approval === "auto-review" && sandbox !== undefined && sandbox !== "workspace-write") {
    return refuse("sandbox", "must be \"workspace-write\" with the approval \"auto-review\"")
  }
  if (worktree === true && isReview) {
    return refuse("worktree", "a review looks at the working directory; leave out `worktree`")
  }
  if (worktree === true && thread !== undefined) {
    return refuse(
      "worktree",
      "a thread that goes on can't move to a new one: go on where its worktree is (`workingDirectory`), or `fork` it"
    )
  }
  return Result.succeed(undefined)
}

// Flags of `exec` come before the subcommand, which does not take all of them.
const flags = ({ request, schemaFile }: Turn): ReadonlyArray<string> => [
  // First, as `--image` takes all that follows it up to the next flag.
  ...CodexInput.imagesOf(request.input).map((path) => `--image=${path}`),
  "--json",
  ...flag("--model", request.model),
  // Means the sandbox "workspace-write", and can't be said beside it.
  ...(request.approval === "auto-review" ? ["--approve-for-me"] : flag("--sandbox", request.sandbox)),
  ...(request.additionalDirectories ?? []).flatMap((directory) => ["--add-dir", directory]),
  ...flag("--worktree", request.worktree),
  ...flag("--skip-git-repo-check", request.skipGitRepoCheck),
  ...flag("--ephemeral", request.ephemeral),
  ...flag("--ignore-user-config", request.ignoreUserConfig),
  ...flag("--ignore-rules", request.ignoreRules),
  ...flag("--strict-config", request.strictConfig),
  ...Object.entries(request.features ?? {}).flatMap(([name, on]) => [on ? "--enable" : "--disable", name]),
  ...(request.localProvider === undefined ? [] : ["--oss", "--local-provider", request.localProvider]),
  ...flag("--thread-source", request.threadSource),
  ...flag("--output-last-message", request.lastMessageFile),
  ...flag("--output-schema", schemaFile)
]

const flag = (name: string, value: string | boolean | undefined): ReadonlyArray<string> =>
  value === undefined || value === false ? [] : value === true ? [name] : [name, value]

const subcommand = ({ fork, input, thread }: TurnRequest): ReadonlyArray<string> => {
  if ("type" in input) {
    const { target } = input
    switch (target.type) {
      case "uncommitted":
        return ["review", "--uncommitted"]
      case "base":
        return ["review", "--base", target.branch]
      case "commit":
        return ["review", "--commit", target.sha, ...(target.title === undefined ? [] : [`--title=${target.title}`])]
      case "custom":
        return ["review", "-"]
    }
  }
  if (thread !== undefined) return ["resume", thread, "-"]
  if (fork !== undefined) return ["fork", fork, "-"]
  return ["-"]
}

/** Takes the secrets of `cli` out of a text: a service may quote the key that it refuses. */
export const hideSecrets = (cli: CodexCliConfig): (text: string) => string => {
  const secrets = secretsOf(cli).map(([, secret]) => Redacted.value(secret)).filter((secret) => secret !== "")
  return (text) => secrets.reduce((text, secret) => text.replaceAll(secret, "<redacted>"), text)
}

const secretsOf = ({ env = {} }: CodexCliConfig): ReadonlyArray<readonly [string, Redacted.Redacted<string>]> =>
  Object.entries(env).flatMap(([name, value]) => Redacted.isRedacted(value) ? [[name, value] as const] : [])

/** The configuration of a turn, with what keeps its secrets and its processes in our hands. */
export const configOf = (cli: CodexCliConfig, request: TurnRequest, tree: ProcessTree): CodexConfig.CodexConfig => {
  // The agent's commands inherit the CLI's environment, as far as the user's policy lets them. Setting a variable adds
  // to that policy: a secret is blanked, as excluding it would replace the user's list, and the tree's mark is kept.
  const set = { ...Object.fromEntries(secretsOf(cli).map(([name]) => [name, ""])), ...tree.env }
  const parts: ReadonlyArray<CodexConfig.CodexConfig> = [
    request.config ?? {},
    request.baseUrl === undefined ? {} : { openai_base_url: request.baseUrl },
    request.reasoningEffort === undefined ? {} : { model_reasoning_effort: request.reasoningEffort },
    request.networkAccess === undefined ? {} : { sandbox_workspace_write: { network_access: request.networkAccess } },
    request.webSearch === undefined ? {} : { web_search: request.webSearch },
    request.approval === "never" ? { approval_policy: "never" } : {},
    Object.keys(set).length === 0 ? {} : { shell_environment_policy: { set } }
  ]
  return parts.reduce(CodexConfig.merge)
}
