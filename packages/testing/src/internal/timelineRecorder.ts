/**
 * Notes what happens, and when.
 *
 * @internal
 */
import { isCodexError } from "@effect-codex/core/CodexError"
import type { CodexEvent } from "@effect-codex/core/CodexEvent"
import type { CodexHookEvent } from "@effect-codex/core/CodexHookEvent"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { format } from "effect/Formatter"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import { type Entry, type Failure, type Timeline, timeOf } from "./timelineEntry.ts"

export const make = Effect.fnUntraced(function*(limit: number) {
  const startedAt = yield* Clock.currentTimeMillis
  const entries: Array<Entry> = []
  let omitted = 0

  const note = (entry: Entry) => {
    if (entries.length < limit) entries.push(entry)
    else omitted++
  }

  return {
    tap: <E, R>(stream: Stream.Stream<CodexEvent, E, R>): Stream.Stream<CodexEvent, E, R> =>
      stream.pipe(
        Stream.tap((event) => Effect.map(Clock.currentTimeMillis, (at) => note({ source: "event", at, event }))),
        Stream.onExit((exit) =>
          Exit.isSuccess(exit)
            ? Effect.void
            : Effect.map(
              Clock.currentTimeMillis,
              (at) => note({ source: "failure", at, event: failureOf(exit.cause) })
            )
        )
      ),
    // A hook hears of every event of a stream too, but not what it is.
    hook: (event: CodexHookEvent): Effect.Effect<void> =>
      event.type === "live.event"
        ? Effect.void
        : Effect.sync(() => note({ source: "hook", at: timeOf(event), event })),
    // Hooks hear of things a little later than they happen.
    timeline: Effect.sync((): Timeline => ({
      startedAt,
      entries: entries.toSorted((one, other) => one.at - other.at),
      omitted
    }))
  }
})

const failureOf = (cause: Cause.Cause<unknown>): Failure => {
  const failure = (reason: string, message: string): Failure => ({ type: "failure", reason, message })
  if (Cause.hasInterruptsOnly(cause)) return failure("Interrupted", "The run was interrupted")
  const error = Cause.squash(cause)
  if (isCodexError(error)) return failure(error.reason._tag, error.message)
  if (error instanceof Error) return failure(error.name, error.message)
  return failure(Predicate.hasProperty(error, "_tag") ? String(error._tag) : "Failure", format(error))
}
