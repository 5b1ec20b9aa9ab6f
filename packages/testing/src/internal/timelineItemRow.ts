/**
 * An item, in words.
 *
 * @internal
 */
import type { CodexItem, CommandExecution, McpToolCall, TodoList } from "@effect-codex/core/CodexItem"
import { format } from "effect/Formatter"
import { type Row, trouble, work } from "./timelineRow.ts"

export const ofItem = (item: CodexItem): Row => {
  switch (item.type) {
    case "agent_message":
      return { kind: "words", label: "says", text: item.text, detail: item.text }
    case "reasoning":
      return { kind: "words", label: "thinks", text: item.text, tone: "quiet", detail: item.text }
    case "command_execution":
      return ofCommand(item)
    case "file_change":
      return work("edits", item.changes.map(({ kind, path }) => `${kind} ${path}`).join(", "), item.status)
    case "mcp_tool_call":
      return ofMcpToolCall(item)
    case "collab_tool_call":
      return {
        ...work("agents", item.prompt ? `${item.tool}: ${item.prompt}` : item.tool, item.status),
        detail: Object.entries(item.agents_states)
          .map(([id, { message, status }]) => `${id}: ${status}${message ? `: ${message}` : ""}`)
          .join("\n")
      }
    case "web_search":
      return { kind: "work", label: "searches", text: item.query }
    case "todo_list":
      return ofPlan(item.items)
    case "error":
      return trouble("warning", item.message)
    case "unknown":
      return ofUnknown(item)
  }
}

const ofCommand = (item: CommandExecution): Row => {
  const row = work("runs", script(item.command), item.status)
  const detail = [item.command, item.aggregated_output].filter((text) => text !== "").join("\n\n")
  if (typeof item.exit_code !== "number") return { ...row, detail }
  return { ...row, note: `exit ${item.exit_code}`, tone: item.exit_code === 0 ? "good" : "bad", detail }
}

const ofMcpToolCall = (item: McpToolCall): Row => {
  const { arguments: input, error, result, server, status, tool } = item
  const row = work("calls", `${server}.${tool}(${input === undefined ? "" : format(input)})`, status)
  return error
    ? { ...row, note: "failed", tone: "bad", detail: error.message }
    : { ...row, detail: result ? format(result, { space: 2 }) : undefined }
}

export const ofPlan = (steps: TodoList["items"], explanation?: string): Row => {
  const list = steps.map(({ completed, text }) => `[${completed ? "x" : " "}] ${text}`)
  const done = steps.filter(({ completed }) => completed).length
  return {
    kind: "plan",
    label: "plan",
    text: list.join("  "),
    note: `${done} of ${steps.length} done`,
    detail: [...(explanation === undefined ? [] : [explanation]), ...list].join("\n")
  }
}

export const ofUnknown = ({ issue, raw }: { readonly raw: unknown; readonly issue?: string }): Row => {
  const text = typeof raw === "string" ? raw : format(raw)
  return { kind: "other", label: "unknown", text, detail: issue === undefined ? text : `${issue}\n\n${text}` }
}

/** What the shell was given: `/bin/bash -lc 'echo hi'` is `echo hi`. */
const script = (command: string): string => {
  const word = /^\S*sh -l?c (.*)$/s.exec(command)?.[1]
  return word === undefined ? command : word.replace(
    /'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)/gs,
    (_, single?: string, double?: string, escaped?: string) =>
      single ?? escaped ?? double?.replace(/\\([\\"$`])/g, "$1") ?? ""
  )
}
