/**
 * Whenever an observer of a turn comes, what it is told folds to the same turn.
 */
import type { Notification } from "@effect-codex/core/appserver/JsonRpcMessage"
import * as CodexError from "@effect-codex/core/CodexError"
import type { CodexEvent } from "@effect-codex/core/CodexEvent"
import * as CodexTurn from "@effect-codex/core/CodexTurn"
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { ApprovalNews } from "../src/internal/approvalNews.ts"
import { itemKey } from "../src/internal/itemKey.ts"
import { LiveTurn } from "../src/internal/liveTurn.ts"
import { settled } from "./support/peer.ts"

// =============================================================================
// What an app-server may tell
// =============================================================================

const Id = Schema.Literals(["a", "b", "c"])

const Item = Schema.Struct({
  id: Id,
  type: Schema.Literals([
    "agentMessage",
    "reasoning",
    "commandExecution",
    "fileChange",
    "imageView",
    "novel",
    "nameless"
  ]),
  text: Schema.String
})

const Told = Schema.TaggedUnion({
  Began: {},
  Started: { item: Item },
  Completed: { item: Item },
  Patch: { id: Id },
  Delta: {
    id: Id,
    kind: Schema.Literals(["agentMessage/delta", "commandExecution/outputDelta", "plan/delta"]),
    delta: Schema.String
  },
  Reasoning: { id: Id, delta: Schema.String, part: Schema.Literals([0, 1]) },
  Progress: { id: Id, delta: Schema.String },
  Plan: { steps: Schema.Array(Schema.String) },
  Diff: { diff: Schema.String },
  Usage: { total: Schema.Int },
  Notice: { message: Schema.String },
  Warning: { message: Schema.String },
  Asked: { id: Id },
  Answered: { id: Id },
  Novelty: {},
  Elsewhere: { text: Schema.String }
})

const End = Schema.Literals(["completed", "failed", "interrupted", "lost", "none"])

const own = { threadId: "thread", turnId: "turn" }

const itemOf = ({ id, text, type }: typeof Item.Type): object => {
  switch (type) {
    case "agentMessage":
      return { id, type, text }
    case "reasoning":
      return { id, type, summary: [text], content: [] }
    case "commandExecution":
      return { id, type, command: text, commandActions: [], cwd: "/", status: "inProgress" }
    case "fileChange":
      return { id, type, changes: [], status: "completed" }
    case "imageView":
      return { id, type, path: text }
    case "novel":
      return { id, type, text }
    case "nameless":
      return { type: "novel", text }
  }
}

const approval = (type: "approval.requested" | "approval.resolved", request_id: string): Notification =>
  new ApprovalNews({ type, thread_id: "thread", request_id, kind: "command" })

const messageOf = Told.match({
  Began: (): Notification => ({
    method: "turn/started",
    params: { threadId: "thread", turn: { id: "turn", items: [], status: "inProgress" } }
  }),
  Started: ({ item }) => ({ method: "item/started", params: { ...own, item: itemOf(item) } }),
  Completed: ({ item }) => ({ method: "item/completed", params: { ...own, item: itemOf(item) } }),
  Patch: ({ id }) => ({ method: "item/fileChange/patchUpdated", params: { ...own, itemId: id, changes: [] } }),
  Delta: ({ delta, id, kind }) => ({ method: `item/${kind}`, params: { ...own, itemId: id, delta } }),
  Reasoning: ({ delta, id, part }) => ({
    method: "item/reasoning/textDelta",
    params: { ...own, itemId: id, delta, contentIndex: part }
  }),
  Progress: ({ delta, id }) => ({
    method: "item/mcpToolCall/progress",
    params: { ...own, itemId: id, message: delta }
  }),
  Plan: ({ steps }) => ({
    method: "turn/plan/updated",
    params: { ...own, plan: steps.map((step) => ({ step, status: "inProgress" })) }
  }),
  Diff: ({ diff }) => ({ method: "turn/diff/updated", params: { ...own, diff } }),
  Usage: ({ total }) => {
    const tokens = {
      inputTokens: total,
      cachedInputTokens: 0,
      outputTokens: 0,
      reasoningOutputTokens: 0,
      totalTokens: 0
    }
    return { method: "thread/tokenUsage/updated", params: { ...own, tokenUsage: { last: tokens, total: tokens } } }
  },
  Notice: ({ message }) => ({ method: "error", params: { ...own, error: { message }, willRetry: true } }),
  Warning: ({ message }) => ({ method: "warning", params: { threadId: "thread", message } }),
  Asked: ({ id }) => approval("approval.requested", id),
  Answered: ({ id }) => approval("approval.resolved", id),
  Novelty: () => ({ method: "turn/novelty", params: { ...own, is: "new" } }),
  Elsewhere: ({ text }) => ({
    method: "item/completed",
    params: { ...own, turnId: "another", item: { id: "a", type: "agentMessage", text } }
  })
})

