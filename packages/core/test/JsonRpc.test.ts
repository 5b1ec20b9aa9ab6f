import * as Connection from "@effect-codex/core/appserver/Connection"
import * as ConnectionError from "@effect-codex/core/appserver/ConnectionError"
import * as JsonRpc from "@effect-codex/core/appserver/JsonRpc"
import { isOverloaded, RequestTimedOut, RpcError } from "@effect-codex/core/appserver/RpcError"
import { Unauthorized } from "@effect-codex/core/CodexError"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Ref from "effect/Ref"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { connect, type Message, type Server, settled } from "./support/peer.ts"

const overloaded = { code: -32001, message: "Server overloaded; retry later." }

const timedOut = (duration: Duration.Input, sent = true) =>
  new RequestTimedOut({ method: "slow", duration: Duration.fromInputUnsafe(duration), sent })

describe("a request", () => {
  it.effect("gets its result", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect()
      const fiber = yield* Effect.forkChild(peer.request("model/list", { limit: 1 }))
      const request = yield* server.take
      assert.deepStrictEqual(request, { id: 1, method: "model/list", params: { limit: 1 } })
      yield* server.reply(request, { data: [] })
      assert.deepStrictEqual(yield* Fiber.join(fiber), { data: [] })
    }))

  it.effect("can be part of a trace", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect()
      const trace = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" }
      yield* Effect.forkChild(peer.request("turn/start", {}, { trace }))
      assert.deepStrictEqual(yield* server.take, { id: 1, method: "turn/start", params: {}, trace })
    }))

  it.effect("fails with the error that is answered, of which its message shows the beginning", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect()
      const fiber = yield* Effect.forkChild(Effect.flip(peer.request("nope")))
      assert.deepStrictEqual(yield* server.take, { id: 1, method: "nope" })
      const message = `unknown variant ${"x".repeat(5000)}`
      yield* server.send({ id: 1, error: { code: -32600, message, data: { a: 1 } } })
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual(
        error,
        new RpcError({ method: "nope", code: -32600, description: message, data: { a: 1 } })
      )
      assert.isBelow(error.message.length, 600)
      assert.isTrue(error._tag === "RpcError" && error.isInvalidRequest && !error.isOverloaded)
      assert.isFalse(isOverloaded(error))
    }))

  it.effect("fails if the error is not one either", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect()
      const fiber = yield* Effect.forkChild(Effect.flip(peer.request("odd")))
      yield* server.take
      yield* server.send({ id: 1, error: "no" })
      const description = "an error without a message"
      assert.deepStrictEqual(
        yield* Fiber.join(fiber),
        new RpcError({ method: "odd", code: -32603, description })
      )
    }))

  it.effect("dies of params that are no JSON, and nothing is sent", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect()
      assert.isTrue(Exit.hasDies(yield* Effect.exit(peer.request("x", { n: 1n }))))
      assert.isTrue(Exit.hasDies(yield* Effect.exit(peer.notify("x", { n: 1n }))))
      yield* server.nothing
    }))

  it.effect.prop(
    "gets its own result, in whatever order the replies come",
    { order: Schema.Array(Schema.Int) },
    ({ order }) =>
      Effect.gen(function*() {
        const { peer, server } = yield* connect()
        const fibers = yield* Effect.forEach(order, (_, index) => Effect.forkChild(peer.request("echo", { index })))
        const requests = yield* Effect.forEach(order, () => server.take)
        const replies = requests
          .map((request, index) => ({ request, rank: order[index] ?? 0 }))
          .toSorted((a, b) => a.rank - b.rank)
        yield* Effect.forEach(replies, ({ request }) => server.reply(request, request.params))
        assert.deepStrictEqual(yield* Effect.forEach(fibers, Fiber.join), order.map((_, index) => ({ index })))
      }).pipe(Effect.scoped)
  )
})

