/**
 * What an app-server tells becomes what `codex exec --json` prints. Both were recorded from CLI 0.169, on the same
 * scripts (`fixtures/app-server-turns.jsonl`).
 */
import type { Notification } from "@effect-codex/core/appserver/JsonRpcMessage"
import type * as Protocol from "@effect-codex/core/appserver/Protocol"
import * as CodexEvent from "@effect-codex/core/CodexEvent"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import { TurnEvents } from "../src/internal/appServerEvents.ts"

const begin = (hide = (text: string) => text) => new TurnEvents({ threadId: "thread", turnId: "turn", hide })

const own = { threadId: "thread", turnId: "turn" }

const usage = { input_tokens: 0, cached_input_tokens: 0, cache_write_input_tokens: 0, output_tokens: 0 }
const noUsage = { ...usage, reasoning_output_tokens: 0 }

const completed = (turn: Partial<Protocol.Turn>): Notification => ({
  method: "turn/completed",
  params: { threadId: "thread", turn: { id: "turn", items: [], status: "completed", ...turn } }
})

/** The item that is told of one of the app-server's. */
const itemOf = (item: Readonly<Record<string, unknown>>, events = begin()) =>
  events.take({ method: "item/completed", params: { ...own, item: { id: "one", ...item } } })
    .map((event) => "item" in event ? event.item : event)[0]

// =============================================================================
// Recordings
// =============================================================================

const Line = Schema.fromJsonString(Schema.Struct({
  turn: Schema.optionalKey(Schema.String),
  told: Schema.optionalKey(Schema.Struct({ method: Schema.String, params: Schema.Unknown })),
  printed: Schema.optionalKey(Schema.Unknown)
}))

interface Recording {
  readonly name: string
  readonly told: Array<Notification>
  readonly printed: Array<CodexEvent.CodexEvent>
}

const recordings: Array<Recording> = []
for (
  const text of readFileSync(new URL("./fixtures/app-server-turns.jsonl", import.meta.url), "utf8").trim().split("\n")
) {
  const { printed, told, turn } = Schema.decodeSync(Line)(text)
  if (turn !== undefined) recordings.push({ name: turn, told: [], printed: [] })
  if (told !== undefined) recordings.at(-1)?.told.push(told)
  if (printed !== undefined) recordings.at(-1)?.printed.push(CodexEvent.fromJson(printed))
}

const isLive = ({ type }: CodexEvent.CodexEvent) =>
  ["item.delta", "plan.updated", "diff.updated", "usage.updated"].includes(type)

const withoutIds = (events: ReadonlyArray<CodexEvent.CodexEvent>) =>
  events.map((event) => "item" in event ? { ...event, item: { ...event.item, id: "" } } : event)

describe("what is told is what `codex exec` prints, of", () => {
  for (const { name, printed, told } of recordings) {
    it.effect(name, () =>
      Effect.sync(() => {
        const events = begin()
        const all = told.flatMap((message) => events.take(message))
        assert.deepStrictEqual(withoutIds(all.filter((event) => !isLive(event))), withoutIds(printed))
        assert.isTrue(events.ended)
        assert.isFalse(events.isOverdue)
        assert.isEmpty(all.filter(({ type }) => type === "unknown"))
        // Each is one that a program may write down and read again.
        for (const event of all) assert.strictEqual(CodexEvent.fromJson(event), event)
      }))
  }
})

// =============================================================================
// One by one
// =============================================================================

