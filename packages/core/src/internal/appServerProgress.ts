/**
 * How far a turn over an app-server has come, and what has to be ended with it.
 *
 * @internal
 */
import * as Predicate from "effect/Predicate"
import type { Notification } from "../appserver/JsonRpcMessage.ts"
import type { CodexEvent } from "../CodexEvent.ts"
import { ApprovalNews } from "./approvalNews.ts"
import type { TurnEvents } from "./appServerEvents.ts"
import type { Target } from "./appServerLink.ts"

export class TurnProgress {
  readonly target: Target
  /** The threads that Codex has let go of. */
  readonly closed = new Set<string>()
  events: TurnEvents | undefined
  /** What can be interrupted: of a review, it is a turn within it. */
  activeTurnId: string | undefined

  constructor(threadId: string | undefined) {
    this.target = { threadId, turnId: undefined, agents: new Map() }
  }

  /** The threads of the turn. */
  get threads(): ReadonlyArray<string> {
    return [...this.target.threadId === undefined ? [] : [this.target.threadId], ...this.target.agents.keys()]
  }

  /** Gives what there is to tell of a message. */
  note(message: Notification): ReadonlyArray<CodexEvent> {
    const { method, params } = message
    if (!isParams(params)) return []
    const { threadId, turn } = params
    if (typeof threadId !== "string") return []
    const { agents, threadId: own, turnId } = this.target
    if (method === "thread/closed") this.closed.add(threadId)
    if (turnId !== undefined && isTurn(turn) && turn.rootTurnId === turnId) {
      const active = method === "turn/started" ? turn.id : undefined
      if (threadId === own) this.activeTurnId = active
      else agents.set(threadId, active)
    }
    if (threadId === own) return this.events?.take(message) ?? []
    return message instanceof ApprovalNews && agents.has(threadId) && this.events?.ended === false
      ? [message.event]
      : []
  }
}

interface Params {
  readonly threadId?: unknown
  readonly turn?: unknown
}

const isParams = (params: unknown): params is Params => Predicate.isObject(params)

interface Turn {
  readonly id: string
  readonly rootTurnId?: unknown
}

const isTurn = (turn: unknown): turn is Turn => Predicate.hasProperty(turn, "id") && typeof turn.id === "string"
