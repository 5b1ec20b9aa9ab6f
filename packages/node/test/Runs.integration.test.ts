/**
 * Runs on the real CLI: what goes in, what comes out, several at once, and what stays secret.
 */
import * as Codex from "@effect-codex/core/Codex"
import { CodexError, ThreadBusy } from "@effect-codex/core/CodexError"
import * as CodexEvent from "@effect-codex/core/CodexEvent"
import * as CodexTurn from "@effect-codex/core/CodexTurn"
import * as NodeCodex from "@effect-codex/node/NodeCodex"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { inspect } from "node:util"
import * as RealCodex from "./support/realCodex.ts"

describe("a run", () => {
  const script = [
    ModelReply.concat(
      ModelReply.reasoning("Think."),
      ModelReply.updatePlan([{ step: "Look", status: "in_progress" }, { step: "Change", status: "pending" }])
    ),
    ModelReply.shell("echo seen; exit 3"),
    ModelReply.applyPatch("*** Begin Patch\n*** Add File: new.txt\n+hello\n*** End Patch\n"),
    ModelReply.concat(ModelReply.webSearch("effect"), ModelReply.message("All done."))
  ]

  it.live("gives every item in its final state, the answer and the usage", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const workspace = yield* RealCodex.makeWorkspace
      const turn = yield* Codex.run("Work", { workingDirectory: workspace, strict: true })
      assert.strictEqual(turn.status, "completed")
      assert.strictEqual(turn.finalMessage, "All done.")
      assert.strictEqual(yield* fs.readFileString(`${workspace}/new.txt`), "hello\n")
      assert.deepStrictEqual(
        turn.commands.map(({ aggregated_output, exit_code, status }) => [aggregated_output, exit_code, status]),
        [["seen\n", 3, "failed"]]
      )
      assert.deepStrictEqual(turn.fileChanges.flatMap(({ changes }) => changes.map(({ kind }) => kind)), ["add"])
      assert.deepStrictEqual(turn.reasoning.map(({ text }) => text), ["Think."])
      assert.deepStrictEqual(turn.todoLists.flatMap(({ items }) => items.map(({ text }) => text)), ["Look", "Change"])
      assert.strictEqual(turn.webSearches[0]?.query, "effect")
      assert.deepStrictEqual(turn.usage, turn.threadUsage)
      assert.isAbove(turn.usage?.input_tokens ?? 0, 0)
      assert.isAbove(Duration.toMillis(turn.duration), 0)
      const codec = Schema.toCodecJson(CodexTurn.CodexTurn)
      const json = JSON.stringify(yield* Schema.encodeEffect(codec)(turn))
      assert.deepStrictEqual(yield* Schema.decodeUnknownEffect(codec)(JSON.parse(json)), turn)
    }).pipe(Effect.provide(RealCodex.layer(script))))

  it.live("streams what the run folds", () =>
    Effect.gen(function*() {
      const workspace = yield* RealCodex.makeWorkspace
      const events = yield* Stream.runCollect(Codex.stream("Work", { workingDirectory: workspace }))
      assert.strictEqual(events[0]?.type, "thread.started")
      assert.strictEqual(events[1]?.type, "turn.started")
      assert.strictEqual(events.at(-1)?.type, "turn.completed")
      const turn = CodexTurn.fromState(events.reduce(CodexTurn.reduce, CodexTurn.initial()), Duration.zero)
      assert.strictEqual(turn.finalMessage, "All done.")
      assert.lengthOf(turn.items, 6)
      const codec = Schema.toCodecJson(Schema.Array(CodexEvent.CodexEvent))
      const json = JSON.stringify(yield* Schema.encodeEffect(codec)(events))
      assert.deepStrictEqual(yield* Schema.decodeUnknownEffect(codec)(JSON.parse(json)), events)
    }).pipe(Effect.provide(RealCodex.layer(script))))
})

