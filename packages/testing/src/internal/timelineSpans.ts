/**
 * What happened, with what belongs together as one: an item from its beginning to its end, an attempt, a question and
 * its answer.
 *
 * @internal
 */
import type { CodexHookEvent } from "@effect-codex/core/CodexHookEvent"
import type { CodexItem } from "@effect-codex/core/CodexItem"
import * as Duration from "effect/Duration"
import * as Predicate from "effect/Predicate"
import { isHookEvent, isTurn, type Moment, type Subject, toMoments } from "./timelineEntry.ts"
import { kindOfDelta, ofEvent } from "./timelineEventRow.ts"
import type { Row } from "./timelineRow.ts"
import { ofTurn } from "./timelineText.ts"

export interface Span {
  readonly row: Row
  /** Milliseconds since the start, if that is known. */
  readonly from: number | undefined
  readonly to: number | undefined
  /** What it is made of, in order. Pieces of text are only counted. */
  readonly steps: ReadonlyArray<{ readonly at: number | undefined; readonly type: string }>
  readonly pieces: number
  /** Whether its end is not known. */
  readonly isOpen: boolean
}

export const toSpans = (subject: Subject): ReadonlyArray<Span> =>
  isTurn(subject)
    ? ofTurn(subject).map((row) => ({ row, from: undefined, to: undefined, steps: [], pieces: 0, isOpen: false }))
    : ofMoments(toMoments(subject))

const ofMoments = (moments: ReadonlyArray<Moment>): ReadonlyArray<Span> => {
  const spans: Array<Span> = []
  /** Where the span of a key is that may go on. */
  const open = new Map<string, number>()
  for (const moment of moments) {
    const { key, phase } = placeOf(moment.event)
    const index = key === undefined ? undefined : open.get(key)
    const span = index === undefined ? undefined : spans[index]
    if (index === undefined || span === undefined || phase === "begins") {
      if (key !== undefined && phase !== "ends") open.set(key, spans.length)
      spans.push(first(moment, phase !== "ends" && key !== undefined))
    } else {
      spans[index] = next(span, moment, phase === "ends")
      if (key !== undefined && phase === "ends") open.delete(key)
    }
  }
  // What was left open had no end before the last of all.
  const end = moments.reduce<number | undefined>(
    (end, { at }) => at === undefined ? end : Math.max(end ?? at, at),
    undefined
  )
  const whole = spans.map((span) => span.isOpen ? unfinished(span, end) : span)
  return whole.every(({ from }) => from !== undefined) ? whole.toSorted(byBeginning) : whole
}

const byBeginning = (one: Span, other: Span): number => (one.from ?? 0) - (other.from ?? 0)

// =============================================================================
// Where an event belongs
// =============================================================================

interface Place {
  readonly key?: string | undefined
  readonly phase: "begins" | "goes on" | "ends"
}

const placeOf = (event: Moment["event"]): Place => {
  if (isHookEvent(event)) return placeOfHook(event)
  switch (event.type) {
    case "item.started":
      return { key: keyOfItem(event.item), phase: "begins" }
    case "item.updated":
      return { key: keyOfItem(event.item), phase: "goes on" }
    case "item.completed":
      return { key: keyOfItem(event.item), phase: "ends" }
    case "item.delta":
      return { key: `item ${event.item_id}`, phase: "goes on" }
    case "turn.started":
      return { key: "turn", phase: "begins" }
    case "turn.completed":
    case "turn.failed":
      return { key: "turn", phase: "ends" }
    case "approval.requested":
    case "approval.resolved":
      return {
        key: `asks ${event.request_id}`,
        phase: event.type === "approval.requested" ? "begins" : "ends"
      }
    default:
      return { phase: "ends" }
  }
}

const placeOfHook = (event: CodexHookEvent): Place => {
  switch (event.type) {
    case "attempt.started":
    case "attempt.succeeded":
    case "attempt.failed":
      return {
        key: `attempt ${event.attempt} of ${event.operation} in ${event.sessionName}`,
        phase: event.type === "attempt.started" ? "begins" : "ends"
      }
    case "approval.requested":
    case "approval.answered":
      return {
        key: `approval ${event.method} ${event.threadId} ${event.turnId} ${event.itemId}`,
        phase: event.type === "approval.requested" ? "begins" : "ends"
      }
    default:
      return { phase: "ends" }
  }
}

const keyOfItem = (item: CodexItem): string | undefined => {
  if (item.type !== "unknown") return `item ${item.id}`
  return Predicate.hasProperty(item.raw, "id") && typeof item.raw.id === "string" ? `item ${item.raw.id}` : undefined
}

// =============================================================================
// How a span grows
// =============================================================================

const first = ({ at, event }: Moment, isOpen: boolean): Span => {
  const row = rowOf(event)
  const isPiece = event.type === "item.delta"
  return {
    row,
    // What tells how long it took may be all that is told of it.
    from: at === undefined ? undefined : at - (row.took ?? 0),
    to: at === undefined ? undefined : at + pauseOf(event),
    steps: isPiece ? [] : [{ at, type: event.type }],
    pieces: isPiece ? 1 : 0,
    isOpen
  }
}

const next = (span: Span, { at, event }: Moment, isEnd: boolean): Span =>
  event.type === "item.delta"
    ? { ...span, to: at, pieces: span.pieces + 1 }
    : {
      ...span,
      row: rowOf(event),
      to: at,
      steps: [...span.steps, { at, type: event.type }],
      isOpen: !isEnd
    }

/** A row stands for all of its span: it does not say that this begins. */
const rowOf = (event: Moment["event"]): Row => {
  const row = ofEvent(event)
  switch (event.type) {
    case "item.started":
    case "item.updated":
      return { ...row, note: undefined, tone: undefined }
    case "item.delta":
      return { kind: kindOfDelta(event.kind), label: "writes", text: event.delta, tone: "quiet" }
    default:
      return row
  }
}

const unfinished = (span: Span, end: number | undefined): Span => ({
  ...span,
  to: end,
  row: { ...span.row, note: "not finished", tone: "bad" }
})

/** Until the next try. */
const pauseOf = (event: Moment["event"]): number =>
  event.type === "retry.scheduled" || event.type === "live.startup_retried" ? Duration.toMillis(event.retryDelay) : 0
