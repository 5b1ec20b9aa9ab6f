/**
 * A file that is replaced as a whole: at any instant, also when the machine stops, it holds the old content or the new.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import { type PlatformError, systemError } from "effect/PlatformError"

export interface AtomicFile {
  /** The file behind symbolic links, also one that is yet to be written. */
  readonly resolve: (path: string) => Effect.Effect<string, PlatformError>
  /** The content, if there is a file. */
  readonly read: (file: string) => Effect.Effect<Option.Option<Uint8Array>, PlatformError>
  /**
   * Replaces the content by way of the file `temporary`, which must be in the same directory. A file that is there
   * keeps its mode and, as far as possible, its owner; a new one is for its owner alone.
   */
  readonly replace: (file: string, content: string, temporary: string) => Effect.Effect<void, PlatformError>
}

export const make: Effect.Effect<AtomicFile, never, FileSystem.FileSystem | Path.Path> = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const { basename, dirname, join, resolve: toAbsolute } = yield* Path.Path

  const resolve: AtomicFile["resolve"] = (path) =>
    whenMissing(fs.realPath(path), () =>
      whenMissing(
        Effect.gen(function*() {
          const directory = yield* fs.realPath(dirname(path))
          const target = yield* Effect.option(fs.readLink(path))
          return yield* Option.match(target, {
            onNone: () => Effect.succeed(join(directory, basename(path))),
            onSome: (target) => resolve(toAbsolute(directory, target))
          })
        }),
        () => Effect.succeed(path)
      ))

  /** What is known of a file. Reading from a device or a pipe could wait for ever. */
  const status = Effect.fnUntraced(function*(file: string) {
    const info = yield* fs.stat(file)
    return info.type === "File" ? info : yield* failure("BadResource", file, `it is a ${info.type}, not a file`)
  })

  const read: AtomicFile["read"] = (file) =>
    whenMissing(Effect.asSome(Effect.andThen(status(file), fs.readFile(file))), () => Effect.succeedNone)

  // A file that is read-only could be replaced all the same, as that takes no right but to the directory.
  const checkWritable = (file: string, mode: number) =>
    (mode & 0o222) === 0
      ? failure("PermissionDenied", file, "it is read-only")
      : fs.access(file, { writable: true })

  const replace: AtomicFile["replace"] = (file, content, temporary) =>
    Effect.gen(function*() {
      const old = yield* whenMissing(status(file), () => Effect.undefined)
      if (old !== undefined) yield* checkWritable(file, old.mode)
      yield* Effect.scoped(Effect.gen(function*() {
        const written = yield* fs.open(temporary, { flag: "wx", mode: 0o600 })
        yield* written.writeAll(new TextEncoder().encode(content))
        if (old !== undefined) {
          const owner = Effect.fromOption(Option.all([old.uid, old.gid]))
          yield* Effect.ignore(Effect.flatMap(owner, ([uid, gid]) => fs.chown(temporary, uid, gid)))
          yield* fs.chmod(temporary, old.mode & 0o777)
        }
        yield* written.sync
      }))
      yield* fs.rename(temporary, file)
    }).pipe(
      Effect.onError(() => Effect.ignore(fs.remove(temporary, { force: true }))),
      // The content is safe; its name is too where directories can be synced.
      Effect.andThen(Effect.ignore(Effect.scoped(Effect.flatMap(fs.open(dirname(file)), ({ sync }) => sync))))
    )

  return { resolve, read, replace }
})

const whenMissing = <A, B, E, R>(
  self: Effect.Effect<A, PlatformError>,
  orElse: () => Effect.Effect<B, E, R>
) => Effect.catchReason(self, "PlatformError", "NotFound", orElse)

const failure = (tag: "BadResource" | "PermissionDenied", file: string, description: string) =>
  systemError({ _tag: tag, module: "AtomicFile", method: "replace", pathOrDescriptor: file, description })
