/**
 * Whether and when a run that failed is tried again.
 *
 * Nothing is, unless you say so: {@link none} is the default. A policy given to the client by {@link layer} is
 * that of every run; {@link exponential} also fits `Effect.retry` around a single one. By default only those
 * failures are tried again that may pass and before which the agent provably did nothing: an agent that has
 * begun to work may do everything twice, so that is asked for by its name, {@link evenAfterWork}.
 *
 * **Example** (Trying one run up to four times)
 *
 * ```ts
 * import * as Codex from "@effect-codex/core/Codex"
 * import * as CodexError from "@effect-codex/core/CodexError"
 * import * as CodexRetry from "@effect-codex/core/CodexRetry"
 * import * as Effect from "effect/Effect"
 *
 * const turn = Codex.run("Explain the last commit").pipe(
 *   Effect.retry({ schedule: CodexRetry.exponential({ times: 3 }), while: CodexError.isRetryable })
 * )
 * ```
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as CodexError from "./CodexError.ts"

// =============================================================================
// Models
// =============================================================================

/**
 * When a failed run is tried again.
 *
 * @category models
 * @since 0.1.0
 */
export interface Policy {
  /** How often, and after which delays. A retry takes its steps; it ends the run when the schedule ends. */
  readonly schedule: Schedule.Schedule<unknown, CodexError.CodexError>
  /** After which failures. */
  readonly while: (error: CodexError.CodexError) => boolean
}

// =============================================================================
// Service
// =============================================================================

/**
 * The policy of every run of the client that is made where this is provided; {@link none} by default.
 *
 * @category services
 * @since 0.1.0
 */
export const CodexRetry: Context.Reference<Policy> = Context.Reference<Policy>("@effect-codex/core/CodexRetry", {
  defaultValue: () => none
})

// =============================================================================
// Constructors
// =============================================================================

/**
 * Tries nothing again.
 *
 * @category constructors
 * @since 0.1.0
 */
export const none: Policy = { schedule: Schedule.recurs(0), while: () => false }

/**
 * A policy of any schedule. `while` is `CodexError.isRetryable` unless set: what may pass, and before which the
 * agent did nothing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: {
  readonly schedule: Schedule.Schedule<unknown, CodexError.CodexError>
  readonly while?: ((error: CodexError.CodexError) => boolean) | undefined
}): Policy => ({ schedule: options.schedule, while: options.while ?? CodexError.isRetryable })

/**
 * The fields of {@link fromFields}.
 *
 * @category models
 * @since 0.1.0
 */
export interface Fields {
  /** How often a run is tried in all (default 1: no retry). */
  readonly maxAttempts?: number | undefined
  /** The delay before the second attempt (default half a second). */
  readonly initialBackoff?: Duration.Input | undefined
  /** By what the delay grows from attempt to attempt (default 2, at least 1). */
  readonly multiplier?: number | undefined
  /** The longest delay, before jitter (default 8 seconds, at least `initialBackoff`). */
  readonly maxBackoff?: Duration.Input | undefined
  /** By which part of itself a delay varies at random, either way (default 0.2). */
  readonly jitterRatio?: number | undefined
  /** After this time since the first attempt began, none begins (default, and if not positive: no limit). */
  readonly maxTotal?: Duration.Input | undefined
  /** The exit codes to retry (default: all but 0). A failed turn counts as 1, as Codex exits then; a timeout as 124. */
  readonly exitCodes?: ReadonlyArray<number> | undefined
  /** Whether timeouts are retried, if `exitCodes` has 124 or is not set (default `true`). */
  readonly onTimeouts?: boolean | undefined
  /** Whether to retry when the agent had begun to work (default `false`): see {@link evenAfterWork}. */
  readonly evenAfterWork?: boolean | undefined
}

/**
 * A policy of plain fields, as programs keep them in their configuration. Values out of range are taken for the
 * nearest that make sense. A CLI that could not be started is always retryable.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromFields = (fields: Fields = {}): Policy => {
  const initial = Duration.max(Duration.fromInputUnsafe(fields.initialBackoff ?? "500 millis"), Duration.zero)
  const total = fields.maxTotal === undefined ? undefined : Duration.fromInputUnsafe(fields.maxTotal)
  return {
    schedule: exponential({
      times: (fields.maxAttempts ?? 1) - 1,
      initial,
      factor: Math.max(1, fields.multiplier ?? 2),
      cap: Duration.max(Duration.fromInputUnsafe(fields.maxBackoff ?? "8 seconds"), initial),
      jitter: Math.max(0, fields.jitterRatio ?? 0.2),
      total: total === undefined || Duration.isPositive(total) ? total : undefined
    }),
    while: (error) => (fields.evenAfterWork === true || !error.worked) && isListed(error.reason, fields)
  }
}

// =============================================================================
// Schedules
// =============================================================================

/**
 * Delays that grow: the n-th is `initial * factor ** (n - 1)`, at most `cap`, and then varied at random by up to
 * the part `jitter` of itself, either way.
 *
 * With `total`, no attempt begins later than that after the first did, run time included: the last delay is cut
 * short to it. It counts from when the schedule is opened, which `Effect.retry` does before the first attempt
 * (and `Stream.retry` only after the first failure).
 *
 * @category schedules
 * @since 0.1.0
 */
