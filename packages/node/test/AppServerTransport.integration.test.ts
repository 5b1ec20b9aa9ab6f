/**
 * Many turns on one real app-server, and what becomes of them when they are stopped, or it dies.
 */
import * as Approvals from "@effect-codex/core/Approvals"
import * as Codex from "@effect-codex/core/Codex"
import type { CodexEvent } from "@effect-codex/core/CodexEvent"
import * as CodexInput from "@effect-codex/core/CodexInput"
import * as NodeCodex from "@effect-codex/node/NodeCodex"
import * as NodeCodexCli from "@effect-codex/node/NodeCodexCli"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { existsSync } from "node:fs"
import { createServer } from "node:http"
import { isAlive, makeWorkspace, pidsIn, until } from "./support/realCodex.ts"
import { cliIn, pidFiles, stubborn } from "./support/stubborn.ts"

const layer = (script: FakeModel.Script, options: NodeCodex.AppServerOptions = {}) =>
  FakeModel.layerWith(
    script,
    (cli) => NodeCodex.layerAppServer({ sandbox: "danger-full-access", ...cli, ...options })
  ).pipe(Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })))

const done = ModelReply.message("Done.")

/** Runs what the prompt says, once, and then says that it did. */
const obedient: FakeModel.Script = ({ prompt, threadIndex }) =>
  threadIndex === 0 ? ModelReply.shell(prompt) : ModelReply.message(`Did ${prompt}`)

const isCommand = (event: CodexEvent): boolean =>
  event.type === "item.started" && event.item.type === "command_execution"

