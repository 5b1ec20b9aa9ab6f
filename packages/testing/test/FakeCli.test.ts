import * as Codex from "@effect-codex/core/Codex"
import * as FakeCli from "@effect-codex/testing/FakeCli"
import * as FakeProcess from "@effect-codex/testing/FakeProcess"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"

describe("FakeCli", () => {
  it.effect("starts a process for each start, in order, and says when there are no more", () =>
    Effect.gen(function*() {
      const turns = [yield* Codex.run("one"), yield* Codex.run("two")]
      assert.deepStrictEqual(turns.map((turn) => turn.finalMessage), ["1", "2"])
      const error = yield* Effect.flip(Codex.run("three"))
      assert.deepInclude(error.reason, { _tag: "SpawnFailed", description: "the script has no process 3" })
    }).pipe(Effect.provide(FakeCli.layer([
      FakeProcess.turn({ message: "1" }),
      FakeProcess.turn({ message: "2" })
    ]))))

  it.effect("may choose the process by what it is given", () =>
    Effect.gen(function*() {
      const turn = yield* Codex.run("x", { model: "m", workingDirectory: "/w" })
      assert.strictEqual(turn.finalMessage, "[0,\"codex\",[\"--model\",\"m\"],\"/w\",\"b\"]")
    }).pipe(Effect.provide(FakeCli.layer(
      ({ args, command, cwd, env }, index) =>
        FakeProcess.turn({ message: JSON.stringify([index, command, args.slice(2, 4), cwd, env.A]) }),
      { cli: { env: { A: "b" } } }
    ))))

  it.effect("shows what a process does while it does it", () =>
    Effect.gen(function*() {
      const cli = yield* FakeCli.FakeCli
      const fiber = yield* Effect.forkChild(Codex.run("x"))
      yield* cli.settled
      assert.deepInclude((yield* cli.invocations)[0], { stdin: "x", running: true, signals: [] })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      assert.deepInclude((yield* cli.invocations)[0], { running: false, signals: [] })
    }).pipe(Effect.provide(FakeCli.layer([
      FakeProcess.make([FakeProcess.delay("1 second"), ...FakeProcess.turn().steps])
    ]))))

  it.effect("a process that does not read its stdin was given nothing", () =>
    Effect.gen(function*() {
      yield* Codex.run("x")
      const cli = yield* FakeCli.FakeCli
      assert.strictEqual((yield* cli.invocations)[0]?.stdin, "")
    }).pipe(Effect.provide(FakeCli.layer([{ ...FakeProcess.turn(), readsStdin: false }]))))

  it.effect("a process waits for who reads its output", () =>
    Effect.gen(function*() {
      const cli = yield* FakeCli.FakeCli
      const fiber = yield* Codex.stream("x").pipe(
        Stream.runForEach((event) => event.type === "turn.completed" ? Effect.void : Effect.sleep("1 second")),
        Effect.forkChild
      )
      yield* cli.settled
      assert.isTrue((yield* cli.invocations)[0]?.running)
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
    }).pipe(Effect.provide(FakeCli.layer([
      FakeProcess.turn({
        items: Array.from({ length: 10 }, (_, index) => ({ type: "agent_message", id: `${index}`, text: "x" }))
      })
    ]))))
})

describe("the spawner of FakeCli", () => {
  it.effect("serves other commands too, but no pipelines", () =>
    Effect.gen(function*() {
      const spawner = yield* ChildProcessSpawner
      const echo = ChildProcess.make("echo", ["hi"])
      assert.strictEqual(yield* spawner.string(echo, { includeStderr: true }), "out\nerr\n")
      const error = yield* Effect.flip(spawner.exitCode(ChildProcess.pipeTo(echo, ChildProcess.make("cat"))))
      assert.strictEqual(error.reason.description, "a fake CLI runs no pipelines")
    }).pipe(Effect.provide(FakeCli.layerSpawner([
      FakeProcess.make([FakeProcess.stdout("out\n"), FakeProcess.stderr("err\n")])
    ]))))

  it.effect("kills a process that ignores everything else", () =>
    Effect.gen(function*() {
      const cli = yield* FakeCli.FakeCli
      yield* Effect.scoped(Effect.gen(function*() {
        const process = yield* ChildProcess.make("codex")
        const fiber = yield* Effect.forkChild(process.kill({ forceKillAfter: "3 seconds" }))
        yield* cli.settled
        yield* TestClock.adjust("3 seconds")
        yield* Fiber.join(fiber)
        assert.deepStrictEqual((yield* cli.invocations)[0]?.signals, ["SIGTERM", "SIGKILL"])
        assert.isFalse(yield* process.isRunning)
        yield* process.kill()
        assert.match(String((yield* Effect.flip(process.exitCode)).reason.cause), /SIGKILL/)
        yield* yield* process.unref
        yield* Stream.run(Stream.make(new Uint8Array()), process.stdin)
        yield* Stream.run(Stream.make(new Uint8Array()), process.getInputFd(3))
        yield* Stream.runDrain(process.getOutputFd(3))
      }))
    }).pipe(Effect.provide(FakeCli.layerSpawner([
      FakeProcess.make([FakeProcess.hang], { ignores: ["SIGTERM"] })
    ]))))
})
