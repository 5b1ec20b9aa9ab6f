import * as NodeCodex from "@effect-codex/node/NodeCodex"
import * as CodexScript from "@effect-codex/testing/CodexScript"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createServer } from "node:http"
import * as Budget from "./Budget.ts"
import * as Review from "./Review.ts"
import { finding, script } from "./Script.ts"

const layer = FakeModel.layerWith(
  CodexScript.toModel(script),
  (cli) => NodeCodex.layer({ ...cli, sandbox: "read-only", skipGitRepoCheck: true })
).pipe(
  Layer.provide(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" }))
)

it.live("reports the same with the real CLI", () =>
  Effect.gen(function*() {
    const report = yield* Review.review(import.meta.dirname, ["save.ts", "chatty.ts"])
    assert.deepStrictEqual(report.findings, [{ file: "save.ts", finding }, { file: "chatty.ts", finding }])
  }).pipe(
    Effect.provide([layer, Budget.layer({ tokens: 10_000, time: "10 minutes" })])
  ))
