/**
 * What a run tells while it runs: the events of `codex exec --json`, whatever the transport.
 *
 * Names and fields are those of the wire (CLI 0.169, `codex-rs/exec/src/exec_events.rs`). An event is the
 * parsed JSON object itself, checked against its schema but not copied. Events that this version does not
 * know, or that do not have the shape that it knows, arrive as {@link Unknown} with their raw JSON, so that
 * tomorrow's CLI does not break today's program.
 *
 * Over an app-server there are events more, which `codex exec` never prints: {@link ItemDelta}, {@link PlanUpdated},
 * {@link DiffUpdated}, {@link UsageUpdated}, {@link ApprovalRequested} and {@link ApprovalResolved}. What a turn comes to
 * is told without them.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type { Unify } from "effect/Unify"
import * as CodexItem from "./CodexItem.ts"
import * as Check from "./internal/check.ts"
import { keepUnknownFields, openLiterals, optionalCount } from "./internal/wire.ts"

// =============================================================================
// Models
// =============================================================================

const tokenUsage = Schema.Struct({
  input_tokens: Schema.Finite,
  cached_input_tokens: optionalCount,
  cache_write_input_tokens: optionalCount,
  output_tokens: Schema.Finite,
  reasoning_output_tokens: optionalCount
})

/**
 * Tokens that a model read and wrote. Input includes what was cached; output includes reasoning.
 *
 * @category models
 * @since 0.1.0
 */
export type TokenUsage = typeof tokenUsage.Type

/**
 * Schema of {@link TokenUsage}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const TokenUsage: Schema.Codec<TokenUsage> = keepUnknownFields(tokenUsage)

const threadStarted = Schema.Struct({
  type: Schema.Literal("thread.started"),
  thread_id: Schema.String
})

/**
 * The first event of a run: the thread that it belongs to.
 *
 * @category models
 * @since 0.1.0
 */
export type ThreadStarted = typeof threadStarted.Type

/**
 * Schema of {@link ThreadStarted}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ThreadStarted: Schema.Codec<ThreadStarted> = keepUnknownFields(threadStarted)

const turnStarted = Schema.Struct({ type: Schema.Literal("turn.started") })

/**
 * The prompt was accepted and the model is asked.
 *
 * @category models
 * @since 0.1.0
 */
export type TurnStarted = typeof turnStarted.Type

/**
 * Schema of {@link TurnStarted}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const TurnStarted: Schema.Codec<TurnStarted> = keepUnknownFields(turnStarted)

const turnCompleted = Schema.Struct({
  type: Schema.Literal("turn.completed"),
  usage: tokenUsage
})

/**
 * The turn is done. `usage` is the running total of the thread, not that of the turn;
 * `CodexTurn` tells them apart.
 *
 * @category models
 * @since 0.1.0
 */
export type TurnCompleted = typeof turnCompleted.Type

/**
 * Schema of {@link TurnCompleted}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const TurnCompleted: Schema.Codec<TurnCompleted> = keepUnknownFields(
  Schema.Struct({ ...turnCompleted.fields, usage: TokenUsage })
)

const turnFailed = Schema.Struct({
  type: Schema.Literal("turn.failed"),
  error: Schema.Struct({ message: Schema.String })
})

/**
 * The turn ended in a failure. The stream ends with the `CodexError` that it means.
 *
 * @category models
 * @since 0.1.0
 */
export type TurnFailed = typeof turnFailed.Type

/**
 * Schema of {@link TurnFailed}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const TurnFailed: Schema.Codec<TurnFailed> = keepUnknownFields(turnFailed)

const itemEvent = <const Type extends string>(type: Type) =>
  Schema.Struct({ type: Schema.Literal(type), item: CodexItem.CodexItem })

const itemStarted = itemEvent("item.started")

/**
 * The agent began something.
 *
 * @category models
 * @since 0.1.0
 */
export type ItemStarted = typeof itemStarted.Type

