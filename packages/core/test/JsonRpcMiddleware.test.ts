import * as Connection from "@effect-codex/core/appserver/Connection"
import * as ConnectionError from "@effect-codex/core/appserver/ConnectionError"
import * as JsonRpc from "@effect-codex/core/appserver/JsonRpc"
import type { Frame } from "@effect-codex/core/appserver/JsonRpcMessage"
import * as JsonRpcMiddleware from "@effect-codex/core/appserver/JsonRpcMiddleware"
import { RpcError } from "@effect-codex/core/appserver/RpcError"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { connect, serve, settled } from "./support/peer.ts"

/** Notes in `seen` what passes, before and after. */
const spy = (name: string, seen: Array<string>): JsonRpcMiddleware.Middleware => {
  const note = (what: string) => Effect.sync(() => void seen.push(`${name} ${what}`))
  return {
    request: (request, next) =>
      note(`request ${request.method} ${request.id}`).pipe(
        Effect.andThen(next(request)),
        Effect.tap((result) => note(`result ${String(result)}`))
      ),
    notify: (notification, next) => Effect.andThen(note(`notify ${notification.method}`), next(notification)),
    serverRequest: (request, next) =>
      note(`server request ${request.method}`).pipe(
        Effect.andThen(next(request)),
        Effect.tap((answer) => note(`answer ${"result" in answer ? String(answer.result) : answer.error.code}`))
      ),
    notification: (notification, next) =>
      note(`notification ${notification.method}`).pipe(
        Effect.andThen(next(notification)),
        Effect.andThen(note("passed on"))
      )
  }
}

