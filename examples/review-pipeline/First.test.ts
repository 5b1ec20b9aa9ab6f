import * as FakeCli from "@effect-codex/testing/FakeCli"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Budget from "./Budget.ts"
import * as Review from "./Review.ts"
import { finding, script } from "./Script.ts"

it.effect("reports what was found", () =>
  Effect.gen(function*() {
    const report = yield* Review.review("/src", ["save.ts", "chatty.ts"])
    assert.deepStrictEqual(report.findings, [{ file: "save.ts", finding }, { file: "chatty.ts", finding }])

    const { invocations } = yield* FakeCli.FakeCli
    assert.deepStrictEqual((yield* invocations).map(({ cwd }) => cwd), ["/src", "/src", "/src"])
  }).pipe(
    Effect.provide([FakeCli.layer(script), Budget.layer({ tokens: 10_000, time: "10 minutes" })])
  ))
