/**
 * The server of the fake on its own: time, back-pressure, clients that leave, the end of its scope.
 */
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { layerFake, layerServer } from "./support/codexExec.ts"

const layerHttp = (script: FakeModel.Script, options?: FakeModel.Options) =>
  Layer.merge(layerFake(script, options), NodeHttpClient.layerNodeHttp)

/** Asks the model, as the CLI does. */
const ask = Effect.fnUntraced(function*(body: unknown = { input: [] }, headers: Record<string, string> = {}) {
  const fake = yield* FakeModel.FakeModel
  return yield* HttpClient.post(`${fake.url}/responses`, { body: HttpBody.jsonUnsafe(body), headers })
})

const eventTypes = (text: string) => [...text.matchAll(/^event: (.*)$/gm)].map(([, type]) => type)

const megabyte = "x".repeat(1_000_000)

describe("FakeModel", () => {
  it.effect("waits on the clock it was built with, after the first event", () =>
    Effect.gen(function*() {
      const response = yield* ask()
      const first = yield* Deferred.make<void>()
      const reader = yield* response.stream.pipe(
        Stream.tap(() => Deferred.succeed(first, undefined)),
        Stream.decodeText,
        Stream.mkString,
        Effect.forkChild
      )
      yield* Deferred.await(first)
      yield* TestClock.adjust("59 minutes")
      assert.isUndefined(reader.pollUnsafe())
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(eventTypes(yield* Fiber.join(reader)), [
        "response.created",
        "response.output_item.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_item.done",
        "response.completed"
      ])
    }).pipe(Effect.provide(layerHttp([
      ModelReply.concat(ModelReply.delay("1 hour"), ModelReply.message("a", "b"))
    ]))))

  it.live("sends no faster than it is read, and loses nothing", () =>
    Effect.gen(function*() {
      let sent = 0
      const chunk = ModelReply.concat(
        ModelReply.waitFor(Effect.sync(() => sent++)),
        ModelReply.event({ type: "chunk", data: megabyte })
      )
      const script = [ModelReply.concat(...Array.from({ length: 50 }, () => chunk))]
      const received = yield* Effect.gen(function*() {
        const response = yield* ask()
        let before = -1
        const isStill = Effect.sync(() => before === (before = sent))
        yield* Effect.repeat(isStill, { until: (still) => still, schedule: Schedule.spaced("200 millis") })
        assert.isBelow(sent, 25)
        return yield* Stream.runFold(response.stream, () => 0, (size, bytes) => size + bytes.length)
      }).pipe(Effect.provide(layerHttp(script)))
      assert.strictEqual(sent, 50)
      assert.isAbove(received, 50 * megabyte.length)
    }))

  it.live("interrupts what a reply waits for when the client leaves", () =>
    Effect.gen(function*() {
      const interrupted = yield* Deferred.make<void>()
      const waits = ModelReply.waitFor(
        Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined))
      )
      yield* Effect.gen(function*() {
        yield* ask().pipe(Effect.flatMap((response) => Stream.runHead(response.stream)), Effect.scoped)
        yield* Deferred.await(interrupted)
        const response = yield* ask()
        assert.include(yield* response.text, "Still here.")
      }).pipe(Effect.provide(layerHttp([waits, ModelReply.message("Still here.")])))
    }))

  it.live("drops open responses and removes its directory when its scope closes", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const script = (request: { readonly index: number }) => request.index === 0 ? ModelReply.hang : Effect.never
      const context = yield* Layer.buildWithScope(layerHttp(script), scope)
      const { body, home, pending } = yield* Effect.gen(function*() {
        const fake = yield* FakeModel.FakeModel
        const response = yield* ask()
        const body = yield* Effect.forkScoped(Stream.runDrain(response.stream))
        const pending = yield* Effect.forkScoped(ask())
        yield* fake.awaitRequest(1)
        return { body, home: fake.codexHome, pending }
      }).pipe(Effect.provideContext(context))
      const [duration] = yield* Effect.timed(Scope.close(scope, Exit.void))
      assert.isBelow(Duration.toMillis(duration), 1000)
      assert.isTrue(Exit.isFailure(yield* Fiber.await(body)))
      const late = yield* Fiber.await(pending)
      assert.isTrue(Exit.isFailure(late) || late.value.status === 503)
      assert.isFalse(yield* Context.get(context, FileSystem.FileSystem).exists(home))
    }).pipe(Effect.scoped))

  it.effect("answers what is not for the model without the script", () =>
    Effect.gen(function*() {
      const fake = yield* FakeModel.FakeModel
      assert.strictEqual((yield* HttpClient.get(`${fake.url}/models`)).status, 404)
      assert.strictEqual((yield* HttpClient.get(`${fake.url}/responses`)).status, 404)
      assert.deepStrictEqual(yield* fake.requests, [])
      yield* fake.verify
    }).pipe(Effect.provide(layerHttp([]))))

  it.effect("keeps waits before an HTTP error, and its headers", () =>
    Effect.gen(function*() {
      const fake = yield* FakeModel.FakeModel
      const pending = yield* Effect.forkChild(ask())
      yield* fake.awaitRequest(0)
      yield* TestClock.adjust("1 minute")
      const response = yield* Fiber.join(pending)
      assert.strictEqual(response.status, 429)
      assert.strictEqual(response.headers["retry-after"], "7")
      assert.deepStrictEqual(yield* response.json, {
        error: { message: "Slow down.", type: "requests", code: "rate_limit_exceeded", param: null }
      })
    }).pipe(Effect.provide(layerHttp([
      ModelReply.concat(
        ModelReply.delay("1 minute"),
        ModelReply.httpError(429, {
          message: "Slow down.",
          type: "requests",
          code: "rate_limit_exceeded",
          headers: { "retry-after": "7" }
        })
      )
    ]))))

  it.effect("refuses more requests than it may capture", () =>
    Effect.gen(function*() {
      const fake = yield* FakeModel.FakeModel
      assert.strictEqual((yield* ask()).status, 200)
      const refused = yield* ask()
      assert.strictEqual(refused.status, 400)
      assert.strictEqual(yield* refused.text, "FakeModel: more than 1 requests")
      assert.lengthOf(yield* fake.requests, 1)
      assert.strictEqual((yield* Effect.flip(fake.verify)).message, "more than 1 requests")
    }).pipe(Effect.provide(layerHttp(() => ModelReply.message("Yes."), { maxRequests: 1 }))))

  it.effect("finds fault with a script that was not played to its end", () =>
    Effect.gen(function*() {
      const fake = yield* FakeModel.FakeModel
      yield* ask()
      const error = yield* Effect.flip(fake.verify)
      assert.deepStrictEqual(error.problems, ["the script has 2 replies, and 1 requests came"])
    }).pipe(Effect.provide(layerHttp([ModelReply.message("One."), ModelReply.message("Two.")]))))

  it.effect("reads requests of older and newer CLIs, and of none", () =>
    Effect.gen(function*() {
      const fake = yield* FakeModel.FakeModel
      const user = {
        type: "message",
        role: "user",
        content: [{ type: "input_text", text: "Hi" }, { type: "input_image" }]
      }
      const tools = [{ type: "namespace", name: "functions", tools: [{ type: "custom", name: "exec" }] }, {
        type: "namespace",
        name: "agents",
        tools: [{ type: "function", name: "spawn" }]
      }, { type: "web_search" }]
      yield* ask({ input: [user, { type: "additional_tools", tools }, { type: "from the future" }] }, {
        "session_id": "old"
      })
      yield* ask({ input: "not a list" }, { "session_id": "old" })
      yield* ask([], { "thread-id": "new" })
      assert.deepStrictEqual(
        (yield* fake.requests).map(({ prompt, threadId, threadIndex, tools }) => ({
          prompt,
          threadId,
          threadIndex,
          tools
        })),
        [
          { prompt: "Hi", threadId: "old", threadIndex: 0, tools: ["exec", "agents.spawn", "web_search"] },
          { prompt: "", threadId: "old", threadIndex: 1, tools: [] },
          { prompt: "", threadId: "new", threadIndex: 0, tools: [] }
        ]
      )
    }).pipe(Effect.provide(layerHttp(() => ModelReply.message("Yes.")))))

  it.effect("gives the environment to the layer that drives the CLI", () =>
    Effect.gen(function*() {
      const fake = yield* FakeModel.FakeModel
      const env = yield* Cli
      assert.strictEqual(env["CODEX_HOME"], fake.codexHome)
      assert.strictEqual(env["CODEX_HOME"], `${env["HOME"]}/.codex`)
      assert.deepStrictEqual(env, fake.cli.env)
    }).pipe(Effect.provide(
      FakeModel.layerWith([], (cli) => Layer.succeed(Cli, cli.env)).pipe(Layer.provide(layerServer))
    )))
})

class Cli extends Context.Service<Cli, Readonly<Record<string, string>>>()("test/Cli") {}
