/**
 * A thread over an app-server: a conversation that is loaded, whose turns can be watched, steered and stopped, and which
 * can be renamed, copied, cut back and put away. `Threads` opens one.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { CodexError } from "../CodexError.ts"
import type * as CodexInput from "../CodexInput.ts"
import type { CodexTurn, WithOutput } from "../CodexTurn.ts"
import type { ForkOptions } from "../internal/threadOptions.ts"
import type * as Protocol from "./Protocol.ts"
import type { OutputOptions, Turn, TurnInput, TurnOptions } from "./Turn.ts"

// =============================================================================
// Models
// =============================================================================

/**
 * What applies to a thread, in the words of Codex.
 *
 * @category models
 * @since 0.1.0
 */
export type Settings = Pick<
  Protocol.ThreadStartResponse,
  "approvalPolicy" | "approvalsReviewer" | "cwd" | "model" | "modelProvider" | "reasoningEffort" | "sandbox"
>

/**
 * What a thread is to achieve: Codex begins turns by itself until it is achieved. Interrupting one of them leaves the goal
 * as it is: to stop, set the status `"paused"` first.
 *
 * @category models
 * @since 0.1.0
 */
export interface Goal {
  readonly get: Effect.Effect<Option.Option<Protocol.ThreadGoal>, CodexError>
  /** Sets it, or a part of it: `objective`, `status`, `tokenBudget`. The turns that come of it are among `thread.turns`. */
  readonly set: (
    goal: Omit<Protocol.ParamsOf<"thread/goal/set">, "threadId">
  ) => Effect.Effect<Protocol.ThreadGoal, CodexError>
  readonly clear: Effect.Effect<void, CodexError>
}

/**
 * A thread that is open until its scope closes: then its turn is stopped, the commands that it left running are ended,
 * and Codex lets go of it.
 *
 * One turn at a time: another one waits for it, in order, unless it says otherwise (`whenBusy`).
 *
 * @category models
 * @since 0.1.0
 */
export interface Thread {
  readonly id: string
  /** What applied when the thread was opened, as Codex says. It is what was asked for, or opening it has failed. */
  readonly settings: Settings
  /** What Codex knows of it now. Its turns are in `history`. */
  readonly info: Effect.Effect<Protocol.Thread, CodexError>

  /** Begins a turn, which is stopped with the scope. */
  readonly turn: {
    <A>(
      input: TurnInput,
      options: TurnOptions & OutputOptions<A>
    ): Effect.Effect<Turn<WithOutput<A>>, CodexError, Scope.Scope>
    (input: TurnInput, options?: TurnOptions): Effect.Effect<Turn, CodexError, Scope.Scope>
  }
  /** Begins a turn and waits for its end. Interrupted, by `Effect.timeout` for instance, it stops the turn. */
  readonly run: {
    <A>(input: TurnInput, options: TurnOptions & OutputOptions<A>): Effect.Effect<WithOutput<A>, CodexError>
    (input: TurnInput, options?: TurnOptions): Effect.Effect<CodexTurn, CodexError>
  }
  /** Begins a review of changes, as a turn of this thread. The findings are its final message. */
  readonly review: (target: CodexInput.ReviewTarget) => Effect.Effect<Turn, CodexError, Scope.Scope>
  /** Begins to replace what was said so far by a summary, which is a turn of its own. */
  readonly compact: Effect.Effect<Turn, CodexError, Scope.Scope>
  /** The turn at work, whoever began it. */
  readonly active: Effect.Effect<Option.Option<Turn>>
  /**
   * The turns as they begin, those that Codex begins by itself, too: first the one at work, if there is one. It ends when
   * the thread is closed, and fails if that can't be opened again when its connection was lost.
   */
  readonly turns: Stream.Stream<Turn, CodexError>

  /** The turns that were, the last one first. Pages are fetched as they are needed. */
  readonly history: (
    options?: Omit<Protocol.ParamsOf<"thread/turns/list">, "cursor" | "threadId">
  ) => Stream.Stream<Protocol.Turn, CodexError>
  /** A copy of this thread, or of its beginning, see `Threads.fork`. */
  readonly fork: (options?: ForkOptions) => Effect.Effect<Thread, CodexError, Scope.Scope>
  /** Takes a turn, and all that came after it, out of the thread. Files stay as they are. */
  readonly revert: (beforeTurnId: string) => Effect.Effect<void, CodexError>
  readonly setName: (name: string) => Effect.Effect<void, CodexError>
  /** Changes what is noted of the Git repository: `null` removes a field. */
  readonly setGitInfo: (gitInfo: Protocol.ThreadMetadataGitInfoUpdateParams) => Effect.Effect<void, CodexError>
  readonly goal: Goal
}
