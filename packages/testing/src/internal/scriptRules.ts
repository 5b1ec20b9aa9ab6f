/**
 * Which rule of a script is played.
 *
 * @internal
 */
import type { CodexScript, Condition, Step } from "./scriptSchema.ts"

/** What is known of a turn that begins. */
export interface Beginning {
  readonly prompt: string
  /** The number of its thread. */
  readonly thread: number
  /** Its number in its thread. */
  readonly turn: number
}

/** Gives the steps of each turn that begins. It counts prompts. */
export class Rules {
  readonly #script: CodexScript
  readonly #attempts = new Map<string, number>()

  constructor(script: CodexScript) {
    this.#script = script
  }

  next(beginning: Beginning): ReadonlyArray<Step> {
    const { fallback, rules } = this.#script
    const attempt = (this.#attempts.get(beginning.prompt) ?? 0) + 1
    this.#attempts.set(beginning.prompt, attempt)
    return rules.find(({ when }) => when === undefined || fits(when, beginning, attempt))?.turn ?? fallback
  }
}

const fits = (when: Condition, { prompt, thread, turn }: Beginning, attempt: number): boolean =>
  fitsPrompt(when.prompt, prompt) &&
  fitsThread(when.thread, thread, turn) &&
  (when.turn === undefined || when.turn === turn) &&
  (when.attempt === undefined || when.attempt === attempt)

const fitsPrompt = (condition: Condition["prompt"], prompt: string): boolean => {
  if (condition === undefined) return true
  return "includes" in condition
    ? prompt.includes(condition.includes)
    : new RegExp(condition.source, condition.flags).test(prompt)
}

const fitsThread = (condition: Condition["thread"], thread: number, turn: number): boolean => {
  if (condition === undefined) return true
  return typeof condition === "number" ? condition === thread : condition === (turn === 0 ? "new" : "resumed")
}
