/**
 * How Codex tells each failure of a script: the words of CLI 0.169.
 *
 * @internal
 */
import type * as Protocol from "@effect-codex/core/appserver/Protocol"
import type { FailureKind } from "./scriptSchema.ts"

export const toError = (kind: FailureKind, said: string): Protocol.TurnError => {
  const [message, codexErrorInfo] = failures[kind](said)
  return { message, codexErrorInfo, additionalDetails: null, misalignment: null }
}

const failures: {
  readonly [Kind in FailureKind]: (said: string) => readonly [string, Protocol.CodexErrorInfo]
} = {
  rate_limited: (said) => [`rate limit exceeded: ${said}`, "rateLimitExceeded"],
  context_window: () => [
    "Codex ran out of room in the model's context window. Start a new thread or clear earlier history before retrying.",
    "contextWindowExceeded"
  ],
  usage_limit: () => ["Quota exceeded. Check your plan and billing details.", "usageLimitExceeded"],
  overloaded: () => ["Selected model is at capacity. Please try a different model.", "serverOverloaded"],
  server_error: (said) => [`stream disconnected before completion: ${said}`, "other"],
  invalid_prompt: (said) => [said, "other"],
  incomplete: (reason) => [`Incomplete response returned, reason: ${reason}`, "other"],
  disconnected: () => [
    "stream disconnected before completion: Transport error: network error: error decoding response body",
    "other"
  ],
  stream_closed: () => ["stream disconnected before completion: stream closed before response.completed", "other"],
  invalid_request: (message) => [
    JSON.stringify({ error: { message, type: "invalid_request_error", code: null, param: null } }),
    "other"
  ],
  unauthorized: (said) => [
    `unexpected status 401 Unauthorized: ${said}, url: https://api.openai.com/v1/responses`,
    { httpConnectionFailed: { httpStatusCode: 401 } }
  ],
  too_many_requests: () => [
    "exceeded retry limit, last status: 429 Too Many Requests",
    { responseTooManyFailedAttempts: { httpStatusCode: 429 } }
  ],
  internal_error: () => [
    "We’re currently experiencing high demand, which may cause temporary errors.",
    "internalServerError"
  ]
}
