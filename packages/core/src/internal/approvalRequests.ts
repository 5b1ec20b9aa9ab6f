/**
 * What the app-server asks, as an {@link ApprovalRequest}.
 *
 * @internal
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as ApprovalAnswer from "../ApprovalAnswer.ts"
import { ApprovalRequest, type FileChange } from "../ApprovalRequest.ts"
import type { ServerRequest } from "../appserver/JsonRpcMessage.ts"
import * as Protocol from "../appserver/Protocol.ts"
import { commandsOf, lineOf, scriptOf } from "./shellWords.ts"

// =============================================================================
// Methods
// =============================================================================

export type Method = Protocol.ServerRequestMethod

export const isMethod = (method: string): method is Method => Object.hasOwn(Protocol.ServerRequests, method)

export const methods: ReadonlyArray<Method> = Object.keys(Protocol.ServerRequests).filter(isMethod)

/**
 * The request, or what is wrong with it. `changes` are those of its item, which the app-server tells apart from it.
 */
export const decode = (
  method: Method,
  { params }: ServerRequest,
  changes: ReadonlyArray<FileChange> | undefined
): Result.Result<ApprovalRequest, Problem> =>
  Result.flatMap(
    fields(method, params),
    (fields) => decodeRequest({ ...withoutNulls({ ...fields, changes: fields.changes ?? changes }), raw: params })
  )

/** Whose request it is, and of what kind: of one that this version can't read, that is the method. */
export const subjectOf = (
  asked: ServerRequest
): { readonly kind: string; readonly threadId?: string; readonly itemId?: string } => {
  const { method, params } = asked
  const decoded = isMethod(method) ? Result.getOrUndefined(decode(method, asked, undefined)) : undefined
  if (decoded !== undefined) return decoded
  const { itemId, threadId }: Fields = Predicate.isObject(params) ? { ...params } : {}
  return {
    kind: method,
    ...(typeof threadId === "string" ? { threadId } : {}),
    ...(typeof itemId === "string" ? { itemId } : {})
  }
}

/** The ids of the item whose changes the app-server has told before it asked. */
export const changedItem = (
  request: ServerRequest
): { readonly threadId: string; readonly itemId: string } | undefined =>
  request.method === "item/fileChange/requestApproval"
    ? Result.getOrUndefined(Protocol.decodeServerParams(request.method, request.params))
    : undefined

// =============================================================================
// Fields
// =============================================================================

const decodeRequest = Schema.decodeUnknownResult(ApprovalRequest)

interface Problem {
  readonly message: string
}

interface Fields {
  readonly [name: string]: unknown
}

const fields = <M extends Method>(
  method: M,
  params: unknown
): Result.Result<Fields & { readonly method: M }, Problem> =>
  Protocol.decodeServerParams(method, params).pipe(
    Result.flatMap(byMethod[method]),
    Result.map((fields) => ({ ...fields, method }))
  )

type Read<M extends Method> = (params: Protocol.ServerParamsOf<M>) => Result.Result<Fields, Problem>

const command: Read<"item/commandExecution/requestApproval"> = (params) => {
  const { networkApprovalContext: network, ...asked } = params
  const reviewed = {
    ...ids(params),
    reason: params.reason,
    availableAnswers: params.availableDecisions?.flatMap(available)
  }
  if (network) return Result.succeed({ ...reviewed, kind: "network", ...network })
  const line = asked.command ?? ""
  return Result.map(optionally(asked.additionalPermissions, permissions), (additionalPermissions) => ({
    ...reviewed,
    kind: "command",
    action: asked.kind ?? "command",
    command: line,
    commands: commandsOf(line),
    cwd: asked.cwd,
    additionalPermissions,
    proposedPrefix: asked.proposedExecpolicyAmendment
  }))
}

const elicitation: Read<"mcpServer/elicitation/request"> = (params) => {
  if (params.mode === "unrecognized") return Result.fail({ message: params.issue ?? "its mode is unknown" })
  const asked = { ...ids(params), server: params.serverName }
  if (params.mode === "openai/userVerification") {
    return Result.succeed({ ...asked, kind: "elicitation", mode: params.mode, message: params.description })
  }
  if (params.mode === "url") {
    return Result.succeed({
      ...asked,
      kind: "elicitation",
      mode: params.mode,
      message: params.message,
      url: params.url
    })
  }
  const { _meta: meta, message, mode, requestedSchema: schema } = params
  // A server may say of its form what it likes, but then it gets no more than a "yes" to an empty form.
  return Result.succeed(
    isToolApproval(meta) && isEmptyForm(schema)
      ? {
        ...asked,
        kind: "mcpTool",
        tool: meta.tool_name,
        message,
        description: meta.tool_description,
        arguments: meta.tool_params
      }
      : { ...asked, kind: "elicitation", mode, message, schema }
  )
}

