import * as Codex from "@effect-codex/core/Codex"
import * as NodeCodex from "@effect-codex/node/NodeCodex"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const runs: Array<{ readonly millis: number; readonly events: number }> = []
  for (let run = 0; run < Number(process.argv[2]); run++) {
    // The engine tidies up after so many imports: that belongs to the start, which is measured for itself.
    yield* Effect.sleep("100 millis")
    const startedAt = performance.now()
    let events = 0
    yield* codex.stream("Hello", { skipGitRepoCheck: true }).pipe(
      Stream.runForEachArray((chunk) =>
        Effect.sync(() => {
          for (const event of chunk) {
            events++
            if (event.type === "turn.completed") runs.push({ millis: performance.now() - startedAt, events })
          }
        })
      )
    )
  }
  process.stdout.write(JSON.stringify({ runs, memory: process.resourceUsage().maxRSS / 1024 }))
})

program.pipe(Effect.provide(NodeCodex.layer()), NodeRuntime.runMain)
