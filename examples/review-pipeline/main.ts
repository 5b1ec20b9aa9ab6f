/**
 * Many runs at once, within one budget: every file of a directory is reviewed, and the findings become one report.
 *
 *     npm run example -- review-pipeline <directory>     with your Codex account
 *
 * Four files at a time. When the tokens are spent no further file is begun, when the time is over those in work are
 * stopped, and a file that fails is one that fails: there is a report in any case. `docs/testing.md` shows how it is
 * tested.
 */
import * as NodeCodex from "@effect-codex/node/NodeCodex"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Budget from "./Budget.ts"
import * as Review from "./Review.ts"

export const program = Effect.fn("review-pipeline")(function*(directory: string) {
  const fs = yield* FileSystem.FileSystem
  const files = yield* fs.glob("**/*.ts", { root: directory, exclude: ["**/node_modules"] })
  const report = yield* Review.review(directory, files)

  for (const { file, finding } of report.findings) {
    yield* Console.log(`${finding.severity.padEnd(6)}  ${file}:${finding.line}  ${finding.problem}`)
  }
  for (const { cause, file } of report.notReviewed) yield* Console.log(`not reviewed: ${file} (${cause.message})`)
  yield* Console.log(
    `${report.reviewed.length} of ${files.length} files, ${report.findings.length} findings, ${report.tokens} tokens`
  )
})

if (import.meta.main) {
  program(process.argv[2] ?? "examples/quickstart").pipe(
    Effect.provide([
      Budget.layer({ tokens: 500_000, time: "10 minutes" }),
      NodeCodex.layer({ sandbox: "read-only", skipGitRepoCheck: true, idleTimeout: "5 minutes" }),
      NodeServices.layer
    ]),
    NodeRuntime.runMain
  )
}
