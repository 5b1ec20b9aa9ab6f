import * as Connection from "@effect-codex/core/appserver/Connection"
import * as ConnectionError from "@effect-codex/core/appserver/ConnectionError"
import * as Codex from "@effect-codex/core/Codex"
import * as CodexCli from "@effect-codex/core/CodexCli"
import type { CodexOptions } from "@effect-codex/core/CodexOptions"
import * as ExecTransport from "@effect-codex/core/exec/ExecTransport"
import * as ProcessGuard from "@effect-codex/core/ProcessGuard"
import * as Cassette from "@effect-codex/testing/Cassette"
import * as CodexRecorder from "@effect-codex/testing/CodexRecorder"
import * as CodexReplay from "@effect-codex/testing/CodexReplay"
import * as FakeCli from "@effect-codex/testing/FakeCli"
import * as FakeProcess from "@effect-codex/testing/FakeProcess"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import { identity } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as PlatformError from "effect/PlatformError"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"

/** What a replay calls the first thread. */
const first = "00000000-0000-7000-8000-000000000001"

const thread = "01a1fc51-fe34-77d1-b316-5a1fc8218976"

/** A program over a fake CLI, and what was recorded of it. */
const record = Effect.fnUntraced(function*<A, E>(
  script: FakeCli.Script,
  program: Effect.Effect<A, E, Codex.Codex | CodexRecorder.CodexRecorder>,
  options: CodexRecorder.Options & { readonly cli?: Partial<CodexCli.CodexCliConfig> } = {},
  /** Passes time, once all is there. */
  timed: <B, E, R>(recording: Effect.Effect<B, E, R>) => Effect.Effect<B, E, R> = identity
) {
  const { cli, ...others } = options
  const recorder = CodexRecorder.layer({ cliVersion: Cassette.cliVersion, ...others })
  const layer = Codex.layer().pipe(
    Layer.provide(ExecTransport.layer()),
    Layer.provide([Layer.succeed(CodexCli.CodexCli, { command: "codex", ...cli }), ProcessGuard.layerNoop]),
    Layer.provideMerge(recorder),
    Layer.provide(FakeCli.layerSpawner(script))
  )
  return yield* Effect.gen(function*() {
    const result = yield* Effect.result(program)
    return { result, cassette: yield* (yield* CodexRecorder.CodexRecorder).cassette }
  }).pipe(timed, Effect.provide(layer))
})

const command = (directory: string) => ({
  type: "command_execution" as const,
  id: "item_0",
  command: "ls",
  aggregated_output: `${directory}/a.txt\n`,
  exit_code: 0,
  status: "completed" as const
})

const work = FakeProcess.make([
  FakeProcess.event({ type: "thread.started", thread_id: thread }),
  FakeProcess.event({ type: "turn.started" }),
  FakeProcess.delay("3 seconds"),
  FakeProcess.event({ type: "item.completed", item: command("/tmp/some-work") }),
  FakeProcess.stdout("no JSON\n"),
  FakeProcess.event({ type: "item.completed", item: { type: "agent_message", id: "item_1", text: `In ${thread}.` } }),
  FakeProcess.event({ type: "turn.completed", usage: { input_tokens: 3, output_tokens: 1 } })
])

const recorded = Effect.fnUntraced(function*() {
  const program = Effect.gen(function*() {
    const first = yield* Codex.run("Work", { workingDirectory: "/tmp/some-work", model: "m" })
    const { threadId } = first
    return [first, yield* Codex.run("More", { thread: threadId })] as const
  })
  return yield* record(
    [work, FakeProcess.turn({ threadId: thread, message: "Yes." })],
    program,
    {},
    (recording) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(recording)
        yield* Effect.repeat(Effect.yieldNow, { times: 1000 })
        yield* TestClock.adjust("1 minute")
        return yield* Fiber.join(fiber)
      })
  )
})

const replay = (cassette: Cassette.Cassette, options?: CodexReplay.Options, defaults?: CodexOptions) =>
  CodexReplay.layer(cassette, { ...options, defaults })

