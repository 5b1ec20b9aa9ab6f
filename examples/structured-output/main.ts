/**
 * Answers that the program can use: typed by an Effect schema, or checked against a JSON Schema.
 *
 *     npm run example -- structured-output     about this repository, with your Codex account
 *
 * Codex is told the schema. The model keeps to its shape, but not always to what OpenAI cannot enforce, such as a
 * range. With `repair` the agent is told what is wrong and asked again, on the same thread.
 */
import * as Codex from "@effect-codex/core/Codex"
import * as CodexOutput from "@effect-codex/core/CodexOutput"
import * as NodeCodex from "@effect-codex/node/NodeCodex"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** What we want to know. Descriptions and checks are told to the model. */
export class RepoStatus extends Schema.Class<RepoStatus>("RepoStatus")({
  summary: Schema.String.annotate({ description: "One sentence for somebody who does not know the project" }),
  score: Schema.Int.annotate({ description: "How healthy the code is" }).check(
    Schema.isBetween({ minimum: 0, maximum: 10 })
  ),
  risks: Schema.Array(Schema.Struct({
    file: Schema.String,
    severity: Schema.Literals(["low", "high"]),
    problem: Schema.String
  })),
  /** May be missing. */
  license: Schema.optionalKey(Schema.String)
}) {
  get worst() {
    return this.risks.find(({ severity }) => severity === "high") ?? this.risks[0]
  }
}

export const program = Effect.gen(function*() {
  const { output, threadUsage } = yield* Codex.run("Summarise this repository", { output: RepoStatus, repair: 1 })
  yield* Console.log(`${output.score} of 10. ${output.summary}`)
  yield* Console.log(`Risks: ${output.risks.length}. License: ${output.license ?? "none"}`)
  if (output.worst !== undefined) yield* Console.log(`Begin with ${output.worst.file}: ${output.worst.problem}`)
  yield* Console.log(`Tokens written: ${threadUsage?.output_tokens}`)
}).pipe(
  Effect.catchReason("CodexError", "OutputUndecodable", ({ issue }) => Console.error(`No usable answer: ${issue}`))
)

/** With a JSON Schema, from a file or another service say, the answer is JSON that obeys it. */
export const languages = Codex.run("Which programming languages are used here?", {
  output: CodexOutput.jsonSchema({
    type: "object",
    properties: { languages: { type: "array", items: { type: "string" } } },
    required: ["languages"]
  })
}).pipe(Effect.flatMap((turn) => Console.log(turn.output)))

if (import.meta.main) {
  Effect.andThen(program, languages).pipe(
    Effect.provide(NodeCodex.layer({ sandbox: "read-only", idleTimeout: "5 minutes" })),
    NodeRuntime.runMain
  )
}
