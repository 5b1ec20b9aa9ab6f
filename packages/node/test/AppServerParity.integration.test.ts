/**
 * What users of other SDKs for the app-server had, or should not have had, on the real one.
 * `docs/parity-app-server.md` names these tests.
 */
import * as Client from "@effect-codex/core/appserver/Client"
import * as Connection from "@effect-codex/core/appserver/Connection"
import * as JsonRpc from "@effect-codex/core/appserver/JsonRpc"
import * as JsonRpcMiddleware from "@effect-codex/core/appserver/JsonRpcMiddleware"
import { RpcError } from "@effect-codex/core/appserver/RpcError"
import * as Codex from "@effect-codex/core/Codex"
import * as CodexCli from "@effect-codex/core/CodexCli"
import * as NodeAppServer from "@effect-codex/node/NodeAppServer"
import * as NodeCodex from "@effect-codex/node/NodeCodex"
import * as NodeCodexCli from "@effect-codex/node/NodeCodexCli"
import * as NodeProcessGuard from "@effect-codex/node/NodeProcessGuard"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { createHmac } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import { createServer } from "node:http"
import * as RealAppServer from "./support/realAppServer.ts"
import { isAlive, makeWorkspace, pidsIn, until } from "./support/realCodex.ts"

const http = NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })

/** The executable alone, and what a test does with the machine. */
const cli = FakeModel.layerWith([], ({ env }) => Layer.merge(NodeCodexCli.layer({ env }), NodeProcessGuard.layer)).pipe(
  Layer.provideMerge(NodeServices.layer),
  Layer.provide(http)
)

const codex = (script: FakeModel.Script, options: NodeCodex.AppServerOptions = {}) =>
  FakeModel.layerWith(
    script,
    (cli) => NodeCodex.layerAppServer({ sandbox: "danger-full-access", ...cli, ...options })
  ).pipe(Layer.provideMerge(http))

const done = ModelReply.message("Done.")

/** Runs what the prompt says, once, and then says that it did. */
const obedient: FakeModel.Script = ({ prompt, threadIndex }) =>
  threadIndex === 0 ? ModelReply.shell(prompt) : ModelReply.message(`Did ${prompt}`)

describe("a client", () => {
  it.live("that is refused leaves nothing alive", () =>
    Effect.gen(function*() {
      const workspace = yield* makeWorkspace
      const inBash = Effect.updateService(CodexCli.CodexCli, (cli) => ({
        ...cli,
        command: "bash",
        args: ["-c", `echo $$ > ${workspace}/server.pid; exec "$0" "$@"`, cli.command]
      }))
      const clientInfo = { name: "no\nname", version: "1" }
      const error = yield* Effect.flip(Client.connect(Connection.stdio(), { clientInfo })).pipe(inBash)
      assert.isTrue(error._tag === "RpcError" && error.method === "initialize" && error.isInvalidRequest)
      // The scope is still open.
      assert.deepStrictEqual((yield* pidsIn([`${workspace}/server.pid`])).filter(isAlive), [])
    }).pipe(Effect.scoped, Effect.provide(cli)))

  it.live("is introduced once, and before all else", () =>
    Effect.gen(function*() {
      const peer = yield* JsonRpc.make(yield* Connection.stdio())
      const early = yield* Effect.flip(peer.request("model/list", {}))
      assert.isTrue(early._tag === "RpcError" && early.description === "Not initialized")
      const clientInfo = { name: "test", version: "1" }
      yield* peer.request("initialize", { clientInfo })
      const again = yield* Effect.flip(peer.request("initialize", { clientInfo }))
      assert.isTrue(again._tag === "RpcError" && again.description === "Already initialized")
    }).pipe(Effect.scoped, Effect.provide(cli)))

  it.live("is let in by a bearer token that is signed, and not by one that is no longer good", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const { command, env } = yield* CodexCli.CodexCli
      const file = `${yield* makeWorkspace}/secret`
      const secret = "a shared secret of 32 characters"
      yield* fs.writeFileString(file, secret)
      const flags = ["--ws-auth", "signed-bearer-token", "--ws-shared-secret-file", file]
      const { all } = yield* ChildProcess.make(command, ["app-server", "--listen", "ws://127.0.0.1:0", ...flags], {
        env: { ...env },
        extendEnv: true
      })
      const urls = all.pipe(
        Stream.decodeText,
        Stream.map((text) => /ws:\/\/127\.0\.0\.1:\d+/.exec(text)?.[0]),
        Stream.filter((url) => url !== undefined)
      )
      const [url = ""] = yield* Stream.runCollect(Stream.take(urls, 1))

      const now = Math.floor((yield* Clock.currentTimeMillis) / 1000)
      const signed = (payload: object) => {
        const text = [{ alg: "HS256", typ: "JWT" }, payload].map((part) =>
          Buffer.from(JSON.stringify(part)).toString("base64url")
        ).join(".")
        return Redacted.make(`${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`)
      }
      const connect = (exp: number) => Client.connect(NodeAppServer.webSocket({ url, token: signed({ exp }) }))
      assert.include((yield* connect(now + 60)).serverInfo.userAgent, "effect_codex")
      const error = yield* Effect.flip(connect(now - 3600))
      assert.isTrue(error._tag === "ConnectionError" && error.reason._tag === "Unauthorized")
    }).pipe(Effect.scoped, Effect.provide(cli)))
})