describe("stdin", () => {
  // Codex takes 1,048,576 characters.
  const large = "🙂\u2028ü".repeat(300_000)

  it.live("takes a prompt of 2 MB", () =>
    Effect.gen(function*() {
      assert.isAbove(new TextEncoder().encode(large).length, 2_000_000)
      yield* Codex.run(large)
      const [request] = yield* (yield* FakeModel.FakeModel).requests
      assert.isTrue(request?.prompt === large)
    }).pipe(Effect.provide(RealCodex.layer([ModelReply.message("Read.")]))))

  it.live("takes no prompt of more characters than Codex does", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Codex.run("x".repeat(1_048_577)))
      assert.deepInclude(error.reason, {
        _tag: "InvalidOption",
        option: "input",
        problem: "Input exceeds the maximum length of 1048576 characters"
      })
    }).pipe(Effect.provide(RealCodex.layer([]))))

  const executable = (script: string) =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = `${yield* fs.makeTempDirectoryScoped()}/codex`
      yield* fs.writeFileString(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 })
      return path
    })

  it.live("may be left unread: a CLI that exits at once is told so", () =>
    Effect.gen(function*() {
      const path = yield* executable("echo no >&2; exit 3")
      const error = yield* Effect.flip(Codex.run(large).pipe(Effect.provide(Layer.orDie(NodeCodex.layer({ path })))))
      assert.deepInclude(error.reason, { _tag: "Exited", exitCode: 3, stderr: "no" })
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  it.live("may be left unread: a CLI that does nothing is ended by the limit", () =>
    Effect.gen(function*() {
      const path = yield* executable("exec sleep 1000")
      const error = yield* Effect.flip(
        Codex.run(large, { firstEventTimeout: "500 millis" }).pipe(
          Effect.provide(Layer.orDie(NodeCodex.layer({ path })))
        )
      )
      assert.deepInclude(error.reason, { _tag: "TimedOut", limit: "firstEvent" })
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  it.live("stdout is read to its end long after the CLI is gone", () =>
    Effect.gen(function*() {
      // More than Node reads ahead; the CLI writes it all and exits while the consumer is busy.
      const count = 1500
      const path = yield* executable(
        `cat > /dev/null
echo '{"type":"thread.started","thread_id":"t"}'
for i in $(seq ${count}); do
  echo '{"type":"item.completed","item":{"type":"agent_message","id":"'$i'","text":"${"x".repeat(100)}"}}'
done
echo '{"type":"turn.completed","usage":{"input_tokens":1,"output_tokens":1}}'`
      )
      const seen: Array<string> = []
      yield* Codex.stream("x").pipe(
        Stream.runForEachArray((events) => {
          seen.push(...events.map((event) => event.type))
          return seen.length < 1000 ? Effect.sleep("1500 millis") : Effect.void
        }),
        Effect.provide(Layer.orDie(NodeCodex.layer({ path })))
      )
      assert.lengthOf(seen, count + 2)
      assert.strictEqual(seen.at(-1), "turn.completed")
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  it.live("stdout held open by a leftover does not hold the run", () =>
    Effect.gen(function*() {
      const path = yield* executable(
        `cat > /dev/null
setsid sleep 1000 &
echo '{"type":"thread.started","thread_id":"t"}'
echo '{"type":"turn.completed","usage":{"input_tokens":1,"output_tokens":1}}'`
      )
      const turn = yield* Codex.run("x").pipe(
        Effect.provide(Layer.orDie(NodeCodex.layer({ path }))),
        Effect.timeout("10 seconds")
      )
      assert.strictEqual(turn.status, "completed")
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))
})

describe("a line", () => {
  const text = "grüße 🙂 \u2028\u2029\u0085 ".repeat(100_000)

  it.live("of 2 MB with every kind of separator comes through whole", () =>
    Effect.gen(function*() {
      const turn = yield* Codex.run("Work")
      assert.isAbove(new TextEncoder().encode(text).length, 2_000_000)
      assert.isTrue(turn.finalMessage === text)
    }).pipe(Effect.provide(RealCodex.layer([ModelReply.message(text)]))))
})

describe("several runs", () => {
  it.live("at once: four threads, each with its own answer", () =>
    Effect.gen(function*() {
      const turns = yield* Effect.forEach(
        ["one", "two", "three", "four"],
        (name) => Codex.run(`Say ${name}`),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(turns.map((turn) => turn.finalMessage), ["one", "two", "three", "four"])
      assert.strictEqual(new Set(turns.map((turn) => turn.threadId)).size, 4)
    }).pipe(Effect.provide(RealCodex.layer((request) =>
      ModelReply.message(
        ["one", "two", "three", "four"].find((name) => request.prompt === `Say ${name}`) ?? ""
      )
    ))))

  it.live("on one thread at once: the second waits, and counts only its own tokens", () =>
    Effect.gen(function*() {
      const first = yield* Codex.run("First")
      const thread = first.threadId
      const order: Array<string> = []
      const turns = yield* Effect.forEach(["Second", "Third"], (prompt) =>
        Codex.stream(prompt, { thread }).pipe(
          Stream.tap((event) => Effect.sync(() => order.push(`${prompt} ${event.type}`))),
          Stream.runFold(() => CodexTurn.initial(), CodexTurn.reduce),
          Effect.map((state) => CodexTurn.fromState(state, Duration.zero))
        ), { concurrency: "unbounded" })
      assert.deepStrictEqual(turns.map((turn) => turn.threadId), [thread, thread])
      assert.deepStrictEqual(order.map((line) => line.split(" ")[0]), [
        ...Array.from({ length: 4 }, () => "Second"),
        ...Array.from({ length: 4 }, () => "Third")
      ])
      const fourth = yield* Codex.run("Fourth", { thread })
      assert.deepStrictEqual(fourth.usage, first.usage)
      assert.strictEqual(fourth.threadUsage?.input_tokens, 4 * (first.usage?.input_tokens ?? 0))
    }).pipe(Effect.provide(RealCodex.layer(() => ModelReply.message("Yes.")))))

  it.live("on one thread from two clients: the second is told that it is busy", () =>
    Effect.gen(function*() {
      const held = yield* Latch.make(false)
      const script: FakeModel.Script = (request) =>
        request.index === 1
          ? ModelReply.concat(ModelReply.message("Slow."), ModelReply.gate(held))
          : ModelReply.message("Yes.")
      yield* Effect.gen(function*() {
        const model = yield* FakeModel.FakeModel
        const { threadId: thread } = yield* Codex.run("First")
        const holder = yield* Effect.forkChild(Codex.run("Second", { thread }))
        yield* model.awaitRequest(1)
        const error = yield* Effect.flip(
          Codex.run("Third", { thread, skipGitRepoCheck: true }).pipe(
            Effect.provide(Layer.orDie(NodeCodex.layer({ env: model.cli.env })))
          )
        )
        assert.isTrue(Equal.equals(error.reason, new ThreadBusy({ threadId: thread ?? "" })))
        assert.isTrue(error.isRetryable)
        yield* held.open
        assert.strictEqual((yield* Fiber.join(holder)).finalMessage, "Slow.")
      }).pipe(Effect.provide(RealCodex.layer(script)))
    }))
})

describe("the key that we pass", () => {
  const key = "sk-a-secret-of-ours"
  // Looks wherever a command could see it, but for the memory of other processes.
  const spy = "env; tr '\\0' '\\n' < /proc/$PPID/cmdline; echo KEY=[$CODEX_API_KEY]"

  it.live("wins over one that happens to be in the configuration", () =>
    Effect.gen(function*() {
      yield* Codex.run("Work")
      const [first] = yield* (yield* FakeModel.FakeModel).requests
      assert.strictEqual(first?.headers.authorization, "Bearer fake-key")
    }).pipe(
      Effect.provide(RealCodex.layer([ModelReply.message("Done.")])),
      Effect.provideService(
        ConfigProvider.ConfigProvider,
        ConfigProvider.fromUnknown({ CODEX_API_KEY: "sk-of-the-user" })
      )
    ))

  it.live("is in no argument, log, span, error or environment of a command", () =>
    Effect.gen(function*() {
      const logs: Array<unknown> = []
      const spans: Array<unknown> = []
      const logger = Logger.make(({ cause, message }) => void logs.push(message, Cause.pretty(cause)))
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          spans.push(span)
          return span
        }
      })
      const error = yield* Codex.run("Work").pipe(
        Effect.tapError(Effect.logError),
        Effect.flip,
        Effect.provide(Logger.layer([logger])),
        Effect.provideService(References.MinimumLogLevel, "All"),
        Effect.withTracer(tracer)
      )
      const [first] = yield* (yield* FakeModel.FakeModel).requests
      assert.strictEqual(first?.headers.authorization, `Bearer ${key}`)
      assert.include(error.turn?.commands[0]?.aggregated_output, "KEY=[]")
      assert.match(error.message, /Incorrect API key provided: <redacted>/)
      assert.isAbove(logs.length, 0)
      assert.isAbove(spans.length, 0)
      const seen = [
        logs,
        spans,
        error,
        error.message,
        error.stack,
        error.turn?.items,
        String(error),
        JSON.stringify(error)
      ]
      for (const value of seen) assert.notInclude(inspect(value, { depth: 20, showHidden: true }), key)
      const codec = Schema.toCodecJson(CodexError)
      assert.notInclude(JSON.stringify(yield* Schema.encodeEffect(codec)(error)), key)
    }).pipe(Effect.provide(RealCodex.layer(
      [
        ModelReply.shell(spy),
        ModelReply.httpError(401, { message: `Incorrect API key provided: ${key}` })
      ],
      { apiKey: Redacted.make(key), env: { CODEX_API_KEY: undefined } }
    ))))
})
