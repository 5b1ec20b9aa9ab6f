import * as KeyValueSessionStore from "@effect-codex/core/KeyValueSessionStore"
import * as SessionRecord from "@effect-codex/core/SessionRecord"
import * as SessionStore from "@effect-codex/core/SessionStore"
import * as SessionStoreError from "@effect-codex/core/SessionStoreError"
import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Schema from "effect/Schema"

const at = DateTime.makeUnsafe(0)
const record = (name: string, threadId = "thread") => SessionRecord.start({ name, threadId, at })

describe("SessionStore", () => {
  it.effect("hands no invalid name or record to its storage", () =>
    Effect.gen(function*() {
      const store = SessionStore.make({
        get: () => Effect.die("get"),
        list: Effect.succeed([]),
        update: () => Effect.die("update")
      })
      for (
        const use of [
          store.get("\0"),
          store.set(record(" ")),
          store.remove(""),
          store.update("", () => [1, Option.none()])
        ]
      ) {
        const { reason } = yield* Effect.flip(Effect.asVoid(use))
        assert.strictEqual(reason._tag, "InvalidName")
      }
    }))

  it.effect("tells its storage when nothing changes", () =>
    Effect.gen(function*() {
      const current = Option.some(record("plan"))
      const store = SessionStore.make({
        get: () => Effect.succeed(current),
        list: Effect.succeed([]),
        update: (_, f) =>
          Effect.sync(() => {
            const [result, next] = f(current)
            assert.strictEqual(next, current)
            return result
          })
      })
      assert.strictEqual(yield* store.update("plan", (current) => [1, Option.map(current, (same) => same)]), 1)
    }))

  it.effect("says what is wrong with a record without its content", () =>
    Effect.gen(function*() {
      const store = yield* SessionStore.makeMemory
      const error = yield* Effect.flip(store.set({ ...record("plan", "secret"), turnCount: -5 }))
      assert.strictEqual(
        error.message,
        "Cannot store the record of session \"plan\": Expected a value greater than or equal to 0\n  at [\"turnCount\"]"
      )
    }))
})

describe("SessionStoreError", () => {
  const reasons = [
    new SessionStoreError.InvalidName({ problem: "p" }),
    new SessionStoreError.InvalidRecord({ name: "n", problem: "p" }),
    new SessionStoreError.Unreadable({ location: "l", problem: "p" }),
    new SessionStoreError.UnsupportedVersion({ location: "l", version: 2 }),
    new SessionStoreError.Locked({ location: "l", waited: Duration.seconds(90) }),
    new SessionStoreError.Locked({ location: "l", waited: Duration.seconds(90), holder: "h" }),
    new SessionStoreError.StorageFailed({ operation: "read", location: "l", problem: "p" })
  ]

  it.effect("crosses processes unchanged", () =>
    Effect.forEach(reasons, (reason) =>
      Effect.gen(function*() {
        const codec = Schema.toCodecJson(SessionStoreError.SessionStoreError)
        const error = SessionStoreError.fromReason(reason)
        const decoded = yield* Schema.decodeEffect(codec)(yield* Schema.encodeEffect(codec)(error))
        assert.isTrue(SessionStoreError.isSessionStoreError(decoded))
        assert.strictEqual(decoded.message, error.message)
        assert.deepStrictEqual(decoded.reason, reason)
      })))

  it("says what to do", () => {
    assert.deepStrictEqual(reasons.map(({ message }) => message), [
      "Not a name for a session: p",
      "Cannot store the record of session \"n\": p",
      "Cannot understand the sessions stored in l, which were left untouched: repair them or move them away (p)",
      "The sessions stored in l have version 2, which this version of @effect-codex cannot read. They were left untouched: upgrade it",
      "The sessions in l were kept busy for 1m 30s by others: try again later",
      "The sessions in l were kept busy for 1m 30s by h: try again later",
      "Could not read the sessions in l: p"
    ])
  })
})

