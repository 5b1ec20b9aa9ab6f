/**
 * One script, played by the real CLI and by its fakes.
 */
import * as AppServerTransport from "@effect-codex/core/appserver/AppServerTransport"
import * as Client from "@effect-codex/core/appserver/Client"
import * as Connection from "@effect-codex/core/appserver/Connection"
import * as Codex from "@effect-codex/core/Codex"
import * as CodexCli from "@effect-codex/core/CodexCli"
import type { CodexOptions } from "@effect-codex/core/CodexOptions"
import * as ExecTransport from "@effect-codex/core/exec/ExecTransport"
import * as ProcessGuard from "@effect-codex/core/ProcessGuard"
import * as NodeCodexCli from "@effect-codex/node/NodeCodexCli"
import * as NodeProcessGuard from "@effect-codex/node/NodeProcessGuard"
import * as CodexScript from "@effect-codex/testing/CodexScript"
import * as FakeAppServer from "@effect-codex/testing/FakeAppServer"
import * as FakeCli from "@effect-codex/testing/FakeCli"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import { createServer } from "node:http"

export type Runner = Codex.Codex["Service"]

/** The real CLI by both transports. Its model plays whatever script is set. */
export class Real extends Context.Service<Real, {
  readonly play: (script: CodexScript.CodexScript) => void
  readonly exec: Runner
  readonly appServer: Runner
}>()("Real") {}

const build = <E, R>(layer: Layer.Layer<Codex.Codex, E, R>) =>
  Effect.map(Layer.build(Layer.fresh(layer)), (context) => Context.get(context, Codex.Codex))

const options: CodexOptions = { sandbox: "danger-full-access", skipGitRepoCheck: true }

const exec = Layer.provide(Codex.layer(options), ExecTransport.layer())

const appServer = Layer.provide(
  Codex.layer(options),
  AppServerTransport.layerConnect(
    Client.connect(Connection.stdio({ config: { thread_unload_delay_secs: 0 } }), { experimentalApi: true })
  )
)

export const layer = () => {
  let model: ReturnType<typeof CodexScript.toModel> | undefined
  const both = Layer.effect(
    Real,
    Effect.gen(function*() {
      const { cli } = yield* FakeModel.FakeModel
      const real = Layer.merge(NodeCodexCli.layer(cli), NodeProcessGuard.layer).pipe(
        Layer.provideMerge(NodeServices.layer)
      )
      return {
        play: (script) => {
          model = CodexScript.toModel(script)
        },
        exec: yield* build(exec.pipe(Layer.provide(real))),
        appServer: yield* build(appServer.pipe(Layer.provide(real)))
      }
    })
  )
  return both.pipe(
    Layer.provideMerge(FakeModel.layer((request) => {
      if (model === undefined) throw new Error("no script is set")
      return model(request)
    }, { maxRequests: 100_000 })),
    Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" }))
  )
}

/** `codex exec` without a process. */
export const fakeExec = (script: CodexScript.CodexScript) => build(FakeCli.layer(script, options))

/** `codex app-server` without a process, as its transport starts it. */
export const fakeAppServerProcess = (script: CodexScript.CodexScript) =>
  build(appServer.pipe(
    Layer.provide([
      FakeCli.layerSpawner(script),
      Layer.succeed(CodexCli.CodexCli, { command: "codex" }),
      ProcessGuard.layerNoop
    ])
  ))

/** An app-server in memory. */
export const fakeAppServer = (script: CodexScript.CodexScript) => build(FakeAppServer.layer(script, options))

/** What a program does: a prompt after the other, in the same thread. */
export const play = Effect.fnUntraced(
  function*(codex: Runner, prompts: ReadonlyArray<string>, options: CodexOptions = {}) {
    const fs = yield* FileSystem.FileSystem
    const directory = yield* fs.realPath(yield* fs.makeTempDirectoryScoped())
    yield* fs.writeFileString(`${directory}/a.txt`, "old\n")
    yield* fs.writeFileString(`${directory}/b.txt`, "b\n")
    let thread: string | undefined
    const outcomes = []
    for (const prompt of prompts) {
      const exit = yield* Effect.exit(codex.run(prompt, {
        workingDirectory: directory,
        ...options,
        ...(thread === undefined ? {} : { thread })
      }))
      const error = Exit.isSuccess(exit) ? undefined : yield* Effect.flip(exit)
      const turn = Exit.isSuccess(exit) ? exit.value : error?.turn
      thread ??= turn?.threadId
      outcomes.push({ turn, error, directory })
    }
    return outcomes
  },
  Effect.scoped
)