/**
 * Schema of {@link ItemStarted}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ItemStarted: Schema.Codec<ItemStarted> = keepUnknownFields(itemStarted)

const itemUpdated = itemEvent("item.updated")

/**
 * Something that the agent began has changed, such as its plan.
 *
 * @category models
 * @since 0.1.0
 */
export type ItemUpdated = typeof itemUpdated.Type

/**
 * Schema of {@link ItemUpdated}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ItemUpdated: Schema.Codec<ItemUpdated> = keepUnknownFields(itemUpdated)

const itemCompleted = itemEvent("item.completed")

/**
 * The agent finished something. Short things are completed without having been started.
 *
 * @category models
 * @since 0.1.0
 */
export type ItemCompleted = typeof itemCompleted.Type

/**
 * Schema of {@link ItemCompleted}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ItemCompleted: Schema.Codec<ItemCompleted> = keepUnknownFields(itemCompleted)

const error = Schema.Struct({
  type: Schema.Literal("error"),
  message: Schema.String
})

/**
 * Something went wrong, which is not the end: the CLI reports each reconnect this way, and also the
 * cause of a failure just before `turn.failed`.
 *
 * @category models
 * @since 0.1.0
 */
export type ErrorEvent = typeof error.Type

/**
 * Schema of {@link ErrorEvent}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ErrorEvent: Schema.Codec<ErrorEvent> = keepUnknownFields(error)

const itemDelta = Schema.Struct({
  type: Schema.Literal("item.delta"),
  item_id: Schema.String,
  kind: openLiterals(["text", "reasoning", "raw_reasoning", "output", "plan", "progress"]),
  delta: Schema.String,
  part: Schema.optionalKey(Schema.Finite)
})

/**
 * More of an item, while it is made: of a message (`text`), of the summary of the reasoning or the reasoning itself
 * (then `part` counts its paragraphs, from 0), of a command's `output`, of a `plan`, or a word on an MCP tool's
 * `progress`. Only over an app-server.
 *
 * `item_id` is the id of the item when it is completed, which tells the whole of it. The deltas of a command are not all
 * of its output: what it wrote before it was told of is not among them.
 *
 * @category models
 * @since 0.1.0
 */
export type ItemDelta = typeof itemDelta.Type

/**
 * Schema of {@link ItemDelta}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ItemDelta: Schema.Codec<ItemDelta> = keepUnknownFields(itemDelta)

const planUpdated = Schema.Struct({
  type: Schema.Literal("plan.updated"),
  explanation: Schema.NullOr(Schema.String),
  plan: Schema.Array(Schema.Struct({
    step: Schema.String,
    status: openLiterals(["pending", "in_progress", "completed"])
  }))
})

/**
 * The agent's plan, whole, with what a `todo_list` item leaves out. Only over an app-server.
 *
 * @category models
 * @since 0.1.0
 */
export type PlanUpdated = typeof planUpdated.Type

/**
 * Schema of {@link PlanUpdated}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const PlanUpdated: Schema.Codec<PlanUpdated> = keepUnknownFields(planUpdated)

const diffUpdated = Schema.Struct({
  type: Schema.Literal("diff.updated"),
  diff: Schema.String
})

/**
 * All that the turn has changed so far, as a unified diff. The same may come several times. Only over an app-server.
 *
 * @category models
 * @since 0.1.0
 */
export type DiffUpdated = typeof diffUpdated.Type

/**
 * Schema of {@link DiffUpdated}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const DiffUpdated: Schema.Codec<DiffUpdated> = keepUnknownFields(diffUpdated)

const usageUpdated = Schema.Struct({
  type: Schema.Literal("usage.updated"),
  usage: tokenUsage,
  last: tokenUsage,
  context_window: Schema.NullOr(Schema.Finite)
})

/**
 * Tokens after another answer of the model: `usage` is the running total of the thread, `last` that of the answer, and
 * `context_window` how many the model can hold, if it is known. Only over an app-server.
 *
 * @category models
 * @since 0.1.0
 */