describe("CodexRecorder", () => {
  it.effect("records lines, and gives names to what differs", () =>
    Effect.gen(function*() {
      const { cassette } = yield* recorded()
      assert.deepStrictEqual(
        Cassette.toText(cassette).trim().split("\n").map((line): unknown => JSON.parse(line)).slice(0, 10),
        [
          { cassette: 1, cli: Cassette.cliVersion, recordedAt: "1970-01-01T00:00:00.000Z" },
          {
            at: 0,
            process: 1,
            type: "start",
            kind: "exec",
            args: ["--json", "--model", "m", "-"],
            cwd: "<workspace 1>"
          },
          { at: 0, process: 1, type: "sent", text: "Work" },
          { at: 0, process: 1, type: "received", json: { type: "thread.started", thread_id: "<thread 1>" } },
          { at: 0, process: 1, type: "received", json: { type: "turn.started" } },
          {
            at: 3000,
            process: 1,
            type: "received",
            json: { type: "item.completed", item: command("<workspace 1>") }
          },
          { at: 3000, process: 1, type: "received", text: "no JSON" },
          {
            at: 3000,
            process: 1,
            type: "received",
            json: { type: "item.completed", item: { type: "agent_message", id: "item_1", text: "In <thread 1>." } }
          },
          {
            at: 3000,
            process: 1,
            type: "received",
            json: { type: "turn.completed", usage: { input_tokens: 3, output_tokens: 1 } }
          },
          { at: 3000, process: 1, type: "exit", code: 0 }
        ]
      )
      assert.deepInclude(cassette.entries[9], {
        process: 2,
        type: "start",
        args: ["--json", "resume", "<thread 1>", "-"]
      })
      assert.deepStrictEqual(Cassette.fromText(Cassette.toText(cassette)), Result.succeed(cassette))
    }))

  it.effect("takes secrets out, and what is of this machine", () =>
    Effect.gen(function*() {
      const said = [
        "my-own-secret",
        "plain-secret-value",
        "given-secret",
        "sk-live-0123456789",
        "Bearer abcdef0123456",
        "/tmp/x-1/file",
        "/home/ada/.profile",
        "/opt/tools/bin/node",
        "/opt/codex-home/config.toml",
        "http://127.0.0.1:43211/v1"
      ].join(" ")
      const { cassette, result } = yield* record(
        [FakeProcess.make([FakeProcess.stderr(`${said}\nmy-own`), FakeProcess.stderr("-secret"), FakeProcess.exit(1)])],
        Codex.run("Use my-own-secret", {
          config: { mcp_servers: { a: { command: "a", env: { A_TOKEN: "hidden" } } } }
        }),
        {
          cli: {
            env: {
              OWN: Redacted.make("my-own-secret"),
              SERVICE_API_KEY: "plain-secret-value",
              CODEX_HOME: "/opt/codex-home"
            }
          },
          secrets: [Redacted.make("given-secret")],
          paths: { tools: "/opt/tools" }
        }
      )
      assert.isTrue(Result.isFailure(result))
      const text = Cassette.toText(cassette)
      assert.notMatch(text, /my-own|plain-secret|given-secret|sk-live|abcdef|hidden|ada|\/opt|43211|x-1/)
      const stderr = cassette.entries.flatMap((entry) => entry.type === "stderr" ? [entry.text] : [])
      assert.deepStrictEqual(stderr, [
        "<secret> <secret> <secret> <secret> Bearer <secret> <temp 1>/file <home 1>/.profile <path tools>/bin/node <codex home 1>/config.toml http://127.0.0.1:<port 1>/v1\n",
        "<secret>"
      ])
      assert.include(text, "\"text\":\"Use <secret>\"")
      assert.deepInclude(cassette.entries.at(-1), { type: "exit", code: 1 })
    }).pipe(Effect.provideService(Logger.CurrentLoggers, new Set())))

  it.effect("records a process that is refused, one that is stopped, and how it is cut", () =>
    Effect.gen(function*() {
      const refused = PlatformError.systemError({ _tag: "NotFound", module: "test", method: "spawn" })
      const script = [refused, FakeProcess.make([FakeProcess.stdout("{\"type\":\"turn.sta"), FakeProcess.hang])]
      const program = Effect.gen(function*() {
        yield* Effect.flip(Codex.run("One"))
        const fiber = yield* Effect.forkChild(Effect.flip(Codex.run("Two", { timeout: "1 second" })))
        yield* Effect.repeat(Effect.yieldNow, { times: 500 })
        yield* TestClock.adjust("1 second")
        return yield* Fiber.join(fiber)
      })
      const { cassette } = yield* record(script, program)
      const of = (type: string) => cassette.entries.filter((entry) => entry.type === type)
      assert.deepInclude(of("refused")[0], { process: 1, reason: "NotFound" })
      assert.deepInclude(of("received")[0], { process: 2, text: "{\"type\":\"turn.sta", cut: true })
      assert.deepInclude(of("signal")[0], { at: 1000, signal: "SIGINT" })
      assert.deepInclude(of("exit")[0], { at: 1000, code: 1 })

      // And it plays all of that.
      yield* Effect.gen(function*() {
        const first = yield* Effect.flip(Codex.run("One"))
        assert.deepInclude(first.reason, { _tag: "SpawnFailed", code: "NotFound" })
        const fiber = yield* Effect.forkChild(Effect.flip(Codex.run("Two", { timeout: "1 second" })))
        yield* Effect.repeat(Effect.yieldNow, { times: 500 })
        yield* TestClock.adjust("1 second")
        assert.deepInclude((yield* Fiber.join(fiber)).reason, { _tag: "TimedOut", limit: "total" })
        yield* CodexReplay.verify
      }).pipe(Effect.provide(replay(cassette)))
    }))

  it.effect("leaves other processes alone, and tells what it had no room for", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const spawner = yield* ChildProcessSpawner
        assert.strictEqual(yield* spawner.string(ChildProcess.make("ls", ["exec"])), "x")
        const pipe = ChildProcess.pipeTo(ChildProcess.make("codex", ["exec", "--json"]), ChildProcess.make("cat"))
        assert.strictEqual((yield* Effect.flip(spawner.string(pipe))).reason._tag, "NotFound")
        yield* spawner.string(ChildProcess.make("codex", ["exec", "--json", "-"]))
        return yield* (yield* CodexRecorder.CodexRecorder).cassette
      })
      const cassette = yield* Effect.provide(
        program,
        Layer.provide(
          CodexRecorder.layer({ limit: 1, cliVersion: "1.2.3" }),
          FakeCli.layerSpawner(() => FakeProcess.make([FakeProcess.stdout("x")]))
        )
      )
      assert.deepStrictEqual(cassette.entries.map(({ type }) => type), ["start"])
      assert.deepInclude(cassette.header, { cli: "1.2.3", omitted: 2 })
      const error = yield* Effect.flip(Effect.provide(
        CodexReplay.verify,
        CodexReplay.layerSpawner(cassette, {
          mode: "lenient",
          onOtherVersion: "ignore"
        })
      ))
      assert.match(error.message, /end of the recording is missing/)
    }))

  it.effect("asks the CLI for its version, and writes a file", () =>
    Effect.gen(function*() {
      const written = new Map<string, string>()
      const fs = FileSystem.layerNoop({
        realPath: () => Effect.succeed("/here"),
        writeFileString: (path, text) => Effect.sync(() => written.set(path, text))
      })
      const cli = FakeCli.layerSpawner(({ args }) =>
        args.includes("--version")
          ? FakeProcess.make([FakeProcess.stdout("codex-cli 9.8.7\n")])
          : FakeProcess.make([FakeProcess.stdout("/here/a\n")])
      )
      yield* Effect.gen(function*() {
        const spawner = yield* ChildProcessSpawner
        yield* spawner.string(ChildProcess.make("node", ["codex.js", "exec", "--json", "-"]))
      }).pipe(Effect.provide(CodexRecorder.layerFile("/a.jsonl").pipe(Layer.provide(fs), Layer.provide(cli))))
      const cassette = Result.getOrThrow(Cassette.fromText(written.get("/a.jsonl") ?? ""))
      assert.strictEqual(cassette.header.cli, "9.8.7")
      assert.deepInclude(cassette.entries[0], { type: "start", args: ["--json", "-"] })
      assert.deepInclude(cassette.entries[1], { type: "received", text: "<cwd>/a" })
    }))
})

