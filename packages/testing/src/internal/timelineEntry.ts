/**
 * What a timeline is made of.
 *
 * @internal
 */
import { CodexEvent } from "@effect-codex/core/CodexEvent"
import { CodexHookEvent } from "@effect-codex/core/CodexHookEvent"
import { CodexTurn } from "@effect-codex/core/CodexTurn"
import * as DateTime from "effect/DateTime"
import * as Schema from "effect/Schema"

export const Failure = Schema.Struct({ type: Schema.Literal("failure"), reason: Schema.String, message: Schema.String })

export type Failure = typeof Failure.Type

const at = Schema.Finite

export const Entry = Schema.Union([
  Schema.Struct({ source: Schema.Literal("event"), at, event: CodexEvent }),
  Schema.Struct({ source: Schema.Literal("hook"), at, event: CodexHookEvent }),
  Schema.Struct({ source: Schema.Literal("failure"), at, event: Failure })
])

export type Entry = typeof Entry.Type

export const Timeline = Schema.Struct({
  startedAt: Schema.Finite,
  entries: Schema.Array(Entry),
  omitted: Schema.Int
})

export type Timeline = typeof Timeline.Type

export type Subject = CodexTurn | Timeline | ReadonlyArray<CodexEvent | CodexHookEvent>

/** Something that happened, `at` so many milliseconds after the start, if that is known. */
export interface Moment {
  readonly at: number | undefined
  readonly event: CodexEvent | CodexHookEvent | Failure
}

// A function, as `Array.isArray` does not know a `ReadonlyArray` when it sees one.
export const isEvents = (subject: Subject): subject is ReadonlyArray<CodexEvent | CodexHookEvent> =>
  Array.isArray(subject)

export const isTurn: (subject: Subject) => subject is CodexTurn = Schema.is(CodexTurn)

export const toMoments = (subject: Exclude<Subject, CodexTurn>): ReadonlyArray<Moment> => {
  if (!isEvents(subject)) {
    return subject.entries.map(({ at, event }) => ({ at: at - subject.startedAt, event }))
  }
  const times = subject.map((event) => isHookEvent(event) ? timeOf(event) : undefined)
  const start = times.find((time) => time !== undefined) ?? 0
  return subject.map((event, index) => {
    const time = times[index]
    return { at: time === undefined ? undefined : time - start, event }
  })
}

/** Some types are those of an event too, but of a run's own events only the recorder knows when they were. */
export const isHookEvent = (event: Moment["event"]): event is CodexHookEvent =>
  "timestamp" in event && DateTime.isDateTime(event.timestamp)

/** When a hook was told of an event, in milliseconds. Of a run's own events, only the recorder knows. */
export const timeOf = (event: Pick<CodexHookEvent, "timestamp">): number => DateTime.toEpochMillis(event.timestamp)
