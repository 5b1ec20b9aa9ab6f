/**
 * The pipeline of the soak (`packages/testing/test/Soak.test.ts`) on the real CLI, with real kills: nothing outlives it.
 * `CODEX_SOAK_TURNS` makes it longer (default 12 turns of each transport).
 */
import * as AppServerTransport from "@effect-codex/core/appserver/AppServerTransport"
import * as Client from "@effect-codex/core/appserver/Client"
import * as Connection from "@effect-codex/core/appserver/Connection"
import * as Codex from "@effect-codex/core/Codex"
import * as ExecTransport from "@effect-codex/core/exec/ExecTransport"
import * as NodeCodexCli from "@effect-codex/node/NodeCodexCli"
import * as NodeProcessGuard from "@effect-codex/node/NodeProcessGuard"
import * as NodeSessionStore from "@effect-codex/node/NodeSessionStore"
import * as CodexFaults from "@effect-codex/testing/CodexFaults"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import type * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import { existsSync, readdirSync } from "node:fs"
import { createServer } from "node:http"
import { env } from "node:process"
import * as Pipeline from "../../testing/test/support/pipeline.ts"
import { isAlive, makeWorkspace, until } from "./support/realCodex.ts"

const turns = Number(env["CODEX_SOAK_TURNS"] ?? 12)

const sessions = 4

const rates: CodexFaults.Rates = {
  refuseStart: 0.05,
  overload: 0.02,
  delay: 0.2,
  garbage: 0.05,
  stall: 0.03,
  death: 0.08,
  cut: 0.02,
  duplicate: 0.1,
  slow: 0.1
}

/** Every process that is started, by its id. */
const counted = (pids: Array<number>) =>
  Layer.effect(
    ChildProcessSpawner.ChildProcessSpawner,
    Effect.map(ChildProcessSpawner.ChildProcessSpawner, (spawner) =>
      ChildProcessSpawner.make((command: ChildProcess.Command) =>
        Effect.tap(spawner.spawn(command), ({ pid }) =>
          Effect.sync(() => pids.push(pid)))
      ))
  )

const transports = [
  ["codex exec", ExecTransport.layer(), rates],
  [
    "codex app-server",
    AppServerTransport.layerConnect(Client.connect(Connection.stdio(), { experimentalApi: true })),
    // All its turns have one process. Once that is stalled, each is too; and each line may be its last.
    { ...rates, stall: 0, refuseStart: 0, death: 0.01 }
  ]
] as const

type Row = typeof transports[number]

const codex = (workspace: string, pids: Array<number>, transport: Row[1], rates: CodexFaults.Rates) =>
  FakeModel.layerWith(
    ({ index }) => index % 2 === 0 ? ModelReply.shell("sleep 0.05") : ModelReply.message(`{"ok":true}`),
    ({ env }) =>
      Codex.layer({
        sandbox: "danger-full-access",
        skipGitRepoCheck: true,
        workingDirectory: workspace,
        idleTimeout: "3 seconds",
        firstEventTimeout: "5 seconds"
      }).pipe(
        Layer.provide(transport),
        Layer.provide([NodeCodexCli.layer({ env }), NodeProcessGuard.layer]),
        Layer.provideMerge(NodeSessionStore.layerFile(`${workspace}/sessions.json`))
      )
  ).pipe(
    Layer.provide(CodexFaults.layerSpawner),
    Layer.provideMerge(CodexFaults.layer(CodexFaults.random({ seed: "real", rates, longestDelay: "200 millis" }))),
    Layer.provide(counted(pids)),
    Layer.provide(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })),
    Layer.provideMerge(NodeServices.layer)
  )

/** What this process has open: files and sockets, and who listens to it. */
const open = (): ReadonlyArray<number> => [
  existsSync("/proc/self/fd") ? readdirSync("/proc/self/fd").length : 0,
  process.eventNames().reduce((count, name) => count + process.listenerCount(name), 0)
]

describe.each(transports)("a soak of the real %s", (_, transport, rates) => {
  it.live("leaves no process, file or listener behind", () =>
    Effect.gen(function*() {
      const workspace = yield* makeWorkspace
      const pids: Array<number> = []
      const round = Effect.all({
        ends: Pipeline.run({ turns, sessions, name: "soak", patience: "300 millis", backoff: "50 millis" }),
        injected: Effect.flatMap(CodexFaults.CodexFaults, ({ injected }) => injected)
      })
      const before = open()
      const { ends, injected } = yield* Effect.provide(round, codex(workspace, pids, transport, rates))

      assert.isNotEmpty(injected)
      assert.isAtLeast(ends["completed"] ?? 0, 1)
      assert.isNotEmpty(pids)
      assert.deepStrictEqual(pids.filter(isAlive), [])
      // The system closes sockets in its own time.
      yield* until(() => open().every((count, index) => count <= (before[index] ?? 0)), 5_000)
      const fs = yield* FileSystem.FileSystem
      assert.deepStrictEqual(yield* fs.readDirectory(workspace), ["sessions.json"])
    }).pipe(Effect.provide(NodeServices.layer)), 60_000 + 2_000 * turns)
})
