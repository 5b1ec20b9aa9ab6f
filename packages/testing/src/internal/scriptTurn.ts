/**
 * Plays one turn of a script: tells what an app-server tells, in its order.
 *
 * @internal
 */
import type * as Protocol from "@effect-codex/core/appserver/Protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as ScriptAnswers from "./scriptAnswers.ts"
import * as ScriptFailures from "./scriptFailures.ts"
import * as Items from "./scriptItems.ts"
import type { Step } from "./scriptSchema.ts"
import * as ScriptTelling from "./scriptTelling.ts"
import type { Thread, Threads, TurnRecord } from "./scriptThreads.ts"
import * as ScriptTools from "./scriptTools.ts"

// =============================================================================
// Models
// =============================================================================

export interface Turn {
  readonly id: string
  readonly record: TurnRecord
  /** Adds words to a turn that is at work. */
  readonly steer: (text: string) => Effect.Effect<void>
  /** All that happens. When it is interrupted, nothing more is told. */
  readonly play: Effect.Effect<void>
  /** Tells that it has been interrupted. */
  readonly interrupted: Effect.Effect<void>
}

/** Why a turn ends before its steps do. */
type Stop = { readonly _tag: "Failed"; readonly error: Protocol.TurnError } | { readonly _tag: "Cancelled" }

// =============================================================================
// Constructors
// =============================================================================

