/**
 * The real CLI is recorded by both transports, and played again without it.
 */
import * as Approvals from "@effect-codex/core/Approvals"
import * as ApprovalServing from "@effect-codex/core/appserver/ApprovalServing"
import * as AppServerTransport from "@effect-codex/core/appserver/AppServerTransport"
import * as Client from "@effect-codex/core/appserver/Client"
import * as Connection from "@effect-codex/core/appserver/Connection"
import * as Codex from "@effect-codex/core/Codex"
import * as CodexCli from "@effect-codex/core/CodexCli"
import type { CodexTurn } from "@effect-codex/core/CodexTurn"
import * as ExecTransport from "@effect-codex/core/exec/ExecTransport"
import * as NodeAppServer from "@effect-codex/node/NodeAppServer"
import * as NodeCodex from "@effect-codex/node/NodeCodex"
import * as NodeCodexCli from "@effect-codex/node/NodeCodexCli"
import * as NodeProcessGuard from "@effect-codex/node/NodeProcessGuard"
import * as Cassette from "@effect-codex/testing/Cassette"
import * as CodexRecorder from "@effect-codex/testing/CodexRecorder"
import * as CodexReplay from "@effect-codex/testing/CodexReplay"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { createServer } from "node:http"
import { homedir, hostname, tmpdir } from "node:os"
import { makeWorkspace } from "./support/realCodex.ts"

const key = "a-key-that-nobody-may-see"

const script = [
  ModelReply.shell(`echo ${key}; pwd; cd ~; pwd`),
  ModelReply.applyPatch("*** Begin Patch\n*** Add File: new.txt\n+hello\n*** End Patch\n"),
  ModelReply.concat(ModelReply.reasoning("Hm."), ModelReply.message("Do", "ne.")),
  ModelReply.message("More.")
]

const model = (replies: FakeModel.Script) =>
  FakeModel.layerWith(replies, ({ env }) =>
    Layer.merge(
      NodeCodexCli.layer({ env: { ...env, CODEX_API_KEY: undefined }, apiKey: Redacted.make(key) }),
      NodeProcessGuard.layer
    )).pipe(
      Layer.provideMerge(NodeServices.layer),
      Layer.provide(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" }))
    )

/** As `NodeCodex.layerAppServer` makes it. */
const serve = (duplex: Connection.Duplex) =>
  Client.make(duplex, { defaultAnswer: ApprovalServing.defaultAnswer, experimentalApi: true }).pipe(
    Effect.tap(({ rpc }) => ApprovalServing.serve(rpc))
  )

const exec = Layer.provide(
  Codex.layer({ sandbox: "danger-full-access", skipGitRepoCheck: true }),
  ExecTransport.layer()
)

const appServer = Codex.layer({ sandbox: "danger-full-access", approval: "untrusted" }).pipe(
  Layer.provide(AppServerTransport.layerConnect(Effect.flatMap(Connection.stdio(), serve))),
  Layer.provide(Approvals.layer(Approvals.acceptAll))
)

const program = Effect.fnUntraced(function*(workingDirectory: string) {
  const first = yield* Codex.run("Work", { workingDirectory })
  return [first, yield* Codex.run("Go on", { workingDirectory, thread: first.threadId })] as const
})

/** What of turns is the same, wherever they were and whenever. */
const told = (turns: ReadonlyArray<CodexTurn>, directory: string) =>
  turns.map(({ items, notices, status, threadUsage, usage }) => ({
    status,
    notices,
    usage,
    threadUsage,
    items: JSON.stringify(items).replaceAll(directory, "<directory>").replaceAll(/"id":"[^"]*"/g, "\"id\":\"\"")
      // What the agent's command said of the machine is not known here.
      .replaceAll(/<home \d>|\/\S*fake-model-\w+/g, "<home>").replaceAll(key, "<secret>")
  }))

/** Runs it on the real CLI, and again on what was recorded of it. */
const twice = Effect.fnUntraced(function*<E>(
  codex: Layer.Layer<Codex.Codex, E, Layer.Services<typeof exec> | CodexCli.CodexCli>
) {
  const recorder = CodexRecorder.layer()
  const directory = yield* Effect.flatMap(FileSystem.FileSystem, (fs) => Effect.flatMap(makeWorkspace, fs.realPath))
  const [turns, recorded] = yield* Effect.gen(function*() {
    const turns = yield* Effect.provide(program(directory), Layer.provide(codex, recorder))
    return [turns, yield* (yield* CodexRecorder.CodexRecorder).cassette] as const
  }).pipe(Effect.provide(recorder))
  const cassette = Result.getOrThrow(Cassette.fromText(Cassette.toText(recorded)))

  const replayed = CodexReplay.layerSpawner(cassette, { onOtherVersion: "fail" })
  const again = yield* Effect.gen(function*() {
    const again = yield* program("/elsewhere")
    yield* CodexReplay.verify
    return again
  }).pipe(Effect.provide(Layer.provideMerge(codex, replayed)))
  assert.deepStrictEqual(told(again, "/elsewhere"), told(turns, directory))

  const text = Cassette.toText(cassette)
  for (const secret of [key, directory, `${tmpdir()}/`, `"${hostname()}"`]) assert.notInclude(text, secret)
  if (homedir().length > 1) assert.notInclude(text, `${homedir()}/`)
  assert.strictEqual(cassette.header.cli, Cassette.cliVersion)
  return cassette
})

