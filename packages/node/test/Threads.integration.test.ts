/**
 * Conversations, sessions, reviews and handles on the real CLI.
 */
import * as Codex from "@effect-codex/core/Codex"
import type { CodexEvent } from "@effect-codex/core/CodexEvent"
import * as SessionStore from "@effect-codex/core/SessionStore"
import * as NodeCodex from "@effect-codex/node/NodeCodex"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import type { ModelRequest } from "@effect-codex/testing/ModelRequest"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { readdirSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import * as RealCodex from "./support/realCodex.ts"
import { stubborn } from "./support/stubborn.ts"

/** Says again what it was asked. */
const echo: FakeModel.Script = ({ prompt }) => ModelReply.message(`You said: ${prompt}`)

const requests = Effect.flatMap(FakeModel.FakeModel, (model) => model.requests)

/** What users said in a request, without what the CLI adds. */
const said = ({ userTexts }: ModelRequest) => userTexts.filter((text) => !text.startsWith("<"))

/** The same Codex as another program has it. */
const anotherClient = Effect.map(
  FakeModel.FakeModel,
  ({ cli }) =>
    Layer.fresh(Layer.orDie(NodeCodex.layer({ env: cli.env, skipGitRepoCheck: true, sandbox: "danger-full-access" })))
)

const threadIdOf = (thread: { readonly id: Effect.Effect<Option.Option<string>> }) =>
  Effect.map(thread.id, Option.getOrThrow)

describe("a conversation", () => {
  it.live("goes on: the model sees what was said, and each turn costs its own tokens", () =>
    Effect.gen(function*() {
      const thread = yield* Codex.thread({ model: "gpt-5.5" })
      const turns = [yield* thread.run("one"), yield* thread.run("two")]
      yield* Stream.runDrain(thread.stream("three"))
      turns.push(yield* thread.run("four"))
      const asked = yield* requests
      assert.deepStrictEqual(asked.map(said), [
        ["one"],
        ["one", "two"],
        ["one", "two", "three"],
        ["one", "two", "three", "four"]
      ])
      assert.include(JSON.stringify(asked[3]?.body), "You said: three")
      const threadId = yield* threadIdOf(thread)
      assert.deepStrictEqual(turns.map((turn) => turn.threadId), [threadId, threadId, threadId])
      assert.deepStrictEqual(turns.map(({ usage }) => usage?.input_tokens), [100, 100, 100])
      assert.deepStrictEqual(turns.map(({ threadUsage }) => threadUsage?.input_tokens), [100, 200, 400])
    }).pipe(Effect.provide(RealCodex.layer(echo))))

  it.live("goes on in another program, which knows what it used before", () =>
    Effect.gen(function*() {
      const { threadId } = yield* Codex.run("one")
      yield* Effect.gen(function*() {
        const thread = yield* Codex.thread({ thread: threadId })
        const turn = yield* thread.run("two")
        assert.deepStrictEqual([turn.usage?.input_tokens, turn.threadUsage?.input_tokens], [100, 200])
        const last = yield* Codex.thread({ last: "anywhere" })
        assert.deepStrictEqual(yield* last.id, Option.fromUndefinedOr(threadId))
      }).pipe(Effect.provide(yield* anotherClient))
      assert.deepStrictEqual((yield* requests).map(said), [["one"], ["one", "two"]])
    }).pipe(Effect.provide(RealCodex.layer(echo))))

  it.live("of two turns at once is one thread", () =>
    Effect.gen(function*() {
      const thread = yield* Codex.thread()
      const turns = yield* Effect.all([thread.run("one"), thread.run("two")], { concurrency: "unbounded" })
      assert.strictEqual(turns[0].threadId, turns[1].threadId)
      assert.deepStrictEqual((yield* requests).map(said), [["one"], ["one", "two"]])
    }).pipe(Effect.provide(RealCodex.layer(echo))))

  it.live("has copies, which leave it as it is", () =>
    Effect.gen(function*() {
      const original = yield* Codex.thread()
      yield* original.run("one")
      const copy = yield* original.fork()
      const turn = yield* copy.run("two")
      yield* copy.run("three")
      yield* original.run("four")
      assert.notStrictEqual(yield* threadIdOf(copy), yield* threadIdOf(original))
      assert.strictEqual(turn.usage?.input_tokens, 100)
      assert.deepStrictEqual((yield* requests).map(said), [
        ["one"],
        ["one", "two"],
        ["one", "two", "three"],
        ["one", "four"]
      ])
    }).pipe(Effect.provide(RealCodex.layer(echo))))

  it.live("of which nothing is kept cannot go on", () =>
    Effect.gen(function*() {
      const thread = yield* Codex.thread({ ephemeral: true })
      yield* thread.run("one")
      const again = yield* Effect.flip(thread.run("two"))
      assert.deepInclude(again.reason, { _tag: "InvalidOption", option: "ephemeral" })
      const threadId = yield* threadIdOf(thread)
      const kept = yield* Effect.flip(Codex.run("two", { thread: threadId }))
      assert.deepInclude(kept.reason, { _tag: "ThreadNotFound", threadId })
    }).pipe(Effect.provide(RealCodex.layer(echo))))

  it.live("goes on after a turn that was interrupted", () =>
    Effect.gen(function*() {
      const held = yield* Latch.make(false)
      const script: FakeModel.Script = ({ index }) =>
        index === 0 ? ModelReply.concat(ModelReply.message("Wait."), ModelReply.gate(held)) : ModelReply.message("Yes.")
      yield* Effect.gen(function*() {
        const thread = yield* Codex.thread({ session: "s" })
        const fiber = yield* Effect.forkChild(thread.run("one"))
        yield* (yield* FakeModel.FakeModel).awaitRequest(0)
        // Not waited for: the next turn is.
        fiber.interruptUnsafe()
        const turn = yield* thread.run("two")
        assert.strictEqual(turn.finalMessage, "Yes.")
        assert.include(said((yield* requests)[1] ?? assert.fail("no second request")), "one")
      }).pipe(Effect.provide(RealCodex.layer(script)))
    }))
})

describe("a session", () => {
  it.live("is the same thread in another program, by its name", () =>
    Effect.gen(function*() {
      const store = Layer.succeed(SessionStore.SessionStore, yield* SessionStore.makeMemory)
      const layer = RealCodex.layer(echo).pipe(Layer.provideMerge(store))
      yield* Effect.gen(function*() {
        const first = yield* Codex.run("one", { session: "plan" })
        yield* Effect.gen(function*() {
          const thread = yield* Codex.thread({ session: "plan", mustExist: true })
          const second = yield* thread.run("two")
          assert.strictEqual(second.threadId, first.threadId)
          assert.strictEqual(second.usage?.input_tokens, 100)
        }).pipe(Effect.provide(yield* anotherClient))
        const third = yield* Codex.run("three", { session: "plan" })
        assert.strictEqual(third.usage?.input_tokens, 100)
        const record = Option.getOrThrow(yield* (yield* SessionStore.SessionStore).get("plan"))
        assert.strictEqual(record.threadId, first.threadId)
        assert.strictEqual(record.threadUsage?.input_tokens, 300)
        assert.deepStrictEqual(
          record.turns.map(({ exitCode, operation, promptPreview, status }) => [
            operation,
            promptPreview,
            status,
            exitCode
          ]),
          [
            ["run", "one", "completed", 0],
            ["run", "two", "completed", 0],
            ["run", "three", "completed", 0]
          ]
        )
      }).pipe(Effect.provide(layer))
    }))
})

describe("a review", () => {
  const git = (directory: string, ...args: ReadonlyArray<string>) =>
    Effect.gen(function*() {
      const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
      const identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
      const code = yield* spawner.exitCode(
        ChildProcess.make("git", [...identity, ...args], { cwd: directory, extendEnv: true, stdout: "ignore" })
      )
      assert.strictEqual(code, 0)
    })

  const findings = JSON.stringify({
    findings: [{
      title: "[P1] Do not divide by zero",
      body: "The divisor may be zero.",
      confidence_score: 0.9,
      priority: 1,
      code_location: { absolute_file_path: "/repo/a.ts", line_range: { start: 1, end: 1 } }
    }],
    overall_correctness: "patch is incorrect",
    overall_explanation: "It crashes.",
    overall_confidence_score: 0.9
  })

  it.live("of what is not committed gives the findings, in a thread of its own", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const repository = yield* RealCodex.makeWorkspace
      yield* git(repository, "init", "--quiet")
      yield* fs.writeFileString(`${repository}/a.ts`, "export const half = 1 / 2\n")
      yield* git(repository, "add", ".")
      yield* git(repository, "commit", "--quiet", "--message", "Half")
      yield* fs.writeFileString(`${repository}/a.ts`, "export const half = 1 / 0\n")
      const turn = yield* Codex.review({ type: "uncommitted" }, { workingDirectory: repository })
      assert.strictEqual(turn.status, "completed")
      assert.include(turn.finalMessage, "Do not divide by zero")
      assert.isUndefined(turn.usage)
      const [request] = yield* requests
      assert.include(request?.prompt, "staged, unstaged, and untracked")
    }).pipe(Effect.provide(RealCodex.layer(() => ModelReply.message(findings)))))
})

