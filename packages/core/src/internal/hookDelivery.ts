/**
 * Brings hook events to the hooks, without ever harming the run that they tell of.
 *
 * @internal
 */
import type * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import { dropped, type Hook } from "../CodexHook.ts"
import type { CodexHookEvent } from "../CodexHookEvent.ts"

export interface HookDelivery {
  /** Hands an event over. It never waits and never fails. */
  readonly emit: (event: CodexHookEvent) => Effect.Effect<void>
  /** Whether anyone listens. If not, there is no need to make events. */
  readonly isActive: boolean
}

export interface Options {
  /** How many events wait for one hook. */
  readonly capacity?: number | undefined
  /** How long a hook may take for one event. */
  readonly notifyTimeout?: Duration.Input | undefined
}

/** Opens a queue and a fiber for each hook, so that none waits for another. */
export const make = Effect.fnUntraced(function*(
  hooks: ReadonlyArray<Hook>,
  options: Options = {}
): Effect.fn.Return<HookDelivery, never, Scope.Scope> {
  const emits = yield* Effect.forEach(hooks, (hook) => open(hook, options))
  return {
    emit: (event) => Effect.forEach(emits, (emit) => emit(event), { discard: true }),
    isActive: hooks.length > 0
  }
})

const open = Effect.fnUntraced(function*<E>(
  hook: Hook<E>,
  { capacity = 1024, notifyTimeout = "5 seconds" }: Options
): Effect.fn.Return<HookDelivery["emit"], never, Scope.Scope> {
  const queue = yield* Queue.dropping<CodexHookEvent, Cause.Done>(capacity)
  let pending = 0
  let complained = false
  let closed = false

  const complain = (cause: Cause.Cause<unknown>) => {
    if (complained) return Effect.void
    complained = true
    return Effect.logDebug("A Codex hook failed; further failures are only counted", cause)
  }

  const deliver = (event: CodexHookEvent) =>
    Effect.suspend(() => hook(event)).pipe(
      Effect.timeoutOrElse({ duration: notifyTimeout, orElse: () => Metric.update(dropped("timeout"), 1) }),
      Effect.catchCause((cause) => Effect.andThen(Metric.update(dropped("failed"), 1), complain(cause))),
      Effect.andThen(Effect.sync(() => pending--))
    )

  yield* Effect.acquireRelease(
    Effect.forkDetach(Effect.ignore(Effect.forever(Effect.flatMap(Queue.take(queue), deliver)))),
    Effect.fnUntraced(function*(fiber) {
      const limited = (effect: Effect.Effect<unknown>) => Effect.timeoutOption(Effect.interruptible(effect), "1 second")
      closed = true
      yield* Queue.end(queue)
      yield* limited(Fiber.await(fiber))
      yield* limited(Fiber.interrupt(fiber))
      if (pending > 0) yield* Metric.update(dropped("closed"), pending)
    })
  )

  return (event) =>
    Effect.suspend(() => {
      if (!Queue.offerUnsafe(queue, event)) return Metric.update(dropped(closed ? "closed" : "full"), 1)
      pending++
      return Effect.void
    })
})
