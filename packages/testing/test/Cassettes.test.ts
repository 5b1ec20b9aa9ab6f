/**
 * What the real CLI said (`npm run record`): all of it is known, and nothing of the machine is in it.
 */
import * as Approvals from "@effect-codex/core/Approvals"
import * as Protocol from "@effect-codex/core/appserver/Protocol"
import * as Codex from "@effect-codex/core/Codex"
import * as CodexError from "@effect-codex/core/CodexError"
import * as CodexEvent from "@effect-codex/core/CodexEvent"
import * as CodexRetry from "@effect-codex/core/CodexRetry"
import * as CodexTurn from "@effect-codex/core/CodexTurn"
import * as Cassette from "@effect-codex/testing/Cassette"
import * as CodexReplay from "@effect-codex/testing/CodexReplay"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { readdirSync, readFileSync } from "node:fs"
import { homedir, hostname, userInfo } from "node:os"
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"

const folder = fileURLToPath(new URL("../cassettes/", import.meta.url))

const texts = readdirSync(folder).map((file) => [file, readFileSync(folder + file, "utf8")] as const)

const cassettes = texts.map(([file, text]) => [file, Result.getOrThrow(Cassette.fromText(text))] as const)

const Message = Schema.Struct({
  id: Schema.optionalKey(Schema.Union([Schema.String, Schema.Finite])),
  method: Schema.optionalKey(Schema.String),
  params: Schema.optionalKey(Schema.Unknown),
  result: Schema.optionalKey(Schema.Unknown),
  error: Schema.optionalKey(Schema.Unknown)
})

const isMessage = Schema.is(Message)

/** The lines that were received, by the process that printed them. */
const processes = cassettes.flatMap(([file, { entries }]) =>
  entries.flatMap((start) => {
    if (start.type !== "start") return []
    const own = entries.filter(({ process }) => process === start.process)
    return [{
      file,
      start,
      prompt: own.flatMap((entry) => entry.type === "sent" ? entry.text ?? [] : [])[0],
      sent: own.flatMap((entry) => entry.type === "sent" && isMessage(entry.json) ? [entry.json] : []),
      received: own.flatMap((entry) => entry.type === "received" ? [entry.json] : []),
      isRefused: own.some(({ type }) => type === "refused"),
      isStopped: own.some(({ type }) => type === "signal")
    }]
  })
)

const exec = processes.filter(({ start }) => start.kind === "exec")
const servers = processes.filter(({ start }) => start.kind === "app-server")

const isClientMethod = (method: string): method is Protocol.ClientMethod => method in Protocol.ClientRequests

describe("the cassettes", () => {
  it("are small, and of the CLI that this version was made for", () => {
    assert.isBelow(texts.reduce((sum, [, text]) => sum + text.length, 0), 300_000)
    for (const [file, { header }] of cassettes) assert.strictEqual(header.cli, Cassette.cliVersion, file)
  })

  it("have nothing of a machine in them", () => {
    const here = [process.cwd(), homedir(), process.execPath, dirname(process.execPath), userInfo().homedir]
    const anywhere =
      /\/(?:tmp|home|Users|private|var\/folders)\/|127\.0\.0\.1:\d|fake-key|sk-\w{8}|(?<![<\w])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}|EFFECT_CODEX_TREE":"[^<]/
    for (const [file, text] of texts) {
      for (const path of here) if (path.length > 1) assert.isFalse(text.includes(`${path}/`), `${file}: ${path}`)
      assert.isFalse(text.includes(`"${hostname()}"`), `${file}: the host`)
      assert.isNull(anywhere.exec(text)?.[0] ?? null, file)
    }
  })

  it("have every event and item of `codex exec`, each known", () => {
    const seen = new Set<string>()
    for (const { file, received } of exec) {
      for (const json of received) {
        const event = CodexEvent.fromJson(json)
        assert.notStrictEqual(event.type, "unknown", `${file}: ${JSON.stringify(event)}`)
        seen.add(event.type)
        if (!("item" in event)) continue
        assert.notStrictEqual(event.item.type, "unknown", `${file}: ${JSON.stringify(event)}`)
        seen.add(`item ${event.item.type}`)
      }
    }
    assert.sameMembers(Array.from(seen), [
      "thread.started",
      "turn.started",
      "turn.completed",
      "turn.failed",
      "item.started",
      "item.updated",
      "item.completed",
      "error",
      "item agent_message",
      "item reasoning",
      "item command_execution",
      "item file_change",
      "item mcp_tool_call",
      "item collab_tool_call",
      "item web_search",
      "item todo_list",
      "item error"
    ])
  })

  it("have messages of an app-server, each known in full", () => {
    const told = new Set<string>()
    const asked = new Set<string>()
    for (const { file, received, sent } of servers) {
      for (const message of received) {
        if (!isMessage(message)) return assert.fail(`${file}: ${JSON.stringify(message)}`)
        const { error, id, method, ...others }: typeof Message.Type = message
        if (method !== undefined && id === undefined) {
          const notification = Protocol.notification({ method, ...others })
          assert.notStrictEqual(notification.method, "unrecognized", `${file}: ${JSON.stringify(notification)}`)
          assert.notInclude(JSON.stringify(notification), "\"unrecognized\"", file)
          told.add(method)
        } else if (method !== undefined && id !== undefined) {
          const request = Protocol.serverRequest({ id, method, ...others })
          assert.notStrictEqual(request.method, "unrecognized", `${file}: ${JSON.stringify(request)}`)
          asked.add(method)
        } else if (error === undefined) {
          const request = sent.find((message) => message.id === id && message.method !== undefined)?.method ?? ""
          if (!isClientMethod(request)) return assert.fail(`${file}: reply to ${request}`)
          const result = Protocol.decodeResult(request, others.result)
          assert.isTrue(Result.isSuccess(result), `${file}: ${String(result)}`)
        }
      }
    }
    assert.sameMembers(Array.from(asked), [
      "item/commandExecution/requestApproval",
      "item/fileChange/requestApproval",
      "item/permissions/requestApproval",
      "item/tool/requestUserInput",
      "item/tool/call",
      "mcpServer/elicitation/request"
    ])
    for (
      const method of [
        "thread/started",
        "thread/closed",
        "thread/archived",
        "thread/name/updated",
        "thread/status/changed",
        "thread/tokenUsage/updated",
        "turn/started",
        "turn/completed",
        "turn/plan/updated",
        "turn/diff/updated",
        "item/started",
        "item/completed",
        "item/agentMessage/delta",
        "item/reasoning/summaryTextDelta",
        "item/commandExecution/outputDelta",
        "serverRequest/resolved",
        "mcpServer/startupStatus/updated",
        "error"
      ]
    ) assert.include(Array.from(told), method)
  })
})

