/**
 * Whatever happened, in words.
 *
 * @internal
 */
import { isHookEvent, type Moment } from "./timelineEntry.ts"
import { ofHook } from "./timelineHookRow.ts"
import { ofItem, ofPlan, ofUnknown } from "./timelineItemRow.ts"
import { type Kind, ofUsage, type Row, trouble } from "./timelineRow.ts"
import { count } from "./timelineWords.ts"

export const ofEvent = (event: Moment["event"]): Row => {
  if (isHookEvent(event)) return ofHook(event)
  switch (event.type) {
    case "thread.started":
      return { kind: "run", label: "thread", text: event.thread_id, tone: "quiet" }
    case "turn.started":
      return { kind: "run", label: "turn", text: "", note: "begins", tone: "quiet" }
    case "turn.completed":
      return {
        kind: "run",
        label: "turn",
        text: `completed; thread: ${ofUsage(event.usage)}`,
        usage: event.usage,
        tone: "good"
      }
    case "turn.failed":
      return trouble("turn", `failed: ${event.error.message}`)
    case "item.started":
      return { ...ofItem(event.item), note: "begins", tone: "quiet" }
    case "item.updated":
      return { ...ofItem(event.item), note: "changes" }
    case "item.completed":
      return ofItem(event.item)
    case "error":
      return trouble("notice", event.message)
    case "item.delta":
      return {
        kind: kindOfDelta(event.kind),
        label: "writes",
        text: event.delta,
        note: `${event.kind} of ${event.item_id}`,
        tone: "quiet"
      }
    case "plan.updated":
      return ofPlan(
        event.plan.map(({ status, step }) => ({ completed: status === "completed", text: step })),
        event.explanation ?? undefined
      )
    case "diff.updated":
      return { kind: "work", label: "diff", text: ofDiff(event.diff), tone: "quiet", detail: event.diff }
    case "usage.updated":
      return {
        kind: "tokens",
        label: "tokens",
        text: `${ofUsage(event.last)}; thread: ${ofUsage(event.usage)}`,
        usage: event.usage
      }
    case "unknown":
      return ofUnknown(event)
    case "failure":
      return trouble("failure", `${event.reason}: ${event.message}`)
    case "approval.requested":
    case "approval.resolved":
      return {
        kind: "approval",
        label: "asks",
        text: event.item_id === undefined ? event.kind : `${event.kind} for ${event.item_id}`,
        note: event.type === "approval.requested" ? "waits" : "waits no more"
      }
  }
}

export const kindOfDelta = (kind: string): Kind => kind === "output" || kind === "progress" ? "work" : "words"

const ofDiff = (diff: string): string => {
  const lines = diff.split("\n")
  const starting = (start: string) => lines.filter((line) => line.startsWith(start)).length
  const headers = starting("+++ ")
  return `${count(headers, "file")}, +${starting("+") - headers} -${starting("-") - starting("--- ")}`
}
