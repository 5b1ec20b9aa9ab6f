import type { TokenUsage } from "@effect-codex/core/CodexEvent"
import * as SessionRecord from "@effect-codex/core/SessionRecord"
import * as NodeSessionStore from "@effect-codex/node/NodeSessionStore"
import { assert, describe, layer } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as PlatformError from "effect/PlatformError"
import * as Result from "effect/Result"
import * as TestClock from "effect/testing/TestClock"
import * as Path from "node:path"
import * as SessionFile from "../src/internal/sessionFile.ts"
import * as SessionFiles from "./support/sessionFiles.ts"

const { record } = SessionFiles

const fixture = new URL("fixtures/sessions-v2.json", import.meta.url).pathname

/** What each of these may not be taken for, or overwritten. */
const refused: Record<string, string | Uint8Array> = {
  "what is no JSON": "secret",
  "what was cut off": "{\"schema_version\":2,\"records\":{\"a\":{\"session_id\":\"secret",
  "what is no text": new Uint8Array([0x22, 0xff, 0x22]),
  "no object": "[\"secret\"]",
  "no version": "{\"records\":{}}",
  "a version that is no number": "{\"schema_version\":\"2\"}",
  "no records": "{\"schema_version\":2}",
  "records that are no object": "{\"schema_version\":2,\"records\":[\"secret\"]}",
  "a name that none can have": "{\" a\":\"secret\"}",
  "a name without a thread": "{\"a\":\"\"}",
  "a name that is not for a thread": "{\"a\":\"secret\",\"b\":1}",
  ...Object.fromEntries(
    Object.entries({
      "a record that is no object": "secret",
      "a record without a thread": { session_id: undefined },
      "a record without a time": { created_at: undefined },
      "a time that is none": { updated_at: 1e300 },
      "a count that is none": { turn_count: -1 },
      "a status that is none": { last_turn_status: 1 },
      "turns that are no list": { turns: {} },
      "a turn that is none": { turns: [{ timestamp: 1 }] },
      "an exit code that is none": { turns: [{ timestamp: 1, operation: "secret", return_code: 1.5 }] },
      "tokens that are none": { thread_usage: { input_tokens: "secret" } }
    }).map(([what, fields]) => {
      const whole = { session_id: "secret", created_at: 1, updated_at: 1, turn_count: 0, success_count: 0 }
      const a = typeof fields === "string" ? fields : { ...whole, failure_count: 0, turns: [], ...fields }
      return [what, JSON.stringify({ schema_version: 2, records: { a } })]
    })
  )
}

