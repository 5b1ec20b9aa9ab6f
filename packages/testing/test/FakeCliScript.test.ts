import * as AppServerTransport from "@effect-codex/core/appserver/AppServerTransport"
import * as Client from "@effect-codex/core/appserver/Client"
import * as Connection from "@effect-codex/core/appserver/Connection"
import * as Codex from "@effect-codex/core/Codex"
import * as CodexCli from "@effect-codex/core/CodexCli"
import * as ExecTransport from "@effect-codex/core/exec/ExecTransport"
import * as ProcessGuard from "@effect-codex/core/ProcessGuard"
import * as CodexScript from "@effect-codex/testing/CodexScript"
import * as FakeCli from "@effect-codex/testing/FakeCli"
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"

const { crash, fail, future, garbage, hang, make, message, run, turn, wait, when } = CodexScript

const play = (...steps: ReadonlyArray<CodexScript.Step>) => Effect.provide(FakeCli.layer(make([turn(...steps)])))

const failure = Effect.map(Effect.flip(Codex.run("x")), ({ reason }) => reason)

describe("codex exec, by a script", () => {
  it.effect("prints what the real one prints", () =>
    Effect.gen(function*() {
      const spawner = yield* ChildProcessSpawner
      const text = yield* spawner.string(
        ChildProcess.make("codex", ["exec", "--json", "-"], { cwd: "/w", stdin: Stream.encodeText(Stream.make("Hi")) })
      )
      assert.deepStrictEqual(text.split("\n"), [
        "{\"type\":\"thread.started\",\"thread_id\":\"00000000-0000-7000-8000-000000000001\"}",
        "{\"type\":\"turn.started\"}",
        "{\"type\":\"item.started\",\"item\":{\"id\":\"item_0\",\"type\":\"command_execution\",\"command\":\"/bin/bash -lc ls\",\"aggregated_output\":\"\",\"exit_code\":null,\"status\":\"in_progress\"}}",
        "{\"type\":\"item.completed\",\"item\":{\"id\":\"item_0\",\"type\":\"command_execution\",\"command\":\"/bin/bash -lc ls\",\"aggregated_output\":\"a\\n\",\"exit_code\":0,\"status\":\"completed\"}}",
        "{\"type\":\"item.completed\",\"item\":{\"id\":\"item_1\",\"type\":\"agent_message\",\"text\":\"Done.\"}}",
        "{\"type\":\"turn.completed\",\"usage\":{\"input_tokens\":200,\"cached_input_tokens\":80,\"cache_write_input_tokens\":0,\"output_tokens\":40,\"reasoning_output_tokens\":10}}",
        ""
      ])
    }).pipe(Effect.provide(
      FakeCli.layerSpawner(make([turn(run("ls", { output: "a\n" }), message("Done."))]))
    )))

  it.effect("takes its time by the Clock", () =>
    Effect.gen(function*() {
      const cli = yield* FakeCli.FakeCli
      const fiber = yield* Effect.forkChild(Codex.run("x"))
      yield* cli.settled
      yield* TestClock.adjust("1 minute")
      yield* cli.settled
      assert.isTrue((yield* cli.invocations)[0]?.running)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(fiber)).finalMessage, "Done.")
    }).pipe(play(wait("1 minute"), run("sleep 60", { duration: "1 minute", output: "x" }), message("Done."))))

  it.effect("dies with a code", () =>
    Effect.gen(function*() {
      assert.deepInclude(yield* failure, { _tag: "Exited", exitCode: 101, stderr: "panicked" })
    }).pipe(play(message("Half"), crash({ stderr: "panicked\n" }))))

  it.effect("dies of a signal", () =>
    Effect.gen(function*() {
      assert.deepInclude(yield* failure, { _tag: "Exited", signal: "SIGSEGV" })
    }).pipe(play(crash({ signal: "SIGSEGV" }))))

  it.effect("prints what nobody understands", () =>
    Effect.gen(function*() {
      const events = yield* Stream.runCollect(Codex.stream("x"))
      assert.deepStrictEqual(
        events.flatMap((event) =>
          event.type === "unknown"
            ? [event.raw]
            : event.type === "item.completed" && event.item.type === "unknown"
            ? [event.item.raw]
            : []
        ),
        [
          "{oops",
          { type: "x.y", a: 1 },
          { id: "item_0", type: "telepathy", b: 2 }
        ]
      )
    }).pipe(play(garbage("{oops"), future("event", "x.y", { a: 1 }), future("item", "telepathy", { b: 2 }))))

  it.effect("is stopped, and its thread goes on", () =>
    Effect.gen(function*() {
      const cli = yield* FakeCli.FakeCli
      const handle = yield* Codex.start("Hang")
      yield* Stream.runDrain(Stream.takeUntil(handle.events, ({ type }) => type === "item.completed"))
      yield* handle.interrupt
      const { turn } = yield* Effect.flip(handle.await)
      assert.deepStrictEqual((yield* cli.invocations)[0]?.signals, ["SIGINT"])
      const next = yield* Codex.run("Go on", { thread: turn?.threadId })
      assert.strictEqual(next.finalMessage, "Again.")
    }).pipe(
      Effect.scoped,
      Effect.provide(FakeCli.layer(make([
        when({ prompt: "Hang" }, message("One."), hang),
        when({ turn: 1 }, message("Again."))
      ])))
    ))

  it.effect("goes on only with threads that there are, and that are free", () =>
    Effect.gen(function*() {
      const unknown = "00000000-0000-7000-8000-00000000000f"
      for (const options of [{ thread: unknown }, { fork: unknown }]) {
        const { reason } = yield* Effect.flip(Codex.run("x", options))
        assert.deepInclude(reason, { _tag: "ThreadNotFound", threadId: unknown })
      }
      const { threadId } = yield* Codex.run("x", { ephemeral: true })
      assert.strictEqual((yield* Effect.flip(Codex.run("x", { thread: threadId }))).reason._tag, "ThreadNotFound")
    }).pipe(play(message("Hi."))))

  it.effect("copies a thread, with what it cost", () =>
    Effect.gen(function*() {
      const first = yield* Codex.run("x")
      const fork = yield* Codex.run("y", { fork: first.threadId })
      assert.notStrictEqual(fork.threadId, first.threadId)
      assert.strictEqual(fork.finalMessage, "Second.")
      assert.strictEqual(fork.threadUsage?.input_tokens, 200)
    }).pipe(Effect.provide(FakeCli.layer(make([when({ turn: 1 }, message("Second.")), turn(message("First."))])))))

  it.effect("wants a prompt, and does not review", () =>
    Effect.gen(function*() {
      const spawner = yield* ChildProcessSpawner
      const start = (args: ReadonlyArray<string>, stdin: string) =>
        spawner.string(
          ChildProcess.make("codex", ["exec", ...args], { stdin: Stream.encodeText(Stream.make(stdin)) }),
          { includeStderr: true }
        )
      assert.strictEqual(yield* start(["--model", "review", "-"], " "), "No prompt provided via stdin.\n")
      assert.include(yield* start(["review", "-"], "Look"), "does not review")
    }).pipe(Effect.provide(FakeCli.layerSpawner(make([])))))

  it.effect("fails as the script says, and is retried", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Codex.run("x"))
      assert.deepInclude(error.reason, { _tag: "TurnFailed", kind: "overloaded" })
      assert.isTrue(error.isRetryable)
      assert.strictEqual((yield* Codex.run("x")).finalMessage, "Done.")
    }).pipe(Effect.provide(FakeCli.layer(make([when({ attempt: 1 }, fail("overloaded")), turn(message("Done."))])))))
})

