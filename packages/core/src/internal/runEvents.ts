/**
 * What a hook is told of a run.
 *
 * @internal
 */
import * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as CodexError from "../CodexError.ts"
import type { CodexEvent } from "../CodexEvent.ts"
import type { CodexHookEvent, Common } from "../CodexHookEvent.ts"
import type { Worker } from "../CodexTransport.ts"
import type { SessionRecord } from "../SessionRecord.ts"
import type { HookDelivery } from "./hookDelivery.ts"

/** Which run, and which attempt of it. */
export interface Subject {
  readonly operation: string
  readonly session: string | undefined
  readonly threadId: string | undefined
  readonly attempt: number
  readonly worker: Worker | undefined
}

type Fields<Event> = Event extends CodexHookEvent ? Omit<Event, keyof Common> : never

/** An event without what all have in common. */
type Told = Fields<CodexHookEvent>

/** Tells the hook, if there is one, of something that happens now. */
export const tell = (
  hook: HookDelivery,
  subject: Subject,
  make: (subject: Subject) => Told
): Effect.Effect<void> =>
  hook.isActive
    ? Effect.flatMap(DateTime.now, (timestamp) =>
      hook.emit({
        operation: subject.operation,
        timestamp,
        ...(subject.session === undefined ? {} : { sessionName: subject.session }),
        ...(subject.threadId === undefined ? {} : { threadId: subject.threadId }),
        ...(subject.worker?.command === undefined ? {} : { command: subject.worker.command }),
        ...make(subject)
      }))
    : Effect.void

export const attemptStarted = ({ attempt }: Subject): Told => ({ type: "attempt.started", attempt })

export const attemptSucceeded = (duration: Duration.Duration) => ({ attempt }: Subject): Told => ({
  type: "attempt.succeeded",
  attempt,
  duration,
  exitCode: 0,
  turnStatus: "completed"
})

export const attemptFailed =
  (error: CodexError.CodexError, duration: Duration.Duration) => ({ attempt }: Subject): Told => ({
    type: "attempt.failed",
    attempt,
    duration,
    ...causeOf(error)
  })

export const retryScheduled =
  (error: CodexError.CodexError, retryDelay: Duration.Duration) => ({ attempt }: Subject): Told => ({
    type: "retry.scheduled",
    attempt,
    retryDelay,
    ...causeOf(error)
  })

export const liveStarted = ({ attempt, worker }: Subject): Told => ({
  type: "live.started",
  attempt,
  metadata: worker?.pid === undefined ? {} : { pid: worker.pid }
})

export const liveStartupFailed = (error: CodexError.CodexError) => ({ attempt }: Subject): Told => ({
  type: "live.startup_failed",
  attempt,
  ...causeOf(error)
})

export const liveStartupRetried =
  (error: CodexError.CodexError, retryDelay: Duration.Duration) => ({ attempt }: Subject): Told => ({
    type: "live.startup_retried",
    attempt,
    retryDelay,
    ...causeOf(error)
  })

export const liveEvent = (event: CodexEvent) => (): Told => ({
  type: "live.event",
  metadata: { eventType: event.type, ...("item" in event ? { itemType: event.item.type } : {}) }
})

export const sessionUpdated = (record: SessionRecord, duration: Duration.Duration) => (): Told => {
  const { failureCount, successCount, turnCount } = record
  const { exitCode, status } = record.turns.at(-1) ?? {}
  return {
    type: "session.updated",
    duration,
    metadata: { turnCount, successCount, failureCount },
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(status === undefined ? {} : { turnStatus: status })
  }
}

/** The exit code that `codex exec` has for this, or 124 as `timeout` has it. */
export const exitCodeOf = ({ reason }: CodexError.CodexError): number | undefined => {
  switch (reason._tag) {
    case "Exited":
      return reason.exitCode
    case "TurnFailed":
      return 1
    case "TimedOut":
      return 124
    default:
      return undefined
  }
}

const causeOf = (error: CodexError.CodexError) => {
  const exitCode = exitCodeOf(error)
  return {
    message: error.message,
    reason: error.reason._tag,
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(error.reason._tag === "TurnFailed" ? { turnStatus: "failed" } : {})
  }
}
