import { InvalidOption } from "@effect-codex/core/CodexError"
import * as CodexOutput from "@effect-codex/core/CodexOutput"
import { assert, describe, it } from "@effect/vitest"
import * as OpenAiStructuredOutput from "effect/ai/OpenAiStructuredOutput"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"

// =============================================================================
// Schemas of every kind
// =============================================================================

interface Tree {
  readonly name: string
  readonly children: ReadonlyArray<Tree>
}
const Tree: Schema.Codec<Tree> = Schema.Struct({
  name: Schema.String,
  children: Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree))
})

class Repo extends Schema.Class<Repo>("Repo")({ name: Schema.String, stars: Schema.Int }) {}

const Shape = Schema.TaggedUnion({ Circle: { radius: Schema.Finite }, Square: { side: Schema.Finite } })

const Nested = Schema.Struct({
  status: Schema.Literals(["green", "red"]),
  jobs: Schema.Array(Schema.Struct({ name: Schema.NonEmptyString, minutes: Schema.optionalKey(Schema.Finite) })),
  note: Schema.NullOr(Schema.String),
  code: Schema.String.check(Schema.isPattern(/^[a-z]{1,3}$/)),
  score: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10 }))
})

const Transformed = Schema.Struct({
  at: Schema.DateTimeUtcFromString,
  on: Schema.Date,
  big: Schema.BigInt,
  some: Schema.Option(Schema.Finite),
  key: Schema.Redacted(Schema.String),
  count: Schema.FiniteFromString,
  repo: Repo
})

const schemas = {
  "nested structs with optional keys and checks": Nested,
  "transformations": Transformed,
  "a class": Repo,
  "a tagged union at the root": Shape,
  "unions inside": Schema.Struct({ shapes: Schema.Array(Shape), other: Schema.Union([Schema.String, Schema.Finite]) }),
  "a recursive tree": Tree,
  "an array of trees": Schema.Array(Tree),
  "a record at the root": Schema.Record(Schema.String, Schema.Finite),
  "a record inside": Schema.Struct({ byName: Schema.Record(Schema.String, Repo) }),
  "a tuple": Schema.Tuple([Schema.String, Schema.Finite]),
  "a tuple with a rest": Schema.TupleWithRest(Schema.Tuple([Schema.String]), [Schema.Finite]),
  "an array of texts": Schema.Array(Schema.String),
  "a text": Schema.String,
  "a number": Schema.Finite,
  "literals": Schema.Literals(["a", 1, true]),
  "an option": Schema.Option(Schema.String),
  "null or a struct": Schema.NullOr(Repo)
}

const success = <A>(output: Result.Result<CodexOutput.CodexOutput<A>, InvalidOption>) =>
  Effect.runSync(Effect.fromResult(output))

const problem = (input: CodexOutput.Input<unknown>): string =>
  Result.match(CodexOutput.from(input), {
    onSuccess: () => "none",
    onFailure: (error) => {
      assert.instanceOf(error, InvalidOption)
      assert.strictEqual(error.option, "output")
      return error.problem
    }
  })

// =============================================================================
// The subset, told anew
// =============================================================================

const keywords = new Set(
  `$ref $defs type title description enum anyOf properties required additionalProperties items pattern format
  multipleOf minimum maximum exclusiveMinimum exclusiveMaximum minItems maxItems`.split(/\s+/)
)

const isObject = (u: unknown): u is Record<string, unknown> => typeof u === "object" && u !== null && !Array.isArray(u)

const valuesOf = (u: unknown): ReadonlyArray<unknown> => Array.isArray(u) ? u : isObject(u) ? Object.values(u) : []

const violations = (root: unknown): ReadonlyArray<string> => {
  const found: Array<string> = []
  const visit = (schema: unknown): void => {
    if (!isObject(schema)) return void found.push(`no schema: ${JSON.stringify(schema)}`)
    for (const keyword of Object.keys(schema)) if (!keywords.has(keyword)) found.push(`keyword ${keyword}`)
    if (!("type" in schema || "anyOf" in schema || "$ref" in schema)) found.push(`no type: ${JSON.stringify(schema)}`)
    if (schema["type"] === "object") {
      if (schema["additionalProperties"] !== false) found.push("open object")
      assert.sameMembers([...valuesOf(schema["required"])], Object.keys(schema["properties"] ?? {}))
    }
    if (schema["type"] === "array") visit(schema["items"])
    for (const key of ["properties", "$defs", "anyOf"]) valuesOf(schema[key]).forEach(visit)
  }
  visit(root)
  if (!isObject(root) || root["type"] !== "object" || "anyOf" in root) found.push("root")
  return found
}

