/**
 * An answer in the form that the app-server wants.
 *
 * @internal
 */
import * as DateTime from "effect/DateTime"
import * as Record from "effect/Record"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import {
  type Answer,
  type AnswerMisfit,
  type AnswerTo,
  type ApprovalAnswer,
  type ApprovalKind,
  checkFits,
  fits
} from "../ApprovalAnswer.ts"
import type { ApprovalRequest, RequestOf } from "../ApprovalRequest.ts"
import * as Protocol from "../appserver/Protocol.ts"
import { RpcError } from "../appserver/RpcError.ts"

type Method = Protocol.ServerRequestMethod

// =============================================================================
// No
// =============================================================================

/** What means "no", by method. Where there is nothing, an error does. */
const refusals: { readonly [M in Method]?: Protocol.ServerResultOf<M> } = {
  "item/commandExecution/requestApproval": { decision: "decline" },
  execCommandApproval: { decision: { denied: { rejection: "declined" } } },
  "item/fileChange/requestApproval": { decision: "decline" },
  applyPatchApproval: { decision: { denied: { rejection: "declined" } } },
  "item/permissions/requestApproval": { permissions: {}, scope: "turn" },
  "mcpServer/elicitation/request": { action: "decline" },
  "item/tool/requestUserInput": { answers: {} },
  "item/tool/call": { success: false, contentItems: [{ type: "inputText", text: "This call was declined." }] }
}

/** The "no" of a method, or `undefined` if only an error says it. */
export const refusal = (method: Method): unknown => refusals[method]

/** The "no" of a method, which fails if only an error says it. */
export const refuse = (method: Method): Result.Result<unknown, RpcError> => {
  const result = refusal(method)
  return result === undefined
    ? Result.fail(new RpcError({ method, code: -32000, description: "declined" }))
    : Result.succeed(result)
}

// =============================================================================
// Other answers
// =============================================================================

/** The result, or the error that is the answer. Fails if the answer does not fit the request, or can't be sent. */
export const encode = (
  request: ApprovalRequest,
  answer: ApprovalAnswer
): Result.Result<Result.Result<unknown, RpcError>, AnswerMisfit | Protocol.ProtocolError> =>
  answer.type === "decline"
    ? Result.succeed(refuse(request.method))
    : Result.map(encodeBy(request.kind, request, answer), Result.succeed)

const encodeBy = <Kind extends ApprovalKind>(
  kind: Kind,
  request: RequestOf<Kind>,
  answer: Exclude<ApprovalAnswer, Answer<"decline">>
): Result.Result<unknown, AnswerMisfit | Protocol.ProtocolError> =>
  isSaid(kind, answer) ? encoders[kind](answer, request) : checkFits(kind, answer)

type Encoded = Result.Result<unknown, Protocol.ProtocolError>

/** An answer other than "no". */
type Said<Kind extends ApprovalKind> = Exclude<AnswerTo<Kind>, Answer<"decline">>

const isSaid = <Kind extends ApprovalKind>(kind: Kind, answer: ApprovalAnswer): answer is Said<Kind> =>
  answer.type !== "decline" && fits(kind, answer)

type Encode<Kind extends ApprovalKind> = (answer: Said<Kind>, request: RequestOf<Kind>) => Encoded

const result = Protocol.encodeServerResult

const encoders: { readonly [Kind in ApprovalKind]: Encode<Kind> } = {
  command: (answer, { method }) =>
    method === "execCommandApproval"
      ? result(method, { decision: legacyDecision(answer) })
      : result(method, { decision: decision(answer) }),
  network: (answer, { method }) => result(method, { decision: decision(answer) }),
  fileChange: (answer, { method }) =>
    method === "applyPatchApproval"
      ? result(method, { decision: legacyDecision(answer) })
      : result(method, { decision: answer.type }),
  permissions: (answer, { method, permissions }) =>
    result(
      method,
      answer.type === "grant"
        ? { permissions: answer.permissions, scope: answer.scope }
        : { permissions, scope: answer.type === "accept" ? "turn" : "session" }
    ),
  mcpTool: ({ type }, { method }) =>
    result(
      method,
      type === "cancel"
        ? { action: type }
        : { action: "accept", content: {}, ...type === "accept" ? {} : { _meta: { persist: persistence[type] } } }
    ),
  elicitation: (answer, { method }) =>
    result(method, answer.type === "content" ? { action: "accept", content: answer.content } : { action: answer.type }),
  userInput: ({ answers }, { method }) =>
    result(method, { answers: Record.map(answers, (given) => ({ answers: given.map(Redacted.value) })) }),
  toolCall: ({ content, success }, { method }) => result(method, { success, contentItems: content }),
  tokenRefresh: ({ accessToken, accountId, planType }, { method }) =>
    result(method, { accessToken, chatgptAccountId: accountId, chatgptPlanType: planType }),
  attestation: ({ token }, { method }) => result(method, { token }),
  currentTime: ({ at }, { method }) => result(method, { currentTimeAt: Math.floor(DateTime.toEpochMillis(at) / 1000) })
}

const persistence = { acceptForSession: "session", acceptAlways: "always" } as const

const decision = (answer: Said<"command" | "network">): Protocol.CommandExecutionApprovalDecision => {
  switch (answer.type) {
    case "acceptPrefix":
      return { acceptWithExecpolicyAmendment: { execpolicy_amendment: answer.prefix } }
    case "networkRule":
      return { applyNetworkPolicyAmendment: { network_policy_amendment: { action: answer.action, host: answer.host } } }
    default:
      return answer.type
  }
}

/** As clients of old are asked. */
const legacyDecision = (answer: Said<"command" | "fileChange">): Protocol.ReviewDecision => {
  switch (answer.type) {
    case "acceptPrefix":
      return { approved_execpolicy_amendment: { proposed_execpolicy_amendment: answer.prefix } }
    case "accept":
      return "approved"
    case "acceptForSession":
      return "approved_for_session"
    case "cancel":
      return "abort"
  }
}
