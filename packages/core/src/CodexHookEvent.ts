/**
 * What the client tells of its own doings: attempts, retries, streams that start, sessions that it
 * updates, approvals.
 *
 * These are for dashboards, audits and tests, and tell nothing of what was said: neither prompts nor output nor
 * secrets. They encode and decode (`Schema.toCodecJson(CodexHookEvent.CodexHookEvent)`), so that they can be
 * sent and stored. Later versions may add types: leave room for them.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { TurnStatus } from "./CodexTurn.ts"

// =============================================================================
// Models
// =============================================================================

const common = {
  /** What the user called, such as `run`, `stream`, `start` or `review`. */
  operation: Schema.String,
  /** When it happened. */
  timestamp: Schema.DateTimeUtc,
  /** The name of the session that the thread is stored under. */
  sessionName: Schema.optionalKey(Schema.String),
  /** The thread, once it is known. */
  threadId: Schema.optionalKey(Schema.String),
  /** The command line, where there is one. It never holds the prompt or a key. */
  command: Schema.optionalKey(Schema.Array(Schema.String))
}

const outcome = {
  exitCode: Schema.optionalKey(Schema.Int),
  turnStatus: Schema.optionalKey(TurnStatus)
}

const cause = {
  /** The message of the `CodexError`. */
  message: Schema.optionalKey(Schema.String),
  /** The tag of the `CodexError`'s reason, such as `TimedOut`. */
  reason: Schema.optionalKey(Schema.String)
}

/** Counts from 1. */
const attempt = Schema.Int

/**
 * What every event has.
 *
 * @category models
 * @since 0.1.0
 */
export type Common = Schema.Struct.Type<typeof common>

/**
 * A run is tried: for the first time, or again.
 *
 * @category models
 * @since 0.1.0
 */
export type AttemptStarted = typeof AttemptStarted.Type

/**
 * Schema of {@link AttemptStarted}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const AttemptStarted = Schema.Struct({ type: Schema.Literal("attempt.started"), ...common, attempt })

/**
 * A try failed. Whether there is another one is told by {@link RetryScheduled}.
 *
 * @category models
 * @since 0.1.0
 */
export type AttemptFailed = typeof AttemptFailed.Type

/**
 * Schema of {@link AttemptFailed}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const AttemptFailed = Schema.Struct({
  type: Schema.Literal("attempt.failed"),
  ...common,
  attempt,
  ...outcome,
  ...cause,
  duration: Schema.optionalKey(Schema.Duration)
})

/**
 * A try succeeded, and the run with it.
 *
 * @category models
 * @since 0.1.0
 */
export type AttemptSucceeded = typeof AttemptSucceeded.Type

/**
 * Schema of {@link AttemptSucceeded}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const AttemptSucceeded = Schema.Struct({
  type: Schema.Literal("attempt.succeeded"),
  ...common,
  attempt,
  ...outcome,
  duration: Schema.optionalKey(Schema.Duration)
})

/**
 * After the failure of `attempt` there will be another one, in `retryDelay`.
 *
 * @category models
 * @since 0.1.0
 */
export type RetryScheduled = typeof RetryScheduled.Type

/**
 * Schema of {@link RetryScheduled}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const RetryScheduled = Schema.Struct({
  type: Schema.Literal("retry.scheduled"),
  ...common,
  attempt,
  retryDelay: Schema.Duration,
  ...outcome,
  ...cause
})

/**
 * A stream has its first sign of life. `pid` is the process, where a run has one of its own.
 *
 * @category models
 * @since 0.1.0
 */
export type LiveStarted = typeof LiveStarted.Type

/**
 * Schema of {@link LiveStarted}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const LiveStarted = Schema.Struct({
  type: Schema.Literal("live.started"),
  ...common,
  attempt,
  metadata: Schema.Struct({ pid: Schema.optionalKey(Schema.Int) })
})

/**
 * A stream failed before its first event.
 *
 * @category models
 * @since 0.1.0
 */
export type LiveStartupFailed = typeof LiveStartupFailed.Type

/**
 * Schema of {@link LiveStartupFailed}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const LiveStartupFailed = Schema.Struct({
  type: Schema.Literal("live.startup_failed"),
  ...common,
  attempt,
  ...outcome,
  ...cause
})

/**
 * A stream that failed before its first event will be started again, in `retryDelay`.
 *
 * @category models
 * @since 0.1.0
 */
export type LiveStartupRetried = typeof LiveStartupRetried.Type

/**
 * Schema of {@link LiveStartupRetried}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const LiveStartupRetried = Schema.Struct({
  type: Schema.Literal("live.startup_retried"),
  ...common,
  attempt,
  retryDelay: Schema.Duration,
  ...outcome,
  ...cause
})

/**
 * An event of a run went by: its type, and that of its item.
 *
 * @category models
 * @since 0.1.0
 */
export type LiveEvent = typeof LiveEvent.Type

/**
 * Schema of {@link LiveEvent}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const LiveEvent = Schema.Struct({
  type: Schema.Literal("live.event"),
  ...common,
  metadata: Schema.Struct({ eventType: Schema.String, itemType: Schema.optionalKey(Schema.String) })
})

/**
 * A turn was written down in its session; `metadata` is how many the session has had.
 *
 * @category models
 * @since 0.1.0
 */
export type SessionUpdated = typeof SessionUpdated.Type

/**
 * Schema of {@link SessionUpdated}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const SessionUpdated = Schema.Struct({
  type: Schema.Literal("session.updated"),
  ...common,
  ...outcome,
  duration: Schema.optionalKey(Schema.Duration),
  metadata: Schema.Struct({ turnCount: Schema.Int, successCount: Schema.Int, failureCount: Schema.Int })
})

const approval = {
  /** The kind of the `ApprovalRequest`. */
  kind: Schema.String,
  /** The method by which the app-server asked. */
  method: Schema.String,
  turnId: Schema.optionalKey(Schema.String),
  itemId: Schema.optionalKey(Schema.String)
}

/**
 * The agent asks for approval.
 *
 * @category models
 * @since 0.1.0
 */
export type ApprovalRequested = typeof ApprovalRequested.Type

/**
 * Schema of {@link ApprovalRequested}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ApprovalRequested = Schema.Struct({ type: Schema.Literal("approval.requested"), ...common, ...approval })

/**
 * The agent has its answer: the one that was `decided`, or "no" after a `timeout` or as who decides `failed`; or it does
 * not wait for one any more, as its request was `withdrawn`.
 *
 * @category models
 * @since 0.1.0
 */
export type ApprovalAnswered = typeof ApprovalAnswered.Type

/**
 * Schema of {@link ApprovalAnswered}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ApprovalAnswered = Schema.Struct({
  type: Schema.Literal("approval.answered"),
  ...common,
  ...approval,
  outcome: Schema.Literals(["decided", "timeout", "failed", "withdrawn"]),
  /** The type of the `ApprovalAnswer`. */
  answer: Schema.optionalKey(Schema.String),
  duration: Schema.Duration
})

/**
 * Something that the client did.
 *
 * @category models
 * @since 0.1.0
 */
export type CodexHookEvent = typeof CodexHookEvent.Type

/**
 * Schema of {@link CodexHookEvent}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const CodexHookEvent = Schema.Union([
  AttemptStarted,
  AttemptFailed,
  AttemptSucceeded,
  RetryScheduled,
  LiveStarted,
  LiveStartupFailed,
  LiveStartupRetried,
  LiveEvent,
  SessionUpdated,
  ApprovalRequested,
  ApprovalAnswered
])