describe("the window", () => {
  it.effect("never has more in flight, and lets the others in in order", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect()
      const indexes = Array.from({ length: 1000 }, (_, index) => index)
      const results = yield* Effect.forkChild(
        Effect.forEach(indexes, (index) => peer.request("echo", index), { concurrency: "unbounded" })
      )
      const seen: Array<unknown> = []
      while (seen.length < 1000) {
        yield* settled
        const inFlight = yield* server.waiting
        assert.strictEqual(inFlight, Math.min(64, 1000 - seen.length))
        const batch = yield* Effect.forEach(indexes.slice(0, inFlight), () => server.take)
        // The last first: whoever waited longest is let in all the same.
        yield* Effect.forEach(batch.toReversed(), (request) => server.reply(request, request.params))
        seen.push(...batch.map(({ params }) => params))
      }
      assert.deepStrictEqual(seen, indexes)
      assert.deepStrictEqual(yield* Fiber.join(results), indexes)
    }))

  it.effect("has a place again for each one that is interrupted, in flight or waiting", () =>
    Effect.gen(function*() {
      // As 1.
      const { peer, server } = yield* connect({ window: 0 })
      const [first, second, third] = yield* Effect.forEach(["1", "2", "3"] as const, (method) =>
        Effect.forkChild(peer.request(method)))
      assert.strictEqual((yield* server.take).method, "1")
      yield* server.nothing
      yield* Fiber.interrupt(second)
      yield* Fiber.interrupt(first)
      const request = yield* server.take
      assert.strictEqual(request.method, "3")
      // The late reply is nobody's.
      yield* server.send({ id: 1, result: "late" })
      yield* server.reply(request, "in time")
      assert.strictEqual(yield* Fiber.join(third), "in time")
    }))
})

