/**
 * A Codex to which faults happen, over each seam at which they can.
 */
import * as AppServerTransport from "@effect-codex/core/appserver/AppServerTransport"
import * as Client from "@effect-codex/core/appserver/Client"
import * as Connection from "@effect-codex/core/appserver/Connection"
import * as Codex from "@effect-codex/core/Codex"
import * as CodexCli from "@effect-codex/core/CodexCli"
import type { CodexOptions } from "@effect-codex/core/CodexOptions"
import * as ExecTransport from "@effect-codex/core/exec/ExecTransport"
import * as ProcessGuard from "@effect-codex/core/ProcessGuard"
import * as CodexFaults from "@effect-codex/testing/CodexFaults"
import type { CodexScript } from "@effect-codex/testing/CodexScript"
import * as FakeAppServer from "@effect-codex/testing/FakeAppServer"
import * as FakeCli from "@effect-codex/testing/FakeCli"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"

const cli = Layer.merge(Layer.succeed(CodexCli.CodexCli, { command: "codex" }), ProcessGuard.layerNoop)

/** What processes are spawned by. */
export const spawner = (plan: CodexFaults.Plan, script: FakeCli.Script) =>
  CodexFaults.layerSpawner.pipe(
    Layer.provideMerge(CodexFaults.layer(plan)),
    Layer.provide(FakeCli.layerSpawner(script))
  )

/** `codex exec`. */
export const exec = (plan: CodexFaults.Plan, script: FakeCli.Script, options?: CodexOptions) =>
  Codex.layer(options).pipe(
    Layer.provide(ExecTransport.layer()),
    Layer.provide(cli),
    Layer.provide(CodexFaults.layerSpawner),
    Layer.provideMerge(CodexFaults.layer(plan)),
    Layer.provideMerge(FakeCli.layerSpawner(script))
  )

/** `codex app-server`, started for each connection. */
export const stdio = (plan: CodexFaults.Plan, script: FakeCli.Script, options?: CodexOptions) =>
  Codex.layer(options).pipe(
    Layer.provide(AppServerTransport.layerConnect(Client.connect(Connection.stdio()))),
    Layer.provide(cli),
    Layer.provide(CodexFaults.layerSpawner),
    Layer.provideMerge(CodexFaults.layer(plan)),
    Layer.provideMerge(FakeCli.layerSpawner(script))
  )

/** A connection to an app-server. */
export const connection = (plan: CodexFaults.Plan, script: CodexScript, options?: CodexOptions) =>
  Codex.layer(options).pipe(
    Layer.provide(AppServerTransport.layerConnect(
      Effect.flatMap(
        FakeAppServer.FakeAppServer,
        ({ connect }) => Client.connect(CodexFaults.connection(connect), { experimentalApi: true })
      )
    )),
    Layer.provideMerge(CodexFaults.layer(plan)),
    Layer.provideMerge(Layer.sync(FakeAppServer.FakeAppServer, () => FakeAppServer.make(script)))
  )

/** Any transport. */
export const transport = (plan: CodexFaults.Plan, script: FakeCli.Script, options?: CodexOptions) =>
  Codex.layer(options).pipe(
    Layer.provide(CodexFaults.layerTransport),
    Layer.provide(ExecTransport.layer()),
    Layer.provide(cli),
    Layer.provideMerge(CodexFaults.layer(plan)),
    Layer.provideMerge(FakeCli.layerSpawner(script))
  )

export const injected = Effect.flatMap(CodexFaults.CodexFaults, ({ injected }) => injected)

const settled = Effect.repeat(Effect.yieldNow, { times: 200 })

/** Passes time until the program has ended; dies when it has not within so many steps. */
export const drive = <A, E, R>(program: Effect.Effect<A, E, R>, steps = 1_000) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(program)
    for (let step = 0; fiber.pollUnsafe() === undefined; step++) {
      if (step === steps) {
        yield* Effect.forkDetach(Fiber.interrupt(fiber))
        return yield* Effect.die(`it has not ended after ${steps} steps`)
      }
      yield* settled
      if (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("1 second")
    }
    return yield* Fiber.join(fiber)
  })
