/**
 * Why a run failed: one tagged error with a tagged `reason`.
 *
 * `Effect.catchReason("CodexError", "ThreadBusy", ...)` handles one cause,
 * `Effect.unwrapReason("CodexError")` turns the causes into the error channel. Messages say what to do, and
 * hold neither prompts nor output nor secrets. Errors encode and decode, so that they cross processes.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { CodexTurn } from "./CodexTurn.ts"
import { openLiterals } from "./internal/wire.ts"

const TypeId = "~@effect-codex/core/CodexError" as const

// =============================================================================
// Reasons
// =============================================================================

/**
 * No Codex executable was found; `tried` lists where it was looked for.
 *
 * @category reasons
 * @since 0.1.0
 */
export class BinaryNotFound extends Schema.TaggedError<BinaryNotFound>("@effect-codex/core/CodexError/BinaryNotFound")(
  "BinaryNotFound",
  {
    tried: Schema.Array(Schema.Struct({ source: Schema.String, path: Schema.String, problem: Schema.String }))
  }
) {
  override get message(): string {
    const tried = this.tried.map(({ path, problem, source }) => `\n  ${source}: ${path} (${problem})`).join("")
    return `No Codex CLI was found. Install \`@openai/codex\`, set CODEX_PATH, or pass \`path\`. Tried:${tried}`
  }

  get isTransient(): boolean {
    return false
  }
}

/**
 * The executable could not be started. `code` is what the system said, such as `PermissionDenied` or `NotFound`
 * (the executable, or the working directory).
 *
 * @category reasons
 * @since 0.1.0
 */
export class SpawnFailed extends Schema.TaggedError<SpawnFailed>("@effect-codex/core/CodexError/SpawnFailed")(
  "SpawnFailed",
  {
    command: Schema.String,
    workingDirectory: Schema.optionalKey(Schema.String),
    code: Schema.String,
    description: Schema.String
  }
) {
  override get message(): string {
    const where = this.workingDirectory === undefined ? "" : ` in ${this.workingDirectory}`
    return `Could not start ${this.command}${where}: ${this.description}`
  }

  /** The system was short of something, such as processes or file descriptors. */
  get isTransient(): boolean {
    return this.code === "Busy" || this.code === "WouldBlock" || this.code === "Unknown"
  }
}

/**
 * The CLI ended without finishing the turn. `stderr` is the end of what it wrote there, without its known noise.
 *
 * @category reasons
 * @since 0.1.0
 */
export class Exited extends Schema.TaggedError<Exited>("@effect-codex/core/CodexError/Exited")("Exited", {
  exitCode: Schema.optionalKey(Schema.Int),
  signal: Schema.optionalKey(Schema.String),
  stderr: Schema.String
}) {
  override get message(): string {
    const how = this.signal === undefined ? `exit code ${this.exitCode ?? "unknown"}` : `signal ${this.signal}`
    return `Codex ended (${how}) before its turn did${this.stderr === "" ? "" : `: ${this.stderr}`}`
  }

  get isTransient(): boolean {
    return false
  }
}

/**
 * What kind of cause a failed turn had, as far as its message tells.
 *
 * @category models
 * @since 0.1.0
 */
export type TurnFailureKind = typeof TurnFailureKind.Type

/**
 * Schema of {@link TurnFailureKind}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const TurnFailureKind = openLiterals([
  "unauthorized",
  "rate_limited",
  "usage_limit",
  "overloaded",
  "context_window",
  "invalid_request",
  "incomplete",
  "disconnected",
  "other"
])

/**
 * The agent reported that the turn failed. `description` is the cause that it gave.
 *
 * @category reasons
 * @since 0.1.0
 */
export class TurnFailed extends Schema.TaggedError<TurnFailed>("@effect-codex/core/CodexError/TurnFailed")(
  "TurnFailed",
  { kind: TurnFailureKind, description: Schema.String }
) {
  override get message(): string {
    return `The turn failed: ${this.description}`
  }

  get isTransient(): boolean {
    return this.kind === "rate_limited" || this.kind === "overloaded" || this.kind === "disconnected"
  }
}

/**
 * A time limit passed: until the first event, between two signs of progress, or for the whole run.
 *
 * @category reasons
 * @since 0.1.0
 */