describe("CodexReplay", () => {
  it.effect("gives the same turns", () =>
    Effect.gen(function*() {
      const { cassette, result } = yield* recorded()
      const [one, two] = Result.getOrThrow(result)
      yield* Effect.gen(function*() {
        const again = yield* Codex.run("Work", { workingDirectory: "/elsewhere", model: "m" })
        assert.strictEqual(again.threadId, first)
        assert.deepStrictEqual(
          JSON.parse(JSON.stringify(again.items).replaceAll(first, thread).replaceAll("/elsewhere", "/tmp/some-work")),
          one.items
        )
        assert.deepStrictEqual(again.usage, one.usage)
        const more = yield* Codex.run("More", { thread: again.threadId })
        assert.deepStrictEqual(more.items, two.items)
        yield* CodexReplay.verify
      }).pipe(Effect.provide(replay(cassette)))
    }))

  it.effect("takes its time if told", () =>
    Effect.gen(function*() {
      const { cassette } = yield* recorded()
      yield* Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(Codex.run("Work", { workingDirectory: "/w", model: "m" }))
        yield* Effect.repeat(Effect.yieldNow, { times: 500 })
        yield* TestClock.adjust("2999 millis")
        assert.isUndefined(fiber.pollUnsafe())
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(Duration.toMillis((yield* Fiber.join(fiber)).duration), 3000)
      }).pipe(Effect.provide(replay(cassette, { timing: "recorded" })))
    }))

  it.effect("tells what is sent otherwise", () =>
    Effect.gen(function*() {
      const { cassette } = yield* recorded()
      yield* Effect.gen(function*() {
        const error = yield* Effect.flip(
          Codex.run("Play", { workingDirectory: "/w", model: "n", sandbox: "read-only" })
        )
        assert.deepInclude(error.reason, { _tag: "Exited", exitCode: 1 })
        for (
          const line of [
            "- --model m",
            "+ --model n",
            "+ --sandbox read-only",
            "- stdin: \"Work\"",
            "+ stdin: \"Play\""
          ]
        ) {
          assert.include(error.message, `\n${line}`)
        }
        const mismatch = yield* Effect.flip(CodexReplay.verify)
        assert.match(mismatch.message, /\+ --model n/)
        assert.match(mismatch.message, /Process 1 was not started/)
        yield* Codex.run("Work", { workingDirectory: "/w", model: "m" })
        yield* Codex.run("More", { thread: first })
        const none = yield* Effect.flip(Codex.run("Third"))
        assert.match(none.message, /The cassette has no further process like this/)
      }).pipe(Effect.provide(replay(cassette)))
    }))

  it.effect("does not mind if it is lenient", () =>
    Effect.gen(function*() {
      const { cassette } = yield* recorded()
      yield* Effect.gen(function*() {
        assert.strictEqual((yield* Codex.run("More")).finalMessage, "Yes.")
        assert.strictEqual((yield* Codex.run("Anything", { model: "n" })).commands.length, 1)
        yield* CodexReplay.verify
      }).pipe(Effect.provide(replay(cassette, { mode: "lenient" })))
    }))

  it.effect("tells that a cassette is of another CLI", () =>
    Effect.gen(function*() {
      const cassette = { header: { cassette: 1, cli: "0.115.0", recordedAt: "" }, entries: [] }
      const error = yield* Effect.flip(Layer.build(CodexReplay.layerSpawner(cassette, { onOtherVersion: "fail" })))
      assert.strictEqual(
        error.message,
        `The cassette is of Codex CLI 0.115.0, and not of ${Cassette.cliVersion}: record it again`
      )
      const logs: Array<unknown> = []
      const logger = Logger.make(({ message }) => void logs.push(message))
      yield* Effect.provide(Layer.build(CodexReplay.layerSpawner(cassette)), Logger.layer([logger]))
      assert.include(String(logs), error.message)
      yield* Layer.build(CodexReplay.layerSpawner(cassette, { onOtherVersion: "fail", cliVersion: "0.115.0" }))
    }))

  it.effect("runs nothing but Codex", () =>
    Effect.gen(function*() {
      const spawner = yield* ChildProcessSpawner
      const [ls, pipe] = [ChildProcess.make("ls"), ChildProcess.pipeTo(ChildProcess.make("a"), ChildProcess.make("b"))]
      assert.strictEqual((yield* Effect.flip(spawner.spawn(ls))).reason._tag, "NotFound")
      assert.strictEqual((yield* Effect.flip(spawner.spawn(pipe))).reason._tag, "Unknown")
    }).pipe(
      Effect.scoped,
      Effect.provide(CodexReplay.layerSpawner({
        header: { cassette: 1, cli: Cassette.cliVersion, recordedAt: "" },
        entries: []
      }))
    ))
})

