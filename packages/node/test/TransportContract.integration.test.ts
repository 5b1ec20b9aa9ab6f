/**
 * Our transports keep to the contract over the real CLI.
 */
import * as AppServerTransport from "@effect-codex/core/appserver/AppServerTransport"
import * as Client from "@effect-codex/core/appserver/Client"
import * as Connection from "@effect-codex/core/appserver/Connection"
import * as ExecTransport from "@effect-codex/core/exec/ExecTransport"
import * as NodeCodexCli from "@effect-codex/node/NodeCodexCli"
import * as NodeProcessGuard from "@effect-codex/node/NodeProcessGuard"
import * as CodexScript from "@effect-codex/testing/CodexScript"
import * as CodexTransportContract from "@effect-codex/testing/CodexTransportContract"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Redacted from "effect/Redacted"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { pid } from "node:process"

const secret = Redacted.make("sk-not-for-your-eyes")

/** The real CLI, whose model plays the script. */
const cli = (script: CodexScript.CodexScript) =>
  FakeModel.layerWith(
    CodexScript.toModel(script),
    ({ env }) => Layer.merge(NodeCodexCli.layer({ env, apiKey: secret }), NodeProcessGuard.layer)
  ).pipe(
    Layer.provideMerge(NodeServices.layer),
    Layer.provide(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" }))
  )

/** The `codex exec` of this process, and the agent's commands, whoever they belong to by now. */
const isWorker = (line: string): boolean => {
  const [, parent, state = "", args = ""] = /^\s*(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? []
  if (state.startsWith("Z")) return false
  return args.includes(CodexTransportContract.command) || (Number(parent) === pid && args.includes(" exec --json"))
}

const options: CodexTransportContract.Options<ChildProcessSpawner | FakeModel.FakeModel> = {
  request: { sandbox: "danger-full-access", skipGitRepoCheck: true, workingDirectory: tmpdir() },
  alive: ChildProcessSpawner.use((spawner) =>
    spawner.lines(ChildProcess.make("ps", ["-axww", "-o", "ppid=,stat=,command="])).pipe(
      Effect.map((lines) => lines.filter(isWorker).length),
      Effect.orDie
    )
  ),
  outputSchema: FakeModel.FakeModel.use(({ requests }) => Effect.map(requests, (all) => all.at(-1)?.outputSchema)),
  secret,
  real: true,
  timeout: "30 seconds"
}

describe("codex exec", () => {
  CodexTransportContract.suite(it.live, (script) => Layer.provideMerge(ExecTransport.layer(), cli(script)), {
    ...options,
    refused: [{ approval: "on-request" }, { approval: "untrusted" }]
  })
})

describe("codex app-server", () => {
  const connect = Client.connect(Connection.stdio({ config: { thread_unload_delay_secs: 0 } }), {
    experimentalApi: true
  })

  CodexTransportContract.suite(
    it.live,
    (script) => Layer.provideMerge(AppServerTransport.layerConnect(connect), cli(script)),
    { ...options, refused: [{ profile: "fast" }, { extraArgs: ["--full-auto"] }, { worktree: true }] }
  )
})
