/**
 * A timeline as lines of text.
 *
 * @internal
 */
import type { TokenUsage } from "@effect-codex/core/CodexEvent"
import type { CodexTurn } from "@effect-codex/core/CodexTurn"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import { isEvents, isTurn, type Moment, type Subject, type Timeline, toMoments } from "./timelineEntry.ts"
import { ofEvent } from "./timelineEventRow.ts"
import { ofItem } from "./timelineItemRow.ts"
import { ofUsage, type Row, trouble } from "./timelineRow.ts"
import { count, duration, firstWords } from "./timelineWords.ts"

export const toText = (subject: Subject): string => {
  if (isTurn(subject)) return ofTurn(subject).map((row) => line(row)).join("\n")
  const moments = joinDeltas(toMoments(subject))
  const isTimed = moments.some(({ at }) => at !== undefined)
  const lines = moments.map(({ at, event, pieces }) => {
    const row = ofEvent(event)
    const time = isTimed ? `${(at === undefined ? "" : duration(at)).padStart(timeWidth)}  ` : ""
    return time + line(pieces === 1 ? row : { ...row, note: `${row.note}, ${pieces} pieces` })
  })
  if (isEvents(subject)) return lines.join("\n")
  return [`Started ${startOf(subject)}`, ...lines, ...omission(subject)].join("\n")
}

const timeWidth = 7
const labelWidth = 9
const textLength = 100

/** One line, without an end. */
export const line = ({ label, note, text, took }: Row): string => {
  const notes = [note, took === undefined ? undefined : duration(took)].filter((word) => word !== undefined)
  const end = notes.length === 0 ? "" : `(${firstWords(notes.join(", "), textLength)})`
  const words = [firstWords(text, textLength), end].filter((part) => part !== "")
  return `${label.padEnd(labelWidth)}${words.join("  ")}`.trimEnd()
}

/** When a recording began, in UTC. */
export const startOf = ({ startedAt }: Timeline): string =>
  Option.match(DateTime.make(startedAt), { onNone: () => `${startedAt} ms`, onSome: DateTime.formatIso })

export const omission = ({ omitted }: Timeline): ReadonlyArray<string> =>
  omitted === 0 ? [] : [`… ${count(omitted)} more that the recorder had no room for (option \`limit\`)`]

export const ofTurn = (turn: CodexTurn): ReadonlyArray<Row> => [
  ...(turn.threadId === undefined ? [] : [ofEvent({ type: "thread.started", thread_id: turn.threadId })]),
  ...turn.items.map(ofItem),
  ...turn.notices.map((message) => trouble("notice", message)),
  ...(turn.usage === undefined ? [] : [tokens("turn", turn.usage)]),
  ...(turn.threadUsage === undefined ? [] : [{ ...tokens("thread", turn.threadUsage), usage: turn.threadUsage }]),
  endOf(turn)
]

const tokens = (of: string, usage: TokenUsage): Row => ({
  kind: "tokens",
  label: "tokens",
  text: `${of}: ${ofUsage(usage)}`
})

const endOf = ({ duration: took, error, status }: CodexTurn): Row => ({
  kind: error === undefined ? "run" : "trouble",
  label: "turn",
  text: error === undefined ? status : `${status}: ${error}`,
  took: Duration.toMillis(took),
  tone: status === "completed" ? "good" : "bad",
  detail: error
})

interface Joined extends Moment {
  /** How many pieces of an item this stands for. */
  readonly pieces: number
}

/** The pieces of an item that follow each other, as one. */
const joinDeltas = (moments: ReadonlyArray<Moment>): ReadonlyArray<Joined> => {
  const result: Array<Joined> = []
  for (const { at, event } of moments) {
    const last = result.at(-1)
    if (
      event.type === "item.delta" && last?.event.type === "item.delta" &&
      event.item_id === last.event.item_id && event.kind === last.event.kind && event.part === last.event.part
    ) {
      const delta = last.event.delta + event.delta
      result[result.length - 1] = { at: last.at, event: { ...event, delta }, pieces: last.pieces + 1 }
    } else result.push({ at, event, pieces: 1 })
  }
  return result
}
