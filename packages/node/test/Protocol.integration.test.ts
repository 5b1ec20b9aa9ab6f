/**
 * The generated protocol, on what the real app-server says: every message is one that this version knows in full.
 */
import * as Protocol from "@effect-codex/core/appserver/Protocol"
import * as NodeCodexCli from "@effect-codex/node/NodeCodexCli"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { createServer } from "node:http"
import { makeWorkspace } from "./support/realCodex.ts"

const Message = Schema.fromJsonString(Schema.Struct({
  id: Schema.optionalKey(Schema.Union([Schema.String, Schema.Finite])),
  method: Schema.optionalKey(Schema.String),
  params: Schema.optionalKey(Schema.Unknown),
  emittedAtMs: Schema.optionalKey(Schema.Finite),
  result: Schema.optionalKey(Schema.Unknown),
  error: Schema.optionalKey(Schema.Unknown)
}))

/** Answers what the server asks. */
type Answers = { readonly [M in Protocol.ServerRequestMethod]?: Protocol.ServerResultOf<M> }

/** One app-server, asked one thing after the other. What it says is checked as it comes, and kept by method. */
const start = Effect.fnUntraced(function*(answers: Answers) {
  const fake = yield* FakeModel.FakeModel
  const { command } = yield* NodeCodexCli.make()
  const input = yield* Queue.unbounded<string, Cause.Done>()
  const output = yield* Queue.unbounded<typeof Message.Type, Cause.Done>()
  const server = yield* ChildProcess.make(command, ["app-server", "--stdio"], {
    env: fake.cli.env,
    extendEnv: true,
    stdin: Stream.fromQueue(input).pipe(Stream.encodeText),
    stderr: "ignore",
    forceKillAfter: "1 second"
  })
  yield* server.stdout.pipe(
    Stream.decodeText,
    Stream.splitLines,
    Stream.mapEffect((line) => Schema.decodeEffect(Message)(line)),
    Stream.runForEach((message) => Queue.offer(output, message)),
    Effect.forkScoped
  )

  const seen = new Set<string>()
  const answer = (method: Protocol.ServerRequestMethod) => {
    const value = answers[method]
    return value === undefined
      ? Effect.die(new Error(`nobody expects ${method}`))
      : Effect.fromResult(Protocol.encodeServerResult(method, value))
  }
  const send = (message: object) => Queue.offer(input, `${JSON.stringify(message)}\n`)

  /** The next message, after what the server asks has been answered. */
  const next = Effect.gen(function*() {
    const { id, method, ...message } = yield* Queue.take(output)
    if (method === undefined) return { id, method: undefined, ...message }
    seen.add(method)
    if (id === undefined) {
      const notification = Protocol.notification({ method, ...message })
      assert.notStrictEqual(notification.method, "unrecognized", JSON.stringify(notification))
      if (notification.method !== "unrecognized") assert.strictEqual(notification.params, message.params, method)
      return { id, method, ...message }
    }
    const request = Protocol.serverRequest({ id, method, ...message })
    if (request.method === "unrecognized") return assert.fail(JSON.stringify(request))
    assert.strictEqual(request.params, message.params, method)
    yield* send({ id, result: yield* answer(request.method) })
    return { id: undefined, method, ...message }
  })

  let lastId = 0
  /** Asks, and checks that the reply is known in full. */
  const ask = Effect.fnUntraced(function*<M extends Protocol.ClientMethod>(method: M, params: Protocol.ParamsOf<M>) {
    const id = ++lastId
    yield* send({ id, method, params: yield* Effect.fromResult(Protocol.encodeParams(method, params)) })
    let message = yield* next
    while (message.method !== undefined || message.id !== id) message = yield* next
    assert.isUndefined(message.error, `${method}: ${JSON.stringify(message.error)}`)
    const result = yield* Effect.fromResult(Protocol.decodeResult(method, message.result))
    assert.strictEqual<unknown>(result, message.result, method)
    return result
  })
  const until = Effect.fnUntraced(function*(method: Protocol.NotificationMethod) {
    while ((yield* next).method !== method) { /* The next one. */ }
  })

  yield* ask("initialize", {
    clientInfo: { name: "effect_codex_test", version: "0" },
    capabilities: { experimentalApi: true }
  })
  yield* send({ method: "initialized" })
  return { ask, seen, until }
})

