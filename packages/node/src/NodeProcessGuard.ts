/**
 * The process guard on Node: finds what Codex started, wherever it hides, and ends it.
 *
 * Each layer has an id of its own and each tree a number; both are in the environment variable
 * `EFFECT_CODEX_TREE` of the tree's root, and so in that of every descendant which did not clean it. A
 * descendant in a new session, whose parents are gone, is still found by it. One that did clean its
 * environment is found by its parent, or by having been recorded.
 *
 * - Linux reads `/proc`. macOS runs `ps`, which shows no environment for the programs of macOS itself
 *   (`/bin/sleep`): those are found by their parents or by having been recorded.
 * - For the death of the host there is one guard process per layer, a shell of less than 2 MB. It starts with the
 *   first tree and waits for the host's end of a pipe to close, whatever closes it. Then it sends SIGINT, and SIGKILL
 *   after a second, so that two seconds after the host was killed nothing of its trees is left. Without `/bin/sh`
 *   there is no such guard, and a warning says so.
 * - Windows has neither: `taskkill /T`, by which the process spawner ends a child, is all there is, a descendant
 *   whose parent has died is not found, and nothing watches for the host's death.
 *
 * @since 0.1.0
 */
import * as ProcessGuard from "@effect-codex/core/ProcessGuard"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Random from "effect/Random"
import * as HostWatch from "./internal/hostWatch.ts"
import * as ProcessTable from "./internal/processTable.ts"
import * as ProcessTree from "./internal/processTree.ts"

/**
 * The environment variable that marks a tree.
 *
 * @category constants
 * @since 0.1.0
 */
export const variable = "EFFECT_CODEX_TREE"

/**
 * Guards process trees by their environment, their parents and a watch on the host.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<ProcessGuard.ProcessGuard, never, ChildProcessSpawner> = Layer.unwrap(
  Effect.sync(() =>
    process.platform === "win32" ? ProcessGuard.layerNoop : Layer.effect(ProcessGuard.ProcessGuard, make)
  )
)

const make = Effect.gen(function*() {
  const spawner = yield* ChildProcessSpawner
  const table = process.platform === "darwin" ? ProcessTable.ps(spawner) : ProcessTable.linux
  // Process id, time and chance: neither a second layer nor another host has the same, whatever seed is set.
  const host = [process.pid, process.hrtime.bigint(), Math.abs(yield* Random.nextInt)]
    .map((part) => part.toString(36)).join("-")
  // A host that is itself part of a guarded tree passes the outer mark on, so that the outer guard finds all.
  const outer = process.env[variable] ?? ""
  const watch = yield* HostWatch.make(spawner, `${host}.`)
  let trees = 0

  const guard = Effect.acquireRelease(
    Effect.gen(function*() {
      yield* watch.ensure
      const mark = `${host}.${++trees};`
      return { tree: ProcessTree.make(mark), roots: new Set<number>(), env: { [variable]: outer + mark } }
    }),
    ({ roots, tree }) =>
      Effect.andThen(ProcessTree.sweep(tree, table), Effect.forEach(roots, watch.remove, { discard: true }))
  )

  return {
    guard: Effect.map(guard, ({ env, roots, tree }): ProcessGuard.ProcessTree => ({
      env,
      attach: (pid) =>
        Effect.suspend(() => {
          const start = table.startOf(pid)
          if (start !== undefined) {
            tree.known.set(pid, start)
            tree.since ??= start
          }
          roots.add(pid)
          return watch.add(pid)
        }),
      record: (pid) => ProcessTree.record(tree, table, pid),
      sweep: ProcessTree.sweep(tree, table)
    }))
  }
})
