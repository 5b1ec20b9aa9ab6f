/**
 * What spans and metrics tell of runs: by the GenAI semantic conventions of OpenTelemetry where these have a
 * name, `codex.` otherwise. Never prompts or answers.
 *
 * @internal
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import type { CodexError } from "../CodexError.ts"
import type { TokenUsage } from "../CodexEvent.ts"
import type { TurnRequest } from "../CodexOptions.ts"

/** The attributes of a turn that is asked for. */
export const ofRequest = (request: TurnRequest): Record<string, unknown> => ({
  "gen_ai.operation.name": "invoke_agent",
  "gen_ai.provider.name": "openai",
  "gen_ai.agent.name": "codex",
  ...(request.model === undefined ? {} : { "gen_ai.request.model": request.model }),
  ...(request.thread === undefined ? {} : { "gen_ai.conversation.id": request.thread }),
  ...(request.sandbox === undefined ? {} : { "codex.sandbox": request.sandbox })
})

/** What a turn came to. */
export interface Ending {
  readonly status: "completed" | "failed" | "interrupted"
  readonly threadId?: string | undefined
  /** Of the turn. */
  readonly usage?: TokenUsage | undefined
  readonly duration: Duration.Duration
  readonly error?: CodexError | undefined
}

/** Puts the ending of a turn on the current span. */
export const annotate = ({ error, status, threadId, usage }: Ending): Effect.Effect<void> =>
  Effect.annotateCurrentSpan({
    "codex.turn.status": status,
    ...(threadId === undefined ? {} : { "gen_ai.conversation.id": threadId }),
    ...(usage === undefined
      ? {}
      : { "gen_ai.usage.input_tokens": usage.input_tokens, "gen_ai.usage.output_tokens": usage.output_tokens }),
    ...(error === undefined ? {} : { "error.type": error.reason._tag })
  })

/** Counts the ending of a turn. */
export const count = Effect.fnUntraced(function*({ duration, error, status, usage }: Ending) {
  yield* Metric.update(Metric.withAttributes(turns, { status }), 1)
  yield* Metric.update(Metric.withAttributes(durations, { status }), duration)
  if (error !== undefined) yield* Metric.update(Metric.withAttributes(failures, { reason: error.reason._tag }), 1)
  if (usage !== undefined) {
    yield* Metric.update(Metric.withAttributes(tokens, { type: "input" }), usage.input_tokens)
    yield* Metric.update(Metric.withAttributes(tokens, { type: "output" }), usage.output_tokens)
  }
})

/**
 * The environment variable by which the CLI joins the current trace (W3C Trace Context). There is none if nobody
 * traces: the CLI may then join the trace that this process was started in.
 */
export const traceContext: Effect.Effect<Readonly<Record<string, string>> | undefined> = Effect.gen(function*() {
  const span = yield* Effect.option(Effect.currentParentSpan)
  if (Option.isNone(span) || (yield* Tracer.Tracer) === Tracer.nativeTracer) return undefined
  const { sampled, spanId, traceId } = span.value
  return /^[0-9a-f]{32}$/.test(traceId) && /^[0-9a-f]{16}$/.test(spanId)
    ? { TRACEPARENT: `00-${traceId}-${spanId}-${sampled ? "01" : "00"}` }
    : undefined
})

const turns = Metric.counter("codex.turns", { description: "Turns that ended, by status", incremental: true })

const failures = Metric.counter("codex.failures", { description: "Turns that failed, by reason", incremental: true })

const tokens = Metric.counter("codex.tokens", { description: "Tokens of turns, by type", incremental: true })

const durations = Metric.timer("codex.turn.duration", { description: "How long turns took, by status" })
