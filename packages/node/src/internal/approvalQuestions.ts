/**
 * What a person is asked, and what they may choose from.
 *
 * @internal
 */
import * as ApprovalAnswer from "@effect-codex/core/ApprovalAnswer"
import type { ApprovalRequest, RequestOf } from "@effect-codex/core/ApprovalRequest"
import { quoted, visibleLine } from "./visibleText.ts"

/** A request that "yes" or "no" answers. */
export type Choosable = RequestOf<"command" | "network" | "fileChange" | "permissions" | "mcpTool" | "elicitation">

export interface Question {
  /** What there is to know. */
  readonly text: string
  readonly message: string
}

const lines = (...parts: ReadonlyArray<string | false | undefined>): string =>
  parts.filter((part) => typeof part === "string").join("\n")

const because = (reason: string | undefined) => reason !== undefined && `Reason:\n${quoted(reason)}`

const json = (value: unknown): string => quoted(JSON.stringify(value, undefined, 2))

export const questionOf = (request: Choosable): Question => {
  switch (request.kind) {
    case "command":
      return {
        message: request.action === "command" ? "Run it?" : "Allow it?",
        text: lines(
          request.action === "command"
            ? "Codex wants to run a command:"
            : `Codex wants approval for a command (${visibleLine(request.action)}):`,
          quoted(request.command),
          request.cwd !== undefined && `In ${visibleLine(request.cwd)}`,
          request.additionalPermissions && `With more permissions:\n${json(request.additionalPermissions)}`,
          because(request.reason)
        )
      }
    case "network":
      return {
        message: "Allow it?",
        text: lines(
          `Codex wants to use the network (${visibleLine(request.protocol)}):`,
          quoted(request.host),
          because(request.reason)
        )
      }
    case "fileChange":
      return {
        message: "Change them?",
        text: lines(
          "Codex wants to change files:",
          ...request.changes?.flatMap(({ change, diff, movePath, path }) => [
            `${visibleLine(change)} ${visibleLine(path)}${
              movePath === undefined ? "" : ` -> ${visibleLine(movePath)}`
            }`,
            quoted(diff)
          ]) ?? ["It is not known which."],
          request.grantRoot !== undefined && `And all below ${visibleLine(request.grantRoot)}, from now on.`,
          because(request.reason)
        )
      }
    case "permissions":
      return {
        message: "Grant them?",
        text: lines("Codex wants more permissions:", json(request.permissions), because(request.reason))
      }
    case "mcpTool":
      return {
        message: "Call it?",
        text: lines(
          `Codex wants to call the tool ${visibleLine(request.tool)} of the MCP server ${visibleLine(request.server)}:`,
          quoted(request.message),
          request.description !== undefined && quoted(request.description),
          request.arguments !== undefined && `With:\n${json(request.arguments)}`
        )
      }
    case "elicitation":
      return {
        message: "Your answer?",
        text: lines(
          `The MCP server ${visibleLine(request.server)} asks you:`,
          quoted(request.message),
          request.url !== undefined && `On this page:\n${quoted(request.url)}`
        )
      }
  }
}

export interface Choice {
  readonly title: string
  readonly value: ApprovalAnswer.ApprovalAnswer
  /** Where the cursor is at first. */
  readonly selected?: boolean
}

/** The cursor is at "No": a key that was meant for something else shall do no harm. */
export const choicesOf = (
  request: Choosable
): ReadonlyArray<Choice> => [
  ...yesses(request),
  { title: "No", value: ApprovalAnswer.decline, selected: true },
  ...stops(request)
]

const yesses = (request: Choosable): ReadonlyArray<Choice> => {
  switch (request.kind) {
    case "command":
    case "network":
      return [yes, forSession, ...(request.availableAnswers ?? []).flatMap(always)]
    case "fileChange":
      return [yes, forSession]
    case "permissions":
      return [{ ...yes, title: "Yes, for this turn" }, forSession]
    case "mcpTool":
      return [yes, forSession, { title: "Yes, always", value: ApprovalAnswer.acceptAlways }]
    case "elicitation":
      return request.mode === "url" ? [{ ...yes, title: "Yes, I have seen to it" }] : []
  }
}

const stops = ({ kind }: ApprovalRequest): ReadonlyArray<Choice> =>
  ApprovalAnswer.fits(kind, ApprovalAnswer.cancel)
    ? [{
      title: kind === "mcpTool" || kind === "elicitation" ? "Cancel" : "No, and stop the turn",
      value: ApprovalAnswer.cancel
    }]
    : []

const yes: Choice = { title: "Yes", value: ApprovalAnswer.accept }

const forSession: Choice = { title: "Yes, for this session", value: ApprovalAnswer.acceptForSession }

const always = (answer: ApprovalAnswer.ApprovalAnswer): ReadonlyArray<Choice> => {
  switch (answer.type) {
    case "acceptPrefix":
      return [{
        title: `Yes, and always what begins with: ${visibleLine(JSON.stringify(answer.prefix))}`,
        value: answer
      }]
    case "networkRule":
      return [{
        title: answer.action === "allow"
          ? `Yes, and always: ${visibleLine(answer.host)}`
          : `No, and never: ${visibleLine(answer.host)}`,
        value: answer
      }]
    default:
      return []
  }
}
