/**
 * What an app-server is asked for a turn, and what it cannot be asked.
 *
 * @internal
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type * as Protocol from "../appserver/Protocol.ts"
import type { CodexCliConfig } from "../CodexCli.ts"
import * as CodexConfig from "../CodexConfig.ts"
import { InvalidOption } from "../CodexError.ts"
import * as CodexInput from "../CodexInput.ts"
import type { SandboxMode, TurnRequest } from "../CodexOptions.ts"
import type { ProcessTree } from "../ProcessGuard.ts"
import * as ExecCommand from "./execCommand.ts"

// =============================================================================
// Options
// =============================================================================

/**
 * Where an option goes: to the thread as a parameter or as configuration, to the turn, to the client, which sees to it
 * itself, or nowhere, as there is nothing to do. Any other word says why it is refused.
 */
const handling = {
  input: "turn",
  outputSchema: "turn",
  thread: "thread",
  fork: "thread",
  model: "thread",
  sandbox: "thread",
  approval: "thread",
  workingDirectory: "thread",
  ephemeral: "thread",
  threadSource: "thread",
  reasoningEffort: "config",
  networkAccess: "config",
  webSearch: "config",
  additionalDirectories: "config",
  features: "config",
  baseUrl: "config",
  config: "config",
  strict: "client",
  firstEventTimeout: "client",
  idleTimeout: "client",
  timeout: "client",
  // An app-server works in any directory.
  skipGitRepoCheck: "nothing",
  profile: "an app-server has one configuration for all its threads: say in `config` what the profile says",
  worktree: "`codex exec` alone makes worktrees: make one, and give it as `workingDirectory`",
  ignoreUserConfig: "an app-server has one configuration for all its threads: start it with another `CODEX_HOME`",
  ignoreRules: "an app-server has the same rules for all its threads: start it with another `CODEX_HOME`",
  strictConfig: "an app-server has one configuration for all its threads: start it with `args: [\"--strict-config\"]`",
  localProvider: "`codex exec` alone sets one up: name it in `config`, as `model_provider`, and its model as `model`",
  lastMessageFile: "`codex exec` alone writes it: write `turn.finalMessage`",
  extraArgs: "they are flags of `codex exec`, and an app-server takes none for a turn"
} as const satisfies { readonly [Option in keyof TurnRequest]-?: string }

const goes: ReadonlySet<string> = new Set(["turn", "thread", "config", "client", "nothing"])

/** Fails if an app-server cannot do what is asked. */
export const check = (request: TurnRequest): Result.Result<void, InvalidOption> => {
  for (const [option, value] of Object.entries<unknown>(request)) {
    const how = Object.entries(handling).find(([name]) => name === option)?.[1]
    if (value === undefined || value === false || how === undefined || goes.has(how)) continue
    return Result.fail(new InvalidOption({ option, problem: `is not possible over an app-server: ${how}` }))
  }
  return Result.succeed(undefined)
}

// =============================================================================
// The thread
// =============================================================================

export interface Context {
  readonly request: TurnRequest
  readonly cli: CodexCliConfig
  /** The processes of this turn. */
  readonly tree: ProcessTree
  /** The configuration that is in force where the agent works, if it is needed. */
  readonly base: Protocol.Config | undefined
}

/** What holds for a thread, however it begins. */
export type ThreadParams = Pick<
  Protocol.ParamsOf<"thread/start">,
  "approvalPolicy" | "approvalsReviewer" | "config" | "cwd" | "model" | "modelProvider" | "sandbox"
>

/** Where the agent works; relative to where the app-server runs. */
export const directoryOf = ({ workingDirectory = "." }: TurnRequest): string => workingDirectory

/** Whether the configuration that is in force has to be known. */
export const needsBase = ({ additionalDirectories, approval, fork, thread }: TurnRequest): boolean =>
  thread !== undefined || fork !== undefined || additionalDirectories !== undefined || approval === undefined

/** The sandbox that is asked for, by an option or a configuration. */
export const sandboxOf = ({ base, request }: Context): SandboxMode | undefined => {
  const { approval, config, sandbox } = request
  if (sandbox !== undefined) return sandbox
  if (approval === "auto-review") return "workspace-write"
  return sandboxModes.find((mode) => mode === (config?.sandbox_mode ?? base?.sandbox_mode))
}

const sandboxModes = ["read-only", "workspace-write", "danger-full-access"] as const satisfies ReadonlyArray<
  SandboxMode
>

/** `codex exec` has nobody to ask but Codex itself, if the configuration says so; this asks others only if told to. */
const approvalOf = ({ base, request }: Context) => {
  const { approval, config } = request
  const asksCodex = (config?.approvals_reviewer ?? base?.approvals_reviewer) === "auto_review"
  if (approval === "auto-review" || (approval === undefined && asksCodex)) {
    const isNever = approval === undefined && (config?.approval_policy ?? base?.approval_policy) === "never"
    return { approvalPolicy: isNever ? "never" : "on-request", approvalsReviewer: "auto_review" } as const
  }
  return { approvalPolicy: approval ?? "never", approvalsReviewer: "user" } as const
}