describe("a cassette of the real CLI", () => {
  it.live("by `codex exec` gives the same turns again", () =>
    Effect.gen(function*() {
      const { entries } = yield* twice(exec)
      assert.deepStrictEqual(entries.flatMap((entry) => entry.type === "start" ? [entry.kind] : []), ["exec", "exec"])
    }).pipe(Effect.scoped, Effect.provide(model(script))))

  it.live("by an app-server gives the same turns again, with what was asked meanwhile", () =>
    Effect.gen(function*() {
      const { entries } = yield* twice(appServer)
      assert.deepStrictEqual(entries.flatMap((entry) => entry.type === "start" ? [entry.kind] : []), ["app-server"])
      const text = JSON.stringify(entries)
      assert.include(text, "\"method\":\"item/commandExecution/requestApproval\"")
      assert.include(text, "\"method\":\"item/fileChange/requestApproval\"")
    }).pipe(Effect.scoped, Effect.provide(model(script))))

  it.live("by a layer of Node, over the recorder that is provided to it", () =>
    Effect.gen(function*() {
      const { cli } = yield* FakeModel.FakeModel
      const recorder = CodexRecorder.layer()
      const recorded = Effect.gen(function*() {
        const turn = yield* Codex.run("Work", { sandbox: "read-only", skipGitRepoCheck: true })
        assert.strictEqual(turn.finalMessage, "More.")
        return yield* (yield* CodexRecorder.CodexRecorder).cassette
      })
      for (const layer of [NodeCodex.layer(cli), NodeCodex.layerAppServer(cli)]) {
        const { entries } = yield* Effect.provide(recorded, Layer.provideMerge(layer, Layer.fresh(recorder)))
        assert.strictEqual(entries.filter(({ type }) => type === "start").length, 1)
      }
    }).pipe(Effect.scoped, Effect.provide(model(() => ModelReply.message("More.")))))

  it.live("by a WebSocket is played as a connection", () =>
    Effect.gen(function*() {
      const { command, env } = yield* CodexCli.CodexCli
      const { all } = yield* ChildProcess.make(command, ["app-server", "--listen", "ws://127.0.0.1:0"], {
        env: Object.fromEntries(
          Object.entries(env ?? {}).map(([name, value]) => [name, Redacted.isRedacted(value) ? undefined : value])
        ),
        extendEnv: true
      })
      const urls = all.pipe(
        Stream.decodeText,
        Stream.map((text) => /ws:\/\/127\.0\.0\.1:\d+/.exec(text)?.[0]),
        Stream.filter((url) => url !== undefined)
      )
      const [url = ""] = yield* Stream.runCollect(Stream.take(urls, 1))
      const ask = Effect.fnUntraced(function*(duplex: Connection.Duplex, cwd: string) {
        const client = yield* Client.make(duplex)
        const { thread } = yield* client.thread.start({ cwd, approvalPolicy: "never", sandbox: "read-only" })
        return [thread.cwd, client.serverInfo.userAgent.split("/")[0]]
      }, Effect.scoped)

      const cwd = yield* Effect.flatMap(FileSystem.FileSystem, (fs) => Effect.flatMap(makeWorkspace, fs.realPath))
      const [answer, cassette] = yield* Effect.gen(function*() {
        const duplex = yield* CodexRecorder.duplex(yield* NodeAppServer.webSocket({ url }))
        const answer = yield* ask(duplex, cwd)
        return [answer, yield* (yield* CodexRecorder.CodexRecorder).cassette] as const
      }).pipe(Effect.provide(CodexRecorder.layer({ cliVersion: Cassette.cliVersion })))
      assert.strictEqual(answer[0], cwd)

      yield* Effect.gen(function*() {
        const { duplex, verify } = yield* CodexReplay.CodexReplay
        assert.deepStrictEqual(yield* ask(yield* duplex, "/elsewhere"), ["/elsewhere", answer[1]])
        yield* verify
      }).pipe(Effect.scoped, Effect.provide(CodexReplay.layerSpawner(cassette)))
    }).pipe(Effect.scoped, Effect.provide(model([]))))
})
