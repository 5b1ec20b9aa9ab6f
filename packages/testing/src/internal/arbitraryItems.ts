/**
 * Items, and what is told of each from its beginning to its end.
 *
 * @internal
 */
import type { CodexEvent as AnyEvent, ItemDelta, Unknown } from "@effect-codex/core/CodexEvent"
import type * as CodexItem from "@effect-codex/core/CodexItem"
import * as Arbitrary from "effect/Arbitrary"
import {
  between,
  flag,
  json,
  list,
  name,
  oneOf,
  optional,
  path,
  pick,
  type Size,
  text,
  threadId
} from "./arbitraryParts.ts"

// =============================================================================
// Models
// =============================================================================

type CodexEvent = Exclude<AnyEvent, Unknown>

export type KnownItem = Exclude<CodexItem.CodexItem, CodexItem.Unknown>

/** A turn, as far as what is told in it depends on it. */
export interface Scene {
  readonly threadId: string
  /** Whether it is told by an app-server, which tells more. */
  readonly live: boolean
}

/**
 * What is told of one thing, in order. `rest` is told when the turn is over. Who has no `id` is no item.
 */
export interface Life {
  readonly hasId: boolean
  readonly tell: (id: string, scene: Scene) => ReadonlyArray<CodexEvent>
  readonly rest?: ((id: string) => ReadonlyArray<CodexEvent>) | undefined
}

// =============================================================================
// Constructors
// =============================================================================

/** An item that the turn is over with, or that is left as it was. */
export const ended = (size: Size): Arbitrary.Arbitrary<(id: string) => KnownItem> =>
  oneOf<(id: string) => KnownItem>(
    message(size),
    reasoning(size),
    Arbitrary.map(command(size), ({ after }) => after),
    Arbitrary.map(fileChange, ({ after }) => after),
    Arbitrary.map(mcpToolCall(size), ({ after }) => after),
    Arbitrary.map(collabToolCall(size), ({ after }) => after),
    Arbitrary.map(webSearch(size), ({ after }) => after),
    Arbitrary.map(todos(size), (items) => (id) => ({ type: "todo_list", id, items })),
    warning(size)
  )

/** Anything that may happen within a turn, but for its plan. */
export const life = (size: Size): Arbitrary.Arbitrary<Life> =>
  oneOf(
    spoken(message(size), "text"),
    spoken(reasoning(size), "reasoning"),
    worked(command(size), size, { delta: "output", approval: "command" }),
    worked(fileChange, size, { approval: "fileChange" }),
    worked(mcpToolCall(size), size, { delta: "progress" }),
    worked(collabToolCall(size), size),
    worked(webSearch(size), size),
    Arbitrary.map(warning(size), (make): Life => ({ hasId: true, tell: (id) => [completed(make(id))] })),
    notice(size)
  )

/** The plan of a turn: it is completed when all else is. */
export const plan = (size: Size): Arbitrary.Arbitrary<Life> =>
  Arbitrary.map(
    Arbitrary.all({ states: list(todos(size), 3, 1), explanation: optional(text(size)) }),
    ({ explanation = null, states }): Life => ({
      hasId: true,
      tell: (id, { live }) =>
        states.flatMap((items, index): ReadonlyArray<CodexEvent> => {
          const item: CodexItem.TodoList = { type: "todo_list", id, items }
          const told: CodexEvent = index === 0 ? { type: "item.started", item } : { type: "item.updated", item }
          const plan = items.map(({ completed, text }) => ({
            step: text,
            status: completed ? "completed" : "pending"
          }))
          return live ? [told, { type: "plan.updated", explanation, plan }] : [told]
        }),
      rest: (id) => [completed({ type: "todo_list", id, items: states.at(-1) ?? [] })]
    })
  )

/** Something that is wrong and not the end, such as a reconnect. */
export const notice = (size: Size): Arbitrary.Arbitrary<Life> =>
  Arbitrary.map(text(size), (message): Life => ({ hasId: false, tell: () => [{ type: "error", message }] }))

/** A word on the configuration. */
export const warning = (size: Size): Arbitrary.Arbitrary<(id: string) => CodexItem.ErrorItem> =>
  Arbitrary.map(text(size), (message) => (id) => ({ type: "error", id, message }))

// =============================================================================
// Lives
// =============================================================================

const completed = (item: KnownItem): CodexEvent => ({ type: "item.completed", item })

/** The text, cut into pieces of two characters. */
const pieces = (text: string): ReadonlyArray<string> => text.match(/.{1,2}/gsu) ?? []

const deltas = (id: string, kind: ItemDelta["kind"], texts: ReadonlyArray<string>): ReadonlyArray<CodexEvent> =>
  texts.map((delta) => ({ type: "item.delta", item_id: id, kind, delta, ...(kind === "reasoning" ? { part: 0 } : {}) }))

/** What is told once it is whole, and over an app-server in pieces before. */
const spoken = (
  item: Arbitrary.Arbitrary<(id: string) => CodexItem.AgentMessage | CodexItem.Reasoning>,
  kind: "text" | "reasoning"
): Arbitrary.Arbitrary<Life> =>
  Arbitrary.map(item, (make): Life => ({
    hasId: true,
    tell: (id, { live }) => {
      const item = make(id)
      return [...(live ? deltas(id, kind, pieces(item.text)) : []), completed(item)]
    }
  }))

interface Work<Item extends KnownItem = KnownItem> {
  readonly before: (id: string) => Item
  readonly after: (id: string) => Item
}

