/**
 * One try of a run: its events, what hooks are told of it, and what remains of the run if it was the last.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as CodexError from "../CodexError.ts"
import type { CodexEvent } from "../CodexEvent.ts"
import * as CodexInput from "../CodexInput.ts"
import type { CodexTransport, Worker } from "../CodexTransport.ts"
import * as CodexTurn from "../CodexTurn.ts"
import type { HookDelivery } from "./hookDelivery.ts"
import * as Limits from "./limits.ts"
import * as Outcome from "./outcome.ts"
import type { Run } from "./run.ts"
import * as RunEvents from "./runEvents.ts"
import type { Sessions } from "./sessions.ts"
import * as Telemetry from "./telemetry.ts"
import type { Threads } from "./threads.ts"

export interface Attempt {
  readonly run: Run
  /** Counts from 1. */
  readonly number: number
  readonly startedAt: number
  readonly outcome: Outcome.Outcome
  worker: Worker | undefined
  /** Whether a handle ended it. */
  killed: boolean
}

export interface Attempts {
  readonly begin: (run: Run, number: number) => Effect.Effect<Attempt>
  readonly events: (
    attempt: Attempt,
    onStart?: (worker: Worker) => Effect.Effect<void>
  ) => Stream.Stream<CodexEvent, CodexError.CodexError>
  readonly tell: (attempt: Attempt, event: Parameters<typeof RunEvents.tell>[2]) => Effect.Effect<void>
  /** Tells how an attempt ended: by an error, as it should, or because it was stopped. */
  readonly ended: (attempt: Attempt, error?: CodexError.CodexError) => Effect.Effect<void>
  /**
   * Leaves what remains of a run after its last attempt: its span, its numbers, its session's record. Fails if that
   * can't be written, unless the run itself had failed.
   */
  readonly finish: (
    attempt: Attempt,
    startedAt: number,
    error?: CodexError.CodexError
  ) => Effect.Effect<void, CodexError.CodexError>
}

export const make = ({ hook, sessions, threads, transport }: {
  readonly transport: CodexTransport["Service"]
  readonly threads: Threads
  readonly sessions: Sessions
  readonly hook: HookDelivery
}): Attempts => {
  const tell: Attempts["tell"] = ({ number, outcome, run, worker }, event) =>
    RunEvents.tell(hook, {
      operation: run.operation,
      session: run.session,
      threadId: outcome.threadId ?? run.request.thread,
      attempt: number,
      worker
    }, event)

  const finish = Effect.fnUntraced(function*(
    attempt: Attempt,
    startedAt: number,
    failure: CodexError.CodexError | undefined
  ) {
    const { outcome, run } = attempt
    const error = causeOf(attempt, failure)
    const { lastMessage, threadId = run.request.thread, threadUsage } = outcome
    const status = error !== undefined ? "failed" : outcome.completed ? "completed" : "interrupted"
    const duration = yield* since(startedAt)
    if (threadId !== undefined && threadUsage !== undefined) threads.setUsage(threadId, threadUsage)
    const usage = CodexTurn.usageSince(run.usageBefore, threadUsage)
    const ending = { status, threadId, usage, duration, error } as const
    yield* Telemetry.annotate(ending)
    yield* Telemetry.count(ending)
    if (run.session === undefined) return
    const record = yield* sessions.add(run.session, {
      threadId,
      operation: run.operation,
      prompt: run.previews ? CodexInput.textOf(run.request.input) : undefined,
      message: run.previews ? lastMessage : undefined,
      status,
      exitCode: error === undefined ? status === "completed" ? 0 : undefined : RunEvents.exitCodeOf(error),
      duration,
      threadUsage,
      maxTurns: run.sessionTurns
    })
    if (Option.isSome(record)) return yield* tell(attempt, RunEvents.sessionUpdated(record.value, duration))
    if (status !== "completed") return
    return yield* CodexError.fromReason(
      new CodexError.StorageFailed({ session: run.session, problem: "Codex did not say which thread it is" })
    )
  }, Effect.uninterruptible)

  return {
    begin: (run, number) =>
      Effect.map(Clock.currentTimeMillis, (startedAt) => ({
        run,
        number,
        startedAt,
        outcome: Outcome.make(),
        worker: undefined,
        killed: false
      })),

    events: (attempt, onStart = () => Effect.void) =>
      transport.turn(attempt.run.request, (worker) => {
        const killed = Effect.sync(() => attempt.killed = true)
        attempt.worker = { ...worker, kill: Effect.andThen(killed, worker.kill) }
        return onStart(attempt.worker)
      }).pipe(
        Limits.apply(attempt.run.request),
        Outcome.interpret(attempt.run.request, attempt.outcome, attempt.run.onThread),
        Stream.withSpan("Codex.attempt", { attributes: { "codex.attempt": attempt.number } })
      ),

    tell,

    ended: (attempt, error) =>
      Effect.flatMap(since(attempt.startedAt), (duration) =>
        tell(
          attempt,
          error === undefined && attempt.outcome.completed
            ? RunEvents.attemptSucceeded(duration)
            : RunEvents.attemptFailed(causeOf(attempt, error) ?? stopped(), duration)
        )),

    finish: (attempt, startedAt, error) =>
      error === undefined && attempt.outcome.completed
        ? Effect.mapError(finish(attempt, startedAt, undefined), CodexError.afterWork)
        : Effect.catch(finish(attempt, startedAt, error), (problem) => Effect.logWarning(problem.message))
  }
}

// The failure that follows a kill is no failure of the run's.
const causeOf = ({ killed }: Attempt, error: CodexError.CodexError | undefined) => killed ? undefined : error

const stopped = () => CodexError.fromReason(new CodexError.Stopped({ how: "interrupt" }))

/** The time since then. */
export const since = (startedAt: number): Effect.Effect<Duration.Duration> =>
  Effect.map(Clock.currentTimeMillis, (now) => Duration.millis(now - startedAt))
