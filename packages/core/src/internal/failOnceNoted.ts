/**
 * Lets a stage of a stream emit what came before a failure, and then fail.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

/** Fails in place of the next pull once `noted` gives an error: the array in which it was noted still goes out. */
export const failOnceNoted = <E>(noted: () => E | undefined) => <A>(self: Stream.Stream<A, E>): Stream.Stream<A, E> =>
  Stream.transformPull(self, (pull) =>
    Effect.succeed(Effect.suspend((): typeof pull => {
      const error = noted()
      return error === undefined ? pull : Effect.fail(error)
    })))
