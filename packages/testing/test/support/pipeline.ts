/**
 * A program that uses all of a client: sessions in a store, several at once, retries, limits, outputs, interruptions. It
 * checks what the store says after each turn.
 */
import * as Codex from "@effect-codex/core/Codex"
import type { CodexError } from "@effect-codex/core/CodexError"
import * as CodexRetry from "@effect-codex/core/CodexRetry"
import type { SessionRecord } from "@effect-codex/core/SessionRecord"
import * as SessionStore from "@effect-codex/core/SessionStore"
import { assert } from "@effect/vitest"
import * as Arr from "effect/Array"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

export interface Options {
  readonly turns: number
  readonly sessions: number
  /** What a session's name begins with. */
  readonly name: string
  /** How long a turn may take that is interrupted if it takes longer. */
  readonly patience: Duration.Input
  /** The first delay of a retry. */
  readonly backoff: Duration.Input
}

/** What a turn came to, as far as who ran it knows. */
interface End {
  readonly how: "completed" | "failed" | "stopped"
  readonly threadId?: string | undefined
  readonly reason?: CodexError["reason"]["_tag"]
}

/** Runs so many turns; gives how many ended in each way. */
export const run = Effect.fnUntraced(function*(options: Options) {
  const store = yield* SessionStore.SessionStore
  const ends = new Map<string, number>()
  const each = Math.ceil(options.turns / options.sessions)

  yield* Effect.forEach(
    Arr.range(1, options.sessions),
    Effect.fnUntraced(function*(number) {
      const session = `${options.name} ${number}`
      for (let turn = 0; turn < each; turn++) {
        const before = yield* store.get(session)
        const end = yield* turnOf(session, number + turn, options)
        check(end, Option.getOrUndefined(before), Option.getOrUndefined(yield* store.get(session)))
        const name = end.reason ?? end.how
        ends.set(name, (ends.get(name) ?? 0) + 1)
      }
    }),
    { concurrency: "unbounded", discard: true }
  )
  return Object.fromEntries(ends)
})

const turnOf = (
  session: string,
  number: number,
  { backoff, patience }: Options
): Effect.Effect<End, never, Codex.Codex> => {
  const prompt = `Task ${number}`
  switch (number % 5) {
    case 0:
      return ended(Codex.run(prompt, {
        session,
        retry: CodexRetry.fromFields({ maxAttempts: 3, initialBackoff: backoff, jitterRatio: 0 })
      }))
    case 1:
      return ended(Codex.run(prompt, { session, output: Schema.Struct({ ok: Schema.Boolean }) }))
    case 2:
      return streamed(Codex.stream(prompt, { session }))
    case 3:
      // No turn has ended by then.
      return streamed(Stream.take(Codex.stream(prompt, { session }), 3))
    default:
      return ended(Codex.run(prompt, { session })).pipe(
        Effect.timeoutOption(patience),
        Effect.map(Option.getOrElse((): End => ({ how: "stopped" })))
      )
  }
}

const ended = <R>(
  run: Effect.Effect<{ readonly threadId?: string }, CodexError, R>
): Effect.Effect<End, never, R> =>
  Effect.match(run, {
    onSuccess: ({ threadId }): End => ({ how: "completed", threadId }),
    onFailure: (error): End => ({
      // Its turn had ended, with an answer that is no good.
      how: error.reason._tag === "OutputUndecodable" ? "completed" : "failed",
      reason: error.reason._tag,
      threadId: error.turn?.threadId
    })
  })

const streamed = (events: ReturnType<typeof Codex.stream>): Effect.Effect<End, never, Codex.Codex> =>
  Effect.suspend(() => {
    let threadId: string | undefined
    let how: End["how"] = "stopped"
    return events.pipe(
      Stream.runForEach((event) =>
        Effect.sync(() => {
          if (event.type === "thread.started") threadId = event.thread_id
          if (event.type === "turn.completed") how = "completed"
        })
      ),
      Effect.match({
        onSuccess: (): End => ({ how, threadId }),
        onFailure: ({ reason }): End => ({ how: "failed", reason: reason._tag, threadId })
      })
    )
  })

/** What one turn makes of its session's record. */
const check = (end: End, before: SessionRecord | undefined, after: SessionRecord | undefined): void => {
  const told = JSON.stringify({ end, before: summary(before), after: summary(after) })
  assert.notInclude(["StorageFailed", "InvalidOption"], end.reason, told)
  if (after === undefined) {
    assert.isUndefined(before, told)
    assert.isTrue(end.threadId === undefined || end.reason === "ThreadMismatch", told)
    return
  }
  assert.strictEqual(after.turnCount, (before?.turnCount ?? 0) + 1, told)
  assert.strictEqual(after.successCount + after.failureCount, after.turnCount, told)
  assert.lengthOf(after.turns, Math.min(after.turnCount, 20), told)
  if (before !== undefined) assert.strictEqual(after.threadId, before.threadId, told)
  const success = after.successCount - (before?.successCount ?? 0)
  // One that was stopped at its very end may have come to it.
  if (end.how !== "stopped") assert.strictEqual(success, end.how === "completed" ? 1 : 0, told)
  assert.strictEqual(after.lastTurnStatus === "completed", success === 1, told)
  assert.strictEqual(after.turns.at(-1)?.status, after.lastTurnStatus, told)
}

const summary = (record: SessionRecord | undefined) =>
  record === undefined
    ? undefined
    : [record.threadId, record.turnCount, record.successCount, record.failureCount, record.lastTurnStatus]