/** What begins and ends. Something quick is told at its end only, and a command may go on when the turn is over. */
const worked = (
  work: Arbitrary.Arbitrary<Work>,
  size: Size,
  options: { readonly delta?: ItemDelta["kind"]; readonly approval?: "command" | "fileChange" } = {}
): Arbitrary.Arbitrary<Life> =>
  Arbitrary.map(
    Arbitrary.all({
      work,
      how: pick("whole", "whole", "whole", "at its end", "left"),
      texts: list(text(size), 2),
      asks: flag,
      updates: flag
    }),
    ({ asks, how, texts, updates, work: { after, before } }): Life => ({
      hasId: true,
      tell: (id, { live, threadId }) => {
        if (how === "at its end") return [completed(after(id))]
        const begun: ReadonlyArray<CodexEvent> = [
          { type: "item.started", item: before(id) },
          ...(updates && options.approval === "fileChange"
            ? [{ type: "item.updated", item: before(id) } as const]
            : []),
          ...(live && asks && options.approval !== undefined ? asked(id, threadId, options.approval) : []),
          ...(live && options.delta !== undefined ? deltas(id, options.delta, texts) : [])
        ]
        return how === "left" && options.approval === "command" ? begun : [...begun, completed(after(id))]
      }
    })
  )

const asked = (id: string, thread_id: string, kind: string): ReadonlyArray<CodexEvent> => {
  const about = { thread_id, request_id: `${id}/approval`, kind, item_id: id }
  return [{ type: "approval.requested", ...about }, { type: "approval.resolved", ...about }]
}

// =============================================================================
// Items
// =============================================================================

const message = (size: Size): Arbitrary.Arbitrary<(id: string) => CodexItem.AgentMessage> =>
  Arbitrary.map(text(size), (text) => (id) => ({ type: "agent_message", id, text }))

const reasoning = (size: Size): Arbitrary.Arbitrary<(id: string) => CodexItem.Reasoning> =>
  Arbitrary.map(text(size), (text) => (id) => ({ type: "reasoning", id, text }))

const command = (size: Size): Arbitrary.Arbitrary<Work<CodexItem.CommandExecution>> =>
  Arbitrary.map(
    Arbitrary.all({
      command: text(size),
      output: text(size),
      exitCode: between(0, 255),
      declined: pick(false, false, true)
    }),
    ({ command, declined, exitCode, output }) => {
      const same = (id: string) => ({ type: "command_execution", id, command } as const)
      return {
        before: (id) => ({ ...same(id), aggregated_output: "", exit_code: null, status: "in_progress" }),
        after: (id) =>
          declined
            ? { ...same(id), aggregated_output: "", exit_code: null, status: "declined" }
            : {
              ...same(id),
              aggregated_output: output,
              exit_code: exitCode,
              status: exitCode === 0 ? "completed" : "failed"
            }
      }
    }
  )

const outcome = pick("completed", "completed", "failed")

const fileChange: Arbitrary.Arbitrary<Work<CodexItem.FileChange>> = Arbitrary.map(
  Arbitrary.all({
    changes: list(Arbitrary.all({ path, kind: pick("update", "add", "delete") }), 3, 1),
    status: outcome
  }),
  ({ changes, status }) => ({
    before: (id) => ({ type: "file_change", id, changes, status: "in_progress" }),
    after: (id) => ({ type: "file_change", id, changes, status })
  })
)

const mcpToolCall = (size: Size): Arbitrary.Arbitrary<Work<CodexItem.McpToolCall>> =>
  Arbitrary.map(
    Arbitrary.all({
      server: name,
      tool: name,
      arguments: json(size),
      content: list(json(size), 2),
      failure: optional(text(size))
    }),
    ({ content, failure, ...call }) => {
      const same = (id: string) => ({ type: "mcp_tool_call", id, ...call } as const)
      return {
        before: (id) => ({ ...same(id), result: null, error: null, status: "in_progress" }),
        after: (id) =>
          failure === undefined
            ? { ...same(id), result: { content, structured_content: null }, error: null, status: "completed" }
            : { ...same(id), result: null, error: { message: failure }, status: "failed" }
      }
    }
  )

const collabToolCall = (size: Size): Arbitrary.Arbitrary<Work<CodexItem.CollabToolCall>> =>
  Arbitrary.map(
    Arbitrary.all({
      tool: pick("spawn_agent", "send_input", "wait", "close_agent"),
      sender: threadId,
      receivers: list(threadId, 2),
      prompt: optional(text(size)),
      agent: pick("running", "completed", "errored"),
      status: outcome
    }),
    ({ agent, prompt = null, receivers, sender, status, tool }) => {
      const same = (id: string) => ({ type: "collab_tool_call", id, tool, sender_thread_id: sender, prompt } as const)
      return {
        before: (id) => ({ ...same(id), receiver_thread_ids: [], agents_states: {}, status: "in_progress" }),
        after: (id) => ({
          ...same(id),
          receiver_thread_ids: receivers,
          agents_states: Object.fromEntries(receivers.map((id) => [id, { status: agent, message: null }])),
          status
        })
      }
    }
  )

const webSearch = (size: Size): Arbitrary.Arbitrary<Work<CodexItem.WebSearch>> =>
  Arbitrary.map(text(size), (query) => ({
    before: (id) => ({ type: "web_search", id, query: "", action: { type: "other" } }),
    after: (id) => ({ type: "web_search", id, query, action: { type: "search", query } })
  }))

const todos = (size: Size): Arbitrary.Arbitrary<CodexItem.TodoList["items"]> =>
  list(Arbitrary.all({ text: text(size), completed: flag }), 4)