describe("what is said", () => {
  const line = "\u{1f600} \u2028\u0085\r\n\"\\\u0000 é "
  const large = line.repeat(100_000)

  it.live("may be a line of megabytes, with every kind of separator", () =>
    Effect.gen(function*() {
      const client = yield* Client.Client
      const items = yield* client.notifications(["item/completed"])
      const { thread } = yield* client.thread.start({ cwd: yield* makeWorkspace })
      yield* client.turn.start({ threadId: thread.id, input: [{ type: "text", text: "Go" }] })
      const [text] = yield* items.pipe(
        Stream.map((told) =>
          told.method === "item/completed" && told.params.item.type === "agentMessage"
            ? told.params.item.text
            : undefined
        ),
        Stream.filter((text) => text !== undefined),
        Stream.take(1),
        Stream.runCollect
      )
      assert.isTrue(text === large)

      const path = `${yield* makeWorkspace}/large`
      yield* client.fs.writeFile({ path, dataBase64: Buffer.from(large).toString("base64") })
      const { dataBase64 } = yield* client.fs.readFile({ path })
      assert.isTrue(Buffer.from(dataBase64, "base64").toString() === large)
    }).pipe(Effect.scoped, Effect.provide(RealAppServer.layer([ModelReply.message(large)]))))

  it.live("in the configuration comes as it is", () =>
    Effect.gen(function*() {
      const client = yield* Client.Client
      const { config } = yield* client.config.read()
      assert.strictEqual(config.developer_instructions, line)
    }).pipe(Effect.provide(RealAppServer.layer([], { config: { developer_instructions: line } }))))
})

