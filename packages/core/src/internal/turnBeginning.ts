/**
 * Begins the turns of a thread, one at a time.
 *
 * @internal
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import type { ClientError } from "../appserver/ClientError.ts"
import { isRpcError } from "../appserver/RpcError.ts"
import * as CodexError from "../CodexError.ts"
import type { Link } from "./appServerLink.ts"
import * as Opening from "./appServerThread.ts"
import type { LiveThread } from "./liveThread.ts"
import type { LiveTurn } from "./liveTurn.ts"
import type { Shared } from "./threadShared.ts"
import * as TurnHandle from "./turnHandle.ts"

/**
 * Begins a turn by a request that gives its id, or waits for one that the request brings about. It is stopped with the
 * scope.
 */
export type Begin = (
  request: (link: Link) => Effect.Effect<string | undefined, ClientError>
) => Effect.Effect<LiveTurn, CodexError.CodexError, Scope.Scope>

export const make = (shared: Shared, thread: LiveThread, home: TurnHandle.Home): Begin => {
  const { id } = thread

  /** The connection, once nothing is at work on the thread: Codex begins turns, too. */
  const idle: Effect.Effect<Link, CodexError.CodexError> = Effect.suspend(() =>
    thread.active === undefined
      ? Effect.filterOrElse(home.attached, () => thread.active === undefined, () => idle)
      : Effect.andThen(Effect.exit(Deferred.await(thread.active.ending)), idle)
  )

  return Effect.fnUntraced(function*(request) {
    const next = yield* Deferred.make<LiveTurn, CodexError.CodexError>()
    // The outcome of these two counts even if nobody waits for it any more.
    const starting = Effect.map(Effect.interruptible(idle), (link) => {
      const { last } = thread
      return shared.run(
        request(link).pipe(
          Effect.mapError(notBegun(id)),
          Effect.flatMap((turnId) =>
            turnId === undefined ? turnAfter(link, thread, last) : Effect.sync(() => thread.turn(turnId, link))
          )
        )
      )
    })
    const stopping = (starting: Fiber.Fiber<LiveTurn, CodexError.CodexError>) =>
      Fiber.await(shared.run(Effect.flatMap(Fiber.join(starting), (turn) => TurnHandle.stop(home, turn))))
    const owner = Effect.acquireUseRelease(
      starting,
      Effect.fnUntraced(function*(starting) {
        const turn = yield* Fiber.join(starting)
        yield* Deferred.succeed(next, turn)
        yield* Effect.exit(Deferred.await(turn.ending))
      }),
      (starting, exit) =>
        Exit.isSuccess(exit)
          ? Effect.void
          : Opening.within(shared.interruptGrace, "end a turn")(stopping(starting))
    ).pipe(
      Semaphore.withPermit(thread.lock),
      Effect.onExit((exit) => exit._tag === "Failure" ? Deferred.failCause(next, exit.cause) : Effect.void),
      Effect.exit
    )
    const claim = Effect.acquireUseRelease(
      Effect.sync(() => thread.claims++),
      () => owner,
      () => Effect.sync(() => thread.claims--)
    )
    const fiber = yield* Effect.forkScoped(claim, { startImmediately: true })
    return yield* Effect.onInterrupt(Deferred.await(next), () => Fiber.interrupt(fiber))
  })
}

// =============================================================================
// Internals
// =============================================================================

/** Whoever got no answer does not know whether the turn has begun. */
const notBegun = (threadId: string) => (error: ClientError): CodexError.CodexError =>
  isRpcError(error) ? TurnHandle.failed(threadId)(error) : CodexError.afterWork(TurnHandle.failed(threadId)(error))

/** The first turn that begins after another one. */
const turnAfter = (link: Link, thread: LiveThread, previous: LiveTurn | undefined) => {
  const none = Effect.fail(
    CodexError.fromReason(
      new CodexError.AppServerFailed({
        problem: `Codex did not begin the turn that it was asked for on thread ${thread.id}`,
        unreachable: false
      })
    )
  )
  return thread.observers.observe(() => {
    const { last } = thread
    return last === undefined || last === previous ? [] : [last]
  }, 1).pipe(
    Stream.runHead,
    Effect.flatMap(Option.match({ onNone: () => none, onSome: Effect.succeed })),
    Effect.raceFirst(Effect.mapError(link.client.closed, TurnHandle.failed(thread.id))),
    Effect.timeoutOrElse({ duration: "1 minute", orElse: () => none }),
    Effect.mapError(CodexError.afterWork)
  )
}