describe("one app-server", () => {
  it.live("runs 32 turns at once, each complete and none mixed up", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const workingDirectory = yield* makeWorkspace
      const turns = yield* Effect.forEach(
        Array.from({ length: 32 }, (_, index) => index),
        (index) => Codex.run(`echo ${index} | tee ${index}.txt; echo $PPID > ${index}.pid`, { workingDirectory }),
        { concurrency: "unbounded" }
      )
      const seen = turns.map((turn) => [
        turn.commands.map(({ aggregated_output }) => aggregated_output),
        turn.finalMessage
      ])
      assert.deepStrictEqual(
        seen,
        turns.map((_, index) => [[`${index}\n`], `Did echo ${index} | tee ${index}.txt; echo $PPID > ${index}.pid`])
      )
      assert.strictEqual(new Set(turns.map(({ threadId }) => threadId)).size, 32)
      assert.deepStrictEqual(turns.map(({ usage }) => usage?.input_tokens), turns.map(() => 200))
      // All of one process.
      const pids = yield* Effect.forEach(turns, (_, index) => fs.readFileString(`${workingDirectory}/${index}.pid`))
      assert.strictEqual(new Set(pids).size, 1)
      const pid = Number(pids[0])
      assert.isTrue(isAlive(pid))
    }).pipe(Effect.scoped, Effect.provide(layer(obedient))))

  it.live("ends with its layer", () =>
    Effect.gen(function*() {
      const workingDirectory = yield* makeWorkspace
      yield* Codex.run("echo $PPID > cli.pid", { workingDirectory }).pipe(Effect.provide(layer(obedient)))
      assert.isFalse(isAlive(cliIn(workingDirectory)))
    }).pipe(Effect.scoped, Effect.provide(layer(obedient))))

  it.live("tells more than `codex exec`", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const workingDirectory = yield* makeWorkspace
      // Differences name files from the root of the repository on.
      yield* fs.makeDirectory(`${workingDirectory}/.git`)
      const events = yield* Stream.runCollect(Codex.stream("Work", { workingDirectory, strict: true }))
      const told = events.flatMap((event): ReadonlyArray<unknown> => {
        switch (event.type) {
          case "item.delta":
            return [[event.kind, event.delta]]
          case "plan.updated":
            return [event.plan]
          case "diff.updated":
            return [event.diff.split("\n").filter((line) => line.startsWith("+"))]
          case "usage.updated":
            return [[event.usage.input_tokens, event.last.input_tokens, event.context_window]]
          default:
            return []
        }
      })
      for (
        const one of [
          ["reasoning", "Hm."],
          ["text", "Do"],
          ["text", "ne."],
          ["output", "late\n"],
          [{ step: "look", status: "in_progress" }],
          ["+++ b/notes.txt", "+one"],
          [300, 100, 258400]
        ]
      ) assert.deepInclude(told, one)
      const ids = events.flatMap((event) => event.type === "item.delta" && event.kind === "text" ? [event.item_id] : [])
      assert.deepStrictEqual(
        new Set(ids),
        new Set(events.flatMap((event) =>
          event.type === "item.completed" && event.item.type === "agent_message" ? [event.item.id] : []
        ))
      )
    }).pipe(
      Effect.scoped,
      Effect.provide(layer([
        ModelReply.concat(ModelReply.reasoning("Hm."), ModelReply.shell("echo early; sleep 0.3; echo late")),
        ModelReply.concat(
          ModelReply.updatePlan([{ step: "look", status: "in_progress" }]),
          ModelReply.applyPatch("*** Begin Patch\n*** Add File: notes.txt\n+one\n*** End Patch\n")
        ),
        ModelReply.message("Do", "ne.")
      ]))
    ))

  it.live("waits for who does not read for five seconds amid 30,000 deltas, and loses none", () =>
    Effect.gen(function*() {
      let count = 0
      let text = ""
      const reading = Codex.stream("Talk").pipe(Stream.runForEach((event) => {
        if (event.type !== "item.delta") return Effect.void
        text += event.delta
        return ++count === 100 ? Effect.sleep("5 seconds") : Effect.void
      }))
      // The other turns of the connection go on, for as long as they do not have to wait for too much.
      const [, other] = yield* Effect.all([reading, Codex.run("Hello")], { concurrency: "unbounded" })
      assert.strictEqual(count, 30_000)
      assert.strictEqual(text, Array.from({ length: 30_000 }, (_, index) => `${index} `).join(""))
      assert.strictEqual(other.finalMessage, "Hello to you")
    }).pipe(Effect.provide(layer(({ prompt }) =>
      prompt === "Talk"
        ? ModelReply.message(...Array.from({ length: 30_000 }, (_, index) => `${index} `))
        : ModelReply.message("Hello to you")
    ))))

  it.live("asks, and is answered \"no\" unless there are `Approvals`", () =>
    Effect.gen(function*() {
      const run = Effect.gen(function*() {
        const workingDirectory = yield* makeWorkspace
        const turn = yield* Codex.run("touch done.txt", { workingDirectory, approval: "untrusted" })
        return [turn.commands.map(({ status }) => status), existsSync(`${workingDirectory}/done.txt`)] as const
      })
      const asked = layer(obedient)
      assert.deepStrictEqual(yield* Effect.provide(run, asked), [["declined"], false])
      const accepting = Layer.provide(asked, Approvals.layer(Approvals.acceptAll))
      assert.deepStrictEqual(yield* Effect.provide(run, Layer.fresh(accepting)), [["completed"], true])
    }).pipe(Effect.scoped, Effect.provide(layer(obedient))))

  it.live("gets a schema for an answer", () =>
    Effect.gen(function*() {
      const turn = yield* Codex.run("Rate it", { output: Schema.Struct({ stars: Schema.Int }) })
      assert.strictEqual(turn.output.stars, 4)
      const [request] = yield* (yield* FakeModel.FakeModel).requests
      assert.deepNestedInclude(request?.outputSchema, { "properties.stars.type": "integer" })
    }).pipe(Effect.provide(layer([ModelReply.message("{\"stars\":4}")]))))
})

