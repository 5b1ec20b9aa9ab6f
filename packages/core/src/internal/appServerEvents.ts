/**
 * What an app-server tells of one turn, as the events of `codex exec --json`.
 *
 * `codex exec` is a client of an app-server within it: it prints events for what it is told, and so does this, in the
 * same words. It tells more, too, by events that `codex exec` never prints.
 *
 * @internal
 */
import * as Predicate from "effect/Predicate"
import type * as JsonRpcMessage from "../appserver/JsonRpcMessage.ts"
import * as Protocol from "../appserver/Protocol.ts"
import type { CodexEvent, ItemDelta, TokenUsage } from "../CodexEvent.ts"
import type * as CodexItem from "../CodexItem.ts"
import { ApprovalNews } from "./approvalNews.ts"
import { idOf, isToldAtEnd, toFileChange, toItem, toSnakeCase } from "./appServerItems.ts"

// =============================================================================
// Models
// =============================================================================

export interface Options {
  readonly threadId: string
  readonly turnId: string
  /** Takes secrets out of a text. */
  readonly hide: (text: string) => string
}

type TodoList = CodexItem.TodoList["items"]

// =============================================================================
// The turn
// =============================================================================

export class TurnEvents {
  readonly #options: Options
  readonly #started = new Set<string>()
  readonly #completed = new Set<string>()
  #begun = false
  #ended = false
  #idle = false
  #todo: TodoList | undefined
  #usage: TokenUsage = noUsage
  #lastError: string | undefined
  #warnings = 0

  constructor(options: Options) {
    this.#options = options
  }

  /** Whether the turn has ended. */
  get ended(): boolean {
    return this.#ended
  }

  /** Whether Codex says that nothing runs in the thread any more: the end of the turn should follow at once. */
  get isOverdue(): boolean {
    return this.#idle && !this.#ended
  }

  /** Gives what there is to tell of a message. It never fails. */
  take(message: JsonRpcMessage.Notification): ReadonlyArray<CodexEvent> {
    const { params } = message
    if (this.#ended || !isObject(params)) return nothing
    if (message instanceof ApprovalNews) return params.threadId === this.#options.threadId ? [message.event] : nothing
    if (params.threadId !== undefined && params.threadId !== this.#options.threadId) return nothing
    if (params.turnId !== undefined && params.turnId !== this.#options.turnId) return nothing
    return this.#takeOwn(Protocol.notification(message), params)
  }

  /** Ends the turn by what Codex has written down of it, when the message that should have told its end is missing. */
  conclude(turn: Protocol.Turn): ReadonlyArray<CodexEvent> {
    return this.#ended ? nothing : this.#complete(turn)
  }

  #takeOwn(notification: Protocol.Notification, given: Params): ReadonlyArray<CodexEvent> {
    switch (notification.method) {
      case "item/agentMessage/delta":
        return delta(notification.params, "text")
      case "item/reasoning/summaryTextDelta":
        return delta(notification.params, "reasoning", notification.params.summaryIndex)
      case "item/reasoning/textDelta":
        return delta(notification.params, "raw_reasoning", notification.params.contentIndex)
      case "item/commandExecution/outputDelta":
        return delta(notification.params, "output")
      case "item/plan/delta":
        return delta(notification.params, "plan")
      case "item/mcpToolCall/progress": {
        const { itemId, message } = notification.params
        return delta({ itemId, delta: message }, "progress")
      }
      case "item/started":
        return this.#start(notification.params.item)
      case "item/completed":
        return this.#completeItem(notification.params.item)
      case "item/fileChange/patchUpdated": {
        const { changes, itemId } = notification.params
        this.#started.add(itemId)
        return [{ type: "item.updated", item: toFileChange({ id: itemId, changes, status: "inProgress" }) }]
      }
      case "thread/tokenUsage/updated":
        return this.#use(notification.params.tokenUsage)
      case "turn/plan/updated":
        return this.#plan(notification.params)
      case "turn/diff/updated":
        return [{ type: "diff.updated", diff: notification.params.diff }]
      case "error": {
        const message = this.#options.hide(textOf(notification.params.error))
        this.#lastError = message
        return [{ type: "error", message }]
      }
      case "warning":
        return notification.params.threadId === this.#options.threadId
          ? this.#warn(notification.params.message)
          : nothing
      case "model/rerouted": {
        const { fromModel, reason, toModel } = notification.params
        return this.#warn(`model rerouted: ${fromModel} -> ${toModel} (${toPascalCase(reason)})`)
      }
      case "turn/started": {
        const { id, rootTurnId } = notification.params.turn
        const { turnId } = this.#options
        // That of a review has an id of its own.
        if (this.#begun || (id !== turnId && rootTurnId !== turnId)) return nothing
        this.#begun = true
        return [{ type: "turn.started" }]
      }
      case "turn/completed":
        return notification.params.turn.id === this.#options.turnId ? this.#complete(notification.params.turn) : nothing
      case "thread/status/changed":
        this.#idle = notification.params.status.type !== "active"
        return nothing
      case "thread/closed":
        this.#idle = true
        return nothing
      case "unrecognized": {
        if (given.threadId === undefined) return nothing
        const { issue, raw } = notification
        return [issue === undefined ? { type: "unknown", raw } : { type: "unknown", raw, issue }]
      }
      default:
        return nothing
    }
  }

  // ---------------------------------------------------------------------------
  // Items
  // ---------------------------------------------------------------------------

  #start(given: Protocol.ThreadItem): ReadonlyArray<CodexEvent> {
    const item = isToldAtEnd(given) ? undefined : toItem(given)
    const id = idOf(given)
    if (item === undefined || id === undefined) return item === undefined ? nothing : [{ type: "item.started", item }]
    const isAgain = item.type === "file_change" && this.#started.has(id)
    this.#started.add(id)
    return [{ type: isAgain ? "item.updated" : "item.started", item }]
  }

  #completeItem(given: Protocol.ThreadItem): ReadonlyArray<CodexEvent> {
    const item = toItem(given)
    const id = idOf(given)
    if (id !== undefined) this.#completed.add(id)
    return item === undefined ? nothing : [{ type: "item.completed", item }]
  }

  #warn(message: string): ReadonlyArray<CodexEvent> {
    return [{ type: "item.completed", item: { id: `warning_${this.#warnings++}`, type: "error", message } }]
  }

