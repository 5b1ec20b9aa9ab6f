import * as CodexEvent from "@effect-codex/core/CodexEvent"
import * as CodexItem from "@effect-codex/core/CodexItem"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

const codec = Schema.toCodecJson(CodexEvent.CodexEvent)
const decode = Schema.decodeUnknownEffect(codec)
const encode = Schema.encodeEffect(codec)

// One line of each kind, as CLI 0.169 printed it.
const lines = [
  "{\"type\":\"thread.started\",\"thread_id\":\"01a1fc51-fe34-77d1-b316-5a1fc8218976\"}",
  "{\"type\":\"turn.started\"}",
  "{\"type\":\"item.completed\",\"item\":{\"id\":\"item_0\",\"type\":\"agent_message\",\"text\":\"Hello there.\"}}",
  "{\"type\":\"item.completed\",\"item\":{\"id\":\"item_0\",\"type\":\"reasoning\",\"text\":\"**Thinking**\"}}",
  "{\"type\":\"item.started\",\"item\":{\"id\":\"item_0\",\"type\":\"command_execution\",\"command\":\"/bin/bash -lc 'echo hi'\",\"aggregated_output\":\"\",\"exit_code\":null,\"status\":\"in_progress\"}}",
  "{\"type\":\"item.completed\",\"item\":{\"id\":\"item_0\",\"type\":\"command_execution\",\"command\":\"/bin/bash -lc 'echo hi'\",\"aggregated_output\":\"hi\\n\",\"exit_code\":0,\"status\":\"completed\"}}",
  "{\"type\":\"item.started\",\"item\":{\"id\":\"item_0\",\"type\":\"file_change\",\"changes\":[{\"path\":\"/repo/hello.txt\",\"kind\":\"add\"}],\"status\":\"in_progress\"}}",
  "{\"type\":\"item.completed\",\"item\":{\"id\":\"item_0\",\"type\":\"mcp_tool_call\",\"server\":\"tiny\",\"tool\":\"echo\",\"arguments\":{\"text\":\"yo\"},\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"echo: yo\"}],\"structured_content\":{\"ok\":true}},\"error\":null,\"status\":\"completed\"}}",
  "{\"type\":\"item.completed\",\"item\":{\"id\":\"item_1\",\"type\":\"collab_tool_call\",\"tool\":\"wait\",\"sender_thread_id\":\"a\",\"receiver_thread_ids\":[\"b\"],\"prompt\":null,\"agents_states\":{\"b\":{\"status\":\"completed\",\"message\":\"child result\"}},\"status\":\"completed\"}}",
  "{\"type\":\"item.completed\",\"item\":{\"id\":\"item_0\",\"type\":\"web_search\",\"id\":\"ws_1\",\"query\":\"effect ts\",\"action\":{\"type\":\"search\",\"query\":\"effect ts\",\"queries\":[\"effect ts\"]}}}",
  "{\"type\":\"item.updated\",\"item\":{\"id\":\"item_0\",\"type\":\"todo_list\",\"items\":[{\"text\":\"one\",\"completed\":true}]}}",
  "{\"type\":\"item.completed\",\"item\":{\"id\":\"item_0\",\"type\":\"error\",\"message\":\"Codex is ignoring 1 unrecognized configuration setting.\"}}",
  "{\"type\":\"error\",\"message\":\"Reconnecting... 1/2\"}",
  "{\"type\":\"turn.completed\",\"usage\":{\"input_tokens\":100,\"cached_input_tokens\":40,\"cache_write_input_tokens\":0,\"output_tokens\":20,\"reasoning_output_tokens\":5}}",
  "{\"type\":\"turn.failed\",\"error\":{\"message\":\"boom\"}}"
]

const isKnown = (event: CodexEvent.CodexEvent): boolean =>
  event.type !== "unknown" && !("item" in event && event.item.type === "unknown")

