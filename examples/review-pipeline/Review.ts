/**
 * Reviews files, several at once, and brings what was found together in one report.
 */
import * as Codex from "@effect-codex/core/Codex"
import { CodexError } from "@effect-codex/core/CodexError"
import * as CodexOutput from "@effect-codex/core/CodexOutput"
import * as CodexRetry from "@effect-codex/core/CodexRetry"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Budget, BudgetSpent } from "./Budget.ts"

const severities = ["high", "medium", "low"] as const

export class Finding extends Schema.Class<Finding>("Finding")({
  severity: Schema.Literals(severities),
  line: Schema.Int,
  problem: Schema.String.annotate({ description: "One sentence: what goes wrong, and when" })
}) {}

export class Reviewed extends Schema.Class<Reviewed>("Reviewed")({
  file: Schema.String,
  findings: Schema.Array(Finding)
}) {}

export class NotReviewed extends Schema.Class<NotReviewed>("NotReviewed")({
  file: Schema.String,
  cause: Schema.Union([CodexError, BudgetSpent])
}) {}

export class Report extends Schema.Class<Report>("Report")({
  reviewed: Schema.Array(Reviewed),
  notReviewed: Schema.Array(NotReviewed),
  tokens: Schema.Int
}) {
  /** All findings, the worst first. */
  get findings() {
    const all = this.reviewed.flatMap(({ file, findings }) => findings.map((finding) => ({ file, finding })))
    return severities.flatMap((severity) => all.filter(({ finding }) => finding.severity === severity))
  }
}

/**
 * Asks about one file. Each turn is one for the budget: one that is tried again, as nothing was done yet, and the one in
 * which the agent is told once what is wrong with its answer.
 */
const ask = Effect.fnUntraced(function*(directory: string, file: string) {
  const budget = yield* Budget
  const thread = yield* Codex.thread({ workingDirectory: directory })
  const turn = (input: string) =>
    thread.run(input, { output: Schema.Array(Finding) }).pipe(
      budget.run,
      Effect.retry({ schedule: CodexRetry.exponential({ times: 2 }), while: isRetryable })
    )
  return yield* turn(`Review ${file}. Report only what you can show to be wrong.`).pipe(
    Effect.catchReason("CodexError", "OutputUndecodable", ({ issue }) => turn(CodexOutput.repairPrompt(issue)))
  )
})

const isRetryable = (error: CodexError | BudgetSpent) => error._tag === "CodexError" && error.isRetryable

/** Never fails: the report tells which files were not reviewed, and why. */
export const review = Effect.fn("review")(function*(directory: string, files: ReadonlyArray<string>) {
  const [reviewed, notReviewed] = yield* Effect.partition(
    files,
    (file) =>
      ask(directory, file).pipe(
        Effect.map(({ output }) => new Reviewed({ file, findings: output })),
        Effect.mapError((cause) => new NotReviewed({ file, cause }))
      ),
    { concurrency: 4 }
  )
  return new Report({ reviewed, notReviewed, tokens: yield* (yield* Budget).tokens })
})