describe("a handle", () => {
  const isCommand = (event: CodexEvent) => event.type === "item.started" && event.item.type === "command_execution"

  for (const how of ["interrupt", "kill"] as const) {
    it.live(`stops by ${how} with all that it started, and leaves a thread that goes on`, () =>
      Effect.gen(function*() {
        const workspace = yield* RealCodex.makeWorkspace
        const thread = yield* Codex.thread({ workingDirectory: workspace })
        const run = yield* thread.start("Work")
        assert.isTrue(RealCodex.isAlive(run.pid ?? 0))
        yield* run.events.pipe(Stream.takeUntil(isCommand), Stream.runDrain)
        const pids = yield* RealCodex.pidsIn(["cli", "command", "orphan"].map((name) => `${workspace}/${name}.pid`))
        assert.strictEqual(run.pid, pids[0])
        assert.isTrue(pids.every(RealCodex.isAlive))
        yield* run[how]
        assert.deepStrictEqual(pids.filter(RealCodex.isAlive), [])
        const error = yield* Effect.flip(run.await)
        assert.deepInclude(error.reason, { _tag: "Stopped", how })
        assert.strictEqual(error.turn?.commands.length, 1)
        assert.isTrue(error.worked)
        const turn = yield* thread.run("Go on")
        assert.strictEqual(turn.finalMessage, "Done.")
        assert.strictEqual(turn.threadId, run.threadId)
      }).pipe(
        Effect.scoped,
        Effect.provide(RealCodex.layer([ModelReply.shell(stubborn), ModelReply.message("Done.")]))
      ))
  }

  it.live("may be waited for with a limit, which stops nothing", () =>
    Effect.gen(function*() {
      const held = yield* Latch.make(false)
      yield* Effect.gen(function*() {
        const run = yield* Codex.start("Work")
        assert.isTrue(Option.isNone(yield* Effect.timeoutOption(run.await, "200 millis")))
        assert.isTrue(RealCodex.isAlive(run.pid ?? 0))
        assert.isTrue(Option.isNone(yield* run.result))
        yield* held.open
        assert.strictEqual((yield* run.await).finalMessage, "Done.")
        assert.isFalse(RealCodex.isAlive(run.pid ?? 0))
        const types = yield* Stream.runCollect(Stream.map(run.events, ({ type }) => type))
        assert.deepStrictEqual(types, ["thread.started", "turn.started", "item.completed", "turn.completed"])
      }).pipe(
        Effect.scoped,
        Effect.provide(RealCodex.layer([ModelReply.concat(ModelReply.gate(held), ModelReply.message("Done."))]))
      )
    }))
})