describe("a connection", () => {
  const lines = (texts: ReadonlyArray<object>) => Stream.fromIterable(texts.map((text) => JSON.stringify(text)))

  /** A client that asks two things, over a connection to somebody who answers both. */
  const recordConnection = Effect.gen(function*() {
    const [client, server] = yield* Connection.inMemory
    const recorder = yield* CodexRecorder.CodexRecorder
    const duplex = yield* recorder.duplex(client)
    yield* Effect.forkChild(Stream.run(
      lines([
        { id: 1, result: { cwd: "/w/here", userAgent: "codex/1.0 (Here 1.0; x86)" } },
        { id: 2, result: { processId: "4711" } },
        { id: 0, method: "ask", params: { threadId: thread } }
      ]),
      server.outgoing
    ))
    yield* Stream.run(
      lines([
        { id: 1, method: "one", params: { cwd: "/w/here" }, trace: { traceparent: "00-1-1-00" } },
        { id: 2, method: "two", params: { path: "/w/here/a", apiKey: "hidden" } },
        { id: 0, result: { threadId: thread } }
      ]),
      duplex.outgoing
    )
    yield* Stream.runDrain(duplex.incoming)
    return yield* recorder.cassette
  }).pipe(Effect.provide(Layer.provide(
    CodexRecorder.layer({ cliVersion: Cassette.cliVersion }),
    FakeCli.layerSpawner([])
  )))

  const decode = Schema.decodeSync(Schema.fromJsonString(Schema.Json))

  const play = Effect.fnUntraced(function*(
    cassette: Cassette.Cassette,
    sent: ReadonlyArray<object>,
    options?: CodexReplay.Options
  ) {
    return yield* Effect.gen(function*() {
      const { duplex, verify } = yield* CodexReplay.CodexReplay
      const { incoming, outgoing } = yield* duplex
      yield* Stream.run(Stream.concat(lines(sent), Stream.never), outgoing).pipe(Effect.forkScoped)
      const received: Array<Schema.Json> = []
      const end = yield* Stream.runForEach(
        incoming,
        (text) => Effect.sync(() => received.push(decode(text)))
      ).pipe(
        Effect.result
      )
      return { received, end, verified: yield* Effect.result(verify) }
    }).pipe(Effect.scoped, Effect.provide(CodexReplay.layerSpawner(cassette, options)))
  })

  it.effect("is recorded in both directions", () =>
    Effect.gen(function*() {
      const { entries } = yield* recordConnection
      const said = entries.flatMap((entry) => entry.type === "sent" || entry.type === "received" ? [entry.json] : [])
      assert.sameDeepMembers(said, [
        { id: 1, method: "one", params: { cwd: "<workspace 1>" } },
        { id: 2, method: "two", params: { path: "<workspace 1>/a", apiKey: "<secret>" } },
        { id: 0, result: { threadId: "<thread 1>" } },
        { id: 1, result: { cwd: "<workspace 1>", userAgent: "codex/1.0" } },
        { id: 2, result: { processId: "<process 1>" } },
        { id: 0, method: "ask", params: { threadId: "<thread 1>" } }
      ])
      assert.deepInclude(entries.at(-1), { type: "exit" })
    }))

  it.effect("is played with the numbers and the places of now", () =>
    Effect.gen(function*() {
      const { end, received, verified } = yield* play(yield* recordConnection, [
        { id: 7, method: "one", params: { cwd: "/now" } },
        { id: 8, method: "two", params: { path: "/now/a", apiKey: "other" } },
        { id: 0, result: { threadId: first } }
      ])
      assert.deepStrictEqual(received, [
        { id: 7, result: { cwd: "/now", userAgent: "codex/1.0" } },
        { id: 8, result: { processId: "<process 1>" } },
        { id: 0, method: "ask", params: { threadId: first } }
      ])
      assert.isTrue(Result.isSuccess(end) && Result.isSuccess(verified))
    }))

  it.effect("breaks off with what is sent otherwise", () =>
    Effect.gen(function*() {
      const { end, verified } = yield* play(yield* recordConnection, [
        { id: 7, method: "one", params: { cwd: "/now" } },
        { id: 8, method: "two", params: { path: "/then/a", apiKey: "other" } }
      ])
      const error = Result.isFailure(end) ? end.failure : assert.fail("it did not fail")
      assert.include(error.message, "- params.path: \"<workspace 1>/a\"\n+ params.path: \"/then/a\"")
      assert.isTrue(Result.isFailure(verified))
    }))

  it.effect("refuses what nobody had asked", () =>
    Effect.gen(function*() {
      const one = { id: 7, method: "one", params: { cwd: "/now" } }
      const { end } = yield* play(yield* recordConnection, [one, { id: 8, method: "three" }], { mode: "lenient" })
      assert.isTrue(Result.isFailure(end) && end.failure.message.includes("+ method: \"three\""))
    }))

  it.effect("passes over what does not matter if it is lenient", () =>
    Effect.gen(function*() {
      const { received, verified } = yield* play(yield* recordConnection, [
        { method: "news" },
        { id: 8, method: "two", params: { path: "/then/a" } },
        { id: 0, result: {} }
      ], { mode: "lenient" })
      assert.deepStrictEqual(received.slice(0, 1), [{ id: 8, result: { processId: "<process 1>" } }])
      assert.isTrue(Result.isSuccess(verified))
    }))
})