describe("fromLine", () => {
  for (const line of lines) {
    it.effect(`knows ${line.slice(0, 90)}`, () =>
      Effect.gen(function*() {
        const event = CodexEvent.fromLine(line)
        assert.isTrue(isKnown(event))
        assert.deepStrictEqual(event, JSON.parse(line))
        assert.deepStrictEqual(yield* decode(yield* encode(event)), event)
      }))
  }

  it("takes the last of two ids, as JSON.parse does", () => {
    const event = CodexEvent.fromLine(lines[9] ?? "")
    assert.isTrue(event.type === "item.completed" && event.item.type === "web_search" && event.item.id === "ws_1")
  })

  it("takes what CLIs before 0.169 did not send as absent", () => {
    assert.isTrue(isKnown(CodexEvent.fromLine(
      "{\"type\":\"turn.completed\",\"usage\":{\"input_tokens\":1,\"cached_input_tokens\":0,\"output_tokens\":1}}"
    )))
    assert.isTrue(isKnown(CodexEvent.fromLine(
      "{\"type\":\"item.completed\",\"item\":{\"type\":\"web_search\",\"id\":\"item_1\",\"query\":\"x\"}}"
    )))
  })

  it.effect("keeps fields that it does not know, also across a codec", () =>
    Effect.gen(function*() {
      const event = CodexEvent.fromLine(
        "{\"type\":\"item.completed\",\"new\":1,\"item\":{\"type\":\"agent_message\",\"id\":\"i\",\"text\":\"t\",\"phase\":{\"a\":[1]}}}"
      )
      assert.isTrue(isKnown(event))
      assert.deepStrictEqual(yield* decode(yield* encode(event)), event)
      assert.deepPropertyVal(event, "new", 1)
    }))

  it("takes enum members that it does not know", () => {
    const event = CodexEvent.fromLine(
      "{\"type\":\"item.completed\",\"item\":{\"type\":\"file_change\",\"id\":\"i\",\"changes\":[{\"path\":\"p\",\"kind\":\"rename\"}],\"status\":\"queued\"}}"
    )
    assert.isTrue(isKnown(event))
  })

  it("says what is wrong with a known type, by path and without the value", () => {
    assert.deepStrictEqual(CodexEvent.fromLine("{\"type\":\"turn.failed\",\"error\":{\"message\":1234}}"), {
      type: "unknown",
      raw: { type: "turn.failed", error: { message: 1234 } },
      issue: "Expected string\n  at [\"error\"][\"message\"]"
    })
    assert.deepStrictEqual(
      CodexEvent.fromLine("{\"type\":\"item.started\",\"item\":{\"type\":\"reasoning\",\"id\":\"i\"}}"),
      {
        type: "item.started",
        item: { type: "unknown", raw: { type: "reasoning", id: "i" }, issue: "Missing key\n  at [\"text\"]" }
      }
    )
  })

  it("says that an item is missing", () => {
    assert.deepStrictEqual(CodexEvent.fromLine("{\"type\":\"item.started\"}"), {
      type: "unknown",
      raw: { type: "item.started" },
      issue: "Missing key\n  at [\"item\"]"
    })
  })

  it("takes any line, whatever it holds", () => {
    for (
      const line of [
        "",
        "null",
        "1",
        "[]",
        "{}",
        "{\"type\":1}",
        "{\"type\":\"__proto__\"}",
        "{\"type\":\"constructor\"}"
      ]
    ) {
      assert.strictEqual(CodexEvent.fromLine(line).type, "unknown")
    }
    assert.deepStrictEqual(CodexEvent.fromLine("{\"type\":\"item.started\",\"item\":null}"), {
      type: "item.started",
      item: { type: "unknown", raw: null, issue: "Expected an object with a string \"type\"" }
    })
  })
})

describe("CodexEvent", () => {
  it.effect.prop("decodes what it encodes", { event: CodexEvent.CodexEvent }, ({ event }) =>
    Effect.gen(function*() {
      const json: unknown = JSON.parse(JSON.stringify(yield* encode(event)))
      assert.deepStrictEqual(yield* encode(yield* decode(json)), json)
    }))

  it.effect.prop(
    "is known to the fast check just when it is to the schema",
    { event: CodexEvent.CodexEvent },
    ({ event }) =>
      Effect.gen(function*() {
        const json: unknown = JSON.parse(JSON.stringify(yield* encode(event)))
        const taken = CodexEvent.fromJson(json)
        if (event.type === "unknown") assert.deepStrictEqual(taken, { type: "unknown", raw: json })
        else assert.deepStrictEqual(taken.type, event.type)
        if ("item" in event && "item" in taken && event.item.type !== "unknown") {
          assert.isTrue(Predicate.hasProperty(json, "item") && taken.item === json.item)
        }
      })
  )

  it("matches by type, and otherwise", () => {
    const describe = CodexEvent.match({
      "thread.started": (event) => event.thread_id,
      "turn.started": () => "started",
      "turn.completed": (event) => event.usage.input_tokens,
      "turn.failed": (event) => event.error.message,
      "item.started": (event) => `+${event.item.type}`,
      "item.updated": (event) => `~${event.item.type}`,
      "item.completed": (event) => event.item.type,
      error: (event) => event.message,
      unknown: (event) => event.raw,
      orElse: () => "never"
    })
    assert.deepStrictEqual(lines.map((line) => describe(CodexEvent.fromLine(line))), [
      "01a1fc51-fe34-77d1-b316-5a1fc8218976",
      "started",
      "agent_message",
      "reasoning",
      "+command_execution",
      "command_execution",
      "+file_change",
      "mcp_tool_call",
      "collab_tool_call",
      "web_search",
      "~todo_list",
      "error",
      "Reconnecting... 1/2",
      100,
      "boom"
    ])
    assert.strictEqual(describe(CodexEvent.fromLine("x")), "x")
    const other = CodexEvent.match({ orElse: (event) => event.type })
    for (const line of [...lines, "x"]) {
      const event = CodexEvent.fromLine(line)
      assert.strictEqual(other(event), event.type)
    }
  })
})

describe("CodexItem.isWork", () => {
  it("tells what acts from what only speaks; what it does not know may have acted", () => {
    const work = lines.flatMap((line) => {
      const event = CodexEvent.fromLine(line)
      return "item" in event && CodexItem.isWork(event.item) ? [event.item.type] : []
    })
    assert.deepStrictEqual(
      new Set(work),
      new Set(
        ["command_execution", "file_change", "mcp_tool_call", "collab_tool_call", "web_search"]
      )
    )
    assert.isTrue(CodexItem.isWork(CodexItem.fromJson({ type: "hologram" })))
  })
})