export class TimedOut extends Schema.TaggedError<TimedOut>("@effect-codex/core/CodexError/TimedOut")("TimedOut", {
  limit: Schema.Literals(["firstEvent", "idle", "total"]),
  duration: Schema.Duration
}) {
  override get message(): string {
    const duration = Duration.format(this.duration)
    switch (this.limit) {
      case "firstEvent":
        return `Codex gave no sign of life within ${duration} (option \`firstEventTimeout\`)`
      case "idle":
        return `Codex made no progress for ${duration} (option \`idleTimeout\`)`
      case "total":
        return `The run took longer than ${duration} (option \`timeout\`)`
    }
  }

  get isTransient(): boolean {
    return this.limit !== "total"
  }
}

/**
 * An event that this version does not know, in strict mode. `issue` names what is wrong, not the values.
 *
 * @category reasons
 * @since 0.1.0
 */
export class EventUndecodable
  extends Schema.TaggedError<EventUndecodable>("@effect-codex/core/CodexError/EventUndecodable")(
    "EventUndecodable",
    { eventType: Schema.String, issue: Schema.String }
  )
{
  override get message(): string {
    return `Codex sent ${this.eventType}, which this version cannot decode (option \`strict\`): ${this.issue}`
  }

  get isTransient(): boolean {
    return false
  }
}

/**
 * One line of the CLI's output is longer than `limit` bytes.
 *
 * @category reasons
 * @since 0.1.0
 */
export class LineTooLong extends Schema.TaggedError<LineTooLong>("@effect-codex/core/CodexError/LineTooLong")(
  "LineTooLong",
  { limit: Schema.Int }
) {
  override get message(): string {
    return `Codex wrote a line of more than ${this.limit} bytes`
  }

  get isTransient(): boolean {
    return false
  }
}

/**
 * Another thread answered than the one that was asked for. Nothing was done on the one that was asked for.
 *
 * @category reasons
 * @since 0.1.0
 */
export class ThreadMismatch
  extends Schema.TaggedError<ThreadMismatch>("@effect-codex/core/CodexError/ThreadMismatch")("ThreadMismatch", {
    requested: Schema.String,
    actual: Schema.String
  })
{
  override get message(): string {
    return `Asked for thread ${this.requested}, but thread ${this.actual} answered`
  }

  get isTransient(): boolean {
    return false
  }
}

/**
 * There is no such thread in this `CODEX_HOME`.
 *
 * @category reasons
 * @since 0.1.0
 */
export class ThreadNotFound
  extends Schema.TaggedError<ThreadNotFound>("@effect-codex/core/CodexError/ThreadNotFound")("ThreadNotFound", {
    threadId: Schema.String
  })
{
  override get message(): string {
    return `No thread ${this.threadId} was found in this CODEX_HOME`
  }

  get isTransient(): boolean {
    return false
  }
}

/**
 * The thread was archived: Codex reads it, but does not go on with it.
 *
 * @category reasons
 * @since 0.1.0
 */
export class ThreadArchived
  extends Schema.TaggedError<ThreadArchived>("@effect-codex/core/CodexError/ThreadArchived")("ThreadArchived", {
    threadId: Schema.String
  })
{
  override get message(): string {
    return `Thread ${this.threadId} is archived: run \`codex unarchive ${this.threadId}\` first`
  }

  get isTransient(): boolean {
    return false
  }
}

/**
 * Another process is at work on the thread: Codex allows one writer at a time. Within one `Codex` service a
 * second run waits instead.
 *
 * @category reasons
 * @since 0.1.0
 */
export class ThreadBusy extends Schema.TaggedError<ThreadBusy>("@effect-codex/core/CodexError/ThreadBusy")(
  "ThreadBusy",
  { threadId: Schema.String }
) {
  override get message(): string {
    return `Another process is at work on thread ${this.threadId}`
  }

  get isTransient(): boolean {
    return true
  }
}

/**
 * There is no thread to continue yet, in this directory or at all.
 *
 * @category reasons
 * @since 0.1.0
 */
export class NoLastThread extends Schema.TaggedError<NoLastThread>("@effect-codex/core/CodexError/NoLastThread")(
  "NoLastThread",
  { directory: Schema.optionalKey(Schema.String) }
) {
  override get message(): string {
    return `This CODEX_HOME holds no thread${this.directory === undefined ? "" : ` of ${this.directory}`} to continue`
  }

  get isTransient(): boolean {
    return false
  }
}

