/**
 * The example as a user runs it, against a real app-server that was started elsewhere, offline.
 */
import * as Codex from "@effect-codex/core/Codex"
import * as CodexRetry from "@effect-codex/core/CodexRetry"
import * as NodeCodexCli from "@effect-codex/node/NodeCodexCli"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Sink from "effect/Sink"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import { createServer } from "node:http"
import { fileURLToPath } from "node:url"
import { makeWorkspace } from "../../packages/node/test/support/realCodex.ts"
import { slowMessage } from "../../packages/node/test/support/slowMessage.ts"
import { layer, program } from "./main.ts"

const main = fileURLToPath(new URL("main.ts", import.meta.url))

const layerModel = (script: FakeModel.Script) =>
  FakeModel.layer(script).pipe(
    Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" }))
  )

const token = "a-capability-token"

/** The app-server, started as the example says. */
const listen = Effect.fnUntraced(function*(url = "ws://127.0.0.1:0") {
  const fs = yield* FileSystem.FileSystem
  const cwd = yield* makeWorkspace
  yield* fs.writeFileString(`${cwd}/token`, token)
  const { cli } = yield* FakeModel.FakeModel
  const { command } = yield* NodeCodexCli.make()
  const flags = ["--ws-auth", "capability-token", "--ws-token-file", `${cwd}/token`]
  const server = yield* ChildProcess.make(command, ["app-server", "--listen", url, ...flags], {
    cwd,
    env: cli.env,
    extendEnv: true,
    stdin: "ignore",
    forceKillAfter: "2 seconds"
  })
  const listening = yield* Deferred.make<string>()
  yield* Stream.splitLines(Stream.decodeText(server.all)).pipe(
    Stream.runForEach((line) => {
      const url = /ws:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0]
      return url === undefined ? Effect.void : Deferred.succeed(listening, url)
    }),
    Effect.forkScoped
  )
  return { server, url: yield* Deferred.await(listening) }
})

/** The example's process, and `onText` of what it has printed so far. */
const run = Effect.fnUntraced(function*(
  env: Readonly<Record<string, string | undefined>>,
  onText: (text: string) => Effect.Effect<unknown> = () => Effect.void
) {
  const child = yield* ChildProcess.make(process.execPath, [main, "What is this?"], {
    env: { CODEX_REMOTE_URL: undefined, CODEX_REMOTE_TOKEN: undefined, ...env },
    extendEnv: true,
    stdin: "ignore",
    forceKillAfter: "5 seconds"
  })
  let stdout = ""
  return yield* Effect.all({
    exitCode: child.exitCode,
    stdout: Stream.decodeText(child.stdout).pipe(
      Stream.runForEach((text) => Effect.suspend(() => onText(stdout += text))),
      Effect.map(() => stdout)
    ),
    stderr: Stream.mkString(Stream.decodeText(child.stderr))
  }, { concurrency: "unbounded" })
}, Effect.scoped)

