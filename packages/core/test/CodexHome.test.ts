import * as CodexHome from "@effect-codex/core/CodexHome"
import { assert, describe, it } from "@effect/vitest"
import * as ByteSize from "effect/ByteSize"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import * as PlatformError from "effect/PlatformError"
import * as References from "effect/References"

const refused = (_tag: PlatformError.SystemErrorTag) =>
  PlatformError.systemError({ _tag, module: "FileSystem", method: "" })

const id = "019b0000-0000-4000-8000-000000000000"
const name = `2026/01/01/rollout-2026-01-01T00-00-00-${id}.jsonl.zst`

const info: FileSystem.File.Info = {
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
  size: ByteSize.fromInputUnsafe(0),
  blksize: Option.none(),
  blocks: Option.none()
}

/** A home with one thread, where `overrides` go wrong. */
const homeOf = (overrides: Partial<FileSystem.FileSystem>) =>
  CodexHome.make({ path: "/home" }).pipe(
    Effect.provideService(
      FileSystem.FileSystem,
      FileSystem.makeNoop({
        exists: () => Effect.succeed(true),
        readDirectory: (path) => path === "/home/sessions" ? Effect.succeed([name]) : Effect.succeed([]),
        stat: () => Effect.succeed(info),
        readFileString: () => Effect.fail(refused("NotFound")),
        ...overrides
      })
    ),
    Effect.provide(Path.layer)
  )

describe("CodexHome", () => {
  it.effect("is listed again if something went away meanwhile", () =>
    Effect.gen(function*() {
      let failures = 2
      const home = yield* homeOf({
        readDirectory: () =>
          Effect.suspend(() => failures-- > 0 ? Effect.fail(refused("NotFound")) : Effect.succeed([name]))
      })
      assert.strictEqual(Option.getOrThrow(yield* home.last()).threadId, id)
    }))

  it.effect("is not said to be empty if that goes on", () =>
    Effect.gen(function*() {
      const home = yield* homeOf({ readDirectory: () => Effect.fail(refused("NotFound")) })
      assert.deepInclude(yield* Effect.flip(home.last()), { path: "/home/sessions", problem: "NotFound" })
    }))

  it.effect("that is not there is empty", () =>
    Effect.gen(function*() {
      const home = yield* homeOf({
        exists: () => Effect.succeed(false),
        readDirectory: () => Effect.fail(refused("NotFound"))
      })
      assert.deepStrictEqual(yield* home.last(), Option.none())
    }))

  it.effect("that must not be read is a failure that names what", () =>
    Effect.gen(function*() {
      const home = yield* homeOf({ readDirectory: () => Effect.fail(refused("PermissionDenied")) })
      const error = yield* Effect.flip(home.last())
      assert.strictEqual(
        error.message,
        "Could not read /home/sessions (PermissionDenied). Repair it, or choose another home by CODEX_HOME or `path`"
      )
    }))

  it.effect("passes over a file without a time, and names that cannot be read", () =>
    Effect.gen(function*() {
      const messages: Array<string> = []
      const logger = Logger.make(({ message }) => void messages.push(String(message)))
      const logged = <A, E>(effect: Effect.Effect<A, E>) =>
        effect.pipe(
          Effect.provide(Logger.layer([logger])),
          Effect.provideService(References.MinimumLogLevel, "All")
        )
      const gone = yield* homeOf({ stat: () => Effect.fail(refused("PermissionDenied")) })
      assert.deepStrictEqual(yield* logged(gone.last()), Option.none())
      const nameless = yield* homeOf({ readFileString: () => Effect.fail(refused("PermissionDenied")) })
      assert.isTrue(Option.isSome(yield* logged(nameless.last())))
      assert.lengthOf(messages, 2)
      assert.include(messages[0], `Passed over /home/sessions/${name}: PermissionDenied`)
      assert.include(messages[1], "No names of threads")
    }))

  it.effect("gives the oldest time to what has none", () =>
    Effect.gen(function*() {
      const home = yield* homeOf({})
      assert.deepStrictEqual(
        yield* home.find(id),
        Option.some({
          threadId: id,
          createdAt: DateTime.makeUnsafe(0),
          updatedAt: DateTime.makeUnsafe(0),
          isSubAgent: false,
          isArchived: false,
          path: `/home/sessions/${name}`
        })
      )
    }))
})