describe("the time limit", () => {
  it.effect("is 60 seconds, or the peer's, or the request's, or none", () =>
    Effect.gen(function*() {
      const { peer } = yield* connect()
      const { peer: quick } = yield* connect({ requestTimeout: "1 second" })
      const requests = yield* Effect.forEach([
        peer.request("slow"),
        quick.request("slow"),
        peer.request("slow", {}, { timeout: "2 seconds" })
      ], (request) => Effect.forkChild(Effect.flip(request)))
      const endless = yield* Effect.forEach([
        peer.request("slow", {}, { timeout: "none" }),
        quick.request("slow", {}, { timeout: Duration.infinity })
      ], (request) => Effect.forkChild(request))
      yield* settled
      for (const [adjust, done] of [[999, 0], [1, 1], [999, 1], [1, 2], [57_999, 2], [1, 3], [1e9, 3]] as const) {
        yield* TestClock.adjust(adjust)
        const ended = [...requests, ...endless].filter((fiber) => fiber.pollUnsafe() !== undefined)
        assert.strictEqual(ended.length, done)
      }
      assert.deepStrictEqual(yield* Effect.forEach(requests, Fiber.join), [
        timedOut("60 seconds"),
        timedOut("1 second"),
        timedOut("2 seconds")
      ])
    }))

  it.effect("passed, the reply that comes later is ignored, and the connection goes on", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect({ window: 1 })
      const late = yield* Effect.forkChild(Effect.flip(peer.request("slow")))
      const waiting = yield* Effect.forkChild(Effect.flip(peer.request("slow")))
      yield* server.take
      yield* TestClock.adjust("60 seconds")
      assert.deepStrictEqual(yield* Fiber.join(late), timedOut("60 seconds"))
      // It is not sent any more just to be given up.
      assert.deepStrictEqual(yield* Fiber.join(waiting), timedOut("60 seconds", false))
      yield* server.nothing
      yield* server.send({ id: 1, result: "late" })
      const again = yield* Effect.forkChild(peer.request("again"))
      const request = yield* server.take
      yield* server.send({ id: 1, result: "late" })
      yield* server.reply(request, "in time")
      assert.strictEqual(yield* Fiber.join(again), "in time")
    }))

  it.effect("counts the wait for a place", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect({ window: 1 })
      yield* Effect.forkChild(peer.request("first", {}, { timeout: "none" }))
      const waiting = yield* Effect.forkChild(Effect.flip(peer.request("slow", {}, { timeout: "1 second" })))
      yield* server.take
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(waiting), timedOut("1 second", false))
      assert.match((yield* Fiber.join(waiting)).message, /^slow could not be sent within 1s/)
      yield* server.nothing
    }))

  it.effect("counts the wait for an app-server that reads nothing, and what was not sent is not sent later", () =>
    Effect.gen(function*() {
      const written = yield* Queue.bounded<string>(1)
      const peer = yield* JsonRpc.make({
        incoming: Stream.never,
        outgoing: Sink.forEach((text) => Queue.offer(written, text))
      }, { window: 1000 })
      const first = yield* Effect.forkChild(
        Effect.forEach(
          Array.from({ length: 200 }),
          () => Effect.flip(peer.request("slow", {}, { timeout: "1 second" })),
          { concurrency: "unbounded" }
        )
      )
      yield* settled
      yield* TestClock.adjust("1 second")
      const errors = yield* Fiber.join(first)
      assert.isAbove(errors.filter((error) => error._tag === "RequestTimedOut" && !error.sent).length, 0)
      const last = yield* Effect.forkChild(peer.notify("last"))
      const texts: Array<string> = []
      while (texts.at(-1)?.includes("last") !== true) texts.push(yield* Queue.take(written))
      assert.strictEqual(
        texts.length - 1,
        errors.filter((error) => error._tag === "RequestTimedOut" && error.sent).length
      )
      yield* Fiber.join(last)
    }))

  it.effect.prop(
    "is kept for each of many",
    { limits: Schema.Array(Schema.Int) },
    ({ limits }) =>
      Effect.gen(function*() {
        const { peer } = yield* connect({ window: 5 })
        const ended: Array<number> = []
        const millis = limits.map((limit) => 1 + Math.abs(limit) % 5000)
        yield* Effect.forEach(millis, (limit) =>
          Effect.forkChild(
            Effect.flip(peer.request("slow", {}, { timeout: limit })).pipe(Effect.map(() => ended.push(limit)))
          ))
        yield* settled
        for (let now = 0; now < 5000; now += 500) {
          yield* TestClock.adjust(500)
          assert.deepStrictEqual(
            ended.toSorted((a, b) => a - b),
            millis.filter((limit) => limit <= now + 500).toSorted((a, b) => a - b)
          )
        }
      }).pipe(Effect.scoped)
  )
})

describe("an overloaded app-server", () => {
  const refuse = (server: Server, { id }: Message) => server.send({ id, error: overloaded })

  it.effect("is asked again if the request may be repeated, under a new id", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect()
      const fiber = yield* Effect.forkChild(peer.request("model/list", {}, { repeatable: true }))
      const first = yield* server.take
      yield* refuse(server, first)
      yield* server.nothing
      yield* TestClock.adjust("120 millis")
      const second = yield* server.take
      assert.notStrictEqual(first.id, second.id)
      yield* server.reply(second, "at last")
      assert.strictEqual(yield* Fiber.join(fiber), "at last")
    }))

  it.effect("is not asked again otherwise, nor for ever, nor beyond the time limit", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect({ retry: Schedule.recurs(2) })
      const error = new RpcError({ method: "x", code: -32001, description: overloaded.message })
      const once = yield* Effect.forkChild(Effect.flip(peer.request("x")))
      yield* refuse(server, yield* server.take)
      assert.deepStrictEqual(yield* Fiber.join(once), error)

      const thrice = yield* Effect.forkChild(Effect.flip(peer.request("x", {}, { repeatable: true })))
      yield* refuse(server, yield* server.take)
      yield* refuse(server, yield* server.take)
      yield* refuse(server, yield* server.take)
      assert.deepStrictEqual(yield* Fiber.join(thrice), error)
      assert.isTrue(isOverloaded(error))

      const dropped = yield* Effect.forkChild(Effect.flip(peer.request("slow", {}, { repeatable: true })))
      yield* TestClock.adjust("40 seconds")
      yield* refuse(server, yield* server.take)
      yield* server.take
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(yield* Fiber.join(dropped), timedOut("60 seconds"))
    }))

  it.effect("is not asked again when the time is over by then", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect({ retry: Schedule.spaced("10 seconds") })
      const fiber = yield* Effect.forkChild(Effect.flip(peer.request("slow", {}, { repeatable: true })))
      const request = yield* server.take
      yield* TestClock.adjust("55 seconds")
      yield* refuse(server, request)
      yield* settled
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* Fiber.join(fiber), timedOut("60 seconds", false))
      yield* server.nothing
    }))
})

