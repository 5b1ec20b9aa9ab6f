/**
 * The time limits of a run.
 *
 * @internal
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as CodexError from "../CodexError.ts"
import type { CodexEvent } from "../CodexEvent.ts"
import type { TurnRequest } from "../CodexOptions.ts"

type Limit = CodexError.TimedOut["limit"]

// A CLI that cannot reach its model reports each try, for ever.
const isProgress = (event: CodexEvent): boolean => event.type !== "error"

const isEnd = (event: CodexEvent): boolean => event.type === "turn.completed" || event.type === "turn.failed"

/**
 * Fails with `TimedOut` when a limit of `request` passes. What counts against `firstEventTimeout` and
 * `idleTimeout` is time spent waiting for the agent; `timeout` is wall-clock time.
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

      const nearest = (): readonly [Limit, Duration.Duration, remaining: number] | undefined => {
        let limit: readonly [Limit, Duration.Duration, number] | undefined
        const consider = (name: Limit, duration: Duration.Duration | undefined, spent: number) => {
          if (duration === undefined) return
          const remaining = Duration.toMillis(duration) - spent
          if (limit === undefined || remaining < limit[2]) limit = [name, duration, remaining]
        }
        consider("total", request.timeout, clock.currentTimeMillisUnsafe() - startedAt)
        if (started) consider("idle", request.idleTimeout, waited)
        else consider("firstEvent", request.firstEventTimeout, waited)
        return limit
      }

      const timed: typeof pull = Effect.suspend(() => {
        const limit = nearest()
        if (ended || limit === undefined) return pull
        const [name, duration, remaining] = limit
        const pulledAt = clock.currentTimeMillisUnsafe()
        return pull.pipe(
          Effect.timeoutOrElse({
            duration: Duration.millis(Math.max(0, remaining)),
            orElse: () => Effect.fail(CodexError.fromReason(new CodexError.TimedOut({ limit: name, duration })))
          }),
          Effect.tap((events) =>
            Effect.sync(() => {
              started = true
              ended = events.some(isEnd)
              waited = events.some(isProgress) ? 0 : waited + clock.currentTimeMillisUnsafe() - pulledAt
            })
          )
        )
      })
      return Effect.succeed(timed)
    }))
