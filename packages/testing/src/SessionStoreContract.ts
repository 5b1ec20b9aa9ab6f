/**
 * What every session store keeps to, as tests for a store of your own.
 *
 * **Example** (Testing a store)
 *
 * ```ts
 * import * as SessionStore from "@effect-codex/core/SessionStore"
 * import * as SessionStoreContract from "@effect-codex/testing/SessionStoreContract"
 * import { describe, it } from "@effect/vitest"
 *
 * describe("my store", () => {
 *   SessionStoreContract.suite(it.live, SessionStore.layerMemory)
 * })
 * ```
 *
 * @since 0.1.0
 */
import * as SessionStore from "@effect-codex/core/SessionStore"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { addTurns, expectEqual, expectStored, laws, sample, turnCount } from "./internal/sessionStoreLaws.ts"

// =============================================================================
// Models
// =============================================================================

/**
 * Declares a test that runs in real time, such as `it.live` of `@effect/vitest`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Runner<R> {
  <E>(name: string, test: () => Effect.Effect<void, E, R>): void
  /** Plain `it` of vitest has this, and would not run the Effect of a test. */
  readonly concurrent?: never
}

// =============================================================================
// Suite
// =============================================================================

/**
 * Options of {@link suite}.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /**
   * Whether what is stored outlives the layer, and several instances of it may use it at once. Default `false`.
   * What holds for them holds for several processes too, as a rule; that is for a test of your own to show.
   */
  readonly shared?: boolean | undefined
}

/**
 * Declares the tests. They do without an empty store, but use every kind of name.
 *
 * @category constructors
 * @since 0.1.0
 */
export const suite = <E, R = never>(
  it: Runner<R>,
  layer: Layer.Layer<SessionStore.SessionStore, E, R>,
  options: Options = {}
): void => {
  // Each use is an instance of its own, as in a process of its own.
  const within = <A, E2>(test: Effect.Effect<A, E2, SessionStore.SessionStore>): Effect.Effect<A, E | E2, R> =>
    Effect.scoped(Effect.flatMap(Layer.build(Layer.fresh(layer)), (store) => Effect.provideContext(test, store)))

  for (const [name, test] of Object.entries(laws)) it(name, () => within(test))
  if (options.shared !== true) return
  it("finds again what another instance stored", () =>
    Effect.andThen(
      within(SessionStore.SessionStore.use((store) => store.set(sample))),
      within(expectStored(sample))
    ))
  it("loses none of the updates of several instances", () =>
    Effect.gen(function*() {
      const name = "instances"
      const before = yield* within(turnCount(name))
      const counting = Array.from({ length: 4 }, () => within(addTurns(name, 20)))
      yield* Effect.all(counting, { concurrency: "unbounded", discard: true })
      yield* expectEqual(yield* within(turnCount(name)), before + 80)
    }))
}
