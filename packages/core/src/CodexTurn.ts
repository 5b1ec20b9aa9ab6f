/**
 * What a turn came to: the fold of its events.
 *
 * The fold is pure and incremental: {@link initial}, {@link reduce} per event, {@link fromState} at any
 * time. `Codex.run` is this fold over `Codex.stream`, and a user interface can show its state meanwhile.
 *
 * @since 0.1.0
 */
import * as Chunk from "effect/Chunk"
import type * as Duration from "effect/Duration"
import * as HashMap from "effect/HashMap"
import * as Schema from "effect/Schema"
import * as Struct from "effect/Struct"
import * as CodexEvent from "./CodexEvent.ts"
import * as CodexItem from "./CodexItem.ts"
import { itemKey } from "./internal/itemKey.ts"
import { openLiterals } from "./internal/wire.ts"

// =============================================================================
// Models
// =============================================================================

/**
 * Where a turn stands. A turn that was cut short (by a time limit, say) stays `in_progress`.
 *
 * @category models
 * @since 0.1.0
 */
export type TurnStatus = typeof TurnStatus.Type

/**
 * Schema of {@link TurnStatus}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const TurnStatus = openLiterals(["in_progress", "completed", "failed"])

type ItemType = CodexItem.CodexItem["type"]
type ItemOf<Type extends ItemType> = Extract<CodexItem.CodexItem, { readonly type: Type }>

/**
 * A turn: what the agent did from one prompt until it stopped.
 *
 * @category models
 * @since 0.1.0
 */
export class CodexTurn extends Schema.Class<CodexTurn>("@effect-codex/core/CodexTurn")({
  /** The thread, once the agent has named it. */
  threadId: Schema.optionalKey(Schema.String),
  status: TurnStatus,
  /** Every item in its last known state, in the order in which they began. */
  items: Schema.Array(CodexItem.CodexItem),
  /** Why the turn failed, in the agent's words. */
  error: Schema.optionalKey(Schema.String),
  /** The messages of the `error` events that were not the end, such as reconnects. */
  notices: Schema.Array(Schema.String),
  /** Tokens of this turn. Absent when the thread began before us, so that its earlier total is not known. */
  usage: Schema.optionalKey(CodexEvent.TokenUsage),
  /** Tokens of the whole thread so far. */
  threadUsage: Schema.optionalKey(CodexEvent.TokenUsage),
  duration: Schema.Duration
}) {
  /** The agent's answer: its last message. */
  get finalMessage(): string | undefined {
    return this.messages.at(-1)?.text
  }

  get messages(): ReadonlyArray<CodexItem.AgentMessage> {
    return ofType(this.items, "agent_message")
  }

  get reasoning(): ReadonlyArray<CodexItem.Reasoning> {
    return ofType(this.items, "reasoning")
  }

  get commands(): ReadonlyArray<CodexItem.CommandExecution> {
    return ofType(this.items, "command_execution")
  }

  get fileChanges(): ReadonlyArray<CodexItem.FileChange> {
    return ofType(this.items, "file_change")
  }

  get mcpToolCalls(): ReadonlyArray<CodexItem.McpToolCall> {
    return ofType(this.items, "mcp_tool_call")
  }

  get collabToolCalls(): ReadonlyArray<CodexItem.CollabToolCall> {
    return ofType(this.items, "collab_tool_call")
  }

  get webSearches(): ReadonlyArray<CodexItem.WebSearch> {
    return ofType(this.items, "web_search")
  }

  get todoLists(): ReadonlyArray<CodexItem.TodoList> {
    return ofType(this.items, "todo_list")
  }

  /** Warnings about the configuration and the like. */
  get warnings(): ReadonlyArray<CodexItem.ErrorItem> {
    return ofType(this.items, "error")
  }

  /** Items that this version does not know. */
  get unknownItems(): ReadonlyArray<CodexItem.Unknown> {
    return ofType(this.items, "unknown")
  }
}

/**
 * A turn whose final message was decoded by the `output` schema of its run.
 *
 * @category models
 * @since 0.1.0
 */
export type WithOutput<A> = CodexTurn & { readonly output: A }

/**
 * The state of the fold. Take it as opaque, and read it with {@link fromState}.
 *
 * @category models
 * @since 0.1.0
 */
export interface State {
  readonly threadId: string | undefined
  readonly status: TurnStatus
  readonly order: Chunk.Chunk<string>
  readonly items: HashMap.HashMap<string, CodexItem.CodexItem>
  readonly error: string | undefined
  readonly notices: Chunk.Chunk<string>
  readonly usageBefore: CodexEvent.TokenUsage | undefined
  readonly threadUsage: CodexEvent.TokenUsage | undefined
}

// =============================================================================
// Constructors
// =============================================================================

/**
 * The total of a thread that has done nothing yet.
 *
 * @category constants
 * @since 0.1.0
 */
export const zeroUsage: CodexEvent.TokenUsage = { input_tokens: 0, output_tokens: 0 }

