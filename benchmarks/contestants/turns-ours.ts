/**
 * Turns at so many at a time, over one app-server or by a process each.
 */
import * as Codex from "@effect-codex/core/Codex"
import * as NodeCodex from "@effect-codex/node/NodeCodex"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"

const [transport, concurrency, turns] = process.argv.slice(2)

const program = Effect.gen(function*() {
  const turn = Codex.run("Hello", { skipGitRepoCheck: true })
  // The app-server has started, and either knows its way.
  yield* turn
  const startedAt = performance.now()
  yield* Effect.forEach(Array.from({ length: Number(turns) }), () => turn, {
    concurrency: Number(concurrency),
    discard: true
  })
  process.stdout.write(JSON.stringify(performance.now() - startedAt))
})

const layer = transport === "appserver" ? NodeCodex.layerAppServer() : NodeCodex.layer()
program.pipe(Effect.provide(layer), NodeRuntime.runMain)
