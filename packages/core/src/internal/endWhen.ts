/**
 * Ends a pull from outside, even while it waits.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import type * as Pull from "effect/Pull"
import type * as Scope from "effect/Scope"

/**
 * Gives what `pull` gives; once `end` is done, only what is there already. A fiber of its own pulls, one ahead at most:
 * to race the two would take several fibers for each pull.
 */
export const endWhen = Effect.fnUntraced(function*<A, E>(
  pull: Pull.Pull<A, E>,
  end: Effect.Effect<void>
): Effect.fn.Return<Pull.Pull<A, E>, never, Scope.Scope> {
  const arrived = Latch.makeUnsafe()
  const taken = Latch.makeUnsafe()
  let next: Exit.Exit<A, E | Cause.Done> | undefined
  let ended = false

  const give = (exit: Exit.Exit<A, E | Cause.Done>) => {
    next = exit
    taken.closeUnsafe()
    arrived.openUnsafe()
    return taken.await
  }
  yield* Effect.forkScoped(Effect.forever(Effect.flatMap(Effect.exit(pull), give), { disableYield: true }))
  yield* Effect.forkScoped(Effect.map(end, () => {
    ended = true
    arrived.openUnsafe()
  }))

  const take: Pull.Pull<A, E> = Effect.suspend(() => {
    if (next === undefined) return ended ? Cause.done() : Effect.andThen(arrived.await, take)
    const exit = next
    if (Exit.isSuccess(exit)) {
      next = undefined
      arrived.closeUnsafe()
      taken.openUnsafe()
    }
    return exit
  })
  return take
})
