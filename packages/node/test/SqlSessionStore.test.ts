import * as SessionRecord from "@effect-codex/core/SessionRecord"
import type { SessionStoreError } from "@effect-codex/core/SessionStoreError"
import * as SqlSessionStore from "@effect-codex/core/SqlSessionStore"
import * as NodeSqlite from "@effect-codex/node/NodeSqlite"
import * as SessionStoreContract from "@effect-codex/testing/SessionStoreContract"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as SqlClient from "effect/sql/SqlClient"
import * as TestClock from "effect/testing/TestClock"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"

const record = (name: string, threadId = "thread") =>
  SessionRecord.start({ name, threadId, at: DateTime.makeUnsafe(0) })

const turn: SessionRecord.SessionTurn = {
  timestamp: DateTime.makeUnsafe(1),
  operation: "run",
  duration: Duration.seconds(1)
}

const layerMemory = Layer.fresh(NodeSqlite.layer({ filename: ":memory:" }))

const reasonOf = <A, R>(effect: Effect.Effect<A, SessionStoreError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason)

class DatabaseFile extends Context.Service<DatabaseFile, string>()("DatabaseFile") {
  static readonly layer = Layer.effect(
    DatabaseFile,
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      return join(yield* fs.makeTempDirectoryScoped(), "sessions.db")
    })
  ).pipe(Layer.provide(NodeServices.layer))
}

layer(DatabaseFile.layer, { excludeTestServices: true })("sessions in a SQLite file", (it) => {
  const client = Effect.map(DatabaseFile, (filename) => NodeSqlite.layer({ filename }))
  const store = Layer.provide(SqlSessionStore.layer(), Layer.unwrap(client))
  SessionStoreContract.suite(it.effect, store, { shared: true })
})

describe("sessions in SQLite", () => {
  it.effect("are in a table of their own, which may be there already", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const first = yield* SqlSessionStore.make({ table: "first \"table\"" })
      const second = yield* SqlSessionStore.make()
      yield* first.set(record("plan"))
      assert.deepStrictEqual(yield* second.list, [])
      yield* sql`PRAGMA query_only = 1`
      const again = yield* SqlSessionStore.make({ table: "first \"table\"" })
      assert.deepStrictEqual(yield* again.get("plan"), Option.some(record("plan")))
      assert.strictEqual(
        (yield* reasonOf(SqlSessionStore.make({ table: "third" }))).message,
        "Could not create the table of the sessions in third: attempt to write a readonly database"
      )
    }).pipe(Effect.provide(layerMemory)))

  it.effect("are part of the transaction around them", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const store = yield* SqlSessionStore.make()
      yield* Effect.exit(sql.withTransaction(Effect.andThen(store.set(record("plan")), Effect.fail("stop"))))
      assert.deepStrictEqual(yield* store.list, [])
      yield* sql.withTransaction(store.set(record("plan")))
      assert.deepStrictEqual(yield* store.list, [record("plan")])
    }).pipe(Effect.provide(layerMemory)))

  const text = (change: object, version: unknown = 1) =>
    JSON.stringify({
      version,
      records: [{ ...Schema.encodeSync(SessionRecord.SessionRecord)(record("plan")), ...change }]
    })

  it.effect.each([
    ["is not JSON", "plan", "Unreadable"],
    ["has a later version", text({}, 2), "UnsupportedVersion"],
    ["holds another session", text({ name: "another" }), "Unreadable"],
    ["holds none", JSON.stringify({ version: 1, records: [] }), "Unreadable"]
  ])(
    "that are in a row which %s are refused and left untouched",
    ([, document = "", reason]) =>
      Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        const store = yield* SqlSessionStore.make()
        yield* sql`INSERT INTO effect_codex_sessions (name, document) VALUES ('plan', ${document})`
        for (const use of [store.get("plan"), store.set(record("plan")), store.remove("plan"), store.list]) {
          const error = yield* reasonOf(Effect.asVoid(use))
          assert.strictEqual(error._tag, reason)
          assert.include(error.message, "effect_codex_sessions, name \"plan\"")
        }
        assert.deepStrictEqual(yield* sql`SELECT document FROM effect_codex_sessions`.values, [[document]])
      }).pipe(Effect.provide(layerMemory))
  )

  it.effect("say what the database could not do", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const store = yield* SqlSessionStore.make()
      yield* sql`DROP TABLE effect_codex_sessions`
      const operations = { read: store.get("plan"), list: store.list, update: store.remove("plan") }
      for (const [operation, use] of Object.entries(operations)) {
        assert.strictEqual(
          (yield* reasonOf<unknown, never>(use)).message,
          `Could not ${operation} the sessions in effect_codex_sessions: no such table: effect_codex_sessions`
        )
      }
    }).pipe(Effect.provide(layerMemory)))

  it.effect("refuse a database that they do not know", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const other: SqlClient.SqlClient = Object.assign(
        (...args: Parameters<typeof sql>) => sql(...args),
        sql,
        { withoutTransforms: () => other, onDialectOrElse: ({ orElse }: { orElse: () => boolean }) => orElse() }
      )
      const reason = yield* reasonOf(Effect.provideService(SqlSessionStore.make(), SqlClient.SqlClient, other))
      assert.include(reason.message, "It takes PostgreSQL or SQLite")
    }).pipe(Effect.provide(layerMemory)))
})

describe("an update that others get ahead of", () => {
  const name = "plan"

  /** A store, and an update during which somebody else, so many times, changes what it has just read. */
  const overtaken = Effect.fnUntraced(function*(times: number) {
    const filename = yield* DatabaseFile
    const client = yield* Layer.build(NodeSqlite.layer({ filename }))
    const store = yield* Effect.provideContext(SqlSessionStore.make(), client)
    yield* store.set(record(name, "!0"))
    const others = new DatabaseSync(filename)
    yield* Effect.addFinalizer(() => Effect.sync(() => others.close()))
    let seen = 0
    const update = store.update(name, (current) => {
      if (seen++ < times) {
        others.exec(`UPDATE effect_codex_sessions SET document = replace(document, '!0', '!!0')`)
      }
      return [seen, Option.map(current, (record) => SessionRecord.addTurn(record, turn))]
    })
    return { store, update }
  })

  it.effect("is done again on what they wrote", () =>
    Effect.gen(function*() {
      const { store, update } = yield* overtaken(3)
      const updating = yield* Effect.forkChild(update)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(updating), 4)
      const stored = yield* store.get(name)
      assert.deepStrictEqual(stored, Option.some(SessionRecord.addTurn(record(name, "!!!!0"), turn)))
    }).pipe(Effect.provide(DatabaseFile.layer)))

  it.effect("gives up after 30 seconds", () =>
    Effect.gen(function*() {
      const { store, update } = yield* overtaken(1_000)
      const updating = yield* Effect.forkChild(reasonOf(update))
      yield* TestClock.adjust("31 seconds")
      const reason = yield* Fiber.join(updating)
      assert.strictEqual(reason._tag, "Locked")
      assert.match(reason.message, /^The sessions in effect_codex_sessions were kept busy for 30s/)
      assert.deepStrictEqual(Option.map(yield* store.get(name), ({ turnCount }) => turnCount), Option.some(0))
    }).pipe(Effect.provide(DatabaseFile.layer)))
})
