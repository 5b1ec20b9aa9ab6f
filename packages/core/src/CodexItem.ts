/**
 * What the agent did: the items of a turn, as `codex exec --json` prints them.
 *
 * Names and fields are those of the wire (CLI 0.169, `codex-rs/exec/src/exec_events.rs`), so that what
 * people know from the official SDK holds here. An item is the parsed JSON object itself; fields that
 * are not listed here stay on it. Items that this version does not know, or that do not have the shape
 * that it knows, arrive as {@link Unknown} with their raw JSON.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type { Unify } from "effect/Unify"
import * as Check from "./internal/check.ts"
import { keepUnknownFields, openLiterals } from "./internal/wire.ts"

// =============================================================================
// Models
// =============================================================================

const agentMessage = Schema.Struct({
  type: Schema.Literal("agent_message"),
  id: Schema.String,
  text: Schema.String
})

/**
 * A message of the agent. The last one of a turn is its answer; earlier ones comment on the work.
 *
 * @category models
 * @since 0.1.0
 */
export type AgentMessage = typeof agentMessage.Type

/**
 * Schema of {@link AgentMessage}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const AgentMessage: Schema.Codec<AgentMessage> = keepUnknownFields(agentMessage)

const reasoning = Schema.Struct({
  type: Schema.Literal("reasoning"),
  id: Schema.String,
  text: Schema.String
})

/**
 * A summary of the agent's reasoning.
 *
 * @category models
 * @since 0.1.0
 */
export type Reasoning = typeof reasoning.Type

/**
 * Schema of {@link Reasoning}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Reasoning: Schema.Codec<Reasoning> = keepUnknownFields(reasoning)

const commandExecution = Schema.Struct({
  type: Schema.Literal("command_execution"),
  id: Schema.String,
  command: Schema.String,
  aggregated_output: Schema.String,
  exit_code: Schema.optionalKey(Schema.NullOr(Schema.Finite)),
  status: openLiterals(["in_progress", "completed", "failed", "declined"])
})

/**
 * A command that the agent ran. `exit_code` is `null` while it runs, and `aggregated_output`
 * (stdout and stderr, at most 1 MiB) is empty until it ends.
 *
 * @category models
 * @since 0.1.0
 */
export type CommandExecution = typeof commandExecution.Type

/**
 * Schema of {@link CommandExecution}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const CommandExecution: Schema.Codec<CommandExecution> = keepUnknownFields(commandExecution)

const fileChange = Schema.Struct({
  type: Schema.Literal("file_change"),
  id: Schema.String,
  changes: Schema.Array(Schema.Struct({
    path: Schema.String,
    kind: openLiterals(["add", "delete", "update"])
  })),
  status: openLiterals(["in_progress", "completed", "failed"])
})

/**
 * A patch that the agent applied: the files and what happened to each, without the text of the change.
 *
 * @category models
 * @since 0.1.0
 */
export type FileChange = typeof fileChange.Type

/**
 * Schema of {@link FileChange}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const FileChange: Schema.Codec<FileChange> = keepUnknownFields(fileChange)

const mcpToolCall = Schema.Struct({
  type: Schema.Literal("mcp_tool_call"),
  id: Schema.String,
  server: Schema.String,
  tool: Schema.String,
  arguments: Schema.optionalKey(Schema.Unknown),
  result: Schema.optionalKey(Schema.NullOr(Schema.Struct({
    content: Schema.Array(Schema.Unknown),
    structured_content: Schema.optionalKey(Schema.Unknown)
  }))),
  error: Schema.optionalKey(Schema.NullOr(Schema.Struct({ message: Schema.String }))),
  status: openLiterals(["in_progress", "completed", "failed"])
})

/**
 * A call of an MCP server's tool. `result` and `error` are `null` until there is one.
 *
 * @category models
 * @since 0.1.0
 */
export type McpToolCall = typeof mcpToolCall.Type

/**
 * Schema of {@link McpToolCall}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const McpToolCall: Schema.Codec<McpToolCall> = keepUnknownFields(mcpToolCall)

const collabToolCall = Schema.Struct({
  type: Schema.Literal("collab_tool_call"),
  id: Schema.String,
  tool: openLiterals(["spawn_agent", "send_input", "wait", "close_agent"]),
  sender_thread_id: Schema.String,
  receiver_thread_ids: Schema.Array(Schema.String),
  prompt: Schema.optionalKey(Schema.NullOr(Schema.String)),
  agents_states: Schema.Record(
    Schema.String,
    Schema.Struct({
      status: openLiterals([
        "pending_init",
        "running",
        "interrupted",
        "completed",
        "errored",
        "shutdown",
        "not_found"
      ]),
      message: Schema.optionalKey(Schema.NullOr(Schema.String))
    })
  ),
  status: openLiterals(["in_progress", "completed", "failed"])
})

/**
 * The agent's dealing with a sub-agent: starting one, writing to it, waiting for it, closing it.
 *
 * @category models
 * @since 0.1.0
 */
export type CollabToolCall = typeof collabToolCall.Type

/**
 * Schema of {@link CollabToolCall}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const CollabToolCall: Schema.Codec<CollabToolCall> = keepUnknownFields(collabToolCall)

const webSearch = Schema.Struct({
  type: Schema.Literal("web_search"),
  id: Schema.String,
  query: Schema.String,
  action: Schema.optionalKey(Schema.Unknown)
})

/**
 * A web search. The CLI prints the key `id` twice; as everywhere in JavaScript the last one counts,
 * which is the id of the search (`ws_…`) and not that of the item.
 *
 * @category models
 * @since 0.1.0
 */
