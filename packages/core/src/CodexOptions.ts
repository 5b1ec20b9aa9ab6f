/**
 * What a run can be told, and the request that comes of it.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Struct from "effect/Struct"
import * as CodexConfig from "./CodexConfig.ts"
import { InvalidOption } from "./CodexError.ts"
import * as CodexInput from "./CodexInput.ts"
import type * as CodexRetry from "./CodexRetry.ts"
import {
  BaseUrl,
  ExtraArg,
  Features,
  Limit,
  Policy,
  ProfileName,
  Text,
  ThreadId,
  Word
} from "./internal/optionSchemas.ts"

// =============================================================================
// Models
// =============================================================================

/**
 * What the agent's commands may touch: nothing, the working directory, or everything.
 *
 * @category models
 * @since 0.1.0
 */
export type SandboxMode = typeof SandboxMode.Type

/**
 * Schema of {@link SandboxMode}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const SandboxMode = Schema.Literals(["read-only", "workspace-write", "danger-full-access"])

/**
 * What the model gets to see of the web: nothing, a cache, an index, or the web as it is.
 *
 * @category models
 * @since 0.1.0
 */
export type WebSearch = typeof WebSearch.Type

/**
 * Schema of {@link WebSearch}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const WebSearch = Schema.Literals(["disabled", "cached", "indexed", "live"])

/**
 * Who answers when the agent asks to do more than the sandbox lets it: nobody (it may not), Codex's own automatic
 * review, or a person.
 *
 * `codex exec` has nobody to ask: `on-request` and `untrusted` are refused there, and `auto-review` comes with the
 * sandbox `workspace-write`. A review of changes can only have `never`.
 *
 * @category models
 * @since 0.1.0
 */
export type Approval = typeof Approval.Type

/**
 * Schema of {@link Approval}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Approval = Schema.Literals(["never", "auto-review", "on-request", "untrusted"])

/**
 * Options of a run. Those given to the Layer are defaults; those of a thread win over them, and those given to a run
 * over both. What is not set is left to Codex's own configuration, for each run anew: a thread remembers neither its
 * model nor its sandbox nor its directory.
 *
 * @category models
 * @since 0.1.0
 */
export interface CodexOptions {
  /** Continues this thread (its id, a UUID) instead of starting a new one. */
  readonly thread?: string | undefined
  /** Continues a copy of this thread (its id), which leaves the thread as it is. */
  readonly fork?: string | undefined
  /**
   * The name under which the thread and its turns are kept in the `SessionStore`: continues the thread of that name,
   * or gives a new one this name.
   */
  readonly session?: string | undefined
  /** The model, such as `gpt-5.5`. */
  readonly model?: string | undefined
  /** How much the model thinks, such as `low`; which levels there are depends on the model. */
  readonly reasoningEffort?: string | undefined
  /** Lays `$CODEX_HOME/<profile>.config.toml` over the user's configuration. Codex passes over one that is not there. */
  readonly profile?: string | undefined
  readonly sandbox?: SandboxMode | undefined
  readonly approval?: Approval | undefined
  /** Whether commands in the `workspace-write` sandbox may use the network. In `danger-full-access` they always may. */
  readonly networkAccess?: boolean | undefined
  /** What the model may search. In the sandbox `danger-full-access`, `cached` is `live`. */
  readonly webSearch?: WebSearch | undefined
  /** Where the agent works. Default: the working directory of this process. */
  readonly workingDirectory?: string | undefined
  /** Directories beside the working directory that the `workspace-write` sandbox lets the agent write to. */
  readonly additionalDirectories?: ReadonlyArray<string> | undefined
  /**
   * Works in a new Git worktree that Codex manages (default `false`). A thread that goes on cannot: go on where its
   * worktree is, by `workingDirectory`, or with a `fork`.
   */
  readonly worktree?: boolean | undefined
  /** Allows a working directory that is no Git repository (default `false`). */
  readonly skipGitRepoCheck?: boolean | undefined
  /** Keeps no file of a new thread or a fork, which then cannot be continued (default `false`). */
  readonly ephemeral?: boolean | undefined
  /** Leaves out `$CODEX_HOME/config.toml` and profiles; the login of `CODEX_HOME` still counts (default `false`). */
  readonly ignoreUserConfig?: boolean | undefined
  /** Leaves out the user's and the project's `.rules` files (default `false`). */
  readonly ignoreRules?: boolean | undefined
  /** Fails on a field of the configuration that this Codex does not know (default `false`). */
  readonly strictConfig?: boolean | undefined
  /** Codex's features, on or off; `codex features list` names them. Merged with the Layer's. */
  readonly features?: Readonly<Record<string, boolean>> | undefined
  /** Uses a model that runs on this machine. A thread goes on only with the provider that it began with. */
  readonly localProvider?: "lmstudio" | "ollama" | undefined
  /** What Codex notes as the source of a new thread or a fork. */
  readonly threadSource?: string | undefined
  /** A file that the agent's last message is written to, relative to the working directory. Its directory must exist. */
  readonly lastMessageFile?: string | undefined
  /** Base URL of the OpenAI API, for the built-in provider. */
  readonly baseUrl?: string | undefined
  /** Overrides of `config.toml`; merged with the Layer's. Options with a name of their own win over them. */
  readonly config?: CodexConfig.CodexConfig | undefined
  /** Further flags of `codex exec`, as they are; those that another option says are refused. */
  readonly extraArgs?: ReadonlyArray<string> | undefined
  /** Fails with `EventUndecodable` on an event or item that this version does not know (default `false`). */
  readonly strict?: boolean | undefined
  /** How long to wait for the first event: a sign that the CLI has started (default one minute). */
  readonly firstEventTimeout?: Duration.Input | undefined
  /**
   * How long the agent may make no progress (default: for ever, as a command of the agent may take hours).
   * A reconnect is no progress. Time in which the stream's consumer is busy does not count, nor time in which the agent
   * waits for an answer of `Approvals`.
   */
  readonly idleTimeout?: Duration.Input | undefined
  /** How long one attempt may take (default: for ever). `Effect.timeout` limits all attempts together. */
  readonly timeout?: Duration.Input | undefined
  /** When a failed run is tried again. Default: what the `CodexRetry` layer says, else never. */
  readonly retry?: CodexRetry.Policy | undefined
  /** Whether a session's record keeps the first words of prompts and answers (default `true`). */
  readonly previews?: boolean | undefined
  /** How many of its last turns a session's record keeps (default 20, at least 1). */
  readonly sessionTurns?: number | undefined
}

