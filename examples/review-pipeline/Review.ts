/**
 * Reviews files, several at once, and brings what was found together in one report.
 */
import * as Codex from "@effect-codex/core/Codex"
import { CodexError } from "@effect-codex/core/CodexError"
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

/** Never fails: the report tells which files were not reviewed, and why. */
export const review = Effect.fn("review")(function*(directory: string, files: ReadonlyArray<string>) {
  const budget = yield* Budget
  const [reviewed, notReviewed] = yield* Effect.partition(
    files,
    (file) =>
      Codex.run(`Review ${file}. Report only what you can show to be wrong.`, {
        output: Schema.Array(Finding),
        repair: 1,
        workingDirectory: directory
      }).pipe(
        budget.run,
        Effect.map(({ output }) => new Reviewed({ file, findings: output })),
        Effect.mapError((cause) => new NotReviewed({ file, cause }))
      ),
    { concurrency: 4 }
  )
  return new Report({ reviewed, notReviewed, tokens: yield* budget.tokens })
})