describe("items", () => {
  it("have the id by which deltas name them", () => {
    const events = begin()
    const all = recordings[0]?.told.flatMap((message) => events.take(message)) ?? []
    const ids = all.flatMap((event) =>
      event.type === "item.delta"
        ? [event.item_id]
        : event.type === "item.completed" && "id" in event.item
        ? [event.item.id]
        : []
    )
    assert.deepStrictEqual(ids, ["msg_0_0", "msg_0_0", "msg_0_0"])
  })

  it("have the words of `codex exec`", () => {
    const patch = { type: "fileChange", changes: [{ path: "/a", kind: { type: "add" }, diff: "+" }] }
    const changes = [{ path: "/a", kind: "add" }]
    assert.deepStrictEqual(itemOf({ ...patch, status: "declined" }), {
      id: "one",
      type: "file_change",
      changes,
      status: "failed"
    })
    const command = { type: "commandExecution", command: "ls", commandActions: [], cwd: "/", status: "declined" }
    assert.deepInclude(itemOf(command), { aggregated_output: "", exit_code: null, status: "declined" })
    const search = { type: "webSearch", query: "q" }
    assert.deepInclude(itemOf(search), { action: { type: "other" } })
    assert.deepInclude(itemOf({ ...search, action: { type: "openPage", url: "u" } }), {
      action: { type: "open_page", url: "u" }
    })
    assert.deepInclude(itemOf({ ...search, action: { type: "think" } }), { action: { type: "think" } })
    const call = { type: "mcpToolCall", server: "s", tool: "t", arguments: {}, status: "failed" }
    assert.deepInclude(itemOf({ ...call, error: { message: "no" } }), { result: null, error: { message: "no" } })
    const collab = {
      type: "collabAgentToolCall",
      tool: "resumeAgent",
      status: "inProgress",
      senderThreadId: "thread",
      receiverThreadIds: ["other"],
      agentsStates: { other: { status: "notFound" } }
    }
    assert.deepInclude(itemOf(collab), {
      tool: "wait",
      status: "in_progress",
      prompt: null,
      agents_states: { other: { status: "not_found", message: null } }
    })
  })

  it("that are no news are not told", () => {
    assert.isUndefined(itemOf({ type: "reasoning", summary: [" "], content: ["raw"] }))
    assert.isUndefined(itemOf({ type: "enteredReviewMode", review: "r" }))
    assert.isUndefined(itemOf({ type: "exitedReviewMode", review: "r" }))
    assert.isUndefined(itemOf({ type: "contextCompaction" }))
  })

  it("for which `codex exec` has no words are unknown, whether this version knows them or not", () => {
    const events = begin()
    const image = { id: "one", type: "imageView", path: "/a.png" }
    assert.deepStrictEqual(events.take({ method: "item/started", params: { ...own, item: image } }), [
      { type: "item.started", item: { type: "unknown", raw: image } }
    ])
    assert.deepStrictEqual(itemOf(image, events), { type: "unknown", raw: image })
    const new_ = { id: "one", type: "dream", of: "sheep" }
    assert.deepStrictEqual(itemOf(new_), { type: "unknown", raw: new_ })
    const without = { type: "dream" }
    assert.deepStrictEqual(events.take({ method: "item/started", params: { ...own, item: without } }), [
      { type: "item.started", item: { type: "unknown", raw: without } }
    ])
    const wrong = itemOf({ type: "agentMessage", text: 1 })
    assert.deepInclude(wrong, { type: "unknown" })
    assert.property(wrong, "issue")
  })

  it("that begin twice, or change, are updated", () => {
    const events = begin()
    const changes = [{ path: "/a", kind: { type: "delete" }, diff: "-" }]
    const item = { id: "one", type: "fileChange", changes, status: "inProgress" }
    const types = [
      { method: "item/started", params: { ...own, item } },
      { method: "item/started", params: { ...own, item } },
      { method: "item/fileChange/patchUpdated", params: { ...own, itemId: "one", changes } }
    ].flatMap((message) => events.take(message)).map(({ type }) => type)
    assert.deepStrictEqual(types, ["item.started", "item.updated", "item.updated"])
  })
})

