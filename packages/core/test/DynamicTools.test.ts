import * as DynamicTools from "@effect-codex/core/appserver/DynamicTools"
import type * as Protocol from "@effect-codex/core/appserver/Protocol"
import { assert, describe, it } from "@effect/vitest"
import * as AiError from "effect/ai/AiError"
import * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import * as Tracer from "effect/Tracer"
import { connect } from "./support/client.ts"

const ids = { threadId: "thread", turnId: "turn", callId: "call" }

/** Calls a tool, and gives what the model is told if that is one text. */
const ask = (tools: DynamicTools.DynamicTools, tool: string, input: unknown, namespace: string | null = null) =>
  Effect.map(tools.call({ ...ids, tool, arguments: input, namespace }), ({ contentItems, success }) => {
    const [item] = contentItems
    assert(contentItems.length === 1 && item?.type === "inputText")
    return [success, item.text] as const
  })

/** A tool whose handler is `Effect.never`, or one that is given. */
const one = <T extends Tool.Any>(tool: T, options?: DynamicTools.Options) => {
  const toolkit = Toolkit.make(tool)
  return DynamicTools.make({ tools: toolkit.tools, handle: () => Effect.never }, options)
}

/** The tools of a toolkit with these handlers. */
const make = <Tools extends Record<string, Tool.Any>>(
  toolkit: Toolkit.Toolkit<Tools>,
  handlers: Toolkit.HandlersFrom<Tools>,
  options?: DynamicTools.Options
) => Effect.provide(DynamicTools.make(toolkit, options), toolkit.toLayer(handlers))

/** Gives what was logged, too. */
const logged = <A, E, R>(effect: Effect.Effect<A, E, R>) => {
  const messages: Array<string> = []
  const logger = Logger.make(({ logLevel, message }) => messages.push(`${logLevel} ${String(message)}`))
  return Effect.map(Effect.provide(effect, Logger.layer([logger])), (result) => ({ result, messages }))
}

const Weather = Tool.make("get_weather", {
  description: "The weather of a day",
  parameters: Schema.Struct({
    place: Schema.String.annotate({ description: "A town" }),
    day: Schema.Date,
    units: Schema.optionalKey(Schema.Literals(["metric", "imperial"]))
  }),
  success: Schema.Struct({ at: Schema.Date, degrees: Schema.BigInt }),
  failure: Schema.String
})