/**
 * The state before the first event. `usageBefore` is the thread's total before this turn: zero by
 * default, as for a new thread, and `undefined` if it is not known.
 *
 * @category constructors
 * @since 0.1.0
 */
export const initial = (
  options: { readonly usageBefore: CodexEvent.TokenUsage | undefined } = { usageBefore: zeroUsage }
): State => ({
  threadId: undefined,
  status: "in_progress",
  order: Chunk.empty(),
  items: HashMap.empty(),
  error: undefined,
  notices: Chunk.empty(),
  usageBefore: options.usageBefore,
  threadUsage: undefined
})

/**
 * The same turn, with another usage, if there is one.
 *
 * @category constructors
 * @since 0.1.0
 */
export const withUsage = (turn: CodexTurn, usage: CodexEvent.TokenUsage | undefined): CodexTurn =>
  usage === undefined ? turn : CodexTurn.make({ ...fieldsOf(turn), usage }, { disableChecks: true })

/**
 * The same turn, with what its final message says.
 *
 * @category constructors
 * @since 0.1.0
 */
export const withOutput = <A>(turn: CodexTurn, output: A): WithOutput<A> =>
  Object.assign(CodexTurn.make(fieldsOf(turn), { disableChecks: true }), { output })

/**
 * Takes in one event.
 *
 * @category folding
 * @since 0.1.0
 */
export const reduce = (state: State, event: CodexEvent.CodexEvent): State => {
  switch (event.type) {
    case "thread.started":
      return { ...state, threadId: event.thread_id }
    case "turn.started":
      return { ...state, status: "in_progress" }
    case "turn.completed":
      // A failure that was followed by success was not the end.
      return { ...state, status: "completed", error: undefined, threadUsage: event.usage }
    case "turn.failed":
      return { ...state, status: "failed", error: event.error.message }
    case "item.started":
    case "item.updated":
    case "item.completed":
      return putItem(state, event.item)
    case "error":
      return { ...state, notices: Chunk.append(state.notices, event.message) }
    // The items tell it all once they are completed.
    case "item.delta":
    case "plan.updated":
    case "diff.updated":
    case "usage.updated":
    case "approval.requested":
    case "approval.resolved":
    case "unknown":
      return state
  }
}

/**
 * The turn as it stands. `duration` is what the fold cannot know.
 *
 * @category folding
 * @since 0.1.0
 */
export const fromState = (state: State, duration: Duration.Duration): CodexTurn => {
  const usage = usageSince(state.usageBefore, state.threadUsage)
  return CodexTurn.make({
    status: state.status,
    items: Chunk.toReadonlyArray(Chunk.map(state.order, (id) => HashMap.getUnsafe(state.items, id))),
    // The cause of a failure comes twice: as a notice, and as the failure.
    notices: Chunk.toReadonlyArray(Chunk.filter(state.notices, (notice) => notice !== state.error)),
    duration,
    ...(state.threadId === undefined ? {} : { threadId: state.threadId }),
    ...(state.error === undefined ? {} : { error: state.error }),
    ...(state.threadUsage === undefined ? {} : { threadUsage: state.threadUsage }),
    ...(usage === undefined ? {} : { usage })
  }, { disableChecks: true })
}

/**
 * The tokens between two totals of a thread, if both are known.
 *
 * @category getters
 * @since 0.1.0
 */
export const usageSince = (
  before: CodexEvent.TokenUsage | undefined,
  total: CodexEvent.TokenUsage | undefined
): CodexEvent.TokenUsage | undefined => {
  if (total === undefined || before === undefined) return undefined
  return {
    input_tokens: total.input_tokens - before.input_tokens,
    output_tokens: total.output_tokens - before.output_tokens,
    ...difference("cached_input_tokens", total, before),
    ...difference("cache_write_input_tokens", total, before),
    ...difference("reasoning_output_tokens", total, before)
  }
}

// =============================================================================
// Internals
// =============================================================================

const fieldsOf = (turn: CodexTurn) =>
  Struct.pick(turn, ["threadId", "status", "items", "error", "notices", "usage", "threadUsage", "duration"])

const ofType = <Type extends ItemType>(
  items: ReadonlyArray<CodexItem.CodexItem>,
  type: Type
): ReadonlyArray<ItemOf<Type>> => items.filter((item): item is ItemOf<Type> => item.type === type)

const putItem = (state: State, item: CodexItem.CodexItem): State => {
  const id = itemKey(item, Chunk.size(state.order))
  return {
    ...state,
    order: HashMap.has(state.items, id) ? state.order : Chunk.append(state.order, id),
    items: HashMap.set(state.items, id, item)
  }
}

const difference = (
  key: "cached_input_tokens" | "cache_write_input_tokens" | "reasoning_output_tokens",
  total: CodexEvent.TokenUsage,
  before: CodexEvent.TokenUsage
): { readonly [K in typeof key]?: number } => {
  const count = total[key]
  return count === undefined ? {} : { [key]: count - (before[key] ?? 0) }
}
