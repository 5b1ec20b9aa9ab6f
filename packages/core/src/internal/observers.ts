/**
 * Tells everybody who looks on, and waits for nobody: who is too far behind fails alone.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"

export class Observers<A, E> {
  readonly #tooSlow: (limit: number) => E
  readonly #queues = new Map<Queue.Queue<A, E | Cause.Done>, number>()
  #end: Exit.Exit<void, E> | undefined

  constructor(tooSlow: (limit: number) => E) {
    this.#tooSlow = tooSlow
  }

  publish(values: ReadonlyArray<A>): void {
    for (const [queue, limit] of this.#queues) {
      if (Queue.offerAllUnsafe(queue, values).length === 0) continue
      this.#queues.delete(queue)
      Queue.failCauseUnsafe(queue, Cause.fail(this.#tooSlow(limit)))
    }
  }

  /** Nothing more will come. */
  end(exit: Exit.Exit<void, E>): void {
    this.#end = exit
    this.#release(endOf(exit))
  }

  /** Nothing more will come to those who look on now. */
  fail(error: E): void {
    this.#release(Cause.fail(error))
  }

  /** What `seen` gives when the stream is run, and all that comes from then on. */
  observe(seen: () => ReadonlyArray<A>, limit: number): Stream.Stream<A, E> {
    const subscribe = Effect.acquireRelease(
      Effect.map(Queue.dropping<A, E | Cause.Done>(Math.max(1, limit)), (queue) => {
        const values = seen()
        if (this.#end === undefined) this.#queues.set(queue, limit)
        else Queue.failCauseUnsafe(queue, endOf(this.#end))
        return { queue, values }
      }),
      ({ queue }) => Effect.sync(() => this.#queues.delete(queue))
    )
    return Stream.unwrap(
      Effect.map(subscribe, ({ queue, values }) => Stream.concat(Stream.fromIterable(values), Stream.fromQueue(queue)))
    )
  }

  #release(cause: Cause.Cause<E | Cause.Done>): void {
    for (const queue of this.#queues.keys()) Queue.failCauseUnsafe(queue, cause)
    this.#queues.clear()
  }
}

const endOf = <E>(exit: Exit.Exit<void, E>): Cause.Cause<E | Cause.Done> =>
  Exit.isSuccess(exit) ? Cause.fail(Cause.Done()) : exit.cause