describe("remote", () => {
  const shown = Latch.makeUnsafe()

  it.live("shows what the agent says while it says it", () =>
    Effect.gen(function*() {
      const { url } = yield* listen()
      const halves: Array<string> = []
      const ended = yield* run({ CODEX_REMOTE_URL: url, CODEX_REMOTE_TOKEN: token }, (text) => {
        halves.push(text)
        // There is no second half until the first one has been printed.
        return text === "A library" ? shown.open : Effect.void
      })
      assert.deepStrictEqual(ended, { exitCode: 0, stdout: "A library for Codex.\n", stderr: "" })
      assert.strictEqual(halves[0], "A library")
      const [request] = yield* (yield* FakeModel.FakeModel).requests
      assert.strictEqual(request?.prompt, "What is this?")
    }).pipe(Effect.scoped, Effect.provide(layerModel([slowMessage("A library", shown, " for Codex.")]))))

  it.live("says in a line what is wrong", () =>
    Effect.gen(function*() {
      const { server, url } = yield* listen()
      const address = url.slice("ws://".length)
      const refused = "set CODEX_REMOTE_TOKEN to what is in its --ws-token-file"
      assert.deepStrictEqual(yield* run({ CODEX_REMOTE_URL: url, CODEX_REMOTE_TOKEN: "a-secret-that-is-wrong" }), {
        exitCode: 1,
        stdout: "",
        stderr: `error: The app-server at ${address} refused the token: ${refused}\n`
      })
      const missing = yield* run({ CODEX_REMOTE_URL: url })
      assert.strictEqual(missing.exitCode, 1)
      assert.match(missing.stderr, /^error: .*CODEX_REMOTE_TOKEN/s)

      yield* server.kill()
      const nobody = yield* run({ CODEX_REMOTE_URL: url, CODEX_REMOTE_TOKEN: token })
      assert.strictEqual(
        nobody.stderr,
        `error: Could not connect to the app-server at ${address}: connect ECONNREFUSED ${address}\n`
      )
    }).pipe(Effect.scoped, Effect.provide(layerModel([]))))

  it.live("finds an app-server that was started again", () =>
    Effect.gen(function*() {
      const { server, url } = yield* listen()
      let printed = ""
      const stdio = Stdio.layerTest({
        stdout: () => Sink.forEach((text) => Effect.sync(() => printed += String(text)))
      })
      const config = ConfigProvider.layer(
        ConfigProvider.fromUnknown({ CODEX_REMOTE_URL: url, CODEX_REMOTE_TOKEN: token })
      )
      yield* Effect.gen(function*() {
        yield* program("First")
        yield* server.kill()
        const again = yield* Effect.forkChild(program("Second"))
        yield* listen(url)
        yield* Fiber.join(again)
      }).pipe(Effect.provide([Layer.provide(layer, config), stdio]))
      assert.strictEqual(printed, "You said First.\nYou said Second.\n")
    }).pipe(Effect.scoped, Effect.provide(layerModel(({ prompt }) => ModelReply.message("You said ", `${prompt}.`)))))

  it.live("can be told to wait for an app-server that is not there yet", () =>
    Effect.gen(function*() {
      const { server, url } = yield* listen()
      yield* server.kill()
      const config = ConfigProvider.layer(
        ConfigProvider.fromUnknown({ CODEX_REMOTE_URL: url, CODEX_REMOTE_TOKEN: token })
      )
      const missed = yield* Deferred.make<void>()
      const patient = Layer.effectContext(
        Layer.build(Layer.provide(layer, config)).pipe(
          Effect.tapError(() => Deferred.succeed(missed, undefined)),
          Effect.retry({
            schedule: CodexRetry.exponential({ initial: "100 millis", factor: 1 }),
            while: (error) => error._tag === "CodexError" && error.isRetryable
          })
        )
      )
      const turn = yield* Codex.run("Hello").pipe(Effect.provide(patient), Effect.forkChild)
      yield* Deferred.await(missed)
      yield* listen(url)
      assert.strictEqual((yield* Fiber.join(turn)).finalMessage, "Here I am.")
    }).pipe(Effect.scoped, Effect.provide(layerModel([ModelReply.message("Here I am.")]))))

  it.live("fails when the connection is lost on the way, and does not begin anew", () =>
    Effect.gen(function*() {
      const { server, url } = yield* listen()
      const { awaitRequest, requests } = yield* FakeModel.FakeModel
      const fiber = yield* Effect.forkChild(run({ CODEX_REMOTE_URL: url, CODEX_REMOTE_TOKEN: token }))
      yield* awaitRequest(0)
      yield* server.kill({ killSignal: "SIGKILL" })
      yield* listen(url)
      const { exitCode, stderr } = yield* Fiber.join(fiber)
      assert.strictEqual(exitCode, 1)
      assert.match(stderr, /^error: The connection to the app-server was lost: .*\n$/)
      assert.lengthOf(yield* requests, 1)
    }).pipe(Effect.scoped, Effect.provide(layerModel(() => ModelReply.hang))))
})