/**
 * One turn, as a transport gets it: the input, and the options that are in force.
 *
 * @category models
 * @since 0.1.0
 */
export type TurnRequest = typeof TurnRequest.Type

/**
 * Schema of {@link TurnRequest}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const TurnRequest = Schema.Struct({
  input: CodexInput.Input,
  thread: Schema.optionalKey(ThreadId),
  fork: Schema.optionalKey(ThreadId),
  /** The JSON Schema that the final message is to obey. */
  outputSchema: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json)),
  model: Schema.optionalKey(Word),
  reasoningEffort: Schema.optionalKey(Text),
  profile: Schema.optionalKey(ProfileName),
  sandbox: Schema.optionalKey(SandboxMode),
  approval: Schema.optionalKey(Approval),
  networkAccess: Schema.optionalKey(Schema.Boolean),
  webSearch: Schema.optionalKey(WebSearch),
  workingDirectory: Schema.optionalKey(Text),
  additionalDirectories: Schema.optionalKey(Schema.Array(Word)),
  worktree: Schema.optionalKey(Schema.Boolean),
  skipGitRepoCheck: Schema.optionalKey(Schema.Boolean),
  ephemeral: Schema.optionalKey(Schema.Boolean),
  ignoreUserConfig: Schema.optionalKey(Schema.Boolean),
  ignoreRules: Schema.optionalKey(Schema.Boolean),
  strictConfig: Schema.optionalKey(Schema.Boolean),
  features: Schema.optionalKey(Features),
  localProvider: Schema.optionalKey(Schema.Literals(["lmstudio", "ollama"])),
  threadSource: Schema.optionalKey(Word),
  lastMessageFile: Schema.optionalKey(Word),
  baseUrl: Schema.optionalKey(BaseUrl),
  config: Schema.optionalKey(CodexConfig.CodexConfig),
  extraArgs: Schema.optionalKey(Schema.Array(ExtraArg)),
  strict: Schema.optionalKey(Schema.Boolean),
  firstEventTimeout: Schema.optionalKey(Limit),
  idleTimeout: Schema.optionalKey(Limit),
  timeout: Schema.optionalKey(Limit)
})

// =============================================================================
// Combinators
// =============================================================================

/**
 * Lays `narrower` over `wider`: a set option wins, `config` and `features` are merged. One that says which thread
 * (`thread`, `fork` or `session`) puts aside what `wider` says of it.
 *
 * @category combinators
 * @since 0.1.0
 */
