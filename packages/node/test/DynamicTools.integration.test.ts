/**
 * Tools of this program, called by the real app-server.
 */
import * as Client from "@effect-codex/core/appserver/Client"
import * as DynamicTools from "@effect-codex/core/appserver/DynamicTools"
import * as NodeCodexCli from "@effect-codex/node/NodeCodexCli"
import * as NodeProcessGuard from "@effect-codex/node/NodeProcessGuard"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import { assert, describe, it } from "@effect/vitest"
import * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as RealAppServer from "./support/realAppServer.ts"

const { concat, functionCall, message } = ModelReply

const done = message("Done.")

const answering = (script: FakeModel.Script) => RealAppServer.layer(script, { experimentalApi: true })

/** The tools of a toolkit with these handlers. */
const make = <Tools extends Record<string, Tool.Any>>(
  toolkit: Toolkit.Toolkit<Tools>,
  handlers: Toolkit.HandlersFrom<Tools>,
  options?: DynamicTools.Options
) => Effect.provide(DynamicTools.make(toolkit, options), toolkit.toLayer(handlers))

/** A thread with tools. */
const start = Effect.fnUntraced(function*(tools: DynamicTools.DynamicTools) {
  const client = yield* Client.Client
  yield* DynamicTools.serve(client, tools)
  const { thread } = yield* client.thread.start({ sandbox: "read-only", dynamicTools: tools.specs })
  return thread.id
})

/** A turn from its start to its end: its status, those of its calls, and what the model was told of each. */
const turn = Effect.fnUntraced(function*(
  threadId: string,
  meanwhile: (turnId: string) => Effect.Effect<unknown, unknown, Client.Client> = () => Effect.void
) {
  const client = yield* Client.Client
  const notifications = yield* client.notifications(["item/completed", "turn/completed"])
  const { turn } = yield* client.turn.start({ threadId, input: [{ type: "text", text: "Go" }] })
  yield* meanwhile(turn.id)
  const told = yield* Stream.runCollect(Stream.takeUntil(notifications, ({ method }) => method === "turn/completed"))
  const { requests } = yield* FakeModel.FakeModel
  return {
    status: told.flatMap((told) => told.method === "turn/completed" ? [told.params.turn.status] : [])[0],
    calls: told.flatMap((told) =>
      told.method === "item/completed" && told.params.item.type === "dynamicToolCall" ? [told.params.item.status] : []
    ),
    outputs: (yield* requests).at(-1)?.toolOutputs.map(({ output }) => output) ?? []
  }
})

/** The part of the model's request that holds the tools. */
const toolsTold = Effect.fnUntraced(function*(index: number) {
  const { body } = yield* (yield* FakeModel.FakeModel).awaitRequest(index)
  return (yield* Schema.decodeUnknownEffect(Body)(body)).tools
})

const Body = Schema.Struct({
  tools: Schema.Array(Schema.Record(Schema.String, Schema.Json))
})

const Stock = Tool.make("stock", {
  description: "How many there are of an article",
  parameters: Schema.Struct({
    article: Schema.Literals(["apple", "pear"]).annotate({ description: "In English" }),
    at: Schema.optionalKey(Schema.DateTimeUtcFromString)
  }),
  success: Schema.Struct({ count: Schema.BigInt }),
  failure: Schema.String
})

const Wait = Tool.make("wait")

