/**
 * The real CLI with a scripted model, recorded.
 */
import * as Approvals from "@effect-codex/core/Approvals"
import * as ApprovalServing from "@effect-codex/core/appserver/ApprovalServing"
import * as AppServerTransport from "@effect-codex/core/appserver/AppServerTransport"
import * as Client from "@effect-codex/core/appserver/Client"
import * as Connection from "@effect-codex/core/appserver/Connection"
import * as Codex from "@effect-codex/core/Codex"
import type { CodexOptions } from "@effect-codex/core/CodexOptions"
import * as CodexRetry from "@effect-codex/core/CodexRetry"
import * as ExecTransport from "@effect-codex/core/exec/ExecTransport"
import * as NodeCodexCli from "@effect-codex/node/NodeCodexCli"
import * as NodeProcessGuard from "@effect-codex/node/NodeProcessGuard"
import type { Entry } from "@effect-codex/testing/Cassette"
import * as CodexRecorder from "@effect-codex/testing/CodexRecorder"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import { createServer } from "node:http"
import { fileURLToPath } from "node:url"

/** What the model answers, by the prompt of its thread. */
export type Replies = Readonly<Record<string, ReadonlyArray<ModelReply.ModelReply>>>

interface Settings<R> {
  /** In a directory of its own. */
  readonly program: (directory: string) => Effect.Effect<unknown, unknown, R>
  readonly replies: Replies
  readonly defaults?: CodexOptions | undefined
  readonly model?: FakeModel.Options | undefined
}

/** A program over one transport, with the model's answers to its prompts. */
export type Scenario = ExecScenario | AppServerScenario

export interface ExecScenario extends Settings<Codex.Codex> {
  readonly transport: "exec"
}

export interface AppServerScenario extends Settings<Codex.Codex | Client.Client> {
  readonly transport: "app-server"
  readonly server?: Connection.StdioOptions | undefined
  readonly approvals?: Approvals.Policy | undefined
}

export const mcpServer = (file: string) => ({
  command: process.execPath,
  args: [fileURLToPath(new URL(`../../packages/${file}`, import.meta.url))]
})

const scriptOf = (replies: Replies): FakeModel.Script => {
  const played = new Map<string, number>()
  return ({ prompt, threadId }) => {
    const key = `${threadId} ${prompt}`
    const index = played.get(key) ?? 0
    played.set(key, index + 1)
    return replies[prompt]?.[index] ?? ModelReply.message("Done.")
  }
}

/** As `NodeCodex.layerAppServer` makes it. */
const connect = Effect.fnUntraced(function*(options: Connection.StdioOptions = {}) {
  const duplex = yield* Connection.stdio({ ...options, config: { thread_unload_delay_secs: 0, ...options.config } })
  const client = yield* Client.make(duplex, {
    defaultAnswer: ApprovalServing.defaultAnswer,
    experimentalApi: true
  })
  yield* ApprovalServing.serve(client.rpc)
  return client
})

const codex = ({ defaults }: Scenario, skipGitRepoCheck: boolean) =>
  Codex.layer({
    sandbox: "danger-full-access",
    skipGitRepoCheck,
    approval: "never",
    retry: CodexRetry.none,
    ...defaults
  })

const appServer = (scenario: AppServerScenario) =>
  Layer.provide(codex(scenario, false), AppServerTransport.layer()).pipe(
    Layer.provideMerge(Layer.effect(Client.Client, connect(scenario.server))),
    Layer.provide(Approvals.layer(scenario.approvals ?? Approvals.declineAll))
  )

/** Runs a scenario, and gives what was recorded once everything has ended. */
export const record = Effect.fnUntraced(
  function*(scenario: Scenario) {
    const fs = yield* FileSystem.FileSystem
    // Codex tells of changes by the name of the directory alone.
    const directory = `${yield* fs.realPath(yield* fs.makeTempDirectoryScoped())}/work`
    yield* fs.makeDirectory(directory)
    yield* fs.writeFileString(`${directory}/a.txt`, "old\n")
    const { cli } = yield* FakeModel.make(scriptOf(scenario.replies), scenario.model)
    const context = yield* Layer.build(CodexRecorder.layer({ paths: { node: process.execPath } }))
    const machine = Layer.mergeAll(NodeCodexCli.layer(cli), NodeProcessGuard.layer).pipe(
      Layer.provideMerge(Layer.succeedContext(context))
    )
    yield* scenario.transport === "exec"
      ? scenario.program(directory).pipe(
        Effect.provide(Layer.provide(Layer.provide(codex(scenario, true), ExecTransport.layer()), machine))
      )
      : scenario.program(directory).pipe(Effect.provide(Layer.provide(appServer(scenario), machine)))
    const { entries, header } = yield* Context.get(context, CodexRecorder.CodexRecorder).cassette
    return { header, entries: entries.filter((entry) => !isNoise(entry)) }
  },
  Effect.scoped,
  Effect.provide(NodeServices.layer),
  // One for each: it would be shared otherwise.
  Effect.provide(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" }), { local: true })
)

/** What depends on how this machine is equipped, and what the CLI prints always. */
const isNoise = (entry: Entry): boolean =>
  entry.type === "stderr"
    ? /^\s*$|^Stack backtrace:|^ +\d+: <unknown>$|could not create PATH aliases|bubblewrap/m.test(entry.text)
    : entry.type === "received" && /"method":"configWarning".*bubblewrap/.test(JSON.stringify(entry.json ?? ""))