export const merge = (wider: CodexOptions, narrower: CodexOptions): CodexOptions => {
  const set = defined(narrower)
  const namesThread = set.thread !== undefined || set.fork !== undefined || set.session !== undefined
  return {
    ...(namesThread ? Struct.omit(wider, ["fork", "session", "thread"]) : wider),
    ...set,
    ...(wider.features !== undefined && set.features !== undefined
      ? { features: { ...wider.features, ...set.features } }
      : {}),
    ...(wider.config !== undefined && set.config !== undefined
      ? { config: CodexConfig.merge(wider.config, set.config) }
      : {})
  }
}

/**
 * Checks the options and makes the request of a turn. Fails with the name of the first option that is not valid.
 *
 * @category converting
 * @since 0.1.0
 */
export const toRequest = (
  input: CodexInput.CodexInput,
  options: CodexOptions & { readonly outputSchema?: TurnRequest["outputSchema"] | undefined }
): Result.Result<TurnRequest, InvalidOption> => {
  const { outputSchema, ...said } = options
  return decodeAsked({
    input: CodexInput.toInput(input),
    ...defined(said),
    ...(outputSchema === undefined ? {} : { outputSchema }),
    ...threadId("thread", said.thread),
    ...threadId("fork", said.fork),
    ...limit("firstEventTimeout", said.firstEventTimeout ?? "1 minute"),
    ...limit("idleTimeout", said.idleTimeout),
    ...limit("timeout", said.timeout)
  }, { onExcessProperty: "error" }).pipe(
    Result.mapError((error) => {
      const issue = formatIssue(error.issue).issues[0]
      return new InvalidOption({
        option: issue?.path?.map(String).join(".") ?? "options",
        problem: issue?.message ?? "is not valid"
      })
    }),
    Result.flatMap((asked) => {
      const [option, problem] = conflict(asked) ?? []
      if (option !== undefined && problem !== undefined) return Result.fail(new InvalidOption({ option, problem }))
      return Result.succeed(Struct.omit(asked, ["previews", "retry", "session", "sessionTurns"]))
    })
  )
}

// =============================================================================
// Internals
// =============================================================================

const formatIssue = SchemaIssue.makeFormatterStandardSchemaV1()

const defined = (options: CodexOptions): CodexOptions =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))

// One thread is to have one name: Codex writes ids in small letters, and takes them in capitals too.
const threadId = (name: string, id: string | undefined): Record<string, unknown> =>
  typeof id === "string" ? { [name]: id.toLowerCase() } : {}

// What is no duration is left for the schema to refuse, by name.
const limit = (name: string, input: Duration.Input | undefined): Record<string, unknown> => {
  if (input === undefined) return {}
  return { [name]: Option.getOrElse(Duration.fromInput(input), () => input) }
}

// Those of the client stay out of the request.
const Asked = Schema.Struct({
  ...TurnRequest.fields,
  session: Schema.optionalKey(Schema.String),
  retry: Schema.optionalKey(Policy),
  previews: Schema.optionalKey(Schema.Boolean),
  sessionTurns: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThan(0)))
})

const optionNames = Object.keys(Asked.fields).filter((name) => name !== "input" && name !== "outputSchema")

const decodeAsked = Schema.decodeUnknownResult(
  Asked.annotate({ messageUnexpectedKey: `there is no such option; the options are ${optionNames.join(", ")}` })
)

/** An option that another one excludes, and why. */
const conflict = (asked: typeof Asked.Type): readonly [option: string, problem: string] | undefined => {
  const { fork, input, session, thread } = asked
  if (thread !== undefined && fork !== undefined) {
    return ["fork", "a run continues a thread (`thread`) or a copy of one, not both"]
  }
  if (asked.ephemeral === true && session !== undefined) {
    return ["ephemeral", "a session goes on, so that its thread must be kept; leave out `ephemeral` or `session`"]
  }
  if (asked.ephemeral === true && thread !== undefined) {
    return [
      "ephemeral",
      "an ephemeral thread ends with its turn; a kept one goes on without `ephemeral`, or as a copy (`fork`)"
    ]
  }
  if (asked.networkAccess === false && asked.sandbox === "danger-full-access") {
    return ["networkAccess", "can't be denied in the sandbox \"danger-full-access\"; it can be in \"workspace-write\""]
  }
  if (asked.profile !== undefined && asked.ignoreUserConfig === true) {
    return ["profile", "is part of the user's configuration, which `ignoreUserConfig` leaves out"]
  }
  if (!("type" in input)) return undefined
  if (thread !== undefined || fork !== undefined) {
    const option = session !== undefined ? "session" : thread !== undefined ? "thread" : "fork"
    return [option, "a review has a thread of its own, and goes on with no other"]
  }
  return asked.outputSchema === undefined ? undefined : ["output", "a review answers in its own form"]
}
