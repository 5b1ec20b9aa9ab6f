/**
 * Everybody who looks on is told the same, whenever they come, and nobody is waited for.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Observers } from "../src/internal/observers.ts"

const make = () => new Observers<number, string>((limit) => `more than ${limit}`)

const fork = <A, E>(stream: Stream.Stream<A, E>) =>
  Effect.forkChild(Stream.runCollect(stream), { startImmediately: true })

describe("observers", () => {
  it.effect.prop(
    "get what was, and then all that comes, whenever they come",
    { batches: Schema.Array(Schema.Array(Schema.Int)) },
    ({ batches }) =>
      Effect.gen(function*() {
        const observers = make()
        const seen: Array<number> = []
        const fibers = []
        for (const batch of batches) {
          fibers.push(yield* fork(observers.observe(() => [...seen], 10_000)))
          seen.push(...batch)
          observers.publish(batch)
        }
        fibers.push(yield* fork(observers.observe(() => [...seen], 1)))
        observers.end(Exit.void)
        fibers.push(yield* fork(observers.observe(() => [...seen], 1)))
        for (const all of yield* Fiber.joinAll(fibers)) assert.deepStrictEqual(all, seen)
      })
  )

  it.effect.prop(
    "who are behind by more than their limit fail alone, with what they could hold",
    { values: Schema.Array(Schema.Int), limit: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 5 })) },
    ({ limit, values }) =>
      Effect.gen(function*() {
        const observers = make()
        const taken: Array<number> = []
        const slow = yield* Stream.toPull(observers.observe(() => [0], limit))
        const quick = yield* fork(observers.observe(() => [], 10_000))
        yield* slow
        for (const value of values) observers.publish([value])
        observers.end(Exit.void)
        const failure = yield* slow.pipe(
          Effect.map((some) => void taken.push(...some)),
          Effect.forever,
          Effect.flip
        )
        assert.deepStrictEqual(taken, values.slice(0, limit))
        if (values.length > limit) assert.strictEqual(failure, `more than ${limit}`)
        else assert.notStrictEqual(failure, `more than ${limit}`)
        assert.deepStrictEqual(yield* Fiber.join(quick), [...values])
      }).pipe(Effect.scoped)
  )

  it.effect("fail with the end, once they have been told all", () =>
    Effect.gen(function*() {
      const observers = make()
      const seen: Array<number> = []
      const fiber = yield* observers.observe(() => [], 16).pipe(
        Stream.runForEach((value) => Effect.sync(() => seen.push(value))),
        Effect.forkChild({ startImmediately: true })
      )
      observers.publish([1, 2])
      observers.end(Exit.fail("over"))
      assert.strictEqual(yield* Effect.flip(Fiber.join(fiber)), "over")
      assert.deepStrictEqual(seen, [1, 2])
      assert.strictEqual(yield* Effect.flip(Stream.runCollect(observers.observe(() => [1, 2], 16))), "over")
    }))

  it.effect("who fail for now may come again", () =>
    Effect.gen(function*() {
      const observers = make()
      const fiber = yield* fork(observers.observe(() => [], 16))
      observers.fail("away")
      assert.strictEqual(yield* Effect.flip(Fiber.join(fiber)), "away")
      const again = yield* fork(observers.observe(() => [], 16))
      observers.publish([1])
      observers.end(Exit.void)
      assert.deepStrictEqual(yield* Fiber.join(again), [1])
    }))

  it.effect("who go are forgotten, and have at least one place", () =>
    Effect.gen(function*() {
      const observers = make()
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(observers.observe(() => [1, 2], 0), 1)), [1])
      const waiting = yield* fork(observers.observe(() => [], 0))
      observers.publish([1])
      observers.end(Exit.void)
      assert.deepStrictEqual(yield* Fiber.join(waiting), [1])
    }))
})
