/**
 * A session store in a table of a SQL database, for many fibers, processes and machines at once.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as SessionDocument from "./internal/sessionDocument.ts"
import * as SessionStore from "./SessionStore.ts"
import * as SessionStoreError from "./SessionStoreError.ts"

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
  /** The table. Default `effect_codex_sessions`. */
  readonly table?: string | undefined
}

/**
 * A store in the database of the context, PostgreSQL or SQLite. It creates its table if that is missing.
 *
 * Updates are atomic for all who use the table: one that another got ahead of is done again on what the other wrote,
 * for 30 seconds at most, then it fails with `Locked`. Within a transaction of yours they are part of it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  options: Options = {}
): Effect.fn.Return<SessionStore.SessionStore["Service"], SessionStoreError.SessionStoreError, SqlClient.SqlClient> {
  const sql = (yield* SqlClient.SqlClient).withoutTransforms()
  const { table: location = "effect_codex_sessions" } = options
  const table = sql(location)

  const failed = (operation: string, problem: string) =>
    SessionStoreError.fromReason(new SessionStoreError.StorageFailed({ operation, location, problem }))
  const attempt = <A>(operation: string, effect: Effect.Effect<A, SqlError>) =>
    Effect.mapError(effect, (error) => failed(operation, problemOf(error)))

  if (!sql.onDialectOrElse({ pg: () => true, sqlite: () => true, orElse: () => false })) {
    return yield* failed("open", "It takes PostgreSQL or SQLite")
  }

  const read = (name: string) => sql<Row>`SELECT name, document FROM ${table} WHERE name = ${name}`

  const parse = ({ document, name }: Row) => {
    const place = `${location}, name ${JSON.stringify(name)}`
    return Result.flatMap(
      SessionDocument.decode(document, place),
      ([record, ...others]) =>
        record?.name === name && others.length === 0
          ? Result.succeed(record)
          : Result.fail(
            SessionStoreError.fromReason(
              new SessionStoreError.Unreadable({ location: place, problem: "It holds other sessions than that" })
            )
          )
    )
  }

  // Tells whether the row still was what it had been when it was read. It is compared as a whole, because a number
  // that counts changes would begin again after a removal.
  const replace = Effect.fnUntraced(function*(name: string, from: string | undefined, to: string | undefined) {
    if (from === to) return true
    const rows = yield* to === undefined
      ? sql`DELETE FROM ${table} WHERE name = ${name} AND document = ${from} RETURNING name`
      : from === undefined
      ? sql`INSERT INTO ${table} (name, document) VALUES (${name}, ${to}) ON CONFLICT (name) DO NOTHING RETURNING name`
      : sql`UPDATE ${table} SET document = ${to} WHERE name = ${name} AND document = ${from} RETURNING name`
    return rows.length > 0
  })

  const tryUpdate = Effect.fnUntraced(function*<A>(name: string, f: SessionStore.Update<A>) {
    const [row] = yield* read(name)
    const current = row === undefined ? Option.none() : Option.some(yield* Effect.fromResult(parse(row)))
    const [result, next] = f(current)
    if (next === current) return result
    const document = Option.isSome(next) ? yield* SessionDocument.encode([next.value]) : undefined
    return (yield* replace(name, row?.document, document)) ? result : yield* new Overtaken()
  })

  // That the table exists is what counts: another may have created it meanwhile, or we may not be allowed to.
  yield* attempt(
    "create the table of",
    Effect.catch(
      sql`CREATE TABLE IF NOT EXISTS ${table} (name TEXT PRIMARY KEY, document TEXT NOT NULL)`,
      (error) => Effect.mapError(read(""), () => error)
    )
  )

  return SessionStore.make({
    get: Effect.fnUntraced(function*(name) {
      const [row] = yield* attempt("read", read(name))
      return row === undefined ? Option.none() : Option.some(yield* Effect.fromResult(parse(row)))
    }),
    list: Effect.flatMap(
      attempt("list", sql<Row>`SELECT name, document FROM ${table}`),
      (rows) => Effect.forEach(rows, (row) => Effect.fromResult(parse(row)))
    ),
    update: Effect.fnUntraced(function*<A>(name: string, f: SessionStore.Update<A>) {
      const begin = yield* Clock.currentTimeMillis
      return yield* tryUpdate(name, f).pipe(
        Effect.mapError((error) =>
          error._tag === "SqlError"
            ? isContention(error) ? new Overtaken() : failed("update", problemOf(error))
            : error
        ),
        Effect.retry({ while: isOvertaken, schedule: untilPatienceEnds }),
        Effect.catchTag(
          "Overtaken",
          () =>
            Effect.flatMap(Clock.currentTimeMillis, (now) =>
              SessionStoreError.fromReason(
                new SessionStoreError.Locked({ location, waited: Duration.millis(now - begin) })
              ))
        )
      )
    })
  })
})

// =============================================================================
// Layers
// =============================================================================

/**
 * Provides a store in the database of the context, see {@link make}.
 *
 * **Example** (Sessions that many machines share)
 *
 * ```ts
 * import * as SqlSessionStore from "@effect-codex/core/SqlSessionStore"
 * import * as PgClient from "@effect/sql-pg/PgClient"
 * import * as Layer from "effect/Layer"
 *
 * const sessions = SqlSessionStore.layer().pipe(Layer.provide(PgClient.layer({ database: "agents" })))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options?: Options
): Layer.Layer<SessionStore.SessionStore, SessionStoreError.SessionStoreError, SqlClient.SqlClient> =>
  Layer.effect(SessionStore.SessionStore, make(options))

// =============================================================================
// Internals
// =============================================================================

interface Row {
  readonly name: string
  readonly document: string
}

/** Another changed the row between our reading and our writing. */
class Overtaken extends Data.TaggedError("Overtaken") {}

const isOvertaken = Predicate.isTagged("Overtaken")

// Somebody always gets ahead, so what matters is to come back at another time than the others.
const untilPatienceEnds = Schedule.min([Schedule.exponential("1 millis"), Schedule.spaced("50 millis")]).pipe(
  Schedule.jittered,
  Schedule.upTo({ duration: "30 seconds" })
)

const isContention = ({ reason }: SqlError): boolean =>
  reason._tag === "DeadlockError" || reason._tag === "SerializationError" || reason._tag === "LockTimeoutError"

const problemOf = ({ message, reason: { cause } }: SqlError): string =>
  Predicate.hasProperty(cause, "message") ? String(cause.message) : message