/** `sandbox` is what applies if none is asked for. */
export const threadParams = (context: Context, sandbox?: SandboxMode): ThreadParams => {
  const { base, request } = context
  const { model } = request
  return {
    ...approvalOf(context),
    cwd: directoryOf(request),
    config: configOf(context),
    sandbox: sandboxOf(context) ?? sandbox,
    // A thread that goes on would go on with its own model and effort, if nothing were said of the model.
    ...(request.thread === undefined && request.fork === undefined ? { model } : {
      model: model ?? textOf(request.config?.model) ?? textOf(base?.model),
      modelProvider: textOf(request.config?.model_provider) ?? textOf(base?.model_provider) ?? "openai"
    })
  }
}

/** Of a thread that shows which sandbox applies where the agent works. It starts nothing. */
export const probeParams = (context: Context): Protocol.ParamsOf<"thread/start"> => {
  const config = configOf(context)
  const servers = [config["mcp_servers"], context.base?.["mcp_servers"]].flatMap((table) =>
    Predicate.isObject(table) ? Object.keys(table) : []
  )
  const off = CodexConfig.merge(config, {
    mcp_servers: Object.fromEntries(servers.map((name) => [name, { enabled: false }]))
  })
  return { cwd: directoryOf(context.request), config: off, ephemeral: true }
}

const configOf = ({ base, cli, request, tree }: Context): CodexConfig.CodexConfig => {
  const { additionalDirectories, features } = request
  const own = ExecCommand.configOf(cli, request, tree)
  return [
    features === undefined ? {} : { features },
    additionalDirectories === undefined ? {} : {
      sandbox_workspace_write: {
        writable_roots: [
          ...own.sandbox_workspace_write?.writable_roots ?? base?.sandbox_workspace_write?.writable_roots ?? [],
          ...additionalDirectories
        ]
      }
    }
  ].reduce<CodexConfig.CodexConfig>(CodexConfig.merge, own)
}

const textOf = (value: unknown): string | undefined => typeof value === "string" ? value : undefined

// =============================================================================
// What applies
// =============================================================================

/** What Codex says of a thread that it has started. */
export type InForce = Pick<
  Protocol.ThreadStartResponse,
  "approvalPolicy" | "approvalsReviewer" | "cwd" | "model" | "modelProvider" | "reasoningEffort" | "sandbox" | "thread"
>

/** The sandbox of a thread. */
export const sandboxInForce = ({ sandbox }: Pick<InForce, "sandbox">): SandboxMode | undefined => {
  switch (sandbox.type) {
    case "readOnly":
      return "read-only"
    case "workspaceWrite":
      return "workspace-write"
    case "dangerFullAccess":
      return "danger-full-access"
    default:
      return undefined
  }
}

/** Fails if the agent may do more, or less, than was asked for. */
export const checkInForce = (
  params: ThreadParams,
  request: TurnRequest,
  inForce: InForce
): Result.Result<void, InvalidOption> => {
  const refuse = (option: string, actual: unknown) =>
    Result.fail(
      new InvalidOption({ option, problem: `Codex does not comply: ${JSON.stringify(actual)} would apply instead` })
    )
  const { networkAccess } = request
  const { approvalPolicy, approvalsReviewer, sandbox } = inForce
  if (typeof params.sandbox === "string" && sandboxInForce(inForce) !== params.sandbox) {
    return refuse("sandbox", sandbox.type === "unrecognized" ? sandbox.raw : sandboxInForce(inForce) ?? sandbox.type)
  }
  if (
    networkAccess !== undefined && sandbox.type === "workspaceWrite" &&
    (sandbox.networkAccess ?? false) !== networkAccess
  ) {
    return refuse("networkAccess", sandbox.networkAccess)
  }
  if (approvalPolicy !== params.approvalPolicy) return refuse("approval", approvalPolicy)
  if (approvalsReviewer !== params.approvalsReviewer) return refuse("approval", approvalsReviewer)
  return Result.succeed(undefined)
}

// =============================================================================
// The turn
// =============================================================================

/** A thread that goes on keeps the roots of its workspace, whatever the sandbox lets the agent write to. */
export const rootsOf = (
  { additionalDirectories, fork, thread }: TurnRequest,
  { cwd, sandbox }: Pick<InForce, "cwd" | "sandbox">
): ReadonlyArray<string> | undefined =>
  additionalDirectories === undefined || (thread === undefined && fork === undefined) ||
    sandbox.type !== "workspaceWrite"
    ? undefined
    : [cwd, ...sandbox.writableRoots ?? []]

/** The images first and then the text, as `codex exec` has it. */
export const inputOf = ({ input, workingDirectory }: TurnRequest): ReadonlyArray<Protocol.UserInput> => [
  ...CodexInput.imagesOf(input).map((path): Protocol.UserInput => ({
    type: "localImage",
    path: workingDirectory === undefined || /^([/\\]|[A-Za-z]:[/\\])/.test(path) ? path : `${workingDirectory}/${path}`
  })),
  { type: "text", text: CodexInput.textOf(input) }
]

/** What is to be reviewed. */
export const reviewTargetOf = (target: CodexInput.ReviewTarget): Protocol.ReviewTarget => {
  switch (target.type) {
    case "uncommitted":
      return { type: "uncommittedChanges" }
    case "base":
      return { type: "baseBranch", branch: target.branch }
    case "commit":
    case "custom":
      return target
  }
}
