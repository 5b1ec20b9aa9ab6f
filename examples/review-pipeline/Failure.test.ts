import * as CodexScript from "@effect-codex/testing/CodexScript"
import * as FakeCli from "@effect-codex/testing/FakeCli"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Budget from "./Budget.ts"
import * as Review from "./Review.ts"
import { nothing } from "./Script.ts"

const script = CodexScript.make([
  CodexScript.when({ prompt: "Review busy.ts", attempt: 1 }, CodexScript.fail("overloaded")),
  CodexScript.when({ prompt: "Review odd.ts" }, CodexScript.fail("invalid_prompt", "I will not.")),
  CodexScript.when({ prompt: "Review stuck.ts" }, CodexScript.message("I look ..."), CodexScript.hang),
  CodexScript.turn(CodexScript.wait("1 minute"), nothing)
])

it.effect("tries again what may pass, and reports what does not", () =>
  Effect.gen(function*() {
    const report = yield* FakeCli.passTime(Review.review("/src", ["busy.ts", "odd.ts", "stuck.ts"]))

    assert.deepStrictEqual(report.reviewed.map(({ file }) => file), ["busy.ts"])
    assert.deepStrictEqual(report.notReviewed.map(({ cause, file }) => [file, cause.message]), [
      ["odd.ts", "The turn failed: I will not."],
      ["stuck.ts", "the budget of time is spent"]
    ])
  }).pipe(
    Effect.provide([FakeCli.layer(script), Budget.layer({ tokens: 10_000, time: "10 minutes" })])
  ))
