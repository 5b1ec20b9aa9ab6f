import type { SessionStore } from "@effect-codex/core/SessionStore"
import * as NodeSessionStore from "@effect-codex/node/NodeSessionStore"
import * as SessionStoreContract from "@effect-codex/testing/SessionStoreContract"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import * as SessionFiles from "./support/sessionFiles.ts"

const worker = new URL("fixtures/sessionWorker.ts", import.meta.url).pathname

/** Starts a process that counts in a session, by the bare name of the file. */
const count = (directory: string, name: string, times: number) =>
  ChildProcess.make(process.execPath, [worker, "sessions.json", name, `${times}`], {
    cwd: directory,
    env: { NODE_COMPILE_CACHE: `${directory}/cache` },
    extendEnv: true,
    stdin: "ignore",
    stderr: "inherit",
    killSignal: "SIGKILL"
  })

const counted = (store: SessionStore["Service"], name: string) =>
  Effect.map(store.get(name), Option.match({ onNone: () => 0, onSome: ({ turnCount }) => turnCount }))

const withoutCache = (names: ReadonlyArray<string>) => names.filter((name) => name !== "cache")

/** A file for a whole suite. */
class File extends Context.Service<File, string>()("File") {
  static readonly layer = Layer.effect(File, Effect.map(SessionFiles.make(), ({ file }) => file))
}

layer(File.layer.pipe(Layer.provideMerge(SessionFiles.Live)), { excludeTestServices: true })(
  "NodeSessionStore keeps the contract",
  (it) => {
    const store = Layer.unwrap(Effect.map(File, (file) => NodeSessionStore.layerFile(file)))
    SessionStoreContract.suite(it.effect, store, { shared: true })
  }
)

layer(NodeServices.layer, { excludeTestServices: true })("NodeSessionStore, used by processes,", (it) => {
  it.effect("loses no update", () =>
    Effect.gen(function*() {
      const files = yield* SessionFiles.make()
      const names = ["a", "b", "c", "d"]
      const exits = yield* Effect.forEach(
        names,
        (name) => Effect.flatMap(count(files.directory, name, 50), ({ exitCode }) => exitCode),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(exits.map(Number), [0, 0, 0, 0])
      const store = yield* files.open
      const counts = yield* Effect.forEach([...names, "shared"], (name) => counted(store, name))
      assert.deepStrictEqual(counts, [50, 50, 50, 50, 200])
      assert.deepStrictEqual(withoutCache(yield* files.names), ["sessions.json"])
    }))

  it.effect(
    "holds every update that was done, whenever its writers are killed: 201 times",
    () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const files = yield* SessionFiles.make()
        yield* Effect.flatMap(count(files.directory, "a", 1), ({ exitCode }) => exitCode)
        const store = yield* files.open
        let [killed, killedWithLock, shared] = [0, 0, 1]

        /** Lets a process count, and kills it; what it says to have done must be in the file. */
        const countAndKill = Effect.fnUntraced(function*(name: string) {
          const before = yield* counted(store, name)
          const { pid, stdout } = yield* count(files.directory, name, Infinity)
          const begun = yield* Deferred.make<void>()
          const lines = yield* stdout.pipe(
            Stream.decodeText,
            Stream.splitLines,
            Stream.tap(() => Deferred.succeed(begun, undefined)),
            Stream.runCollect,
            Effect.forkScoped
          )
          yield* Effect.timeout(Deferred.await(begun), "20 seconds")
          yield* Effect.sleep(yield* Random.nextBetween(0, 25))
          process.kill(pid, "SIGKILL")
          const lock = yield* Effect.option(fs.readFileString(files.lock))
          const done = yield* Fiber.join(lines)

          killed++
          if (Option.exists(lock, (lock) => lock.includes(`"pid":${pid},`))) killedWithLock++
          const mine = done.filter((session) => session === name).length
          shared += done.length - mine
          assert.include([before + mine, before + mine + 1], yield* counted(store, name))
          assert.isAtLeast(yield* counted(store, "shared"), shared)
        }, Effect.scoped)

        yield* Effect.forEach(
          ["a", "b", "c"],
          (name) => Effect.replicateEffect(countAndKill(name), 67, { discard: true }),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(killed, 201)
        assert.isAbove(killedWithLock, 20)
        assert.isAtMost(yield* counted(store, "shared"), shared + killed)

        // The next to come recovers the lock and clears up; what might still be being written, once it is old.
        const candidates = (yield* files.names).filter((name) => name.endsWith(".new"))
        yield* Effect.forEach(candidates, (name) => fs.utimes(`${files.directory}/${name}`, 0, 0))
        yield* Effect.flatMap(files.open, (store) => store.remove("a"))
        assert.deepStrictEqual(withoutCache(yield* files.names), ["sessions.json"])
      }),
    120_000
  )
})
