/**
 * Where sessions are kept.
 *
 * A store loses nothing: an update is one atomic read-modify-write, an interruption leaves the old or the new, and
 * what cannot be understood is refused, never overwritten. How far that holds, in one process or across many, is
 * said by each store: {@link layerMemory} here, `KeyValueSessionStore`, `SqlSessionStore`, and those of other
 * packages. `SessionStoreContract` of `@effect-codex/testing` shows that a store of your own keeps to it.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { SessionName } from "./SessionRecord.ts"
import { SessionRecord } from "./SessionRecord.ts"
import * as SessionStoreError from "./SessionStoreError.ts"

// =============================================================================
// Service
// =============================================================================

/**
 * What becomes of a session: a function from its record, if there is one, to a result and the next record. `None`
 * removes the record, the very record that was given changes nothing. It is pure, and may be called more than once.
 *
 * @category models
 * @since 0.1.0
 */
export type Update<A> = (
  current: Option.Option<SessionRecord>
) => readonly [result: A, next: Option.Option<SessionRecord>]

/**
 * Keeps records by their name.
 *
 * @category services
 * @since 0.1.0
 */
export class SessionStore extends Context.Service<SessionStore, {
  readonly get: (
    name: SessionName
  ) => Effect.Effect<Option.Option<SessionRecord>, SessionStoreError.SessionStoreError>
  /** Stores the record under its name, in place of what is there. */
  readonly set: (record: SessionRecord) => Effect.Effect<void, SessionStoreError.SessionStoreError>
  /** Whether there was one to remove. */
  readonly remove: (name: SessionName) => Effect.Effect<boolean, SessionStoreError.SessionStoreError>
  /** All records, in the order of their names' characters. */
  readonly list: Effect.Effect<ReadonlyArray<SessionRecord>, SessionStoreError.SessionStoreError>
  /** One atomic read-modify-write. It must end: a run waits for it, and can't be interrupted then. */
  readonly update: <A>(
    name: SessionName,
    f: Update<A>
  ) => Effect.Effect<A, SessionStoreError.SessionStoreError>
}>()("@effect-codex/core/SessionStore") {}

// =============================================================================
// Constructors
// =============================================================================

/**
 * What a place to keep records must be able to do for {@link make}.
 *
 * @category models
 * @since 0.1.0
 */
export interface Storage {
  readonly get: (
    name: SessionName
  ) => Effect.Effect<Option.Option<SessionRecord>, SessionStoreError.SessionStoreError>
  /** All records, in any order. */
  readonly list: Effect.Effect<ReadonlyArray<SessionRecord>, SessionStoreError.SessionStoreError>
  /** One atomic read-modify-write. Nothing need be written when `f` gives the very `Option` that it got. */
  readonly update: <A>(
    name: SessionName,
    f: Update<A>
  ) => Effect.Effect<A, SessionStoreError.SessionStoreError>
}

/**
 * A store over a storage. Names are checked before the storage sees them, and so are the records that are to be
 * stored: the storage gets only valid ones, under their own name.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (storage: Storage): SessionStore["Service"] => {
  const update = <A>(name: SessionName, f: Update<A>): Effect.Effect<A, SessionStoreError.SessionStoreError> =>
    Effect.andThen(
      checkName(name),
      Effect.flatMap(storage.update(name, checked(name, f)), Effect.fromResult)
    )
  return SessionStore.of({
    get: (name) => Effect.andThen(checkName(name), storage.get(name)),
    set: (record) => update(record.name, () => [undefined, Option.some(record)]),
    remove: (name) => update(name, (current) => [Option.isSome(current), Option.none()]),
    list: Effect.map(storage.list, (records) => records.toSorted((a, b) => a.name < b.name ? -1 : 1)),
    update
  })
}

/**
 * A store in the memory of this process, empty at first.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeMemory: Effect.Effect<SessionStore["Service"]> = Effect.sync(() => {
  const records = new Map<string, SessionRecord>()
  const get = (name: string) => Option.fromUndefinedOr(records.get(name))
  return make({
    get: (name) => Effect.sync(() => get(name)),
    list: Effect.sync(() => Array.from(records.values())),
    update: (name, f) =>
      Effect.sync(() => {
        const [result, next] = f(get(name))
        if (Option.isSome(next)) records.set(name, next.value)
        else records.delete(name)
        return result
      })
  })
})

// =============================================================================
// Layers
// =============================================================================

/**
 * Provides a store in the memory of this process, empty at first.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMemory: Layer.Layer<SessionStore> = Layer.effect(SessionStore, makeMemory)

// =============================================================================
// Internals
// =============================================================================

const decodeName = Schema.decodeResult(SessionRecord.fields.name)

const encodeRecord = Schema.encodeResult(SessionRecord)

const checkName = (name: string): Effect.Effect<void, SessionStoreError.SessionStoreError> =>
  Effect.fromResult(
    Result.mapError(
      decodeName(name),
      (error) => SessionStoreError.fromReason(new SessionStoreError.InvalidName({ problem: error.message }))
    )
  )

// A record that cannot be stored leaves what is there as it is.
const checked =
  <A>(name: string, f: Update<A>): Update<Result.Result<A, SessionStoreError.SessionStoreError>> => (current) => {
    const [result, next] = f(current)
    if (Option.isNone(next)) return [Result.succeed(result), next]
    if (Option.isSome(current) && next.value === current.value) return [Result.succeed(result), current]
    const problem = next.value.name === name
      ? Option.map(Result.getFailure(encodeRecord(next.value)), ({ message }) => message)
      : Option.some("it has another name")
    return Option.match(problem, {
      onNone: () => [Result.succeed(result), next],
      onSome: (problem) => [
        Result.fail(SessionStoreError.fromReason(new SessionStoreError.InvalidRecord({ name, problem }))),
        current
      ]
    })
  }