/** As a replay calls what has a name of its own. */
const named = (value: unknown): string =>
  JSON.stringify(value).replaceAll(
    /00000000-0000-7000-800([0-3])-0*(\d+)/g,
    (_, kind: string, number: string) => `<${["thread", "turn", "item", "id"][Number(kind)] ?? ""} ${number}>`
  )

const lenient = { mode: "lenient", onOtherVersion: "fail" } as const

describe("a replay", () => {
  for (const [file, cassette] of cassettes.filter(([file]) => file.startsWith("exec-"))) {
    it.effect(`of ${file} gives the turns that were recorded`, () =>
      Effect.gen(function*() {
        for (const { isRefused, isStopped, prompt, received } of exec.filter((process) => process.file === file)) {
          // One that was stopped as nobody listened any more does not end by itself.
          const isEnded = received.some((json) =>
            isMessage(json) && JSON.stringify(json).startsWith("{\"type\":\"turn.c")
          )
          if (isStopped && !isEnded) continue
          const result = yield* Effect.result(Codex.run(prompt ?? "Anything", { retry: CodexRetry.none, strict: true }))
          const turn = Result.isSuccess(result) ? result.success : result.failure.turn
          if (isRefused) {
            assert.isTrue(Result.isFailure(result) && result.failure.reason._tag === "SpawnFailed")
            continue
          }
          const events = received.map(CodexEvent.fromJson)
          const expected = CodexTurn.fromState(events.reduce(CodexTurn.reduce, CodexTurn.initial()), Duration.zero)
          assert.strictEqual(named(turn?.items ?? []), named(expected.items))
          assert.strictEqual(turn?.error, expected.error)
          if (expected.threadId !== undefined) assert.strictEqual(named(turn?.threadId), named(expected.threadId))
          assert.deepStrictEqual(turn?.threadUsage, expected.threadUsage)
          assert.strictEqual(Result.isSuccess(result), expected.status === "completed", prompt)
          if (Result.isFailure(result) && expected.status === "failed") {
            assert.instanceOf(result.failure.reason, CodexError.TurnFailed)
          }
        }
        yield* CodexReplay.verify
      }).pipe(Effect.provide(CodexReplay.layer(cassette, lenient))))
  }

  for (const file of ["app-server-items.jsonl", "app-server-failures.jsonl"]) {
    it.effect(`of ${file} gives the turns that were recorded, strictly`, () =>
      Effect.gen(function*() {
        const server = servers.find((process) => process.file === file)
        const cassette = cassettes.find(([name]) => name === file)?.[1]
        assert(server !== undefined && cassette !== undefined)
        const starts = server.sent.flatMap(({ method, params }) => method === "thread/start" ? [params] : [])
        const prompts = server.sent.flatMap(({ method, params }) => method === "turn/start" ? [params] : [])
        const types = yield* Effect.gen(function*() {
          const types: Array<string> = []
          for (const [index, params] of prompts.entries()) {
            const { input: [{ text }] } = yield* Schema.decodeUnknownEffect(TurnStart)(params)
            const { config } = yield* Schema.decodeUnknownEffect(ThreadStart)(starts[index])
            const result = yield* Effect.result(
              Codex.run(text, { workingDirectory: "/here", config, retry: CodexRetry.none })
            )
            const turn = Result.isSuccess(result) ? result.success : result.failure.turn
            types.push(...turn?.items.map((item) => item.type === "unknown" ? "unknown" : item.type) ?? [])
            assert.strictEqual(Result.isSuccess(result), file.includes("items"))
            for (const { changes } of turn?.fileChanges ?? []) {
              for (const { path } of changes) assert.match(path, /^\/here\//)
            }
          }
          yield* CodexReplay.verify
          return types
        }).pipe(
          Effect.provide(
            CodexReplay.layer(cassette, {
              onOtherVersion: "fail",
              defaults: { sandbox: "danger-full-access", approval: "never" }
            }).pipe(Layer.provide(Approvals.layer(Approvals.declineAll)))
          )
        )
        if (file.includes("items")) {
          assert.sameMembers(Array.from(new Set(types)), [
            "reasoning",
            "agent_message",
            "todo_list",
            "command_execution",
            "file_change",
            "mcp_tool_call",
            "web_search"
          ])
        }
      }))
  }
})

const TurnStart = Schema.Struct({ input: Schema.Tuple([Schema.Struct({ text: Schema.String })]) })

const Value = Schema.Union([Schema.String, Schema.Array(Schema.String)])

const ThreadStart = Schema.Struct({
  config: Schema.Struct({
    mcp_servers: Schema.optionalKey(Schema.Record(Schema.String, Schema.Record(Schema.String, Value)))
  })
})
