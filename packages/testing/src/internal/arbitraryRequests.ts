/**
 * What an app-server asks: params as they come, and the request that they mean.
 *
 * @internal
 */
import type { ApprovalKind } from "@effect-codex/core/ApprovalAnswer"
import type { ApprovalRequest, RequestOf } from "@effect-codex/core/ApprovalRequest"
import * as Arbitrary from "effect/Arbitrary"
import { flag, json, list, name, oneOf, optional, path, pick, type Size, text, threadId } from "./arbitraryParts.ts"

// =============================================================================
// Constructors
// =============================================================================

/** A request of any kind, or of one. */
export const any = (size: Size): Arbitrary.Arbitrary<ApprovalRequest> => {
  const { command, ...others } = byKind(size)
  return oneOf<ApprovalRequest>(command, ...Object.values<Arbitrary.Arbitrary<ApprovalRequest>>(others))
}

export const byKind = (
  size: Size
): { readonly [Kind in ApprovalKind]: Arbitrary.Arbitrary<RequestOf<Kind>> } => ({
  command: command(size),
  network: network(size),
  fileChange: oneOf(fileChange(size), legacyFileChange(size)),
  permissions: permissions(size),
  mcpTool: mcpTool(size),
  elicitation: elicitation(size),
  userInput: userInput(size),
  toolCall: toolCall(size),
  tokenRefresh: Arbitrary.map(optional(name), (previousAccountId) => {
    const params = { reason: "unauthorized", ...(previousAccountId === undefined ? {} : { previousAccountId }) }
    return { kind: "tokenRefresh", method: "account/chatgptAuthTokens/refresh", ...params, raw: params }
  }),
  attestation: Arbitrary.Constant({ kind: "attestation", method: "attestation/generate", raw: {} }),
  currentTime: Arbitrary.map(threadId, (threadId) => ({
    kind: "currentTime",
    method: "currentTime/read",
    threadId,
    raw: { threadId }
  }))
})

// =============================================================================
// Parts
// =============================================================================

const ids = Arbitrary.all({ threadId, turnId: name, itemId: name })

const reasoned = (size: Size) =>
  Arbitrary.map(
    Arbitrary.all({ ids, reason: optional(text(size)) }),
    ({ ids, reason }) => ({ ...ids, ...(reason === undefined ? {} : { reason }) })
  )

// =============================================================================
// Kinds
// =============================================================================

// A command whose words are told for certain: letters only.
const command = (size: Size): Arbitrary.Arbitrary<RequestOf<"command">> =>
  Arbitrary.map(
    Arbitrary.all({ asked: reasoned(size), words: list(pick("ls", "git", "status", "rm"), 3, 1), cwd: optional(path) }),
    ({ asked, cwd, words }) => {
      const common = { ...asked, command: words.join(" "), ...(cwd === undefined ? {} : { cwd }) }
      return {
        kind: "command",
        method: "item/commandExecution/requestApproval",
        ...common,
        action: "command",
        commands: [words],
        raw: common
      }
    }
  )

const network = (size: Size): Arbitrary.Arbitrary<RequestOf<"network">> =>
  Arbitrary.map(
    Arbitrary.all({
      asked: reasoned(size),
      target: Arbitrary.all({ host: pick("example.com", "127.0.0.1"), protocol: pick("https", "http", "socks5Tcp") })
    }),
    ({ asked, target }) => ({
      kind: "network",
      method: "item/commandExecution/requestApproval",
      ...asked,
      ...target,
      raw: { ...asked, networkApprovalContext: target }
    })
  )

const fileChange = (size: Size): Arbitrary.Arbitrary<RequestOf<"fileChange">> =>
  Arbitrary.map(Arbitrary.all({ asked: reasoned(size), root: optional(path) }), ({ asked, root }) => {
    const params = { ...asked, ...(root === undefined ? {} : { grantRoot: root }) }
    return { kind: "fileChange", method: "item/fileChange/requestApproval", ...params, raw: params }
  })