describe("the end of the connection", () => {
  const waitOnEverything = Effect.fnUntraced(function*(peer: JsonRpc.JsonRpc) {
    const notifications = yield* peer.subscribe()
    const found = yield* peer.waitFor(() => false)
    return yield* Effect.forEach([
      peer.request("in flight"),
      peer.request("waits for a place"),
      peer.request("without a limit", {}, { timeout: "none" }),
      Stream.runDrain(notifications),
      found,
      peer.closed
    ], (effect) => Effect.forkChild(Effect.flip(effect)))
  })

  it.effect("fails all who wait, with the one error, and whoever comes later", () =>
    Effect.gen(function*() {
      const ends = yield* Queue.unbounded<never, ConnectionError.ConnectionError>()
      const peer = yield* JsonRpc.make({ incoming: Stream.fromQueue(ends), outgoing: Sink.drain }, { window: 1 })
      const waiting = yield* waitOnEverything(peer)
      const notifications = yield* peer.subscribe()
      yield* settled
      const error = ConnectionError.fromReason(new ConnectionError.Exited({ signal: "SIGKILL", stderr: "oh" }))
      yield* Queue.fail(ends, error)
      const errors = yield* Effect.forEach(waiting, Fiber.join)
      assert.isTrue(errors.every((other) => other === error))
      for (
        const late of [
          peer.request("late"),
          peer.notify("late"),
          Stream.runDrain(notifications),
          Effect.flatMap(peer.subscribe(), Stream.runDrain),
          Effect.flatten(peer.waitFor(() => true)),
          peer.closed
        ]
      ) assert.strictEqual(yield* Effect.flip(late), error)
      assert.deepStrictEqual(yield* Stream.runCollect(peer.strays), [])
    }))

  it.effect("comes behind the notifications that came before it", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect()
      const notifications = yield* peer.subscribe()
      yield* server.send({ method: "a" })
      yield* server.send({ method: "b" })
      yield* server.end
      const error = yield* Effect.flip(peer.closed)
      assert.strictEqual(error.message, "The connection to the app-server was lost: it ended")
      assert.isTrue(error.isRetryable)
      const seen: Array<string> = []
      const drain = Stream.runForEach(notifications, ({ method }) => Effect.sync(() => seen.push(method)))
      assert.strictEqual(yield* Effect.flip(drain), error)
      assert.deepStrictEqual(seen, ["a", "b"])
    }))

  it.effect("is its scope's, which sends what is to be sent first, and waits for nobody for ever", () =>
    Effect.gen(function*() {
      const written: Array<string> = []
      const ended = yield* Ref.make(false)
      const scope = yield* Effect.scope
      const waiting = yield* Effect.scoped(Effect.gen(function*() {
        const peer = yield* JsonRpc.make({
          incoming: Stream.never,
          outgoing: Sink.forEach<string, void, never, never>((text) =>
            Effect.andThen(Effect.yieldNow, Effect.sync(() => void written.push(text)))
          ).pipe(Sink.ensuring(Ref.set(ended, true)))
        }, { window: 1 })
        const waiting = yield* Effect.provideService(waitOnEverything(peer), Scope.Scope, scope)
        yield* settled
        yield* Effect.forEach([1, 2, 3], (n) => peer.notify("bye", n))
        return waiting
      }))
      for (const fiber of waiting) {
        const error = yield* Fiber.join(fiber)
        assert.isTrue(error._tag === "ConnectionError" && error.reason._tag === "Closed")
      }
      assert.deepStrictEqual(written.slice(1), [1, 2, 3].map((n) => `{"method":"bye","params":${n}}`))
      assert.isTrue(yield* Ref.get(ended))
    }))

  it.live("does not wait for a handler that can't be interrupted, nor for an app-server that reads nothing", () =>
    Effect.gen(function*() {
      const [client, server] = yield* Connection.inMemory
      yield* Effect.scoped(Effect.gen(function*() {
        const peer = yield* JsonRpc.make(client)
        yield* peer.handle("ask", () => Effect.uninterruptible(Effect.never))
        yield* Stream.run(Stream.make(JSON.stringify({ id: 0, method: "ask" })), server.outgoing)
        yield* Effect.forEach(
          Array.from({ length: 200 }),
          () => Effect.forkChild(Effect.ignore(peer.notify("full"))),
          { discard: true }
        )
        yield* Effect.yieldNow
      }))
    }).pipe(Effect.timeout("5 seconds")))

  it.effect("may be that of writing alone", () =>
    Effect.gen(function*() {
      const broken = ConnectionError.fromReason(new ConnectionError.Disconnected({ description: "no pipe" }))
      const peer = yield* JsonRpc.make({ incoming: Stream.never, outgoing: Sink.fail(broken) })
      const fiber = yield* Effect.forkChild(Effect.flip(peer.request("x")))
      yield* settled
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), broken)
      // Who reads knows better.
      const ends = yield* Queue.unbounded<never, ConnectionError.ConnectionError>()
      const other = yield* JsonRpc.make({ incoming: Stream.fromQueue(ends), outgoing: Sink.fail(broken) })
      yield* settled
      const why = ConnectionError.fromReason(new ConnectionError.Exited({ exitCode: 2, stderr: "bad flag" }))
      yield* Queue.fail(ends, why)
      assert.strictEqual(yield* Effect.flip(other.closed), why)
    }))

  it.effect("keeps what was not sent by then from being sent", () =>
    Effect.gen(function*() {
      const ends = yield* Queue.unbounded<never, ConnectionError.ConnectionError | Cause.Done>()
      const mayGoOn = yield* Deferred.make<void>()
      const written: Array<string> = []
      const peer = yield* JsonRpc.make({
        incoming: Stream.fromQueue(ends),
        outgoing: Sink.forEach((text) => Effect.andThen(Effect.sync(() => written.push(text)), Deferred.await(mayGoOn)))
      })
      yield* peer.notify("first")
      yield* settled
      yield* peer.notify("second")
      yield* Queue.end(ends)
      yield* Effect.flip(peer.closed)
      yield* Deferred.succeed(mayGoOn, undefined)
      yield* settled
      assert.deepStrictEqual(written, ["{\"method\":\"first\"}"])
    }))

  it.effect("may be a defect of a transport", () =>
    Effect.gen(function*() {
      const peer = yield* JsonRpc.make({ incoming: Stream.die("oops"), outgoing: Sink.drain })
      assert.strictEqual(
        (yield* Effect.flip(peer.closed)).message,
        "The connection to the app-server was lost: its transport broke"
      )
    }))
})