/**
 * The session store has no session of this name.
 *
 * @category reasons
 * @since 0.1.0
 */
export class SessionNotFound
  extends Schema.TaggedError<SessionNotFound>("@effect-codex/core/CodexError/SessionNotFound")("SessionNotFound", {
    session: Schema.String
  })
{
  override get message(): string {
    return `There is no session \`${this.session}\``
  }

  get isTransient(): boolean {
    return false
  }
}

/**
 * The session store, or Codex's own files, could not be read or written. If the run itself went well, the error
 * carries its turn.
 *
 * @category reasons
 * @since 0.1.0
 */
export class StorageFailed
  extends Schema.TaggedError<StorageFailed>("@effect-codex/core/CodexError/StorageFailed")("StorageFailed", {
    session: Schema.optionalKey(Schema.String),
    /** The tag of the store's reason, such as `Locked` or `Unreadable`. */
    storeReason: Schema.optionalKey(Schema.String),
    problem: Schema.String
  })
{
  override get message(): string {
    return this.session === undefined ? this.problem : `Session \`${this.session}\`: ${this.problem}`
  }

  /** Another process was at it for too long. */
  get isTransient(): boolean {
    return this.storeReason === "Locked"
  }
}

/**
 * The final message is not what the `output` schema asked for. `text` is that message, `issue` what is wrong with it.
 *
 * @category reasons
 * @since 0.1.0
 */
export class OutputUndecodable
  extends Schema.TaggedError<OutputUndecodable>("@effect-codex/core/CodexError/OutputUndecodable")(
    "OutputUndecodable",
    { text: Schema.String, issue: Schema.String }
  )
{
  override get message(): string {
    return `The agent's answer does not obey the output schema: ${this.issue}`
  }

  get isTransient(): boolean {
    return false
  }
}

/**
 * The run was stopped by its handle (`CodexRun`).
 *
 * @category reasons
 * @since 0.1.0
 */
export class Stopped extends Schema.TaggedError<Stopped>("@effect-codex/core/CodexError/Stopped")("Stopped", {
  how: Schema.Literals(["interrupt", "kill"])
}) {
  override get message(): string {
    return `The run was stopped (${this.how})`
  }

  get isTransient(): boolean {
    return false
  }
}

/**
 * The app-server refused what was asked of it, or the connection to it was lost. `problem` is what it, or the
 * connection, said.
 *
 * @category reasons
 * @since 0.1.0
 */
export class AppServerFailed
  extends Schema.TaggedError<AppServerFailed>("@effect-codex/core/CodexError/AppServerFailed")("AppServerFailed", {
    problem: Schema.String,
    /** Whether it was out of reach, and another try may find it. */
    unreachable: Schema.Boolean
  })
{
  override get message(): string {
    return this.problem
  }

  get isTransient(): boolean {
    return this.unreachable
  }
}

/**
 * The app-server at `address` wants another token, or a token at all. That the service of the model wants another login
 * is a `TurnFailed` of the kind `unauthorized`.
 *
 * @category reasons
 * @since 0.1.0
 */
export class Unauthorized extends Schema.TaggedError<Unauthorized>("@effect-codex/core/CodexError/Unauthorized")(
  "Unauthorized",
  { address: Schema.String }
) {
  override get message(): string {
    return `The app-server at ${this.address} refused the token: pass the one that it was started with as \`token\``
  }

  get isTransient(): boolean {
    return false
  }
}

/**
 * The turn takes no more words: it has ended, or is a review or a compaction. `description` is what Codex said.
 *
 * @category reasons
 * @since 0.1.0
 */
export class NotSteerable
  extends Schema.TaggedError<NotSteerable>("@effect-codex/core/CodexError/NotSteerable")("NotSteerable", {
    threadId: Schema.String,
    turnId: Schema.String,
    description: Schema.String
  })
{
  override get message(): string {
    return `Turn ${this.turnId} can't be steered (${this.description}): say it in the next turn`
  }

  get isTransient(): boolean {
    return false
  }
}

/**
 * More events waited for this observer of a turn than its `bufferSize`. The turn goes on, as do its other observers.
 *
 * @category reasons
 * @since 0.1.0
 */
