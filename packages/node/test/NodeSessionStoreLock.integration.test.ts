import { assert, describe, layer } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type { PlatformError } from "effect/PlatformError"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as FileLock from "../src/internal/fileLock.ts"
import * as LockOwner from "../src/internal/lockOwner.ts"
import * as SessionFiles from "./support/sessionFiles.ts"

const { record } = SessionFiles

const living = Effect.flatMap(LockOwner.make, ({ next }) => next)

/** No process has this id. */
const nobody = 999_999_999

const dead = Effect.map(living, (owner) => ({ ...owner, pid: nobody }))

/** How many wait for the lock. */
const candidates = (files: { readonly names: Effect.Effect<ReadonlyArray<string>, PlatformError> }) =>
  Effect.map(files.names, (names) => names.filter((name) => name.endsWith(".new")).length)

layer(SessionFiles.Live, { excludeTestServices: true })("NodeSessionStore's lock", (it) => {
  describe("is waited for", () => {
    const expectLocked = Effect.fnUntraced(function*(content: string) {
      const fs = yield* FileSystem.FileSystem
      const files = yield* SessionFiles.make()
      yield* fs.writeFileString(files.lock, content)
      const store = yield* files.open
      const { message, reason } = yield* Effect.flip(store.set(record("a")))
      assert.strictEqual(reason._tag, "Locked")
      assert.include(message, `in ${files.file} were kept busy for 100ms by`)
      assert.include(message, `(if that has ended, remove ${files.lock}): try again later`)
      assert.deepStrictEqual(yield* files.names, ["sessions.json.effect-lock"])
      assert.strictEqual(yield* fs.readFileString(files.lock), content)
      assert.deepStrictEqual(yield* store.list, [])
      return message
    })

    it.effect("in vain if a living process keeps it", () =>
      Effect.gen(function*() {
        const owner = yield* living
        assert.include(yield* expectLocked(JSON.stringify(owner)), `by process ${process.pid} on ${owner.host} (`)
      }))

    it.effect("in vain if a process on another host has it, dead or not", () =>
      Effect.gen(function*() {
        const owner = { ...yield* dead, host: "elsewhere" }
        assert.include(yield* expectLocked(JSON.stringify(owner)), `by process ${nobody} on elsewhere (`)
      }))

    it.effect("in vain if it was not written by us", () =>
      Effect.gen(function*() {
        const owner = { ...yield* dead, token: "../../escape" }
        for (const content of ["", "123", JSON.stringify(owner)]) {
          assert.include(yield* expectLocked(content), "by an unknown program (")
        }
      }))

    it.effect("until it is free, in turn by those of one process", () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const files = yield* SessionFiles.make()
        yield* fs.writeFileString(files.lock, JSON.stringify(yield* living))
        const store = yield* files.open
        const order: Array<string> = []
        const set = (name: string) => Effect.andThen(store.set(record(name)), Effect.sync(() => order.push(name)))
        const fiber = yield* Effect.forkChild(Effect.forEach(["a", "b", "c"], set, { concurrency: 3, discard: true }))
        yield* Effect.repeat(candidates(files), { until: (count) => count === 1 })
        assert.deepStrictEqual(order, [])
        yield* fs.remove(files.lock)
        yield* Fiber.join(fiber)
        assert.deepStrictEqual(order, ["a", "b", "c"])
        assert.deepStrictEqual(yield* files.names, ["sessions.json"])
      }))

    it.effect("by nobody who reads", () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const files = yield* SessionFiles.make("{\"a\":\"thread\"}")
        yield* fs.writeFileString(files.lock, JSON.stringify(yield* living))
        const store = yield* files.open
        assert.isTrue(Option.isSome(yield* store.get("a")))
        assert.lengthOf(yield* store.list, 1)
      }))

    it.effect("no longer by those who are interrupted, of whom nothing is left", () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const files = yield* SessionFiles.make()
        yield* fs.writeFileString(files.lock, JSON.stringify(yield* living))
        const store = yield* files.open
        for (let round = 0; round < 10; round++) {
          const fiber = yield* Effect.forkChild(store.set(record("a")))
          yield* Effect.repeat(candidates(files), { until: (count) => count === 1 })
          yield* Fiber.interrupt(fiber)
          assert.deepStrictEqual(yield* files.names, ["sessions.json.effect-lock"])
        }
      }))
  })

  describe("is taken from", () => {
    const expectRecovered = Effect.fnUntraced(function*(content: string, secondsOld = 0) {
      const fs = yield* FileSystem.FileSystem
      const files = yield* SessionFiles.make()
      yield* fs.writeFileString(files.lock, content)
      const modified = (yield* Clock.currentTimeMillis) / 1000 - secondsOld
      yield* fs.utimes(files.lock, modified, modified)
      const store = yield* files.open
      yield* store.set(record("a"))
      assert.deepStrictEqual(yield* files.names, ["sessions.json"])
    })

    it.effect("a process that is dead", () => Effect.flatMap(dead, (owner) => expectRecovered(JSON.stringify(owner))))

    it.effect("a process whose id another has now", () =>
      Effect.flatMap(living, (owner) => expectRecovered(JSON.stringify({ ...owner, start: `${owner.start}0` }))))

    it.effect("nobody, if the machine crashed before its content was on the disk", () => expectRecovered("", 61))

    it.effect("one at most, however often owners die, and those who remove their locks", () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const files = yield* SessionFiles.make()
        const locks = yield* FileLock.make
        let [inside, turns] = [0, 0]
        /** Takes the lock, and dies with it. */
        const takeAndDie = Effect.gen(function*() {
          const scope = yield* Scope.make()
          yield* Scope.provide(locks.hold(files.lock, Duration.seconds(20)), scope)
          inside++
          const alone = inside === 1
          yield* Effect.sleep(yield* Random.nextBetween(0, 2))
          turns++
          const corpse = yield* dead
          // Somebody who died when he removed the lock of the one who died.
          if (turns % 2 === 0) {
            yield* fs.writeFileString(`${files.lock}.${corpse.token}.dead`, JSON.stringify(yield* dead))
          }
          yield* fs.writeFileString(`${files.directory}/corpse`, JSON.stringify(corpse))
          inside--
          yield* fs.rename(`${files.directory}/corpse`, files.lock)
          assert.isTrue(alone)
        })
        const contender = Effect.replicateEffect(takeAndDie, 25, { discard: true })
        yield* Effect.all(Array.from({ length: 8 }, () => contender), { concurrency: "unbounded", discard: true })
        assert.strictEqual(turns, 200)
      }))
  })

  it.effect("is left by an update that dies", () =>
    Effect.gen(function*() {
      const files = yield* SessionFiles.make()
      const store = yield* files.open
      const exit = yield* Effect.exit(store.update("a", () => {
        throw new Error("from the function")
      }))
      assert.isTrue(Exit.hasDies(exit))
      assert.deepStrictEqual(yield* files.names, [])
    }))

  it.effect("comes with a look for what dead processes left", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const files = yield* SessionFiles.make()
      const [waiting, corpse] = [JSON.stringify(yield* living), JSON.stringify(yield* dead)]
      const left = { "1.tmp": "", "2.dead": corpse, "3.new": corpse, "4.new": waiting, "5.new": "" }
      for (const [name, content] of Object.entries(left)) {
        yield* fs.writeFileString(`${files.lock}.${name}`, content)
      }
      yield* fs.writeFileString(`${files.file}.backup`, "")
      const store = yield* files.open
      yield* store.set(record("a"))
      assert.deepStrictEqual(yield* files.names, [
        "sessions.json",
        "sessions.json.backup",
        "sessions.json.effect-lock.4.new",
        "sessions.json.effect-lock.5.new"
      ])
    }))
})