describe("strays", () => {
  it.effect("harm nobody, and can be looked at", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect()
      const fiber = yield* Effect.forkChild(peer.request("x"))
      const request = yield* server.take
      const garbage = [
        "codex app-server (stdio)",
        "{\"id\":1,\"result\":",
        "[]",
        "null",
        "{}",
        "{\"id\":1}",
        "{\"id\":null,\"method\":\"x\"}",
        "{\"id\":1.5,\"method\":\"x\"}",
        "{\"method\":1}",
        "{\"id\":2,\"result\":{}}",
        "{\"id\":\"1\",\"result\":{}}",
        "{\"id\":0,\"error\":{\"code\":1,\"message\":\"\"}}",
        `"${"x".repeat(5000)}"`
      ]
      yield* Effect.forEach(garbage, server.send)
      yield* server.reply(request, "fine")
      assert.strictEqual(yield* Fiber.join(fiber), "fine")
      yield* server.end
      yield* Effect.flip(peer.closed)
      const strays = yield* Stream.runCollect(peer.strays)
      assert.deepStrictEqual(strays.map(({ kind }) => kind), [
        "not-json",
        "not-json",
        ...Array.from({ length: 7 }, () => "unknown-form"),
        "unknown-id",
        "unknown-id",
        "unknown-id",
        "unknown-form"
      ])
      assert.deepStrictEqual(strays.map(({ text }) => text), garbage.map((text) => text.slice(0, 1000)))
    }))

  it.effect("are kept only so many", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect()
      yield* Effect.forEach(Array.from({ length: 100 }), (_, index) => server.send(`line ${index}`))
      yield* server.end
      yield* Effect.flip(peer.closed)
      const strays = yield* Stream.runCollect(peer.strays)
      assert.deepStrictEqual([strays.length, strays.at(-1)?.text], [64, "line 99"])
    }))
})