describe("middleware", () => {
  it.effect("sees everything in both directions, the first first, and what becomes of it last", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const { peer, server } = yield* connect({ middleware: [spy("a", seen), spy("b", seen)] })
      const notifications = yield* peer.subscribe()
      yield* peer.handle("ask", () => Effect.succeed("yes"))
      const logged = Effect.suspend(() => Effect.succeed(seen.splice(0)))

      const fiber = yield* Effect.forkChild(peer.request("x"))
      yield* server.reply(yield* server.take, "r")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(yield* logged, ["a request x 1", "b request x 1", "b result r", "a result r"])

      yield* peer.notify("n")
      assert.deepStrictEqual(yield* logged, ["a notify n", "b notify n"])

      yield* server.take
      yield* server.send({ id: 0, method: "ask" })
      yield* server.take
      assert.deepStrictEqual(yield* logged, [
        "a server request ask",
        "b server request ask",
        "b answer yes",
        "a answer yes"
      ])

      yield* server.send({ method: "e" })
      yield* Stream.runHead(notifications)
      yield* settled
      assert.deepStrictEqual(yield* logged, ["a notification e", "b notification e", "b passed on", "a passed on"])
    }))

  it.effect("may replace what passes", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect({
        middleware: [{
          request: (request, next) => Effect.map(next({ ...request, id: 99, params: "p" }), (result) => [result]),
          notify: (notification, next) => next({ ...notification, params: "p" }),
          serverRequest: (request, next) =>
            Effect.as(next({ ...request, params: "p" }), { error: { code: 1, message: "m" } }),
          notification: (notification, next) => next({ ...notification, params: "p" })
        }]
      })
      const notifications = yield* peer.subscribe()
      const asked = yield* Deferred.make<unknown>()
      yield* peer.handle("ask", ({ params }) => Deferred.succeed(asked, params))

      const fiber = yield* Effect.forkChild(peer.request("x"))
      const request = yield* server.take
      assert.deepStrictEqual(request, { id: 1, method: "x", params: "p" })
      yield* server.reply(request, "r")
      assert.deepStrictEqual(yield* Fiber.join(fiber), ["r"])

      yield* peer.notify("n")
      assert.deepStrictEqual(yield* server.take, { method: "n", params: "p" })

      yield* server.send({ id: 0, method: "ask" })
      assert.deepStrictEqual(yield* server.take, { id: 0, error: { code: 1, message: "m" } })
      assert.strictEqual(yield* Deferred.await(asked), "p")

      yield* server.send({ method: "e" })
      assert.deepStrictEqual(yield* Stream.runHead(notifications), Option.some({ method: "e", params: "p" }))
    }))

  it.effect("may answer, refuse and drop", () =>
    Effect.gen(function*() {
      const refusal = new RpcError({ method: "x", code: 403, description: "not here" })
      const closed = ConnectionError.fromReason(new ConnectionError.Closed())
      const { peer, server } = yield* connect({
        middleware: [{
          request: ({ method }) => method === "x" ? Effect.fail(refusal) : Effect.succeed("answer"),
          notify: ({ method }) => method === "x" ? Effect.fail(closed) : Effect.void,
          serverRequest: ({ method }) => method === "x" ? Effect.fail(refusal) : Effect.succeed({ result: "answer" }),
          notification: ({ method }, next) => method === "x" ? Effect.void : next({ method })
        }]
      })
      const notifications = yield* peer.subscribe()
      assert.strictEqual(yield* Effect.flip(peer.request("x")), refusal)
      assert.strictEqual(yield* peer.request("y"), "answer")
      assert.strictEqual(yield* Effect.flip(peer.notify("x")), closed)
      yield* peer.notify("y")
      yield* server.nothing
      yield* server.send({ id: 1, method: "x" })
      assert.deepStrictEqual(yield* server.take, { id: 1, error: { code: 403, message: "not here" } })
      yield* server.send({ id: 2, method: "y" })
      assert.deepStrictEqual(yield* server.take, { id: 2, result: "answer" })
      yield* server.send({ method: "x" })
      yield* server.send({ method: "y" })
      assert.deepStrictEqual(yield* Stream.runHead(notifications), Option.some({ method: "y" }))
    }))

  it.effect("harms nobody by its defects but what it stands before", () =>
    Effect.gen(function*() {
      const frames: Array<string> = []
      const { peer, server } = yield* connect({
        defaultAnswer: (_, reason) => reason,
        middleware: [{
          serverRequest: () => Effect.die("oops"),
          notification: (notification, next) => {
            if (notification.method === "z") throw new Error("oops")
            return notification.method === "x" ? Effect.die("oops") : next(notification)
          },
          frame: ({ text }) => {
            if (frames.push(text) === 1) throw new Error("oops")
            return Effect.die("oops")
          }
        }]
      })
      const notifications = yield* peer.subscribe()
      yield* server.send({ id: 1, method: "x" })
      assert.deepStrictEqual(yield* server.take, { id: 1, result: "failed" })
      yield* server.send({ method: "x" })
      yield* server.send({ method: "z" })
      yield* server.send({ method: "y" })
      assert.deepStrictEqual(yield* Stream.runHead(notifications), Option.some({ method: "y" }))
      yield* settled
      assert.strictEqual(frames.length, 5)
    }).pipe(Effect.provideService(References.MinimumLogLevel, "None")))

  it.effect("does not stop the replies when it is stuck, and makes the app-server wait", () =>
    Effect.gen(function*() {
      const replies = yield* Queue.unbounded<string>()
      const mayGoOn = yield* Deferred.make<void>()
      let read = 0
      const flood = Stream.range(1, 3000).pipe(
        Stream.rechunk(1),
        Stream.tap((index) =>
          Effect.sync(() => {
            read = index
          })
        ),
        Stream.map((index) => JSON.stringify({ method: "e", params: [index, "x".repeat(1000)] }))
      )
      const peer = yield* JsonRpc.make({
        incoming: Stream.concat(flood, Stream.fromQueue(replies)),
        outgoing: Sink.forEach(() => Queue.offer(replies, "{\"id\":1,\"result\":1}"))
      }, {
        middleware: [{
          notification: (notification, next) => Effect.andThen(Deferred.await(mayGoOn), next(notification))
        }]
      })
      const notifications = yield* peer.subscribe({ bufferSize: 10_000 })
      yield* Effect.repeat(settled, { times: 50 })
      assert.isBelow(read, 1100)
      assert.isAbove(read, 900)
      assert.strictEqual(yield* peer.request("x"), 1)
      yield* Deferred.succeed(mayGoOn, undefined)
      assert.strictEqual((yield* Stream.runCollect(Stream.take(notifications, 3000))).length, 3000)
    }))

  it.effect("tells when what has come is with the subscribers", () =>
    Effect.gen(function*() {
      const mayGoOn = yield* Deferred.make<void>()
      const { peer, server } = yield* connect({
        middleware: [{
          notification: (notification, next) =>
            Effect.andThen(notification.method === "x" ? Effect.void : Deferred.await(mayGoOn), next(notification))
        }]
      })
      yield* peer.delivered
      const scope = yield* Scope.make()
      const notifications = yield* Scope.provide(peer.subscribe(), scope)
      yield* server.send({ method: "x" })
      yield* settled
      yield* peer.delivered
      yield* server.send({ method: "y" })
      yield* settled
      const delivered = yield* Effect.forkChild(peer.delivered)
      yield* server.send({ method: "z" })
      yield* server.end
      const late = yield* peer.closed.pipe(Effect.flip, Effect.andThen(peer.delivered), Effect.forkChild)
      yield* settled
      assert.isUndefined(delivered.pollUnsafe())
      assert.isUndefined(late.pollUnsafe())
      yield* Deferred.succeed(mayGoOn, undefined)
      yield* Fiber.join(delivered)
      yield* Fiber.join(late)
      yield* Scope.close(scope, Exit.void)
      const methods = Stream.map(Stream.catch(notifications, () => Stream.empty), ({ method }) => method)
      assert.deepStrictEqual(yield* Stream.runCollect(methods), ["x", "y", "z"])
    }))

  it.effect("keeps the end behind what came before it", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* connect({ middleware: [spy("a", [])] })
      const notifications = yield* peer.subscribe()
      yield* server.send({ method: "x" })
      yield* server.end
      const error = yield* Effect.flip(peer.closed)
      const seen: Array<string> = []
      const drain = Stream.runForEach(notifications, ({ method }) => Effect.sync(() => seen.push(method)))
      assert.strictEqual(yield* Effect.flip(drain), error)
      assert.deepStrictEqual(seen, ["x"])
    }))

  it.effect("is added to by layers, in their order", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const layer = JsonRpcMiddleware.layer(spy("b", seen)).pipe(
        Layer.provideMerge(JsonRpcMiddleware.layer(spy("a", seen)))
      )
      const { peer } = yield* Effect.provide(connect({ middleware: [spy("c", seen)] }), layer)
      yield* peer.notify("n")
      assert.deepStrictEqual(seen, ["a notify n", "b notify n", "c notify n"])
    }))
})