// =============================================================================
// What an observer makes of it
// =============================================================================

const fold = (events: ReadonlyArray<CodexEvent>) =>
  CodexTurn.fromState(events.reduce(CodexTurn.reduce, CodexTurn.initial()), Duration.zero)

const completedOf = (events: ReadonlyArray<CodexEvent>): ReadonlySet<string> =>
  new Set(events.flatMap((event) => event.type === "item.completed" ? [itemKey(event.item, 0)] : []))

/** The text so far of each item, but of those that are completed. */
const openTexts = (events: ReadonlyArray<CodexEvent>, completed: ReadonlySet<string>) => {
  const texts = new Map<string, string>()
  for (const event of events) {
    if (event.type !== "item.delta" || completed.has(event.item_id)) continue
    const key = JSON.stringify([event.item_id, event.kind, event.part])
    texts.set(key, (texts.get(key) ?? "") + event.delta)
  }
  return texts
}

/** What the agent waits for. */
const openApprovals = (events: ReadonlyArray<CodexEvent>) => {
  const open = new Set<unknown>()
  for (const event of events) {
    if (event.type === "approval.requested") open.add(event.request_id)
    if (event.type === "approval.resolved") open.delete(event.request_id)
  }
  return open
}

/** The last of what only the last one counts of. */
const latest = (events: ReadonlyArray<CodexEvent>) =>
  (["plan.updated", "diff.updated", "usage.updated"] as const).map((type) =>
    events.findLast((event) => event.type === type)
  )

const lost = CodexError.fromReason(new CodexError.AppServerFailed({ problem: "It is gone", unreachable: true }))

const makeTurn = Effect.map(Clock.Clock, (clock) =>
  new LiveTurn({
    threadId: "thread",
    id: "turn",
    clock,
    hide: (text) => text,
    usageBefore: CodexTurn.zeroUsage
  }))

const observe = (turn: LiveTurn) =>
  Effect.gen(function*() {
    const events: Array<CodexEvent> = []
    const fiber = yield* turn.observers.observe(() => turn.digest, 10_000).pipe(
      Stream.runForEach((event) => Effect.sync(() => events.push(event))),
      Effect.exit,
      Effect.forkChild({ startImmediately: true })
    )
    return { events, fiber }
  })

describe("the digest of a turn", () => {
  it.effect("has each text in one piece, until its item tells it all", () =>
    Effect.gen(function*() {
      const turn = yield* makeTurn
      const deltas = () =>
        turn.digest.flatMap((event) => event.type === "item.delta" ? [[event.item_id, event.delta]] : [])
      for (const [id, delta] of [["a", "One"], ["b", "Two"], ["a", "."]] as const) {
        turn.take(messageOf(Told.cases.Delta.make({ id, kind: "agentMessage/delta", delta })))
      }
      assert.deepStrictEqual(deltas(), [["a", "One."], ["b", "Two"]])
      turn.take(messageOf(Told.cases.Completed.make({ item: { id: "a", type: "agentMessage", text: "One." } })))
      assert.deepStrictEqual(deltas(), [["b", "Two"]])
    }))

  it.effect.prop(
    "folds to the same turn, with the same texts, for whoever comes whenever",
    { told: Schema.Array(Told), end: End },
    ({ end, told }) =>
      Effect.gen(function*() {
        const turn = yield* makeTurn
        const observers = [yield* observe(turn)]
        for (const one of told) {
          turn.take(messageOf(one))
          observers.push(yield* observe(turn))
        }
        if (end === "none") {
          yield* settled
          yield* Fiber.interruptAll(observers.map(({ fiber }) => fiber))
          assert.isFalse(turn.hasEnded)
        } else {
          if (end === "lost") turn.fail(lost)
          else {
            turn.take({
              method: "turn/completed",
              params: { threadId: "thread", turn: { id: "turn", items: [], status: end } }
            })
          }
          observers.push(yield* observe(turn))
          const exits = yield* Fiber.joinAll(observers.map(({ fiber }) => fiber))
          for (const exit of exits) assert.strictEqual(Exit.isSuccess(exit), end === "completed")
        }
        const all = observers[0]?.events ?? []
        const completed = completedOf(all)
        for (const { events } of observers) {
          assert.deepStrictEqual(fold(events), fold(all))
          assert.deepStrictEqual(latest(events), latest(all))
          assert.deepStrictEqual(openApprovals(events), openApprovals(all))
          assert.deepStrictEqual(openTexts(events, completed), openTexts(all, completed))
        }
        assert.deepStrictEqual(turn.turn, fold(all))
      })
  )
})
