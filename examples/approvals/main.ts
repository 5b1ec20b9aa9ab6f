/**
 * An agent that asks before it acts, and who answers it: rules, a person, nobody. Who it is, is up to a Layer.
 *
 *     npm run example -- approvals                  rules, and you for what they leave open (with your Codex account)
 *     npm run example -- approvals --unattended     the same rules, as in CI: what they leave open is declined
 *
 * You have 10 minutes for each answer; then it is "no". What was asked and what was answered is kept in
 * `.codex_approvals.jsonl`.
 */
import { ApprovalRequest } from "@effect-codex/core/ApprovalRequest"
import * as ApprovalRules from "@effect-codex/core/ApprovalRules"
import * as Approvals from "@effect-codex/core/Approvals"
import * as Codex from "@effect-codex/core/Codex"
import * as NodeApprovals from "@effect-codex/node/NodeApprovals"
import * as NodeCodex from "@effect-codex/node/NodeCodex"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

/** To each command and each file applies the first rule that matches it. What no rule matches is for `orElse`. */
export const layerRules = <R>(project: string, orElse: Approvals.Policy<R>) =>
  NodeApprovals.layerRules([
    ApprovalRules.command(["npm", "test"], "acceptForSession"),
    ApprovalRules.command(["git", "status"]),
    ApprovalRules.folder(`${project}/docs/legal`, "decline"),
    ApprovalRules.folder(`${project}/docs`)
  ], { orElse })

/** One line of the record. Of the answer, only its type: its words may be secret. */
export const Line = Schema.fromJsonString(Schema.toCodecJson(Schema.Struct({
  at: Schema.DateTimeUtc,
  request: ApprovalRequest,
  answer: Schema.String
})))

/** Writes down what is asked and what is answered, before the agent has the answer. If that fails, the answer is "no". */
export const layerAudit = (file: string) =>
  Layer.unwrap(Effect.gen(function*() {
    const policy = yield* Approvals.Approvals
    const fs = yield* FileSystem.FileSystem
    return Approvals.layer(Approvals.tap(
      policy,
      Effect.fnUntraced(function*(request, { type: answer }) {
        const line = yield* Schema.encodeEffect(Line)({ at: yield* DateTime.now, request, answer })
        yield* fs.writeFileString(file, `${line}\n`, { flag: "a" })
      })
    ))
  })).pipe(Layer.provide(NodeFileSystem.layer))

export const program = Effect.gen(function*() {
  // `untrusted`: it asks before every command and every change. `on-request`: when it wants out of its sandbox.
  const turn = yield* Codex.run("Run the tests, then bring docs/ up to date with the code", { approval: "untrusted" })
  for (const { command, status } of turn.commands) yield* Console.log(`${status}: ${command}`)
  for (const { changes, status } of turn.fileChanges) {
    yield* Console.log(`${status}: ${changes.map(({ path }) => path).join(", ")}`)
  }
  yield* Console.log(turn.finalMessage)
})

if (import.meta.main) {
  // All the difference that it makes. `ApprovalQueue.layer()` would be for somebody who is not at this terminal.
  const policy = process.argv.includes("--unattended")
    ? layerRules(process.cwd(), Approvals.declineAll)
    : layerRules(process.cwd(), NodeApprovals.terminal)

  // The time that you take is no time in which the agent is idle.
  const layer = NodeCodex.layerAppServer({ sandbox: "workspace-write", idleTimeout: "5 minutes" }).pipe(
    Layer.provide(layerAudit(".codex_approvals.jsonl")),
    Layer.provide(policy)
  )
  program.pipe(Effect.provide(layer), NodeRuntime.runMain)
}
