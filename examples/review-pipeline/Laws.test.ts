// #region laws
import * as Codex from "@effect-codex/core/Codex"
import * as CodexLaws from "@effect-codex/testing/CodexLaws"
import * as FakeCli from "@effect-codex/testing/FakeCli"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Budget from "./Budget.ts"
import * as Review from "./Review.ts"
import { script } from "./Script.ts"

const laws = [...CodexLaws.all, CodexLaws.tokenBudget(100)]

const layer = Layer.merge(
  CodexLaws.layer(FakeCli.layerTransport(script)),
  Budget.layer({ tokens: 100, time: "10 minutes" })
)

it.effect("keeps the laws", () =>
  CodexLaws.check(Review.review("/src", ["save.ts", "chatty.ts"]), laws).pipe(Effect.provide(layer)))
// #endregion

// #region broken
const firstVersion = Effect.flatMap(
  Budget.Budget,
  (budget) => budget.run(Codex.run("Review chatty.ts", { output: Schema.Array(Review.Finding), repair: 1 }))
)

it.effect("finds that the first version broke one", () =>
  Effect.gen(function*() {
    const error = yield* Effect.flip(CodexLaws.check(firstVersion, laws))
    assert.strictEqual(
      error.message,
      `Not kept: a budget of 100 tokens is kept
- turn 2 began when 120 of 100 tokens were spent

+0 ms  turn 1 began on a new thread: "Review chatty.ts"
+0 ms  turn 1 is on thread 00000000-0000-7000-8000-000000000001
+0 ms  turn 1 brought its thread to 120 tokens
+0 ms  turn 1 completed
+0 ms  turn 2 began on thread 00000000-0000-7000-8000-000000000001: "Your last answer could not be used, as …"
+0 ms  turn 2 is on thread 00000000-0000-7000-8000-000000000001
+0 ms  turn 2 brought its thread to 240 tokens
+0 ms  turn 2 completed`
    )
  }).pipe(Effect.provide(layer)))
// #endregion

// #region interrupted
it.effect.prop(
  "leaves nothing at work, whenever it is interrupted",
  { after: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 12 })) },
  ({ after }) =>
    CodexLaws.checkInterrupted(Review.review("/src", ["save.ts", "chatty.ts"]), laws, { after }).pipe(
      Effect.provide(layer)
    )
)
// #endregion
