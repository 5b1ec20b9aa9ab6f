/**
 * A lock that the processes of one host share: a file that is there or not. Its owner removes it, or, if the owner is
 * dead, the next who wants it. Network file systems are out of scope.
 *
 * Why at most one holds it:
 *
 * 1. It appears by `link`, which fails if the name is taken, and with its content: nobody sees half a lock.
 * 2. One that is there is removed by its owner alone, or, when the owner is dead, under another lock whose name is the
 *    token of the dead one, and after a look that this token is still there. No token comes twice and no dead process
 *    comes back: between the look and the removal nobody else may remove it, so what goes is what was looked at.
 *    The other lock is of the same kind; its owner may die too, and is then dealt with in the same way.
 */
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import type { PlatformError } from "effect/PlatformError"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as LockOwner from "./lockOwner.ts"

/** Somebody else holds the lock. */
export class Held extends Data.TaggedError("Held")<{ readonly owner: string }> {}

export interface FileLock {
  /** Holds the lock at `path` until the scope closes. Files named `<path>.<token>...` are the holder's. */
  readonly hold: (
    path: string,
    timeout: Duration.Duration
  ) => Effect.Effect<{ readonly token: string }, Held | PlatformError, Scope.Scope>
  /** Removes what dead processes left beside the lock at `path`, which must be held. */
  readonly sweep: (path: string) => Effect.Effect<void, PlatformError>
}

const decodeOwner = Schema.decodeOption(Schema.fromJsonString(LockOwner.LockOwner))

/** A lock that cannot be read is no longer being written after so many milliseconds. */
const strangerAge = 60_000

/** Short waits at first, as a lock is held for milliseconds. */
const waits = (timeout: Duration.Duration) =>
  Schedule.min([Schedule.exponential("2 millis"), Schedule.spaced("50 millis")]).pipe(
    Schedule.jittered,
    Schedule.upTo({ duration: timeout })
  )

export const make: Effect.Effect<FileLock, never, FileSystem.FileSystem | Path.Path> = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const { basename, dirname, join } = yield* Path.Path
  const owners = yield* LockOwner.make
  const remove = (path: string) => fs.remove(path, { force: true })

  /** Who holds the lock at `path`, if it is there. */
  const look = (path: string) =>
    Effect.gen(function*() {
      const owner = decodeOwner(yield* fs.readFileString(path))
      if (Option.isSome(owner)) {
        const { host, pid, token } = owner.value
        return { token, owner: `process ${pid} on ${host}`, isAbandoned: yield* owners.isDead(owner.value) }
      }
      // Not written by us, or lost its content when the machine crashed.
      const { ino, mtime } = yield* fs.stat(path)
      const modified = Option.getOrElse(Option.map(mtime, Number), () => 0)
      return {
        token: `${Option.getOrElse(ino, () => 0n)}-${modified}`,
        owner: "an unknown program",
        isAbandoned: (yield* Clock.currentTimeMillis) - modified > strangerAge
      }
    }).pipe(Effect.asSome, Effect.catchReason("PlatformError", "NotFound", () => Effect.succeedNone))

  const hold: FileLock["hold"] = Effect.fnUntraced(function*(lock, timeout) {
    const self = yield* owners.next
    const candidate = `${lock}.${self.token}.new`

    const take = (path: string): Effect.Effect<void, Held | PlatformError> =>
      Effect.catchReason(fs.link(candidate, path), "PlatformError", "AlreadyExists", () =>
        Effect.gen(function*() {
          const found = Option.getOrUndefined(yield* look(path))
          if (!found?.isAbandoned) return yield* new Held({ owner: found?.owner ?? "several processes" })
          yield* removeAbandoned(path, found.token)
          return yield* take(path)
        }))

    const removeAbandoned = (path: string, token: string) => {
      const removal = `${lock}.${token}.dead`
      return Effect.acquireUseRelease(
        take(removal),
        () =>
          Effect.flatMap(
            look(path),
            (found) => Option.exists(found, (found) => found.token === token) ? remove(path) : Effect.void
          ),
        () => Effect.ignore(remove(removal))
      )
    }

    yield* Effect.addFinalizer(() => Effect.ignore(remove(candidate)))
    yield* Effect.uninterruptible(
      fs.writeFileString(candidate, JSON.stringify(self), { flag: "wx", mode: 0o644 })
    )
    yield* Effect.acquireRelease(
      take(lock),
      () => Effect.ignore(remove(lock), { log: "Warn", message: `Could not remove the lock ${lock}` })
    ).pipe(
      Effect.retry({ schedule: waits(timeout), while: (error) => error._tag === "Held" })
    )
    return self
  })

  const sweep: FileLock["sweep"] = Effect.fnUntraced(function*(lock) {
    const prefix = `${basename(lock)}.`
    for (const name of yield* fs.readDirectory(dirname(lock))) {
      const path = join(dirname(lock), name)
      // Those who wait have a candidate. All else is a holder's, and the holder is us.
      const isLeft = name.startsWith(prefix) &&
        (!name.endsWith(".new") || Option.exists(yield* look(path), ({ isAbandoned }) => isAbandoned))
      if (isLeft) yield* remove(path)
    }
  })

  return { hold, sweep }
})