describe("nothing of a turn is alive, but the app-server is, when it", () => {
  const codex = layer(() => ModelReply.shell(stubborn))

  const rounds = (
    way: (run: {
      readonly workingDirectory: string
      readonly pids: Effect.Effect<ReadonlyArray<number>>
    }) => Effect.Effect<unknown, unknown, Codex.Codex>
  ) =>
    Effect.scoped(Effect.gen(function*() {
      const workingDirectory = yield* makeWorkspace
      const pids = pidsIn(pidFiles(workingDirectory))
      yield* way({ workingDirectory, pids })
      assert.deepStrictEqual((yield* pids).filter(isAlive), [])
      assert.isTrue(isAlive(cliIn(workingDirectory)))
    })).pipe(Effect.repeat({ times: 3 }), Effect.provide(codex))

  it.live("was interrupted", () =>
    rounds(({ pids, workingDirectory }) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(Codex.run("Work", { workingDirectory }))
        assert.isTrue((yield* pids).every(isAlive))
        yield* Fiber.interrupt(fiber)
      })
    ))

  it.live("was not wanted to its end", () =>
    rounds(({ pids, workingDirectory }) =>
      Codex.stream("Work", { workingDirectory }).pipe(
        Stream.tap((event) => isCommand(event) ? pids : Effect.void),
        Stream.takeUntil(isCommand),
        Stream.runDrain
      )
    ))

  it.live("was killed by its handle", () =>
    rounds(({ pids, workingDirectory }) =>
      Effect.scoped(Effect.gen(function*() {
        const run = yield* Codex.start("Work", { workingDirectory })
        yield* pids
        yield* run.kill
        const error = yield* Effect.flip(run.await)
        assert.deepInclude(error.reason, { _tag: "Stopped", how: "kill" })
      }))
    ))

  it.live("is a review that was not wanted to its end", () =>
    rounds(({ pids, workingDirectory }) =>
      Codex.stream(CodexInput.review({ type: "custom", instructions: "Look." }), { workingDirectory }).pipe(
        Stream.tap((event) => isCommand(event) ? pids : Effect.void),
        Stream.takeUntil(isCommand),
        Stream.runDrain,
        Effect.timeout("4 seconds")
      )
    ))

  it.live("has a sub-agent that is at work", () =>
    Effect.gen(function*() {
      const workingDirectory = yield* makeWorkspace
      const pids = pidsIn(pidFiles(workingDirectory))
      yield* Codex.stream("Delegate", { workingDirectory }).pipe(
        Stream.tap(({ type }) => type === "turn.completed" ? pids : Effect.void),
        Stream.runDrain
      )
      assert.deepStrictEqual((yield* pids).filter(isAlive), [])
      // Nobody asks the model any more.
      const { requests } = yield* FakeModel.FakeModel
      const asked = (yield* requests).length
      yield* Codex.run("Again", { workingDirectory })
      assert.strictEqual((yield* requests).length, asked + 1)
    }).pipe(
      Effect.scoped,
      Effect.provide(layer(({ prompt, threadIndex }) =>
        prompt === "Delegate" && threadIndex === 0
          ? ModelReply.functionCall("spawn_agent", { message: "Count" }, { namespace: "multi_agent_v1" })
          : prompt === "Count"
          ? ModelReply.shell(stubborn)
          : done
      ))
    ))
})