layer(SessionFiles.Live)("NodeSessionStore", (it) => {
  describe("the file", () => {
    it.effect("is read as the Python SDK wrote it", () =>
      Effect.gen(function*() {
        const store = yield* NodeSessionStore.makeFile(fixture)
        const at = (time: string) => DateTime.makeUnsafe(time)
        assert.deepStrictEqual(yield* store.list, [
          SessionRecord.start({ name: "10", threadId: "0199-ten", at: at("2025-10-09T08:53:20.250Z") }),
          {
            name: "9",
            threadId: "0199-nine",
            createdAt: at("2025-10-09T08:53:21.654Z"),
            updatedAt: at("2025-10-09T08:54:59.500Z"),
            lastTurnStatus: "failed",
            turnCount: 2,
            successCount: 1,
            failureCount: 1,
            turns: [
              {
                timestamp: at("2025-10-09T08:53:34.123Z"),
                operation: "start_thread",
                promptPreview: "Say \"hello\"\nin German\u007f",
                messagePreview: "Grüße 🙂",
                exitCode: 0,
                status: "completed",
                duration: Duration.seconds(12.345678)
              },
              {
                timestamp: at("2025-10-09T08:54:59.500Z"),
                operation: "resume",
                exitCode: 124,
                status: "failed",
                duration: Duration.zero
              }
            ]
          }
        ])
      }))

    it.effect("is written as the Python SDK writes it, with all that was not changed as it was", () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const original = yield* fs.readFileString(fixture)
        const { open, text } = yield* SessionFiles.make(original)
        const store = yield* open
        yield* store.set(record("another"))
        assert.notStrictEqual(yield* text, original)
        yield* store.remove("another")
        assert.strictEqual(yield* text, original)
      }))

    it.effect("keeps unknown keys of the record that is changed, and its turns", () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const { open, text } = yield* SessionFiles.make(yield* fs.readFileString(fixture))
        const store = yield* open
        const change = (f: (record: SessionRecord.SessionRecord) => SessionRecord.SessionRecord) =>
          store.update("9", (current) => [undefined, Option.map(current, f)])
        const turn = { timestamp: DateTime.makeUnsafe(0), operation: "run", duration: Duration.millis(1500) }
        const threadUsage: TokenUsage = { input_tokens: 2, cached_input_tokens: 1, output_tokens: 1 }

        yield* change((record) => SessionRecord.addTurn(record, turn, { threadUsage }))
        const [, record = ""] = (yield* text).split("\"9\": ")
        for (const kept of ["\"tags\": [", "\"cost\": 0.5", "\"timestamp\": 1760000014.123456", "\"turn_count\": 3"]) {
          assert.include(record, kept)
        }
        assert.include(
          record,
          `
        {
          "duration_seconds": 1.5,
          "message_preview": null,
          "operation": "run",
          "prompt_preview": null,
          "return_code": null,
          "timestamp": 0,
          "turn_status": null
        }
`
        )
        assert.include(record, "\"thread_usage\": {")
        const stored = Option.getOrThrow(yield* store.get("9"))
        assert.deepStrictEqual(stored.threadUsage, threadUsage)

        yield* change((record) => SessionRecord.withThread(record, "another", DateTime.makeUnsafe(0)))
        assert.notInclude(yield* text, "\"thread_usage\"")
      }))

    it.effect("of names and thread ids is read, and becomes the new format with the next write", () =>
      Effect.gen(function*() {
        const legacy = "{\"b\": \"thread b\", \"a\": \"thread a\"}"
        const { open, text } = yield* SessionFiles.make(legacy)
        const store = yield* open
        yield* TestClock.setTime(1_760_000_000_250)
        const at = DateTime.makeUnsafe(1_760_000_000_250)
        const [a, b] = ["a", "b"].map((name) => SessionRecord.start({ name, threadId: `thread ${name}`, at }))
        assert.deepStrictEqual(yield* store.list, [a, b])
        assert.deepStrictEqual(yield* store.get("b"), Option.fromUndefinedOr(b))
        assert.isFalse(yield* store.remove("c"))
        assert.strictEqual(yield* text, legacy)
        assert.isTrue(yield* store.remove("a"))
        assert.strictEqual(
          yield* text,
          `{
  "records": {
    "b": {
      "created_at": 1760000000.25,
      "failure_count": 0,
      "last_turn_status": null,
      "session_id": "thread b",
      "session_name": "b",
      "success_count": 0,
      "turn_count": 0,
      "turns": [],
      "updated_at": 1760000000.25
    }
  },
  "schema_version": 2
}
`
        )
      }))

    it.effect("that is missing or empty has no sessions", () =>
      Effect.forEach([undefined, "", " \n", "{}"], (content) =>
        Effect.gen(function*() {
          const { names, open } = yield* SessionFiles.make(content)
          const store = yield* open
          assert.deepStrictEqual(yield* store.list, [])
          assert.deepStrictEqual(yield* names, content === undefined ? [] : ["sessions.json"])
          yield* store.set(record("a"))
          assert.deepStrictEqual(yield* store.get("a"), Option.some(record("a")))
        }).pipe(Effect.scoped)))

    it.effect.prop(
      "gives back each record as it was printed",
      { record: SessionRecord.SessionRecord },
      ({ record }) =>
        Effect.gen(function*() {
          const at = DateTime.makeUnsafe(0)
          const empty = Result.getOrThrow(SessionFile.parse(new Uint8Array(), at))
          const text = SessionFile.print(SessionFile.set(empty, record.name, Option.some(record)))
          assert.match(text, /^[\n -~]*\n$/)
          const parsed = yield* Effect.fromResult(SessionFile.parse(new TextEncoder().encode(text), at))
          // JSON has no negative zero.
          assert.isTrue(Equal.equals(SessionFile.get(parsed, record.name), Option.some(record)))
        })
    )

    it.effect("is made with its directories, for its owner alone, and otherwise keeps its mode", () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const { directory } = yield* SessionFiles.make()
        const file = `${directory}/not/yet/there.json`
        const store = yield* NodeSessionStore.makeFile(file)
        assert.deepStrictEqual(yield* store.list, [])
        yield* store.set(record("a"))
        assert.strictEqual((yield* fs.stat(file)).mode & 0o777, 0o600)
        yield* fs.chmod(file, 0o664)
        yield* store.set(record("b"))
        assert.strictEqual((yield* fs.stat(file)).mode & 0o777, 0o664)
        assert.deepStrictEqual(yield* fs.readDirectory(`${directory}/not/yet`), ["there.json"])
      }))

    it.effect("may be behind symbolic links, which stay", () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const { directory } = yield* SessionFiles.make()
        yield* fs.makeDirectory(`${directory}/deep/real`, { recursive: true })
        yield* fs.symlink("deep/real", `${directory}/short`)
        // What `..` means is decided by the directory behind the link.
        yield* fs.symlink("../file.json", `${directory}/short/second.json`)
        yield* fs.symlink("short/second.json", `${directory}/first.json`)
        const store = yield* NodeSessionStore.makeFile(`${directory}/first.json`)
        assert.deepStrictEqual(yield* store.list, [])
        yield* store.set(record("to a file that is missing"))
        yield* store.set(record("to a file that is there"))
        assert.strictEqual(yield* fs.readLink(`${directory}/first.json`), "short/second.json")
        assert.strictEqual(yield* fs.readLink(`${directory}/short/second.json`), "../file.json")
        const behind = yield* NodeSessionStore.makeFile(`${directory}/deep/file.json`)
        assert.lengthOf(yield* behind.list, 2)
      }))
  })

  describe("refuses and leaves alone", () => {
    for (const [what, content] of Object.entries(refused)) {
      it.effect(what, () =>
        Effect.gen(function*() {
          const { bytes, file, names, open } = yield* SessionFiles.make(content)
          const store = yield* open
          const before = yield* bytes
          for (
            const use of [store.get("a"), store.list, store.set(record("a")), store.remove("a")]
          ) {
            const { message, reason } = yield* Effect.flip(Effect.asVoid(use))
            assert.strictEqual(reason._tag, "Unreadable")
            assert.include(message, file)
            assert.notInclude(message, "secret")
          }
          assert.strictEqual(yield* bytes, before)
          assert.deepStrictEqual(yield* names, ["sessions.json"])
        }))
    }

    it.effect("what another version wrote", () =>
      Effect.gen(function*() {
        const content = "{\"schema_version\":3,\"records\":{}}"
        const { names, open, text } = yield* SessionFiles.make(content)
        const store = yield* open
        for (const use of [store.get("a"), store.list, store.set(record("a")), store.remove("a")]) {
          const { reason } = yield* Effect.flip(Effect.asVoid(use))
          assert(reason._tag === "UnsupportedVersion")
          assert.strictEqual(reason.version, 3)
        }
        assert.strictEqual(yield* text, content)
        assert.deepStrictEqual(yield* names, ["sessions.json"])
      }))

    it.effect("what is no file", () =>
      Effect.gen(function*() {
        const { directory } = yield* SessionFiles.make()
        for (const [path, type] of [[directory, "Directory"], ["/dev/null", "CharacterDevice"]] as const) {
          const store = yield* NodeSessionStore.makeFile(path)
          const { message, reason } = yield* Effect.flip(store.list)
          assert.strictEqual(reason._tag, "StorageFailed")
          assert.include(message, `a ${type}, not a file`)
        }
      }))

    it.effect("what is read-only", () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const { file, names, open, text } = yield* SessionFiles.make("{\"a\":\"thread\"}")
        yield* fs.chmod(file, 0o444)
        const store = yield* open
        const { message, reason } = yield* Effect.flip(store.set(record("b")))
        assert.strictEqual(reason._tag, "StorageFailed")
        assert.include(message, "it is read-only. Give this process the right to")
        assert.strictEqual(yield* text, "{\"a\":\"thread\"}")
        assert.deepStrictEqual(yield* names, ["sessions.json"])
        assert.lengthOf(yield* store.list, 1)
      }))
  })

  describe("a write", () => {
    it.effect("is on the disk before it takes the place of the old, and keeps the owner", () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const files = yield* SessionFiles.make("{\"a\":\"thread\"}")
        const { gid, uid } = yield* fs.stat(files.file)
        const steps: Array<string> = []
        const note = (step: string) => Effect.sync(() => steps.push(step.replaceAll(/\.[0-9a-z-]+\.tmp/g, ".tmp")))
        const store = yield* Effect.provideService(files.open, FileSystem.FileSystem, {
          ...fs,
          chown: (path, uid, gid) =>
            Effect.andThen(note(`chown ${Path.basename(path)} ${uid} ${gid}`), fs.chown(path, uid, gid)),
          open: (path, options) =>
            Effect.map(fs.open(path, options), (file) => {
              const sync = Effect.andThen(note(`sync ${Path.basename(path)}`), file.sync)
              return new Proxy(file, {
                get: (file, key): unknown => key === "sync" ? sync : Reflect.get(file, key)
              })
            }),
          rename: (from, to) => Effect.andThen(note(`rename ${Path.basename(from)}`), fs.rename(from, to))
        })
        yield* store.set(record("b"))
        assert.deepStrictEqual(steps, [
          `chown sessions.json.effect-lock.tmp ${Option.getOrThrow(uid)} ${Option.getOrThrow(gid)}`,
          "sync sessions.json.effect-lock.tmp",
          "rename sessions.json.effect-lock.tmp",
          `sync ${Path.basename(files.directory)}`
        ])
      }))
  })

  describe("when the system fails", () => {
    const denied = (method: string) =>
      PlatformError.systemError({
        _tag: "PermissionDenied",
        module: "FileSystem",
        method,
        cause: new Error(`EACCES: permission denied, ${method}`)
      })

    const failing = Effect.fnUntraced(
      function*(method: "access" | "chmod" | "link" | "readFile" | "rename" | "writeFileString") {
        const fs = yield* FileSystem.FileSystem
        const files = yield* SessionFiles.make("{\"a\":\"thread\"}")
        const store = yield* Effect.provideService(files.open, FileSystem.FileSystem, {
          ...fs,
          [method]: () => Effect.fail(denied(method))
        })
        return { ...files, store }
      }
    )

    for (
      const [method, operation] of [
        ["access", "write"],
        ["chmod", "write"],
        ["link", "lock"],
        ["readFile", "read"],
        ["rename", "write"],
        ["writeFileString", "lock"]
      ] as const
    ) {
      it.effect(`to ${method}, the file is as it was and nothing is left over`, () =>
        Effect.gen(function*() {
          const { file, names, store, text } = yield* failing(method)
          const error = yield* Effect.flip(store.set(record("b")))
          assert(error.reason._tag === "StorageFailed")
          assert.strictEqual(error.reason.operation, operation)
          assert.strictEqual(
            error.message,
            `Could not ${operation} the sessions in ${file}: EACCES: permission denied, ${method}. ` +
              "Give this process the right to read and write the file and its directory"
          )
          assert.strictEqual(yield* text, "{\"a\":\"thread\"}")
          assert.deepStrictEqual(yield* names, ["sessions.json"])
        }))
    }
  })
})
