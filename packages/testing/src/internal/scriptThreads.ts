/**
 * The threads of a scripted Codex, whoever runs their turns.
 *
 * @internal
 */
import type * as Protocol from "@effect-codex/core/appserver/Protocol"
import type { Usage } from "../ModelReply.ts"
import { Rules } from "./scriptRules.ts"
import type { CodexScript } from "./scriptSchema.ts"

// =============================================================================
// Models
// =============================================================================

export interface Settings {
  readonly cwd: string
  readonly model: string
  readonly approvalPolicy: string
  readonly approvalsReviewer: string
  readonly sandbox: string
  readonly networkAccess: boolean
  readonly ephemeral: boolean
  /** The client's tools, after their namespace and a dot where they have one. */
  readonly tools: ReadonlySet<string>
}

type CommandItem = Extract<Protocol.ThreadItem, { readonly type: "commandExecution" }>

/** A turn, as Codex writes it down. */
export interface TurnRecord {
  readonly id: string
  readonly items: Array<Protocol.ThreadItem>
  readonly startedAt: number
  status: "completed" | "failed" | "inProgress" | "interrupted"
  error: Protocol.TurnError | null
  completedAt: number | null
}

export interface Thread {
  readonly id: string
  readonly forkedFrom: string | undefined
  readonly createdAt: number
  readonly turns: Array<TurnRecord>
  settings: Settings
  /** The process or connection that has it open: there is one at a time. */
  owner: object | undefined
  /** What the user has allowed for good. */
  readonly allowed: Set<string>
  /** The commands that run. */
  readonly running: Map<string, { readonly turnId: string; readonly item: CommandItem }>
  /** Its number, once it has had a turn. */
  index: number | undefined
  /** What its first turn was told. */
  preview: string
  name: string | null
  archived: boolean
  total: Protocol.TokenUsageBreakdown
  /** How many tokens the conversation has, as far as the last answer tells. */
  size: number
}

// =============================================================================
// The threads
// =============================================================================

export class Threads {
  readonly rules: Rules
  /** In the order in which they began. */
  readonly all = new Map<string, Thread>()
  /** How many requests the model has had. */
  requests = 0
  #begun = 0
  #ids = 0

  constructor(script: CodexScript) {
    this.rules = new Rules(script)
  }

  /** An id that there has not been yet. */
  nextId(): string {
    this.#ids++
    return `00000000-0000-7000-8000-${String(this.#ids).padStart(12, "0")}`
  }

  make(settings: Settings, owner: object, createdAt: number, parent?: Thread): Thread {
    const thread: Thread = {
      id: this.nextId(),
      forkedFrom: parent?.id,
      createdAt,
      turns: [...parent?.turns ?? []],
      settings,
      owner,
      allowed: new Set(),
      running: new Map(),
      index: undefined,
      preview: parent?.preview ?? "",
      name: parent?.name ?? null,
      archived: false,
      total: parent?.total ?? noTokens,
      size: parent?.size ?? 0
    }
    this.all.set(thread.id, thread)
    return thread
  }

  /** A turn begins, and this is what happens in it. */
  begin(thread: Thread, turn: TurnRecord, prompt: string) {
    thread.index ??= this.#begun++
    if (thread.turns.length === 0) thread.preview = prompt
    thread.turns.push(turn)
    return this.rules.next({ prompt, thread: thread.index, turn: thread.turns.length - 1 })
  }

  /** The thread to go on with, or why that can't be. The words are those of CLI 0.169. */
  find(id: string, owner: object | undefined): Thread | string {
    const odd = /[^-0-9a-f]/i.exec(id)
    if (odd !== null) {
      const where = `found \`${odd[0]}\` at ${odd.index + 1}`
      return "invalid session id: invalid character: expected an optional prefix of `urn:uuid:` followed by " +
        `[0-9a-fA-F-], ${where}`
    }
    const thread = this.all.get(id)
    if (thread === undefined || (thread.settings.ephemeral && thread.owner === undefined)) {
      return `no rollout found for thread id ${id}`
    }
    if (thread.archived) return `session ${id} is archived. Run \`codex unarchive ${id}\` to unarchive it first.`
    if (owner !== undefined && thread.owner !== undefined && thread.owner !== owner) {
      return `thread ${id} already has an active writer`
    }
    return thread
  }

  /** Nobody has it open any more. */
  close(thread: Thread): void {
    thread.owner = undefined
    if (thread.settings.ephemeral) this.all.delete(thread.id)
  }
}

export const noTokens: Protocol.TokenUsageBreakdown = {
  totalTokens: 0,
  inputTokens: 0,
  cachedInputTokens: 0,
  cacheWriteInputTokens: 0,
  outputTokens: 0,
  reasoningOutputTokens: 0
}

/** What an answer of the model costs. */
export const tokens = (usage: Usage): Protocol.TokenUsageBreakdown => ({
  totalTokens: usage.inputTokens + usage.outputTokens,
  inputTokens: usage.inputTokens,
  cachedInputTokens: usage.cachedInputTokens,
  cacheWriteInputTokens: 0,
  outputTokens: usage.outputTokens,
  reasoningOutputTokens: usage.reasoningOutputTokens
})

export const sum = (
  left: Protocol.TokenUsageBreakdown,
  right: Protocol.TokenUsageBreakdown
): Protocol.TokenUsageBreakdown => ({
  totalTokens: left.totalTokens + right.totalTokens,
  inputTokens: left.inputTokens + right.inputTokens,
  cachedInputTokens: left.cachedInputTokens + right.cachedInputTokens,
  cacheWriteInputTokens: (left.cacheWriteInputTokens ?? 0) + (right.cacheWriteInputTokens ?? 0),
  outputTokens: left.outputTokens + right.outputTokens,
  reasoningOutputTokens: left.reasoningOutputTokens + right.reasoningOutputTokens
})
