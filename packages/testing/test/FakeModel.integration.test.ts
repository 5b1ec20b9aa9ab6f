/**
 * The real Codex CLI does what the script says: output items, tools, and what the fake knows about a request.
 */
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Latch from "effect/Latch"
import { execPath } from "node:process"
import { fileURLToPath } from "node:url"
import { codexExec, layerFake, makeWorkspace } from "./support/codexExec.ts"

const done = ModelReply.message("Done.")
const doneItem = { type: "agent_message", text: "Done." }

const patch = "*** Begin Patch\n*** Add File: notes.txt\n+one\n+two\n*** End Patch\n"

const withMcp = [
  "-c",
  `mcp_servers.greeter.command=${JSON.stringify(execPath)}`,
  "-c",
  `mcp_servers.greeter.args=${JSON.stringify([fileURLToPath(new URL("./support/mcpServer.ts", import.meta.url))])}`
]

const greetItem = {
  type: "mcp_tool_call",
  server: "greeter",
  tool: "greet",
  arguments: { name: "Ada" },
  result: { content: [{ type: "text", text: "Hello, Ada!" }], structured_content: null },
  error: null,
  status: "completed"
}

const commandItem = (command: string, output: string, exitCode: number) => ({
  type: "command_execution",
  command: `/bin/bash -lc ${command}`,
  aggregated_output: output,
  exit_code: exitCode,
  status: exitCode === 0 ? "completed" : "failed"
})