describe("KeyValueSessionStore", () => {
  const layer = Layer.provideMerge(KeyValueSessionStore.layer, Layer.fresh(KeyValueStore.layerMemory))
  const key = "effect-codex.sessions.5e4daa9d"
  const names = ["liquid", "costarring"]

  it.effect("keeps apart two names that have the same hash", () =>
    Effect.gen(function*() {
      const store = yield* SessionStore.SessionStore
      const storage = yield* KeyValueStore.KeyValueStore
      for (const name of names) yield* store.set(record(name, `thread ${name}`))
      assert.deepStrictEqual(yield* storage.keys, [key])
      for (const name of names) {
        assert.deepStrictEqual(yield* store.get(name), Option.some(record(name, `thread ${name}`)))
      }
      assert.deepStrictEqual((yield* store.list).map(({ name }) => name), names.toSorted())
      assert.isTrue(yield* store.remove("liquid"))
      assert.deepStrictEqual((yield* store.list).map(({ name }) => name), ["costarring"])
      assert.isTrue(yield* store.remove("costarring"))
      assert.deepStrictEqual(yield* storage.keys, [])
    }).pipe(Effect.provide(layer)))

  it.effect("leaves what others keep in the same storage alone", () =>
    Effect.gen(function*() {
      const store = yield* SessionStore.SessionStore
      const storage = yield* KeyValueStore.KeyValueStore
      yield* storage.set("theirs", "not ours")
      assert.deepStrictEqual(yield* store.list, [])
      yield* store.set(record("liquid"))
      yield* store.remove("liquid")
      assert.strictEqual(yield* storage.get("theirs"), "not ours")
    }).pipe(Effect.provide(layer)))

  const stored = (change: object, version: unknown = 1) =>
    JSON.stringify({
      version,
      records: [{ ...Schema.encodeSync(SessionRecord.SessionRecord)(record("liquid")), ...change }]
    })

  it.effect.each([
    ["cut off", stored({}).slice(0, -1), "Unreadable"],
    ["no object", "[]", "Unreadable"],
    ["without a version", JSON.stringify({ records: [] }), "Unreadable"],
    ["of a later version", stored({}, 2), "UnsupportedVersion"],
    ["with a field that we do not know", stored({ secret: 1 }), "Unreadable"],
    ["with a field of another type", stored({ turnCount: "secret" }), "Unreadable"],
    ["of another name", stored({ name: "solid" }), "Unreadable"]
  ])("refuses what is %s, and leaves it untouched", ([, text = "", reason]) =>
    Effect.gen(function*() {
      const store = yield* SessionStore.SessionStore
      const storage = yield* KeyValueStore.KeyValueStore
      yield* storage.set(key, text)
      for (const use of [store.get("liquid"), store.set(record("liquid")), store.remove("costarring"), store.list]) {
        const error = yield* Effect.flip(Effect.asVoid(use))
        assert.strictEqual(error.reason._tag, reason)
        assert.include(error.message, key)
        assert.notInclude(error.message, text)
        assert.notMatch(error.message, /thread|solid|: "secret"/)
      }
      assert.strictEqual(yield* storage.get(key), text)
    }).pipe(Effect.provide(layer)))

  it.effect("tells what its storage could not do", () =>
    Effect.gen(function*() {
      const failure = (method: string, cause?: unknown) =>
        Effect.fail(new KeyValueStore.KeyValueStoreError({ method, message: `no ${method}`, cause }))
      const storage = KeyValueStore.make({
        get: (key) => key.endsWith(".5e4daa9d") ? Effect.undefined : failure("get", new Error("disk on fire")),
        getUint8Array: () => failure("getUint8Array"),
        set: () => failure("set"),
        remove: () => failure("remove"),
        clear: failure("clear"),
        size: failure("size"),
        keys: failure("keys")
      })
      const store = yield* Effect.provideService(KeyValueSessionStore.make, KeyValueStore.KeyValueStore, storage)
      const problems = yield* Effect.forEach(
        [store.get("solid"), store.set(record("liquid")), store.list],
        (use) => Effect.map(Effect.flip(Effect.asVoid(use)), ({ message }) => message)
      )
      assert.deepStrictEqual(problems, [
        "Could not read the sessions in effect-codex.sessions.b1407af4: disk on fire",
        `Could not write the sessions in ${key}: no set`,
        "Could not list the sessions in effect-codex.sessions.*: no keys"
      ])
    }))
})