export type WebSearch = typeof webSearch.Type

/**
 * Schema of {@link WebSearch}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const WebSearch: Schema.Codec<WebSearch> = keepUnknownFields(webSearch)

const todoList = Schema.Struct({
  type: Schema.Literal("todo_list"),
  id: Schema.String,
  items: Schema.Array(Schema.Struct({ text: Schema.String, completed: Schema.Boolean }))
})

/**
 * The agent's plan. It is completed at the end of the turn, after the last message.
 *
 * @category models
 * @since 0.1.0
 */
export type TodoList = typeof todoList.Type

/**
 * Schema of {@link TodoList}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const TodoList: Schema.Codec<TodoList> = keepUnknownFields(todoList)

const errorItem = Schema.Struct({
  type: Schema.Literal("error"),
  id: Schema.String,
  message: Schema.String
})

/**
 * A warning, such as an unknown configuration key. The turn goes on.
 *
 * @category models
 * @since 0.1.0
 */
export type ErrorItem = typeof errorItem.Type

/**
 * Schema of {@link ErrorItem}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ErrorItem: Schema.Codec<ErrorItem> = keepUnknownFields(errorItem)

/**
 * An item of a type that this version does not know, or one without the shape that it knows:
 * then `issue` tells what is wrong with it.
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
 * The items, by their type.
 *
 * @category models
 * @since 0.1.0
 */
export interface ByType {
  readonly agent_message: AgentMessage
  readonly reasoning: Reasoning
  readonly command_execution: CommandExecution
  readonly file_change: FileChange
  readonly mcp_tool_call: McpToolCall
  readonly collab_tool_call: CollabToolCall
  readonly web_search: WebSearch
  readonly todo_list: TodoList
  readonly error: ErrorItem
  readonly unknown: Unknown
}

/**
 * One thing that the agent did.
 *
 * @category models
 * @since 0.1.0
 */
export type CodexItem = ByType[keyof ByType]

/**
 * Schema of {@link CodexItem}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const CodexItem: Schema.Codec<CodexItem> = Schema.Union([
  AgentMessage,
  Reasoning,
  CommandExecution,
  FileChange,
  McpToolCall,
  CollabToolCall,
  WebSearch,
  TodoList,
  ErrorItem,
  Unknown
])

// =============================================================================
// Constructors
// =============================================================================

/**
 * Takes any parsed JSON for an item. An item of a known type and shape is returned as it is, not
 * copied; all else becomes an {@link Unknown}. It never fails.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromJson = (json: unknown): CodexItem => {
  if (isKnown(json)) return json
  const issue = known.issue(json)
  return issue === undefined ? { type: "unknown", raw: json } : { type: "unknown", raw: json, issue }
}

// =============================================================================
// Guards
// =============================================================================

const known = Check.byType([
  agentMessage,
  reasoning,
  commandExecution,
  fileChange,
  mcpToolCall,
  collabToolCall,
  webSearch,
  todoList,
  errorItem
])

/**
 * Whether parsed JSON is an item of a known type and shape.
 *
 * @category guards
 * @since 0.1.0
 */
export const isKnown: (json: unknown) => json is Exclude<CodexItem, Unknown> = known.is

/**
 * Whether an item shows that the agent acted on the world: it ran, changed, called or searched
 * something, or did what this version does not know. Messages, reasoning, plans and warnings don't.
 *
 * @category guards
 * @since 0.1.0
 */
export const isWork = (item: CodexItem): boolean => {
  switch (item.type) {
    case "agent_message":
    case "reasoning":
    case "todo_list":
    case "error":
      return false
    default:
      return true
  }
}

// =============================================================================
// Pattern matching
// =============================================================================

/**
 * What to do with an item, by its type.
 *
 * @category models
 * @since 0.1.0
 */
export type Cases<A> = { readonly [Type in keyof ByType]?: (item: ByType[Type]) => A }

/**
 * Handles items by type; `orElse` takes those that have no case. Cases may give different types, and
 * Effects that fail in different ways.
 *
 * **Example** (Describing what the agent did)
 *
 * ```ts
 * import * as CodexItem from "@effect-codex/core/CodexItem"
 *
 * const describe = CodexItem.match({
 *   command_execution: (item) => `ran ${item.command}`,
 *   file_change: (item) => `changed ${item.changes.length} files`,
 *   orElse: (item) => item.type
 * })
 * ```
 *
 * @category pattern matching
 * @since 0.1.0
 */
export function match<const C extends Cases<unknown>, B>(
  cases:
    & C
    & { readonly orElse: (item: CodexItem) => B }
    & { readonly [Type in Exclude<keyof C, keyof ByType | "orElse">]: never }
): (item: CodexItem) => Unify<
  B | { [Type in keyof ByType]: C[Type] extends (item: never) => infer A ? A : never }[keyof ByType]
>
export function match(cases: Cases<unknown> & { readonly orElse: (item: CodexItem) => unknown }) {
  const byType: Cases<unknown> = cases
  const handle = <Type extends keyof ByType>(type: Type, item: ByType[Type]) => {
    const handler: ((item: ByType[Type]) => unknown) | undefined = byType[type]
    return handler === undefined ? cases.orElse(item) : handler(item)
  }
  return (item: CodexItem) => handle(item.type, item)
}