describe("what is said over a connection", () => {
  /** What is recorded of these lines. */
  const said = Effect.fnUntraced(function*(lines: ReadonlyArray<string>, options: CodexRecorder.Options = {}) {
    return yield* Effect.gen(function*() {
      const duplex = yield* CodexRecorder.duplex({ incoming: Stream.fromIterable(lines), outgoing: Sink.drain })
      yield* Stream.runDrain(duplex.incoming)
      return yield* (yield* CodexRecorder.CodexRecorder).cassette
    }).pipe(
      Effect.provide(Layer.provide(CodexRecorder.layer(options), FakeCli.layerSpawner([])), { local: true })
    )
  })

  it.effect("has times that count from the same day", () =>
    Effect.gen(function*() {
      const now = 1_790_000_000_000
      yield* TestClock.setTime(now)
      const { entries, header } = yield* said([JSON.stringify({
        createdAt: now / 1000 + 2,
        startedAtMs: now + 1500,
        iso: "2026-09-21T14:13:21.500Z",
        limit: 2_000_000_000_000,
        tokens: 100,
        path: "/sessions/2026/09/21/rollout-2026-09-21T14-13-20-01a1fc51-fe34-77d1-b316-5a1fc8218976.jsonl",
        revision: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        call: "call_abcdefghijklmnop"
      })])
      assert.strictEqual(header.recordedAt, "2026-09-21T14:13:20.000Z")
      assert.deepInclude(entries[1], {
        json: {
          createdAt: 1_767_225_602,
          startedAtMs: 1_767_225_601_500,
          iso: "2026-01-01T00:00:01.500Z",
          limit: 2_000_000_000_000,
          tokens: 100,
          path: "/sessions/<time>-<id 1>.jsonl",
          revision: "<hash 1>",
          call: "<call 1>"
        }
      })
    }))

  it.effect("has nothing that is called a secret", () =>
    Effect.gen(function*() {
      const names = (names: string, value: string) => Object.fromEntries(names.split(" ").map((name) => [name, value]))
      const secrets =
        "apiKey api_key OPENAI_API_KEY accessToken refresh_token token password clientSecret cookie Authorization private_key"
      const others = "env_key bearer_token_env_var tokens inputTokens key tokenUsage method"
      const { entries } = yield* said([JSON.stringify({ ...names(secrets, "value"), ...names(others, "value") })])
      assert.deepInclude(entries[1], { json: { ...names(secrets, "<secret>"), ...names(others, "value") } })
    }))

  const Secret = Schema.String.check(Schema.isMinLength(4))
  it.effect.prop(
    "has no secret, wherever it stood",
    { secret: Secret, before: Schema.String, after: Schema.String },
    ({ after, before, secret }) =>
      Effect.gen(function*() {
        const cassette = yield* said(
          [JSON.stringify({ deep: [{ text: before + secret + after }] }), `${before}${secret}${after}`],
          { secrets: [Redacted.make(secret)] }
        )
        const texts = cassette.entries.map((entry) => "text" in entry ? entry.text : "json" in entry ? entry.json : "")
        if (!secret.includes("secret") && !"<secret>".includes(secret)) {
          assert.notInclude(JSON.stringify(texts), JSON.stringify(secret).slice(1, -1))
        }
      })
  )

  it.effect("has no secret that is a number or a word of JSON", () =>
    Effect.gen(function*() {
      const { entries } = yield* said(["12345", "{\"pin\":12345,\"on\":true}"], {
        secrets: [Redacted.make("12345"), Redacted.make("true")]
      })
      assert.notMatch(JSON.stringify(entries), /12345|true/)
    }))

  it.effect("ends as it ended", () =>
    Effect.gen(function*() {
      const lost = ConnectionError.fromReason(new ConnectionError.Disconnected({ description: "it broke" }))
      const cassette = yield* Effect.gen(function*() {
        const duplex = yield* CodexRecorder.duplex({ incoming: Stream.fail(lost), outgoing: Sink.drain })
        yield* Effect.flip(Stream.runDrain(duplex.incoming))
        return yield* (yield* CodexRecorder.CodexRecorder).cassette
      }).pipe(Effect.provide(Layer.provide(
        CodexRecorder.layer({ cliVersion: Cassette.cliVersion }),
        FakeCli.layerSpawner([])
      )))
      const error = yield* Effect.gen(function*() {
        const { incoming } = yield* (yield* CodexReplay.CodexReplay).duplex
        return yield* Effect.flip(Stream.runDrain(incoming))
      }).pipe(Effect.scoped, Effect.provide(CodexReplay.layerSpawner(cassette)))
      assert.include(error.message, "it broke")
    }))
})

