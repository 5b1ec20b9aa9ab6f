import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import { endWhen } from "../src/internal/endWhen.ts"

const make = Effect.gen(function*() {
  const source = yield* Queue.unbounded<number, string | Cause.Done>()
  const end = yield* Deferred.make<void>()
  const take = yield* endWhen(Queue.take(source), Deferred.await(end))
  return { source, end, take }
})

const isDone = <A, E>(exit: Exit.Exit<A, E>): boolean => Exit.isFailure(exit) && Cause.isDone(Cause.squash(exit.cause))

describe("endWhen", () => {
  it.effect("gives what the pull gives, in order, up to its end", () =>
    Effect.gen(function*() {
      const { source, take } = yield* make
      const first = yield* Effect.forkChild(take)
      yield* Queue.offerAll(source, [1, 2, 3])
      assert.deepStrictEqual([yield* Fiber.join(first), yield* take, yield* take], [1, 2, 3])
      yield* Queue.end(source)
      assert.isTrue(isDone(yield* Effect.exit(take)))
      assert.isTrue(isDone(yield* Effect.exit(take)))
    }))

  it.effect("fails as the pull fails, behind what came before", () =>
    Effect.gen(function*() {
      const { source, take } = yield* make
      yield* Queue.offer(source, 1)
      yield* Queue.fail(source, "lost")
      assert.strictEqual(yield* take, 1)
      assert.strictEqual(yield* Effect.flip(take), "lost")
    }))

  it.effect("is one ahead at most", () =>
    Effect.gen(function*() {
      const { source, take } = yield* make
      yield* Queue.offerAll(source, [1, 2, 3, 4])
      assert.strictEqual(yield* take, 1)
      yield* Effect.yieldNow
      assert.strictEqual(yield* Queue.size(source), 2)
    }))

  it.effect("ends while it waits", () =>
    Effect.gen(function*() {
      const { end, take } = yield* make
      const waiting = yield* Effect.forkChild(take, { startImmediately: true })
      yield* Deferred.succeed(end, undefined)
      assert.isTrue(isDone(yield* Fiber.await(waiting)))
      assert.isTrue(isDone(yield* Effect.exit(take)))
    }))

  it.effect("ends behind what is there already", () =>
    Effect.gen(function*() {
      const { end, source, take } = yield* make
      yield* Queue.offerAll(source, [1, 2, 3])
      yield* Effect.yieldNow
      yield* Deferred.succeed(end, undefined)
      yield* Effect.yieldNow
      assert.deepStrictEqual([yield* take, yield* take, yield* take], [1, 2, 3])
      assert.isTrue(isDone(yield* Effect.exit(take)))
    }))
})