// =============================================================================
// Laws
// =============================================================================

const laws = <A>(name: string, schema: Schema.Codec<A, unknown>) =>
  describe(`a schema of ${name}`, () => {
    const output = success(CodexOutput.from(schema))
    const encode = Result.match(Result.try(() => OpenAiStructuredOutput.toCodecOpenAI(schema)), {
      onSuccess: ({ codec }) => Schema.encodeEffect(codec),
      onFailure: () => {
        const { codec } = OpenAiStructuredOutput.toCodecOpenAI(Schema.Struct({ value: schema }))
        return (value: A) => Schema.encodeEffect(codec)({ value })
      }
    })

    it("is asked for in the strict subset", () => {
      assert.deepStrictEqual(violations(output.jsonSchema), [])
    })

    it.effect.prop("is read as it was written, and obeys what Codex was told", { value: schema }, ({ value }) =>
      Effect.gen(function*() {
        const text = JSON.stringify(yield* encode(value))
        assert.isTrue(Equal.equals(yield* output.decode(text), value))
        const told = yield* Effect.fromResult(CodexOutput.jsonSchema(output.jsonSchema))
        assert.deepStrictEqual(yield* told.decode(text), JSON.parse(text))
      }))
  })

for (const [name, schema] of Object.entries(schemas)) laws<unknown>(name, schema)

// =============================================================================
// Cases
// =============================================================================

describe("schema", () => {
  it("wraps what is no object, and nothing else", () => {
    assert.deepStrictEqual(success(CodexOutput.schema(Schema.Array(Schema.String))).jsonSchema, {
      type: "object",
      properties: { value: { type: "array", items: { type: "string" } } },
      required: ["value"],
      additionalProperties: false
    })
    assert.deepStrictEqual(success(CodexOutput.schema(Schema.Struct({ value: Schema.Boolean }))).jsonSchema, {
      type: "object",
      properties: { value: { type: "boolean" } },
      required: ["value"],
      additionalProperties: false
    })
  })

  it.effect("asks for null where a key is optional, and gives no key back", () =>
    Effect.gen(function*() {
      const output = success(
        CodexOutput.from(Schema.Struct({ a: Schema.optionalKey(Schema.String), b: Schema.optional(Schema.String) }))
      )
      assert.deepStrictEqual(output.jsonSchema["required"], ["a", "b"])
      assert.deepStrictEqual(yield* output.decode(`{"a":null,"b":null}`), {})
      assert.deepStrictEqual(yield* output.decode(`{"a":"x","b":"y"}`), { a: "x", b: "y" })
    }))

  it("refuses what has no shape in JSON, and says where it is", () => {
    const anything = "a value of any kind is not allowed: the schema needs a `type`"
    assert.strictEqual(
      problem(Schema.Struct({ a: Schema.Array(Schema.Unknown), b: Schema.Any })),
      `at #/properties/a/items: ${anything}\nat #/properties/b: ${anything}`
    )
    assert.strictEqual(problem(Schema.Json), `at #/properties/value: ${anything}`)
    assert.match(problem(Schema.Struct({ [Symbol.for("a")]: Schema.String })), /property names must be strings/)
  })

  it.effect("may decode asynchronously", () =>
    Effect.gen(function*() {
      const slow = Schema.String.pipe(Schema.decode({
        decode: SchemaGetter.checkEffect((text: string) =>
          Effect.as(Effect.yieldNow, text === "no" ? "must not be no" : undefined)
        ),
        encode: SchemaGetter.passthrough()
      }))
      const output = success(CodexOutput.from(slow))
      assert.strictEqual(yield* output.decode(`{"value":"yes"}`), "yes")
      assert.strictEqual(yield* Effect.flip(output.decode(`{"value":"no"}`)), "at value: must not be no")
    }))
})

