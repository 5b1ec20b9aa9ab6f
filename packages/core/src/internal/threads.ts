/**
 * What a client knows of the threads that it works on.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as RcMap from "effect/RcMap"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { TokenUsage } from "../CodexEvent.ts"

export interface Threads {
  /** Waits until no other run of this client works on the thread, and keeps others waiting until the scope closes. */
  readonly enter: (threadId: string) => Effect.Effect<void, never, Scope.Scope>
  /** The thread's total when its last run of this client ended. */
  readonly usage: (threadId: string) => TokenUsage | undefined
  readonly setUsage: (threadId: string, usage: TokenUsage) => void
}

/** So many threads' totals are remembered; the one that was used longest ago is forgotten first. */
const maxTotals = 10_000

export const make: Effect.Effect<Threads, never, Scope.Scope> = Effect.gen(function*() {
  const locks = yield* RcMap.make({ lookup: (_threadId: string) => Semaphore.make(1) })
  const totals = new Map<string, TokenUsage>()

  return {
    enter: (threadId) => Effect.flatMap(RcMap.get(locks, threadId), (lock) => lock.takeScoped(1)),
    usage: (threadId) => totals.get(threadId),
    setUsage: (threadId, usage) => {
      totals.delete(threadId)
      totals.set(threadId, usage)
      if (totals.size > maxTotals) {
        const [oldest] = totals.keys()
        if (oldest !== undefined) totals.delete(oldest)
      }
    }
  }
})
