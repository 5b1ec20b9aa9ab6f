import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as PlatformError from "effect/PlatformError"
import * as LockOwner from "../src/internal/lockOwner.ts"

const missing = (method: string) => PlatformError.systemError({ _tag: "NotFound", module: "FileSystem", method })

/** A `/proc` whose files hold this. */
const proc = (files: Readonly<Record<string, string>>) => {
  const read = (method: string) => (path: string) => {
    const content = files[path]
    return content === undefined ? Effect.fail(missing(method)) : Effect.succeed(content)
  }
  return FileSystem.layerNoop({ readFileString: read("readFileString"), readLink: read("readLink") })
}

const own = `/proc/${process.pid}/stat`

const stat = (state: string, threads: number, start: number) =>
  `1 (a ) b) ${state} 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 ${threads} 19 ${start} 21`

const linux = {
  "/proc/sys/kernel/random/boot_id": "this boot\n",
  "/proc/self/ns/pid": "pid:[1]",
  [own]: stat("R", 7, 100)
}

/** Makes a lock where the first files are there, and looks at it where the second are. */
const judge = (before: Readonly<Record<string, string>>, after: Readonly<Record<string, string>>, pid = process.pid) =>
  Effect.gen(function*() {
    const owner = yield* Effect.provide(Effect.flatMap(LockOwner.make, ({ next }) => next), proc(before))
    return yield* Effect.provide(
      Effect.flatMap(LockOwner.make, ({ isDead }) => isDead({ ...owner, pid })),
      proc(after)
    )
  })

describe("NodeSessionStore's lock", () => {
  it.effect("belongs to a dead process only where that is certain", () =>
    Effect.gen(function*() {
      assert.isFalse(yield* judge(linux, linux))
      assert.isFalse(yield* judge({}, {}))
      assert.isTrue(yield* judge(linux, linux, 999_999_999))
      // Its process id has gone to another process, in this boot or the next.
      assert.isTrue(yield* judge(linux, { ...linux, [own]: stat("R", 7, 101) }))
      assert.isTrue(yield* judge(linux, { ...linux, "/proc/sys/kernel/random/boot_id": "the next boot" }))
      // A zombie; one that was killed, whose threads are still at it.
      assert.isTrue(yield* judge(linux, { ...linux, [own]: stat("Z", 1, 100) }))
      assert.isFalse(yield* judge(linux, { ...linux, [own]: stat("Z", 2, 100) }))
      // Nothing can be said of one that is hidden, or in another container.
      const { [own]: _, ...hidden } = linux
      assert.isFalse(yield* judge(linux, hidden))
      assert.isFalse(yield* judge(hidden, linux))
      assert.isFalse(yield* judge(linux, { ...linux, "/proc/self/ns/pid": "pid:[2]" }, 999_999_999))
    }))

  it.effect("never has the token of another", () =>
    Effect.gen(function*() {
      const { next } = yield* LockOwner.make
      const owners = yield* Effect.replicateEffect(next, 1000)
      assert.strictEqual(new Set(owners.map(({ token }) => token)).size, 1000)
    }).pipe(Effect.provide(proc({}))))
})
