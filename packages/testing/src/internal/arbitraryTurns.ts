/**
 * Turns: the lives of their items, woven into one stream of events.
 *
 * @internal
 */
import type { CodexEvent as AnyEvent, TokenUsage, Unknown } from "@effect-codex/core/CodexEvent"
import * as Arbitrary from "effect/Arbitrary"
import { type Life, life, plan, type Scene, warning } from "./arbitraryItems.ts"
import { between, list, oneOf, optional, place, type Size, text } from "./arbitraryParts.ts"

type CodexEvent = Exclude<AnyEvent, Unknown>

/** How a turn ends. */
export type Ending = "completed" | "failed"

/** A turn of some thread, before it is told. */
export interface Plan {
  readonly warnings: ReadonlyArray<Life>
  readonly lives: ReadonlyArray<Life>
  readonly todo: Life | undefined
  /** Which of the lives goes on next. */
  readonly order: ReadonlyArray<number>
  /** The tokens of each answer of the model. */
  readonly answers: ReadonlyArray<Required<TokenUsage>>
  readonly diff: string | undefined
  /** Why it fails, if it does. */
  readonly failure: string | undefined
}

// =============================================================================
// Constructors
// =============================================================================

export const make = (size: Size, ending: Ending | undefined): Arbitrary.Arbitrary<Plan> => {
  const failure: Arbitrary.Arbitrary<string | undefined> = ending === "completed"
    ? Arbitrary.Constant(undefined)
    : ending === "failed"
    ? text(size)
    : oneOf<string | undefined>(Arbitrary.Constant(undefined), Arbitrary.Constant(undefined), text(size))
  return Arbitrary.all({
    lives: list(life(size), size.items),
    todo: size.items === 0 ? Arbitrary.Constant(undefined) : optional(plan(size)),
    warnings: list(
      Arbitrary.map(warning(size), (make): Life => ({
        hasId: true,
        tell: (id) => [{ type: "item.completed", item: make(id) }]
      })),
      Math.min(2, size.items)
    ),
    order: list(place, 4 * size.items),
    answers: list(usage, 3, 1),
    diff: optional(text(size)),
    failure
  })
}

const usage: Arbitrary.Arbitrary<Required<TokenUsage>> = Arbitrary.map(
  Arbitrary.all([between(0, 50_000), between(0, 50_000), between(0, 5_000), between(0, 5_000), between(0, 1_000)]),
  ([fresh, cached, reasoning, said, written]) => ({
    input_tokens: fresh + cached,
    cached_input_tokens: cached,
    cache_write_input_tokens: written,
    output_tokens: reasoning + said,
    reasoning_output_tokens: reasoning
  })
)

// =============================================================================
// Telling
// =============================================================================

export interface Told {
  readonly events: ReadonlyArray<CodexEvent>
  /** The thread's total after it. A failed turn of `codex exec` does not tell it. */
  readonly usage: Required<TokenUsage>
}

/** The events of a turn, on a thread whose total was `before`. */
export const tell = (plan: Plan, scene: Scene, before: TokenUsage): Told => {
  const ids = namer()
  const total = plan.answers.reduce(add, add(noUsage, before))
  const todo = plan.todo === undefined ? undefined : begin(plan.todo, ids, scene)
  const side = scene.live ? [usageUpdates(plan.answers, before), diffUpdates(plan.diff)] : []
  return {
    usage: total,
    events: [
      { type: "thread.started", thread_id: scene.threadId },
      ...plan.warnings.flatMap((life) => life.tell(ids(), scene)),
      { type: "turn.started" },
      ...weave(plan, ids, scene, [...side, ...(todo === undefined ? [] : [todo.events])]),
      ...(todo?.rest ?? []),
      ...end(plan.failure, total)
    ]
  }
}

const end = (failure: string | undefined, usage: TokenUsage): ReadonlyArray<CodexEvent> =>
  failure === undefined
    ? [{ type: "turn.completed", usage }]
    : [{ type: "error", message: failure }, { type: "turn.failed", error: { message: failure } }]

// =============================================================================
// Weaving
// =============================================================================

/** So many things happen at once at most. */
const parallel = 3

const namer = () => {
  let next = 0
  return () => `item_${next++}`
}

const begin = (life: Life, ids: () => string, scene: Scene) => {
  const id = life.hasId ? ids() : ""
  return { events: life.tell(id, scene), rest: life.rest?.(id) ?? [] }
}

/** Keeps the order within each life, and names items in the order in which they begin. */
const weave = (
  { lives, order }: Plan,
  ids: () => string,
  scene: Scene,
  others: ReadonlyArray<ReadonlyArray<CodexEvent>>
): ReadonlyArray<CodexEvent> => {
  const waiting = [...lives]
  const open = others.map((events) => [...events])
  const told: Array<CodexEvent> = []
  for (let step = 0; waiting.length > 0 || open.length > 0; step++) {
    while (open.length < parallel) {
      const next = waiting.shift()
      if (next === undefined) break
      open.push([...begin(next, ids, scene).events])
    }
    const index = (order[step] ?? 0) % open.length
    const event = open[index]?.shift()
    if (event === undefined) open.splice(index, 1)
    else told.push(event)
  }
  return told
}

// =============================================================================
// Tokens
// =============================================================================

const noUsage: Required<TokenUsage> = {
  input_tokens: 0,
  cached_input_tokens: 0,
  cache_write_input_tokens: 0,
  output_tokens: 0,
  reasoning_output_tokens: 0
}

const add = (total: Required<TokenUsage>, more: TokenUsage): Required<TokenUsage> => ({
  input_tokens: total.input_tokens + more.input_tokens,
  cached_input_tokens: total.cached_input_tokens + (more.cached_input_tokens ?? 0),
  cache_write_input_tokens: total.cache_write_input_tokens + (more.cache_write_input_tokens ?? 0),
  output_tokens: total.output_tokens + more.output_tokens,
  reasoning_output_tokens: total.reasoning_output_tokens + (more.reasoning_output_tokens ?? 0)
})

const usageUpdates = (answers: Plan["answers"], before: TokenUsage): ReadonlyArray<CodexEvent> => {
  let total = add(noUsage, before)
  return answers.map((last) => {
    total = add(total, last)
    return { type: "usage.updated", usage: total, last, context_window: 272_000 }
  })
}

const diffUpdates = (diff: string | undefined): ReadonlyArray<CodexEvent> =>
  diff === undefined ? [] : [{ type: "diff.updated", diff }]
