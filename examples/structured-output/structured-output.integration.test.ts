/**
 * The example on the real CLI, offline: the model is scripted.
 */
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestConsole } from "effect/testing"
import * as RealCodex from "../../packages/node/test/support/realCodex.ts"
import { languages, program } from "./main.ts"

const status = (score: number) =>
  JSON.stringify({
    summary: "Drives Codex.",
    score,
    risks: [
      { file: "a.ts", severity: "low", problem: "It is long." },
      { file: "b.ts", severity: "high", problem: "It waits for ever." }
    ],
    license: null
  })

describe("structured-output", () => {
  it.live("uses the fields of an answer that was wrong at first", () =>
    Effect.gen(function*() {
      yield* program
      assert.deepStrictEqual(yield* TestConsole.logLines, [
        "8 of 10. Drives Codex.",
        "Risks: 2. License: none",
        "Begin with b.ts: It waits for ever.",
        "Tokens written: 40"
      ])
      const [first, second, ...others] = yield* (yield* FakeModel.FakeModel).requests
      assert.lengthOf(others, 0)
      assert.strictEqual(second?.threadId, first?.threadId)
      assert.include(second?.prompt, "at score: Expected a value between 0 and 10")
    }).pipe(
      Effect.provide([
        RealCodex.layer([ModelReply.message(status(80)), ModelReply.message(status(8))]),
        TestConsole.layer
      ])
    ))

  it.live("says what is wrong when the second answer is no better", () =>
    Effect.gen(function*() {
      yield* program
      assert.deepStrictEqual(yield* TestConsole.logLines, [])
      assert.deepStrictEqual(yield* TestConsole.errorLines, [
        "No usable answer: the answer is not JSON, or there is other text around the JSON"
      ])
    }).pipe(
      Effect.provide([
        RealCodex.layer([ModelReply.message("It is fine."), ModelReply.message("Really.")]),
        TestConsole.layer
      ])
    ))

  it.live("takes a JSON Schema", () =>
    Effect.gen(function*() {
      yield* languages
      assert.deepStrictEqual(yield* TestConsole.logLines, [{ languages: ["TypeScript"] }])
    }).pipe(
      Effect.provide([RealCodex.layer([ModelReply.message(`{"languages":["TypeScript"]}`)]), TestConsole.layer])
    ))
})