describe("output items", () => {
  it.live("a message in deltas, with usage", () =>
    Effect.gen(function*() {
      const turn = yield* codexExec()
      assert.strictEqual(turn.exitCode, 0)
      assert.deepStrictEqual(turn.items, [{ type: "agent_message", text: "Hello there." }])
      assert.deepStrictEqual(turn.usage, {
        input_tokens: 100,
        cached_input_tokens: 40,
        cache_write_input_tokens: 0,
        output_tokens: 20,
        reasoning_output_tokens: 5
      })
      const noise = /^(WARNING: proceeding, even though we could not create PATH aliases|Reading prompt from stdin)/
      assert.deepStrictEqual(turn.stderr.split("\n").filter((line) => line !== "" && !noise.test(line)), [])
      yield* (yield* FakeModel.FakeModel).verify
    }).pipe(Effect.provide(layerFake([ModelReply.message("Hello", " there.")]))))

  it.live("several items in one response", () =>
    Effect.gen(function*() {
      const turn = yield* codexExec()
      assert.deepStrictEqual(turn.items, [
        { type: "reasoning", text: "**Thinking** hard" },
        { type: "agent_message", text: "First." },
        { type: "agent_message", text: "Second." }
      ])
      assert.strictEqual(turn.usage?.["input_tokens"], 7000)
      assert.strictEqual(turn.usage?.["output_tokens"], 20)
    }).pipe(Effect.provide(layerFake([
      ModelReply.concat(
        ModelReply.reasoning("**Thinking** hard"),
        ModelReply.message("First."),
        ModelReply.message("Second."),
        ModelReply.usage({ inputTokens: 7000 })
      )
    ]))))

  it.live("a shell command that runs, in the directory that was asked for", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const workspace = yield* makeWorkspace
      yield* fs.makeDirectory(`${workspace}/inner`)
      const turn = yield* codexExec({ workspace })
      assert.deepStrictEqual(turn.items, [commandItem("'echo hi | tee hi.txt'", "hi\n", 0), doneItem])
      assert.strictEqual(yield* fs.readFileString(`${workspace}/inner/hi.txt`), "hi\n")
      const [, answer] = yield* (yield* FakeModel.FakeModel).requests
      assert.strictEqual(answer?.toolOutputs[0]?.callId, "my-call")
      assert.include(answer?.toolOutputs[0]?.output, "Process exited with code 0")
    }).pipe(
      Effect.provide(layerFake([ModelReply.shell("echo hi | tee hi.txt", { cwd: "inner", id: "my-call" }), done]))
    ))

  it.live("a shell command that fails", () =>
    Effect.gen(function*() {
      const turn = yield* codexExec()
      assert.deepStrictEqual(turn.items, [commandItem("'echo bad; exit 3'", "bad\n", 3), doneItem])
      assert.strictEqual(turn.exitCode, 0)
    }).pipe(Effect.provide(layerFake([ModelReply.shell("echo bad; exit 3"), done]))))

  it.live("a shell command that is left running", () =>
    Effect.gen(function*() {
      const turn = yield* codexExec()
      assert.deepStrictEqual(turn.items, [doneItem])
      assert.include(turn.events.map((event) => event.type), "item.started")
      const [, answer] = yield* (yield* FakeModel.FakeModel).requests
      assert.include(answer?.toolOutputs[0]?.output, "Process running with session ID")
    }).pipe(Effect.provide(layerFake([ModelReply.shell("sleep 60", { yieldAfter: "250 millis" }), done]))))

  it.live("a patch that changes a file", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const workspace = yield* makeWorkspace
      const turn = yield* codexExec({ workspace })
      const changes = [{ path: `${workspace}/notes.txt`, kind: "add" }]
      assert.deepStrictEqual(turn.items, [{ type: "file_change", changes, status: "completed" }, doneItem])
      assert.strictEqual(yield* fs.readFileString(`${workspace}/notes.txt`), "one\ntwo\n")
    }).pipe(Effect.provide(layerFake([ModelReply.applyPatch(patch), done]))))

  it.live("a plan", () =>
    Effect.gen(function*() {
      const turn = yield* codexExec()
      const todo = {
        type: "todo_list",
        items: [{ text: "look", completed: true }, { text: "leap", completed: false }]
      }
      assert.deepStrictEqual(turn.items, [doneItem, todo])
    }).pipe(Effect.provide(layerFake([
      ModelReply.updatePlan([{ step: "look", status: "in_progress" }, { step: "leap", status: "pending" }]),
      ModelReply.updatePlan([{ step: "look", status: "completed" }, { step: "leap", status: "in_progress" }], {
        explanation: "Looked."
      }),
      done
    ]))))

  it.live("a web search", () =>
    Effect.gen(function*() {
      const turn = yield* codexExec()
      const action = { type: "search", query: "effect", queries: ["effect"] }
      assert.deepStrictEqual(turn.items, [{ type: "web_search", query: "effect", action }, doneItem])
    }).pipe(Effect.provide(layerFake([ModelReply.concat(ModelReply.webSearch("effect"), done)]))))

  it.live("a call to an MCP server", () =>
    Effect.gen(function*() {
      const turn = yield* codexExec({ args: withMcp })
      assert.deepStrictEqual(turn.items, [greetItem, doneItem])
    }).pipe(Effect.provide(layerFake([ModelReply.mcpToolCall("greeter", "greet", { name: "Ada" }), done]))))

  it.live("calls to tools by name, known and unknown", () =>
    Effect.gen(function*() {
      const turn = yield* codexExec()
      const [, afterFunction, afterCustom, afterGoal] = yield* (yield* FakeModel.FakeModel).requests
      assert.strictEqual(afterFunction?.toolOutputs.at(-1)?.output, "unsupported call: no_such_tool")
      assert.strictEqual(afterCustom?.toolOutputs.at(-1)?.output, "unsupported custom tool call: no_such_custom_tool")
      assert.include(afterGoal?.toolOutputs.at(-1)?.output, "\"goal\":null")
      assert.deepStrictEqual(turn.items, [doneItem])
    }).pipe(Effect.provide(layerFake([
      ModelReply.functionCall("no_such_tool", { a: 1 }),
      ModelReply.customToolCall("no_such_custom_tool", "text"),
      ModelReply.functionCall("get_goal", {}),
      done
    ]))))

  it.live("any event", () =>
    Effect.gen(function*() {
      const turn = yield* codexExec()
      assert.deepStrictEqual(turn.items, [{ type: "agent_message", text: "Raw." }])
    }).pipe(Effect.provide(layerFake([
      ModelReply.event({
        type: "response.output_item.done",
        item: { type: "message", role: "assistant", content: [{ type: "output_text", text: "Raw." }] }
      })
    ]))))

  it.live("tools of a model in code mode", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const workspace = yield* makeWorkspace
      const turn = yield* codexExec({ workspace, args: withMcp })
      assert.deepStrictEqual(turn.items, [
        commandItem("'echo hi'", "hi\n", 0),
        { type: "file_change", changes: [{ path: `${workspace}/notes.txt`, kind: "add" }], status: "completed" },
        greetItem,
        doneItem,
        { type: "todo_list", items: [{ text: "go", completed: false }] }
      ])
      assert.strictEqual(yield* fs.readFileString(`${workspace}/notes.txt`), "one\ntwo\n")
      const [first] = yield* (yield* FakeModel.FakeModel).requests
      assert.include(first?.tools, "exec")
      assert.notInclude(first?.tools, "exec_command")
    }).pipe(Effect.provide(layerFake([
      ModelReply.shell("echo hi"),
      ModelReply.applyPatch(patch),
      ModelReply.updatePlan([{ step: "go", status: "in_progress" }]),
      ModelReply.mcpToolCall("greeter", "greet", { name: "Ada" }),
      done
    ], { model: "gpt-6-sol" }))))
})