describe("errors", () => {
  const reasons = [
    new ConnectionError.Exited({ exitCode: 1, stderr: "" }),
    new ConnectionError.Exited({ signal: "SIGKILL", stderr: "killed" }),
    new ConnectionError.ConnectFailed({ address: "127.0.0.1:1", description: "refused" }),
    new Unauthorized({ address: "127.0.0.1:1" }),
    new ConnectionError.Disconnected({ code: 1006, description: "it was closed (1006)" }),
    new ConnectionError.Closed(),
    new ConnectionError.SubscriberTooSlow({ limit: 10 })
  ]

  it.effect("cross processes, say what happened, and whether another try may help", () =>
    Effect.gen(function*() {
      const codec = Schema.toCodecJson(ConnectionError.ConnectionError)
      for (const reason of reasons) {
        const error = ConnectionError.fromReason(reason)
        const decoded = yield* Effect.flatMap(Schema.encodeEffect(codec)(error), Schema.decodeUnknownEffect(codec))
        assert.deepStrictEqual(decoded, error)
        assert.isTrue(ConnectionError.isConnectionError(decoded))
      }
      assert.deepStrictEqual(
        reasons.map((reason) => [ConnectionError.fromReason(reason).message, reason.isTransient]),
        [
          ["The app-server ended (exit code 1)", false],
          ["The app-server ended (signal SIGKILL): killed", true],
          ["Could not connect to the app-server at 127.0.0.1:1: refused", true],
          [
            "The app-server at 127.0.0.1:1 refused the token: pass the one that it was started with as `token`",
            false
          ],
          ["The connection to the app-server was lost: it was closed (1006)", true],
          ["The connection to the app-server was closed by this program", false],
          [
            "A subscriber was more than 10 characters behind: take its notifications faster, give it a larger " +
            "`bufferSize`, or let the app-server wait for it (`onOverflow: \"wait\"`)",
            false
          ]
        ]
      )
    }))

  it("of a connection are not those of a request", () => {
    assert.isFalse(ConnectionError.isConnectionError(new RpcError({ method: "x", code: 1, description: "" })))
    assert.strictEqual(Cause.pretty(Cause.fail(timedOut("60 seconds"))).includes("slow got no reply within 1m"), true)
  })
})
