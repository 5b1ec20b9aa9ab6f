/**
 * Records what the pipeline and the CLI say to each other:
 *
 *     node examples/review-pipeline/record.ts           with a scripted model
 *     node examples/review-pipeline/record.ts --live    with your Codex account
 */
import * as NodeCodex from "@effect-codex/node/NodeCodex"
import * as CodexRecorder from "@effect-codex/testing/CodexRecorder"
import * as CodexScript from "@effect-codex/testing/CodexScript"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createServer } from "node:http"
import * as Budget from "./Budget.ts"
import * as Review from "./Review.ts"
import { script } from "./Script.ts"

/** The real CLI, recorded. */
const recorded = (file: string, cli?: FakeModel.CliConfig) =>
  NodeCodex.layer({ ...cli, sandbox: "read-only", skipGitRepoCheck: true }).pipe(
    Layer.provide(CodexRecorder.layerFile(file, { paths: { review: import.meta.dirname } })),
    Layer.provide(NodeServices.layer)
  )

/** The real CLI with a scripted model, recorded. */
const scripted = (file: string) =>
  FakeModel.layerWith(CodexScript.toModel(script), (cli) => recorded(file, cli)).pipe(
    Layer.provide(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" }))
  )

export const record = (file: string, options: { readonly live: boolean }) =>
  Review.review(import.meta.dirname, ["chatty.ts"]).pipe(
    Effect.provide([
      options.live ? recorded(file) : scripted(file),
      Budget.layer({ tokens: 100_000, time: "10 minutes" })
    ])
  )

if (import.meta.main) {
  record(`${import.meta.dirname}/cassettes/review.jsonl`, { live: process.argv.includes("--live") }).pipe(
    NodeRuntime.runMain
  )
}