  #plan({ explanation, plan }: Protocol.TurnPlanUpdatedNotification): ReadonlyArray<CodexEvent> {
    const type = this.#todo === undefined ? "item.started" : "item.updated"
    this.#todo = plan.map(({ status, step }) => ({ text: step, completed: status === "completed" }))
    return [
      { type, item: { id: todoId, type: "todo_list", items: this.#todo } },
      {
        type: "plan.updated",
        explanation: explanation ?? null,
        plan: plan.map(({ status, step }) => ({ step, status: toSnakeCase(status) }))
      }
    ]
  }

  #use({ last, modelContextWindow, total }: Protocol.ThreadTokenUsage): ReadonlyArray<CodexEvent> {
    this.#usage = toUsage(total)
    return [{
      type: "usage.updated",
      usage: this.#usage,
      last: toUsage(last),
      context_window: modelContextWindow ?? null
    }]
  }

  // ---------------------------------------------------------------------------
  // The end
  // ---------------------------------------------------------------------------

  #complete({ error, items, status }: Protocol.Turn): ReadonlyArray<CodexEvent> {
    if (status === "inProgress") return nothing
    this.#ended = true
    const events: Array<CodexEvent> = []
    if (this.#todo !== undefined) {
      events.push({ type: "item.completed", item: { id: todoId, type: "todo_list", items: this.#todo } })
    }
    // Here comes what was not told before, if anything.
    for (const item of items) {
      const id = idOf(item)
      if (id !== undefined && !this.#completed.has(id)) events.push(...this.#completeItem(item))
    }
    if (status === "completed") return [...events, { type: "turn.completed", usage: this.#usage }]
    const message = error === undefined || error === null
      ? this.#lastError ?? (status === "interrupted" ? "The turn was interrupted" : "The turn failed")
      : this.#options.hide(textOf(error))
    return [...events, { type: "turn.failed", error: { message } }]
  }
}

// =============================================================================
// Internals
// =============================================================================

const nothing: ReadonlyArray<never> = []

/** What says whose a message is. */
interface Params {
  readonly threadId?: unknown
  readonly turnId?: unknown
}

const isObject = (params: unknown): params is Params => Predicate.isObject(params)

/** A turn has one list of things to do. */
const todoId = "todo_list"

const delta = (
  { delta, itemId }: { readonly itemId: string; readonly delta: string },
  kind: ItemDelta["kind"],
  part?: number
): ReadonlyArray<CodexEvent> => [
  part === undefined
    ? { type: "item.delta", item_id: itemId, kind, delta }
    : { type: "item.delta", item_id: itemId, kind, delta, part }
]

const textOf = ({ additionalDetails, message }: Protocol.TurnError): string =>
  additionalDetails === undefined || additionalDetails === null || additionalDetails === ""
    ? message
    : `${message} (${additionalDetails})`

const toPascalCase = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1)

const toUsage = (usage: Protocol.TokenUsageBreakdown): TokenUsage => ({
  input_tokens: usage.inputTokens,
  cached_input_tokens: usage.cachedInputTokens,
  cache_write_input_tokens: usage.cacheWriteInputTokens ?? 0,
  output_tokens: usage.outputTokens,
  reasoning_output_tokens: usage.reasoningOutputTokens
})

/** What `codex exec` reports when Codex tells nothing, as for a review. */
const noUsage: TokenUsage = {
  input_tokens: 0,
  cached_input_tokens: 0,
  cache_write_input_tokens: 0,
  output_tokens: 0,
  reasoning_output_tokens: 0
}