describe("jsonSchema", () => {
  const list = {
    type: "object",
    properties: {
      item: { $ref: "#/$defs/item" },
      next: { anyOf: [{ $ref: "#" }, { type: "null" }] }
    },
    required: ["item", "next"],
    $defs: {
      item: { type: ["object", "null"], properties: { kind: { enum: ["a", "b"] } }, required: ["kind"] }
    }
  }

  it("is told as it is, but for `additionalProperties`", () => {
    assert.deepStrictEqual(success(CodexOutput.jsonSchema(list)).jsonSchema, {
      ...list,
      additionalProperties: false,
      $defs: { item: { ...list.$defs.item, additionalProperties: false } }
    })
    assert.notProperty(list, "additionalProperties")
    const strange = { type: "object", additionalProperties: false, "x-of-tomorrow": { oneOf: 1 }, title: "T" }
    assert.deepStrictEqual(success(CodexOutput.from(CodexOutput.jsonSchema(strange))).jsonSchema, strange)
  })

  it.effect("is checked, through references to the root and to definitions", () =>
    Effect.gen(function*() {
      const output = success(CodexOutput.jsonSchema(list))
      const good = { item: { kind: "a" }, next: { item: null, next: null } }
      assert.deepStrictEqual(yield* output.decode(JSON.stringify(good)), good)
      const bad = { item: { kind: "c", more: 1 }, next: { item: null } }
      assert.sameMembers((yield* Effect.flip(output.decode(JSON.stringify(bad)))).split("\n"), [
        "at item.more: Expected no excess property",
        "at item.kind: Expected \"a\" | \"b\"",
        "at next.next: Missing key"
      ])
    }))

  it.effect("may keep its definitions where draft 7 does", () =>
    Effect.gen(function*() {
      const output = success(CodexOutput.jsonSchema({
        $schema: "http://json-schema.org/draft-07/schema#",
        type: "object",
        properties: { count: { $ref: "#/definitions/count" }, code: { type: "string", pattern: "^[a-z]+$" } },
        required: ["count", "code"],
        definitions: { count: { type: "integer", minimum: 3 } }
      }))
      assert.deepStrictEqual(yield* output.decode(`{"count":3,"code":"a"}`), { count: 3, code: "a" })
      assert.strictEqual(
        yield* Effect.flip(output.decode(`{"count":2,"code":"A"}`)),
        "at count: Expected a value greater than or equal to 3\nat code: Expected a string matching the RegExp ^[a-z]+$"
      )
    }))

  it("is refused for what OpenAI would refuse, with every place", () => {
    assert.deepStrictEqual(
      problem(CodexOutput.jsonSchema({
        type: "object",
        properties: {
          a: { type: "strin" },
          b: true,
          c: {},
          d: { type: "array" },
          e: { type: "string", oneOf: [] },
          f: { type: ["object", "null"], properties: [], additionalProperties: {} },
          g: { anyOf: [{ type: "object", properties: { h: { type: "null" } } }] }
        },
        required: ["a", "b", "c", "d", "e", "f", "g"]
      })).split("\n"),
      [
        "at #/properties/a: `type` must be one of string, number, integer, boolean, null, array, object",
        "at #/properties/b: expected a schema, which is an object",
        "at #/properties/c: a value of any kind is not allowed: the schema needs a `type`",
        "at #/properties/d/items: expected a schema, which is an object",
        "at #/properties/e: `oneOf` is not allowed",
        "at #/properties/f/properties: expected schemas by name, in an object",
        "at #/properties/f: `additionalProperties` must be false",
        "at #/properties/g/anyOf/0: `required` must name \"h\": what may be missing is nullable instead"
      ]
    )
  })

  it("is refused when its root is no object", () => {
    const root = "at #: the root must be of `type` \"object\", and without `anyOf`"
    for (
      const schema of [
        { type: "array", items: { type: "string" } },
        { $ref: "#/$defs/a", $defs: { a: { type: "object" } } },
        { type: "object", anyOf: [{ type: "object" }] }
      ]
    ) {
      assert.strictEqual(problem(CodexOutput.jsonSchema(schema)), root)
    }
  })

  it("is refused for what cannot be checked here, or is no JSON", () => {
    const object = (a: unknown) => CodexOutput.jsonSchema({ type: "object", properties: { a }, required: ["a"] })
    assert.match(problem(object({ $ref: "#/$defs/b" })), /Missing definition "b"/)
    assert.match(problem(object({ $ref: "https://example.com" })), /Unsupported \$ref/)
    assert.match(problem(object({ type: "string", pattern: "(" })), /pattern/)
    assert.strictEqual(problem(object({ type: "string", default: () => 1 })), "at properties: Expected JSON value")
  })
})

