/**
 * Requests that never get to the app-server, and the answer that they get.
 *
 * @internal
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type { Track } from "./faultPlan.ts"
import { isObject, parse } from "./json.ts"

export interface Requests {
  /** The messages that go on. */
  readonly pass: (messages: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<string>>
  readonly answers: Queue.Dequeue<string, Cause.Done>
}

export const make = Effect.fnUntraced(function*(track: Track): Effect.fn.Return<Requests> {
  const answers = yield* Queue.bounded<string, Cause.Done>(capacity)
  let next = 0
  const isRefused = Effect.fnUntraced(function*(message: string) {
    const json = parse(message)
    if (!isObject(json) || json["method"] === undefined || json["id"] === undefined) return false
    const fault = yield* track.atRequest(next++)
    if (fault === undefined) return false
    yield* track.note(fault)
    yield* Queue.offer(answers, JSON.stringify({ id: json["id"], error: { code: -32001, message: overloaded } }))
    return true
  })
  return {
    pass: (messages) =>
      Effect.map(
        Effect.forEach(messages, (message) => Effect.map(isRefused(message), (refused) => refused ? [] : [message])),
        (passed) => passed.flat()
      ),
    answers
  }
})

/** Pulls until something is left. */
export const nonEmpty = <A, B, E, R>(
  pull: Effect.Effect<A, E, R>,
  f: (value: A) => Effect.Effect<ReadonlyArray<B>>
): Effect.Effect<NonEmptyReadonlyArray<B>, E, R> =>
  Effect.flatMap(Effect.flatMap(pull, f), (values) => {
    const [first, ...others] = values
    return first === undefined ? nonEmpty(pull, f) : Effect.succeed([first, ...others] as const)
  })

const capacity = 16

// The app-server's own words.
const overloaded = "Server overloaded; retry later."
