import * as KeyValueSessionStore from "@effect-codex/core/KeyValueSessionStore"
import type { SessionRecord } from "@effect-codex/core/SessionRecord"
import * as SessionStore from "@effect-codex/core/SessionStore"
import * as SessionStoreContract from "@effect-codex/testing/SessionStoreContract"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as KeyValueStore from "effect/persistence/KeyValueStore"

const layerFiles = Layer.unwrap(
  Effect.flatMap(FileSystem.FileSystem, (fs) => Effect.map(fs.makeTempDirectoryScoped(), KeyValueStore.layerFileSystem))
).pipe(Layer.provide(NodeServices.layer))

describe("a store in memory", () => {
  SessionStoreContract.suite(it.live, SessionStore.layerMemory)
})

describe("a store over a KeyValueStore in memory", () => {
  SessionStoreContract.suite(it.live, Layer.provide(KeyValueSessionStore.layer, KeyValueStore.layerMemory))
})

describe("a store over a KeyValueStore of files", () => {
  SessionStoreContract.suite(it.live, Layer.provide(KeyValueSessionStore.layer, layerFiles))
})

describe("the contract is violated by a store that", () => {
  type Store = SessionStore.SessionStore["Service"]

  const violated = Effect.fnUntraced(function*(layer: Layer.Layer<SessionStore.SessionStore>) {
    const laws: Array<Effect.Effect<string | undefined>> = []
    SessionStoreContract.suite(
      (law, test) => laws.push(Effect.map(Effect.exit(test()), (exit) => Exit.isSuccess(exit) ? undefined : law)),
      layer,
      { shared: true }
    )
    return (yield* Effect.all(laws)).filter((law) => law !== undefined)
  })

  const unchecked = (): Store => {
    const records = new Map<string, SessionRecord>()
    const get = (name: string) => Option.fromUndefinedOr(records.get(name))
    const update: Store["update"] = (name, f) =>
      Effect.sync(() => {
        const [result, next] = f(get(name))
        if (Option.isSome(next)) records.set(name, next.value)
        else records.delete(name)
        return result
      })
    return {
      get: (name) => Effect.sync(() => get(name)),
      list: Effect.sync(() => Array.from(records.values())),
      update,
      set: (record) => update(record.name, () => [undefined, Option.some(record)]),
      remove: (name) => update(name, (current) => [Option.isSome(current), Option.none()])
    }
  }

  const forgetCount = (record: SessionRecord): SessionRecord => ({ ...record, turnCount: 1 })

  const forgetTurns = (record: SessionRecord): SessionRecord => ({ ...record, turns: record.turns.slice(-1) })

  const broken: Record<string, readonly [law: string, change: (storage: Store) => Partial<Store>]> = {
    "gives back other counters": ["gives back every record as it was stored", ({ get }) => ({
      get: (name) => Effect.map(get(name), Option.map(forgetCount))
    })],
    "cannot remove": ["keeps the last record of a name until it is removed", ({ update }) => ({
      update: (name, f) =>
        update(name, (current) => {
          const [result, next] = f(current)
          return [result, Option.orElse(next, () => current)]
        })
    })],
    "takes upper and lower case for the same": ["keeps names of every kind apart, and lists them in order", (
      { get, update }
    ) => ({
      get: (name) => get(name.toLowerCase()),
      update: (name, f) => update(name.toLowerCase(), f)
    })],
    "does not list all": ["keeps names of every kind apart, and lists them in order", ({ list }) => ({
      list: Effect.map(list, (records) => records.filter(({ name }) => name !== "__proto__"))
    })],
    "removes before it updates": ["changes nothing when the function throws", ({ get, remove, set }) => ({
      update: Effect.fnUntraced(function*(name, f) {
        const current = yield* get(name)
        yield* remove(name)
        const [result, next] = f(current)
        if (Option.isSome(next)) yield* set(next.value)
        return result
      })
    })],
    "lets others in while it updates": ["loses none of many concurrent updates", ({ get, remove, set }) => ({
      update: Effect.fnUntraced(function*(name, f) {
        const [result, next] = f(yield* get(name))
        yield* Effect.yieldNow
        yield* Option.match(next, { onNone: () => remove(name), onSome: set })
        return result
      })
    })],
    "keeps one turn": ["keeps a history that has a bound, and counters that have none", ({ get }) => ({
      get: (name) => Effect.map(get(name), Option.map(forgetTurns))
    })]
  }

  it.live.each(Object.entries(broken))("%s", ([, [law, change]]) =>
    Effect.gen(function*() {
      const store = Effect.sync(unchecked).pipe(
        Effect.map((storage) => SessionStore.make({ ...storage, ...change(storage) }))
      )
      assert.include(yield* violated(Layer.effect(SessionStore.SessionStore, store)), law)
    }))

  it.live("checks nothing", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* violated(Layer.sync(SessionStore.SessionStore, unchecked)), [
        "keeps names of every kind apart, and lists them in order",
        "refuses what is no name, and a record of another name",
        "finds again what another instance stored",
        "loses none of the updates of several instances"
      ])
    }))

  it.live("is not shared", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* violated(SessionStore.layerMemory), [
        "finds again what another instance stored",
        "loses none of the updates of several instances"
      ])
    }))
})
