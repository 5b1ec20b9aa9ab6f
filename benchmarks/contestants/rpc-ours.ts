import * as Client from "@effect-codex/core/appserver/Client"
import * as NodeCodexCli from "@effect-codex/node/NodeCodexCli"
import * as NodeProcessGuard from "@effect-codex/node/NodeProcessGuard"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

const program = Effect.gen(function*() {
  const client = yield* Client.Client
  const requests = Number(process.argv[2])
  const run = Effect.fnUntraced(function*(concurrency: number) {
    const startedAt = performance.now()
    yield* Effect.forEach(
      Array.from({ length: requests }),
      () => client.request("thread/loaded/list", {}),
      { concurrency, discard: true }
    )
    return performance.now() - startedAt
  })
  const runs: Array<{ readonly w1: number; readonly w64: number }> = []
  for (let i = 0; i < Number(process.argv[3]); i++) runs.push({ w1: yield* run(1), w64: yield* run(64) })
  process.stdout.write(JSON.stringify(runs))
})

const layer = Client.layerStdio().pipe(
  Layer.provide([NodeCodexCli.layer(), NodeProcessGuard.layer]),
  Layer.provide(NodeServices.layer)
)
program.pipe(Effect.provide(layer), NodeRuntime.runMain)
