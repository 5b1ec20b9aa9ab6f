/**
 * The grammar of a turn, as the CLI keeps it, checked event by event. It knows nothing of how turns are made.
 */
import type { CodexEvent, TokenUsage } from "@effect-codex/core/CodexEvent"

interface State {
  phase: "thread" | "configuration" | "turn" | "end"
  /** Items that have begun and not ended, by id. */
  readonly open: Map<string, string>
  readonly completed: Map<string, string>
  /** Ids that deltas named before the item was told. */
  readonly spoken: Set<string>
  readonly asked: Set<string | number>
  usage: TokenUsage
  lastNotice: string | undefined
}

const onlyLive = new Set([
  "item.delta",
  "plan.updated",
  "diff.updated",
  "usage.updated",
  "approval.requested",
  "approval.resolved"
])

/** What is wrong with a turn; nothing if it is a turn. */
export const faults = (
  events: ReadonlyArray<CodexEvent>,
  transport: "exec" | "app-server",
  usageBefore: TokenUsage
): ReadonlyArray<string> => {
  const found: Array<string> = []
  const state: State = {
    phase: "thread",
    open: new Map(),
    completed: new Map(),
    spoken: new Set(),
    asked: new Set(),
    usage: usageBefore,
    lastNotice: undefined
  }
  events.forEach((event, index) => {
    const fault = take(state, event) ?? (transport === "exec" && onlyLive.has(event.type) ? "not of exec" : undefined)
    if (fault !== undefined) found.push(`${index} ${event.type}: ${fault}`)
    state.lastNotice = event.type === "error" ? event.message : undefined
  })
  if (state.phase !== "end") found.push("no end")
  return found
}

const take = (state: State, event: CodexEvent): string | undefined => {
  if (state.phase === "end") return "after the end"
  switch (event.type) {
    case "thread.started":
      if (state.phase !== "thread") return "not the first"
      state.phase = "configuration"
      return undefined
    case "turn.started":
      if (state.phase !== "configuration") return "out of place"
      state.phase = "turn"
      return undefined
    case "item.completed":
      if (state.phase === "configuration") {
        return event.item.type === "error" ? complete(state, event.item) : "not a warning, before the turn"
      }
      return outside(state) ?? (event.item.type === "unknown" ? "unknown" : complete(state, event.item))
    case "item.started":
    case "item.updated": {
      const { item } = event
      if (item.type === "unknown") return "unknown"
      if (state.completed.has(item.id)) return "over already"
      if (event.type === "item.updated" && state.open.get(item.id) !== item.type) return "not begun"
      if (event.type === "item.started" && state.open.has(item.id)) return "begun twice"
      if ("status" in item && item.status !== "in_progress") return "begun with an outcome"
      state.open.set(item.id, item.type)
      return outside(state)
    }
    case "item.delta":
      if (state.completed.has(event.item_id)) return "of an item that is over"
      if (event.kind === "text" || event.kind === "reasoning") state.spoken.add(event.item_id)
      else if (!state.open.has(event.item_id)) return "of an item that has not begun"
      return outside(state)
    case "approval.requested":
      if (state.asked.has(event.request_id)) return "asked twice"
      if (event.item_id !== undefined && !state.open.has(event.item_id)) return "of no open item"
      state.asked.add(event.request_id)
      return outside(state)
    case "approval.resolved":
      return state.asked.delete(event.request_id) ? outside(state) : "not asked"
    case "usage.updated":
      if (event.usage.input_tokens !== state.usage.input_tokens + event.last.input_tokens) return "does not add up"
      state.usage = event.usage
      return outside(state)
    case "turn.completed":
      if (event.usage.input_tokens < state.usage.input_tokens) return "the thread's total shrinks"
      if ((event.usage.cached_input_tokens ?? 0) > event.usage.input_tokens) return "more cached than read"
      return end(state)
    case "turn.failed":
      return state.lastNotice === event.error.message ? end(state) : "its cause was not told before"
    case "error":
    case "plan.updated":
    case "diff.updated":
      return outside(state)
    case "unknown":
      return "unknown"
  }
}

const outside = ({ phase }: State): string | undefined => phase === "turn" ? undefined : "outside of the turn"

const complete = (state: State, { id, type }: { readonly id: string; readonly type: string }): string | undefined => {
  const begunAs = state.open.get(id)
  if (begunAs !== undefined && begunAs !== type) return `begun as ${begunAs}`
  if (state.completed.has(id)) return "over already"
  state.open.delete(id)
  state.spoken.delete(id)
  state.completed.set(id, type)
  return undefined
}

const end = (state: State): string | undefined => {
  const fault = outside(state)
  state.phase = "end"
  if (state.spoken.size > 0) return "something said was never told as a whole"
  if (state.asked.size > 0) return "something asked was never resolved"
  if ([...state.open.values()].some((type) => type !== "command_execution")) return "something is still open"
  return fault
}