describe("Cassette", () => {
  it.effect.prop("reads what it writes", { cassette: Cassette.Cassette }, ({ cassette }) =>
    Effect.gen(function*() {
      const text = Cassette.toText({ ...cassette, header: { ...cassette.header, cassette: Cassette.formatVersion } })
      const lines = (text: string) => text.trim().split("\n").map((line): unknown => JSON.parse(line))
      assert.deepStrictEqual(lines(Cassette.toText(yield* Effect.fromResult(Cassette.fromText(text)))), lines(text))
    }))

  it.effect("is loaded from a file", () =>
    Effect.gen(function*() {
      const fs = FileSystem.layerNoop({
        readFileString: (path) => Effect.succeed(path === "/a.jsonl" ? "{\"cassette\":1,\"recordedAt\":\"\"}\n" : "")
      })
      assert.deepStrictEqual(yield* Effect.provide(Cassette.load("/a.jsonl"), fs), {
        header: { cassette: 1, recordedAt: "" },
        entries: []
      })
    }))

  it("says which line is none", () => {
    const header = "{\"cassette\":1,\"recordedAt\":\"\"}"
    const problem = (text: string) =>
      Result.isFailure(Cassette.fromText(text)) ? Result.flip(Cassette.fromText(text)) : undefined
    const message = (text: string) => {
      const result = problem(text)
      return result !== undefined && Result.isSuccess(result) ? result.success.message : ""
    }
    assert.match(message("nope"), /^Line 1 of the cassette: /)
    assert.match(message("{\"cassette\":2,\"recordedAt\":\"\"}"), /its format is 2, and this version reads 1/)
    assert.match(message(`${header}\n{"at":0,"process":1,"type":"nope"}\n`), /^Line 2 of the cassette: /)
  })

  it.effect("compares by what is said", () =>
    Effect.gen(function*() {
      const { cassette } = yield* recorded()
      const later = {
        header: { ...cassette.header, recordedAt: "later" },
        entries: cassette.entries.map((entry) => ({ ...entry, at: entry.at + 1 })).toReversed()
      }
      assert.deepStrictEqual(Cassette.differences(cassette, later), [])
      const other = { header: { ...cassette.header, cli: "1.0.0" }, entries: cassette.entries.slice(1) }
      assert.deepStrictEqual(Cassette.differences(cassette, other), [
        `- CLI ${Cassette.cliVersion}`,
        "+ CLI 1.0.0",
        "- {\"args\":[\"--json\",\"--model\",\"m\",\"-\"],\"cwd\":\"<workspace>\",\"kind\":\"exec\",\"type\":\"start\"}"
      ])
    }))
})
