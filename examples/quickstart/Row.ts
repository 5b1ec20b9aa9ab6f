/**
 * What an item of a turn says, in words: one row each. Pure.
 */
import type * as CodexItem from "@effect-codex/core/CodexItem"
import { stripVTControlCharacters } from "node:util"

/** One thing that happened, before it is drawn. */
export interface Row {
  /** Who or what: `runs`, `edits`, `says`, … */
  readonly label: string
  /** One line of text, without control characters. */
  readonly text: string
  /** How it ended; it is drawn whole, and the text is cut to fit. */
  readonly note?: string
  readonly tone?: "good" | "bad" | "quiet"
  /** More lines below the text. */
  readonly details?: ReadonlyArray<string>
}

/** The row of an item. `took` is how long it ran, if that is known; `directory` is where the agent works. */
export const fromItem = (
  item: CodexItem.CodexItem,
  options: { readonly directory: string; readonly took?: string | undefined }
): Row => {
  switch (item.type) {
    case "agent_message":
      return { label: "says", text: oneLine(item.text) }
    case "reasoning":
      return { label: "thinks", text: oneLine(item.text.replaceAll("**", "")), tone: "quiet" }
    case "command_execution":
      return fromCommand(item, options.took)
    case "file_change":
      return {
        label: "edits",
        text: item.changes.map(({ kind, path }) => `${kind} ${plain(relative(path, options.directory))}`).join(", "),
        ...ending(item.status)
      }
    case "mcp_tool_call": {
      const called = { label: "calls", text: oneLine(`${item.server}.${item.tool}(${json(item.arguments)})`) }
      return item.error
        ? { ...called, note: "failed", tone: "bad", details: [oneLine(item.error.message)] }
        : { ...called, ...ending(item.status) }
    }
    case "collab_tool_call":
      return {
        label: "agents",
        text: oneLine(item.prompt ? `${item.tool}: ${item.prompt}` : item.tool),
        ...ending(item.status)
      }
    case "web_search":
      return { label: "searches", text: oneLine(item.query) }
    case "todo_list":
      return {
        label: "plan",
        text: `${item.items.filter((step) => step.completed).length} of ${item.items.length} done`
      }
    case "error":
      return { label: "warning", text: oneLine(item.message), tone: "bad" }
    case "unknown":
      return fromUnknown(item.raw)
  }
}

/** The row of what this version of the SDK does not know. */
export const fromUnknown = (raw: unknown): Row => ({
  label: "unknown",
  text: oneLine(typeof raw === "string" ? raw : json(raw)),
  tone: "quiet"
})

/** Rows for the steps of a plan that are not `shown` yet, or not so. */
export const fromPlan = (plan: CodexItem.TodoList["items"], shown: CodexItem.TodoList["items"]): ReadonlyArray<Row> => {
  const [first, ...others] = plan
    .filter((step) => !shown.some(({ completed, text }) => text === step.text && completed === step.completed))
    .map((step) => `[${step.completed ? "x" : " "}] ${oneLine(step.text)}`)
  return first === undefined ? [] : [{ label: "plan", text: first, details: others }]
}

/** The first line that has text; `…` tells that there are more. */
export const oneLine = (text: string): string => {
  const [first = "", ...others] = plain(text).split("\n").filter((line) => line.trim() !== "")
  return others.length === 0 ? first.trim() : `${first.trim()} …`
}

/** Text that cannot move the cursor or colour the terminal. Line breaks stay. */
export const plain = (text: string): string =>
  stripVTControlCharacters(text).replace(/\r\n?/g, "\n").replaceAll("\t", "  ").replace(/[^\P{Cc}\n]/gu, "")

// =============================================================================
// Internals
// =============================================================================

const ending = (status: string): Pick<Row, "note" | "tone"> =>
  status === "completed" || status === "in_progress" ? {} : { note: status, tone: "bad" }

const fromCommand = (item: CodexItem.CommandExecution, took: string | undefined): Row => {
  const row = { label: "runs", text: oneLine(script(item.command)) }
  if (item.status === "in_progress") return row
  const exit = typeof item.exit_code === "number" ? `exit ${item.exit_code}` : item.status
  const note = took === undefined ? exit : `${exit}, ${took}`
  return item.exit_code === 0
    ? { ...row, note, tone: "good" }
    : { ...row, note, tone: "bad", details: lastLines(item.aggregated_output) }
}

/** Of a command that failed, the end of its output says why. */
const lastLines = (output: string): ReadonlyArray<string> => {
  const lines = plain(output).split("\n").filter((line) => line.trim() !== "")
  const hidden = Math.max(0, lines.length - 5)
  return hidden === 0 ? lines : [`… ${hidden} more ${hidden === 1 ? "line" : "lines"}`, ...lines.slice(hidden)]
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

const relative = (path: string, directory: string): string =>
  path.startsWith(`${directory}/`) ? path.slice(directory.length + 1) : path

const json = (value: unknown): string => value === undefined ? "" : JSON.stringify(value)
