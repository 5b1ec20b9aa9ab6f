/**
 * A conversation: runs that go on where the last one ended.
 *
 * One turn at a time: a second run of a thread waits for the first, in order. `Codex.thread` makes one.
 *
 * **Example** (A conversation that is remembered by its name)
 *
 * ```ts
 * import * as Codex from "@effect-codex/core/Codex"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function*() {
 *   const thread = yield* Codex.thread({ session: "repo-plan", sandbox: "read-only" })
 *   yield* thread.run("Make a plan")
 *   const turn = yield* thread.run("Which step is the riskiest?")
 *   return turn.finalMessage
 * })
 * ```
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { CodexError } from "./CodexError.ts"
import type { CodexEvent } from "./CodexEvent.ts"
import type { CodexInput } from "./CodexInput.ts"
import type { CodexOptions } from "./CodexOptions.ts"
import type * as CodexOutput from "./CodexOutput.ts"
import type { CodexRun } from "./CodexRun.ts"
import type { CodexTurn, WithOutput } from "./CodexTurn.ts"

/**
 * Which thread, and the options of its runs. Without any of `thread`, `fork`, `session` and `last` it is a new one.
 *
 * @category options
 * @since 0.1.0
 */
export interface ThreadOptions extends CodexOptions {
  /**
   * Continues the thread that was worked on last, in `workingDirectory` (`"directory"`) or anywhere. Threads of
   * sub-agents don't count. Fails with `NoLastThread` if there is none.
   */
  readonly last?: "directory" | "anywhere" | undefined
  /** Fails with `SessionNotFound` if there is no session of this name, instead of starting one (default `false`). */
  readonly mustExist?: boolean | undefined
}

/**
 * Options of one turn of a thread.
 *
 * @category options
 * @since 0.1.0
 */
export interface TurnOptions extends Omit<CodexOptions, "thread" | "fork" | "session"> {}

/**
 * Asks for an answer that obeys a schema.
 *
 * @category options
 * @since 0.1.0
 */
export interface OutputOptions<A> {
  /** A `Schema`, or a `CodexOutput`: what the final message is to be, and is decoded by. */
  readonly output: CodexOutput.Input<A>
  /**
   * How often the agent is told what is wrong with its answer, and asked again, on the same thread (default 0).
   * `turn.usage` is then that of all these turns, and all else that of the last.
   */
  readonly repair?: number | undefined
}

/**
 * A conversation with Codex.
 *
 * @category models
 * @since 0.1.0
 */
export interface CodexThread {
  /** The thread's id: a new thread, or a copy, has one when its first turn has begun. */
  readonly id: Effect.Effect<Option.Option<string>>
  /** What the last `run` or `start` came to, failed ones too. */
  readonly lastTurn: Effect.Effect<Option.Option<CodexTurn>>
  /** As `Codex.run`. */
  readonly run: {
    <A>(
      input: CodexInput,
      options: TurnOptions & OutputOptions<A>
    ): Effect.Effect<WithOutput<A>, CodexError>
    (input: CodexInput, options?: TurnOptions): Effect.Effect<CodexTurn, CodexError>
  }
  /** As `Codex.stream`. */
  readonly stream: (input: CodexInput, options?: TurnOptions) => Stream.Stream<CodexEvent, CodexError>
  /** As `Codex.start`. The next run of the thread waits until this one has ended. */
  readonly start: (
    input: CodexInput,
    options?: TurnOptions
  ) => Effect.Effect<CodexRun, CodexError, Scope.Scope>
  /**
   * A thread that begins as a copy of this one, made when its first turn begins. `options` are laid over this
   * thread's. Fails with `InvalidOption` if this thread has no turn yet.
   */
  readonly fork: (options?: Omit<CodexOptions, "thread" | "fork">) => Effect.Effect<CodexThread, CodexError>
}
