/**
 * The files of a fake CLI.
 *
 * @internal
 */
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as PlatformError from "effect/PlatformError"

/** Every file can be read, and what has no extension is a directory; text that is written is kept in `files` until its directory is removed. */
export const make = (files: Map<string, string>): FileSystem.FileSystem => {
  let directories = 0
  return FileSystem.makeNoop({
    access: () => Effect.void,
    stat: (path) => Effect.succeed(/\.[^./\\]+$/.test(path) ? file : { ...file, type: "Directory" as const }),
    makeTempDirectoryScoped: (options) =>
      Effect.acquireRelease(
        Effect.sync(() => `/tmp/${options?.prefix ?? ""}${++directories}`),
        (directory) =>
          Effect.sync(() => {
            for (const path of files.keys()) {
              if (path.startsWith(`${directory}/`)) files.delete(path)
            }
          })
      ),
    realPath: Effect.succeed,
    readFileString: (path) =>
      Effect.fromOption(Option.fromUndefinedOr(files.get(path))).pipe(Effect.mapError(() => missing)),
    remove: (path) => Effect.sync(() => void files.delete(path)),
    writeFileString: (path, text) => Effect.sync(() => void files.set(path, text))
  })
}

const missing = PlatformError.systemError({ _tag: "NotFound", module: "FakeCli", method: "readFileString" })

const file: FileSystem.File.Info = {
  type: "File",
  mtime: Option.none(),
  atime: Option.none(),
  birthtime: Option.none(),
  dev: 0n,
  ino: Option.none(),
  mode: 0o600,
  nlink: Option.none(),
  uid: Option.none(),
  gid: Option.none(),
  rdev: Option.none(),
  size: ByteSize.zero,
  blksize: Option.none(),
  blocks: Option.none()
}
