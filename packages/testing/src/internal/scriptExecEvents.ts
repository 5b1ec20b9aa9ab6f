/**
 * What `codex exec --json` prints of what the app-server within it tells.
 *
 * @internal
 */
import type * as Protocol from "@effect-codex/core/appserver/Protocol"
import type { TokenUsage } from "@effect-codex/core/CodexEvent"
import type { Told } from "./scriptTelling.ts"

type TodoList = ReadonlyArray<{ readonly text: string; readonly completed: boolean }>

export class ExecEvents {
  readonly #ids = new Map<string, string>()
  #todo: { readonly id: string; items: TodoList } | undefined
  #usage: TokenUsage = toUsage(undefined)

  /** The lines to print. */
  take({ method, params }: Told): ReadonlyArray<string> {
    switch (method) {
      case "turn/started":
        return [line({ type: "turn.started" })]
      case "item/started":
        return params.item.type === "agentMessage" || params.item.type === "reasoning"
          ? []
          : this.#item("item.started", params.item)
      case "item/completed":
        return this.#item("item.completed", params.item)
      case "turn/plan/updated":
        return [this.#plan(params.plan)]
      case "thread/tokenUsage/updated":
        this.#usage = toUsage(params.tokenUsage.total)
        return []
      case "error":
        return [line({ type: "error", message: params.error.message })]
      case "turn/completed":
        return [...this.#todoEnd(), ...end(params.turn, this.#usage)]
      default:
        return []
    }
  }

  #item(type: string, item: Protocol.ThreadItem): ReadonlyArray<string> {
    const told = toItem(item)
    if (told === undefined) return []
    const { id, ...rest } = told
    let own = this.#ids.get(id)
    if (own === undefined) this.#ids.set(id, own = this.#nextId())
    // The CLI prints two ids of a search, of which every parser of JavaScript takes the second one.
    const printed = rest["type"] === "web_search" ? { type: "web_search", id, ...rest } : { id: own, ...rest }
    return [line({ type, item: printed })]
  }

  #plan(plan: ReadonlyArray<Protocol.TurnPlanStep>): string {
    const items = plan.map(({ status, step }) => ({ text: step, completed: status === "completed" }))
    const type = this.#todo === undefined ? "item.started" : "item.updated"
    this.#todo = { id: this.#todo?.id ?? this.#nextId("todo_list"), items }
    return line({ type, item: { id: this.#todo.id, type: "todo_list", items } })
  }

  #todoEnd(): ReadonlyArray<string> {
    if (this.#todo === undefined) return []
    const { id, items } = this.#todo
    return [line({ type: "item.completed", item: { id, type: "todo_list", items } })]
  }

  #nextId(key?: string): string {
    const id = `item_${this.#ids.size}`
    if (key !== undefined) this.#ids.set(key, id)
    return id
  }
}

const line = (event: object): string => `${JSON.stringify(event)}\n`

const end = ({ error, status }: Protocol.Turn, usage: TokenUsage): ReadonlyArray<string> => {
  switch (status) {
    case "completed":
      return [line({ type: "turn.completed", usage })]
    case "failed":
      return [line({ type: "turn.failed", error: { message: error?.message ?? "" } })]
    default:
      return []
  }
}

/** Its id is that of the app-server. */
type Item = { readonly id: string } & Readonly<Record<string, unknown>>

const toItem = (item: Protocol.ThreadItem): Item | undefined => {
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
      return {
        id: item.id,
        type: "file_change",
        changes: item.changes.map(({ kind, path }) => ({ path, kind: kind.type })),
        status: item.status === "declined" ? "failed" : toSnakeCase(item.status)
      }
    case "mcpToolCall":
      return {
        id: item.id,
        type: "mcp_tool_call",
        server: item.server,
        tool: item.tool,
        arguments: item.arguments,
        result: item.result == null
          ? null
          : { content: item.result.content, structured_content: item.result.structuredContent ?? null },
        error: item.error == null ? null : { message: item.error.message },
        status: toSnakeCase(item.status)
      }
    case "webSearch":
      return { id: item.id, type: "web_search", query: item.query, action: item.action }
    case "unrecognized": {
      const { raw } = item
      return typeof raw === "object" && raw !== null && "id" in raw && typeof raw.id === "string"
        ? { ...raw, id: raw.id }
        : undefined
    }
    default:
      return undefined
  }
}

const toSnakeCase = (word: string): string => word.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

const toUsage = (usage: Protocol.TokenUsageBreakdown | undefined): TokenUsage => ({
  input_tokens: usage?.inputTokens ?? 0,
  cached_input_tokens: usage?.cachedInputTokens ?? 0,
  cache_write_input_tokens: usage?.cacheWriteInputTokens ?? 0,
  output_tokens: usage?.outputTokens ?? 0,
  reasoning_output_tokens: usage?.reasoningOutputTokens ?? 0
})