describe("a tool of this program", () => {
  it.live("is offered to the model, called, and its result told", () =>
    Effect.gen(function*() {
      const tools = yield* make(Toolkit.make(Stock), {
        stock: ({ article, at }) => Effect.succeed({ count: article === "pear" && at === undefined ? 3n : 0n })
      })
      const threadId = yield* start(tools)
      assert.deepStrictEqual(yield* turn(threadId), {
        status: "completed",
        calls: ["completed"],
        outputs: [`{"count":"3"}`]
      })
      const told = yield* toolsTold(0)
      assert.deepStrictEqual(told.find(({ name }) => name === "stock"), {
        type: "function",
        name: "stock",
        description: "How many there are of an article",
        strict: false,
        parameters: {
          type: "object",
          properties: {
            article: { type: "string", enum: ["apple", "pear"], description: "In English" },
            at: { type: "string" }
          },
          required: ["article"],
          additionalProperties: true
        }
      })
    }).pipe(Effect.provide(answering([functionCall("stock", { article: "pear" }), done]))))

  it.live("is offered without limits and tuples, which are checked all the same", () =>
    Effect.gen(function*() {
      const Limited = Tool.make("limited", {
        parameters: Schema.Struct({
          text: Schema.String.check(Schema.isMinLength(2), Schema.isPattern(/^a/)),
          size: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 4 })),
          pair: Schema.Tuple([Schema.String, Schema.Finite])
        })
      })
      const tools = yield* make(Toolkit.make(Limited), { limited: () => Effect.void })
      const { outputs } = yield* turn(yield* start(tools))
      const told = (yield* toolsTold(0)).find(({ name }) => name === "limited")
      assert.deepStrictEqual(told?.["parameters"], {
        type: "object",
        properties: {
          text: { type: "string" },
          size: { type: "integer" },
          pair: { type: "array", items: { type: "string" }, minItems: 2 }
        },
        required: ["text", "size", "pair"],
        additionalProperties: true
      })
      assert.match(outputs[0] ?? "", /at \["text"\][^]*at \["size"\][^]*at \["pair"\]\[1\]/)
    }).pipe(Effect.provide(answering([functionCall("limited", { text: "", size: 5, pair: ["a", "b"] }), done]))))

  it.live("tells the model in words what went wrong, and the turn goes on", () =>
    Effect.gen(function*() {
      const tools = yield* make(Toolkit.make(Stock, Wait), {
        stock: ({ article }) => article === "apple" ? Effect.fail("There are no apples.") : Effect.die("secret"),
        wait: () => Effect.never
      }, { timeout: "100 millis" })
      const { calls, outputs, status } = yield* turn(yield* start(tools))
      assert.strictEqual(status, "completed")
      assert.deepStrictEqual(calls, ["failed", "failed", "failed", "failed"])
      const [misfit, ...others] = outputs
      assert.match(misfit ?? "", /^The arguments do not fit\. Expected .*"apple" \| "pear".*\n {2}at \["article"\]$/)
      assert.deepStrictEqual(others, [
        "There are no apples.",
        "The tool failed for a reason of its own.",
        "The tool was stopped: it took more than 100ms."
      ])
    }).pipe(
      Effect.provide(answering([
        functionCall("stock", { article: "plum" }),
        functionCall("stock", { article: "apple" }),
        functionCall("stock", { article: "pear" }),
        functionCall("wait", {}),
        done
      ]))
    ))

  it.live("runs beside others of its turn", () =>
    Effect.gen(function*() {
      const first = yield* Latch.make()
      const second = yield* Latch.make()
      const tools = yield* make(Toolkit.make(Wait, Tool.make("wait_too")), {
        wait: () => Effect.andThen(first.open, second.await),
        wait_too: () => Effect.andThen(second.open, first.await)
      })
      const { calls, outputs } = yield* turn(yield* start(tools))
      assert.deepStrictEqual(calls, ["completed", "completed"])
      assert.deepStrictEqual(outputs, ["Done.", "Done."])
    }).pipe(Effect.provide(answering([concat(functionCall("wait", {}), functionCall("wait_too", {})), done]))))

  it.live("is interrupted with its turn, and the next turn is none the worse", () =>
    Effect.gen(function*() {
      const started = yield* Deferred.make<void>()
      const stopped = yield* Deferred.make<void>()
      const tools = yield* make(Toolkit.make(Wait), {
        wait: () =>
          Effect.onInterrupt(
            Effect.andThen(Deferred.succeed(started, undefined), Effect.never),
            () => Deferred.succeed(stopped, undefined)
          )
      })
      const client = yield* Client.Client
      const threadId = yield* start(tools)
      const { calls, status } = yield* turn(threadId, (turnId) =>
        Effect.andThen(Deferred.await(started), client.turn.interrupt({ threadId, turnId })))
      assert.deepStrictEqual([status, calls], ["interrupted", ["failed"]])
      yield* Deferred.await(stopped)
      assert.strictEqual((yield* turn(threadId)).status, "completed")
    }).pipe(Effect.provide(answering([functionCall("wait", {}), done]))))

  it.live("shows images", () =>
    Effect.gen(function*() {
      const Look = Tool.make("look", {
        toModelOutput: () => [
          Prompt.textPart({ text: "Look:" }),
          Prompt.filePart({ mediaType: "image/png", data: pixel }),
          Prompt.filePart({ mediaType: "image/png", data: new URL("https://example.com/a.png") })
        ]
      })
      const tools = yield* make(Toolkit.make(Look), { look: () => Effect.void })
      const { calls } = yield* turn(yield* start(tools))
      assert.deepStrictEqual(calls, ["completed"])
      const { body } = yield* (yield* FakeModel.FakeModel).awaitRequest(1)
      const { input } = yield* Schema.decodeUnknownEffect(Schema.Struct({ input: Schema.Array(Schema.Json) }))(body)
      assert.include(JSON.stringify(input), `"image_url":"data:image/png;base64,${pixel}"`)
      assert.include(JSON.stringify(input), "[image/png omitted]")
    }).pipe(Effect.provide(answering([functionCall("look", {}), done]))))

  it.live("in a namespace may have the name of one of Codex's, and stays with the threads that are forked", () =>
    Effect.gen(function*() {
      const namespace = { name: "own", description: "Ours" }
      const tools = yield* make(Toolkit.make(Tool.make("exec_command")), { exec_command: () => Effect.void }, {
        namespace
      })
      const client = yield* Client.Client
      const threadId = yield* start(tools)
      assert.deepStrictEqual(yield* turn(threadId), { status: "completed", calls: ["completed"], outputs: ["Done."] })
      const { thread } = yield* client.thread.fork({ threadId })
      const { calls, outputs } = yield* turn(thread.id)
      assert.deepStrictEqual([calls, outputs], [["completed"], ["Done.", "Done."]])
    }).pipe(
      Effect.provide(
        answering(({ threadIndex }) =>
          threadIndex === 0 ? functionCall("exec_command", {}, { namespace: "own" }) : done
        )
      )
    ))

  it.live("stays with a thread that another app-server resumes, even without `experimentalApi`", () =>
    Effect.gen(function*() {
      const tools = yield* make(Toolkit.make(Wait), { wait: () => Effect.void })
      const { cli } = yield* FakeModel.FakeModel
      const appServer = (experimentalApi: boolean) =>
        Layer.provide(Client.layerStdio({ experimentalApi }), [NodeCodexCli.layer(cli), NodeProcessGuard.layer])
      const threadId = yield* Effect.gen(function*() {
        const threadId = yield* start(tools)
        yield* turn(threadId)
        return threadId
      }).pipe(Effect.scoped, Effect.provide(appServer(true)))
      yield* Effect.gen(function*() {
        const client = yield* Client.Client
        yield* DynamicTools.serve(client, tools)
        yield* client.thread.resume({ threadId })
        assert.deepStrictEqual((yield* turn(threadId)).outputs, ["Done."])
      }).pipe(Effect.scoped, Effect.provide(appServer(false)))
    }).pipe(Effect.provide(answering([done, functionCall("wait", {}), done]))))
})