describe("time", () => {
  it.live("a delay", () =>
    Effect.gen(function*() {
      const begin = yield* Clock.currentTimeMillis
      const turn = yield* codexExec()
      assert.isAtLeast((yield* Clock.currentTimeMillis) - begin, 600)
      assert.deepStrictEqual(turn.items, [doneItem])
    }).pipe(Effect.provide(layerFake([ModelReply.concat(ModelReply.delay("600 millis"), done)]))))

  it.live("a gate lets through what comes before it", () =>
    Effect.gen(function*() {
      const latch = yield* Latch.make()
      const script = [
        ModelReply.concat(ModelReply.message("Before."), ModelReply.gate(latch), ModelReply.message("After."))
      ]
      // Nobody but the event that comes before the gate opens it.
      const turn = yield* codexExec({
        onEvent: (event) => event.item?.["text"] === "Before." ? latch.open : Effect.void
      }).pipe(Effect.provide(layerFake(script)))
      assert.deepStrictEqual(turn.items.map((item) => item["text"]), ["Before.", "After."])
    }))
})

describe("requests", () => {
  it.live("are captured", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const fake = yield* FakeModel.FakeModel
      const workspace = yield* makeWorkspace
      const schema = {
        type: "object",
        properties: { ok: { type: "boolean" } },
        required: ["ok"],
        additionalProperties: false
      }
      yield* fs.writeFileString(`${workspace}/schema.json`, JSON.stringify(schema))
      const turn = yield* codexExec({ workspace, prompt: "Is it ok?", args: ["--output-schema", "schema.json"] })
      const request = yield* fake.awaitRequest(1)
      assert.strictEqual(request.index, 1)
      assert.strictEqual(request.threadIndex, 1)
      assert.strictEqual(request.threadId, turn.events[0]?.thread_id)
      assert.strictEqual(request.method, "POST")
      assert.strictEqual(request.path, "/v1/responses")
      assert.strictEqual(request.headers["authorization"], "Bearer fake-key")
      assert.strictEqual(request.model, "gpt-5.5")
      assert.strictEqual(request.prompt, "Is it ok?")
      assert.include(request.userTexts[0], "<environment_context>")
      assert.includeMembers([...request.tools], ["exec_command", "apply_patch", "update_plan", "web_search"])
      assert.deepStrictEqual(request.toolOutputs.map((output) => output.callId), ["call_0_0"])
      assert.deepStrictEqual(request.outputSchema, schema)
      assert.strictEqual((yield* fake.requests)[1], request)
    }).pipe(Effect.provide(layerFake([ModelReply.shell("true"), ModelReply.message("{\"ok\":true}")]))))

  it.live("of several threads are told apart", () =>
    Effect.gen(function*() {
      const turns = yield* Effect.forEach(["a", "b", "c"], (prompt) => codexExec({ prompt }), { concurrency: 3 })
      assert.deepStrictEqual(
        turns.map((turn) => turn.items.map((item) => item["aggregated_output"] ?? item["text"])),
        [["a\n", "Done."], ["b\n", "Done."], ["c\n", "Done."]]
      )
    }).pipe(Effect.provide(layerFake((request) =>
      request.threadIndex === 0 ? ModelReply.shell(`echo ${request.prompt}`) : Effect.succeed(done)
    ))))

  it.live("of a sub-agent have a thread of their own", () =>
    Effect.gen(function*() {
      const turn = yield* codexExec({ prompt: "Delegate." })
      const [, spawned] = turn.events.flatMap(({ item }) => item?.["type"] === "collab_tool_call" ? [item] : [])
      const child = (yield* (yield* FakeModel.FakeModel).requests).find((request) => request.prompt === "Count.")
      assert.deepStrictEqual(spawned?.["receiver_thread_ids"], [child?.threadId])
      assert.strictEqual(child?.threadIndex, 0)
      assert.deepStrictEqual(turn.items.at(-1), doneItem)
    }).pipe(Effect.provide(layerFake((request) => {
      const agent = { namespace: "multi_agent_v1" }
      if (request.prompt === "Count.") return ModelReply.message("One, two.")
      if (request.prompt === "Delegate." && request.threadIndex === 0) {
        return ModelReply.functionCall("spawn_agent", { message: "Count." }, agent)
      }
      const [, id = ""] = /"agent_id":"([^"]+)"/.exec(request.toolOutputs[0]?.output ?? "") ?? []
      return request.threadIndex === 1
        ? ModelReply.functionCall("wait_agent", { targets: [id], timeout_ms: 10_000 }, agent)
        : done
    }))))
})