const layer = (script: FakeModel.Script) =>
  FakeModel.layer(script).pipe(
    Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" }))
  )

describe("the real app-server", () => {
  it.live("says nothing in a turn that is not known in full", () =>
    Effect.gen(function*() {
      const cwd = yield* makeWorkspace
      const { ask, seen, until } = yield* start({
        "item/commandExecution/requestApproval": { decision: "accept" },
        "item/fileChange/requestApproval": { decision: "accept" },
        "item/tool/call": { success: true, contentItems: [{ type: "inputText", text: "sunny" }] }
      })
      const { thread } = yield* ask("thread/start", {
        cwd,
        approvalPolicy: "untrusted",
        sandbox: "read-only",
        dynamicTools: [{
          type: "function",
          name: "weather",
          description: "Tells the weather",
          inputSchema: { type: "object", properties: {} }
        }]
      })
      yield* ask("turn/start", { threadId: thread.id, input: [{ type: "text", text: "Work" }] })
      yield* until("turn/completed")
      for (
        const method of [
          "thread/started",
          "thread/status/changed",
          "thread/tokenUsage/updated",
          "turn/started",
          "turn/plan/updated",
          "turn/diff/updated",
          "item/started",
          "item/reasoning/summaryTextDelta",
          "item/agentMessage/delta",
          "item/commandExecution/requestApproval",
          "item/commandExecution/outputDelta",
          "item/fileChange/requestApproval",
          "item/tool/call",
          "item/completed",
          "serverRequest/resolved"
        ]
      ) assert.isTrue(seen.has(method), method)
      const { data } = yield* ask("thread/items/list", { threadId: thread.id })
      assert.deepStrictEqual(data.map(({ item }) => item.type), [
        "userMessage",
        "reasoning",
        "commandExecution",
        "dynamicToolCall",
        "fileChange",
        "webSearch",
        "agentMessage"
      ])
      // In what the CLI says of its own protocol, the names of this one's fields are wrong.
      const timeline = yield* ask("thread/timeline/list", { threadId: thread.id })
      assert.isTrue(timeline.data.some(({ type }) => type === "turnCompleted"))
      yield* ask("thread/read", { threadId: thread.id, includeTurns: true })
      yield* ask("thread/turns/list", { threadId: thread.id })
    }).pipe(Effect.provide(layer([
      ModelReply.concat(
        ModelReply.reasoning("Think."),
        ModelReply.updatePlan([{ step: "Look", status: "in_progress" }]),
        ModelReply.shell("touch seen.txt; sleep 0.3; echo seen; exit 3")
      ),
      ModelReply.functionCall("weather", {}),
      ModelReply.applyPatch("*** Begin Patch\n*** Add File: new.txt\n+hello\n*** End Patch\n"),
      ModelReply.concat(ModelReply.webSearch("effect"), ModelReply.message("All ", "done."))
    ]))))

  it.live("says nothing elsewhere that is not known in full", () =>
    Effect.gen(function*() {
      const cwd = yield* makeWorkspace
      const { ask, seen, until } = yield* start({})
      const [path, copy] = [`${cwd}/a.txt`, `${cwd}/b.txt`]

      yield* ask("model/list", {})
      yield* ask("modelProvider/list", {})
      yield* ask("modelProvider/capabilities/read", {})
      yield* ask("config/read", { includeLayers: true })
      yield* ask("configRequirements/read", undefined)
      yield* ask("config/value/write", { keyPath: "personality", value: "friendly", mergeStrategy: "replace" })
      yield* ask("experimentalFeature/list", {})
      yield* ask("collaborationMode/list", {})
      yield* ask("permissionProfile/list", {})
      yield* ask("skills/list", { cwds: [cwd] })
      yield* ask("hooks/list", {})
      yield* ask("mcpServerStatus/list", {})
      yield* ask("plugin/installed", {})
      yield* ask("app/installed", {})
      yield* ask("environment/info", { environmentId: "local" })
      yield* ask("thread/realtime/listVoices", {})
      yield* ask("memory/status", {})
      yield* ask("remoteControl/status/read", undefined)
      yield* ask("server/diagnostics", {})

      yield* ask("account/login/start", { type: "apiKey", apiKey: Redacted.make("sk-secret") })
      yield* until("account/updated")
      const { account } = yield* ask("account/read", {})
      assert.deepStrictEqual<unknown>(account, { type: "apiKey" })
      yield* ask("account/logout", undefined)

      yield* ask("fs/watch", { path: cwd, watchId: "watch" })
      yield* ask("fs/writeFile", { path, dataBase64: "aGk=" })
      yield* ask("fs/copy", { sourcePath: path, destinationPath: copy })
      assert.deepStrictEqual(yield* ask("fs/readFile", { path: copy }), { dataBase64: "aGk=" })
      yield* ask("fs/getMetadata", { path })
      yield* ask("fs/readDirectory", { path: cwd })
      yield* until("fs/changed")
      yield* ask("fs/unwatch", { watchId: "watch" })
      yield* ask("fuzzyFileSearch", { query: "a", roots: [cwd] })
      yield* ask("fuzzyFileSearch/sessionStart", { sessionId: "search", roots: [cwd] })
      yield* ask("fuzzyFileSearch/sessionUpdate", { sessionId: "search", query: "a" })
      yield* until("fuzzyFileSearch/sessionUpdated")
      yield* ask("fuzzyFileSearch/sessionStop", { sessionId: "search" })

      yield* ask("command/exec", {
        command: ["echo", "hi"],
        processId: "command",
        streamStdoutStderr: true,
        sandboxPolicy: { type: "dangerFullAccess" }
      })
      yield* ask("process/spawn", { command: ["echo", "hi"], processHandle: "process", cwd, streamStdoutStderr: true })
      yield* until("process/exited")
      assert.isTrue(seen.has("command/exec/outputDelta") && seen.has("process/outputDelta"))

      yield* ask("project/create", { name: "p", roots: [{ path: cwd }], idempotencyKey: "key" })
      yield* ask("project/list", {})
      yield* ask("threadSection/create", { name: "section" })
      yield* ask("threadSection/list", {})
    }).pipe(Effect.provide(layer([]))))

  it.live("says nothing of threads that is not known in full", () =>
    Effect.gen(function*() {
      const cwd = yield* makeWorkspace
      const { ask, seen, until } = yield* start({})
      const { thread: { id: threadId } } = yield* ask("thread/start", { cwd, approvalPolicy: "never" })
      yield* ask("turn/start", { threadId, input: [{ type: "text", text: "Hello" }] })
      yield* until("turn/completed")
      yield* ask("review/start", { threadId, target: { type: "custom", instructions: "Review it" } })
      yield* until("turn/completed")
      yield* ask("thread/compact/start", { threadId })
      yield* until("turn/completed")
      yield* ask("turn/start", { threadId, input: [{ type: "text", text: "Fail" }] })
      yield* until("turn/completed")

      yield* ask("thread/name/set", { threadId, name: "name" })
      yield* ask("thread/goal/set", { threadId, objective: "goal", status: "paused" })
      yield* ask("thread/goal/get", { threadId })
      yield* ask("thread/goal/clear", { threadId })
      yield* ask("thread/settings/update", { threadId, effort: "low" })
      yield* ask("thread/metadata/update", { threadId, gitInfo: { branch: "main" } })
      yield* ask("thread/memoryMode/set", { threadId, mode: "disabled" })
      yield* ask("thread/backgroundTerminals/list", { threadId })
      yield* ask("thread/queue/list", { threadId })
      yield* ask("thread/attachment/list", { threadId })
      yield* ask("thread/shellCommand", { threadId, command: "echo hi" })
      const forked = yield* ask("thread/fork", { threadId, excludeTurns: true })
      yield* ask("thread/delete", { threadId: forked.thread.id })
      yield* ask("thread/list", {})
      yield* ask("thread/loaded/list", {})
      yield* ask("thread/search", { searchTerm: "Hello" })
      yield* ask("thread/resume", { threadId })
      yield* ask("thread/archive", { threadId })
      yield* ask("thread/unarchive", { threadId })
      yield* ask("thread/unsubscribe", { threadId })
      for (const method of ["error", "thread/name/updated", "thread/goal/updated", "thread/archived"]) {
        assert.isTrue(seen.has(method), method)
      }
    }).pipe(Effect.provide(layer([
      ModelReply.message("Hello."),
      ModelReply.message(
        "{\"findings\":[],\"overall_correctness\":\"patch is correct\",\"overall_explanation\":\"Fine.\",\"overall_confidence_score\":1}"
      ),
      ModelReply.failed({ code: "context_length_exceeded", message: "too long" })
    ]))))
})