export const exponential = (options?: {
  /** How many retries (default: no limit). */
  readonly times?: number | undefined
  /** The first delay (default half a second). */
  readonly initial?: Duration.Input | undefined
  /** By what a delay is longer than the one before (default 2). */
  readonly factor?: number | undefined
  /** The longest delay, before jitter (default 8 seconds). */
  readonly cap?: Duration.Input | undefined
  /** Default 0.2. */
  readonly jitter?: number | undefined
  /** Default: no limit. */
  readonly total?: Duration.Input | undefined
}): Schedule.Schedule<Duration.Duration> => {
  const { cap = "8 seconds", factor = 2, initial = "500 millis", jitter = 0.2, times, total } = options ?? {}
  return Schedule.min([Schedule.exponential(initial, factor), Schedule.spaced(cap)]).pipe(
    Schedule.modifyDelay(({ duration }) => jittered(duration, jitter)),
    total === undefined ? (self) => self : within(Duration.fromInputUnsafe(total)),
    Schedule.upTo({ times })
  )
}

/**
 * The policy as one schedule, which ends after a failure that the policy does not retry. For those who drive a
 * retry themselves, and tell of each with `Schedule.tap`.
 *
 * @category schedules
 * @since 0.1.0
 */
export const toSchedule = (policy: Policy): Schedule.Schedule<unknown, CodexError.CodexError> =>
  Schedule.while(policy.schedule, ({ input }) => policy.while(input))

// =============================================================================
// Predicates
// =============================================================================

/**
 * Retries what may pass even when the agent had begun to work, for {@link make}'s `while`.
 *
 * The agent may then do twice what it did: run a command, change a file, send a message. On a thread that is
 * continued, the prompt is appended once more. It suits work that may be repeated, such as reading.
 *
 * @category predicates
 * @since 0.1.0
 */
export const evenAfterWork = (error: CodexError.CodexError): boolean => error.reason.isTransient

// =============================================================================
// Layers
// =============================================================================

/**
 * The policy of every run of a client: `Layer.provide` it to the client's Layer.
 *
 * **Example** (Three attempts for every run)
 *
 * ```ts
 * import * as Codex from "@effect-codex/core/Codex"
 * import * as CodexRetry from "@effect-codex/core/CodexRetry"
 * import * as Layer from "effect/Layer"
 *
 * const layer = Codex.layer().pipe(
 *   Layer.provide(CodexRetry.layer(CodexRetry.make({ schedule: CodexRetry.exponential({ times: 2 }) })))
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (policy: Policy): Layer.Layer<never> => Layer.succeed(CodexRetry, policy)

// =============================================================================
// Internals
// =============================================================================

const jittered = (delay: Duration.Duration, ratio: number): Effect.Effect<Duration.Duration> =>
  Effect.map(Random.next, (random) => {
    const millis = Duration.toMillis(delay)
    return Duration.millis(Math.max(0, millis + millis * ratio * (2 * random - 1)))
  })

// What a step knows by itself is the time since the first step, which comes after the first attempt.
const within = (total: Duration.Duration) =>
(
  self: Schedule.Schedule<Duration.Duration>
): Schedule.Schedule<Duration.Duration> =>
  Schedule.fromStep(Effect.gen(function*() {
    const startedAt = yield* Clock.currentTimeMillis
    const step = yield* Schedule.toStep(self)
    return (now: number, input: unknown) => {
      const left = Duration.subtract(total, Duration.millis(now - startedAt))
      if (!Duration.isPositive(left)) return Cause.done(left)
      return Effect.map(step(now, input), ([output, delay]) => [output, Duration.min(delay, left)] as const)
    }
  }))

const timeoutExitCode = 124

const isListed = (reason: CodexError.CodexErrorReason, { exitCodes, onTimeouts = true }: Fields): boolean => {
  const lists = (exitCode: number) => exitCodes === undefined || exitCodes.includes(exitCode)
  switch (reason._tag) {
    case "SpawnFailed":
      return true
    case "TimedOut":
      return onTimeouts && lists(timeoutExitCode)
    case "Exited":
      // A signal leaves no exit code, and 0 is no failure of the CLI's.
      return exitCodes === undefined
        ? reason.exitCode !== 0
        : reason.exitCode !== undefined && exitCodes.includes(reason.exitCode)
    case "TurnFailed":
      return lists(1)
    default:
      return reason.isTransient && lists(1)
  }
}
