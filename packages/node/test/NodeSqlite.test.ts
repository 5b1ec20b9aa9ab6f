import * as NodeSqlite from "@effect-codex/node/NodeSqlite"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { existsSync } from "node:fs"
import { join } from "node:path"

const temporaryFile = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  return join(yield* fs.makeTempDirectoryScoped(), "test.db")
}).pipe(Effect.provide(NodeServices.layer))

const open = (filename: string, options: Omit<NodeSqlite.Options, "filename"> = {}) =>
  Effect.provide(NodeSqlite.make({ filename, ...options }), Reactivity.layer)

/** A database in memory with one table. */
const numbers = Effect.gen(function*() {
  const sql = yield* open(":memory:")
  yield* sql`CREATE TABLE numbers (n INTEGER PRIMARY KEY, name TEXT UNIQUE)`
  return sql
})

const insert = (sql: SqlClient.SqlClient, n: number) => sql`INSERT INTO numbers (n) VALUES (${n})`

const all = (sql: SqlClient.SqlClient) =>
  Effect.map(sql<{ n: number }>`SELECT n FROM numbers ORDER BY n`, (rows) => rows.map(({ n }) => n))

const reasonOf = <A, R>(effect: Effect.Effect<A, SqlError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason._tag)

describe("a statement", () => {
  it.effect("gives back the values that it was given", () =>
    Effect.gen(function*() {
      const sql = yield* open(":memory:")
      const values = [null, 1, 1.5, "text 🙂", new Uint8Array([0, 1]), "'; --"]
      for (const value of values) {
        assert.deepStrictEqual(yield* sql`SELECT ${value} AS value`.values, [[value]])
      }
      assert.deepStrictEqual({ ...(yield* sql`SELECT ${1} AS a, ${"b"} AS b`)[0] }, { a: 1, b: "b" })
    }))

  it.effect("knows numbers beyond those of JavaScript", () =>
    Effect.gen(function*() {
      const sql = yield* open(":memory:")
      const large = 2n ** 60n
      const select = sql`SELECT ${large} AS large`.values
      assert.deepStrictEqual(yield* Effect.provideService(select, SqlClient.SafeIntegers, true), [[large]])
      assert.strictEqual(yield* reasonOf(select), "UnknownError")
    }))

  it.effect.each([undefined, true, {}, Symbol.iterator])(
    "refuses a parameter like %s",
    (value) =>
      Effect.gen(function*() {
        const sql = yield* open(":memory:")
        const { cause, reason } = yield* Effect.flip(sql`SELECT ${value}`)
        assert.strictEqual(reason.message, "Failed to execute")
        assert.include(String(reason.cause), `SQLite cannot hold a parameter of the type ${typeof value}`)
        assert.strictEqual(cause, reason)
      })
  )

  it.effect("can be run in each of Effect's ways", () =>
    Effect.gen(function*() {
      const sql = yield* numbers
      yield* insert(sql, 1).unprepared
      yield* insert(sql, 2).raw
      const select = sql`SELECT n FROM numbers`
      assert.deepStrictEqual((yield* select.unprepared).map((row) => row.n), [1, 2])
      assert.deepStrictEqual(yield* select.values, [[1], [2]])
      assert.deepStrictEqual(yield* select.valuesUnprepared, [[1], [2]])
      assert.lengthOf(yield* Effect.filterOrFail(select.raw, Array.isArray), 2)
    }))

  it.effect("is one of any number", () =>
    Effect.gen(function*() {
      const sql = yield* open(":memory:")
      for (let n = 0; n < 250; n++) {
        assert.deepStrictEqual(yield* sql`SELECT ${sql.literal(String(n))} AS n`.values, [[n]])
      }
    }))

  it.effect("fails with the reason that SQLite gives", () =>
    Effect.gen(function*() {
      const sql = yield* numbers
      yield* sql`INSERT INTO numbers (name) VALUES ('one')`
      assert.strictEqual(yield* reasonOf(sql`INSERT INTO numbers (name) VALUES ('one')`), "UniqueViolation")
      const { reason } = yield* Effect.flip(sql`SELECT * FROM letters`)
      assert.include(String(reason.cause), "no such table: letters")
      yield* sql`CREATE TABLE letters (letter TEXT)`
      assert.deepStrictEqual(yield* sql`SELECT * FROM letters`, [])
    }))
})

describe("a stream", () => {
  const counting = (sql: SqlClient.SqlClient) =>
    sql<{ n: number }>`WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c`.stream

  it.effect("reads no more rows than are wanted, and then gives the connection back", () =>
    Effect.gen(function*() {
      const sql = yield* numbers
      const rows = yield* counting(sql).pipe(Stream.map(({ n }) => n), Stream.take(3), Stream.runCollect)
      assert.deepStrictEqual(rows, [1, 2, 3])
      yield* insert(sql, 1)
    }))

  it.effect("ends with the last row, or fails where SQLite does", () =>
    Effect.gen(function*() {
      const sql = yield* numbers
      yield* Effect.forEach([1, 2], (n) => insert(sql, n))
      assert.lengthOf(yield* Stream.runCollect(sql`SELECT n FROM numbers`.stream), 2)
      const seen: Array<unknown> = []
      const failing = sql`SELECT abs(CASE n WHEN 2 THEN -9223372036854775808 ELSE n END) AS n FROM numbers`.stream
      const error = yield* failing.pipe(
        Stream.runForEach((row) => Effect.sync(() => seen.push(row.n))),
        Effect.flip
      )
      assert.include(String(error.reason.cause), "integer overflow")
      assert.deepStrictEqual(seen, [1])
      yield* insert(sql, 3)
    }))
})

