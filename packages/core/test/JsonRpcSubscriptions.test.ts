import * as ConnectionError from "@effect-codex/core/appserver/ConnectionError"
import * as JsonRpc from "@effect-codex/core/appserver/JsonRpc"
import type { Notification } from "@effect-codex/core/appserver/JsonRpcMessage"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { Fanout } from "../src/internal/jsonRpcFanout.ts"
import { connect, settled } from "./support/peer.ts"

const methods = (notifications: ReadonlyArray<Notification>) => notifications.map(({ method }) => method)

const tooSlow = (limit: number) => ConnectionError.fromReason(new ConnectionError.SubscriberTooSlow({ limit }))

/** A peer of an app-server that says 1,000 things of 100 characters, each in a chunk of its own. */
const flooded = Effect.fnUntraced(function*() {
  const replies = yield* Queue.unbounded<string>()
  const begun = yield* Deferred.make<void>()
  let read = 0
  const flood = Stream.fromEffect(Deferred.await(begun)).pipe(
    Stream.flatMap(() => Stream.range(0, 999)),
    Stream.rechunk(1),
    Stream.tap((index) =>
      Effect.sync(() => {
        read = index + 1
      })
    ),
    Stream.map((index) => JSON.stringify({ method: String(index).padEnd(87, " ") }))
  )
  const peer = yield* JsonRpc.make({
    incoming: Stream.concat(flood, Stream.fromQueue(replies)),
    outgoing: Sink.forEach((text) =>
      Queue.offer(
        replies,
        JSON.stringify({ id: Number(/"id":(\d+)/.exec(text)?.[1]), result: text.includes("params") })
      )
    )
  })
  return { peer, begin: Deferred.succeed(begun, undefined), read: () => read }
})

const numbers = (notifications: ReadonlyArray<Notification>) => notifications.map(({ method }) => Number(method))

const all = Array.from({ length: 1000 }, (_, index) => index)

describe("a subscription", () => {
  it.effect("gives all that comes after it, whole and in order, even if its stream is run later", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect()
      yield* server.send({ method: "missed" })
      yield* settled
      const first = yield* peer.subscribe()
      const b = { method: "b", params: { a: [1] }, emittedAtMs: 1 }
      yield* server.send({ method: "a" })
      yield* settled
      const second = yield* peer.subscribe()
      yield* server.send(b)
      yield* server.send({ method: "c" })
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(first, 3)), [{ method: "a" }, b, { method: "c" }])
      assert.deepStrictEqual(methods(yield* Stream.runCollect(Stream.take(second, 2))), ["b", "c"])
    }))

  it.effect("may be to some methods", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect()
      const some = yield* peer.subscribe({ methods: ["b", "d"] })
      yield* Effect.forEach(["a", "b", "c", "d"], (method) => server.send({ method }))
      assert.deepStrictEqual(methods(yield* Stream.runCollect(Stream.take(some, 2))), ["b", "d"])
    }))

  it.effect("ends with its scope, without an error", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect()
      const scope = yield* Scope.make()
      const notifications = yield* Scope.provide(peer.subscribe(), scope)
      const fiber = yield* Effect.forkChild(Stream.runCollect(notifications))
      yield* server.send({ method: "a" })
      yield* settled
      yield* Scope.close(scope, Exit.void)
      yield* server.send({ method: "b" })
      assert.deepStrictEqual(methods(yield* Fiber.join(fiber)), ["a"])
    }))
})

