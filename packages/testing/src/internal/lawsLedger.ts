/**
 * What passed a transport, as data, and what laws ask of it.
 *
 * @internal
 */
import * as CodexInput from "@effect-codex/core/CodexInput"
import type { TurnRequest } from "@effect-codex/core/CodexOptions"

// =============================================================================
// Models
// =============================================================================

/** How a turn ended. */
export type End = "completed" | "failed" | "error" | "stopped" | "silent"

/** Something that happened, in order. */
export type Entry =
  & {
    /** The turn that it is about; they count from 1. */
    readonly turn: number
    /** When, by the clock, in milliseconds. */
    readonly at: number
  }
  & (
    | { readonly type: "begun"; readonly request: TurnRequest }
    | { readonly type: "thread"; readonly threadId: string }
    | { readonly type: "worked"; readonly what: string }
    /** The tokens of the thread so far, and of the last answer of the model, if that is known. */
    | { readonly type: "tokens"; readonly total: number; readonly last: number | undefined }
    | { readonly type: "asked" | "answered"; readonly requestId: string | number; readonly kind: string }
    | { readonly type: "ended"; readonly how: End; readonly reason?: string | undefined }
  )

export interface Approval {
  readonly kind: string
  readonly askedAt: number
  /** Missing if it was not. */
  readonly answeredAt: number | undefined
}

export interface Turn {
  readonly number: number
  readonly request: TurnRequest
  /** The thread that it was asked for, or has told. */
  readonly threadId: string | undefined
  readonly begunAt: number
  readonly endedAt: number | undefined
  readonly end: End | undefined
  /** Whether the agent may have acted. */
  readonly worked: boolean
  /** How many it read and wrote, as far as that is known. */
  readonly tokens: number
  readonly approvals: ReadonlyArray<Approval>
}

export interface Ledger {
  readonly entries: ReadonlyArray<Entry>
  readonly turns: ReadonlyArray<Turn>
  readonly takenAt: number
  readonly omitted: number
  readonly running: ReadonlyArray<string>
}

// =============================================================================
// Turns
// =============================================================================

type Writable<A> = { -readonly [K in keyof A]: A[K] }

interface Draft extends Writable<Omit<Turn, "approvals">> {
  readonly approvals: Array<Writable<Approval> & { readonly requestId: string | number }>
  /** What the thread had used before, if that is known. */
  before: number | undefined
}

export const turnsOf = (entries: ReadonlyArray<Entry>): ReadonlyArray<Turn> => {
  const drafts = new Map<number, Draft>()
  const totals = new Map<string, number>()
  for (const entry of entries) {
    if (entry.type === "begun") drafts.set(entry.turn, begin(entry, entry.request, totals))
    const draft = drafts.get(entry.turn)
    if (draft !== undefined) take(draft, entry, totals)
  }
  return [...drafts.values()]
}

const begin = ({ at, turn }: Entry, request: TurnRequest, totals: ReadonlyMap<string, number>): Draft => {
  const source = request.thread ?? request.fork
  return {
    number: turn,
    request,
    threadId: request.thread,
    begunAt: at,
    endedAt: undefined,
    end: undefined,
    worked: false,
    tokens: 0,
    approvals: [],
    before: source === undefined ? 0 : totals.get(source)
  }
}

const take = (draft: Draft, entry: Entry, totals: Map<string, number>): void => {
  switch (entry.type) {
    case "begun":
      return
    case "thread":
      draft.threadId = entry.threadId
      return
    case "worked":
      draft.worked = true
      return
    case "tokens":
      draft.before ??= entry.last === undefined ? 0 : entry.total - entry.last
      draft.tokens = Math.max(draft.tokens, entry.total - draft.before)
      if (draft.threadId !== undefined) totals.set(draft.threadId, entry.total)
      return
    case "asked":
      draft.approvals.push({ requestId: entry.requestId, kind: entry.kind, askedAt: entry.at, answeredAt: undefined })
      return
    case "answered": {
      const open = draft.approvals.find((approval) =>
        approval.requestId === entry.requestId && approval.answeredAt === undefined
      )
      if (open !== undefined) open.answeredAt = entry.at
      return
    }
    case "ended":
      draft.end = entry.how
      draft.endedAt = entry.at
      return
  }
}

// =============================================================================
// Text
// =============================================================================

const maxLines = 50

/** A line for each thing that happened. */
export const toText = ({ entries, running }: Ledger): string => {
  const start = entries[0]?.at ?? 0
  const shown = entries.slice(0, maxLines).map((entry) =>
    `+${Math.round(entry.at - start)} ms  turn ${entry.turn} ${tell(entry)}`
  )
  const rest = entries.length - shown.length
  return [
    ...shown,
    ...(rest > 0 ? [`and ${rest} more`] : []),
    ...running.map((process) => `still running: ${process}`)
  ].join("\n")
}

const tell = (entry: Entry): string => {
  switch (entry.type) {
    case "begun": {
      const { fork, input, thread } = entry.request
      const where = thread !== undefined
        ? `on thread ${thread}`
        : fork !== undefined
        ? `on a copy of thread ${fork}`
        : "on a new thread"
      return `began ${where}: ${words(CodexInput.textOf(input))}`
    }
    case "thread":
      return `is on thread ${entry.threadId}`
    case "worked":
      return `worked: ${entry.what}`
    case "tokens":
      return `brought its thread to ${entry.total} tokens`
    case "asked":
      return `asked for approval (${entry.kind})`
    case "answered":
      return `has its answer (${entry.kind})`
    case "ended":
      return `${endings[entry.how]}${entry.reason === undefined ? "" : ` (${entry.reason})`}`
  }
}

const endings: { readonly [How in End]: string } = {
  completed: "completed",
  failed: "failed",
  error: "ended in an error",
  stopped: "was stopped",
  silent: "stopped telling, without an end"
}

const words = (text: string): string => JSON.stringify(text.length > 40 ? `${text.slice(0, 39)}…` : text)
