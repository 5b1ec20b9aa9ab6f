import * as JsonRpc from "@effect-codex/core/appserver/JsonRpc"
import { RpcError } from "@effect-codex/core/appserver/RpcError"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { connect, settled } from "./support/peer.ts"

const ask = (id: number | string, method = "ask", params: unknown = {}) => ({ id, method, params })

const failed = (id: number, why: string) => ({ id, error: { code: -32000, message: why } })

class Answer extends Context.Service<Answer, { readonly text: string }>()("Answer") {}

const handlerFailed = "its handler failed"

/** What is warned of. */
const warnings = Effect.fnUntraced(function*<A, E, R>(effect: Effect.Effect<A, E, R>) {
  const messages: Array<unknown> = []
  const logger = Logger.make(({ logLevel, message }) => {
    if (logLevel === "Warn") messages.push(message)
  })
  yield* Effect.provideService(effect, References.CurrentLoggers, new Set([logger]))
  return messages.map(String)
})

describe("a request of the app-server", () => {
  it.effect("is answered by its handler, under its id, even 0 or a text", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect()
      yield* peer.handle("ask", ({ params }) => Effect.succeed({ params }))
      yield* server.send(ask(0))
      assert.deepStrictEqual(yield* server.take, { id: 0, result: { params: {} } })
      yield* server.send(ask("a", "ask", 1))
      assert.deepStrictEqual(yield* server.take, { id: "a", result: { params: 1 } })
    }))

  it.effect("and one of ours may have the same id", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect()
      const mayAnswer = yield* Deferred.make<void>()
      yield* peer.handle("ask", () => Effect.as(Deferred.await(mayAnswer), "theirs"))
      const fiber = yield* Effect.forkChild(peer.request("x"))
      const request = yield* server.take
      assert.strictEqual(request.id, 1)
      yield* server.send(ask(1))
      yield* server.reply(request, "ours")
      assert.strictEqual(yield* Fiber.join(fiber), "ours")
      yield* Deferred.succeed(mayAnswer, undefined)
      assert.deepStrictEqual(yield* server.take, { id: 1, result: "theirs" })
    }))

  it.effect("gets null for what is no JSON value", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect()
      yield* peer.handle("ask", () => Effect.void)
      yield* server.send(ask(1))
      assert.deepStrictEqual(yield* server.take, { id: 1, result: null })
    }))

  it.effect("may be answered by a handler that uses the peer, while others go on", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect()
      const notifications = yield* peer.subscribe()
      yield* peer.handle("ask", () => peer.request("back"))
      yield* server.send(ask(7))
      const back = yield* server.take
      assert.strictEqual(back.method, "back")
      yield* server.send({ method: "meanwhile" })
      assert.deepStrictEqual((yield* Stream.runCollect(Stream.take(notifications, 1))).map(({ method }) => method), [
        "meanwhile"
      ])
      yield* server.reply(back, "done")
      assert.deepStrictEqual(yield* server.take, { id: 7, result: "done" })
    }))

  it.effect("is answered with the handler's own error", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect({ defaultAnswer: () => "default" })
      yield* peer.handle("ask", ({ method, params }) =>
        Effect.fail(
          new RpcError({ method, code: -5, description: "no", ...(params === 1 ? { data: { a: 1 } } : {}) })
        ))
      yield* server.send(ask(1))
      yield* server.send(ask(2, "ask", 1))
      assert.deepStrictEqual(yield* server.take, { id: 1, error: { code: -5, message: "no" } })
      assert.deepStrictEqual(yield* server.take, { id: 2, error: { code: -5, message: "no", data: { a: 1 } } })
    }))

  it.effect("gets the default answer without a handler, or from one that fails, dies or answers no JSON", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect({
        defaultAnswer: ({ method }, reason) => method === "none" ? undefined : { decision: "decline", reason }
      })
      yield* peer.handle("fails", () => Effect.fail("secret"))
      yield* peer.handle("dies", () => Effect.die("secret"))
      yield* peer.handle("throws", (): Effect.Effect<void> => {
        throw new Error("secret")
      })
      yield* peer.handle("interrupted", () => Effect.interrupt)
      yield* peer.handle("big", () => Effect.succeed(1n))
      for (const method of ["fails", "dies", "throws", "interrupted", "big"]) {
        yield* server.send(ask(1, method))
        assert.deepStrictEqual(yield* server.take, { id: 1, result: { decision: "decline", reason: "failed" } })
      }
      yield* server.send(ask(2))
      assert.deepStrictEqual(yield* server.take, { id: 2, result: { decision: "decline", reason: "unhandled" } })
      yield* server.send(ask(3, "none"))
      const message = "this client does not handle it"
      assert.deepStrictEqual(yield* server.take, { id: 3, error: { code: -32601, message } })
    }).pipe(warnings, Effect.map((warnings) => assert.strictEqual(warnings.length, 5))))

  it.effect("gets an error if there is no default answer, or none that can be sent", () =>
    Effect.gen(function*() {
      for (
        const defaultAnswer of [undefined, () => 1n, () => {
          throw new Error("oops")
        }]
      ) {
        const { peer, server } = yield* connect({ defaultAnswer })
        yield* peer.handle("ask", () => Effect.fail("no"))
        yield* server.send(ask(1))
        assert.deepStrictEqual(yield* server.take, failed(1, handlerFailed))
      }
    }).pipe(warnings))

  it.effect("is answered in time by default, even if its handler can't be interrupted", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect({ defaultAnswer: (_, reason) => reason })
      yield* peer.handle("ask", () => Effect.uninterruptible(Effect.never))
      yield* peer.handle("quick", () => Effect.never, { timeout: "1 second" })
      yield* server.send(ask(1))
      yield* server.send(ask(2, "quick"))
      yield* settled
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* server.take, { id: 2, result: "timeout" })
      yield* TestClock.adjust("598 seconds")
      yield* server.nothing
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* server.take, { id: 1, result: "timeout" })
    }).pipe(
      warnings,
      Effect.map((warnings) =>
        assert.deepStrictEqual(warnings, [
          "quick gets the default answer: its handler took too long",
          "ask gets the default answer: its handler took too long"
        ])
      )
    ))

  it.effect("that is resolved is not answered any more, and its handler is interrupted", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect()
      const notifications = yield* peer.subscribe()
      const interrupted: Array<unknown> = []
      yield* peer.handle("ask", ({ id }) =>
        Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted.push(id))))
      yield* server.send(ask(0))
      yield* server.send(ask("0"))
      yield* settled
      for (const requestId of [5, null, 0, 0]) {
        yield* server.send({ method: "serverRequest/resolved", params: { threadId: "t", requestId } })
      }
      yield* server.send({ method: "serverRequest/resolved" })
      yield* server.nothing
      assert.deepStrictEqual(interrupted, [0])
      assert.strictEqual((yield* Stream.runCollect(Stream.take(notifications, 5))).length, 5)
    }))

  it.effect("that is resolved before its handler has begun gets no answer either", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect()
      yield* peer.handle("ask", () => Effect.succeed("late"))
      yield* server.send(ask(0))
      yield* server.send({ method: "serverRequest/resolved", params: { requestId: 0 } })
      yield* server.nothing
    }))

  it.effect("is told of to who subscribed, when it is made and when nobody waits for its answer any more", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect({ maxServerRequests: 2 })
      yield* peer.handle("ask", () => Effect.never)
      yield* server.send(ask(0))
      yield* settled
      const told: Array<string> = []
      const progress = yield* peer.subscribeRequests
      const telling = yield* progress.pipe(
        Stream.runForEach(({ request, stage }) => Effect.sync(() => told.push(`${request.id} ${stage}`))),
        Effect.flip,
        Effect.forkChild
      )
      yield* server.send({ id: 1, method: "unhandled" })
      yield* settled
      yield* server.send({ method: "serverRequest/resolved", params: { requestId: 0 } })
      yield* settled
      // Nobody has to wait for the refusal of one too many.
      for (const id of [2, 3, 4]) yield* server.send(ask(id))
      yield* settled
      assert.deepStrictEqual(told, ["1 asked", "1 settled", "0 settled", "2 asked", "3 asked"])
      yield* server.end
      assert.deepInclude((yield* Fiber.join(telling)).reason, { _tag: "Disconnected" })
    }))

  it.effect("among too many is refused", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect({ maxServerRequests: 2 })
      const mayAnswer = yield* Deferred.make<void>()
      yield* peer.handle("ask", () => Effect.as(Deferred.await(mayAnswer), "yes"))
      yield* Effect.forEach([1, 2, 3], (id) => server.send(ask(id)))
      const message = "this client has too many requests to handle"
      assert.deepStrictEqual(yield* server.take, { id: 3, error: { code: -32001, message } })
      yield* Deferred.succeed(mayAnswer, undefined)
      assert.deepStrictEqual(yield* server.take, { id: 1, result: "yes" })
      assert.deepStrictEqual(yield* server.take, { id: 2, result: "yes" })
      yield* server.send(ask(4))
      assert.deepStrictEqual(yield* server.take, { id: 4, result: "yes" })
    }))

  it.effect("waits unread when even refusals are not taken", () =>
    Effect.gen(function*() {
      const taken = yield* Deferred.make<void>()
      const answers: Array<string> = []
      let read = 0
      const peer = yield* JsonRpc.make({
        incoming: Stream.range(1, 1000).pipe(
          Stream.rechunk(1),
          Stream.tap((id) =>
            Effect.sync(() => {
              read = id
            })
          ),
          Stream.map((id) => JSON.stringify(ask(id))),
          Stream.concat(Stream.never)
        ),
        outgoing: Sink.forEach((text) => Effect.andThen(Deferred.await(taken), Effect.sync(() => answers.push(text))))
      }, { maxServerRequests: 2 })
      yield* peer.handle("ask", () => Effect.never)
      yield* settled
      assert.isBelow(read, 150)
      yield* Deferred.succeed(taken, undefined)
      yield* Effect.repeat(settled, { until: () => answers.length === 998 })
      assert.strictEqual(read, 1000)
    }))
})

describe("a handler", () => {
  it.effect("is there until its scope closes, and then the one before it is", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect()
      const asked = Effect.fnUntraced(function*() {
        yield* server.send(ask(1))
        return (yield* server.take).result
      })
      const scope = yield* Scope.make()
      yield* peer.handle("ask", () => Effect.succeed("outer"))
      yield* Scope.provide(peer.handle("ask", () => Effect.succeed("inner")), scope)
      assert.strictEqual(yield* asked(), "inner")
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* asked(), "outer")
    }))

  it.effect("has the services of where it was given", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect()
      yield* peer.handle("ask", () => Effect.map(Answer, ({ text }) => text)).pipe(
        Effect.provideService(Answer, { text: "forty-two" })
      )
      yield* server.send(ask(1))
      assert.deepStrictEqual(yield* server.take, { id: 1, result: "forty-two" })
    }))

  it.effect("ends with the connection", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect()
      const interrupted = yield* Deferred.make<void>()
      yield* peer.handle("ask", () => Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined)))
      yield* server.send(ask(1))
      yield* settled
      yield* server.end
      yield* Deferred.await(interrupted)
    }))
})
