/**
 * Connections to the real app-server.
 */
import * as Connection from "@effect-codex/core/appserver/Connection"
import * as ConnectionError from "@effect-codex/core/appserver/ConnectionError"
import * as JsonRpc from "@effect-codex/core/appserver/JsonRpc"
import * as CodexCli from "@effect-codex/core/CodexCli"
import { LineTooLong, Unauthorized } from "@effect-codex/core/CodexError"
import * as NodeAppServer from "@effect-codex/node/NodeAppServer"
import * as NodeCodexCli from "@effect-codex/node/NodeCodexCli"
import * as NodeProcessGuard from "@effect-codex/node/NodeProcessGuard"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { existsSync } from "node:fs"
import { createServer } from "node:http"
import { isAlive, makeWorkspace, pidsIn, until } from "./support/realCodex.ts"
import { stubborn } from "./support/stubborn.ts"

const layer = FakeModel.layerWith(
  () => ModelReply.shell("touch file"),
  ({ env }) => Layer.mergeAll(NodeCodexCli.layer({ env, apiKey: Redacted.make("sk-hidden") }), NodeProcessGuard.layer)
).pipe(
  Layer.provideMerge(NodeServices.layer),
  Layer.provide(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" }))
)

const initialize = Effect.fnUntraced(function*(peer: JsonRpc.JsonRpc) {
  const result = yield* peer.request("initialize", {
    clientInfo: { name: "test", version: "1.0.0" },
    capabilities: { experimentalApi: true }
  })
  yield* peer.notify("initialized")
  return yield* Schema.decodeUnknownEffect(Schema.Struct({ userAgent: Schema.String, codexHome: Schema.String }))(
    result
  )
})

const connect = Effect.fnUntraced(function*(options?: Connection.StdioOptions) {
  const connection = yield* Connection.stdio(options)
  const peer = yield* JsonRpc.make(connection)
  yield* initialize(peer)
  return { peer, pid: connection.pid }
})

/** Bash that says its process id, then becomes the app-server if `script` lets it. */
const inBash = (script: string) =>
  Effect.updateService(CodexCli.CodexCli, (cli) => ({
    ...cli,
    command: "bash",
    args: ["-c", `${script}\nexec "$0" "$@"`, cli.command]
  }))

const reasonOf = <A, E extends { readonly _tag: string }, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(
    Effect.flip(effect),
    (error) => ConnectionError.isConnectionError(error) ? error.reason : error
  )

/** A command that the app-server runs in a workspace: the request, and the ids of its processes once they run. */
const runStubborn = Effect.fnUntraced(function*(peer: JsonRpc.JsonRpc) {
  const cwd = yield* makeWorkspace
  const request = yield* Effect.forkChild(
    reasonOf(peer.request("command/exec", {
      command: ["bash", "-c", stubborn],
      cwd,
      sandboxPolicy: { type: "dangerFullAccess" },
      disableTimeout: true
    }, { timeout: "none" }))
  )
  return { request, pids: yield* pidsIn(["command", "child", "orphan"].map((name) => `${cwd}/${name}.pid`)) }
})

const Output = Schema.Struct({ stdout: Schema.String })

describe("over stdio", () => {
  it.live("says hello, and answers 1,000 requests at once", () =>
    Effect.gen(function*() {
      const peer = yield* JsonRpc.make(yield* Connection.stdio())
      const hello = yield* initialize(peer)
      const { codexHome } = yield* FakeModel.FakeModel
      assert.strictEqual(hello.codexHome, codexHome)
      const replies = yield* Effect.forEach(
        Array.from({ length: 1000 }),
        () => peer.request("thread/loaded/list", {}),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(replies.length, 1000)
      assert.isTrue(replies.every((reply) => JSON.stringify(reply) === JSON.stringify(replies[0])))
      const error = yield* Effect.flip(peer.request("nope", {}))
      assert.isTrue(error._tag === "RpcError" && error.isInvalidRequest)
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.live("tells of an app-server that ends during `initialize` what it said", () =>
    Effect.gen(function*() {
      const peer = yield* JsonRpc.make(yield* Connection.stdio({ args: ["--no-such-flag"] }))
      const reason = yield* reasonOf(initialize(peer))
      assert.isTrue(reason._tag === "Exited" && reason.exitCode === 2 && reason.stderr.includes("--no-such-flag"))
      assert.strictEqual(yield* reasonOf(peer.request("late")), reason)
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.live("refuses a configuration that can't be said, a folder that is not there, and a missing executable", () =>
    Effect.gen(function*() {
      const options = [{ config: { "a": { b: Number.NaN } } }, { workingDirectory: "/no/such/folder" }, {}]
      const missing = Effect.provideService(CodexCli.CodexCli, { command: "/no/such/codex" })
      const reasons = yield* Effect.forEach(
        options,
        (options, index) => reasonOf(index === 2 ? missing(Connection.stdio(options)) : Connection.stdio(options))
      )
      assert.deepStrictEqual(reasons.map(({ _tag }) => _tag), ["InvalidOption", "SpawnFailed", "SpawnFailed"])
      assert.deepInclude(reasons[1], { workingDirectory: "/no/such/folder", code: "NotFound" })
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.live("hides keys from what the app-server runs, and takes configuration", () =>
    Effect.gen(function*() {
      const { peer } = yield* connect({ config: { model: "gpt-from-config" } })
      const { config } = yield* Effect.flatMap(
        peer.request("config/read", {}),
        Schema.decodeUnknownEffect(Schema.Struct({ config: Schema.Struct({ model: Schema.String }) }))
      )
      assert.strictEqual(config.model, "gpt-from-config")
      const { stdout } = yield* Effect.flatMap(
        peer.request("command/exec", { command: ["env"], sandboxPolicy: { type: "dangerFullAccess" } }),
        Schema.decodeUnknownEffect(Output)
      )
      assert.notInclude(stdout, "sk-hidden")
      assert.include(stdout, `${NodeProcessGuard.variable}=`)
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.live("interrupts the handler of a request that the app-server does not wait for any more", () =>
    Effect.gen(function*() {
      const { peer } = yield* connect()
      const resolved = yield* peer.waitFor(() => true, { methods: ["serverRequest/resolved"] })
      const asked = yield* Deferred.make<number | string>()
      const interrupted = yield* Deferred.make<void>()
      yield* peer.handle(
        "item/commandExecution/requestApproval",
        ({ id }) =>
          Effect.andThen(Deferred.succeed(asked, id), Effect.never).pipe(
            Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined))
          )
      )
      const { thread } = yield* Effect.flatMap(
        peer.request("thread/start", { approvalPolicy: "untrusted", sandbox: "read-only", cwd: yield* makeWorkspace }),
        Schema.decodeUnknownEffect(Schema.Struct({ thread: Schema.Struct({ id: Schema.String }) }))
      )
      const { turn } = yield* Effect.flatMap(
        peer.request("turn/start", { threadId: thread.id, input: [{ type: "text", text: "Work" }] }),
        Schema.decodeUnknownEffect(Schema.Struct({ turn: Schema.Struct({ id: Schema.String }) }))
      )
      const requestId = yield* Deferred.await(asked)
      yield* peer.request("turn/interrupt", { threadId: thread.id, turnId: turn.id })
      yield* Deferred.await(interrupted)
      const { params } = yield* resolved
      assert.deepInclude(params, { requestId, threadId: thread.id })
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.live("leaves nothing alive when it is closed", () =>
    Effect.gen(function*() {
      const { pids, request } = yield* Effect.scoped(Effect.gen(function*() {
        const { peer, pid } = yield* connect()
        const { pids, request } = yield* runStubborn(peer)
        return { request, pids: [pid, ...pids] }
      }))
      assert.strictEqual((yield* Fiber.join(request))._tag, "Closed")
      assert.deepStrictEqual(pids.filter(isAlive), [])
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.live("tells all who wait that the app-server was killed, and ends what that left behind", () =>
    Effect.gen(function*() {
      const { peer, pid } = yield* connect()
      const { pids, request } = yield* runStubborn(peer)
      const notifications = yield* peer.subscribe()
      const completed = yield* peer.waitFor(() => false)
      const handled = yield* Effect.forkChild(reasonOf(Stream.runDrain(notifications)))
      process.kill(pid, "SIGKILL")
      const reason = yield* Fiber.join(request)
      assert.isTrue(reason._tag === "Exited" && reason.signal === "SIGKILL")
      assert.strictEqual(yield* Fiber.join(handled), reason)
      assert.strictEqual(yield* reasonOf(completed), reason)
      assert.strictEqual(yield* reasonOf(peer.request("late")), reason)
      yield* until(() => !pids.some(isAlive), 3000)
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.live("waits neither for who holds the app-server's pipes, nor for one that does not end", () =>
    Effect.gen(function*() {
      const folder = yield* makeWorkspace
      const holder = `setsid bash -c 'trap "" TERM HUP; echo $$ > ${folder}/holder.pid; exec sleep 1000' &`
      const [duration, pids] = yield* Effect.timed(Effect.scoped(
        Effect.gen(function*() {
          const { pid } = yield* connect()
          return [pid, ...yield* pidsIn([`${folder}/holder.pid`])]
        }).pipe(inBash(holder))
      ))
      assert.deepStrictEqual(pids.filter(isAlive), [])
      assert.isBelow(Duration.toMillis(duration), 4000)

      const deaf = `trap "" TERM HUP; echo $$ > ${folder}/deaf.pid; while :; do sleep 1; done`
      const [closing, deafPids] = yield* Effect.timed(Effect.scoped(
        Effect.gen(function*() {
          yield* Connection.stdio({ shutdownGrace: "100 millis" })
          return yield* pidsIn([`${folder}/deaf.pid`])
        }).pipe(inBash(deaf))
      ))
      assert.deepStrictEqual(deafPids.filter(isAlive), [])
      assert.isBelow(Duration.toMillis(closing), 4000)
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.live("tells that the app-server was killed though a child of it holds its pipes", () =>
    Effect.gen(function*() {
      const folder = yield* makeWorkspace
      const holder = `bash -c 'echo $$ > ${folder}/holder.pid; exec sleep 1000' &`
      const { peer, pid } = yield* inBash(holder)(connect())
      yield* pidsIn([`${folder}/holder.pid`])
      process.kill(pid, "SIGKILL")
      const reason = yield* reasonOf(peer.closed)
      assert.isTrue(reason._tag === "Exited" && reason.signal === "SIGKILL")
    }).pipe(Effect.scoped, Effect.timeout("5 seconds"), Effect.provide(layer)))

  it.live("is closed in time though nobody takes what the app-server says", () =>
    Effect.gen(function*() {
      let frames = 0
      const { begun, pid } = yield* Effect.scoped(Effect.gen(function*() {
        const connection = yield* Connection.stdio()
        const peer = yield* JsonRpc.make(connection, {
          middleware: [{ frame: () => Effect.sync(() => void frames++) }]
        })
        yield* initialize(peer)
        yield* Effect.asVoid(peer.subscribe({ methods: ["process/outputDelta"] }))
        yield* peer.request("process/spawn", {
          command: ["yes"],
          cwd: "/",
          processHandle: "yes",
          streamStdoutStderr: true,
          outputBytesCap: null,
          timeoutMs: null
        })
        // Until nothing comes any more.
        let before = 0
        yield* Effect.sync(() => frames === before || (before = frames) === 0).pipe(
          Effect.repeat({ until: (quiet) => quiet && frames > 10, schedule: Schedule.spaced("100 millis") })
        )
        return { begun: yield* Clock.currentTimeMillis, pid: connection.pid }
      }))
      assert.isBelow((yield* Clock.currentTimeMillis) - begun, 2500)
      assert.isFalse(isAlive(pid))
    }).pipe(Effect.scoped, Effect.provide(layer)))
})

/** An app-server that others connect to, and where it says that it listens. */
const listen = Effect.fnUntraced(function*(url: string, ...args: ReadonlyArray<string>) {
  const { command, env } = yield* CodexCli.CodexCli
  const handle = yield* ChildProcess.make(command, ["app-server", "--listen", url, ...args], {
    env: { ...env },
    extendEnv: true,
    stdin: "ignore",
    forceKillAfter: "2 seconds"
  })
  const lines = yield* Stream.toPull(Stream.splitLines(Stream.decodeText(handle.stderr)))
  const until = (pattern: RegExp): Effect.Effect<string> =>
    Effect.flatMap(Effect.orDie(lines), (lines) => {
      const found = lines.flatMap((line) => pattern.exec(line)?.[0] ?? [])[0]
      return found === undefined ? until(pattern) : Effect.succeed(found)
    })
  return { handle, until }
})

describe("over a WebSocket", () => {
  const token = "a-capability-token"

  const server = Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const file = `${yield* makeWorkspace}/token`
    yield* fs.writeFileString(file, token)
    const args = ["--ws-auth", "capability-token", "--ws-token-file", file]
    const { handle, until } = yield* listen("ws://127.0.0.1:0", ...args)
    return { handle, url: yield* until(/ws:\/\/127\.0\.0\.1:\d+/) }
  })

  it.live("lets in who has the token, and tells who has not", () =>
    Effect.gen(function*() {
      const { handle, url } = yield* server
      const address = url.slice("ws://".length)
      const peer = yield* JsonRpc.make(yield* NodeAppServer.webSocket({ url, token: Redacted.make(token) }))
      yield* initialize(peer)
      const replies = yield* Effect.forEach(
        Array.from({ length: 1000 }),
        () => peer.request("thread/loaded/list", {}),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(replies.length, 1000)

      for (const wrong of [{}, { token: Redacted.make("another") }]) {
        const error = yield* Effect.flip(NodeAppServer.webSocket({ url, ...wrong }))
        assert.deepStrictEqual(error.reason, new Unauthorized({ address }))
        assert.notInclude(JSON.stringify(error), "another")
      }

      // Node's own WebSocket gets there too.
      const other = yield* Effect.provide(
        Connection.webSocket({ url, token: Redacted.make(token) }),
        NodeSocket.layerWebSocketConstructor
      )
      yield* initialize(yield* JsonRpc.make(other))
      const unknown = yield* Effect.provide(
        reasonOf(Connection.webSocket({ url, token: Redacted.make("another") })),
        NodeSocket.layerWebSocketConstructor
      )
      assert.strictEqual(unknown._tag, "ConnectFailed")

      yield* handle.kill({ killSignal: "SIGKILL" })
      const reason = yield* reasonOf(peer.closed)
      assert.strictEqual(reason._tag, "Disconnected")
      assert.strictEqual(yield* reasonOf(peer.request("late")), reason)
      const gone = yield* reasonOf(NodeAppServer.webSocket({ url }))
      const description = `connect ECONNREFUSED ${address}`
      assert.deepStrictEqual(gone, new ConnectionError.ConnectFailed({ address, description }))
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.live("refuses what is no URL of a WebSocket", () =>
    Effect.gen(function*() {
      for (const url of ["http://127.0.0.1:1", "ws://", "ws://127.0.0.1:port", "nope"]) {
        assert.strictEqual((yield* reasonOf(NodeAppServer.webSocket({ url })))._tag, "InvalidOption")
      }
    }))
})

describe("over a unix socket", () => {
  it.live("speaks to an app-server, wherever its socket is", () =>
    Effect.gen(function*() {
      const folder = yield* makeWorkspace
      const path = `${folder}/a b:%20?.sock`
      const { handle, until } = yield* listen(`unix://${path}`)
      yield* Effect.forkScoped(Effect.ignore(until(/never/)))
      yield* pathExists(path)
      const duplex = yield* NodeAppServer.unixSocket({ path, maxLineBytes: 2000 })
      const peer = yield* JsonRpc.make(duplex)
      yield* initialize(peer)
      const missing = yield* reasonOf(NodeAppServer.unixSocket({ path: `${folder}/none.sock` }))
      assert.isTrue(missing._tag === "ConnectFailed" && missing.address === `${folder}/none.sock`)

      const tooLong = yield* reasonOf(peer.request("nope"))
      assert.deepStrictEqual(tooLong, new LineTooLong({ limit: 2000 }))
      assert.strictEqual(yield* handle.isRunning, true)
    }).pipe(Effect.scoped, Effect.provide(layer)))
})

const pathExists = (path: string) => until(() => existsSync(path))