describe("what is asked", () => {
  it.live("is answered by a handler that asks in turn", () =>
    Effect.gen(function*() {
      const client = yield* Client.Client
      const cwd = yield* makeWorkspace
      yield* client.onServerRequest(
        "item/commandExecution/requestApproval",
        Effect.fnUntraced(function*({ threadId }) {
          const { thread } = yield* client.thread.read({ threadId })
          return { decision: thread.cwd === cwd ? "accept" as const : "decline" as const }
        })
      )
      const completed = yield* client.waitFor("turn/completed")
      const { thread } = yield* client.thread.start({ cwd, sandbox: "danger-full-access", approvalPolicy: "untrusted" })
      yield* client.turn.start({ threadId: thread.id, input: [{ type: "text", text: "Go" }] })
      yield* completed
      assert.isTrue(existsSync(`${cwd}/a.txt`))
    }).pipe(Effect.scoped, Effect.provide(RealAppServer.layer([ModelReply.shell("touch a.txt"), done]))))

  it.live("is seen, changed, answered and refused by middleware, both ways", () => {
    const seen: Array<string> = []
    const middleware = Layer.provideMerge(
      JsonRpcMiddleware.layer({
        request: (request, next) =>
          request.method === "fs/remove"
            ? Effect.fail(new RpcError({ method: request.method, code: -32600, description: "not from here" }))
            : request.method === "fs/createDirectory"
            ? Effect.succeed({})
            : next(request),
        serverRequest: (request, next) =>
          request.method === "item/commandExecution/requestApproval"
            ? Effect.succeed({ result: { decision: "accept" } })
            : next(request)
      }),
      JsonRpcMiddleware.layerRecorder(({ direction, text }) => Effect.sync(() => seen.push(`${direction} ${text}`)))
    )
    return Effect.gen(function*() {
      const client = yield* Client.Client
      const cwd = yield* makeWorkspace
      const refused = yield* Effect.flip(client.fs.remove({ path: cwd }))
      assert.include(refused.message, "not from here")
      yield* client.fs.createDirectory({ path: `${cwd}/directory` })
      assert.isFalse(existsSync(`${cwd}/directory`))
      const completed = yield* client.waitFor("turn/completed")
      const { thread } = yield* client.thread.start({ cwd, sandbox: "danger-full-access", approvalPolicy: "untrusted" })
      yield* client.turn.start({ threadId: thread.id, input: [{ type: "text", text: "Go" }] })
      yield* completed
      assert.isTrue(existsSync(`${cwd}/a.txt`))
      const has = (pattern: RegExp) => seen.some((text) => pattern.test(text))
      assert.isTrue(has(/^sent .*"method":"turn\/start"/) && has(/^received .*"method":"turn\/completed"/))
      assert.isFalse(has(/fs\/remove|fs\/createDirectory/))
    }).pipe(
      Effect.scoped,
      Effect.provide(Layer.provide(RealAppServer.layer([ModelReply.shell("touch a.txt"), done]), middleware))
    )
  })
})

describe("the sandbox", () => {
  it.live("that is asked for wins over the configuration", () =>
    Effect.gen(function*() {
      const workingDirectory = yield* makeWorkspace
      yield* Codex.run("touch a.txt", { workingDirectory, sandbox: "read-only" })
      assert.isFalse(existsSync(`${workingDirectory}/a.txt`))
      yield* Codex.run("touch a.txt", { workingDirectory })
      assert.isTrue(existsSync(`${workingDirectory}/a.txt`))
    }).pipe(
      Effect.scoped,
      Effect.provide(codex(obedient, { server: { config: { sandbox_mode: "danger-full-access" } } }))
    ))
})

describe("an app-server", () => {
  it.live("that ends with its layer while a turn runs tells who waits, and leaves nothing alive", () =>
    Effect.gen(function*() {
      const workingDirectory = yield* makeWorkspace
      const outer = yield* Effect.scope
      const files = ["command", "server"].map((name) => `${workingDirectory}/${name}.pid`)
      const prompt = `echo $PPID > ${files[1]}; echo $$ > ${files[0]}; sleep 1000`
      const { pids, waiting } = yield* Effect.gen(function*() {
        const run = yield* Scope.provide(Codex.start(prompt, { workingDirectory }), outer)
        const waiting = yield* Effect.forkIn(Effect.flip(run.await), outer)
        return { waiting, pids: yield* pidsIn(files) }
      }).pipe(Effect.provide(codex(obedient)))
      yield* until(() => !pids.some(isAlive), 5000)
      assert.deepInclude((yield* Fiber.join(waiting)).reason, { _tag: "AppServerFailed" })
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  it.live("that died is followed by another one, on which threads go on", () =>
    Effect.gen(function*() {
      const workingDirectory = yield* makeWorkspace
      const thread = yield* Codex.thread({ workingDirectory })
      const first = yield* thread.run("echo $PPID > server.pid")
      const pid = Number(readFileSync(`${workingDirectory}/server.pid`, "utf8"))
      process.kill(pid, "SIGKILL")
      yield* until(() => !isAlive(pid))
      const again = yield* Effect.retry(thread.run("Again"), { times: 20 })
      assert.strictEqual(again.threadId, first.threadId)
      const { requests } = yield* FakeModel.FakeModel
      const asked = JSON.stringify((yield* requests).at(-1)?.body)
      assert.include(asked, "Did echo $PPID > server.pid")
    }).pipe(
      Effect.scoped,
      Effect.provide(codex(({ prompt, threadIndex }) =>
        threadIndex === 0 ? ModelReply.shell(prompt) : prompt === "Again" ? done : ModelReply.message(`Did ${prompt}`)
      ))
    ))
})
