/**
 * What is kept of a session: a name under which a thread's id and the history of its turns are remembered.
 *
 * Records are plain values that encode to JSON and back without a loss; these functions are pure. Where
 * records are kept is the affair of `SessionStore`.
 *
 * @since 0.1.0
 */
import type * as DateTime from "effect/DateTime"
import * as Schema from "effect/Schema"
import { TokenUsage } from "./CodexEvent.ts"
import { openLiterals } from "./internal/wire.ts"

// =============================================================================
// Constants
// =============================================================================

/**
 * So many characters of a prompt are kept.
 *
 * @category constants
 * @since 0.1.0
 */
export const promptPreviewLimit = 180

/**
 * So many characters of the agent's answer are kept.
 *
 * @category constants
 * @since 0.1.0
 */
export const messagePreviewLimit = 220

/**
 * So many turns are kept in a record's history, unless another number is asked for.
 *
 * @category constants
 * @since 0.1.0
 */
export const defaultMaxTurns = 20

// =============================================================================
// Models
// =============================================================================

/**
 * The name of a session: any text of 1 to 200 characters without white space around it, NUL characters or halves
 * of surrogate pairs. Names that differ in any character, also in upper and lower case, are different.
 *
 * @category models
 * @since 0.1.0
 */
export type SessionName = typeof SessionName.Type

/**
 * Schema of {@link SessionName}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const SessionName = Schema.String.check(
  Schema.isNonEmpty({ expected: "a name that is not blank" }),
  Schema.isMaxLength(200, { expected: "a name of at most 200 characters" }),
  Schema.isTrimmed({ expected: "a name without white space around it" }),
  Schema.makeFilter((name: string) => !name.includes("\0") && name.isWellFormed(), {
    expected: "a name of well-formed text without NUL characters"
  })
)

/**
 * How a turn ended.
 *
 * @category models
 * @since 0.1.0
 */
export type SessionTurnStatus = typeof SessionTurnStatus.Type

/**
 * Schema of {@link SessionTurnStatus}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const SessionTurnStatus = openLiterals(["completed", "failed", "interrupted"])

/**
 * What is remembered of one turn.
 *
 * @category models
 * @since 0.1.0
 */
export type SessionTurn = typeof SessionTurn.Type

/**
 * Schema of {@link SessionTurn}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const SessionTurn = Schema.Struct({
  /** When the turn ended. */
  timestamp: Schema.DateTimeUtcFromString,
  /** Which call it was, such as `run` or `stream`. */
  operation: Schema.String,
  /** The beginning of the prompt, see {@link preview}. */
  promptPreview: Schema.optionalKey(Schema.String),
  /** The beginning of the agent's answer, see {@link preview}. */
  messagePreview: Schema.optionalKey(Schema.String),
  /** Of the CLI, where a process ran the turn. */
  exitCode: Schema.optionalKey(Schema.Int),
  status: Schema.optionalKey(SessionTurnStatus),
  duration: Schema.DurationFromString
})

/**
 * What is remembered of a session. The counters count every turn, also those that the history no longer holds.
 *
 * @category models
 * @since 0.1.0
 */
export type SessionRecord = typeof SessionRecord.Type

/**
 * Schema of {@link SessionRecord}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const SessionRecord = Schema.Struct({
  name: SessionName,
  threadId: Schema.NonEmptyString,
  createdAt: Schema.DateTimeUtcFromString,
  updatedAt: Schema.DateTimeUtcFromString,
  lastTurnStatus: Schema.optionalKey(SessionTurnStatus),
  turnCount: Schema.Natural,
  /** Turns with the status `completed`. */
  successCount: Schema.Natural,
  /** All other turns. */
  failureCount: Schema.Natural,
  /** The last turns, oldest first. */
  turns: Schema.Array(SessionTurn),
  /** Tokens of the whole thread, as last reported. */
  threadUsage: Schema.optionalKey(TokenUsage)
})

// =============================================================================
// Constructors
// =============================================================================

/**
 * The record of a session that has had no turn yet.
 *
 * @category constructors
 * @since 0.1.0
 */
export const start = (options: {
  readonly name: SessionName
  readonly threadId: string
  readonly at: DateTime.Utc
}): SessionRecord => ({
  name: options.name,
  threadId: options.threadId,
  createdAt: options.at,
  updatedAt: options.at,
  turnCount: 0,
  successCount: 0,
  failureCount: 0,
  turns: []
})

/**
 * The beginning of a text: trimmed, and cut to at most `limit` characters (at least 3), the last three of which are
 * then dots. `undefined` if nothing is left. A surrogate pair is never cut in half.
 *
 * @category constructors
 * @since 0.1.0
 */
export const preview = (text: string, limit: number): string | undefined => {
  const trimmed = text.trim()
  if (trimmed === "") return undefined
  if (trimmed.length <= limit) return trimmed
  const end = limit - 3
  const splitsPair = (trimmed.codePointAt(end - 1) ?? 0) > 0xff_ff
  return `${trimmed.slice(0, splitsPair ? end - 1 : end)}...`
}

// =============================================================================
// Combinators
// =============================================================================

/**
 * The session goes on with this thread. History and counters stay; the tokens of another thread do not.
 *
 * @category combinators
 * @since 0.1.0
 */
export const withThread = (self: SessionRecord, threadId: string, at: DateTime.Utc): SessionRecord => {
  if (threadId === self.threadId) return { ...self, updatedAt: at }
  const { threadUsage: _, ...rest } = self
  return { ...rest, threadId, updatedAt: at }
}

/**
 * Options of {@link addTurn}.
 *
 * @category options
 * @since 0.1.0
 */
export interface AddTurnOptions {
  /** So many of the last turns are kept, at least 1. Default {@link defaultMaxTurns}. */
  readonly maxTurns?: number | undefined
  /** Tokens of the whole thread after the turn. Default: those of the record stay. */
  readonly threadUsage?: TokenUsage | undefined
}

/**
 * Counts a turn and appends it to the history. Only the status `completed` is a success.
 *
 * @category combinators
 * @since 0.1.0
 */
export const addTurn = (self: SessionRecord, turn: SessionTurn, options: AddTurnOptions = {}): SessionRecord => {
  const { maxTurns = defaultMaxTurns, threadUsage } = options
  const { lastTurnStatus: _, ...rest } = self
  const success = turn.status === "completed" ? 1 : 0
  return {
    ...rest,
    updatedAt: turn.timestamp,
    ...(turn.status === undefined ? {} : { lastTurnStatus: turn.status }),
    turnCount: self.turnCount + 1,
    successCount: self.successCount + success,
    failureCount: self.failureCount + 1 - success,
    turns: [...self.turns, turn].slice(-Math.max(1, Math.floor(maxTurns))),
    ...(threadUsage === undefined ? {} : { threadUsage })
  }
}