describe("a transaction", () => {
  it.effect("is written as a whole or not at all", () =>
    Effect.gen(function*() {
      const sql = yield* numbers
      yield* sql.withTransaction(Effect.andThen(insert(sql, 1), insert(sql, 2)))
      const failed = yield* sql.withTransaction(Effect.andThen(insert(sql, 3), Effect.fail("stop"))).pipe(Effect.flip)
      assert.strictEqual(failed, "stop")
      yield* sql.withTransaction(Effect.gen(function*() {
        yield* insert(sql, 4)
        yield* Effect.exit(sql.withTransaction(Effect.andThen(insert(sql, 5), Effect.fail("stop"))))
        yield* sql.withTransaction(insert(sql, 6))
      }))
      assert.deepStrictEqual(yield* all(sql), [1, 2, 4, 6])
    }))

  it.effect("is rolled back when it is interrupted, and others wait for it until then", () =>
    Effect.gen(function*() {
      const sql = yield* numbers
      const began = yield* Deferred.make<void>()
      const transaction = yield* insert(sql, 1).pipe(
        Effect.andThen(Deferred.succeed(began, undefined)),
        Effect.andThen(Effect.never),
        sql.withTransaction,
        Effect.forkChild
      )
      yield* Deferred.await(began)
      const other = yield* Effect.forkChild(all(sql))
      yield* Effect.yieldNow
      assert.isUndefined(other.pollUnsafe())
      yield* Fiber.interrupt(transaction)
      assert.deepStrictEqual(yield* Fiber.join(other), [])
    }))

  it.effect("that SQLite has ended itself fails with SQLite's error", () =>
    Effect.gen(function*() {
      const sql = yield* numbers
      const exit = yield* Effect.exit(sql.withTransaction(sql`INSERT OR ROLLBACK INTO numbers (n) VALUES (1), (1)`))
      assert.isTrue(Exit.hasFails(exit))
      assert.isFalse(Exit.hasDies(exit))
      yield* insert(sql, 1)
    }))
})

describe("a database file", () => {
  it.effect("is in WAL mode, and closed with the scope", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      yield* Effect.scoped(Effect.gen(function*() {
        const sql = yield* open(filename)
        assert.deepStrictEqual(yield* sql`PRAGMA journal_mode`.values, [["wal"]])
        yield* sql`CREATE TABLE numbers (n INTEGER)`
        assert.isTrue(existsSync(`${filename}-wal`))
      }))
      assert.isFalse(existsSync(`${filename}-wal`))
      assert.deepStrictEqual(yield* all(yield* open(filename)), [])
    }))

  it.effect("that cannot be opened is a connection error", () =>
    Effect.gen(function*() {
      const filename = join(yield* temporaryFile, "missing", "test.db")
      assert.strictEqual(yield* reasonOf(open(filename)), "ConnectionError")
    }))

  /** Two connections to one file, as if they were two processes. */
  const two = Effect.gen(function*() {
    const filename = yield* temporaryFile
    const first = yield* open(filename)
    yield* first`CREATE TABLE numbers (n INTEGER)`
    return [first, yield* open(filename, { busyTimeout: "1 second" })] as const
  })

  it.effect("waits, without blocking anybody, while another connection writes", () =>
    Effect.gen(function*() {
      const [first, second] = yield* two
      const waiting = yield* first.withTransaction(Effect.gen(function*() {
        yield* insert(first, 1)
        const waiting = yield* Effect.forkChild(insert(second, 2))
        yield* TestClock.adjust("500 millis")
        assert.isUndefined(waiting.pollUnsafe())
        return waiting
      }))
      yield* TestClock.adjust("500 millis")
      yield* Fiber.join(waiting)
      assert.deepStrictEqual(yield* all(first), [1, 2])
    }))

  it.effect("lets transactions that read before they write wait for each other", () =>
    Effect.gen(function*() {
      const [first, second] = yield* two
      const append = (sql: SqlClient.SqlClient, n: number) =>
        sql.withTransaction(Effect.andThen(all(sql), insert(sql, n)))
      const waiting = yield* first.withTransaction(Effect.gen(function*() {
        yield* all(first)
        const waiting = yield* Effect.forkChild(append(second, 2))
        yield* TestClock.adjust("500 millis")
        yield* insert(first, 1)
        return waiting
      }))
      yield* TestClock.adjust("500 millis")
      yield* Fiber.join(waiting)
      assert.deepStrictEqual(yield* all(first), [1, 2])
    }))

  it.effect("waits no longer than it was told", () =>
    Effect.gen(function*() {
      const [first, second] = yield* two
      yield* first.withTransaction(Effect.gen(function*() {
        yield* insert(first, 1)
        const waiting = yield* Effect.forkChild(reasonOf(insert(second, 2)))
        yield* TestClock.adjust("1100 millis")
        assert.strictEqual(yield* Fiber.join(waiting), "LockTimeoutError")
      }))
    }))

  it.effect("does not wait for what waiting cannot help", () =>
    Effect.gen(function*() {
      const [first, second] = yield* two
      const transaction = Effect.gen(function*() {
        yield* all(second)
        yield* insert(first, 1)
        yield* insert(second, 2)
      })
      const deferred = second.withTransaction(transaction).pipe(
        Effect.provideService(SqlClient.BeginTransaction, "BEGIN")
      )
      assert.strictEqual(yield* reasonOf(deferred), "LockTimeoutError")
    }))
})
