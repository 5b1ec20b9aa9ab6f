/**
 * Sessions in a JSON file that several processes share.
 *
 * **Example** (Sessions that outlive the program)
 *
 * ```ts
 * import * as NodeCodex from "@effect-codex/node/NodeCodex"
 * import * as NodeSessionStore from "@effect-codex/node/NodeSessionStore"
 * import * as Layer from "effect/Layer"
 *
 * export const layer = NodeCodex.layer().pipe(Layer.provide(NodeSessionStore.layerFile(".codex_sessions.json")))
 * ```
 *
 * - **The file** has the format of `codex_local_sdk` for Python, version 2, and is understood by it; the map from
 *   names to thread ids that came before it is read too, and becomes version 2 with the next write. A file that is
 *   missing or empty holds no sessions. One that is not understood in full is refused and left as it is. Keys that
 *   are not known are kept. A new file is for its owner alone; one that exists keeps its mode. A symbolic link stays,
 *   and the file behind it is written.
 * - **A write** replaces the file as a whole, by a rename after all is on the disk. Whoever reads sees the old sessions
 *   or the new and waits for nobody.
 * - **Updates** of all processes happen one after the other, under the lock `<file>.effect-lock`. The lock of a process
 *   that was killed is removed by the next, if that runs on the same host, and in the same container. `Locked`
 *   says who has it, if it is not free in time.
 *
 * Not for network file systems, nor for those without hard links. `codex_local_sdk` has another lock, and may lose
 * updates that happen at the same time.
 *
 * @since 0.1.0
 */
import * as SessionStore from "@effect-codex/core/SessionStore"
import * as SessionStoreError from "@effect-codex/core/SessionStoreError"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import type { PlatformError } from "effect/PlatformError"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Semaphore from "effect/Semaphore"
import * as AtomicFile from "./internal/atomicFile.ts"
import * as FileLock from "./internal/fileLock.ts"
import * as SessionFile from "./internal/sessionFile.ts"

// =============================================================================
// Options
// =============================================================================

/**
 * Options of {@link layerFile}.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** How long an update waits for other processes before it fails with `Locked`. Default: 10 seconds. */
  readonly lockTimeout?: Duration.Input | undefined
}

// =============================================================================
// Constructors
// =============================================================================

/**
 * A store in a file; `path` is relative to the working directory at this moment. Directories that are missing are made
 * by the first update.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeFile = Effect.fnUntraced(function*(
  path: string,
  options: Options = {}
): Effect.fn.Return<SessionStore.SessionStore["Service"], never, FileSystem.FileSystem | Path.Path> {
  const fs = yield* FileSystem.FileSystem
  const { dirname, resolve } = yield* Path.Path
  const files = yield* AtomicFile.make
  const locks = yield* FileLock.make
  const location = resolve(path)
  const lockTimeout = Duration.fromInputUnsafe(options.lockTimeout ?? "10 seconds")
  // Within this process updates wait in turn, and one at a time competes with other processes.
  const turn = yield* Semaphore.make(1)
  let isSwept = false

  const attempt = <A, R>(operation: string, effect: Effect.Effect<A, PlatformError, R>) =>
    Effect.mapError(effect, (error) =>
      SessionStoreError.fromReason(
        new SessionStoreError.StorageFailed({ operation, location, problem: problemOf(error) })
      ))

  const find = attempt("find", files.resolve(location))

  const read = Effect.fnUntraced(function*(file: string) {
    const content = yield* attempt("read", files.read(file))
    const parsed = SessionFile.parse(Option.getOrElse(content, () => new Uint8Array()), yield* DateTime.now)
    return yield* Effect.fromResult(Result.mapError(parsed, (refusal) =>
      SessionStoreError.fromReason(
        "version" in refusal
          ? new SessionStoreError.UnsupportedVersion({ location, version: refusal.version })
          : new SessionStoreError.Unreadable({ location, problem: refusal.problem })
      )))
  })

  const lock = (path: string) =>
    Effect.catchTags(locks.hold(path, lockTimeout), {
      Held: ({ owner }) => {
        const holder = `${owner} (if that has ended, remove ${path})`
        return SessionStoreError.fromReason(new SessionStoreError.Locked({ location, waited: lockTimeout, holder }))
      },
      PlatformError: (error) => attempt("lock", Effect.fail(error))
    })

  const update = Effect.fnUntraced(
    function*<A>(name: string, f: SessionStore.Update<A>) {
      const file = yield* find
      yield* attempt("make the directory of", fs.makeDirectory(dirname(file), { recursive: true }))
      // `<file>.lock` is that of `codex_local_sdk`, which never removes it.
      const lockFile = `${file}.effect-lock`
      const { token } = yield* lock(lockFile)
      return yield* Effect.uninterruptible(Effect.gen(function*() {
        if (!isSwept) yield* Effect.ignore(locks.sweep(lockFile))
        isSwept = true
        const sessions = yield* read(file)
        const current = SessionFile.get(sessions, name)
        const [result, next] = f(current)
        if (Option.getOrUndefined(next) !== Option.getOrUndefined(current)) {
          const content = SessionFile.print(SessionFile.set(sessions, name, next))
          yield* attempt("write", files.replace(file, content, `${lockFile}.${token}.tmp`))
        }
        return result
      }))
    },
    Effect.scoped,
    (effect) => turn.withPermit(effect)
  )

  const sessions = Effect.flatMap(find, read)
  return SessionStore.make({
    get: (name) => Effect.map(sessions, (sessions) => SessionFile.get(sessions, name)),
    list: Effect.map(sessions, SessionFile.list),
    update
  })
})

// =============================================================================
// Layers
// =============================================================================

/**
 * Provides a store in a file, see {@link makeFile}.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerFile = (path: string, options?: Options): Layer.Layer<SessionStore.SessionStore> =>
  Layer.effect(SessionStore.SessionStore, makeFile(path, options)).pipe(
    Layer.provide([NodeFileSystem.layer, NodePath.layer])
  )

// =============================================================================
// Internals
// =============================================================================

/** What the system said, and what to do about it. */
const problemOf = ({ reason }: PlatformError): string => {
  const said = Predicate.hasProperty(reason.cause, "message") ? String(reason.cause.message) : reason.message
  return reason._tag === "PermissionDenied"
    ? `${said}. Give this process the right to read and write the file and its directory`
    : said
}
