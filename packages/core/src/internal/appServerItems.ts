/**
 * The items of an app-server, in the words of `codex exec --json`.
 *
 * `codex exec` is a client of an app-server within it, whose items it prints in its own words: this does the same. Ids
 * are those of Codex, as deltas name items by them; `codex exec` counts items instead.
 *
 * @internal
 */
import type * as Protocol from "../appserver/Protocol.ts"
import type * as CodexItem from "../CodexItem.ts"

type ThreadItem = Protocol.ThreadItem

/**
 * What `codex exec` would print of an item, or `undefined` if it is not told: what the user said, and the marks of a
 * review and of a compaction.
 *
 * Of what else an agent does (it looked at an image, called a tool of the client), `codex exec` is silent. As it may be
 * work, it is told as an unknown item.
 */
export const toItem = (item: ThreadItem): CodexItem.CodexItem | undefined => {
  switch (item.type) {
    case "agentMessage":
      return { id: item.id, type: "agent_message", text: item.text }
    case "reasoning": {
      const text = (item.summary ?? []).join("\n")
      return text.trim() === "" ? undefined : { id: item.id, type: "reasoning", text }
    }
    case "commandExecution":
      return {
        id: item.id,
        type: "command_execution",
        command: item.command,
        aggregated_output: item.aggregatedOutput ?? "",
        exit_code: item.exitCode ?? null,
        status: toSnakeCase(item.status)
      }
    case "fileChange":
      return toFileChange(item)
    case "mcpToolCall":
      return {
        id: item.id,
        type: "mcp_tool_call",
        server: item.server,
        tool: item.tool,
        arguments: item.arguments,
        result: item.result === undefined || item.result === null ? null : {
          content: item.result.content,
          structured_content: item.result.structuredContent ?? null
        },
        error: item.error === undefined || item.error === null ? null : { message: item.error.message },
        status: toSnakeCase(item.status)
      }
    case "collabAgentToolCall":
      return {
        id: item.id,
        type: "collab_tool_call",
        tool: item.tool === "resumeAgent" ? "wait" : toSnakeCase(item.tool),
        sender_thread_id: item.senderThreadId,
        receiver_thread_ids: item.receiverThreadIds,
        prompt: item.prompt ?? null,
        agents_states: Object.fromEntries(
          Object.entries(item.agentsStates).map(([threadId, { message, status }]) => [
            threadId,
            { status: toSnakeCase(status), message: message ?? null }
          ])
        ),
        status: toSnakeCase(item.status)
      }
    case "webSearch":
      return { id: item.id, type: "web_search", query: item.query, action: toAction(item.action) }
    case "userMessage":
    case "hookPrompt":
    case "enteredReviewMode":
    case "exitedReviewMode":
    case "contextCompaction":
      return undefined
    case "unrecognized":
      return { ...item, type: "unknown" }
    default:
      return { type: "unknown", raw: item }
  }
}

/** A patch, without the text of its changes. */
export const toFileChange = (
  { changes, id, status }: Pick<Extract<ThreadItem, { readonly type: "fileChange" }>, "changes" | "id" | "status">
): CodexItem.FileChange => ({
  id,
  type: "file_change",
  changes: changes.map(({ kind, path }) => ({ path, kind: kind.type })),
  status: status === "declined" ? "failed" : toSnakeCase(status)
})

/** Whether it is told only once it is complete, as `codex exec` does. */
export const isToldAtEnd = ({ type }: ThreadItem): boolean => type === "agentMessage" || type === "reasoning"

/** The id of an item, if it has one. */
export const idOf = (item: ThreadItem): string | undefined => {
  if (item.type !== "unrecognized") return item.id
  const { raw } = item
  return typeof raw === "object" && raw !== null && "id" in raw && typeof raw.id === "string" ? raw.id : undefined
}

/** Enums have the same members on both sides, but for this. */
export const toSnakeCase = (word: string): string => word.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

const toAction = (action: Extract<ThreadItem, { readonly type: "webSearch" }>["action"]) => {
  if (action === undefined || action === null) return { type: "other" }
  return action.type === "unrecognized" ? action.raw : { ...action, type: toSnakeCase(action.type) }
}
