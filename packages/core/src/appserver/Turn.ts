/**
 * A turn over an app-server while it runs: what it does, said more to, stopped.
 *
 * **Example** (Steering)
 *
 * ```ts
 * import type { Thread } from "@effect-codex/core/appserver/Thread"
 * import * as Console from "effect/Console"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 *
 * const program = Effect.fn(function*(thread: Thread) {
 *   const turn = yield* thread.turn("Make the tests faster")
 *   yield* turn.events.pipe(
 *     Stream.runForEach((event) => event.type === "item.delta" ? Console.log(event.delta) : Effect.void),
 *     Effect.forkScoped
 *   )
 *   yield* turn.steer("Leave the integration tests alone")
 *   return (yield* turn.await).finalMessage
 * }, Effect.scoped)
 * ```
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Option from "effect/Option"
import type * as Stream from "effect/Stream"
import type { CodexError } from "../CodexError.ts"
import type { CodexEvent } from "../CodexEvent.ts"
import type * as CodexInput from "../CodexInput.ts"
import type * as CodexOutput from "../CodexOutput.ts"
import type { CodexTurn } from "../CodexTurn.ts"
import type * as Protocol from "./Protocol.ts"

// =============================================================================
// Options
// =============================================================================

/**
 * What a turn begins with, or is told more: a text, or parts in the words of `CodexInput` or of the protocol, which has
 * skills, mentions, and images by URL, too.
 *
 * @category models
 * @since 0.1.0
 */
export type TurnInput = string | ReadonlyArray<CodexInput.Part | Protocol.UserInput>

/**
 * Options of a turn. What is not set is as the thread has it.
 *
 * @category options
 * @since 0.1.0
 */
export interface TurnOptions {
  /** The model of this turn, and of those to come. */
  readonly model?: string | undefined
  /** How much the model thinks in this turn, and in those to come. */
  readonly reasoningEffort?: string | undefined
  /**
   * What to do while another turn is at work on the thread: to wait, in order (the default); to fail, with `ThreadBusy`;
   * or to say it to that turn, which is then the one that is given. That one is not stopped with the scope.
   */
  readonly whenBusy?: "wait" | "fail" | "steer" | undefined
  /** What else `turn/start` takes. It wins over what the other options say. */
  readonly params?: Partial<Omit<Protocol.ParamsOf<"turn/start">, "input" | "threadId">> | undefined
}

/**
 * Asks for an answer that obeys a schema.
 *
 * @category options
 * @since 0.1.0
 */
export interface OutputOptions<A> {
  /** A `Schema`, or a `CodexOutput`: what the final message is to be, and is decoded by. */
  readonly output: CodexOutput.Input<A>
}

/**
 * How a turn is observed.
 *
 * @category options
 * @since 0.1.0
 */
export interface ObserveOptions {
  /** How many events may wait for the observer (default 16,384). With one more, it fails with `ObserverTooSlow`. */
  readonly bufferSize?: number | undefined
}

// =============================================================================
// Models
// =============================================================================

/**
 * A turn that goes on until it ends, is interrupted, or the scope closes in which it was started.
 *
 * @category models
 * @since 0.1.0
 */
export interface Turn<out A = CodexTurn> {
  readonly id: string
  readonly threadId: string
  /**
   * What the turn does, for as many observers as there are, each at its own pace: first what there is already, in short
   * (each item in its last state, each text so far as one `item.delta`), then every event as it comes, to the end of
   * the turn. Whenever an observer comes, its events fold to the same turn (`CodexTurn.reduce`).
   *
   * Fails with what `await` fails with, once it has told all. One who is too slow fails alone, with `ObserverTooSlow`;
   * neither the agent nor anybody else waits for it.
   */
  readonly events: Stream.Stream<CodexEvent, CodexError>
  /** As `events`, with another limit. */
  readonly observe: (options?: ObserveOptions) => Stream.Stream<CodexEvent, CodexError>
  /** The turn as it stands. */
  readonly snapshot: Effect.Effect<CodexTurn>
  /** The turns of the sub-agents that this turn sets to work: those so far, and those to come. */
  readonly agents: Stream.Stream<Turn, CodexError>
  /**
   * Says more to the agent, which takes it up between two steps. A message that it was writing may be given up.
   *
   * Fails with `NotSteerable` if the turn has ended, or is a review or a compaction.
   */
  readonly steer: (input: TurnInput) => Effect.Effect<void, CodexError>
  /**
   * Stops the turn, its sub-agents, and the commands that they run, and waits until the turn has ended: `await` then
   * fails with `Stopped`. Of a turn that has ended it does nothing.
   */
  readonly interrupt: Effect.Effect<void, CodexError>
  /** What the turn came to. A failure has what it did until then, as `turn`. Waiting no longer does not stop the turn. */
  readonly await: Effect.Effect<A, CodexError>
  /** What the turn came to, if it has ended. */
  readonly result: Effect.Effect<Option.Option<Exit.Exit<A, CodexError>>>
}
