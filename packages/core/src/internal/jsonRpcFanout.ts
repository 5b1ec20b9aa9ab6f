/**
 * Gives everything that comes to everybody who subscribed, in order, and holds back who publishes while a subscriber
 * is too far behind.
 *
 * @internal
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as ConnectionError from "../appserver/ConnectionError.ts"

export interface Subscription<in A> {
  /** Whether it is for this subscriber. Default: all is. */
  readonly accepts?: ((value: A) => boolean) | undefined
  /** How much may wait for the subscriber; one more may, however large. */
  readonly limit: number
  /** What happens to a subscriber beyond its limit: it is waited for, or it fails. */
  readonly onOverflow: "wait" | "fail"
}

interface Sized<A> {
  readonly value: A
  readonly size: number
}

interface Subscriber<A> extends Subscription<A> {
  readonly queue: Queue.Queue<Sized<A>, ConnectionError.ConnectionError | Cause.Done>
  /** Of what waits, and of what was taken but not worked off. */
  size: number
  taken: number
}

/** How much may wait for a subscriber while a reply is awaited: it may be the one who awaits it. */
const defaultEagerLimit = 64 * 1024 * 1024

/** How many a subscriber takes at once, so that who publishes goes on before all is worked off. */
const batch = 256

export class Fanout<A> {
  readonly #onRelief: () => void
  readonly #eagerLimit: number
  readonly #subscribers = new Set<Subscriber<A>>()
  readonly #full = new Set<Subscriber<A>>()
  #failure: ConnectionError.ConnectionError | undefined

  constructor(onRelief: () => void, eagerLimit: number = defaultEagerLimit) {
    this.#onRelief = onRelief
    this.#eagerLimit = eagerLimit
  }

  /**
   * Whether to wait before more is published. With `eager`, somebody awaits a reply that is behind it: then only from
   * where memory is at stake.
   */
  isCongested(eager: boolean): boolean {
    if (!eager) return this.#full.size > 0
    for (const { size } of this.#full) if (size > this.#eagerLimit) return true
    return false
  }

  publish(value: A, size: number): void {
    for (const subscriber of this.#subscribers) {
      if (subscriber.accepts?.(value) === false) continue
      if (subscriber.onOverflow === "fail" && subscriber.size > 0 && subscriber.size + size > subscriber.limit) {
        this.#remove(subscriber)
        const { limit } = subscriber
        Queue.failCauseUnsafe(
          subscriber.queue,
          Cause.fail(ConnectionError.fromReason(new ConnectionError.SubscriberTooSlow({ limit })))
        )
        continue
      }
      subscriber.size += size
      if (subscriber.onOverflow === "wait" && subscriber.size > subscriber.limit) this.#full.add(subscriber)
      Queue.offerUnsafe(subscriber.queue, { value, size })
    }
  }

  /** Ends every subscription, behind what still waits there. */
  fail(failure: ConnectionError.ConnectionError): void {
    this.#failure = failure
    for (const subscriber of this.#subscribers) {
      this.#remove(subscriber)
      Queue.failCauseUnsafe(subscriber.queue, Cause.fail(failure))
    }
  }

  /** From when this returns until the scope closes. */
  subscribe(
    subscription: Subscription<A>
  ): Effect.Effect<Stream.Stream<A, ConnectionError.ConnectionError>, never, Scope.Scope> {
    return Effect.acquireRelease(
      // Its bound is `limit`, in sizes instead of elements: who publishes asks `isCongested` first.
      Effect.map(Queue.unbounded<Sized<A>, ConnectionError.ConnectionError | Cause.Done>(), (queue) => {
        const subscriber: Subscriber<A> = { ...subscription, queue, size: 0, taken: 0 }
        if (this.#failure === undefined) this.#subscribers.add(subscriber)
        else Queue.failCauseUnsafe(queue, Cause.fail(this.#failure))
        return subscriber
      }),
      (subscriber) =>
        Effect.sync(() => {
          this.#remove(subscriber)
          Queue.endUnsafe(subscriber.queue)
        })
    ).pipe(Effect.map((subscriber) => Stream.fromPull(Effect.succeed(this.#pull(subscriber)))))
  }

  #pull(
    subscriber: Subscriber<A>
  ): Effect.Effect<Arr.NonEmptyReadonlyArray<A>, ConnectionError.ConnectionError | Cause.Done> {
    const take = Effect.flatMap(Queue.takeBetween(subscriber.queue, 1, batch), (taken) => {
      subscriber.taken = taken.reduce((sum, { size }) => sum + size, 0)
      const values = taken.map(({ value }) => value)
      return Arr.isArrayNonEmpty(values) ? Effect.succeed(values) : Cause.done()
    })
    return Effect.suspend(() => {
      // Who asks for more has worked off what it took.
      subscriber.size -= subscriber.taken
      subscriber.taken = 0
      this.#relieve(subscriber)
      return take
    })
  }

  #remove(subscriber: Subscriber<A>): void {
    this.#subscribers.delete(subscriber)
    if (this.#full.delete(subscriber)) this.#onRelief()
  }

  #relieve(subscriber: Subscriber<A>): void {
    if (subscriber.size <= subscriber.limit && this.#full.delete(subscriber)) this.#onRelief()
  }
}