describe("the schema of an answer", () => {
  it.live("is in a file that only we can read, which is gone afterwards", () => {
    const directories = () => readdirSync(tmpdir()).filter((name) => name.startsWith("effect-codex-"))
    const before = directories()
    const modes: Array<number> = []
    const look = Effect.sync(() => {
      for (const directory of directories().filter((name) => !before.includes(name))) {
        for (const path of [directory, `${directory}/output-schema.json`]) {
          modes.push(statSync(`${tmpdir()}/${path}`).mode & 0o777)
        }
      }
    })
    return Effect.gen(function*() {
      const output = Schema.Struct({ score: Schema.Int })
      yield* Codex.run("Rate", { output, repair: 1 })
      yield* Effect.flip(Codex.run("Rate", { output }))
      assert.deepStrictEqual(modes, [0o700, 0o600, 0o700, 0o600, 0o700, 0o600])
      assert.deepStrictEqual(directories(), before)
      assert.isTrue((yield* requests).every(({ outputSchema }) => outputSchema !== undefined))
    }).pipe(Effect.provide(RealCodex.layer(({ index }) =>
      ModelReply.concat(
        ModelReply.waitFor(look),
        ModelReply.message(index === 1 ? "{\"score\":3}" : "three")
      )
    )))
  })
})
