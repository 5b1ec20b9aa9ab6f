/**
 * A turn of a script as the CLI has it: answers of its model, one after the other.
 *
 * @internal
 */
import * as ModelReply from "../ModelReply.ts"
import type { FailureKind, Step } from "./scriptSchema.ts"

/** What the model answers to one request. */
export interface Answer {
  readonly steps: ReadonlyArray<Step>
  readonly usage: ModelReply.Usage
}

/** The turn's answers. There is one at least, and none after one that ends the turn. */
export const fromSteps = (steps: ReadonlyArray<Step>): ReadonlyArray<Answer> => {
  const answers: Array<Answer> = []
  let current: Array<Step> = []
  let usage = ModelReply.defaultUsage
  const close = () => {
    answers.push({ steps: current, usage })
    current = []
    usage = ModelReply.defaultUsage
  }
  for (const step of steps) {
    if (step._tag === "Usage") {
      const { _tag: _, ...tokens } = step
      usage = tokens
      continue
    }
    // An HTTP error comes in place of the answer.
    if (step._tag === "Fail" && isHttp(step.kind)) current = current.filter(({ _tag }) => !isOutput(_tag))
    current.push(step)
    if (step._tag === "Fail" || step._tag === "Hang" || step._tag === "Crash") {
      close()
      return answers
    }
    if (isCall(step._tag)) close()
  }
  close()
  return answers
}

/** Whether the CLI asks the model again after it. */
export const isCall = (tag: Step["_tag"]): boolean =>
  tag === "Run" || tag === "ChangeFiles" || tag === "CallMcpTool" || tag === "CallTool" || tag === "Plan"

const isOutput = (tag: Step["_tag"]): boolean => tag === "Message" || tag === "Reasoning" || tag === "Search"

const isHttp = (kind: FailureKind): boolean =>
  kind === "invalid_request" || kind === "unauthorized" || kind === "too_many_requests" || kind === "internal_error"