describe("more than `codex exec` tells:", () => {
  const deltas: ReadonlyArray<readonly [method: string, params: object, event: object]> = [
    ["item/agentMessage/delta", { delta: "a" }, { kind: "text", delta: "a" }],
    ["item/reasoning/summaryTextDelta", { delta: "a", summaryIndex: 1 }, { kind: "reasoning", delta: "a", part: 1 }],
    ["item/reasoning/textDelta", { delta: "a", contentIndex: 0 }, { kind: "raw_reasoning", delta: "a", part: 0 }],
    ["item/commandExecution/outputDelta", { delta: "a" }, { kind: "output", delta: "a" }],
    ["item/plan/delta", { delta: "a" }, { kind: "plan", delta: "a" }],
    ["item/mcpToolCall/progress", { message: "a" }, { kind: "progress", delta: "a" }]
  ]
  for (const [method, params, event] of deltas) {
    it.effect(method, () =>
      Effect.sync(() => {
        assert.deepStrictEqual<ReadonlyArray<unknown>>(
          begin().take({ method, params: { ...own, itemId: "one", ...params } }),
          [{ type: "item.delta", item_id: "one", ...event }]
        )
      }))
  }

  it("the plan, the diff, the tokens", () => {
    const events = begin()
    const plan = [{ step: "look", status: "inProgress" }, { step: "leap", status: "completed" }]
    assert.deepStrictEqual<ReadonlyArray<unknown>>(
      events.take({ method: "turn/plan/updated", params: { ...own, plan } }),
      [
        {
          type: "item.started",
          item: {
            id: "todo_list",
            type: "todo_list",
            items: [{ text: "look", completed: false }, { text: "leap", completed: true }]
          }
        },
        {
          type: "plan.updated",
          explanation: null,
          plan: [{ step: "look", status: "in_progress" }, { step: "leap", status: "completed" }]
        }
      ]
    )
    assert.deepStrictEqual<ReadonlyArray<unknown>>(
      events.take({ method: "turn/diff/updated", params: { ...own, diff: "+1" } }),
      [{ type: "diff.updated", diff: "+1" }]
    )
    const tokens = { totalTokens: 3, inputTokens: 1, cachedInputTokens: 0, outputTokens: 2, reasoningOutputTokens: 0 }
    const told = { ...noUsage, input_tokens: 1, output_tokens: 2 }
    assert.deepStrictEqual<ReadonlyArray<unknown>>(
      events.take({
        method: "thread/tokenUsage/updated",
        params: { ...own, tokenUsage: { total: tokens, last: tokens } }
      }),
      [{ type: "usage.updated", usage: told, last: told, context_window: null }]
    )
  })
})

describe("a message", () => {
  it("of another thread or turn is none of ours", () => {
    const events = begin()
    const item = { id: "one", type: "agentMessage", text: "Hi" }
    for (
      const message of [
        { method: "item/completed", params: { ...own, threadId: "other", item } },
        { method: "item/completed", params: { ...own, turnId: "other", item } },
        {
          method: "turn/started",
          params: { threadId: "thread", turn: { id: "other", items: [], status: "inProgress" } }
        },
        {
          method: "turn/completed",
          params: { threadId: "thread", turn: { id: "other", items: [], status: "completed" } }
        },
        { method: "warning", params: { message: "Hm" } },
        { method: "dream", params: { of: "sheep" } },
        { method: "dream", params: { threadId: "other" } },
        { method: "dream" }
      ]
    ) assert.isEmpty(events.take(message))
    assert.isFalse(events.ended)
  })

  it("of a kind that is new, or is not as it should be, is an unknown event", () => {
    const fresh = { method: "item/dreamt", params: { ...own, of: "sheep" } }
    assert.deepStrictEqual(begin().take(fresh), [{ type: "unknown", raw: fresh }])
    const [broken] = begin().take({ method: "item/agentMessage/delta", params: { ...own, delta: 1 } })
    assert.deepInclude(broken, { type: "unknown" })
    assert.property(broken, "issue")
  })

  it("that warns is an item, each a new one", () => {
    const events = begin()
    const warning = { method: "warning", params: { threadId: "thread", message: "Hm" } }
    const rerouted = {
      method: "model/rerouted",
      params: { ...own, fromModel: "a", toModel: "b", reason: "highRiskCyberActivity" }
    }
    assert.deepStrictEqual<ReadonlyArray<unknown>>([...events.take(warning), ...events.take(rerouted)], [
      { type: "item.completed", item: { id: "warning_0", type: "error", message: "Hm" } },
      {
        type: "item.completed",
        item: { id: "warning_1", type: "error", message: "model rerouted: a -> b (HighRiskCyberActivity)" }
      }
    ])
  })

  it("holds no secret of ours", () => {
    const events = begin((text) => text.replaceAll("sk-1", "<redacted>"))
    const error = { message: "bad key sk-1", additionalDetails: "sk-1 is none" }
    const told = [
      { method: "error", params: { ...own, error, willRetry: false } },
      completed({ status: "failed", error })
    ].flatMap((message) => events.take(message))
    const message = "bad key <redacted> (<redacted> is none)"
    assert.deepStrictEqual<ReadonlyArray<unknown>>(told, [
      { type: "error", message },
      { type: "turn.failed", error: { message } }
    ])
  })
})

