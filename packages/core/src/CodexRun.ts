/**
 * A handle on a run that goes on by itself: `Codex.start` gives one.
 *
 * Most programs need none: `Codex.run` and `Codex.stream` are Effect values, and interrupting them stops the
 * agent. A handle is for those who watch, wait and stop in different places.
 *
 * **Example** (Waiting for a while, and then stopping)
 *
 * ```ts
 * import * as Codex from "@effect-codex/core/Codex"
 * import * as Effect from "effect/Effect"
 * import * as Option from "effect/Option"
 *
 * const program = Effect.scoped(Effect.gen(function*() {
 *   const run = yield* Codex.start("Refactor the parser")
 *   const turn = yield* Effect.timeoutOption(run.await, "10 minutes")
 *   if (Option.isNone(turn)) yield* run.interrupt
 *   return yield* run.await
 * }))
 * ```
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Option from "effect/Option"
import type * as Stream from "effect/Stream"
import type { CodexError } from "./CodexError.ts"
import type { CodexEvent } from "./CodexEvent.ts"
import type { CodexTurn } from "./CodexTurn.ts"

/**
 * A run that goes on until its turn ends, it is stopped, or its scope closes.
 *
 * @category models
 * @since 0.1.0
 */
export interface CodexRun {
  /** The thread that it works on. */
  readonly threadId: string | undefined
  /** The process that runs the turn, if it has one of its own. */
  readonly pid: number | undefined
  /**
   * The events from the first on, for one reader; share them by `Stream.broadcast`. The agent waits for a reader that is slow or has yet to come, once
   * 16 chunks of output (of up to 64 KiB) are unread. Only while someone is in `await` and nobody reads does it go on,
   * and the oldest chunks are dropped.
   */
  readonly events: Stream.Stream<CodexEvent, CodexError>
  /** What the run came to. To interrupt the waiting, with a time limit for instance, does not stop the run. */
  readonly await: Effect.Effect<CodexTurn, CodexError>
  /** What the run came to, if it has ended. */
  readonly result: Effect.Effect<Option.Option<Exit.Exit<CodexTurn, CodexError>>>
  /**
   * Asks the agent to stop, and waits until nothing of the run is alive. `await` then fails with `Stopped`, unless the
   * turn had ended.
   */
  readonly interrupt: Effect.Effect<void>
  /** As `interrupt`, but at once, without asking. */
  readonly kill: Effect.Effect<void>
}
