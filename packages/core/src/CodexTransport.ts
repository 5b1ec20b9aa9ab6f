/**
 * How a turn reaches a Codex.
 *
 * A transport takes one request and gives its events as they happen. It ends when the turn has, having
 * emitted `turn.completed` or `turn.failed`, and fails when it cannot get that far. It owns what it starts:
 * when the stream ends, fails or is abandoned, nothing of it is alive. Time limits, the order of turns on a
 * thread and the meaning of a failed turn are the client's affair (`Codex`), the same over all transports.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { CodexError } from "./CodexError.ts"
import type { CodexEvent } from "./CodexEvent.ts"
import type { TurnRequest } from "./CodexOptions.ts"

/**
 * What a turn was handed to: a process of its own, or a connection that many turns share.
 *
 * @category models
 * @since 0.1.0
 */
export interface Worker {
  /** How it was started, without the values of configuration overrides, which may be secrets. */
  readonly command?: ReadonlyArray<string> | undefined
  /** The id of the turn's own process. */
  readonly pid?: number | undefined
  /** Ends the turn without asking the agent to stop first. It then fails: by `turn.failed`, or its stream does. */
  readonly kill: Effect.Effect<void>
}

/**
 * Runs one turn on a Codex.
 *
 * @category services
 * @since 0.1.0
 */
export class CodexTransport extends Context.Service<CodexTransport, {
  readonly turn: (
    request: TurnRequest,
    /** Is told once the turn has been handed over, before its first event. */
    onStart?: (worker: Worker) => Effect.Effect<void>
  ) => Stream.Stream<CodexEvent, CodexError>
}>()("@effect-codex/core/CodexTransport") {}