export type UsageUpdated = typeof usageUpdated.Type

/**
 * Schema of {@link UsageUpdated}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const UsageUpdated: Schema.Codec<UsageUpdated> = keepUnknownFields(
  Schema.Struct({ ...usageUpdated.fields, usage: TokenUsage, last: TokenUsage })
)

const approval = {
  /** Of the turn, or of one of its sub-agents. */
  thread_id: Schema.String,
  request_id: Schema.Union([Schema.String, Schema.Finite]),
  /** The kind of the `ApprovalRequest`; of a request that this version can't read, its method. */
  kind: openLiterals([
    "command",
    "network",
    "fileChange",
    "permissions",
    "mcpTool",
    "elicitation",
    "userInput",
    "toolCall",
    "currentTime"
  ]),
  /** The item that it is about. */
  item_id: Schema.optionalKey(Schema.String)
}

const approvalRequested = Schema.Struct({ type: Schema.Literal("approval.requested"), ...approval })

/**
 * The agent asks this program, and waits for the answer. That is the `Approvals` policy's to give, or a handler's: the
 * event only tells. Until {@link ApprovalResolved} with the same `request_id`, the agent is not idle. Only over an
 * app-server.
 *
 * @category models
 * @since 0.1.0
 */
export type ApprovalRequested = typeof approvalRequested.Type

/**
 * Schema of {@link ApprovalRequested}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ApprovalRequested: Schema.Codec<ApprovalRequested> = keepUnknownFields(approvalRequested)

const approvalResolved = Schema.Struct({ type: Schema.Literal("approval.resolved"), ...approval })

/**
 * The agent does not wait for the answer any more: it has one, from here or from elsewhere, or has taken its request
 * back. Only over an app-server.
 *
 * @category models
 * @since 0.1.0
 */
export type ApprovalResolved = typeof approvalResolved.Type

/**
 * Schema of {@link ApprovalResolved}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ApprovalResolved: Schema.Codec<ApprovalResolved> = keepUnknownFields(approvalResolved)

/**
 * A line that this version does not know: an event of a new type, one without the shape of its type
 * (then `issue` tells what is wrong with it), or text that is not JSON (then `raw` is that text).
 *
 * @category models
 * @since 0.1.0
 */
export type Unknown = typeof Unknown.Type

/**
 * Schema of {@link Unknown}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Unknown = Schema.Struct({
  type: Schema.Literal("unknown"),
  raw: Schema.Unknown,
  issue: Schema.optionalKey(Schema.String)
})

/**
 * The events by their type.
 *
 * @category models
 * @since 0.1.0
 */
export interface ByType {
  readonly "thread.started": ThreadStarted
  readonly "turn.started": TurnStarted
  readonly "turn.completed": TurnCompleted
  readonly "turn.failed": TurnFailed
  readonly "item.started": ItemStarted
  readonly "item.updated": ItemUpdated
  readonly "item.completed": ItemCompleted
  readonly error: ErrorEvent
  readonly "item.delta": ItemDelta
  readonly "plan.updated": PlanUpdated
  readonly "diff.updated": DiffUpdated
  readonly "usage.updated": UsageUpdated
  readonly "approval.requested": ApprovalRequested
  readonly "approval.resolved": ApprovalResolved
  readonly unknown: Unknown
}

/**
 * One element of a run's stream.
 *
 * @category models
 * @since 0.1.0
 */
export type CodexEvent = ByType[keyof ByType]

