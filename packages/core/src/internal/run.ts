/**
 * A run: what is asked for, and what it becomes once it may begin.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type * as CodexError from "../CodexError.ts"
import type { TokenUsage } from "../CodexEvent.ts"
import * as CodexInput from "../CodexInput.ts"
import type { CodexOptions, TurnRequest } from "../CodexOptions.ts"
import type { Policy } from "../CodexRetry.ts"
import type { CodexTurn } from "../CodexTurn.ts"

/** What is asked for. */
export interface Ask {
  /** The call of the user, for hooks and records. */
  readonly operation: string
  readonly input: CodexInput.CodexInput
  readonly options: CodexOptions
  readonly outputSchema?: TurnRequest["outputSchema"] | undefined
  /** Is told the thread that answers. */
  readonly onThread?: ((threadId: string) => Effect.Effect<void>) | undefined
  /** Is told what a turn came to, unless only its events are wanted. */
  readonly onTurn?: ((turn: CodexTurn) => Effect.Effect<void>) | undefined
}

/** A run that may begin: its options are valid, and its thread is free. */
export interface Run {
  readonly operation: string
  readonly request: TurnRequest
  readonly policy: Policy
  readonly session: string | undefined
  readonly previews: boolean
  /** How many turns the session's record keeps. */
  readonly sessionTurns: number | undefined
  /** The thread's total before, if it is known. */
  readonly usageBefore: TokenUsage | undefined
  readonly onThread: (threadId: string) => Effect.Effect<void, CodexError.CodexError>
  readonly onTurn: (turn: CodexTurn) => Effect.Effect<void>
}

/** The next turn of a run that is still open, on the same thread. */
export const next = (run: Run, prompt: string, { threadId, threadUsage }: CodexTurn): Run => {
  const { fork: _, worktree: __, ...request } = run.request
  return {
    ...run,
    request: { ...request, input: [CodexInput.text(prompt)], ...(threadId === undefined ? {} : { thread: threadId }) },
    usageBefore: threadUsage,
    // The thread is ours already.
    onThread: () => Effect.void
  }
}