describe("decode", () => {
  const output = success(CodexOutput.from(Nested))
  const issue = (text: string) => Effect.flip(output.decode(text))

  it.effect("takes space and a BOM around the JSON, and nothing else", () =>
    Effect.gen(function*() {
      const text = success(CodexOutput.from(Schema.String))
      assert.strictEqual(yield* text.decode("\uFEFF \r\n{\"value\":\"\uFEFF a \"}\u00A0\n"), "\uFEFF a ")
      for (
        const wrong of ["", "  ", "secret", "{\"value\":\"secret", "```json\n{\"value\":\"secret\"}\n```", "{} {}"]
      ) {
        assert.strictEqual(
          yield* Effect.flip(text.decode(wrong)),
          "the answer is not JSON, or there is other text around the JSON"
        )
      }
    }))

  it.effect("gives what the schema says", () =>
    Effect.gen(function*() {
      const answer = { status: "red", jobs: [{ name: "test", minutes: null }], note: null, code: "a", score: 1 }
      const value = yield* output.decode(JSON.stringify(answer))
      const status: "green" | "red" = value.status
      assert.deepStrictEqual({ ...value, status }, {
        status: "red",
        jobs: [{ name: "test" }],
        note: null,
        code: "a",
        score: 1
      })
    }))

  it.effect("names every path and what was expected there, and no value", () =>
    Effect.gen(function*() {
      const wrong = {
        status: "secret",
        jobs: [{ name: "", minutes: null }, { name: "ok", minutes: "secret" }],
        code: "SECRET",
        score: 11
      }
      const lines = (yield* issue(JSON.stringify(wrong))).split("\n")
      assert.sameMembers(lines, [
        "at status: Expected \"green\" | \"red\"",
        "at jobs.0.name: Expected a value with a length of at least 1",
        "at jobs.1.minutes: Expected number | null",
        "at note: Missing key",
        "at code: Expected a string matching the RegExp ^[a-z]{1,3}$",
        "at score: Expected a value between 1 and 10"
      ])
      assert.strictEqual(yield* issue("3"), "Expected object")
    }))

  it.effect("has words for whole numbers, and for checks that have none of their own", () =>
    Effect.gen(function*() {
      const output = success(CodexOutput.from(Schema.Struct({
        whole: Schema.Int,
        own: Schema.Finite.check(Schema.makeFilter((n) => n > 3)),
        said: Schema.Finite.check(Schema.makeFilter((n) => n > 3 ? undefined : "must be above 3")),
        expected: Schema.Finite.check(Schema.makeFilter((n) => n > 3, { expected: "more than 3" })),
        inside: Schema.Struct({ a: Schema.Finite }).check(
          Schema.makeFilter(({ a }) => a > 3 ? undefined : { path: ["a"], issue: "must be above 3" })
        )
      })))
      const text = `{"whole":1.5,"own":1,"said":1,"expected":1,"inside":{"a":1}}`
      assert.deepStrictEqual((yield* Effect.flip(output.decode(text))).split("\n"), [
        "at whole: Expected an integer",
        "at own: Expected a value that the program accepts",
        "at said: must be above 3",
        "at expected: Expected more than 3",
        "at inside.a: must be above 3"
      ])
    }))

  it.effect("says no more than 2,000 characters", () =>
    Effect.gen(function*() {
      const many = { jobs: Array.from({ length: 1000 }, () => ({ name: 1 })) }
      const text = yield* issue(JSON.stringify(many))
      assert.lengthOf(text, 2000)
      assert.isTrue(text.endsWith("…"))
    }))

  it.effect("fails on an answer that is nested deeper than the stack goes", () =>
    Effect.gen(function*() {
      const output = success(CodexOutput.from(Tree))
      const depth = 20_000
      const text = "{\"name\":\"\",\"children\":[".repeat(depth) + "]}".repeat(depth)
      assert.strictEqual(yield* Effect.flip(output.decode(text)), "the answer is nested too deeply")
    }))

  it.effect("dies of a defect of the schema's own", () =>
    Effect.gen(function*() {
      const broken = Schema.String.check(Schema.makeFilter(() => {
        throw new TypeError("broken")
      }))
      const exit = yield* Effect.exit(success(CodexOutput.from(broken)).decode("{\"value\":\"\"}"))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
    }))
})

describe("repairPrompt", () => {
  it("tells what was wrong and what to do, within bounds", () => {
    const prompt = CodexOutput.repairPrompt("at status: Expected \"green\" | \"red\"")
    assert.include(prompt, "at status: Expected \"green\" | \"red\"")
    assert.include(prompt, "nothing but the JSON")
    assert.isBelow(CodexOutput.repairPrompt("x".repeat(1_000_000)).length, 2300)
  })
})
