/**
 * What the fake CLI does of itself is what the real one does: each case here runs on both.
 */
import * as Codex from "@effect-codex/core/Codex"
import { CodexCli } from "@effect-codex/core/CodexCli"
import type { CodexEvent } from "@effect-codex/core/CodexEvent"
import * as NodeCodex from "@effect-codex/node/NodeCodex"
import * as NodeCodexCli from "@effect-codex/node/NodeCodexCli"
import * as FakeCli from "@effect-codex/testing/FakeCli"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as FakeProcess from "@effect-codex/testing/FakeProcess"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Stream from "effect/Stream"
import { layerServer } from "./support/codexExec.ts"

const real = (script: FakeModel.Script) =>
  FakeModel.layerWith(script, (cli) => NodeCodex.layer({ ...cli, skipGitRepoCheck: true })).pipe(
    Layer.provide(layerServer)
  )

describe("a program cannot tell the fake from the real CLI by", () => {
  /** All that a program sees, but for ids and numbers. */
  const seen = Effect.gen(function*() {
    const events: Array<CodexEvent> = []
    const error = yield* Codex.stream("Hello").pipe(
      Stream.runForEach((event) => Effect.sync(() => events.push(event))),
      Effect.flip,
      Effect.orElseSucceed(() => undefined)
    )
    return {
      events: events.map((event) => {
        switch (event.type) {
          case "thread.started":
            return [event.type, typeof event.thread_id]
          case "turn.completed":
            return [event.type, typeof event.usage.input_tokens]
          default:
            return event
        }
      }),
      reason: error?.reason._tag,
      message: error?.message,
      worked: error?.worked
    }
  })

  const same = (name: string, script: FakeModel.Script, process: FakeProcess.FakeProcess) =>
    it.live(name, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(
          yield* seen.pipe(Effect.provide(FakeCli.layer([process]))),
          yield* seen.pipe(Effect.provide(real(script)))
        )
      }))

  same("a turn", [ModelReply.message("Hi.")], FakeProcess.turn({ message: "Hi." }))
  same(
    "a turn that fails",
    [ModelReply.failed({ code: "invalid_prompt", message: "Invalid prompt: no." })],
    FakeProcess.turnFailed("Invalid prompt: no.")
  )

  it.live("a start that fails", () =>
    Effect.gen(function*() {
      const options = { config: { model_provider: "nope" } }
      const run = Effect.flip(Codex.run("Hello", options))
      const fake = yield* run.pipe(Effect.provide(FakeCli.layer([
        FakeProcess.startFailed("Error: Model provider `nope` not found")
      ])))
      assert.deepStrictEqual(fake.reason, (yield* run.pipe(Effect.provide(real([])))).reason)
    }))
})

describe("the fake and the real process, on", () => {
  /** Starts the CLI, sends `signal` once the agent is at work, and tells how it ended. */
  const ending = (signal: ChildProcess.Signal) =>
    Effect.scoped(Effect.gen(function*() {
      const cli = yield* CodexCli
      const atWork = yield* Deferred.make<void>()
      const args = ["exec", "--json", "--skip-git-repo-check", "-s", "danger-full-access", "-"]
      const process = yield* ChildProcess.make(cli.command, args, {
        env: cli.env ?? {},
        extendEnv: true,
        stdin: Stream.encodeText(Stream.make("Hello")),
        stderr: "ignore",
        detached: false
      })
      const lines = yield* Effect.forkChild(process.stdout.pipe(
        Stream.decodeText,
        Stream.splitLines,
        Stream.tap((line) => line.includes("item.started") ? Deferred.succeed(atWork, void 0) : Effect.void),
        Stream.runCollect
      ))
      yield* Deferred.await(atWork)
      yield* process.kill({ killSignal: signal })
      const exit = yield* Effect.match(process.exitCode, {
        onSuccess: (code) => `code ${code}`,
        onFailure: (error) => String(error.reason.cause)
      })
      const types = (yield* Fiber.join(lines)).map((line) => /"type":"([^"]*)"/.exec(line)?.[1])
      return { exit, types }
    }))

  const fake = Layer.merge(
    Layer.succeed(CodexCli, { command: "codex" }),
    FakeCli.layerSpawner([
      FakeProcess.make([
        ...FakeProcess.turn().steps.slice(0, 2),
        FakeProcess.stdout("{\"type\":\"item.started\",\"item\":{}}\n"),
        FakeProcess.hang
      ])
    ])
  )

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    it.live(signal, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(
          yield* ending(signal).pipe(Effect.provide(fake)),
          yield* ending(signal).pipe(Effect.provide(
            FakeModel.layerWith([ModelReply.shell("sleep 1000")], (cli) => NodeCodexCli.layer(cli)).pipe(
              Layer.provideMerge(layerServer)
            )
          ))
        )
      }))
  }
})
