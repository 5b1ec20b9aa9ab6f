/**
 * Law 2 on the real CLI: nothing outlives its scope.
 */
import * as Codex from "@effect-codex/core/Codex"
import type { CodexEvent } from "@effect-codex/core/CodexEvent"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Stream from "effect/Stream"
import { fileURLToPath } from "node:url"
import * as RealCodex from "./support/realCodex.ts"
import * as Stubborn from "./support/stubborn.ts"

/** Those of the command, and of the CLI. */
const pidFiles = (workspace: string) => [`${workspace}/cli.pid`, ...Stubborn.pidFiles(workspace)]

const isCommand = (event: CodexEvent): boolean =>
  event.type === "item.started" && event.item.type === "command_execution"

describe("nothing of a run is alive when it", () => {
  const codex = RealCodex.layer(() => ModelReply.shell(Stubborn.stubborn))

  const rounds = (
    times: number,
    way: (run: {
      readonly workspace: string
      readonly pids: Effect.Effect<ReadonlyArray<number>>
    }) => Effect.Effect<unknown, unknown, Codex.Codex>
  ) =>
    Effect.scoped(Effect.gen(function*() {
      const workspace = yield* RealCodex.makeWorkspace
      const pids = RealCodex.pidsIn(pidFiles(workspace))
      yield* way({ workspace, pids })
      assert.deepStrictEqual((yield* pids).filter(RealCodex.isAlive), [])
    })).pipe(Effect.repeat({ times: times - 1 }), Effect.provide(codex))

  it.live("was interrupted, 14 times", () =>
    rounds(14, ({ pids, workspace }) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(Codex.run("Work", { workingDirectory: workspace }))
        assert.isTrue((yield* pids).every(RealCodex.isAlive))
        yield* Fiber.interrupt(fiber)
      })))

  it.live("was not wanted to its end, 12 times", () =>
    rounds(12, ({ pids, workspace }) =>
      Codex.stream("Work", { workingDirectory: workspace }).pipe(
        Stream.tap((event) => isCommand(event) ? pids : Effect.void),
        Stream.takeUntil(isCommand),
        Stream.runDrain
      )))

  it.live("took too long for Effect.timeout, 12 times", () =>
    rounds(
      12,
      ({ workspace }) =>
        Effect.flip(Codex.run("Work", { workingDirectory: workspace }).pipe(Effect.timeout("2 seconds")))
    ))

  it.live("has a consumer that fails, 12 times", () =>
    rounds(12, ({ pids, workspace }) =>
      Codex.stream("Work", { workingDirectory: workspace }).pipe(
        Stream.runForEach((event) => isCommand(event) ? Effect.andThen(pids, Effect.fail("enough")) : Effect.void),
        Effect.flip
      )))
})

describe("nothing of a run is alive when its host", () => {
  const host = (workspace: string) =>
    Effect.gen(function*() {
      const { cli } = yield* FakeModel.FakeModel
      const program = fileURLToPath(new URL("./fixtures/runHost.ts", import.meta.url))
      return yield* ChildProcess.make(process.execPath, [program, workspace], { env: cli.env, extendEnv: true })
    })

  for (const [signal, limit] of [["SIGKILL", 2000], ["SIGTERM", 4000], ["SIGINT", 4000]] as const) {
    it.live(`is ended by ${signal}, ${limit / 1000} seconds later`, () =>
      Effect.gen(function*() {
        const workspace = yield* RealCodex.makeWorkspace
        const { pid } = yield* host(workspace)
        const pids = yield* RealCodex.pidsIn(pidFiles(workspace))
        assert.isTrue(pids.every(RealCodex.isAlive))
        process.kill(pid, signal)
        yield* RealCodex.until(() => !pids.some(RealCodex.isAlive), limit)
      }).pipe(Effect.scoped, Effect.provide(RealCodex.layer(() => ModelReply.shell(Stubborn.stubborn)))))
  }
})
