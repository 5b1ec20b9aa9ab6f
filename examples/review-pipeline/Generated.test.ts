import * as CodexArbitrary from "@effect-codex/testing/CodexArbitrary"
import * as CodexScript from "@effect-codex/testing/CodexScript"
import * as FakeCli from "@effect-codex/testing/FakeCli"
import * as FakeProcess from "@effect-codex/testing/FakeProcess"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Budget from "./Budget.ts"
import * as Review from "./Review.ts"
import { found } from "./Script.ts"

/** Each file is in the report, once, whatever this Codex does. */
const accountsFor = (files: ReadonlyArray<string>, codex: FakeCli.Script) =>
  Effect.gen(function*() {
    const { notReviewed, reviewed } = yield* FakeCli.passTime(Review.review("/src", files), { step: "1 minute" })
    assert.sameMembers([...reviewed, ...notReviewed].map(({ file }) => file), [...files])
  }).pipe(
    Effect.provide([FakeCli.layer(codex), Budget.layer({ tokens: 10_000, time: "3 minutes" })])
  )

it.effect.prop(
  "accounts for every file, whatever the agent does",
  { turns: Schema.Array(Schema.Array(CodexScript.Step)) },
  ({ turns }) => {
    const files = turns.map((_, index) => `${index}.ts`)
    const rules = turns.map((steps, index) => CodexScript.when({ prompt: `Review ${index}.ts` }, ...steps))
    return accountsFor(files, CodexScript.make(rules, { fallback: [found] }))
  },
  { arbitrary: { runs: 30 } }
)

it.effect.prop(
  "accounts for every file, whatever the CLI prints",
  { broken: CodexArbitrary.mutatedLines() },
  ({ broken }) => accountsFor(["save.ts"], () => FakeProcess.make([FakeProcess.stdout(broken.lines.join("\n"))])),
  { arbitrary: { runs: 30 } }
)
