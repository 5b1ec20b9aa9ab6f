import * as CodexFaults from "@effect-codex/testing/CodexFaults"
import * as CodexLaws from "@effect-codex/testing/CodexLaws"
import * as FakeCli from "@effect-codex/testing/FakeCli"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Budget from "./Budget.ts"
import * as Review from "./Review.ts"
import { script } from "./Script.ts"

const files = ["save.ts", "busy.ts", "chatty.ts", "1.ts", "2.ts", "3.ts"]

const rates = { refuseStart: 0.1, overload: 0.1, death: 0.1, stall: 0.05, garbage: 0.1, duplicate: 0.1 }

const layer = (plan: CodexFaults.Plan) =>
  Layer.merge(
    CodexLaws.layer(CodexFaults.layerTransport.pipe(
      Layer.provideMerge(FakeCli.layerTransport(script)),
      Layer.provide(CodexFaults.layer(plan))
    )),
    Budget.layer({ tokens: 10_000, time: "3 minutes" })
  )

const program = Effect.gen(function*() {
  const { notReviewed, reviewed } = yield* Review.review("/src", files)
  assert.sameMembers([...reviewed, ...notReviewed].map(({ file }) => file), files)
})

it.effect.prop(
  "accounts for every file and keeps the laws, whatever breaks",
  { seed: Schema.Int },
  ({ seed }) =>
    FakeCli.passTime(CodexLaws.check(program, CodexLaws.all)).pipe(
      Effect.provide(layer(CodexFaults.random({ seed, rates })))
    ),
  { arbitrary: { runs: 30 } }
)
