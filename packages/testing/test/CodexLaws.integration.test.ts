/**
 * The laws on the real CLI, by both transports.
 */
import * as Approvals from "@effect-codex/core/Approvals"
import * as AppServerTransport from "@effect-codex/core/appserver/AppServerTransport"
import * as Codex from "@effect-codex/core/Codex"
import { CodexTransport } from "@effect-codex/core/CodexTransport"
import * as ExecTransport from "@effect-codex/core/exec/ExecTransport"
import * as NodeCodexCli from "@effect-codex/node/NodeCodexCli"
import * as NodeProcessGuard from "@effect-codex/node/NodeProcessGuard"
import * as CodexLaws from "@effect-codex/testing/CodexLaws"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as RealAppServer from "../../node/test/support/realAppServer.ts"
import { layerServer } from "./support/codexExec.ts"

const script: FakeModel.Script = ({ toolOutputs }) =>
  toolOutputs.length === 0 ? ModelReply.shell("echo hi") : ModelReply.message("Done.")

const exec = FakeModel.layerWith(
  script,
  (cli) =>
    ExecTransport.layer().pipe(
      Layer.provide([NodeCodexCli.layer(cli), NodeProcessGuard.layer]),
      Layer.provide(NodeServices.layer)
    )
).pipe(Layer.provide(layerServer))

const appServer = AppServerTransport.layer().pipe(
  Layer.provide(RealAppServer.layer(script, { experimentalApi: true })),
  Layer.provide(Approvals.layer(Approvals.acceptAll))
)

const transports: ReadonlyArray<readonly [name: string, transport: Layer.Layer<CodexTransport, unknown>]> = [
  ["exec", exec],
  ["an app-server", appServer]
]

for (const [name, transport] of transports) {
  layer(CodexLaws.layer(transport, { skipGitRepoCheck: true, sandbox: "danger-full-access" }), {
    excludeTestServices: true
  })(`over ${name}`, (it) => {
    it.effect("a program keeps the laws", () =>
      Effect.gen(function*() {
        const thread = yield* Codex.thread()
        const ledger = yield* (yield* CodexLaws.Observer).since
        yield* CodexLaws.check(
          Effect.all([thread.run("One"), thread.run("Two"), Codex.run("Three")], { concurrency: "unbounded" }),
          [...CodexLaws.all, CodexLaws.tokenBudget(100_000)]
        )
        const { turns } = yield* ledger
        assert.deepStrictEqual(turns.map(({ end }) => end), ["completed", "completed", "completed"])
        // The second turn of the thread finds that the command has been run.
        assert.lengthOf(turns.filter(({ worked }) => worked), 2)
        assert.isTrue(turns.every(({ tokens }) => tokens > 0 && tokens < 10_000))
      }))

    it.effect("a program that is interrupted leaves nothing", () =>
      Effect.forEach([1, 3], (after) => CodexLaws.checkInterrupted(Codex.run("Go"), CodexLaws.all, { after })))

    it.effect("two turns at once are found", () =>
      Effect.gen(function*() {
        const { threadId = "" } = yield* Codex.run("One")
        const turn = CodexTransport.use(({ turn }) =>
          Effect.ignore(Stream.runDrain(turn({ input: [{ type: "text", text: "Two" }], thread: threadId })))
        )
        const error = yield* Effect.flip(
          CodexLaws.check(Effect.all([turn, turn], { concurrency: 2 }), [CodexLaws.oneTurnPerThread])
        )
        assert.strictEqual(error.law, CodexLaws.oneTurnPerThread.name)
      }))
  })
}

describe("approvals", () => {
  layer(CodexLaws.layer(appServer), { excludeTestServices: true })((it) => {
    it.effect("are noted, and answered", () =>
      Effect.gen(function*() {
        const ledger = yield* (yield* CodexLaws.Observer).since
        yield* CodexLaws.check(
          Codex.run("Go", { approval: "untrusted", sandbox: "read-only", skipGitRepoCheck: true }),
          [CodexLaws.everyApprovalAnswered({ within: "10 seconds" })]
        )
        const [turn] = (yield* ledger).turns
        assert.deepStrictEqual(turn?.approvals.map(({ answeredAt, kind }) => [kind, answeredAt !== undefined]), [
          ["command", true]
        ])
      }))
  })
})
