/**
 * A `SqlClient` over the SQLite that is part of Node (`node:sqlite`).
 *
 * One connection, which statements and transactions use in turn. Statements run on the thread of JavaScript, as
 * SQLite has no other way there; waiting for another process does not block it.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as SqlClient from "effect/sql/SqlClient"
import type * as SqlConnection from "effect/sql/SqlConnection"
import * as SqlError from "effect/sql/SqlError"
import * as Statement from "effect/sql/Statement"
import * as Stream from "effect/Stream"
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite"

// =============================================================================
// Constructors
// =============================================================================

/**
 * Options of {@link make} and {@link layer}.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** The database file, which is created if it is missing; `:memory:` for one in memory. */
  readonly filename: string
  /** So long a statement waits while another process writes. Default 5 seconds. */
  readonly busyTimeout?: Duration.Input | undefined
}

/**
 * Opens a database in WAL mode, and closes it with the scope. Transactions begin with `BEGIN IMMEDIATE`, so that two
 * that read and then write wait for each other instead of failing.
 *
 * Parameters are `null`, numbers, bigints, strings and bytes. Of columns that have one name, a row has the last.
 * `updateValues` is not supported.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<SqlClient.SqlClient, SqlError.SqlError, Scope.Scope | Reactivity.Reactivity> {
  const patience = Schedule.min([Schedule.exponential("1 millis"), Schedule.spaced("20 millis")]).pipe(
    Schedule.jittered,
    Schedule.upTo({ duration: Duration.fromInputUnsafe(options.busyTimeout ?? "5 seconds") })
  )
  // SQLite's own busy timeout would put all of JavaScript to sleep.
  const whenFree = <A>(operation: string, evaluate: () => A): Effect.Effect<A, SqlError.SqlError> =>
    Effect.retry(attempt(operation, evaluate), { while: isBusy, schedule: patience })

  const database = yield* Effect.acquireRelease(
    attempt("open", () => open(options.filename)),
    (database) => Effect.sync(() => database.close())
  )
  yield* whenFree("open", () => database.exec("PRAGMA journal_mode = WAL"))

  const statements = new Map<string, StatementSync>()
  const prepared = (text: string): StatementSync => {
    const known = statements.get(text)
    if (known !== undefined) return known
    if (statements.size >= maxStatements) statements.clear()
    const statement = database.prepare(text)
    statements.set(text, statement)
    return statement
  }

  const statement = Effect.fnUntraced(function*<A>(
    prepare: (text: string) => StatementSync,
    text: string,
    use: (statement: StatementSync) => A
  ) {
    const safeIntegers = yield* SqlClient.SafeIntegers
    return yield* whenFree("execute", () => {
      const statement = prepare(text)
      statement.setReadBigInts(safeIntegers)
      return use(statement)
    })
  })
  const once = (text: string) => database.prepare(text)
  const all = (parameters: ReadonlyArray<unknown>) => (statement: StatementSync) =>
    statement.all(...parameters.map(toInput))

  const connection: SqlConnection.Connection = {
    execute: (text, parameters) => statement(prepared, text, all(parameters)),
    executeRaw: (text, parameters) => statement(prepared, text, all(parameters)),
    executeUnprepared: (text, parameters) => statement(once, text, all(parameters)),
    executeValues: (text, parameters) => Effect.map(statement(prepared, text, all(parameters)), toValues),
    executeValuesUnprepared: (text, parameters) => Effect.map(statement(once, text, all(parameters)), toValues),
    executeStream: (text, parameters) =>
      Stream.unwrap(Effect.gen(function*() {
        const rows = yield* Effect.acquireRelease(
          statement(once, text, (statement) => statement.iterate(...parameters.map(toInput))),
          (rows) => Effect.sync(() => rows.return?.())
        )
        const next = attempt("execute", () => rows.next())
        return Stream.unfold(undefined, () =>
          Effect.map(next, ({ done, value }) => done === true ? undefined : [value, undefined] as const))
      }))
  }

  return yield* SqlClient.make({
    ...SqlClient.makeSqliteAcquirers({
      connection: Effect.succeed(connection),
      semaphore: yield* Semaphore.make(1),
      // Node 22.16.
      isTransaction: "isTransaction" in database ? () => database.isTransaction : undefined
    }),
    compiler: Statement.makeCompilerSqlite(),
    driver: "sqlite-node",
    beginTransaction: "BEGIN IMMEDIATE",
    releaseSavepoint: (name) => `RELEASE SAVEPOINT ${name}`,
    spanAttributes: [["db.system.name", "sqlite"]]
  })
})

// =============================================================================
// Layers
// =============================================================================

/**
 * Provides a `SqlClient` over a database file, see {@link make}.
 *
 * **Example** (Sessions in a database file)
 *
 * ```ts
 * import * as SqlSessionStore from "@effect-codex/core/SqlSessionStore"
 * import * as NodeSqlite from "@effect-codex/node/NodeSqlite"
 * import * as Layer from "effect/Layer"
 *
 * const sessions = SqlSessionStore.layer().pipe(Layer.provide(NodeSqlite.layer({ filename: "agents.db" })))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<SqlClient.SqlClient, SqlError.SqlError> =>
  Layer.effect(SqlClient.SqlClient, make(options)).pipe(Layer.provide(Reactivity.layer))

// =============================================================================
// Internals
// =============================================================================

const maxStatements = 100

// Loaded when it is used, because some versions of Node then warn that it is experimental.
const open = (filename: string): DatabaseSync => new (process.getBuiltinModule("node:sqlite").DatabaseSync)(filename)

const attempt = <A>(operation: string, evaluate: () => A): Effect.Effect<A, SqlError.SqlError> =>
  Effect.try({
    try: evaluate,
    catch: (cause) =>
      new SqlError.SqlError({
        reason: SqlError.classifySqliteError(withErrno(cause), { message: `Failed to ${operation}`, operation })
      })
  })

// The name under which other drivers give SQLite's code.
const withErrno = (cause: unknown): unknown =>
  Predicate.hasProperty(cause, "errcode") ? Object.assign(cause, { errno: cause.errcode }) : cause

const BUSY = 5
const BUSY_SNAPSHOT = 517

// A transaction that has read what another then changed can never write: waiting would not help it.
const isBusy = ({ reason: { cause } }: SqlError.SqlError): boolean =>
  Predicate.hasProperty(cause, "errno") && typeof cause.errno === "number" &&
  (cause.errno & 0xff) === BUSY && cause.errno !== BUSY_SNAPSHOT

const isInput = (value: unknown): value is SQLInputValue =>
  value === null || ["number", "bigint", "string"].includes(typeof value) || ArrayBuffer.isView(value)

const toInput = (value: unknown): SQLInputValue => {
  if (isInput(value)) return value
  throw new TypeError(`SQLite cannot hold a parameter of the type ${typeof value}`)
}

const toValues = (rows: ReadonlyArray<Record<string, unknown>>): ReadonlyArray<ReadonlyArray<unknown>> =>
  rows.map((row) => Object.values(row))