const byMethod: { readonly [M in Method]: Read<M> } = {
  "item/commandExecution/requestApproval": command,
  execCommandApproval: ({ callId, command, conversationId, cwd, reason }) =>
    Result.succeed({
      threadId: conversationId,
      itemId: callId,
      kind: "command",
      action: "command",
      command: lineOf(command),
      commands: scriptOf(command),
      cwd,
      reason
    }),
  "item/fileChange/requestApproval": (params) =>
    Result.succeed({ ...ids(params), kind: "fileChange", reason: params.reason, grantRoot: params.grantRoot }),
  applyPatchApproval: ({ callId, conversationId, fileChanges, grantRoot, reason }) =>
    Result.succeed({
      threadId: conversationId,
      itemId: callId,
      kind: "fileChange",
      reason,
      grantRoot,
      changes: Object.entries(fileChanges).map(([path, change]) => legacyChange(path, change))
    }),
  "item/permissions/requestApproval": (params) =>
    Result.map(permissions(params.permissions), (permissions) => ({
      ...ids(params),
      kind: "permissions",
      reason: params.reason,
      cwd: params.cwd,
      permissions
    })),
  "mcpServer/elicitation/request": elicitation,
  "item/tool/requestUserInput": (params) =>
    Result.succeed({ ...ids(params), kind: "userInput", questions: params.questions.map(withoutNulls) }),
  "item/tool/call": ({ arguments: input, callId, namespace, threadId, tool, turnId }) =>
    Result.succeed({ threadId, turnId, itemId: callId, kind: "toolCall", tool, namespace, arguments: input }),
  "account/chatgptAuthTokens/refresh": ({ previousAccountId, reason }) =>
    Result.succeed({ kind: "tokenRefresh", reason, previousAccountId }),
  "attestation/generate": () => Result.succeed({ kind: "attestation" }),
  "currentTime/read": ({ threadId }) => Result.succeed({ kind: "currentTime", threadId })
}

// =============================================================================
// Parts
// =============================================================================

const ids = ({ itemId, threadId, turnId }: {
  readonly threadId: string
  readonly turnId?: string | null
  readonly itemId?: string
}): Fields => ({ threadId, turnId, itemId })

const withoutNulls = (fields: object): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => Predicate.isNotNullish(value)))

const optionally = <A, B>(value: A | null | undefined, f: (value: A) => Result.Result<B, Problem>) =>
  value === null || value === undefined ? Result.succeed(undefined) : f(value)

const decodePermissions = Schema.decodeUnknownResult(ApprovalAnswer.Permissions, { onExcessProperty: "error" })

// What is not understood in full might be a limit, and so is not granted in part.
const permissions = ({ fileSystem, network }: Protocol.RequestPermissionProfile) => {
  const { entries, read, write, ...rest } = fileSystem ?? {}
  const paths = (access: string, paths: ReadonlyArray<string> | null | undefined) =>
    (paths ?? []).map((path) => ({ access, path: { type: "path", path } }))
  return decodePermissions(withoutNulls({
    network: network && withoutNulls(network),
    fileSystem: fileSystem && {
      ...withoutNulls(rest),
      entries: entries?.map(({ access, path }) => ({
        access,
        path: path.type === "special" ? { ...path, value: withoutNulls(path.value) } : path
      })) ?? [...paths("read", read), ...paths("write", write)]
    }
  }))
}

const legacyChange = (path: string, change: Protocol.FileChange): FileChange => {
  switch (change.type) {
    case "update": {
      const { move_path: movePath, unified_diff: diff } = change
      return { path, change: "update", diff, ...(typeof movePath === "string" ? { movePath } : {}) }
    }
    case "unrecognized":
      return { path, change: change.type, diff: "" }
    default:
      return { path, change: change.type, diff: change.content }
  }
}

const available = (
  decision: Protocol.OpenCommandExecutionApprovalDecision
): ReadonlyArray<ApprovalAnswer.ApprovalAnswer> => {
  if (typeof decision === "string") {
    return [ApprovalAnswer.accept, ApprovalAnswer.acceptForSession, ApprovalAnswer.decline, ApprovalAnswer.cancel]
      .filter(
        ({ type }) => type === decision
      )
  }
  if ("acceptWithExecpolicyAmendment" in decision) {
    return [ApprovalAnswer.acceptPrefix(decision.acceptWithExecpolicyAmendment.execpolicy_amendment)]
  }
  if ("applyNetworkPolicyAmendment" in decision) {
    const { action, host } = decision.applyNetworkPolicyAmendment.network_policy_amendment
    return action === "allow"
      ? [ApprovalAnswer.allowHost(host)]
      : action === "deny"
      ? [ApprovalAnswer.denyHost(host)]
      : []
  }
  return []
}

const isToolApproval = Schema.is(Schema.Struct({
  codex_approval_kind: Schema.Literal("mcp_tool_call"),
  tool_name: Schema.String,
  tool_description: Schema.optionalKey(Schema.NullOr(Schema.String)),
  tool_params: Schema.optionalKey(Schema.Unknown)
}))

const isEmptyForm = (schema: unknown): boolean =>
  Predicate.hasProperty(schema, "properties") && Predicate.isObject(schema.properties) &&
  Object.keys(schema.properties).length === 0
