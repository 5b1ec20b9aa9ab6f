import * as Codex from "@effect-codex/core/Codex"
import * as NodeCodex from "@effect-codex/node/NodeCodex"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const runs: Array<{ readonly millis: number; readonly cpu: number; readonly deltas: number }> = []
  for (let run = 0; run < Number(process.argv[2]); run++) {
    let startedAt = 0
    let cpu = process.cpuUsage()
    let deltas = 0
    yield* codex.stream("Hello").pipe(
      Stream.runForEachArray((chunk) =>
        Effect.sync(() => {
          for (const event of chunk) {
            if (event.type === "item.delta") {
              if (deltas++ > 0) continue
              startedAt = performance.now()
              cpu = process.cpuUsage()
            } else if (event.type === "item.completed") {
              const millis = performance.now() - startedAt
              const { system, user } = process.cpuUsage(cpu)
              runs.push({ millis, cpu: (system + user) / 1000, deltas })
            }
          }
        })
      )
    )
  }
  process.stdout.write(JSON.stringify(runs))
})

program.pipe(Effect.provide(NodeCodex.layerAppServer()), NodeRuntime.runMain)