describe("codex app-server, by a script", () => {
  const server = AppServerTransport.layerConnect(Client.connect(Connection.stdio(), { experimentalApi: true }))

  /** Both transports over one CLI. */
  const both = Effect.fnUntraced(function*(script: CodexScript.CodexScript) {
    const cli = yield* Layer.build(Layer.mergeAll(
      FakeCli.layerSpawner(script),
      Layer.succeed(CodexCli.CodexCli, { command: "codex" }),
      ProcessGuard.layerNoop
    ))
    const over = <E, R>(layer: Layer.Layer<Codex.Codex, E, R>) =>
      Effect.map(Layer.build(Layer.fresh(layer)), (context) => Context.get(context, Codex.Codex)).pipe(
        Effect.provideContext(cli)
      )
    return {
      cli: Context.get(cli, FakeCli.FakeCli),
      exec: yield* over(Layer.provide(Codex.layer(), ExecTransport.layer())),
      appServer: yield* over(Layer.provide(Codex.layer(), server))
    }
  })

  it.effect("shares its threads with `codex exec`", () =>
    Effect.gen(function*() {
      const { appServer, cli, exec } = yield* both(make([
        when({ turn: 0 }, message("One.")),
        when({ turn: 1 }, message("Two.")),
        turn(message("Three."))
      ]))
      const { finalMessage: one, threadId } = yield* exec.run("x")
      const { finalMessage: two } = yield* appServer.run("x", { thread: threadId })
      const { finalMessage: three } = yield* exec.run("x", { thread: threadId })
      assert.deepStrictEqual([one, two, three], ["One.", "Two.", "Three."])
      const [process] = yield* cli.invocations
      assert.strictEqual(process?.args[0], "app-server")
      assert.include(process?.stdin, "\"method\":\"turn/start\"")
    }).pipe(Effect.scoped))

  it.effect("refuses a thread that `codex exec` is at work on", () =>
    Effect.gen(function*() {
      const { appServer, exec } = yield* both(make([when({ turn: 1 }, hang), turn(message("Hi."))]))
      const { threadId } = yield* exec.run("x")
      const busy = yield* exec.start("x", { thread: threadId })
      yield* Stream.runDrain(Stream.takeUntil(busy.events, ({ type }) => type === "turn.started"))
      const { reason } = yield* Effect.flip(appServer.run("x", { thread: threadId }))
      assert.strictEqual(reason._tag, "ThreadBusy")
    }).pipe(Effect.scoped))

  it.effect("dies as the script says, and another one takes its place", () =>
    Effect.gen(function*() {
      const { appServer, cli } = yield* both(make([
        when({ attempt: 1 }, message("Half"), crash({ exitCode: 3, stderr: "out of luck\n" })),
        turn(message("Done."))
      ]))
      const fiber = yield* Effect.forkChild(Effect.flip(appServer.run("x")))
      yield* cli.settled
      yield* TestClock.adjust("1 minute")
      const error = yield* Fiber.join(fiber)
      assert.deepInclude(error.reason, { _tag: "Exited", exitCode: 3, stderr: "out of luck" })
      assert.isTrue(error.worked)
      assert.strictEqual((yield* appServer.run("x")).finalMessage, "Done.")
    }).pipe(Effect.scoped))

  it.effect("ends with its stdin, and in order at SIGTERM", () =>
    Effect.gen(function*() {
      const start = ChildProcess.make("codex", ["app-server"])
      const first = yield* start
      yield* Stream.run(Stream.empty, first.stdin)
      assert.strictEqual(Number(yield* first.exitCode), 0)
      const second = yield* start
      yield* second.kill()
      assert.strictEqual(Number(yield* second.exitCode), 0)
      const third = yield* start
      yield* third.kill({ killSignal: "SIGINT" })
      assert.match(String((yield* Effect.flip(third.exitCode)).reason.cause), /SIGINT/)
    }).pipe(Effect.scoped, Effect.provide(FakeCli.layerSpawner(make([])))))
})

describe("time that passes", () => {
  it.effect("until a program is over, or has failed", () =>
    Effect.gen(function*() {
      const turns = Effect.all([Codex.run("x"), Codex.run("y"), Effect.sleep("30 seconds")])
      assert.strictEqual((yield* FakeCli.passTime(turns))[1].finalMessage, "Done.")
      assert.strictEqual(yield* Clock.currentTimeMillis, 150_000)
      assert.strictEqual(yield* FakeCli.passTime(Effect.flip(Effect.fail("no"))), "no")
    }).pipe(play(wait("1 minute"), message("Done."))))

  it.effect("and not for ever", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(FakeCli.passTime(Codex.run("x"), { step: "1 minute", limit: "5 minutes" }))
      assert.include(String(exit), "not over in 5m")
      assert.strictEqual(yield* Clock.currentTimeMillis, 300_000)
    }).pipe(play(hang)))
})