describe("the recorder", () => {
  it.effect("gets every message, up to the end, without secrets", () =>
    Effect.gen(function*() {
      const frames: Array<Frame> = []
      const layer = JsonRpcMiddleware.layerRecorder((frame) => Effect.sync(() => void frames.push(frame)))
      const [client, other] = yield* Connection.inMemory
      const server = yield* serve(other)
      yield* Effect.scoped(Effect.gen(function*() {
        const peer = yield* JsonRpc.make(client)
        const fiber = yield* Effect.forkChild(
          peer.request("account/login/start", { type: "apiKey", apiKey: "sk-secret", tokens: 5 })
        )
        yield* server.reply(yield* server.take, { accessToken: "secret", headers: { Authorization: "Bearer secret" } })
        yield* Fiber.join(fiber)
        yield* server.send("garbage with a secret")
        yield* server.send({
          method: "item/agentMessage/delta",
          params: { delta: "Hi", env: { OPENAI_API_KEY: "secret" } }
        })
        yield* settled
        yield* peer.notify("last")
      })).pipe(Effect.provide(layer))
      assert.deepStrictEqual(frames, [
        {
          direction: "sent",
          text: "{\"id\":1,\"method\":\"account/login/start\",\"params\":" +
            "{\"type\":\"apiKey\",\"apiKey\":\"<redacted>\",\"tokens\":5}}"
        },
        {
          direction: "received",
          text: "{\"id\":1,\"result\":{\"accessToken\":\"<redacted>\",\"headers\":{\"Authorization\":\"<redacted>\"}}}"
        },
        { direction: "received", text: "<not JSON>" },
        {
          direction: "received",
          text: "{\"method\":\"item/agentMessage/delta\",\"params\":" +
            "{\"delta\":\"Hi\",\"env\":{\"OPENAI_API_KEY\":\"<redacted>\"}}}"
        },
        { direction: "sent", text: "{\"method\":\"last\"}" }
      ])
    }))
})

describe("the logger", () => {
  it.effect("tells methods, ids and outcomes, never what is in a message", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const logger = Logger.make(({ fiber, logLevel, message }) => {
        const { id, method, outcome } = fiber.getRef(References.CurrentLogAnnotations)
        lines.push([logLevel, message, method, id, outcome].filter((part) => part !== undefined).map(String).join(" "))
      })
      yield* Effect.gen(function*() {
        const { peer, server } = yield* connect()
        const notifications = yield* peer.subscribe()
        yield* peer.handle("ask", () => Effect.succeed("secret"))
        const fine = yield* Effect.forkChild(peer.request("a", "secret"))
        yield* server.reply(yield* server.take, "secret")
        yield* Fiber.join(fine)
        const bad = yield* Effect.forkChild(Effect.flip(peer.request("b", "secret")))
        yield* server.take
        yield* server.send({ id: 2, error: { code: -32600, message: "secret" } })
        yield* Fiber.join(bad)
        const gone = yield* Effect.forkChild(peer.request("c", "secret"))
        yield* server.take
        yield* Fiber.interrupt(gone)
        yield* peer.notify("n", "secret")
        yield* server.take
        yield* server.send({ id: 0, method: "ask", params: "secret" })
        yield* server.take
        yield* server.send({ id: 1, method: "none", params: "secret" })
        yield* server.take
        yield* server.send("secret")
        yield* settled
        yield* server.send({ method: "e", params: "secret" })
        yield* Stream.runHead(notifications)
        yield* settled
      }).pipe(
        Effect.scoped,
        Effect.provide(JsonRpcMiddleware.layerLogger),
        Effect.provideService(References.CurrentLoggers, new Set([logger])),
        Effect.provideService(References.MinimumLogLevel, "Debug")
      )
      assert.deepStrictEqual(lines, [
        "Debug app-server: request a 1 ok",
        "Debug app-server: request b 2 failed",
        "Debug app-server: request c 3 interrupted",
        "Debug app-server: notify n",
        "Debug app-server: server request ask 0 ok",
        "Debug app-server: server request none 1 -32601",
        "Debug app-server: a stray message (not-json)",
        "Debug app-server: notification e"
      ])
    }))
})
