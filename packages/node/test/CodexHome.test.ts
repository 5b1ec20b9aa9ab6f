import * as CodexHome from "@effect-codex/core/CodexHome"
import { zeroUsage } from "@effect-codex/core/CodexTurn"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, layer } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { utimesSync, writeFileSync } from "node:fs"
import * as Fixture from "./support/codexHome.ts"
import { meta, threadId, tokenCount, tokens, turn } from "./support/codexHome.ts"

const [a, b, c, d] = [threadId(1), threadId(2), threadId(3), threadId(4)]

const ids = (home: CodexHome.CodexHome["Service"], options?: CodexHome.ThreadsOptions) =>
  Stream.runCollect(Stream.map(home.threads(options), ({ threadId }) => threadId))

const lastId = (home: CodexHome.CodexHome["Service"], options?: CodexHome.ThreadsOptions) =>
  Effect.map(home.last(options), (last) => Option.getOrUndefined(last)?.threadId)

/** What is logged meanwhile. */
const logged = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const messages: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => void messages.push(`${logLevel} ${String(message)}`))
    const value = yield* effect.pipe(
      Effect.provide(Logger.layer([logger])),
      Effect.provideService(References.MinimumLogLevel, "All")
    )
    return { value, messages }
  })

layer(NodeServices.layer)("CodexHome", (it) => {
  describe("threads", () => {
    it.effect("come in the order in which they were worked on last", () =>
      Effect.gen(function*() {
        const { home, rollout } = yield* Fixture.make
        yield* rollout({ id: a, updated: 30 })
        yield* rollout({ id: b, updated: 10 })
        yield* rollout({ id: d, updated: 20 })
        yield* rollout({ id: c, updated: 20 })
        assert.deepStrictEqual(yield* ids(home), [a, d, c, b])
        assert.strictEqual(yield* lastId(home), a)
      }))

    it.effect("say what Codex wrote down", () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const { home, path, rollout } = yield* Fixture.make
        const file = yield* rollout({
          id: a,
          updated: 50,
          lines: [
            meta(a, { forked_from_id: b, git: { commit_hash: "c0ffee", branch: "main" }, parent_thread_id: null }),
            turn("/elsewhere", "gpt-5"),
            turn("/srv", "gpt-5.5"),
            { timestamp: "2026-01-01T00:00:00.000Z", type: "response_item", payload: { text: "turn_context" } }
          ]
        })
        yield* fs.writeFileString(
          `${path}/session_index.jsonl`,
          [{ id: a, thread_name: "old" }, { id: b, thread_name: "other" }, { id: a, thread_name: "plan" }, { id: a }]
            .map((entry) => `${JSON.stringify(entry)}\n`).join("")
        )
        const summary = Option.getOrThrow(yield* home.find(a.toUpperCase()))
        assert.deepStrictEqual(summary, {
          threadId: a,
          name: "plan",
          createdAt: DateTime.makeUnsafe("2026-01-01T00:00:01.000Z"),
          updatedAt: DateTime.makeUnsafe("2026-01-01T00:00:50.000Z"),
          directory: "/srv",
          model: "gpt-5.5",
          modelProvider: "openai",
          source: "exec",
          isSubAgent: false,
          forkedFrom: b,
          isArchived: false,
          cliVersion: "0.169.0",
          gitBranch: "main",
          path: file
        })
        assert.deepStrictEqual(Option.getOrThrow(yield* home.last()), summary)
        const codec = Schema.toCodecJson(CodexHome.ThreadSummary)
        const json = JSON.stringify(yield* Schema.encodeEffect(codec)(summary))
        assert.deepStrictEqual(yield* Schema.decodeUnknownEffect(codec)(JSON.parse(json)), summary)
      }))

    it.effect("of sub-agents don't count unless asked for", () =>
      Effect.gen(function*() {
        const { home, rollout } = yield* Fixture.make
        const spawn = { subagent: { thread_spawn: { parent_thread_id: a, depth: 1, agent_nickname: "Banach" } } }
        yield* rollout({ id: a, updated: 1 })
        yield* rollout({ id: b, updated: 2, lines: [meta(b, { source: spawn })] })
        yield* rollout({ id: c, updated: 3, lines: [meta(c, { source: { subagent: "review" }, parent_thread_id: a })] })
        yield* rollout({ id: d, updated: 4, lines: [meta(d, { source: { internal: "guardian" } })] })
        assert.deepStrictEqual(yield* ids(home), [a])
        assert.deepStrictEqual(yield* ids(home, { includeSubAgents: true }), [d, c, b, a])
        const found = yield* Effect.forEach([b, c, d], (id) => Effect.map(home.find(id), Option.getOrThrow))
        assert.deepStrictEqual(
          found.map(({ isSubAgent, parentThreadId, source }) => [isSubAgent, source, parentThreadId]),
          [[true, "subagent", a], [true, "subagent", a], [true, "internal", undefined]]
        )
      }))

    it.effect("are archived", () =>
      Effect.gen(function*() {
        const { home, rollout } = yield* Fixture.make
        yield* rollout({ id: a, updated: 1 })
        yield* rollout({ id: b, updated: 2, archived: true, lines: [meta(b), tokenCount(5)] })
        assert.deepStrictEqual(yield* ids(home), [a])
        assert.deepStrictEqual(yield* ids(home, { includeArchived: true }), [b, a])
        assert.isTrue(Option.getOrThrow(yield* home.find(b)).isArchived)
        assert.deepStrictEqual(yield* home.usage(b), Option.some(tokens(5)))
      }))

    it.effect("that were taken back to an earlier turn are one each, as they are now", () =>
      Effect.gen(function*() {
        const { home, rollout } = yield* Fixture.make
        // Not even a copy that did not keep the times confuses them.
        yield* rollout({ id: a, updated: 9, lines: [meta(a), turn("/first")] })
        yield* rollout({ id: a, updated: 3, revision: threadId(70), lines: [meta(a), turn("/third")] })
        yield* rollout({ id: a, updated: 5, revision: threadId(60), lines: [meta(a), turn("/second")] })
        const all = yield* Stream.runCollect(home.threads())
        assert.deepStrictEqual(all.map(({ directory }) => directory), ["/third"])
        assert.strictEqual(
          DateTime.formatIso(Option.getOrThrow(yield* home.find(a)).createdAt),
          "2026-01-01T00:00:01.000Z"
        )
      }))

    it.effect("are those of one directory", () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const { home, rollout, root } = yield* Fixture.make
        const [real, link, gone] = [`${root}/real`, `${root}/link`, `${root}/gone`]
        yield* fs.makeDirectory(real)
        yield* fs.symlink(real, link)
        yield* rollout({ id: a, updated: 1, lines: [meta(a, { cwd: real })] })
        yield* rollout({ id: b, updated: 2, lines: [meta(b), turn(link)] })
        // It began there, but went on elsewhere.
        yield* rollout({ id: c, updated: 3, lines: [meta(c, { cwd: real }), turn(real), turn(gone)] })
        yield* rollout({ id: d, updated: 4, lines: [{ timestamp: "2026-01-01T00:00:00Z", instructions: null }] })
        const relative = real.replace(/^\//, "../".repeat(process.cwd().split("/").length))
        for (const directory of [real, `${real}/`, link, `${link}/`, `${real}/../link/.`, relative]) {
          assert.deepStrictEqual(yield* ids(home, { directory }), [b, a], directory)
        }
        assert.strictEqual(yield* lastId(home, { directory: real }), b)
        assert.deepStrictEqual(yield* ids(home, { directory: `${gone}/` }), [c])
        assert.deepStrictEqual(yield* ids(home, { directory: root }), [])
        assert.isUndefined(yield* lastId(home, { directory: root }))
      }))

    it.effect("are read one by one, however many there are", () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const { path, rollout } = yield* Fixture.make
        const first = yield* rollout({ id: threadId(0) })
        for (let index = 1; index < 5000; index++) {
          const file = first.replace(threadId(0), threadId(index))
          writeFileSync(file, JSON.stringify(meta(threadId(index))))
          utimesSync(file, 1_767_225_600, 1_767_225_600 + (index * 7) % 5000)
        }
        let opened = 0
        const counting: FileSystem.FileSystem = {
          ...fs,
          open: (...args) => Effect.suspend(() => (opened++, fs.open(...args)))
        }
        const home = yield* Effect.provideService(CodexHome.make({ path }), FileSystem.FileSystem, counting)
        assert.strictEqual(yield* lastId(home), threadId(2857))
        assert.strictEqual(opened, 1)
        assert.lengthOf(yield* Stream.runCollect(Stream.take(home.threads(), 10)), 10)
        assert.isAtMost(opened, 1 + 11)
        opened = 0
        assert.isTrue(Option.isSome(yield* home.find(threadId(4000))))
        assert.deepStrictEqual(yield* home.usage(threadId(4000)), Option.some(zeroUsage))
        assert.strictEqual(opened, 2)
      }), 30_000)
  })

  describe("files", () => {
    it.effect("are not there", () =>
      Effect.gen(function*() {
        const { home } = yield* Fixture.make
        assert.deepStrictEqual(yield* home.last(), Option.none())
        assert.deepStrictEqual(yield* ids(home, { includeArchived: true }), [])
        assert.deepStrictEqual(yield* home.find(a), Option.none())
        assert.deepStrictEqual(yield* home.usage(a), Option.none())
      }))

    it.effect("that don't begin as a thread does are passed over, but not in silence", () =>
      Effect.gen(function*() {
        const { home, rollout } = yield* Fixture.make
        yield* rollout({ id: a, updated: 1 })
        const broken = [
          yield* rollout({ id: b, updated: 2, lines: [] }),
          yield* rollout({ id: c, updated: 3, lines: ["garbage", meta(c)] }),
          yield* rollout({ id: d, updated: 4, lines: ["[]"] })
        ]
        const { messages, value } = yield* logged(ids(home))
        assert.deepStrictEqual(value, [a])
        assert.deepStrictEqual(messages.map((message) => message.slice(0, 6)), ["Debug ", "Debug ", "Debug "])
        for (const path of broken) assert.isTrue(messages.some((message) => message.includes(path)))
        const error = yield* Effect.flip(home.find(b))
        assert.deepInclude(error, { _tag: "CodexHomeError", path: broken[0] })
        assert.deepStrictEqual(yield* home.usage(b), Option.none())
      }))

    it.effect("of a form that is not known tell what their names do", () =>
      Effect.gen(function*() {
        const { home, rollout } = yield* Fixture.make
        const old = "0f0e0d0c-0b0a-4000-8000-000000000001"
        yield* rollout({ id: old, updated: 1, lines: [{ id: old, timestamp: "2025-06-01T00:00:00Z", git: null }] })
        const path = yield* rollout({ id: a, updated: 2, lines: [{ timestamp: 7, type: "thread_begun", payload: {} }] })
        yield* rollout({ id: b, updated: 3, lines: [meta(b, { cwd: { uri: "file:///work" } }), turn("/srv")] })
        const [third, second, first] = yield* Stream.runCollect(home.threads())
        assert.deepStrictEqual(second, {
          threadId: a,
          createdAt: DateTime.makeUnsafe("2026-01-01T00:00:01.000Z"),
          updatedAt: DateTime.makeUnsafe("2026-01-01T00:00:02.000Z"),
          isSubAgent: false,
          isArchived: false,
          path
        })
        assert.strictEqual(first && DateTime.formatIso(first.createdAt), "2025-06-01T00:00:00.000Z")
        assert.strictEqual(third?.directory, "/srv")
        assert.deepStrictEqual(yield* home.usage(old), Option.none())
      }))

    it.effect("that are compressed do too", () =>
      Effect.gen(function*() {
        const { home, rollout } = yield* Fixture.make
        yield* rollout({ id: a, updated: 1, suffix: ".zst", lines: ["\u0028\u00b5/\u00fd"] })
        yield* rollout({ id: b, updated: 2, suffix: ".zst", lines: ["\u0028\u00b5/\u00fd"] })
        yield* rollout({ id: b, updated: 2 })
        const [second, first, third] = yield* Stream.runCollect(home.threads())
        assert.deepInclude(first, { threadId: a, isSubAgent: false })
        assert.notProperty(first, "directory")
        assert.deepInclude(second, { threadId: b, directory: "/srv" })
        assert.isUndefined(third)
        assert.deepStrictEqual(yield* home.usage(a), Option.none())
      }))

    it.effect("that cannot be read are a failure, with what to do", () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const { home, path } = yield* Fixture.make
        yield* fs.makeDirectory(path)
        yield* fs.writeFileString(`${path}/sessions`, "no directory")
        const error = yield* Effect.flip(home.last())
        assert.deepInclude(error, { _tag: "CodexHomeError", path: `${path}/sessions`, problem: "BadResource" })
        assert.include(error.message, "CODEX_HOME")
        assert.strictEqual((yield* Effect.flip(home.find(a))).problem, "BadResource")
        assert.strictEqual((yield* Effect.flip(home.usage(a))).problem, "BadResource")
      }))
  })

  describe("usage", () => {
    it.effect("is the last total", () =>
      Effect.gen(function*() {
        const { home, rollout } = yield* Fixture.make
        const noise = { type: "response_item", payload: { output: "token_count ".repeat(10_000) } }
        yield* rollout({
          id: a,
          lines: [
            meta(a),
            tokenCount(10),
            turn("/srv"),
            tokenCount(20),
            noise,
            tokenCount(undefined),
            noise,
            "{\"half"
          ]
        })
        assert.deepStrictEqual(yield* home.usage(a.toUpperCase()), Option.some(tokens(20)))
      }))

    it.effect("of an older CLI has fewer fields", () =>
      Effect.gen(function*() {
        const { home, rollout } = yield* Fixture.make
        const info = { total_token_usage: { input_tokens: 7, output_tokens: 8, total_tokens: 15 } }
        yield* rollout({ id: a, lines: [meta(a), { type: "event_msg", payload: { type: "token_count", info } }] })
        assert.deepStrictEqual(yield* home.usage(a), Option.some({ input_tokens: 7, output_tokens: 8 }))
      }))

    it.effect("of a thread without an answer is nothing", () =>
      Effect.gen(function*() {
        const { home, rollout } = yield* Fixture.make
        yield* rollout({ id: a, lines: [meta(a), turn("/srv"), tokenCount(undefined)] })
        assert.deepStrictEqual(yield* home.usage(a), Option.some(zeroUsage))
        assert.deepStrictEqual(yield* home.usage(b), Option.none())
      }))

    it.effect("of a fork goes on from where it left its parent", () =>
      Effect.gen(function*() {
        const { home, rollout } = yield* Fixture.make
        const size = (lines: ReadonlyArray<object>) =>
          `${lines.map((line) => JSON.stringify(line)).join("\n")}\n`.length
        const base = (thread_id: string, end_byte_offset: number) => ({
          history_base: { thread_id, end_ordinal_exclusive: 1, end_byte_offset }
        })
        const before = [meta(a), tokenCount(10)]
        yield* rollout({ id: a, archived: true, lines: [...before, tokenCount(99)] })
        yield* rollout({ id: b, lines: [meta(b, base(a, size(before)))] })
        yield* rollout({ id: c, lines: [meta(c, base(b, 1_000_000))] })
        assert.deepStrictEqual(yield* home.usage(b), Option.some(tokens(10)))
        assert.deepStrictEqual(yield* home.usage(c), Option.some(tokens(10)))
        // A fork of what was taken back points to that revision, by its own id.
        const revision = threadId(60)
        yield* rollout({ id: a, revision, lines: [meta(a, base(a, 0)), tokenCount(4)] })
        yield* rollout({ id: d, lines: [meta(d, base(revision, 1_000_000))] })
        assert.deepStrictEqual(yield* home.usage(a), Option.some(tokens(4)))
        assert.deepStrictEqual(yield* home.usage(d), Option.some(tokens(4)))
      }))

    it.effect("is not known if the parent is gone, or a pointer makes no sense", () =>
      Effect.gen(function*() {
        const { home, rollout } = yield* Fixture.make
        const base = (thread_id: unknown) => ({ history_base: { thread_id, end_byte_offset: 1_000_000 } })
        yield* rollout({ id: a, lines: [meta(a, base(threadId(50)))] })
        yield* rollout({ id: b, lines: [meta(b, base(c))] })
        yield* rollout({ id: c, lines: [meta(c, base(b))] })
        yield* rollout({ id: d, lines: [meta(d, base(7))] })
        for (const id of [a, b, c, d]) assert.deepStrictEqual(yield* home.usage(id), Option.none())
      }))
  })
})
