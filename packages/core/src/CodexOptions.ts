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
import * as CodexConfig from "./CodexConfig.ts"
import { InvalidOption } from "./CodexError.ts"

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
 * Options of a run. Those given to the Layer are defaults; those given to a run win over them.
 * What is not set is left to Codex's own configuration.
 *
 * @category models
 * @since 0.1.0
 */
export interface CodexOptions {
  /** Continues this thread (its id, a UUID) instead of starting a new one. */
  readonly thread?: string | undefined
  /** The model, such as `gpt-5.5`. */
  readonly model?: string | undefined
  readonly sandbox?: SandboxMode | undefined
  /** Where the agent works. Default: the working directory of this process. */
  readonly workingDirectory?: string | undefined
  /** Allows a working directory that is no Git repository (default `false`). */
  readonly skipGitRepoCheck?: boolean | undefined
  /** Base URL of the OpenAI API, for the built-in provider. */
  readonly baseUrl?: string | undefined
  /** Overrides of `config.toml`; merged with the Layer's. */
  readonly config?: CodexConfig.CodexConfig | undefined
  /** Fails with `EventUndecodable` on an event or item that this version does not know (default `false`). */
  readonly strict?: boolean | undefined
  /** How long to wait for the first event: a sign that the CLI has started (default one minute). */
  readonly firstEventTimeout?: Duration.Input | undefined
  /**
   * How long the agent may make no progress (default: for ever, as a command of the agent may take hours).
   * A reconnect is no progress. Time in which the stream's consumer is busy does not count.
   */
  readonly idleTimeout?: Duration.Input | undefined
  /** How long the whole run may take (default: for ever). */
  readonly timeout?: Duration.Input | undefined
}

const ConfigValue: Schema.Codec<CodexConfig.Value> = Schema.Union([
  Schema.String,
  Schema.Finite,
  Schema.Boolean,
  Schema.Array(Schema.suspend((): Schema.Codec<CodexConfig.Value> => ConfigValue)),
  Schema.Record(Schema.String, Schema.suspend((): Schema.Codec<CodexConfig.Value> => ConfigValue))
])

const Limit = Schema.Duration.check(
  Schema.makeFilter((duration) =>
    Duration.isGreaterThan(duration, Duration.zero) ? undefined : "a time limit must be longer than nothing"
  )
)

const Text = Schema.String.check(
  Schema.makeFilter((text) =>
    text.trim() === "" ? "must not be blank" : text.includes("\0") ? "must not contain NUL" : undefined
  )
)

// The CLI takes any other text for a name, and silently starts a new thread when there is none of that name.
const ThreadId = Schema.String.check(
  Schema.makeFilter((id) =>
    /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id) ? undefined : "a thread id is a UUID"
  )
)

/**
 * One turn, as a transport gets it: the prompt, and the options that are in force.
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
  prompt: Schema.String.check(Schema.makeFilter((text) => text.trim() === "" ? "must not be blank" : undefined)),
  thread: Schema.optionalKey(ThreadId),
  model: Schema.optionalKey(Text),
  sandbox: Schema.optionalKey(SandboxMode),
  workingDirectory: Schema.optionalKey(Text),
  skipGitRepoCheck: Schema.optionalKey(Schema.Boolean),
  baseUrl: Schema.optionalKey(Text),
  config: Schema.optionalKey(Schema.Record(Schema.String, ConfigValue)),
  strict: Schema.optionalKey(Schema.Boolean),
  firstEventTimeout: Schema.optionalKey(Limit),
  idleTimeout: Schema.optionalKey(Limit),
  timeout: Schema.optionalKey(Limit)
})

// =============================================================================
// Combinators
// =============================================================================

/**
 * Lays `narrower` over `wider`: a set option wins, and `config` is merged.
 *
 * @category combinators
 * @since 0.1.0
 */
export const merge = (wider: CodexOptions, narrower: CodexOptions): CodexOptions => ({
  ...wider,
  ...defined(narrower),
  ...(wider.config !== undefined && narrower.config !== undefined
    ? { config: CodexConfig.merge(wider.config, narrower.config) }
    : {})
})

/**
 * Checks the options and makes the request of a turn. Fails with the name of the first option that is not valid.
 *
 * @category converting
 * @since 0.1.0
 */
export const toRequest = (prompt: string, options: CodexOptions): Result.Result<TurnRequest, InvalidOption> =>
  Schema.decodeUnknownResult(TurnRequest)({
    prompt,
    ...defined(options),
    // One thread is to have one name: Codex writes ids in small letters, and takes them in capitals too.
    ...(typeof options.thread === "string" ? { thread: options.thread.toLowerCase() } : {}),
    ...limit("firstEventTimeout", options.firstEventTimeout ?? "1 minute"),
    ...limit("idleTimeout", options.idleTimeout),
    ...limit("timeout", options.timeout)
  }, { onExcessProperty: "error" }).pipe(
    Result.mapError((error) => {
      const issue = formatIssue(error.issue).issues[0]
      return new InvalidOption({
        option: issue?.path?.map(String).join(".") ?? "options",
        problem: issue?.message ?? "is not valid"
      })
    })
  )

// =============================================================================
// Internals
// =============================================================================

const formatIssue = SchemaIssue.makeFormatterStandardSchemaV1()

const defined = (options: CodexOptions): CodexOptions =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))

// What is no duration is left for the schema to refuse, by name.
const limit = (name: string, input: Duration.Input | undefined): Record<string, unknown> => {
  if (input === undefined) return {}
  return { [name]: Option.getOrElse(Duration.fromInput(input), () => input) }
}
