/**
 * What a fake CLI process does, as data: the steps of its life.
 *
 * @since 0.1.0
 */
import type { CodexEvent, TokenUsage } from "@effect-codex/core/CodexEvent"
import type { CodexItem } from "@effect-codex/core/CodexItem"
import type * as Duration from "effect/Duration"

// =============================================================================
// Models
// =============================================================================

/**
 * One step of a fake process.
 *
 * @category models
 * @since 0.1.0
 */
export type Step =
  | { readonly _tag: "Thread" }
  | { readonly _tag: "Stdout"; readonly bytes: string | Uint8Array }
  | { readonly _tag: "Stderr"; readonly text: string }
  | { readonly _tag: "Delay"; readonly duration: Duration.Input }
  | { readonly _tag: "Hang" }
  | { readonly _tag: "Exit"; readonly code: number }
  | { readonly _tag: "Signal"; readonly signal: string }

/**
 * A fake process: its steps, taken once it has read its stdin. At the end of its steps it exits with 0.
 *
 * As `codex exec` does, it exits with 1 on SIGINT, and dies of SIGTERM, at once.
 *
 * @category models
 * @since 0.1.0
 */
export interface FakeProcess {
  readonly steps: ReadonlyArray<Step>
  /** Whether it reads its stdin to the end before its first step (default `true`). */
  readonly readsStdin?: boolean | undefined
  /** The signals that it ignores (default none). Nothing ignores SIGKILL. */
  readonly ignores?: ReadonlyArray<string> | undefined
}

// =============================================================================
// Steps
// =============================================================================

/**
 * Prints an event, or any other JSON, as one line.
 *
 * @category steps
 * @since 0.1.0
 */
export const event = (event: CodexEvent | { readonly type: string }): Step => stdout(`${JSON.stringify(event)}\n`)

/**
 * Prints `thread.started`, with the thread that the process was asked to resume, or else one of its own.
 *
 * @category steps
 * @since 0.1.0
 */
export const thread: Step = { _tag: "Thread" }

/**
 * Writes to stdout exactly this: part of a line, several lines, garbage.
 *
 * @category steps
 * @since 0.1.0
 */
export const stdout = (bytes: string | Uint8Array): Step => ({ _tag: "Stdout", bytes })

/**
 * Writes to stderr.
 *
 * @category steps
 * @since 0.1.0
 */
export const stderr = (text: string): Step => ({ _tag: "Stderr", text })

/**
 * Does nothing for a while, by Effect's clock.
 *
 * @category steps
 * @since 0.1.0
 */
export const delay = (duration: Duration.Input): Step => ({ _tag: "Delay", duration })

/**
 * Does nothing until it is stopped.
 *
 * @category steps
 * @since 0.1.0
 */
export const hang: Step = { _tag: "Hang" }

/**
 * Exits.
 *
 * @category steps
 * @since 0.1.0
 */
export const exit = (code: number): Step => ({ _tag: "Exit", code })

/**
 * Dies of a signal.
 *
 * @category steps
 * @since 0.1.0
 */
export const signal = (signal: string): Step => ({ _tag: "Signal", signal })

// =============================================================================
// Constructors
// =============================================================================

/**
 * A process that takes these steps.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  steps: ReadonlyArray<Step>,
  options: Omit<FakeProcess, "steps"> = {}
): FakeProcess => ({ ...options, steps })

/**
 * What a turn is made of.
 *
 * @category models
 * @since 0.1.0
 */
export interface Turn {
  /** Default: the thread that is resumed, or else `00000000-0000-7000-8000-000000000001` for the first start, and so on. */
  readonly threadId?: string | undefined
  /** The items that are completed, in order. */
  readonly items?: ReadonlyArray<CodexItem> | undefined
  /** The final message, after `items`. */
  readonly message?: string | undefined
  /** The thread's running total. */
  readonly usage?: TokenUsage | undefined
}

/**
 * A process that runs a turn to its end.
 *
 * @category constructors
 * @since 0.1.0
 */
export const turn = (turn: Turn = {}): FakeProcess =>
  make([
    ...begin(turn),
    event({
      type: "turn.completed",
      usage: turn.usage ?? { input_tokens: 100, cached_input_tokens: 0, output_tokens: 10, reasoning_output_tokens: 0 }
    })
  ])

/**
 * A process whose turn fails for this cause, after its items.
 *
 * @category constructors
 * @since 0.1.0
 */
export const turnFailed = (cause: string, turn: Omit<Turn, "usage"> = {}): FakeProcess =>
  make([
    ...begin(turn),
    event({ type: "error", message: cause }),
    event({ type: "turn.failed", error: { message: cause } }),
    exit(1)
  ])

/**
 * A process that cannot start its turn, and says why on stderr.
 *
 * @category constructors
 * @since 0.1.0
 */
export const startFailed = (stderrText: string, code = 1): FakeProcess => make([stderr(`${stderrText}\n`), exit(code)])

// =============================================================================
// Internals
// =============================================================================

const begin = ({ items = [], message, threadId }: Turn): Array<Step> => [
  threadId === undefined ? thread : event({ type: "thread.started", thread_id: threadId }),
  event({ type: "turn.started" }),
  ...items.map((item) => event({ type: "item.completed", item })),
  ...(message === undefined
    ? []
    : [event({ type: "item.completed", item: { type: "agent_message", id: `item_${items.length}`, text: message } })])
]
