/**
 * Sees to it that nothing which Codex started outlives its run.
 *
 * Every command of the agent gets a session of its own, so neither the CLI's death nor a signal
 * to its process group reaches them. A guard knows a tree by three signs: its root, the environment
 * variables that the root was started with, which its descendants inherit, and the descendants it recorded.
 *
 * The order of calls, for whoever starts the root: `guard`, start it with `env`, `attach`, and at the
 * end `record`, ask the root to stop, `sweep`. The guard's scope sweeps too, so it has to enclose the root's.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"

/**
 * One guarded process tree.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProcessTree {
  /**
   * Environment variables that the root of the tree must be started with. Codex passes them on to the agent's
   * commands unless the user's `shell_environment_policy` says otherwise; its `set` table can put them back.
   */
  readonly env: Readonly<Record<string, string>>
  /** Tells which process is the root, as soon as it runs. Cheap: it looks at that one process. */
  readonly attach: (pid: number) => Effect.Effect<void>
  /**
   * Remembers what descends from `pid` now, so that a descendant which cleaned its environment
   * and lost its parent is still found later. Call it before the root is told to stop.
   */
  readonly record: (pid: number) => Effect.Effect<void>
  /** Kills every process of the tree that is still alive, the root included, and waits until none is. */
  readonly sweep: Effect.Effect<void>
}

/**
 * Guards process trees: each is swept when its scope closes, and also when the host
 * process dies without closing it (SIGKILL, from the out-of-memory killer, say).
 *
 * @category services
 * @since 0.1.0
 */
export class ProcessGuard extends Context.Service<ProcessGuard, {
  readonly guard: Effect.Effect<ProcessTree, never, Scope.Scope>
}>()("@effect-codex/core/ProcessGuard") {}

/**
 * Guards nothing: for fakes, which start no process.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerNoop: Layer.Layer<ProcessGuard> = Layer.succeed(ProcessGuard, {
  guard: Effect.succeed({ env: {}, attach: () => Effect.void, record: () => Effect.void, sweep: Effect.void })
})