describe("what Codex is told", () => {
  it.effect("is the toolkit", () =>
    Effect.gen(function*() {
      const tools = yield* one(Weather)
      assert.deepStrictEqual(tools.specs, [{
        type: "function",
        name: "get_weather",
        description: "The weather of a day",
        inputSchema: {
          type: "object",
          properties: {
            place: { type: "string", description: "A town" },
            day: { type: "string" },
            units: { type: "string", enum: ["metric", "imperial"] }
          },
          required: ["place", "day"],
          additionalProperties: true
        }
      }])
    }))

  it.effect("is in a namespace, if the user says so", () =>
    Effect.gen(function*() {
      const { specs: [spec] } = yield* one(Tool.make("exec_command"), { namespace: { name: "own" } })
      assert.deepStrictEqual(spec, {
        type: "namespace",
        name: "own",
        description: "",
        tools: [{
          type: "function",
          name: "exec_command",
          description: "",
          inputSchema: { type: "object", additionalProperties: false }
        }]
      })
      const none = yield* DynamicTools.make(Toolkit.empty, { namespace: { name: "own" } })
      assert.deepStrictEqual(none.specs, [])
    }))

  it.effect("has the object at the root of a schema with a name, and refers to it where it recurs", () =>
    Effect.gen(function*() {
      interface Folder {
        readonly name: string
        readonly folders: ReadonlyArray<Folder>
      }
      const Folder: Schema.Codec<Folder> = Schema.Struct({
        name: Schema.String,
        folders: Schema.Array(Schema.suspend((): Schema.Codec<Folder> => Folder))
      }).annotate({ identifier: "Folder" })
      const { specs: [spec] } = yield* one(Tool.make("list", { parameters: Folder }))
      assert(spec?.type === "function")
      const folder = {
        type: "object",
        properties: { name: { type: "string" }, folders: { type: "array", items: { $ref: "#/$defs/Folder" } } },
        required: ["name", "folders"],
        additionalProperties: true
      }
      assert.deepStrictEqual(spec.inputSchema, { ...folder, $defs: { Folder: folder } })
    }))

  it.effect("is the JSON Schema of a dynamic tool as it is", () =>
    Effect.gen(function*() {
      const parameters = { type: "object", properties: { q: { type: "string", minLength: 1 } } }
      const { specs: [spec] } = yield* one(Tool.dynamic("search", { parameters }))
      assert(spec?.type === "function")
      assert.deepStrictEqual(spec.inputSchema, parameters)
    }))

  const refused: ReadonlyArray<readonly [what: string, tools: Effect.Effect<unknown, unknown>, message: RegExp]> = [
    ["an empty name", one(Tool.make("")), /`tools\.`: a name has 1 to 128 letters/],
    ["a name with a dot", one(Tool.make("a.b")), /`tools\.a\.b`: a name has/],
    ["a long name", one(Tool.make("a".repeat(129))), /a name has 1 to 128/],
    ["a name of MCP", one(Tool.make("mcp__a")), /Codex keeps/],
    ["a name of Codex", one(Tool.make("exec_command")), /would hide it: rename it, or use the option `namespace`/],
    ["a bad namespace", one(Weather, { namespace: { name: "a b" } }), /`namespace`: a name has 1 to 64/],
    ["a namespace of OpenAI", one(Weather, { namespace: { name: "web" } }), /OpenAI keeps the namespace web/],
    [
      "a long description",
      one(Weather, { namespace: { name: "a", description: "a".repeat(1025) } }),
      /more than 1024 characters/
    ],
    ["a tool that needs approval", one(Weather.setNeedsApproval(true)), /ask in its handler/],
    ["a tool that may need approval", one(Weather.setNeedsApproval(() => false)), /ask in its handler/],
    [
      "a tool of a provider",
      one(Tool.providerDefined({ id: "openai.x", customName: "x", providerName: "x" })()),
      /the provider of a model defines/
    ],
    ["parameters that are no object", one(Tool.make("x", { parameters: Schema.String })), /must be an object/],
    [
      "parameters that are one of several objects",
      one(Tool.make("x", { parameters: Schema.Union([Schema.Struct({ a: Schema.String }), Schema.Struct({})]) })),
      /must be an object/
    ],
    [
      "parameters that no JSON has",
      one(Tool.make("x", { parameters: Schema.Struct({ [Symbol.iterator]: Schema.String }) })),
      /have no JSON Schema: .*names must be strings/
    ],
    ["a JSON Schema of no object", one(Tool.dynamic("x", { parameters: { type: "array" } })), /must be an object/]
  ]
  for (const [what, tools, message] of refused) {
    it.effect(`is not ${what}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(tools)
        assert(error instanceof Error)
        assert.match(error.message, message)
        assert.nestedPropertyVal(error, "reason._tag", "InvalidOption")
      }))
  }
})

describe("a call", () => {
  const Sum = Tool.make("sum", {
    parameters: Schema.Struct({
      terms: Schema.Array(Schema.Int),
      note: Schema.optionalKey(Schema.String.check(Schema.isMinLength(2)))
    }),
    success: Schema.Struct({ sum: Schema.Int })
  })
  const sum = ({ terms }: { readonly terms: ReadonlyArray<number> }) =>
    Effect.succeed({ sum: terms.reduce((sum, term) => sum + term, 0) })

  it.effect("gets what the handler gives, as JSON by the schema", () =>
    Effect.gen(function*() {
      const tools = yield* make(Toolkit.make(Weather), {
        get_weather: ({ day }) => Effect.succeed({ at: day, degrees: 21n })
      })
      const answer = yield* ask(tools, "get_weather", { place: "Bergen", day: "2026-11-21T00:00:00.000Z" })
      assert.deepStrictEqual(answer, [true, `{"at":"2026-11-21T00:00:00.000Z","degrees":"21"}`])
    }))

  const Parameters = Schema.Struct({
    text: Schema.String,
    at: Schema.DateTimeUtc,
    sizes: Schema.Array(Schema.BigInt),
    tag: Schema.optionalKey(Schema.Literals(["a", "b"])),
    choice: Schema.Union([Schema.TaggedStruct("One", { flag: Schema.Boolean }), Schema.TaggedStruct("Two", {})])
  })
  const toJson = Schema.encodeEffect(Schema.fromJsonString(Schema.toCodecJson(Parameters)))
  const fromJson = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.toCodecJson(Parameters)))

  it.effect.prop(
    "loses nothing of the parameters and of the result",
    { value: Parameters },
    ({ value }) =>
      Effect.gen(function*() {
        const got: Array<typeof Parameters.Type> = []
        const tools = yield* make(Toolkit.make(Tool.make("same", { parameters: Parameters, success: Parameters })), {
          same: (parameters) => {
            got.push(parameters)
            return Effect.succeed(parameters)
          }
        })
        const [success, text] = yield* ask(tools, "same", JSON.parse(yield* toJson(value)))
        assert.isTrue(success)
        assert.isTrue(Equal.equals(got, [value]))
        assert.isTrue(Equal.equals(yield* fromJson(text), value))
      })
  )

  it.effect("gets a text as it is, and a word where there is nothing to say", () =>
    Effect.gen(function*() {
      const tools = yield* make(Toolkit.make(Tool.make("greet", { success: Schema.String }), Tool.make("wave")), {
        greet: () => Effect.succeed("Hello \"you\""),
        wave: () => Effect.void
      })
      assert.deepStrictEqual(yield* ask(tools, "greet", {}), [true, "Hello \"you\""])
      assert.deepStrictEqual(yield* ask(tools, "wave", {}), [true, "Done."])
      // A model may have it that there are no arguments.
      assert.deepStrictEqual(yield* ask(tools, "wave", null), [true, "Done."])
    }))

  it.effect("gets what `toModelOutput` makes of the result", () =>
    Effect.gen(function*() {
      const Look = Tool.make("look", {
        toModelOutput: () => [
          Prompt.textPart({ text: "Look:" }),
          Prompt.filePart({ mediaType: "image/png", data: new Uint8Array([1, 2]) }),
          Prompt.filePart({ mediaType: "image/png", data: "AQI=" }),
          Prompt.filePart({ mediaType: "image/gif", data: new URL("data:image/gif;base64,AQI=") }),
          Prompt.filePart({ mediaType: "audio/wav", data: "AQI=" }),
          Prompt.filePart({ mediaType: "image/png", data: new URL("https://example.com/a.png") }),
          Prompt.filePart({ mediaType: "application/pdf", fileName: "a.pdf", data: "AQI=" })
        ]
      })
      const tools = yield* make(Toolkit.make(Look), { look: () => Effect.void })
      assert.deepStrictEqual(yield* tools.call({ ...ids, tool: "look", arguments: {} }), {
        success: true,
        contentItems: [
          { type: "inputText", text: "Look:" },
          { type: "inputImage", imageUrl: "data:image/png;base64,AQI=" },
          { type: "inputImage", imageUrl: "data:image/png;base64,AQI=" },
          { type: "inputImage", imageUrl: "data:image/gif;base64,AQI=" },
          { type: "inputAudio", audioUrl: "data:audio/wav;base64,AQI=" },
          { type: "inputText", text: "[image/png omitted]" },
          { type: "inputText", text: "[application/pdf a.pdf omitted]" }
        ]
      })
    }))

  it.effect("ends with the last result of a handler that tells earlier ones, however many", () =>
    Effect.gen(function*() {
      const tools = yield* make(Toolkit.make(Tool.make("count", { success: Schema.Int })), {
        count: (_, { preliminary, toolCallId }) =>
          Effect.as(Effect.forEach([1, 2, 3, 4], preliminary), toolCallId === "call" ? 5 : 0)
      })
      assert.deepStrictEqual(yield* ask(tools, "count", {}), [true, "5"])
    }))

  it.effect("with arguments that do not fit is told what is wrong, at every path", () =>
    Effect.gen(function*() {
      const tools = yield* make(Toolkit.make(Sum), { sum })
      const [success, text] = yield* ask(tools, "sum", { terms: [1, "2"], note: "x" })
      assert.isFalse(success)
      assert.match(text, /^The arguments do not fit\. /)
      assert.include(text, `["terms"][1]`)
      assert.include(text, `["note"]`)
      assert.deepStrictEqual(yield* ask(tools, "sum", {}), [
        false,
        `The arguments do not fit. Missing key\n  at ["terms"]`
      ])
      const [, long] = yield* ask(tools, "sum", { terms: Array.from({ length: 1000 }, () => "x") })
      assert.isBelow(long.length, 2100)
    }))

  it.effect("with arguments that only the decoded schema refuses is told so, too, in either failure mode", () =>
    Effect.gen(function*() {
      const Even = Schema.FiniteFromString.check(Schema.isMultipleOf(2))
      const tool = <Mode extends Tool.FailureMode>(name: string, failureMode: Mode) =>
        Tool.make(name, { parameters: Schema.Struct({ n: Even }), failureMode })
      const tools = yield* make(Toolkit.make(tool("first", "error"), tool("second", "return")), {
        first: () => Effect.void,
        second: () => Effect.void
      })
      for (const name of ["first", "second"]) {
        const [success, text] = yield* ask(tools, name, { n: "3" })
        assert.isFalse(success)
        assert.match(text, /^The arguments do not fit\. Expected .*multiple of 2/)
        assert.include(text, `at ["n"]`)
      }
    }))

  class Missing extends Schema.TaggedError<Missing>()("Missing", { id: Schema.BigInt }) {}
  class Denied extends Schema.TaggedError<Denied>()("Denied", {}) {
    override get message() {
      return "You may not."
    }
  }

  it.effect("is told what the handler fails with", () =>
    Effect.gen(function*() {
      const tool = <Name extends string, Mode extends Tool.FailureMode>(name: Name, failureMode: Mode) =>
        Tool.make(name, {
          parameters: Schema.Struct({ how: Schema.Literals(["word", "silent", "message"]) }),
          failure: Schema.Union([Missing, Denied, Schema.String]),
          failureMode
        })
      const failures = { word: "No!", silent: new Missing({ id: 3n }), message: new Denied() }
      const tools = yield* make(Toolkit.make(tool("first", "error"), tool("second", "return")), {
        first: ({ how }) => Effect.fail(failures[how]),
        second: ({ how }) => Effect.fail(failures[how])
      })
      const asked = yield* Effect.forEach(
        ["first", "second"],
        (name) => Effect.forEach(["word", "silent", "message"], (how) => ask(tools, name, { how }))
      )
      assert.deepStrictEqual(asked, [
        [[false, "No!"], [false, `{"_tag":"Missing","id":"3"}`], [false, "You may not."]],
        [[false, "No!"], [false, `{"_tag":"Missing","id":"3"}`], [false, `{"_tag":"Denied"}`]]
      ])
    }))

  it.effect("is told nothing of what was not foreseen, which is logged", () =>
    Effect.gen(function*() {
      const reason = new AiError.QuotaExhaustedError({})
      const Wrong = Schema.declare((u): u is symbol => typeof u === "symbol")
      const tools = yield* make(
        Toolkit.make(
          Tool.make("dies"),
          Tool.make("dies_too", { failureMode: "return" }),
          Tool.make("fails"),
          Tool.make("returns", { failureMode: "return" }),
          Tool.make("wrong", { success: Schema.Int }),
          Tool.make("unheard", { success: Wrong }),
          Tool.make("unheard_of", { failure: Wrong })
        ),
        {
          dies: () => Effect.die("secret"),
          dies_too: () => Effect.die("secret"),
          fails: () => Effect.fail(reason),
          returns: () => Effect.fail(reason),
          wrong: () => Effect.succeed(1.5),
          unheard: () => Effect.succeed(Symbol.iterator),
          unheard_of: () => Effect.fail(Symbol.iterator)
        }
      )
      for (
        const name of Object.keys({ dies: 1, dies_too: 1, fails: 1, returns: 1, wrong: 1, unheard: 1, unheard_of: 1 })
      ) {
        const { messages, result } = yield* logged(ask(tools, name, {}))
        assert.deepStrictEqual(result, [false, "The tool failed for a reason of its own."], name)
        assert.lengthOf(messages, 1)
        assert.include(messages[0], `Error The tool ${name} failed`)
      }
    }))

  it.effect("of what there is not is told what there is", () =>
    Effect.gen(function*() {
      const tools = yield* make(Toolkit.make(Sum, Tool.make("wave")), { sum, wave: () => Effect.void })
      assert.deepStrictEqual(yield* ask(tools, "toString", {}), [
        false,
        "There is no tool toString. There are: sum, wave."
      ])
      const [success] = yield* ask(tools, "wave", {}, "other")
      assert.isFalse(success)
    }))

  it.effect("in a namespace is another than one without", () =>
    Effect.gen(function*() {
      const tools = yield* make(Toolkit.make(Sum), { sum }, { namespace: { name: "maths" } })
      assert.deepStrictEqual(yield* ask(tools, "sum", { terms: [1, 2] }, "maths"), [true, `{"sum":3}`])
      const [success] = yield* ask(tools, "sum", { terms: [] }, null)
      assert.isFalse(success)
    }))

  it.effect("is stopped after a minute, or when the user says, and told so", () =>
    Effect.gen(function*() {
      let interrupted = 0
      const handlers = { wave: () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++)) }
      const toolkit = Toolkit.make(Tool.make("wave"))
      const [usual, short] = [yield* make(toolkit, handlers), yield* make(toolkit, handlers, { timeout: "2 seconds" })]
      const calls = yield* Effect.forkChild(Effect.all([ask(short, "wave", {}), ask(usual, "wave", {})], {
        concurrency: "unbounded"
      }))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(interrupted, 1)
      yield* TestClock.adjust("58 seconds")
      assert.deepStrictEqual(yield* Fiber.join(calls), [
        [false, "The tool was stopped: it took more than 2s."],
        [false, "The tool was stopped: it took more than 1m."]
      ])
      assert.strictEqual(interrupted, 2)
    }))

  it.effect("interrupts its handler when it is interrupted, and tells of a handler that interrupts itself", () =>
    Effect.gen(function*() {
      const started = yield* Deferred.make<void>()
      const stopped = yield* Deferred.make<void>()
      const tools = yield* make(Toolkit.make(Tool.make("wait"), Tool.make("leave")), {
        wait: () =>
          Effect.onInterrupt(
            Effect.andThen(Deferred.succeed(started, undefined), Effect.never),
            () => Deferred.succeed(stopped, undefined)
          ),
        leave: () => Effect.interrupt
      })
      const fiber = yield* Effect.forkChild(ask(tools, "wait", {}))
      yield* Deferred.await(started)
      yield* Fiber.interrupt(fiber)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
      yield* Deferred.await(stopped)
      assert.deepStrictEqual(yield* ask(tools, "leave", {}), [false, "The call was interrupted."])
    }))

  class Database extends Context.Service<Database, { readonly name: string }>()("Database") {}

  it.effect("has what its handler needs, from where the tools were made", () =>
    Effect.gen(function*() {
      const toolkit = Toolkit.make(
        Tool.make("name", { success: Schema.String, dependencies: [Database] }),
        Tool.make("layer", { success: Schema.String })
      )
      const handlers = toolkit.toLayer(Effect.gen(function*() {
        const { name } = yield* Database
        return { name: () => Effect.map(Database, ({ name }) => name), layer: () => Effect.succeed(name) }
      }))
      const tools = yield* DynamicTools.make(toolkit).pipe(
        Effect.provideService(Database, { name: "of the call" }),
        Effect.provide(handlers),
        Effect.provideService(Database, { name: "of the layer" })
      )
      assert.deepStrictEqual(yield* ask(tools, "name", {}), [true, "of the call"])
      assert.deepStrictEqual(yield* ask(tools, "layer", {}), [true, "of the layer"])
    }))

  it.effect("gives the arguments to a dynamic tool with a JSON Schema", () =>
    Effect.gen(function*() {
      const Search = Tool.dynamic("search", { parameters: { type: "object" }, success: Schema.Unknown })
      const tools = yield* make(Toolkit.make(Search), { search: (parameters) => Effect.succeed(parameters) })
      assert.deepStrictEqual(yield* ask(tools, "search", { a: [1] }), [true, `{"a":[1]}`])
    }))

  it.effect("has a span that tells which tool, and no payload", () =>
    Effect.gen(function*() {
      const spans: Array<Tracer.Span> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          spans.push(span)
          return span
        }
      })
      const toolkit = Toolkit.make(Tool.make("where", { success: Schema.String }))
      yield* Effect.gen(function*() {
        const tools = yield* Effect.withSpan(
          make(toolkit, { where: () => Effect.map(Effect.orDie(Effect.currentSpan), ({ name }) => name) }),
          "making"
        )
        const asked = yield* Effect.withSpan(ask(tools, "where", {}), "asking")
        assert.deepStrictEqual(asked, [true, "execute_tool where"])
      }).pipe(Effect.withTracer(tracer))
      const span = spans.find(({ name }) => name.startsWith("execute_tool"))
      assert.strictEqual(span?.attributes.get("gen_ai.tool.call.id"), "call")
      assert.strictEqual(span?.attributes.get("parameters"), "not told")
    }))
})

describe("calls over a connection", () => {
  const asked = (id: number, params: Partial<Protocol.DynamicToolCallParams> = {}) => ({
    id,
    method: "item/tool/call",
    params: { ...ids, tool: "wave", arguments: {}, ...params }
  })

  it.effect("are answered, of any thread, several at once", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const both = yield* Deferred.make<void>()
      let started = 0
      const tools = yield* make(Toolkit.make(Tool.make("wave")), {
        wave: () =>
          Effect.andThen(++started === 2 ? Deferred.succeed(both, undefined) : Effect.void, Deferred.await(both))
      })
      yield* DynamicTools.serve(client, tools)
      yield* server.send(asked(0))
      yield* server.send(asked(1, { threadId: "other" }))
      const answers = [yield* server.take, yield* server.take]
      const result = { success: true, contentItems: [{ type: "inputText", text: "Done." }] }
      assert.sameDeepMembers(answers, [{ id: 0, result }, { id: 1, result }])
    }))

  const endings: ReadonlyArray<readonly [what: string, method: string, params: object]> = [
    ["its item", "item/completed", { ...ids, completedAtMs: 0, item: { type: "dynamicToolCall", id: "call" } }],
    ["its turn", "turn/completed", { threadId: "thread", turn: { id: "turn", items: [], status: "interrupted" } }]
  ]
  for (const [what, method, params] of endings) {
    it.effect(`are interrupted at the end of ${what}, and not of others`, () =>
      Effect.gen(function*() {
        const { client, server } = yield* connect()
        const started = yield* Deferred.make<void>()
        const stopped = yield* Deferred.make<void>()
        const tools = yield* make(Toolkit.make(Tool.make("wave")), {
          wave: () =>
            Effect.onInterrupt(
              Effect.andThen(Deferred.succeed(started, undefined), Effect.never),
              () => Deferred.succeed(stopped, undefined)
            )
        })
        yield* DynamicTools.serve(client, tools)
        yield* server.send(asked(0))
        yield* Deferred.await(started)
        yield* server.send({ method, params: { ...params, threadId: "other" } })
        yield* server.send({
          method: "item/completed",
          params: { ...ids, item: { type: "agentMessage", id: "other" } }
        })
        yield* server.nothing
        assert.isFalse(yield* Deferred.isDone(stopped))
        yield* server.send({ method, params })
        yield* Deferred.await(stopped)
        assert.deepStrictEqual(yield* server.take, {
          id: 0,
          result: { success: false, contentItems: [{ type: "inputText", text: "The turn was interrupted." }] }
        })
      }))
  }

  it.effect("may take longer than the connection waits for others", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ handlerTimeout: "1 second" })
      const tools = yield* make(Toolkit.make(Tool.make("wave")), { wave: () => Effect.never }, { timeout: "1 hour" })
      yield* DynamicTools.serve(client, tools)
      yield* server.send(asked(0))
      yield* server.nothing
      yield* TestClock.adjust("59 minutes")
      yield* server.nothing
      yield* TestClock.adjust("1 minute")
      assert.nestedPropertyVal(
        yield* server.take,
        "result.contentItems[0].text",
        "The tool was stopped: it took more than 1h."
      )
    }))
})