const legacyFileChange = (size: Size): Arbitrary.Arbitrary<RequestOf<"fileChange">> =>
  Arbitrary.map(
    Arbitrary.all({ threadId, itemId: name, path, content: text(size), type: pick("add", "delete") }),
    ({ content, itemId, path, threadId, type }) => ({
      kind: "fileChange",
      method: "applyPatchApproval",
      threadId,
      itemId,
      changes: [{ path, change: type, diff: content }],
      raw: { conversationId: threadId, callId: itemId, fileChanges: { [path]: { type, content } } }
    })
  )

const permissions = (size: Size): Arbitrary.Arbitrary<RequestOf<"permissions">> =>
  Arbitrary.map(
    Arbitrary.all({
      asked: reasoned(size),
      cwd: path,
      network: optional(flag),
      entries: optional(list(Arbitrary.all({ access: pick("read", "write"), path }), 2))
    }),
    ({ asked, cwd, entries, network }) => {
      const permissions = {
        ...(network === undefined ? {} : { network: { enabled: network } }),
        ...(entries === undefined ? {} : {
          fileSystem: {
            entries: entries.map(({ access, path }) => ({ access, path: { type: "path", path } as const }))
          }
        })
      }
      const params = { ...asked, cwd, permissions }
      return { kind: "permissions", method: "item/permissions/requestApproval", ...params, raw: params }
    }
  )

const emptyForm = { type: "object", properties: {} }

const mcpTool = (size: Size): Arbitrary.Arbitrary<RequestOf<"mcpTool">> =>
  Arbitrary.map(
    Arbitrary.all({ threadId, turnId: name, server: name, tool: name, message: text(size), arguments: json(size) }),
    ({ arguments: input, message, server, threadId, tool, turnId }) => ({
      kind: "mcpTool",
      method: "mcpServer/elicitation/request",
      threadId,
      turnId,
      server,
      tool,
      message,
      ...(input === null ? {} : { arguments: input }),
      raw: {
        threadId,
        turnId,
        serverName: server,
        mode: "form",
        message,
        requestedSchema: emptyForm,
        _meta: { codex_approval_kind: "mcp_tool_call", tool_name: tool, tool_params: input }
      }
    })
  )

const elicitation = (size: Size): Arbitrary.Arbitrary<RequestOf<"elicitation">> =>
  Arbitrary.map(
    Arbitrary.all({ threadId, server: name, message: text(size), isPage: flag }),
    ({ isPage, message, server, threadId }) => {
      const schema = { type: "object", properties: { answer: { type: "string" } } }
      const about = isPage ? { url: "https://example.com/", elicitationId: "e" } : { requestedSchema: schema }
      const mode = isPage ? "url" : "form"
      return {
        kind: "elicitation",
        method: "mcpServer/elicitation/request",
        threadId,
        server,
        mode,
        message,
        ...(isPage ? { url: "https://example.com/" } : { schema }),
        raw: { threadId, serverName: server, mode, message, ...about }
      }
    }
  )

const userInput = (size: Size): Arbitrary.Arbitrary<RequestOf<"userInput">> =>
  Arbitrary.map(
    Arbitrary.all({
      ids,
      questions: list(
        Arbitrary.all({
          header: text(size),
          question: text(size),
          labels: optional(list(name, 2)),
          isSecret: flag
        }),
        2,
        1
      )
    }),
    ({ ids, questions: asked }) => {
      const questions = asked.map(({ labels, ...question }, index) => ({
        id: `q${index}`,
        ...question,
        ...(labels === undefined ? {} : { options: labels.map((label) => ({ label, description: "" })) })
      }))
      return {
        kind: "userInput",
        method: "item/tool/requestUserInput",
        ...ids,
        questions,
        raw: { ...ids, questions }
      }
    }
  )

const toolCall = (size: Size): Arbitrary.Arbitrary<RequestOf<"toolCall">> =>
  Arbitrary.map(
    Arbitrary.all({
      ids,
      tool: name,
      namespace: optional(name),
      arguments: Arbitrary.map(json(size), (input) => ({ input }))
    }),
    ({ arguments: input, ids: { itemId, threadId, turnId }, namespace, tool }) => {
      const call = { tool, arguments: input, ...(namespace === undefined ? {} : { namespace }) }
      return {
        kind: "toolCall",
        method: "item/tool/call",
        threadId,
        turnId,
        itemId,
        ...call,
        raw: { threadId, turnId, callId: itemId, ...call }
      }
    }
  )