describe("an app-server that is killed", () => {
  it.live("fails its turns with the cause; the next turn has another one", () =>
    Effect.gen(function*() {
      const here = yield* makeWorkspace
      const there = yield* makeWorkspace
      const runs = yield* Effect.forEach([here, there], (workingDirectory) =>
        Effect.tap(Codex.start(stubborn, { workingDirectory }), ({ events }) =>
          Stream.runDrain(Stream.takeUntil(events, isCommand))))
      const pids = yield* pidsIn([...pidFiles(here), ...pidFiles(there)])
      process.kill(cliIn(here), "SIGKILL")
      for (const run of runs) {
        const error = yield* Effect.flip(run.await)
        assert.deepInclude(error.reason, { _tag: "Exited", signal: "SIGKILL" })
        assert.isTrue(error.worked)
        assert.deepStrictEqual(
          error.turn?.commands.map(({ status }) =>
            status
          ),
          ["in_progress"]
        )
      }
      assert.deepStrictEqual(pids.filter(isAlive), [])
      const turn = yield* Codex.run("echo again", { workingDirectory: here })
      assert.strictEqual(turn.finalMessage, "Did echo again")
    }).pipe(Effect.scoped, Effect.provide(layer(obedient))))

  it.live("while nobody uses it is not missed", () =>
    Effect.gen(function*() {
      const workingDirectory = yield* makeWorkspace
      yield* Codex.run("echo $PPID > cli.pid", { workingDirectory })
      const first = cliIn(workingDirectory)
      process.kill(first, "SIGKILL")
      yield* until(() => !isAlive(first))
      yield* Effect.retry(Codex.run("echo $PPID > cli.pid", { workingDirectory }), { times: 20 })
      assert.notStrictEqual(cliIn(workingDirectory), first)
    }).pipe(Effect.scoped, Effect.provide(layer(obedient))))

  it.live("before it starts fails the layer with the cause", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = `${yield* makeWorkspace}/codex`
      yield* fs.writeFileString(path, "#!/bin/sh\necho 'no such thing' >&2\nexit 3\n", { mode: 0o755 })
      const error = yield* Effect.flip(Layer.build(NodeCodex.layerAppServer({ path })))
      assert.deepInclude(error, { _tag: "CodexError" })
      assert.include(error.message, "Codex ended (exit code 3) before its turn did: no such thing")
    }).pipe(Effect.scoped, Effect.provide(layer([]))))
})

describe("an app-server elsewhere", () => {
  it.live("runs turns for who has the token", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const workspace = yield* makeWorkspace
      yield* fs.writeFileString(`${workspace}/token`, "a-capability-token")
      const { cli } = yield* FakeModel.FakeModel
      const { command } = yield* NodeCodexCli.make()
      const flags = ["--ws-auth", "capability-token", "--ws-token-file", `${workspace}/token`]
      const handle = yield* ChildProcess.make(command, ["app-server", "--listen", "ws://127.0.0.1:0", ...flags], {
        cwd: workspace,
        env: cli.env,
        extendEnv: true
      })
      const listening = yield* Deferred.make<string>()
      yield* handle.all.pipe(
        Stream.decodeText,
        Stream.runForEach((text) => {
          const url = /ws:\/\/127\.0\.0\.1:\d+/.exec(text)?.[0]
          return url === undefined ? Effect.void : Deferred.succeed(listening, url)
        }),
        Effect.forkScoped
      )
      const url = yield* Deferred.await(listening)
      const remote = NodeCodex.layerRemote({
        url,
        token: Redacted.make("a-capability-token"),
        sandbox: "danger-full-access"
      })
      yield* Effect.gen(function*() {
        const thread = yield* Codex.thread()
        const turn = yield* thread.run("echo hi > hi.txt")
        assert.strictEqual(turn.finalMessage, "Did echo hi > hi.txt")
        assert.strictEqual(yield* fs.readFileString(`${workspace}/hi.txt`), "hi\n")
        // Options of the next turn count, even though the server has kept the thread.
        const narrow = yield* thread.run("Again", { model: "gpt-5.4" })
        assert.strictEqual(narrow.threadId, turn.threadId)
        assert.strictEqual((yield* (yield* FakeModel.FakeModel).requests).at(-1)?.model, "gpt-5.4")
      }).pipe(Effect.provide(remote))

      const refused = yield* Effect.flip(
        Layer.build(NodeCodex.layerRemote({ url, token: Redacted.make("another") }))
      )
      assert.deepInclude(refused.reason, { _tag: "Unauthorized", address: url.slice("ws://".length) })
      const nowhere = yield* Effect.flip(Layer.build(NodeCodex.layerRemote({ url: `unix://${workspace}/none.sock` })))
      assert.deepInclude(nowhere.reason, { _tag: "AppServerFailed", unreachable: true })
    }).pipe(Effect.scoped, Effect.provide(layer(obedient))))
})
