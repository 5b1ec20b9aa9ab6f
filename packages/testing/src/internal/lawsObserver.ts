/**
 * Notes what passes a transport.
 *
 * @internal
 */
import type { CodexError } from "@effect-codex/core/CodexError"
import type { CodexEvent } from "@effect-codex/core/CodexEvent"
import * as CodexItem from "@effect-codex/core/CodexItem"
import type { CodexTransport } from "@effect-codex/core/CodexTransport"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { type End, type Entry, type Ledger, turnsOf } from "./lawsLedger.ts"

/** Where a ledger begins. */
export interface Mark {
  readonly turns: number
  readonly omitted: number
}

export interface Observer {
  readonly mark: Effect.Effect<Mark>
  readonly ledgerSince: (mark: Mark) => Effect.Effect<Omit<Ledger, "running">>
  readonly passed: (events: number) => Effect.Effect<void>
}

type Told = Entry extends infer E ? E extends Entry ? Omit<E, "at" | "turn"> : never : never

interface State {
  readonly turn: number
  end: "completed" | "failed" | undefined
  worked: boolean
  /** Whether all of its events have come. */
  over: boolean
  error: CodexError | undefined
}

export const make = (
  transport: CodexTransport["Service"],
  limit: number
): { readonly observer: Observer; readonly transport: CodexTransport["Service"] } => {
  const entries: Array<Entry> = []
  const waiting = new Set<{ left: number; readonly done: Deferred.Deferred<void> }>()
  let turns = 0
  let omitted = 0

  const note = ({ turn }: State, told: Told) =>
    Effect.map(Clock.currentTimeMillis, (at) => {
      if (entries.length < limit) entries.push({ turn, at, ...told })
      else omitted++
    })

  const notePassed = Effect.fnUntraced(function*(state: State, event: CodexEvent) {
    for (const told of tell(state, event)) yield* note(state, told)
    for (const waiter of waiting) {
      waiter.left--
      if (waiter.left > 0) continue
      waiting.delete(waiter)
      yield* Deferred.succeed(waiter.done, undefined)
    }
  })

  const turn: CodexTransport["Service"]["turn"] = (request, onStart) =>
    Stream.unwrap(Effect.gen(function*() {
      const state: State = { turn: ++turns, end: undefined, worked: false, over: false, error: undefined }
      yield* note(state, { type: "begun", request })
      // The first finalizer is the last to run: then all that the transport started is gone.
      yield* Effect.addFinalizer(() => note(state, { type: "ended", ...endOf(state) }))
      return transport.turn(request, onStart).pipe(
        Stream.mapArrayEffect((events) =>
          Effect.as(Effect.forEach(events, (event) => notePassed(state, event), { discard: true }), events)
        ),
        Stream.onEnd(Effect.sync(() => {
          state.over = true
        })),
        Stream.tapError((error) =>
          Effect.sync(() => {
            state.error = error
          })
        )
      )
    }))

  return {
    transport: { turn },
    observer: {
      mark: Effect.sync(() => ({ turns, omitted })),
      ledgerSince: (mark) =>
        Effect.map(Clock.currentTimeMillis, (takenAt) => ({
          entries: entries.filter(({ turn }) => turn > mark.turns),
          turns: turnsOf(entries).filter(({ number }) => number > mark.turns),
          takenAt,
          omitted: omitted - mark.omitted
        })),
      passed: Effect.fnUntraced(function*(events) {
        if (events <= 0) return
        const waiter = { left: events, done: yield* Deferred.make<void>() }
        waiting.add(waiter)
        yield* Effect.ensuring(Deferred.await(waiter.done), Effect.sync(() => waiting.delete(waiter)))
      })
    }
  }
}

// =============================================================================
// Internals
// =============================================================================

/** What is noted of an event, if anything. */
const tell = (state: State, event: CodexEvent): ReadonlyArray<Told> => {
  switch (event.type) {
    case "thread.started":
      return [{ type: "thread", threadId: event.thread_id }]
    case "item.started":
    case "item.updated":
    case "item.completed":
      return CodexItem.isWork(event.item) ? work(state, event.item.type) : []
    case "unknown":
      return work(state, "something unknown")
    case "usage.updated":
      return [{ type: "tokens", total: sum(event.usage), last: sum(event.last) }]
    case "turn.completed":
      state.end = "completed"
      return [{ type: "tokens", total: sum(event.usage), last: undefined }]
    case "turn.failed":
      state.end = "failed"
      return []
    case "approval.requested":
      return [{ type: "asked", requestId: event.request_id, kind: event.kind }]
    case "approval.resolved":
      return [{ type: "answered", requestId: event.request_id, kind: event.kind }]
    default:
      return []
  }
}

const work = (state: State, what: string): ReadonlyArray<Told> => {
  if (state.worked) return []
  state.worked = true
  return [{ type: "worked", what }]
}

const sum = (usage: { readonly input_tokens: number; readonly output_tokens: number }): number =>
  usage.input_tokens + usage.output_tokens

// Who stops at `turn.completed` has seen it all.
const endOf = ({ end, error, over }: State): { readonly how: End; readonly reason?: string } => {
  if (end !== undefined) return { how: end }
  if (over) return { how: "silent" }
  return error === undefined ? { how: "stopped" } : { how: "error", reason: error.reason._tag }
}
