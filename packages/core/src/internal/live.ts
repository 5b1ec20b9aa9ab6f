/**
 * Makes a `CodexRun` out of a run's events.
 *
 * @internal
 */
import type * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as CodexError from "../CodexError.ts"
import type { CodexEvent } from "../CodexEvent.ts"
import * as CodexItem from "../CodexItem.ts"
import type { CodexRun } from "../CodexRun.ts"
import type { Worker } from "../CodexTransport.ts"
import * as CodexTurn from "../CodexTurn.ts"
import type { Run } from "./run.ts"
import type { Runs } from "./runs.ts"

/** So many chunks of output may be unread. */
const capacity = 16

/**
 * Lets a run go on in the scope, until it ends, whose own scope then closes; waits for its first event, or fails if
 * it has none.
 */
export const start = Effect.fnUntraced(function*(
  runs: Runs,
  open: Effect.Effect<Run, CodexError.CodexError, Scope.Scope>
): Effect.fn.Return<CodexRun, CodexError.CodexError, Scope.Scope> {
  const queue = yield* Queue.bounded<Arr.NonEmptyReadonlyArray<CodexEvent>, CodexError.CodexError | Cause.Done>(
    capacity
  )
  const started = yield* Deferred.make<void>()
  const ending = yield* Deferred.make<CodexTurn.CodexTurn, CodexError.CodexError>()

  let startedAt = yield* Clock.currentTimeMillis
  let state = CodexTurn.initial()
  let worker: Worker | undefined
  let stopped: CodexError.Stopped["how"] | undefined
  let readers = 0
  let waiters = 0

  // Who waits for the end must not wait for a reader who never comes.
  const makeRoom = Effect.suspend(() =>
    waiters > 0 && readers === 0 && !Deferred.isDoneUnsafe(ending) && Queue.isFullUnsafe(queue)
      ? Effect.ignore(Queue.take(queue))
      : Effect.void
  )

  const turn = Effect.map(
    Clock.currentTimeMillis,
    (now) => CodexTurn.fromState(state, Duration.millis(now - startedAt))
  )

  const live = Effect.gen(function*() {
    const run = yield* open
    startedAt = yield* Clock.currentTimeMillis
    state = CodexTurn.initial({ usageBefore: run.usageBefore })
    yield* runs.events(run, (started) => Effect.sync(() => worker = started)).pipe(
      Stream.runForEachArray((events) => {
        state = events.reduce(CodexTurn.reduce, state)
        return Effect.andThen(
          Deferred.succeed(started, undefined),
          Effect.andThen(makeRoom, Queue.offer(queue, events))
        )
      }),
      Effect.ensuring(Effect.flatMap(turn, run.onTurn)),
      Effect.catch((error) => Effect.flatMap(turn, (turn) => Effect.fail(CodexError.withTurn(error, turn))))
    )
  })

  const conclude = Effect.fnUntraced(function*(exit: Exit.Exit<void, CodexError.CodexError>) {
    const last = yield* turn
    if (Exit.isSuccess(exit) || (Cause.hasInterrupts(exit.cause) && last.status === "completed")) {
      yield* Deferred.succeed(ending, last)
      yield* Queue.end(queue)
      return
    }
    const cause = stopped === undefined && !Cause.hasInterrupts(exit.cause)
      ? exit.cause
      : Cause.fail(
        new CodexError.CodexError({
          reason: new CodexError.Stopped({ how: stopped ?? "interrupt" }),
          turn: last,
          worked: last.items.some(CodexItem.isWork)
        })
      )
    yield* Deferred.failCause(ending, cause)
    yield* Queue.failCause(queue, cause)
  })

  // At once, so that it keeps its place among those who wait for the thread.
  const fiber = yield* Effect.forkScoped(Effect.onExit(Effect.scoped(live), conclude), { startImmediately: true })
  yield* Effect.raceFirst(Deferred.await(started), Effect.asVoid(Deferred.await(ending))).pipe(
    Effect.onInterrupt(() => Fiber.interrupt(fiber))
  )

  return {
    threadId: state.threadId,
    pid: worker?.pid,
    events: Stream.unwrap(Effect.as(
      Effect.acquireRelease(
        Effect.sync(() => readers++),
        () => Effect.andThen(Effect.sync(() => readers--), makeRoom)
      ),
      Stream.flattenArray(Stream.fromQueue(queue))
    )),
    await: Effect.acquireUseRelease(
      Effect.sync(() => waiters++),
      // A reader that was forked right before comes first.
      () => Effect.yieldNow.pipe(Effect.andThen(makeRoom), Effect.andThen(Deferred.await(ending))),
      () => Effect.sync(() => waiters--)
    ),
    result: Effect.flatMap(
      Deferred.poll(ending),
      (poll) => Option.isNone(poll) ? Effect.succeedNone : Effect.asSome(Effect.exit(poll.value))
    ),
    interrupt: Effect.suspend(() => {
      stopped ??= "interrupt"
      return Fiber.interrupt(fiber)
    }),
    kill: Effect.suspend(() => {
      stopped ??= "kill"
      return Effect.andThen(worker?.kill ?? Effect.void, Fiber.interrupt(fiber))
    })
  }
})
