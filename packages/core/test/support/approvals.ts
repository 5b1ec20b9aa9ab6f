/** Requests for approval, as they come from `appserver/ApprovalServing`. */
import type { ApprovalRequest, RequestOf } from "@effect-codex/core/ApprovalRequest"
import { commandsOf } from "../../src/internal/shellWords.ts"

const ids = { threadId: "thread", turnId: "turn", itemId: "item", raw: {} }

export const command = (line: string, rest: Partial<RequestOf<"command">> = {}): RequestOf<"command"> => {
  const commands = commandsOf(line)
  return {
    kind: "command",
    method: "item/commandExecution/requestApproval",
    action: "command",
    command: line,
    ...(commands === undefined ? {} : { commands }),
    ...ids,
    ...rest
  }
}

export const network = (host: string): RequestOf<"network"> => ({
  kind: "network",
  method: "item/commandExecution/requestApproval",
  host,
  protocol: "https",
  ...ids
})

export const fileChange = (
  paths: ReadonlyArray<string | readonly [from: string, to: string]> | undefined,
  rest: Partial<RequestOf<"fileChange">> = {}
): RequestOf<"fileChange"> => ({
  kind: "fileChange",
  method: "item/fileChange/requestApproval",
  ...(paths === undefined ? {} : {
    changes: paths.map((path) =>
      typeof path === "string"
        ? { path, change: "add", diff: "hi\n" }
        : { path: path[0], change: "update", diff: "", movePath: path[1] }
    )
  }),
  ...ids,
  ...rest
})

export const permissions = (permissions: RequestOf<"permissions">["permissions"]): RequestOf<"permissions"> => ({
  kind: "permissions",
  method: "item/permissions/requestApproval",
  permissions,
  cwd: "/srv",
  ...ids
})

export const mcpTool: RequestOf<"mcpTool"> = {
  kind: "mcpTool",
  method: "mcpServer/elicitation/request",
  server: "files",
  tool: "remove",
  message: "Allow it?",
  description: "Removes a file",
  arguments: { path: "a.txt" },
  ...ids
}

export const elicitation = (rest: Partial<RequestOf<"elicitation">> = {}): RequestOf<"elicitation"> => ({
  kind: "elicitation",
  method: "mcpServer/elicitation/request",
  server: "files",
  mode: "form",
  message: "Who are you?",
  ...ids,
  ...rest
})

export const userInput = (questions: RequestOf<"userInput">["questions"]): RequestOf<"userInput"> => ({
  kind: "userInput",
  method: "item/tool/requestUserInput",
  questions,
  ...ids
})

export const toolCall: RequestOf<"toolCall"> = {
  kind: "toolCall",
  method: "item/tool/call",
  tool: "weather",
  arguments: { city: "Ulm" },
  ...ids
}

export const tokenRefresh: RequestOf<"tokenRefresh"> = {
  kind: "tokenRefresh",
  method: "account/chatgptAuthTokens/refresh",
  reason: "unauthorized",
  raw: {}
}

export const attestation: RequestOf<"attestation"> = { kind: "attestation", method: "attestation/generate", raw: {} }

export const currentTime: RequestOf<"currentTime"> = { kind: "currentTime", method: "currentTime/read", raw: {} }

/** One of each kind. */
export const all: ReadonlyArray<ApprovalRequest> = [
  command("git status"),
  network("example.org"),
  fileChange(["/srv/a"]),
  permissions({ network: { enabled: true } }),
  mcpTool,
  elicitation(),
  userInput([]),
  toolCall,
  tokenRefresh,
  attestation,
  currentTime
]
