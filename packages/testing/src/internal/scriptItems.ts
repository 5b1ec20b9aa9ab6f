/**
 * The items of a scripted turn, as an app-server tells them.
 *
 * @internal
 */
import type * as Protocol from "@effect-codex/core/appserver/Protocol"
import * as Duration from "effect/Duration"
import { prefixed } from "./scriptModel.ts"
import type { Change, StepOf } from "./scriptSchema.ts"
import * as ShellJoin from "./shellJoin.ts"

type ItemOf<Type extends Protocol.ThreadItem["type"]> = Extract<Protocol.ThreadItem, { readonly type: Type }>

export const userMessage = (id: string, text: string): ItemOf<"userMessage"> => ({
  type: "userMessage",
  id,
  clientId: null,
  content: [{ type: "text", text, text_elements: [] }]
})

export const agentMessage = (id: string, text: string): ItemOf<"agentMessage"> => ({
  type: "agentMessage",
  id,
  text,
  phase: null,
  memoryCitation: null
})

export const reasoning = (id: string, summary: ReadonlyArray<string>): ItemOf<"reasoning"> => ({
  type: "reasoning",
  id,
  summary,
  content: []
})

export const webSearch = (id: string, query: string | undefined): ItemOf<"webSearch"> => ({
  type: "webSearch",
  id,
  query: query ?? "",
  action: query === undefined ? { type: "other" } : { type: "search", query, queries: [query] }
})

export const shell = (command: string): ReadonlyArray<string> => ["/bin/bash", "-lc", command]

/** What one may allow for good: the words of a plain command, or else the whole shell. */
export const policyOf = (command: string): ReadonlyArray<string> =>
  /^[-\w./:@+=,%]+( [-\w./:@+=,%]+)*$/.test(command) ? command.split(" ") : shell(command)

/** All that a patch changes, as Git would tell it but for hashes. */
export const gitDiff = ({ changes }: StepOf<"ChangeFiles">): string =>
  changes.map((change) => {
    const { path } = change
    const [before, after] = [
      change.kind === "add" ? "/dev/null" : `a/${path}`,
      change.kind === "delete" ? "/dev/null" : `b/${path}`
    ]
    const hunk = change.kind === "add"
      ? `@@ -0,0 +${range(change.content)} @@\n${prefixed("+", change.content)}`
      : diffOf(change)
    return `diff --git a/${path} b/${path}\n--- ${before}\n+++ ${after}\n${hunk}`
  }).join("")

/** A command that has been asked for, and has not begun. */
export const command = (id: string, { command }: StepOf<"Run">, cwd: string): ItemOf<"commandExecution"> => ({
  type: "commandExecution",
  id,
  command: ShellJoin.join(shell(command)),
  cwd,
  processId: null,
  source: "agent",
  status: "inProgress",
  commandActions: [{ type: "unknown", command }],
  aggregatedOutput: null,
  exitCode: null,
  durationMs: null
})

export const commandDone = (item: ItemOf<"commandExecution">, step: StepOf<"Run">): ItemOf<"commandExecution"> => ({
  ...item,
  status: step.exitCode === 0 ? "completed" : "failed",
  aggregatedOutput: step.output === "" ? null : step.output,
  exitCode: step.exitCode,
  durationMs: step.duration === undefined ? 0 : Duration.toMillis(step.duration)
})

export const fileChange = (id: string, { changes }: StepOf<"ChangeFiles">, cwd: string): ItemOf<"fileChange"> => ({
  type: "fileChange",
  id,
  changes: changes.map((change) => ({
    path: change.path.startsWith("/") ? change.path : `${cwd}/${change.path}`,
    kind: change.kind === "update" ? { type: "update", move_path: null } : { type: change.kind },
    diff: diffOf(change)
  })),
  status: "inProgress"
})

// The script does not know the file: a deleted one has no lines, and changed ones are its first.
const diffOf = (change: Change): string => {
  switch (change.kind) {
    case "add":
      return change.content
    case "update":
      return `@@ -${range(change.from)} +${range(change.to)} @@\n${prefixed("-", change.from)}${
        prefixed("+", change.to)
      }`
    case "delete":
      return ""
  }
}

const range = (text: string): string => {
  const lines = prefixed("", text).split("\n").length - 1
  return lines === 1 ? "1" : `1,${lines}`
}

export const mcpToolCall = (id: string, step: StepOf<"CallMcpTool">): ItemOf<"mcpToolCall"> => ({
  type: "mcpToolCall",
  id,
  server: step.server,
  tool: step.tool,
  status: "inProgress",
  arguments: step.arguments,
  result: null,
  error: null,
  durationMs: null
})

export const mcpToolDone = (item: ItemOf<"mcpToolCall">, { result }: StepOf<"CallMcpTool">): ItemOf<"mcpToolCall"> =>
  "error" in result
    ? { ...item, status: "failed", error: { message: result.error }, durationMs: 0 }
    : {
      ...item,
      status: "completed",
      result: { content: result.content, structuredContent: result.structuredContent ?? null },
      durationMs: 0
    }

export const dynamicToolCall = (id: string, step: StepOf<"CallTool">): ItemOf<"dynamicToolCall"> => ({
  type: "dynamicToolCall",
  id,
  namespace: step.namespace ?? null,
  tool: step.tool,
  arguments: step.arguments,
  status: "inProgress",
  contentItems: null,
  success: null,
  durationMs: null
})
