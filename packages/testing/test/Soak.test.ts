/**
 * Hundreds of turns under random faults: every run ends, every record of the store is right, and nothing is left behind.
 * `CODEX_SOAK_TURNS` makes it longer (default 240 turns of each transport, of which a third is run twice).
 */
import * as SessionStore from "@effect-codex/core/SessionStore"
import * as CodexFaults from "@effect-codex/testing/CodexFaults"
import * as CodexScript from "@effect-codex/testing/CodexScript"
import * as FakeCli from "@effect-codex/testing/FakeCli"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Random from "effect/Random"
import * as TestClock from "effect/testing/TestClock"
import { env, memoryUsage } from "node:process"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import * as Faulty from "./support/faulty.ts"
import * as Pipeline from "./support/pipeline.ts"

const turns = Number(env["CODEX_SOAK_TURNS"] ?? 240)
const rounds = 3

const script = CodexScript.make([
  CodexScript.turn(
    CodexScript.reasoning("Hm."),
    CodexScript.run("make", { output: "ok\n", duration: "2 seconds" }),
    CodexScript.wait("1 second"),
    CodexScript.message(`{"ok":true}`)
  )
])

const rates: CodexFaults.Rates = {
  refuseStart: 0.03,
  overload: 0.01,
  delay: 0.1,
  garbage: 0.03,
  stall: 0.005,
  death: 0.01,
  cut: 0.02,
  duplicate: 0.05,
  slow: 0.05
}

const limits = { idleTimeout: "20 seconds", firstEventTimeout: "20 seconds", timeout: "2 minutes" } as const

const sessions = 8

/** What is on the heap, once what nobody needs is not. */
const heap = Effect.sync(() => {
  setFlagsFromString("--expose-gc")
  runInNewContext("gc()")
  return memoryUsage().heapUsed
})

/** How many fibers run that others have begun. */
const fibers = Effect.map(Metric.snapshot, (metrics) => {
  const active = metrics.find(({ id }) => id === "child_fibers_active")
  return active?.type === "Gauge" ? Number(active.state.value) : 0
})

const seams = [
  ["codex exec", Faulty.exec, rates, true],
  // All its turns have one process. Once that is stalled, each is too.
  ["codex app-server", Faulty.stdio, { ...rates, stall: 0, death: 0.002 }, false]
] as const

describe.each(seams)("a soak of %s", (_, layer, rates, isAlone) => {
  const round = Effect.fnUntraced(function*(seed: number) {
    const { cli, ...told } = yield* Effect.all({
      ends: Pipeline.run({ turns: turns / rounds, sessions, name: "soak", patience: "5 seconds", backoff: "1 second" }),
      cli: FakeCli.FakeCli,
      injected: Faulty.injected
    }).pipe(
      Effect.provide(
        layer(CodexFaults.random({ seed, rates }), script, limits).pipe(Layer.provideMerge(SessionStore.layerMemory))
      ),
      // For what else is left to chance.
      Random.withSeed(seed),
      (round) => Faulty.drive(round, 100_000),
      // Each begins at the same time.
      Effect.provide(TestClock.layer())
    )
    for (const { files, running } of yield* cli.invocations) {
      assert.isFalse(running)
      assert.isAtMost(Object.keys(files).length, sessions)
    }
    return told
  })

  it.effect("leaves nothing behind", () =>
    Effect.gen(function*() {
      const atFirst = yield* fibers
      const first = yield* round(0)
      const afterFirst = yield* heap
      for (let seed = 1; seed < rounds; seed++) yield* round(seed)
      const again = yield* round(0)
      // Where turns share a process, the order of its lines and of their requests is no matter of the seed.
      if (isAlone) assert.deepStrictEqual(again, first)

      assert.strictEqual(yield* fibers, atFirst)
      assert.isBelow((yield* heap) - afterFirst, 16 * 1024 * 1024)
      // It was no fair weather, and not all was lost.
      assert.isAtLeast(first.ends["completed"] ?? 0, 1)
      assert.isAtLeast(Object.keys(first.ends).length, 4)
    }).pipe(Effect.provide(Metric.enableRuntimeMetricsLayer)), 60_000 + 200 * turns)
})
