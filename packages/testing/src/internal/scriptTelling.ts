/**
 * What a scripted turn tells, in the words of an app-server.
 *
 * @internal
 */
import type * as Protocol from "@effect-codex/core/appserver/Protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as ModelReply from "../ModelReply.ts"
import type { StepOf } from "./scriptSchema.ts"
import * as ScriptThreads from "./scriptThreads.ts"

// =============================================================================
// Models
// =============================================================================

export type Told = Exclude<Protocol.Notification, Protocol.Unrecognized<"method">>

/** What is asked. The id is up to who asks it. */
export type Asked = {
  [M in Protocol.ServerRequestMethod]: { readonly method: M; readonly params: Protocol.ServerParamsOf<M> }
}["item/commandExecution/requestApproval" | "item/fileChange/requestApproval" | "item/tool/call"]

/** Who is told. */
export interface Audience {
  readonly tell: (message: Told) => Effect.Effect<void>
  /** Gives the answer, unless it is an error. */
  readonly ask: (question: Asked) => Effect.Effect<unknown>
  /** Writes a line that is no message. */
  readonly garbage: (line: string) => Effect.Effect<void>
  /** Tells what nobody knows yet of a turn. */
  readonly future: (
    type: string,
    fields: object,
    of: { readonly threadId: string; readonly turnId: string }
  ) => Effect.Effect<void>
  readonly crash: (how: StepOf<"Crash">) => Effect.Effect<never>
}

export type Telling = ReturnType<typeof make>

// =============================================================================
// Constructors
// =============================================================================

/** All that can be told of a turn. */
export const make = (
  threads: ScriptThreads.Threads,
  thread: ScriptThreads.Thread,
  record: ScriptThreads.TurnRecord,
  audience: Audience
) => {
  const { tell } = audience
  const now = Clock.currentTimeMillis
  const of = { threadId: thread.id, turnId: record.id }
  let diff = ""

  const started = (item: Protocol.ThreadItem) =>
    Effect.flatMap(now, (startedAtMs) => tell({ method: "item/started", params: { ...of, item, startedAtMs } }))

  const completed = (item: Protocol.ThreadItem) =>
    Effect.flatMap(now, (completedAtMs) => {
      record.items.push(item)
      return tell({ method: "item/completed", params: { ...of, item, completedAtMs, contentTokenCount: null } })
    })

  const both = (item: Protocol.ThreadItem) => Effect.andThen(started(item), completed(item))

  const status = (status: Protocol.ThreadStatus) =>
    tell({ method: "thread/status/changed", params: { threadId: thread.id, status } })

  const active = (...activeFlags: ReadonlyArray<"waitingOnApproval">) => status({ type: "active", activeFlags })

  const use = Effect.fnUntraced(function*(usage: ModelReply.Usage) {
    const last = ScriptThreads.tokens(usage)
    thread.total = ScriptThreads.sum(thread.total, last)
    thread.size = last.totalTokens
    yield* tellUsage(last)
    yield* tellDiff
  })

  const tellUsage = (last: Protocol.TokenUsageBreakdown) =>
    tell({
      method: "thread/tokenUsage/updated",
      params: { ...of, tokenUsage: { total: thread.total, last, modelContextWindow: contextWindow } }
    })

  /** The model sums the conversation up, which costs an answer. */
  const compact = Effect.gen(function*() {
    const item = { type: "contextCompaction", id: threads.nextId() } as const
    yield* started(item)
    yield* use(ModelReply.defaultUsage)
    thread.size = 0
    yield* completed(item)
  })

  /** Codex takes the context for full from now on. */
  const fill = Effect.suspend(() => {
    const last = { ...ScriptThreads.noTokens, totalTokens: Math.max(contextWindow - thread.total.totalTokens, 0) }
    thread.total = { ...ScriptThreads.noTokens, totalTokens: contextWindow }
    thread.size = contextWindow
    return tellUsage(last)
  })

  const tellDiff = Effect.suspend(() =>
    diff === "" ? Effect.void : tell({ method: "turn/diff/updated", params: { ...of, diff } })
  )

  const changed = (more: string) =>
    Effect.suspend(() => {
      diff += more
      return tellDiff
    })

  return { ...audience, of, started, completed, both, status, active, use, compact, fill, changed }
}

// =============================================================================
// Internals
// =============================================================================

/** Of `gpt-5.5`, and when its conversations are compacted. */
const contextWindow = 258_400
export const compactLimit = 244_800
