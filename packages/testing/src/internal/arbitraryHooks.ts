/**
 * What a hook is told of runs.
 *
 * @internal
 */
import type { CodexHookEvent, Common } from "@effect-codex/core/CodexHookEvent"
import * as Arbitrary from "effect/Arbitrary"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import { between, flag, list, name, optional, pick, threadId } from "./arbitraryParts.ts"

type Untimed = Omit<Common, "timestamp">

type Told = (common: Common) => CodexHookEvent

// =============================================================================
// Constructors
// =============================================================================

/** What one run tells: attempts that fail and are tried again, then one that ends it, and the record of its session. */
export const history: Arbitrary.Arbitrary<ReadonlyArray<CodexHookEvent>> = Arbitrary.map(
  Arbitrary.all({
    operation: pick("run", "stream", "start", "review"),
    thread: threadId,
    session: optional(name),
    retries: list(pick("TimedOut", "SpawnFailed", "TurnFailed"), 3),
    succeeds: flag,
    approvals: list(
      Arbitrary.all([pick("command", "fileChange", "permissions"), pick("decided", "timeout", "failed", "withdrawn")]),
      2
    ),
    events: list(pick("turn.started", "error", "usage.updated"), 3),
    startedAt: between(0, 1_000_000_000),
    waits: list(between(0, 10_000), 20)
  }),
  ({ approvals, events, operation, retries, session, startedAt, succeeds, thread, waits }) => {
    const lives = operation === "stream" || operation === "start"
    const last = retries.length + 1
    const told = [
      ...retries.flatMap((reason, index) => (lives ? failedStart : failedAttempt)(index + 1, reason)),
      ...(lives
        ? [liveStarted(last), ...["thread.started", ...events].map(liveEvent)]
        : [attemptStarted(last)]),
      ...approvals.flatMap(([kind, outcome], index) => approval(kind, outcome, index)),
      succeeds ? attemptSucceeded(last) : attemptFailed(last, "TurnFailed"),
      ...(session === undefined ? [] : [sessionUpdated(succeeds)])
    ]
    const common: Untimed = {
      operation,
      threadId: thread,
      ...(session === undefined ? {} : { sessionName: session })
    }
    let at = startedAt
    return told.map((make, index) => {
      at += waits[index] ?? 0
      return make({ ...common, timestamp: DateTime.makeUnsafe(at) })
    })
  }
)

// =============================================================================
// Events
// =============================================================================

const cause = (reason: string) => ({ reason, message: `${reason}.` })

const duration = Duration.seconds(1)

const attemptStarted = (attempt: number): Told => (common) => ({ type: "attempt.started", ...common, attempt })

const attemptFailed = (attempt: number, reason: string): Told => (common) => ({
  type: "attempt.failed",
  ...common,
  attempt,
  ...cause(reason),
  duration
})

const attemptSucceeded = (attempt: number): Told => (common) => ({
  type: "attempt.succeeded",
  ...common,
  attempt,
  exitCode: 0,
  turnStatus: "completed",
  duration
})

const failedAttempt = (attempt: number, reason: string): ReadonlyArray<Told> => [
  attemptStarted(attempt),
  attemptFailed(attempt, reason),
  (common) => ({ type: "retry.scheduled", ...common, attempt, retryDelay: duration, ...cause(reason) })
]

const failedStart = (attempt: number, reason: string): ReadonlyArray<Told> => [
  (common) => ({ type: "live.startup_failed", ...common, attempt, ...cause(reason) }),
  (common) => ({ type: "live.startup_retried", ...common, attempt, retryDelay: duration, ...cause(reason) })
]

const liveStarted = (attempt: number): Told => (common) => ({ type: "live.started", ...common, attempt, metadata: {} })

const liveEvent = (eventType: string): Told => (common) => ({ type: "live.event", ...common, metadata: { eventType } })

const sessionUpdated = (succeeded: boolean): Told => (common) => ({
  type: "session.updated",
  ...common,
  turnStatus: succeeded ? "completed" : "failed",
  duration,
  metadata: { turnCount: 1, successCount: succeeded ? 1 : 0, failureCount: succeeded ? 0 : 1 }
})

const methods = {
  command: "item/commandExecution/requestApproval",
  fileChange: "item/fileChange/requestApproval",
  permissions: "item/permissions/requestApproval"
}

const approval = (
  kind: keyof typeof methods,
  outcome: "decided" | "timeout" | "failed" | "withdrawn",
  index: number
): ReadonlyArray<Told> => {
  const about = { kind, method: methods[kind], turnId: "turn", itemId: `item_${index}` }
  return [
    (common) => ({ type: "approval.requested", ...common, ...about }),
    (common) => ({
      type: "approval.answered",
      ...common,
      ...about,
      outcome,
      ...(outcome === "withdrawn" ? {} : { answer: outcome === "decided" ? "accept" : "decline" }),
      duration
    })
  ]
}
