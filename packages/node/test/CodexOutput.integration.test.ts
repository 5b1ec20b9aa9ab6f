/**
 * Structured answers on the real CLI: what the model is told, and what the program gets.
 */
import * as Codex from "@effect-codex/core/Codex"
import * as CodexOutput from "@effect-codex/core/CodexOutput"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as RealCodex from "./support/realCodex.ts"

const RepoStatus = Schema.Struct({
  status: Schema.Literals(["green", "red"]),
  since: Schema.DateTimeUtcFromString,
  owner: Schema.optionalKey(Schema.String),
  failing: Schema.Array(Schema.Struct({ job: Schema.String, minutes: Schema.Finite }))
})

const format = Schema.decodeUnknownEffect(Schema.Struct({
  text: Schema.Struct({ format: Schema.Struct({ type: Schema.String, strict: Schema.Boolean, schema: Schema.Json }) })
}))

describe("output", () => {
  it.live("is asked of the model as a strict schema, and comes back decoded", () =>
    Effect.gen(function*() {
      const turn = yield* Codex.run("Summarise the repository", { output: RepoStatus })
      const status: "green" | "red" = turn.output.status
      assert.strictEqual(status, "red")
      assert.strictEqual(DateTime.toEpochMillis(turn.output.since), Date.UTC(2026, 0, 2))
      assert.deepStrictEqual(turn.output.failing, [{ job: "test", minutes: 3.5 }])
      assert.notProperty(turn.output, "owner")
      // Only the last message is the answer.
      assert.lengthOf(turn.messages, 2)
      const { requests } = yield* FakeModel.FakeModel
      const { jsonSchema } = yield* Effect.fromResult(CodexOutput.from(RepoStatus))
      for (const { body } of yield* requests) {
        assert.deepStrictEqual((yield* format(body)).text.format, {
          type: "json_schema",
          strict: true,
          schema: jsonSchema
        })
      }
    }).pipe(Effect.provide(RealCodex.layer([
      ModelReply.concat(ModelReply.message("I look first."), ModelReply.shell("true")),
      ModelReply.message(
        `{"status":"red","since":"2026-01-02T00:00:00Z","owner":null,"failing":[{"job":"test","minutes":3.5}]}`
      )
    ]))))

  it.live("may be any value: it travels in an object", () =>
    Effect.gen(function*() {
      const turn = yield* Codex.run("Who?", { output: Schema.Option(Schema.String) })
      assert.deepStrictEqual(turn.output, Option.some("me"))
    }).pipe(Effect.provide(RealCodex.layer([ModelReply.message(`{"value":{"_tag":"Some","value":"me"}}`)]))))

  it.live("may be a JSON Schema, told as it is and checked here", () =>
    Effect.gen(function*() {
      const schema = {
        type: "object",
        properties: { next: { anyOf: [{ $ref: "#" }, { type: "null" }] } },
        required: ["next"],
        additionalProperties: false
      }
      const output = CodexOutput.jsonSchema(schema)
      const turn = yield* Codex.run("List", { output })
      const json: Schema.Json = turn.output
      assert.deepStrictEqual(json, { next: { next: null } })
      const [request] = yield* (yield* FakeModel.FakeModel).requests
      assert.deepStrictEqual(request?.outputSchema, schema)
      const error = yield* Effect.flip(Codex.run("List", { output }))
      assert.deepInclude(error.reason, {
        _tag: "OutputUndecodable",
        text: `{"next":{"next":1}}`,
        issue: "at next.next: Expected the root object"
      })
      assert.isFalse(error.isRetryable)
    }).pipe(Effect.provide(RealCodex.layer([
      ModelReply.message(`{"next":{"next":null}}`),
      ModelReply.message(`{"next":{"next":1}}`)
    ]))))

  it.live("is asked for again, in the same thread, with what was wrong", () =>
    Effect.gen(function*() {
      const turn = yield* Codex.run("Rate it", { output: Schema.Struct({ score: Schema.Int }), repair: 2 })
      assert.deepStrictEqual(turn.output, { score: 3 })
      const requests = yield* (yield* FakeModel.FakeModel).requests
      assert.lengthOf(new Set(requests.map(({ threadId }) => threadId)), 1)
      assert.deepStrictEqual(requests.map(({ prompt }) => prompt), [
        "Rate it",
        CodexOutput.repairPrompt("the answer is not JSON, or there is other text around the JSON"),
        CodexOutput.repairPrompt("at score: Expected an integer")
      ])
    }).pipe(Effect.provide(RealCodex.layer([
      ModelReply.message("Three."),
      ModelReply.message(`{"score":3.5}`),
      ModelReply.message(`{"score":3}`)
    ]))))

  it.live("that OpenAI would refuse starts nothing", () =>
    Effect.gen(function*() {
      const output = CodexOutput.jsonSchema({ type: "object", properties: { a: { type: "string" } } })
      const error = yield* Effect.flip(Codex.run("Go", { output }))
      assert.deepInclude(error.reason, {
        _tag: "InvalidOption",
        option: "output",
        problem: "at #: `required` must name \"a\": what may be missing is nullable instead"
      })
      assert.deepStrictEqual(yield* (yield* FakeModel.FakeModel).requests, [])
    }).pipe(Effect.provide(RealCodex.layer([]))))
})