export class ObserverTooSlow
  extends Schema.TaggedError<ObserverTooSlow>("@effect-codex/core/CodexError/ObserverTooSlow")("ObserverTooSlow", {
    limit: Schema.Finite
  })
{
  override get message(): string {
    return `More than ${this.limit} events waited for an observer of the turn: observe it anew, or with a larger \`bufferSize\``
  }

  get isTransient(): boolean {
    return false
  }
}

/**
 * An option was refused before anything was started.
 *
 * @category reasons
 * @since 0.1.0
 */
export class InvalidOption extends Schema.TaggedError<InvalidOption>("@effect-codex/core/CodexError/InvalidOption")(
  "InvalidOption",
  { option: Schema.String, problem: Schema.String }
) {
  override get message(): string {
    return `Option \`${this.option}\`: ${this.problem}`
  }

  get isTransient(): boolean {
    return false
  }
}

/**
 * Every reason why a run fails.
 *
 * @category reasons
 * @since 0.1.0
 */
export type CodexErrorReason = typeof CodexErrorReason.Type

/**
 * Schema of {@link CodexErrorReason}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const CodexErrorReason = Schema.Union([
  BinaryNotFound,
  SpawnFailed,
  Exited,
  TurnFailed,
  TimedOut,
  EventUndecodable,
  LineTooLong,
  ThreadMismatch,
  ThreadNotFound,
  ThreadArchived,
  ThreadBusy,
  NoLastThread,
  SessionNotFound,
  StorageFailed,
  OutputUndecodable,
  Stopped,
  AppServerFailed,
  Unauthorized,
  NotSteerable,
  ObserverTooSlow,
  InvalidOption
])

// =============================================================================
// Error
// =============================================================================

/**
 * The one error of this library.
 *
 * @category errors
 * @since 0.1.0
 */
export class CodexError extends Schema.TaggedError<CodexError>("@effect-codex/core/CodexError")("CodexError", {
  reason: CodexErrorReason,
  /** What the turn came to before it failed. `Codex.run` always gives it; a stream has emitted it already. */
  turn: Schema.optionalKey(CodexTurn),
  /** Whether the agent may have acted before the failure, so that another try could do something twice. */
  worked: Schema.Boolean
}) {
  readonly [TypeId] = unlist(this, "turn")

  override get message(): string {
    return this.reason.message
  }

  /** Whether another try may succeed, and provably does nothing twice. */
  get isRetryable(): boolean {
    return !this.worked && this.reason.isTransient
  }

  /** Without the turn's content, which does not belong in logs. */
  override toJSON(): unknown {
    return {
      _tag: this._tag,
      reason: this.reason._tag,
      message: this.message,
      worked: this.worked,
      ...(this.turn === undefined
        ? {}
        : { turn: { threadId: this.turn.threadId, status: this.turn.status, items: this.turn.items.length } })
    }
  }
}

// =============================================================================
// Constructors
// =============================================================================

/**
 * An error before the agent could have acted.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromReason = (reason: CodexErrorReason): CodexError => new CodexError({ reason, worked: false })

/**
 * The same failure, after the agent may have acted.
 *
 * @category combinators
 * @since 0.1.0
 */
export const afterWork = (error: CodexError): CodexError =>
  error.worked ? error : new CodexError({ ...fields(error), worked: true })

/**
 * The same failure, with what the turn came to.
 *
 * @category combinators
 * @since 0.1.0
 */
export const withTurn = (error: CodexError, turn: CodexTurn): CodexError => new CodexError({ ...fields(error), turn })

// What the agent did is for the program, not for a log that prints the properties of an error.
const unlist = (self: object, key: string): typeof TypeId => {
  if (Object.hasOwn(self, key)) Object.defineProperty(self, key, { enumerable: false })
  return TypeId
}

const fields = ({ reason, turn, worked }: CodexError) => ({ reason, worked, ...(turn === undefined ? {} : { turn }) })

// =============================================================================
// Guards
// =============================================================================

/**
 * Whether a value is a {@link CodexError}.
 *
 * @category guards
 * @since 0.1.0
 */
export const isCodexError = (u: unknown): u is CodexError => Predicate.hasProperty(u, TypeId)

/**
 * Whether another try may succeed, and provably does nothing twice. For `Effect.retry({ while: CodexError.isRetryable })`.
 *
 * @category guards
 * @since 0.1.0
 */
export const isRetryable = (error: CodexError): boolean => error.isRetryable
