/** Time that passes while something runs. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"

/** Until all has happened that can happen without the clock. */
export const settled = Effect.repeat(Effect.yieldNow, { times: 500 })

/** What a program comes to, if it is over within so many minutes. */
export const within = Effect.fnUntraced(function*<A, E, R>(minutes: number, program: Effect.Effect<A, E, R>) {
  // One that is never over can't be waited for when the test is.
  const fiber = yield* Effect.forkDetach(program)
  for (let step = 0; step < minutes * 6; step++) {
    yield* settled
    if (fiber.pollUnsafe() !== undefined) break
    yield* TestClock.adjust("10 seconds")
  }
  yield* settled
  if (fiber.pollUnsafe() === undefined) assert.fail(`It is not over after ${minutes} minutes`)
  return yield* Fiber.join(fiber)
})