/**
 * Schema of {@link CodexEvent}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const CodexEvent: Schema.Codec<CodexEvent> = Schema.Union([
  ThreadStarted,
  TurnStarted,
  TurnCompleted,
  TurnFailed,
  ItemStarted,
  ItemUpdated,
  ItemCompleted,
  ErrorEvent,
  ItemDelta,
  PlanUpdated,
  DiffUpdated,
  UsageUpdated,
  ApprovalRequested,
  ApprovalResolved,
  Unknown
])

// =============================================================================
// Constructors
// =============================================================================

/**
 * Takes any parsed JSON for an event. One of a known type and shape is returned as it is, not copied;
 * all else becomes an {@link Unknown}, or carries a `CodexItem.Unknown`. It never fails.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromJson = (json: unknown): CodexEvent => {
  if (isItemEvent(json)) return hasKnownItem(json) ? json : { ...json, item: CodexItem.fromJson(json.item) }
  return known.is(json) ? json : unknown(json, known.issue(json))
}

/**
 * Takes one line of `codex exec --json`. It never fails: see {@link fromJson}.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromLine = (line: string): CodexEvent => {
  let json: unknown
  try {
    json = JSON.parse(line)
  } catch {
    return unknown(line, "Not JSON")
  }
  return fromJson(json)
}

// =============================================================================
// Pattern matching
// =============================================================================

/**
 * What to do with an event, by its type.
 *
 * @category models
 * @since 0.1.0
 */
export type Cases<A> = { readonly [Type in keyof ByType]?: (event: ByType[Type]) => A }

/**
 * Handles events by type; `orElse` takes those that have no case. Cases may give different types, and
 * Effects that fail in different ways.
 *
 * **Example** (Describing what the agent completes)
 *
 * ```ts
 * import * as CodexEvent from "@effect-codex/core/CodexEvent"
 *
 * const describe = CodexEvent.match({
 *   "thread.started": (event) => `thread ${event.thread_id}`,
 *   "item.completed": (event) => event.item.type,
 *   orElse: () => ""
 * })
 * ```
 *
 * @category pattern matching
 * @since 0.1.0
 */
export function match<const C extends Cases<unknown>, B>(
  cases:
    & C
    & { readonly orElse: (event: CodexEvent) => B }
    & { readonly [Type in Exclude<keyof C, keyof ByType | "orElse">]: never }
): (event: CodexEvent) => Unify<
  B | { [Type in keyof ByType]: C[Type] extends (event: never) => infer A ? A : never }[keyof ByType]
>
export function match(cases: Cases<unknown> & { readonly orElse: (event: CodexEvent) => unknown }) {
  const byType: Cases<unknown> = cases
  const handle = <Type extends keyof ByType>(type: Type, event: ByType[Type]) => {
    const handler: ((event: ByType[Type]) => unknown) | undefined = byType[type]
    return handler === undefined ? cases.orElse(event) : handler(event)
  }
  return (event: CodexEvent) => handle(event.type, event)
}

// =============================================================================
// Internals
// =============================================================================

const known = Check.byType([
  threadStarted,
  turnStarted,
  turnCompleted,
  turnFailed,
  error,
  itemStarted,
  itemUpdated,
  itemCompleted,
  itemDelta,
  planUpdated,
  diffUpdated,
  usageUpdated,
  approvalRequested,
  approvalResolved
])

interface AnyItemEvent {
  readonly type: ItemStarted["type"] | ItemUpdated["type"] | ItemCompleted["type"]
  readonly item: unknown
}

// Nearly every event is one of these three, of which the schema says no more than this: its item is checked by its own
// type, so that one unknown item does not cost the event.
const isItemEvent = (json: unknown): json is AnyItemEvent => {
  if (typeof json !== "object" || json === null) return false
  const { item, type }: { readonly type?: unknown; readonly item?: unknown } = json
  return (type === "item.completed" || type === "item.started" || type === "item.updated") && item !== undefined
}

const hasKnownItem = (event: AnyItemEvent): event is ItemStarted | ItemUpdated | ItemCompleted =>
  CodexItem.isKnown(event.item)

const unknown = (raw: unknown, issue: string | undefined): Unknown =>
  issue === undefined ? { type: "unknown", raw } : { type: "unknown", raw, issue }
