/**
 * A script as that of a fake model, with which the real CLI plays it.
 *
 * @internal
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as ModelReply from "../ModelReply.ts"
import type { ModelRequest } from "../ModelRequest.ts"
import * as ScriptAnswers from "./scriptAnswers.ts"
import { Rules } from "./scriptRules.ts"
import type { Change, CodexScript, FailureKind, Step } from "./scriptSchema.ts"

interface Thread {
  readonly index: number
  turns: number
  /** The turn that it is at, and the answers that are left of it. */
  turnId: string | undefined
  answers: ReadonlyArray<ScriptAnswers.Answer>
}

export const make = (script: CodexScript): (request: ModelRequest) => ModelReply.ModelReply => {
  const rules = new Rules(script)
  const threads = new Map<string, Thread>()

  const threadOf = (id: string, parent: string | undefined): Thread => {
    const known = threads.get(id)
    if (known !== undefined) return known
    const turns = parent === undefined ? 0 : threads.get(parent)?.turns ?? 0
    const thread = { index: threads.size, turns, turnId: undefined, answers: [] }
    threads.set(id, thread)
    return thread
  }

  return ({ headers, prompt, threadId, userTexts }) => {
    const { forked_from_thread_id: parent, turn_id: given } = Option.getOrElse(
      decodeMetadata(headers["x-codex-turn-metadata"]),
      (): typeof Metadata.Type => ({})
    )
    const thread = threadOf(threadId ?? "", parent)
    // An older CLI does not tell the turn; words more make one.
    const turnId = given ?? String(userTexts.length)
    if (turnId !== thread.turnId) {
      thread.turnId = turnId
      thread.answers = ScriptAnswers.fromSteps(rules.next({ prompt, thread: thread.index, turn: thread.turns++ }))
    }
    const [answer, ...left] = thread.answers
    // The CLI may ask again for an answer that failed.
    if (answer !== undefined && answer.steps.at(-1)?._tag !== "Fail") thread.answers = left
    return answer === undefined ? ModelReply.usage({}) : toReply(answer)
  }
}

const Metadata = Schema.Struct({
  turn_id: Schema.optionalKey(Schema.String),
  forked_from_thread_id: Schema.optionalKey(Schema.String)
})

const decodeMetadata = Schema.decodeUnknownOption(Schema.fromJsonString(Metadata))

const toReply = ({ steps, usage }: ScriptAnswers.Answer): ModelReply.ModelReply =>
  ModelReply.concat(ModelReply.usage(usage), ...steps.map(toPart))

const toPart = (step: Step): ModelReply.ModelReply => {
  switch (step._tag) {
    case "Message":
      return ModelReply.message(...step.deltas)
    case "Reasoning":
      return ModelReply.reasoning(step.summary)
    case "Run":
      return ModelReply.functionCall("exec_command", {
        cmd: step.command,
        ...(step.ask === undefined ? {} : { sandbox_permissions: "require_escalated", justification: step.ask })
      })
    case "ChangeFiles":
      return ModelReply.applyPatch(`*** Begin Patch\n${step.changes.map(toPatch).join("")}*** End Patch\n`)
    case "CallMcpTool":
      return ModelReply.mcpToolCall(step.server, step.tool, step.arguments)
    case "CallTool":
      return ModelReply.functionCall(step.tool, step.arguments, { namespace: step.namespace })
    case "Search":
      return ModelReply.webSearch(step.query)
    case "Plan":
      return ModelReply.updatePlan(step.plan, { explanation: step.explanation })
    case "Usage":
      return ModelReply.usage(step)
    case "Wait":
      return ModelReply.delay(step.duration)
    case "Hang":
      return ModelReply.hang
    case "Fail":
      return failures[step.kind](step.message)
    case "Crash":
    case "Garbage":
    case "Future": {
      const message = `CodexScript: the real CLI can't be made to do what ${step._tag} says`
      return ModelReply.httpError(400, { message, body: message })
    }
  }
}

const toPatch = (change: Change): string => {
  switch (change.kind) {
    case "add":
      return `*** Add File: ${change.path}\n${prefixed("+", change.content)}`
    case "update":
      return `*** Update File: ${change.path}\n@@\n${prefixed("-", change.from)}${prefixed("+", change.to)}`
    case "delete":
      return `*** Delete File: ${change.path}\n`
  }
}

/** Every line with a mark before it. */
export const prefixed = (mark: string, text: string): string =>
  text === "" ? "" : text.replace(/\n$/, "").split("\n").map((line) => `${mark}${line}\n`).join("")

const failures: { readonly [Kind in FailureKind]: (message: string) => ModelReply.ModelReply } = {
  rate_limited: (message) => ModelReply.failed({ code: "rate_limit_exceeded", message }),
  context_window: (message) => ModelReply.failed({ code: "context_length_exceeded", message }),
  usage_limit: (message) => ModelReply.failed({ code: "insufficient_quota", message }),
  overloaded: (message) => ModelReply.failed({ code: "server_is_overloaded", message }),
  server_error: (message) => ModelReply.failed({ code: "server_error", message }),
  invalid_prompt: (message) => ModelReply.failed({ code: "invalid_prompt", message }),
  incomplete: (reason) => ModelReply.incomplete(reason),
  disconnected: () => ModelReply.cutStream(),
  stream_closed: () => ModelReply.cutStream({ clean: true }),
  invalid_request: (message) => ModelReply.httpError(400, { message, type: "invalid_request_error" }),
  unauthorized: (message) => ModelReply.httpError(401, { message }),
  too_many_requests: (message) => ModelReply.httpError(429, { message, code: "rate_limit_exceeded" }),
  internal_error: (message) => ModelReply.httpError(500, { message })
}