describe("a slow subscriber", () => {
  it.effect("makes the app-server wait, and loses nothing", () =>
    Effect.gen(function*() {
      const { begin, peer, read } = yield* flooded()
      const slow = yield* peer.subscribe({ bufferSize: 1000 })
      const fast = yield* peer.subscribe()
      yield* begin
      yield* settled
      // What waits, one more, and one that was read but not given.
      assert.strictEqual(read(), 12)
      const seen: Array<Notification> = []
      yield* Stream.runForEach(Stream.take(slow, 1000), (notification) =>
        Effect.andThen(Effect.yieldNow, Effect.sync(() => seen.push(notification))))
      assert.deepStrictEqual(numbers(seen), all)
      assert.deepStrictEqual(numbers(yield* Stream.runCollect(Stream.take(fast, 1000))), all)
    }))

  it.effect("has worked something off when it asks for more", () =>
    Effect.gen(function*() {
      const { begin, peer, read } = yield* flooded()
      const slow = yield* peer.subscribe({ bufferSize: 1000 })
      yield* begin
      const pull = yield* Stream.toPull(slow)
      yield* pull
      yield* settled
      assert.isBelow(read(), 14)
      yield* Effect.forkChild(pull)
      yield* settled
      assert.isAbove(read(), 20)
    }))

  it.effect("does not make the app-server wait any more once it is gone", () =>
    Effect.gen(function*() {
      const { begin, peer, read } = yield* flooded()
      const scope = yield* Scope.make()
      yield* Effect.asVoid(Scope.provide(peer.subscribe({ bufferSize: 1000 }), scope))
      yield* begin
      yield* settled
      assert.isBelow(read(), 14)
      yield* Scope.close(scope, Exit.void)
      yield* Effect.repeat(settled, { until: () => read() === 1000 })
    }))

  it.effect("fails alone, behind what it still gets, if it asked for that", () =>
    Effect.gen(function*() {
      const { begin, peer, read } = yield* flooded()
      const slow = yield* peer.subscribe({ bufferSize: 1000, onOverflow: "fail" })
      const other = yield* peer.subscribe()
      yield* begin
      yield* Effect.repeat(settled, { until: () => read() === 1000 })
      const seen: Array<Notification> = []
      const drain = Stream.runForEach(slow, (notification) => Effect.sync(() => seen.push(notification)))
      assert.deepStrictEqual(yield* Effect.flip(drain), tooSlow(1000))
      assert.deepStrictEqual(numbers(seen), all.slice(0, 10))
      assert.deepStrictEqual(numbers(yield* Stream.runCollect(Stream.take(other, 1000))), all)
    }))

  it.effect("may have a message that is larger than its buffer", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect()
      const notifications = yield* peer.subscribe({ bufferSize: 10, onOverflow: "fail" })
      yield* server.send({ method: "x".repeat(1000) })
      assert.strictEqual((yield* Stream.runCollect(Stream.take(notifications, 1))).length, 1)
    }))

  it.effect("gets the replies to its own requests, though they come behind what it has not worked off", () =>
    Effect.gen(function*() {
      const { begin, peer } = yield* flooded()
      const slow = yield* peer.subscribe({ bufferSize: 2000 })
      yield* begin
      const results = yield* Stream.runCollect(
        Stream.take(slow, 1000).pipe(
          Stream.filter(({ method }) => Number(method) % 250 === 0),
          Stream.mapEffect(() => peer.request("x", {}))
        )
      )
      assert.deepStrictEqual(results, [true, true, true, true])
    }))

  it.effect("holds up even replies when memory is at stake", () =>
    Effect.gen(function*() {
      let relieved = 0
      const fanout = new Fanout<string>(() => relieved++, 100)
      const subscription = yield* fanout.subscribe({ limit: 10, onOverflow: "wait" })
      const pull = yield* Stream.toPull(subscription)
      const congested = () => [fanout.isCongested(false), fanout.isCongested(true)]
      fanout.publish("a", 10)
      assert.deepStrictEqual(congested(), [false, false])
      fanout.publish("b", 90)
      assert.deepStrictEqual(congested(), [true, false])
      fanout.publish("c", 1)
      assert.deepStrictEqual(congested(), [true, true])
      assert.deepStrictEqual(yield* pull, ["a", "b", "c"])
      assert.deepStrictEqual([...congested(), relieved], [true, true, 0])
      yield* Effect.forkChild(pull)
      yield* settled
      assert.deepStrictEqual([...congested(), relieved], [false, false, 1])
    }))
})

describe("waitFor", () => {
  it.effect("gives the first that comes from then on", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect()
      yield* server.send({ method: "x", params: 0 })
      yield* settled
      const found = yield* peer.waitFor(({ params }) => params === 2 || params === 3, { methods: ["x"] })
      yield* Effect.forEach([1, 2, 3], (params) => server.send({ method: "x", params }))
      yield* settled
      assert.deepStrictEqual(yield* found, { method: "x", params: 2 })
      assert.deepStrictEqual(yield* found, { method: "x", params: 2 })
    }))

  it.effect("takes what comes, so that nobody has to wait for it", () =>
    Effect.gen(function*() {
      const { begin, peer, read } = yield* flooded()
      yield* Effect.asVoid(peer.waitFor(() => false, { bufferSize: 1 }))
      yield* begin
      yield* Effect.repeat(settled, { until: () => read() === 1000 })
    }))

  it.effect("dies alone of what its predicate throws", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect()
      const found = yield* peer.waitFor(() => {
        throw new Error("oops")
      })
      const next = yield* peer.waitFor(() => true)
      yield* server.send({ method: "x" })
      assert.deepStrictEqual(yield* next, { method: "x" })
      assert.isTrue(Exit.hasDies(yield* Effect.exit(found)))
    }))
})

it.effect.prop(
  "every subscriber gets every notification, whatever is in between and however slow they are",
  {
    kinds: Schema.Array(Schema.Literals(["notification", "reply", "request", "garbage"])),
    sizes: Schema.Array(Schema.Int)
  },
  ({ kinds, sizes }) =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect()
      const subscriptions = yield* Effect.forEach(sizes.slice(0, 3), (size) =>
        peer.subscribe({ bufferSize: Math.abs(size) % 100 }))
      const expected = kinds.flatMap((kind, index) =>
        kind === "notification" ? [String(index)] : []
      )
      const fibers = yield* Effect.forEach(subscriptions, (notifications) =>
        Effect.forkChild(Stream.runCollect(Stream.take(notifications, expected.length))))
      yield* Effect.forEach(kinds, (kind, index) => {
        switch (kind) {
          case "notification":
            return server.send({ method: String(index) })
          case "reply":
            return server.send({ id: index, result: 1 })
          case "request":
            return server.send({ id: index, method: "ask" })
          case "garbage":
            return server.send("garbage")
        }
      })
      for (const fiber of fibers) {
        assert.deepStrictEqual(methods(yield* Fiber.join(fiber)), expected)
      }
    }).pipe(Effect.scoped)
)
