/**
 * What a hook was told, in words.
 *
 * @internal
 */
import type { CodexHookEvent } from "@effect-codex/core/CodexHookEvent"
import * as Duration from "effect/Duration"
import { type Row, trouble } from "./timelineRow.ts"
import { count, duration } from "./timelineWords.ts"

export const ofHook = (event: CodexHookEvent): Row => {
  switch (event.type) {
    case "attempt.started":
      return {
        kind: "run",
        label: "attempt",
        text: `${event.attempt} of ${subjectOf(event)}`,
        note: "begins",
        tone: "quiet"
      }
    case "attempt.succeeded":
      return {
        kind: "run",
        label: "attempt",
        text: `${event.attempt} of ${subjectOf(event)} succeeded`,
        took: took(event),
        tone: "good"
      }
    case "attempt.failed":
      return {
        ...trouble("attempt", `${event.attempt} of ${subjectOf(event)} failed: ${causeOf(event)}`),
        took: took(event)
      }
    case "retry.scheduled":
    case "live.startup_retried":
      return trouble(
        "retry",
        `in ${duration(Duration.toMillis(event.retryDelay))}, after attempt ${event.attempt}: ${causeOf(event)}`
      )
    case "live.started": {
      const { pid } = event.metadata
      return {
        kind: "run",
        label: "stream",
        text: pid === undefined ? "is alive" : `is alive (pid ${pid})`,
        tone: "quiet"
      }
    }
    case "live.startup_failed":
      return trouble("stream", `did not start: ${causeOf(event)}`)
    case "live.event": {
      const { eventType, itemType } = event.metadata
      return {
        kind: "other",
        label: "passes",
        text: itemType === undefined ? eventType : `${eventType} ${itemType}`,
        tone: "quiet"
      }
    }
    case "session.updated": {
      const { failureCount, successCount, turnCount } = event.metadata
      return {
        kind: "run",
        label: "session",
        text: `${event.sessionName ?? "without a name"}: ${
          count(turnCount, "turn")
        }, ${successCount} well, ${failureCount} failed`,
        tone: "quiet"
      }
    }
    case "approval.requested":
      return { kind: "approval", label: "approval", text: `${event.kind} (${event.method})`, note: "asked for" }
    case "approval.answered":
      return {
        kind: "approval",
        label: "approval",
        text: `${event.kind} (${event.method})`,
        note: answerOf(event),
        took: Duration.toMillis(event.duration),
        tone: event.outcome === "decided" && event.answer !== "decline" && event.answer !== "cancel" ? "good" : "bad"
      }
  }
}

type HookEvent<Type extends CodexHookEvent["type"]> = Extract<CodexHookEvent, { readonly type: Type }>

const subjectOf = ({ operation, sessionName }: CodexHookEvent): string =>
  sessionName === undefined ? operation : `${operation} in session ${sessionName}`

const causeOf = ({ message, reason }: {
  readonly message?: string | undefined
  readonly reason?: string | undefined
}): string => [reason, message].filter((text) => text !== undefined).join(": ") || "no cause was told"

const took = (event: HookEvent<"attempt.failed" | "attempt.succeeded">): number | undefined =>
  event.duration === undefined ? undefined : Duration.toMillis(event.duration)

const answerOf = ({ answer, outcome }: HookEvent<"approval.answered">): string =>
  outcome === "decided" ? answer ?? "decided" : answer === undefined ? outcome : `${answer} (${outcome})`
