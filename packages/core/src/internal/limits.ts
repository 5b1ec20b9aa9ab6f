/**
 * The time limits of a run.
 *
 * @internal
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { RequestId } from "../appserver/JsonRpcMessage.ts"
import * as CodexError from "../CodexError.ts"
import type { CodexEvent } from "../CodexEvent.ts"
import type { TurnRequest } from "../CodexOptions.ts"

type Limit = CodexError.TimedOut["limit"]

type Nearest = readonly [limit: Limit, duration: Duration.Duration, remaining: number]

// A CLI that cannot reach its model reports each try, for ever.
const isProgress = (event: CodexEvent): boolean => event.type !== "error"

/** Keeps account of what the agent waits for. */
const note = (asked: Set<RequestId>, event: CodexEvent): void => {
  if (event.type === "approval.requested") asked.add(event.request_id)
  if (event.type === "approval.resolved") asked.delete(event.request_id)
}

const isEnd = (event: CodexEvent): boolean => event.type === "turn.completed" || event.type === "turn.failed"

const within = <A, E, R>(self: Effect.Effect<A, E, R>, nearest: Nearest | undefined) => {
  if (nearest === undefined) return self
  const [limit, duration, remaining] = nearest
  return Effect.timeoutOrElse(self, {
    duration: Duration.millis(Math.max(0, remaining)),
    orElse: () => Effect.fail(CodexError.fromReason(new CodexError.TimedOut({ limit, duration })))
  })
}

/**
 * Fails with `TimedOut` when a limit of `request` passes. What counts against `firstEventTimeout` and
 * `idleTimeout` is time spent waiting for the agent, while it waits for no answer; `timeout` is wall-clock time.
 */
export const apply = (request: TurnRequest) =>
(
  self: Stream.Stream<CodexEvent, CodexError.CodexError>
): Stream.Stream<CodexEvent, CodexError.CodexError> =>
  Stream.transformPull(self, (pull) =>
    Effect.clockWith((clock) => {
      const startedAt = clock.currentTimeMillisUnsafe()
      let waited = 0
      let started = false
      // A turn that has ended is no longer late: what comes then is the transport's to end.
      let ended = false
      // An agent that waits for an answer is not idle.
      const asked = new Set<RequestId>()

      const nearest = (): Nearest | undefined => {
        let limit: Nearest | undefined
        const consider = (name: Limit, duration: Duration.Duration | undefined, spent: number) => {
          if (duration === undefined) return
          const remaining = Duration.toMillis(duration) - spent
          if (limit === undefined || remaining < limit[2]) limit = [name, duration, remaining]
        }
        consider("total", request.timeout, clock.currentTimeMillisUnsafe() - startedAt)
        if (started) consider("idle", asked.size === 0 ? request.idleTimeout : undefined, waited)
        else consider("firstEvent", request.firstEventTimeout, waited)
        return limit
      }

      const timed: typeof pull = Effect.suspend(() => {
        const limit = nearest()
        if (ended || (limit === undefined && asked.size === 0)) return pull
        const pulledAt = clock.currentTimeMillisUnsafe()
        return within(pull, limit).pipe(
          Effect.tap((events) =>
            Effect.sync(() => {
              started = true
              for (const event of events) note(asked, event)
              ended = events.some(isEnd)
              waited = events.some(isProgress) ? 0 : waited + clock.currentTimeMillisUnsafe() - pulledAt
            })
          )
        )
      })
      return Effect.succeed(timed)
    }))