/** A turn that has been accepted, and of which nothing has been told yet. */
export const make = Effect.fnUntraced(function*(
  threads: Threads,
  thread: Thread,
  audience: ScriptTelling.Audience,
  prompt: string
) {
  const now = Clock.currentTimeMillis
  const record: TurnRecord = {
    id: threads.nextId(),
    items: [],
    startedAt: yield* now,
    status: "inProgress",
    error: null,
    completedAt: null
  }
  const steps = threads.begin(thread, record, prompt)
  const telling = ScriptTelling.make(threads, thread, record, audience)
  const { active, both, compact, completed, fill, of, started, status, tell, use } = telling
  const tools = ScriptTools.make(thread, telling)

  const end = Effect.fnUntraced(function*(how: "completed" | "failed" | "interrupted", error?: Protocol.TurnError) {
    record.status = how
    record.error = error ?? null
    record.completedAt = yield* now
    if (how !== "failed") yield* status({ type: "idle" })
    const last = how === "completed"
      ? record.items.findLast((item) => item.type === "agentMessage" && item.text !== "")
      : undefined
    yield* tell({
      method: "turn/completed",
      params: {
        threadId: thread.id,
        turn: {
          ...toTurn(record),
          items: last === undefined ? [] : [last],
          itemsView: last === undefined ? "notLoaded" : "summary"
        }
      }
    })
  })

  const steer = (text: string) => both(Items.userMessage(threads.nextId(), text))

  // ---------------------------------------------------------------------------
  // Steps
  // ---------------------------------------------------------------------------

  /** `at` is what Codex calls an item by: the number of the request, and that of the item in its answer. */
  const take = (step: Step, at: string): Effect.Effect<void, Stop> => {
    switch (step._tag) {
      case "Message":
        return say(`msg_${at}`, step.deltas)
      case "Reasoning":
        return think(`rs_${at}`, step.summary)
      case "Search":
        return Effect.andThen(
          started(Items.webSearch(`ws_${at}`, undefined)),
          completed(Items.webSearch(`ws_${at}`, step.query))
        )
      case "Run":
        return unlessCancelled(tools.run(`call_${at}`, step))
      case "ChangeFiles":
        return unlessCancelled(tools.changeFiles(`call_${at}`, step))
      case "CallTool":
        return tools.callTool(`call_${at}`, step)
      case "CallMcpTool": {
        const item = Items.mcpToolCall(`call_${at}`, step)
        return Effect.andThen(started(item), completed(Items.mcpToolDone(item, step)))
      }
      case "Plan":
        return tell({
          method: "turn/plan/updated",
          params: {
            ...of,
            explanation: step.explanation ?? null,
            plan: step.plan.map(({ status, step }) => ({
              step,
              status: status === "in_progress" ? "inProgress" : status
            }))
          }
        })
      case "Wait":
        return Effect.sleep(step.duration)
      case "Hang":
        return Effect.never
      case "Fail":
        return Effect.andThen(
          step.kind === "context_window" ? fill : Effect.void,
          Effect.fail<Stop>({ _tag: "Failed", error: ScriptFailures.toError(step.kind, step.message) })
        )
      case "Crash":
        return audience.crash(step)
      case "Garbage":
        return audience.garbage(step.line)
      case "Future":
        return step.what === "event"
          ? audience.future(step.type, step.fields, of)
          : completed({ type: "unrecognized", raw: { type: step.type, id: `item_${at}`, ...step.fields } })
      case "Usage":
        return Effect.void
    }
  }

  const say = Effect.fnUntraced(function*(itemId: string, deltas: ReadonlyArray<string>) {
    yield* started(Items.agentMessage(itemId, ""))
    for (const delta of deltas) {
      if (delta !== "") yield* tell({ method: "item/agentMessage/delta", params: { ...of, itemId, delta } })
    }
    yield* completed(Items.agentMessage(itemId, deltas.join("")))
  })

  const think = Effect.fnUntraced(function*(itemId: string, summary: string) {
    const part = { ...of, itemId, summaryIndex: 0 }
    yield* started(Items.reasoning(itemId, []))
    yield* tell({ method: "item/reasoning/summaryPartAdded", params: part })
    yield* tell({ method: "item/reasoning/summaryTextDelta", params: { ...part, delta: summary } })
    yield* completed(Items.reasoning(itemId, [summary]))
  })

  const answer = Effect.fnUntraced(function*({ steps, usage }: ScriptAnswers.Answer) {
    if (thread.size >= ScriptTelling.compactLimit) yield* compact
    const request = threads.requests++
    for (const [index, step] of steps.entries()) {
      yield* take(step, `${request}_${index}`).pipe(
        // The CLI counts an answer even if it stops after it.
        Effect.tapError((stop) => stop._tag === "Cancelled" ? use(usage) : Effect.void)
      )
    }
    yield* use(usage)
  })

  const play = Effect.gen(function*() {
    yield* active()
    yield* tell({
      method: "turn/started",
      params: { threadId: thread.id, turn: { ...toTurn(record), items: [], itemsView: "notLoaded" } }
    })
    yield* steer(prompt)
    yield* Effect.forEach(ScriptAnswers.fromSteps(steps), answer, { discard: true })
    yield* end("completed")
  }).pipe(Effect.catch((stop: Stop) => {
    if (stop._tag === "Cancelled") return end("interrupted")
    const { error } = stop
    return status({ type: "systemError" }).pipe(
      Effect.andThen(tell({ method: "error", params: { ...of, error, willRetry: false } })),
      Effect.andThen(end("failed", error))
    )
  }))

  const turn: Turn = { id: record.id, record, steer, play, interrupted: end("interrupted") }
  return turn
})

// =============================================================================
// Converting
// =============================================================================

/** A turn with all of its items, in the words of the protocol. */
export const toTurn = (
  { completedAt, error, id, items, startedAt, status }: TurnRecord
): Protocol.Turn => ({
  id,
  rootTurnId: id,
  items,
  itemsView: "full",
  status,
  error,
  startedAt: Math.floor(startedAt / 1000),
  completedAt: completedAt === null ? null : Math.floor(completedAt / 1000),
  durationMs: completedAt === null ? null : completedAt - startedAt
})

// =============================================================================
// Internals
// =============================================================================

const unlessCancelled = (tool: Effect.Effect<ScriptTools.Outcome>): Effect.Effect<void, Stop> =>
  Effect.flatMap(tool, (outcome) => outcome === "done" ? Effect.void : Effect.fail({ _tag: "Cancelled" }))
