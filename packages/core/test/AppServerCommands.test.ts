import { Client, type Options } from "@effect-codex/core/appserver/Client"
import * as Commands from "@effect-codex/core/appserver/Commands"
import * as JsonRpcMiddleware from "@effect-codex/core/appserver/JsonRpcMiddleware"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Predicate from "effect/Predicate"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { connect } from "./support/client.ts"
import { type Message, settled } from "./support/peer.ts"

const idOf = ({ params }: Message, key: "processId" | "processHandle"): string => {
  const id = Predicate.hasProperty(params, key) ? params[key] : undefined
  return typeof id === "string" ? id : assert.fail(`no ${key}`)
}

const exited = { exitCode: 0, stdout: "", stderr: "" }

/** A command, and the request that started it. */
const start = Effect.fnUntraced(function*(options: Partial<Commands.ExecOptions> = {}, ofClient?: Options) {
  const { client, server } = yield* connect(ofClient)
  const scope = yield* Scope.make()
  const command = yield* Commands.exec({ command: ["run"], ...options }).pipe(
    Effect.provideService(Client, client),
    Scope.provide(scope)
  )
  const request = yield* server.take
  const processId = idOf(request, "processId")
  const output = (data: string | Uint8Array, of: string = processId, capReached: boolean = false) =>
    server.send({
      method: "command/exec/outputDelta",
      params: { processId: of, stream: "stdout", deltaBase64: Base64.encode(data), capReached }
    })
  return { command, request, processId, output, client, server, close: Scope.close(scope, Exit.void) }
})

describe("a command", () => {
  it.effect("is sent as it is described", () =>
    Effect.gen(function*() {
      const plain = yield* start()
      assert.deepStrictEqual(plain.request.params, {
        command: ["run"],
        processId: plain.processId,
        streamStdoutStderr: true
      })
      const rich = yield* start({
        cwd: "/",
        env: { A: "1", B: null },
        tty: true,
        size: { rows: 2, cols: 3 },
        stdin: true,
        timeout: "2 seconds",
        outputBytesCap: 7,
        sandboxPolicy: { type: "dangerFullAccess" }
      })
      assert.deepStrictEqual(rich.request.params, {
        command: ["run"],
        cwd: "/",
        env: { A: "1", B: null },
        tty: true,
        size: { rows: 2, cols: 3 },
        streamStdin: true,
        timeoutMs: 2000,
        outputBytesCap: 7,
        sandboxPolicy: { type: "dangerFullAccess" },
        processId: rich.processId,
        streamStdoutStderr: true
      })
      const unlimited = yield* start({ timeout: "none", outputBytesCap: "none" })
      assert.deepStrictEqual(unlimited.request.params, {
        command: ["run"],
        processId: unlimited.processId,
        streamStdoutStderr: true,
        disableTimeout: true,
        disableOutputCap: true
      })
    }))

  it.effect("gives its own output until its end, if late", () =>
    Effect.gen(function*() {
      const { command, output, processId, request, server } = yield* start()
      yield* output("a")
      yield* output("x", "another")
      // A character in two pieces.
      yield* output(new Uint8Array([0xc3]))
      yield* output(new Uint8Array([0xa4]), processId, true)
      yield* server.reply(request, { ...exited, exitCode: 7 })
      assert.strictEqual(yield* command.exitCode, 7)
      yield* settled
      const all = yield* Stream.runCollect(command.output)
      assert.deepStrictEqual(all.map(({ capReached }) => capReached), [false, false, true])
      assert.strictEqual(yield* Stream.mkString(Commands.text(Stream.fromIterable(all))), "aä")
    }))

  it.effect("gives all its output though a middleware sees it first", () =>
    Effect.gen(function*() {
      const { command, output, request, server } = yield* start({}, { middleware: [JsonRpcMiddleware.logger] })
      yield* Effect.forEach(["a", "b", "c"], (text) => output(text))
      yield* server.reply(request, exited)
      assert.strictEqual(yield* Stream.mkString(Commands.text(command.output)), "abc")
    }))

  it.effect("tells its end though a middleware holds its output back", () =>
    Effect.gen(function*() {
      const mayGoOn = yield* Deferred.make<void>()
      const { command, output, request, server } = yield* start({}, {
        middleware: [{ notification: (delta, next) => Effect.andThen(Deferred.await(mayGoOn), next(delta)) }]
      })
      yield* output("a")
      yield* server.reply(request, exited)
      assert.strictEqual(yield* command.exitCode, 0)
      yield* settled
      yield* Deferred.succeed(mayGoOn, undefined)
      assert.strictEqual(yield* Stream.mkString(Commands.text(command.output)), "a")
    }))

  it.effect("fails in its output, too, when it can't be started", () =>
    Effect.gen(function*() {
      const { command, request, server } = yield* start()
      yield* server.send({ id: request.id, error: { code: -32603, message: "failed to spawn command" } })
      const error = yield* Effect.flip(command.exitCode)
      assert.include(error.message, "failed to spawn command")
      assert.deepStrictEqual(yield* Effect.flip(Stream.runDrain(command.output)), error)
    }))

  it.effect("fails in its output when that is not Base64", () =>
    Effect.gen(function*() {
      const { command, processId, server } = yield* start()
      const params = { processId, stream: "stdout", deltaBase64: "s3cret!", capReached: false }
      yield* server.send({ method: "command/exec/outputDelta", params })
      const { message } = yield* Effect.flip(Stream.runDrain(command.output))
      assert.include(message, `command/exec/outputDelta`)
      assert.include(message, `["deltaBase64"]`)
      assert.notInclude(message, "s3cret")
    }))

  it.effect("fails in its output when there is none that can be understood", () =>
    Effect.gen(function*() {
      const { command, server } = yield* start()
      yield* server.send({ method: "command/exec/outputDelta", params: {} })
      assert.include((yield* Effect.flip(Stream.runDrain(command.output))).message, `["processId"]`)
    }))

  it.effect("is written to, resized and terminated by its id", () =>
    Effect.gen(function*() {
      const { command, processId, server } = yield* start({ tty: true })
      const doing = yield* Stream.run(Stream.make("a", new Uint8Array([255])), command.stdin).pipe(
        Effect.andThen(command.resize({ rows: 1, cols: 2 })),
        Effect.andThen(command.terminate),
        Effect.forkChild
      )
      const expected: ReadonlyArray<readonly [name: string, params: unknown]> = [
        ["write", { processId, deltaBase64: "YQ==" }],
        ["write", { processId, deltaBase64: "/w==" }],
        ["write", { processId, closeStdin: true }],
        ["resize", { processId, size: { rows: 1, cols: 2 } }],
        ["terminate", { processId }]
      ]
      for (const [name, params] of expected) {
        const request = yield* server.take
        assert.deepStrictEqual([request.method, request.params], [`command/exec/${name}`, params])
        yield* server.reply(request, {})
      }
      yield* Fiber.join(doing)
    }))

  it.effect("is terminated when its scope closes, and waited for", () =>
    Effect.gen(function*() {
      const { close, request, server } = yield* start()
      const closing = yield* Effect.forkChild(close)
      const terminate = yield* server.take
      assert.strictEqual(terminate.method, "command/exec/terminate")
      yield* server.reply(terminate, {})
      yield* settled
      assert.isUndefined(closing.pollUnsafe())
      yield* server.reply(request, { ...exited, exitCode: 137 })
      yield* Fiber.join(closing)
    }))

  it.effect("is not terminated when it has ended", () =>
    Effect.gen(function*() {
      const { close, command, request, server } = yield* start()
      yield* server.reply(request, exited)
      assert.strictEqual(yield* command.exitCode, 0)
      yield* close
      yield* server.nothing
    }))

  it.effect("ends with the connection", () =>
    Effect.gen(function*() {
      const { close, command, server } = yield* start()
      yield* server.end
      assert.strictEqual((yield* Effect.flip(command.exitCode))._tag, "ConnectionError")
      assert.strictEqual((yield* Effect.flip(Stream.runDrain(command.output)))._tag, "ConnectionError")
      yield* close
    }))
})

