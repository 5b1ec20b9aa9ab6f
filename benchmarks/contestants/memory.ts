/**
 * A consumer that reads a tenth, stops for a while, reads a little at a time, and then all the rest at once.
 */
import * as Codex from "@effect-codex/core/Codex"
import type { CodexEvent } from "@effect-codex/core/CodexEvent"
import * as NodeCodex from "@effect-codex/node/NodeCodex"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { readFileSync } from "node:fs"

const [producer = "", progress = "", events = "0"] = process.argv.slice(2)
const pauseAt = Number(events) / 10
const slowUntil = pauseAt + 20_000

const rss = () => process.memoryUsage.rss() / 2 ** 20
const written = () => Number(readFileSync(progress, "utf8"))

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const idle = rss()
  const startedAt = performance.now()
  let peak = idle
  let seen = 0
  let lost = 0
  let paused: { readonly before: number; readonly after: number } | undefined
  // Not `Effect.gen`: a generator function made anew for each chunk would keep the chunk in memory for a while.
  const consume = Effect.fnUntraced(function*(chunk: ReadonlyArray<CodexEvent>) {
    for (const event of chunk) {
      if (event.type === "item.completed" && event.item.type === "agent_message") {
        if (Number(event.item.id.slice("item_".length)) !== seen) lost++
        seen++
      }
    }
    peak = Math.max(peak, rss())
    if (paused === undefined && seen > pauseAt) {
      yield* Effect.sleep("1 second")
      const before = written()
      yield* Effect.sleep("2 seconds")
      paused = { before, after: written() }
    } else if (seen > pauseAt && seen < slowUntil) {
      yield* Effect.sleep("5 millis")
    }
  })
  yield* codex.stream("Hello", { skipGitRepoCheck: true }).pipe(Stream.runForEachArray(consume))
  process.stdout.write(JSON.stringify({
    idle,
    peak: Math.max(peak, process.resourceUsage().maxRSS / 1024),
    lost: lost + Number(events) - seen,
    written: written(),
    seconds: (performance.now() - startedAt) / 1000,
    ...paused
  }))
})

program.pipe(
  Effect.provide(NodeCodex.layer({ path: process.execPath, args: [producer] })),
  NodeRuntime.runMain
)
