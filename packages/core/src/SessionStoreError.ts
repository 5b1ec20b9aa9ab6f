/**
 * Why a session store could not do what it was asked: one tagged error with a tagged `reason`.
 *
 * Messages say what to do, and name the place but never the content of what is stored. The store holds what it held
 * before; only after `StorageFailed` an update may have been made, if the answer of the storage got lost.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

const TypeId = "~@effect-codex/core/SessionStoreError" as const

// =============================================================================
// Reasons
// =============================================================================

/**
 * The name is none that a session can have, see `SessionRecord.SessionName`.
 *
 * @category reasons
 * @since 0.1.0
 */
export class InvalidName extends Schema.TaggedError<InvalidName>("@effect-codex/core/SessionStoreError/InvalidName")(
  "InvalidName",
  { problem: Schema.String }
) {
  override get message(): string {
    return `Not a name for a session: ${this.problem}`
  }
}

/**
 * The record is none that can be stored under this name.
 *
 * @category reasons
 * @since 0.1.0
 */
export class InvalidRecord
  extends Schema.TaggedError<InvalidRecord>("@effect-codex/core/SessionStoreError/InvalidRecord")("InvalidRecord", {
    name: Schema.String,
    problem: Schema.String
  })
{
  override get message(): string {
    return `Cannot store the record of session "${this.name}": ${this.problem}`
  }
}

/**
 * What is stored at `location`, a path or a table, cannot be understood, and was left untouched.
 *
 * @category reasons
 * @since 0.1.0
 */
export class Unreadable extends Schema.TaggedError<Unreadable>("@effect-codex/core/SessionStoreError/Unreadable")(
  "Unreadable",
  { location: Schema.String, problem: Schema.String }
) {
  override get message(): string {
    return `Cannot understand the sessions stored in ${this.location}, which were left untouched: repair them or ` +
      `move them away (${this.problem})`
  }
}

/**
 * What is stored at `location` was written by a version that this one does not know, and was left untouched.
 *
 * @category reasons
 * @since 0.1.0
 */
export class UnsupportedVersion
  extends Schema.TaggedError<UnsupportedVersion>("@effect-codex/core/SessionStoreError/UnsupportedVersion")(
    "UnsupportedVersion",
    { location: Schema.String, version: Schema.Finite }
  )
{
  override get message(): string {
    return `The sessions stored in ${this.location} have version ${this.version}, which this version of ` +
      `@effect-codex cannot read. They were left untouched: upgrade it`
  }
}

/**
 * Others were at work on `location` for as long as the store waits. Another try may succeed.
 *
 * @category reasons
 * @since 0.1.0
 */
export class Locked extends Schema.TaggedError<Locked>("@effect-codex/core/SessionStoreError/Locked")("Locked", {
  location: Schema.String,
  waited: Schema.Duration,
  /** Who was at work last, where that is known. */
  holder: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    return `The sessions in ${this.location} were kept busy for ${Duration.format(this.waited)} by ` +
      `${this.holder ?? "others"}: try again later`
  }
}

/**
 * The storage itself failed: `operation` is what was tried, `problem` what the storage said.
 *
 * @category reasons
 * @since 0.1.0
 */
export class StorageFailed
  extends Schema.TaggedError<StorageFailed>("@effect-codex/core/SessionStoreError/StorageFailed")("StorageFailed", {
    operation: Schema.String,
    location: Schema.String,
    problem: Schema.String
  })
{
  override get message(): string {
    return `Could not ${this.operation} the sessions in ${this.location}: ${this.problem}`
  }
}

/**
 * Every reason why a session store fails.
 *
 * @category reasons
 * @since 0.1.0
 */
export type SessionStoreErrorReason = typeof SessionStoreErrorReason.Type

/**
 * Schema of {@link SessionStoreErrorReason}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const SessionStoreErrorReason = Schema.Union([
  InvalidName,
  InvalidRecord,
  Unreadable,
  UnsupportedVersion,
  Locked,
  StorageFailed
])

// =============================================================================
// Error
// =============================================================================

/**
 * The one error of session stores.
 *
 * @category errors
 * @since 0.1.0
 */
export class SessionStoreError
  extends Schema.TaggedError<SessionStoreError>("@effect-codex/core/SessionStoreError")("SessionStoreError", {
    reason: SessionStoreErrorReason
  })
{
  readonly [TypeId] = TypeId
  override readonly cause = this.reason

  override get message(): string {
    return this.reason.message
  }
}

// =============================================================================
// Constructors
// =============================================================================

/**
 * The error that has this reason.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromReason = (reason: SessionStoreErrorReason): SessionStoreError => new SessionStoreError({ reason })

// =============================================================================
// Guards
// =============================================================================

/**
 * Whether a value is a {@link SessionStoreError}.
 *
 * @category guards
 * @since 0.1.0
 */
export const isSessionStoreError = (u: unknown): u is SessionStoreError => Predicate.hasProperty(u, TypeId)