describe("a process", () => {
  it.effect("is started, gives its output, and exits", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ experimentalApi: true })
      const process = yield* Effect.provideService(
        Commands.spawn({ command: ["run"], cwd: "/", timeout: "none", outputBytesCap: "none", stdin: true }),
        Client,
        client
      )
      const request = yield* server.take
      const processHandle = idOf(request, "processHandle")
      assert.deepStrictEqual(request.params, {
        command: ["run"],
        cwd: "/",
        processHandle,
        streamStdoutStderr: true,
        streamStdin: true,
        timeoutMs: null,
        outputBytesCap: null
      })
      yield* server.reply(request, {})
      const doing = yield* Effect.forkChild(Effect.all([
        process.write("a"),
        process.resize({ rows: 1, cols: 2 }),
        process.terminate
      ]))
      for (const method of ["process/writeStdin", "process/resizePty", "process/kill"]) {
        const asked = yield* server.take
        assert.strictEqual(asked.method, method)
        assert.strictEqual(idOf(asked, "processHandle"), processHandle)
        yield* server.reply(asked, {})
      }
      yield* Fiber.join(doing)
      const params = { processHandle, stream: "stderr", deltaBase64: Base64.encode("oh"), capReached: false }
      yield* server.send({ method: "process/outputDelta", params })
      const caps = { stdoutCapReached: false, stderrCapReached: false }
      yield* server.send({ method: "process/exited", params: { processHandle: "another", ...exited, ...caps } })
      yield* server.send({ method: "process/exited", params: { processHandle, ...exited, ...caps, exitCode: 137 } })
      assert.strictEqual(yield* process.exitCode, 137)
      assert.strictEqual(yield* Stream.mkString(Commands.text(process.output)), "oh")
    }))

  it.effect("needs the capability", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const spawned = Commands.spawn({ command: ["run"], cwd: "/" })
      const process = yield* Effect.provideService(spawned, Client, client)
      assert.strictEqual((yield* Effect.flip(process.exitCode))._tag, "ExperimentalApiRequired")
      yield* server.nothing
    }))
})
