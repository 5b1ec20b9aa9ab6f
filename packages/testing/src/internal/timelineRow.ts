/**
 * What happened, in words.
 *
 * The texts are as they came: who prints them makes them harmless and as long as there is room.
 *
 * @internal
 */
import type { TokenUsage } from "@effect-codex/core/CodexEvent"
import { count } from "./timelineWords.ts"

export type Kind = "run" | "words" | "work" | "plan" | "approval" | "tokens" | "trouble" | "other"

export interface Row {
  readonly kind: Kind
  /** Who or what: `runs`, `edits`, `says`, … */
  readonly label: string
  readonly text: string
  /** How it stands. */
  readonly note?: string | undefined
  /** For how many milliseconds, if it tells that itself. */
  readonly took?: number | undefined
  /** The thread's total, where this tells it. */
  readonly usage?: TokenUsage | undefined
  readonly tone?: "good" | "bad" | "quiet" | undefined
  /** All of what the text is the beginning of, or what came of it. */
  readonly detail?: string | undefined
}

export const ofUsage = (usage: TokenUsage): string => {
  const part = (tokens: number | undefined, what: string) => tokens ? ` (${count(tokens)} ${what})` : ""
  return [
    `${count(usage.input_tokens)} tokens in${part(usage.cached_input_tokens, "cached")}`,
    `${count(usage.output_tokens)} out${part(usage.reasoning_output_tokens, "for reasoning")}`
  ].join(", ")
}

export const work = (label: string, text: string, status: string): Row => ({
  kind: "work",
  label,
  text,
  ...(status === "completed" ? {} : { note: status, tone: status === "in_progress" ? "quiet" : "bad" })
})

export const trouble = (label: string, text: string): Row => ({
  kind: "trouble",
  label,
  text,
  tone: "bad",
  detail: text
})