describe("the end of a turn", () => {
  it("that says no cause is the last error, or what it was", () => {
    const failure = { message: "Oops" }
    const events = begin()
    events.take({ method: "error", params: { ...own, error: failure, willRetry: true } })
    assert.deepStrictEqual(events.take(completed({ status: "failed" })), [{ type: "turn.failed", error: failure }])
    assert.deepStrictEqual(begin().take(completed({ status: "failed" })), [
      { type: "turn.failed", error: { message: "The turn failed" } }
    ])
    assert.deepStrictEqual(begin().take(completed({ status: "interrupted" })), [
      { type: "turn.failed", error: { message: "The turn was interrupted" } }
    ])
  })

  it("is not its beginning, and comes once", () => {
    const events = begin()
    assert.isEmpty(events.take(completed({ status: "inProgress" })))
    assert.isFalse(events.ended)
    assert.deepStrictEqual(events.take(completed({})), [{ type: "turn.completed", usage: noUsage }])
    assert.isEmpty(events.take(completed({})))
    assert.isEmpty(events.conclude({ id: "turn", items: [], status: "completed" }))
  })

  it("is overdue once nothing runs in the thread", () => {
    const events = begin()
    const status = (type: string) =>
      events.take({ method: "thread/status/changed", params: { threadId: "thread", status: { type } } })
    status("idle")
    assert.isTrue(events.isOverdue)
    events.take({
      method: "thread/status/changed",
      params: { threadId: "thread", status: { type: "active", activeFlags: [] } }
    })
    assert.isFalse(events.isOverdue)
    events.take({ method: "thread/closed", params: { threadId: "thread" } })
    assert.isTrue(events.isOverdue)
  })

  it("may be read back, with what was not told of it", () => {
    const events = begin()
    const item = { id: "one", type: "agentMessage", text: "One." } as const
    events.take({ method: "item/completed", params: { ...own, item } })
    const told = events.conclude({
      id: "turn",
      items: [{ id: "u", type: "userMessage", content: [] }, item, { ...item, id: "two", text: "Two." }],
      status: "completed"
    })
    assert.deepStrictEqual(told, [
      { type: "item.completed", item: { id: "two", type: "agent_message", text: "Two." } },
      { type: "turn.completed", usage: noUsage }
    ])
  })

  it("of a review is that of its root", () => {
    const events = begin()
    const turn = { id: "inner", rootTurnId: "turn", items: [], status: "inProgress" }
    const told = [
      { method: "turn/started", params: { threadId: "thread", turn } },
      { method: "turn/started", params: { threadId: "thread", turn } },
      completed({})
    ].flatMap((message) => events.take(message))
    assert.deepStrictEqual(told.map(({ type }) => type), ["turn.started", "turn.completed"])
  })
})
