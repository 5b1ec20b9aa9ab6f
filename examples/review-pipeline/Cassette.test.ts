import * as Cassette from "@effect-codex/testing/Cassette"
import * as CodexReplay from "@effect-codex/testing/CodexReplay"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Budget from "./Budget.ts"
import * as Review from "./Review.ts"
import { finding } from "./Script.ts"

const replay = Layer.unwrap(Effect.map(
  Cassette.load(`${import.meta.dirname}/cassettes/review.jsonl`),
  (cassette) => CodexReplay.layer(cassette, { defaults: { sandbox: "read-only", skipGitRepoCheck: true } })
)).pipe(Layer.provide(NodeFileSystem.layer))

it.effect("comes to what it came to with the real CLI", () =>
  Effect.gen(function*() {
    const report = yield* Review.review("/src", ["chatty.ts"])
    assert.deepStrictEqual(report.findings, [{ file: "chatty.ts", finding }])
    yield* CodexReplay.verify
  }).pipe(
    Effect.provide([replay, Budget.layer({ tokens: 10_000, time: "10 minutes" })])
  ))
