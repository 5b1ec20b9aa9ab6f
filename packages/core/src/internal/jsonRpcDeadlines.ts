/**
 * Time limits of many things at once, by one timer.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"

export interface Limited {
  /** In milliseconds of {@link Deadlines.now}; `Infinity` for none. */
  readonly deadline: number
}

export class Deadlines<A extends Limited> {
  readonly #clock: Clock.Clock
  readonly #members = new Set<A>()
  readonly #earlier = Latch.makeUnsafe(false)
  /** When the timer goes off. */
  #next = Infinity

  constructor(clock: Clock.Clock) {
    this.#clock = clock
  }

  get now(): number {
    return Number(this.#clock.monotonicTimeNanosUnsafe()) / 1e6
  }

  add(member: A): void {
    if (member.deadline === Infinity) return
    this.#members.add(member)
    if (member.deadline < this.#next) this.#earlier.openUnsafe()
  }

  delete(member: A): void {
    this.#members.delete(member)
  }

  /** Calls `expire` for the members whose deadline has passed. It has to take them out. */
  watch(expire: (members: ReadonlyArray<A>) => void): Effect.Effect<never> {
    const look = Effect.suspend(() => {
      const { now } = this
      const due = [...this.#members].filter(({ deadline }) => deadline <= now)
      if (due.length > 0) expire(due)
      this.#earlier.closeUnsafe()
      this.#next = Infinity
      for (const { deadline } of this.#members) this.#next = Math.min(this.#next, deadline)
      return this.#next === Infinity
        ? this.#earlier.await
        : Effect.raceFirst(Effect.sleep(Math.ceil(this.#next - now)), this.#earlier.await)
    })
    return Effect.provideService(Effect.forever(look), Clock.Clock, this.#clock)
  }
}
