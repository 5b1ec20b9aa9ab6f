/**
 * What is left of a run on the real machine, by the kit.
 */
import * as Codex from "@effect-codex/core/Codex"
import * as ExecTransport from "@effect-codex/core/exec/ExecTransport"
import * as NodeCodexCli from "@effect-codex/node/NodeCodexCli"
import * as NodeProcessGuard from "@effect-codex/node/NodeProcessGuard"
import * as CodexLaws from "@effect-codex/testing/CodexLaws"
import * as CodexScript from "@effect-codex/testing/CodexScript"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Schedule from "effect/Schedule"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { pid } from "node:process"

/** What the agent's command starts; nobody else does. */
const sleeper = `sleep 61.${pid}`

const running = ChildProcessSpawner.use((spawner) =>
  Effect.map(
    spawner.lines(ChildProcess.make("ps", ["-axww", "-o", "command="])),
    (lines) => lines.filter((line) => line.trim() === sleeper).length
  )
)

const script = CodexScript.make([
  CodexScript.turn(
    // One in a session of its own, whose parent is gone, and one that the command waits for.
    CodexScript.run(`setsid sh -c '${sleeper} & exit 0'; ${sleeper}; true`)
  )
])

const layer = CodexLaws.layer(
  FakeModel.layerWith(
    CodexScript.toModel(script),
    (cli) => Layer.provide(ExecTransport.layer(), [NodeCodexCli.layer(cli), NodeProcessGuard.layer])
  ),
  { sandbox: "danger-full-access", skipGitRepoCheck: true, workingDirectory: tmpdir() }
).pipe(
  Layer.provide(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })),
  Layer.provideMerge(NodeServices.layer)
)

describe("what the agent has started", () => {
  it.live("is gone when the run is interrupted", () =>
    Effect.gen(function*() {
      const started = Effect.repeat(running, { until: (count) => count === 2, schedule: Schedule.spaced("50 millis") })
      yield* CodexLaws.check(
        Effect.raceFirst(Codex.run("Go."), Effect.timeout(started, "20 seconds")),
        CodexLaws.all
      )
      assert.strictEqual(yield* running, 0)
    }).pipe(Effect.provide(layer)))
})
