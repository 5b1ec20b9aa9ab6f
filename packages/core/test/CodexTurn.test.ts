import type { CodexEvent } from "@effect-codex/core/CodexEvent"
import * as CodexEvents from "@effect-codex/core/CodexEvent"
import * as CodexTurn from "@effect-codex/core/CodexTurn"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const fold = (events: ReadonlyArray<CodexEvent>, initial = CodexTurn.initial()) =>
  CodexTurn.fromState(events.reduce(CodexTurn.reduce, initial), Duration.seconds(1))

const item = (type: string, id: string, rest: object = {}) =>
  CodexEvents.fromJson({ type: "item.completed", item: { type, id, ...rest } })

describe("the fold", () => {
  it("keeps each item in its last state, in the order in which they began", () => {
    const command = (status: string) => ({ command: "x", aggregated_output: "", exit_code: null, status })
    const turn = fold([
      { type: "item.started", item: { type: "command_execution", id: "item_0", ...command("in_progress") } },
      item("agent_message", "item_1", { text: "first" }),
      item("command_execution", "item_0", command("completed")),
      item("agent_message", "item_2", { text: "second" }),
      item("hologram", "item_3"),
      item("hologram", "item_3", { on: true }),
      CodexEvents.fromJson({ type: "item.completed", item: { type: "hologram" } }),
      CodexEvents.fromJson({ type: "item.completed", item: { type: "hologram" } })
    ])
    assert.deepStrictEqual(turn.items.map(({ type }) => type), [
      "command_execution",
      "agent_message",
      "agent_message",
      "unknown",
      "unknown",
      "unknown"
    ])
    assert.deepStrictEqual(turn.commands.map(({ status }) => status), ["completed"])
    assert.strictEqual(turn.finalMessage, "second")
    assert.deepStrictEqual(turn.unknownItems[0]?.raw, { type: "hologram", id: "item_3", on: true })
    assert.strictEqual(turn.status, "in_progress")
  })

  it("has a filter for each type", () => {
    const turn = fold([
      item("reasoning", "a", { text: "r" }),
      item("file_change", "b", { changes: [{ path: "p", kind: "add" }], status: "completed" }),
      item("mcp_tool_call", "c", { server: "s", tool: "t", status: "completed" }),
      item("collab_tool_call", "d", {
        tool: "wait",
        sender_thread_id: "s",
        receiver_thread_ids: [],
        agents_states: {},
        status: "completed"
      }),
      item("web_search", "e", { query: "q" }),
      item("todo_list", "f", { items: [] }),
      item("error", "g", { message: "m" })
    ])
    const filters = [
      turn.reasoning,
      turn.fileChanges,
      turn.mcpToolCalls,
      turn.collabToolCalls,
      turn.webSearches,
      turn.todoLists,
      turn.warnings
    ]
    assert.deepStrictEqual(filters.map((items) => items.map(({ id }) => id)), [
      ["a"],
      ["b"],
      ["c"],
      ["d"],
      ["e"],
      ["f"],
      [
        "g"
      ]
    ])
    assert.deepStrictEqual([turn.messages, turn.commands, turn.unknownItems], [[], [], []])
    assert.isUndefined(turn.finalMessage)
  })

  it("tells the cause of a failure once, and forgets one that success followed", () => {
    const failed: ReadonlyArray<CodexEvent> = [
      { type: "error", message: "Reconnecting... 1/1" },
      { type: "error", message: "boom" },
      { type: "turn.failed", error: { message: "boom" } }
    ]
    assert.deepInclude(fold(failed), { status: "failed", error: "boom", notices: ["Reconnecting... 1/1"] })
    const completed = fold([...failed, { type: "turn.completed", usage: CodexTurn.zeroUsage }])
    assert.strictEqual(completed.status, "completed")
    assert.isUndefined(completed.error)
  })

  it("takes the thread's earlier total from its usage", () => {
    const usage = { input_tokens: 300, cached_input_tokens: 120, output_tokens: 60, reasoning_output_tokens: 15 }
    const events: ReadonlyArray<CodexEvent> = [{ type: "turn.completed", usage }]
    assert.deepStrictEqual(fold(events).usage, usage)
    const usageBefore = { input_tokens: 100, cached_input_tokens: 40, output_tokens: 20 }
    assert.deepStrictEqual(fold(events, CodexTurn.initial({ usageBefore })).usage, {
      input_tokens: 200,
      cached_input_tokens: 80,
      output_tokens: 40,
      reasoning_output_tokens: 15
    })
    const unknown = fold(events, CodexTurn.initial({ usageBefore: undefined }))
    assert.isUndefined(unknown.usage)
    assert.deepStrictEqual(unknown.threadUsage, usage)
  })

  it.effect.prop(
    "is the same in one go and in two, leaves its state alone, and crosses processes",
    { events: Schema.Array(CodexEvents.CodexEvent) },
    ({ events }) =>
      Effect.gen(function*() {
        const codec = Schema.toCodecJson(CodexTurn.CodexTurn)
        const half = Math.floor(events.length / 2)
        const state = events.slice(0, half).reduce(CodexTurn.reduce, CodexTurn.initial())
        const before = CodexTurn.fromState(state, Duration.zero)
        const turn = CodexTurn.fromState(events.slice(half).reduce(CodexTurn.reduce, state), Duration.seconds(1))
        assert.deepStrictEqual(turn, fold(events))
        assert.deepStrictEqual(CodexTurn.fromState(state, Duration.zero), before)
        const json: unknown = JSON.parse(JSON.stringify(yield* Schema.encodeEffect(codec)(turn)))
        const decoded = yield* Schema.decodeUnknownEffect(codec)(json)
        assert.deepStrictEqual(yield* Schema.encodeEffect(codec)(decoded), json)
        assert.strictEqual(decoded.finalMessage, turn.finalMessage)
      })
  )
})
