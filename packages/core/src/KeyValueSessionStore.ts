/**
 * A session store over any `KeyValueStore`: files, the storage of a browser, Redis, a table.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Predicate from "effect/Predicate"
import * as Semaphore from "effect/Semaphore"
import * as SessionDocument from "./internal/sessionDocument.ts"
import type { SessionRecord } from "./SessionRecord.ts"
import * as SessionStore from "./SessionStore.ts"
import * as SessionStoreError from "./SessionStoreError.ts"

// =============================================================================
// Constructors
// =============================================================================

/**
 * A store over the `KeyValueStore` of the context.
 *
 * Its keys begin with `effect-codex.sessions.` and go on with a hash of the name, so that any name fits any storage.
 * Updates are atomic among the users of this one store, in one process: where several processes share the storage,
 * take `SqlSessionStore`. A write is as safe from a crash as one of the `KeyValueStore`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: Effect.Effect<
  SessionStore.SessionStore["Service"],
  never,
  KeyValueStore.KeyValueStore
> = Effect.gen(function*() {
  const storage = yield* KeyValueStore.KeyValueStore
  const lock = yield* Semaphore.make(1)

  const read = Effect.fnUntraced(function*(key: string) {
    const text = yield* attempt("read", key, storage.get(key))
    if (text === undefined) return []
    const records = yield* Effect.fromResult(SessionDocument.decode(text, key))
    if (records.every(({ name }) => keyOf(name) === key)) return records
    return yield* SessionStoreError.fromReason(
      new SessionStoreError.Unreadable({ location: key, problem: "It holds sessions of other names" })
    )
  })

  const write = (key: string, records: ReadonlyArray<SessionRecord>) =>
    records.length === 0
      ? attempt("remove", key, storage.remove(key))
      : Effect.flatMap(SessionDocument.encode(records), (text) => attempt("write", key, storage.set(key, text)))

  return SessionStore.make({
    get: (name) => lock.withPermit(Effect.map(read(keyOf(name)), (records) => find(records, name))),
    list: lock.withPermit(
      attempt("list", `${keyPrefix}*`, storage.keys).pipe(
        Effect.map((keys) => keys.filter((key) => key.startsWith(keyPrefix))),
        Effect.flatMap((keys) => Effect.forEach(keys, read)),
        Effect.map((records) => records.flat())
      )
    ),
    update: Effect.fnUntraced(function*(name, f) {
      const key = keyOf(name)
      const records = yield* read(key)
      const current = find(records, name)
      const [result, next] = f(current)
      if (next !== current) {
        const others = records.filter((record) => record.name !== name)
        yield* Effect.uninterruptible(write(key, [...others, ...Option.toArray(next)]))
      }
      return result
    }, (effect) => lock.withPermit(effect))
  })
})

// =============================================================================
// Layers
// =============================================================================

/**
 * Provides a store over the `KeyValueStore` of the context, see {@link make}.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<SessionStore.SessionStore, never, KeyValueStore.KeyValueStore> = Layer.effect(
  SessionStore.SessionStore,
  make
)

// =============================================================================
// Internals
// =============================================================================

const keyPrefix = "effect-codex.sessions."

// Names can be longer than a file's name may be, and differ in what a file's name may not: case, say. The hash
// (FNV-1a) is short, and stays the same for ever; names that share one share a key.
const keyOf = (name: string): string => {
  let hash = 0x811c9dc5
  for (let index = 0; index < name.length; index++) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193)
  return `${keyPrefix}${(hash >>> 0).toString(16).padStart(8, "0")}`
}

const find = (records: ReadonlyArray<SessionRecord>, name: string): Option.Option<SessionRecord> =>
  Option.fromUndefinedOr(records.find((record) => record.name === name))

const attempt = <A>(
  operation: string,
  location: string,
  effect: Effect.Effect<A, KeyValueStore.KeyValueStoreError>
): Effect.Effect<A, SessionStoreError.SessionStoreError> =>
  Effect.mapError(effect, ({ cause, message }) => {
    const problem = Predicate.hasProperty(cause, "message") ? String(cause.message) : message
    return SessionStoreError.fromReason(new SessionStoreError.StorageFailed({ operation, location, problem }))
  })