describe("what is refused", () => {
  it.live("is what Codex refuses", () =>
    Effect.gen(function*() {
      const client = yield* Client.Client
      const takes = (namespace: string | undefined, name: string) =>
        client.thread.start({
          dynamicTools: [
            namespace === undefined
              ? { type: "function", name, description: "", inputSchema: {} }
              : {
                type: "namespace",
                name: namespace,
                description: "",
                tools: [{ type: "function", name, description: "", inputSchema: {} }]
              }
          ]
        }).pipe(Effect.as(true), Effect.catchTag("RpcError", () => Effect.succeed(false)))
      const offers = (namespace: string | undefined, name: string) =>
        make(
          Toolkit.make(Tool.make(name)),
          { [name]: () => Effect.void },
          namespace === undefined ? {} : { namespace: { name: namespace } }
        ).pipe(Effect.as(true), Effect.catchTag("CodexError", () => Effect.succeed(false)))

      const names = ["a", "A-1_", "1", "a".repeat(128), "mcp_", "", "é", "a.b", " a", "a".repeat(129), "mcp", "mcp__a"]
      const spaces = ["a", "a".repeat(64), "A-1", "a".repeat(65), "", "a b", "mcp__a", "functions", "web", "python"]
      for (
        const [namespace, name] of [
          ...names.map((name) => [undefined, name] as const),
          ...names.map((name) => ["a", name] as const),
          ...spaces.map((namespace) => [namespace, "a"] as const)
        ]
      ) {
        assert.strictEqual(yield* offers(namespace, name), yield* takes(namespace, name), `${namespace ?? ""} ${name}`)
      }
    }).pipe(Effect.provide(answering([]))))

  it.live("is what Codex would hide behind a tool of its own", () =>
    Effect.gen(function*() {
      yield* turn(yield* start(yield* make(Toolkit.make(Stock), { stock: () => Effect.fail("") })))
      const names = (yield* toolsTold(0)).flatMap(({ name, type }) =>
        [name ?? type].filter(Predicate.isString).filter((name) => name !== "stock")
      )
      assert.include(names, "exec_command")
      for (const name of names) {
        const error = yield* Effect.flip(make(Toolkit.make(Tool.make(name)), { [name]: () => Effect.void }))
        assert.include(error.message, "would hide it", name)
      }
    }).pipe(Effect.provide(answering([done]))))
})

/** A PNG of one pixel. */
const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
