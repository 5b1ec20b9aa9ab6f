/**
 * An open thread: what is told of it goes to its turns, which come to be when they begin, whoever began them.
 *
 * @internal
 */
import type * as Clock from "effect/Clock"
import * as Latch from "effect/Latch"
import * as Predicate from "effect/Predicate"
import * as Semaphore from "effect/Semaphore"
import type { Notification } from "../appserver/JsonRpcMessage.ts"
import type { Settings } from "../appserver/Thread.ts"
import type * as CodexError from "../CodexError.ts"
import type { TokenUsage } from "../CodexEvent.ts"
import type { TurnRequest } from "../CodexOptions.ts"
import type { ProcessTree } from "../ProcessGuard.ts"
import type { Link } from "./appServerLink.ts"
import type { Extra } from "./appServerThread.ts"
import { LiveTurn, tooSlow } from "./liveTurn.ts"
import { Observers } from "./observers.ts"

export interface Options {
  readonly id: string
  readonly link: Link
  readonly settings: Settings
  /** What was asked for, to open it again. */
  readonly request: TurnRequest
  readonly extra: Extra | undefined
  /** The tokens of the thread so far, if they are known. */
  readonly usage: TokenUsage | undefined
  readonly tree: ProcessTree
  readonly clock: Clock.Clock
  readonly hide: (text: string) => string
  /** Is told of a turn whose end may be missing. */
  readonly onDoubt: (turn: LiveTurn) => void
}

export class LiveThread {
  readonly options: Options
  readonly id: string
  /** The connection over which things are told of it, */
  link: Link
  /** and whether it is open there. */
  isAttached = true
  readonly observers = new Observers<LiveTurn, CodexError.CodexError>(tooSlow)
  /** The threads of its sub-agents, and the last turn of each. */
  readonly agents = new Map<string, LiveTurn>()
  /** For one turn of ours at a time. */
  readonly lock = Semaphore.makeUnsafe(1)
  /** For who opens it again. */
  readonly opening = Semaphore.makeUnsafe(1)
  /** Open once Codex has let go of it. */
  readonly closed = Latch.makeUnsafe()
  /** Turns of ours that are at work or wait to be. */
  claims = 0
  /** The turn that began last. */
  last: LiveTurn | undefined
  /** Whether it is over with it, here. */
  isClosed = false
  /** Whether a review is being begun: its turn has another id within it. */
  isReviewing = false

  /** Turns that have not ended. More than one only if it was not told how one ended. */
  readonly #turns = new Map<string, LiveTurn>()
  /** The last turns that have ended: the answer to who began one may come after its end. */
  readonly #ended = new Map<string, LiveTurn>()
  /** What is to be told of the next turn, as it came before that. */
  #early: Array<Notification> = []
  #usage: TokenUsage | undefined
  /** The last connection that was lost, and why. */
  #lost: { readonly link: Link; readonly error: CodexError.CodexError } | undefined

  constructor(options: Options) {
    this.options = options
    this.id = options.id
    this.link = options.link
    this.#usage = options.usage
  }

  /** The tokens so far, if they are known. */
  get usage(): TokenUsage | undefined {
    return this.#usage
  }

  /** The turn at work. */
  get active(): LiveTurn | undefined {
    return [...this.#turns.values()].at(-1)
  }

  /** The turn that Codex has begun as it was asked to. */
  turn(id: string, link: Link): LiveTurn {
    const turn = this.find(id) ?? this.#begin(id)
    // Nothing more is told of it.
    if (this.#lost?.link === link) turn.fail(this.#lost.error)
    return turn
  }

  find(id: string): LiveTurn | undefined {
    return this.#turns.get(id) ?? this.#ended.get(id)
  }

  /** Whether a turn should have ended. */
  isInDoubt(turn: LiveTurn): boolean {
    const current = turn.threadId === this.id ? this.active : this.agents.get(turn.threadId)
    return turn.isOverdue || current !== turn
  }

  take(message: Notification): void {
    if (message.method === "thread/closed") this.closed.openUnsafe()
    const begun = begunTurn(message)
    if (begun !== undefined) this.#started(begun)
    const turns = [...this.#turns.values()]
    for (const turn of turns) this.#tell(turn, message)
    if (turns.length === 0 && message.method === "warning" && this.#early.length < maxEarly) this.#early.push(message)
  }

  /** Takes what is told of the thread of a sub-agent. */
  takeOfAgent(threadId: string, message: Notification): void {
    const begun = begunTurn(message)
    if (begun !== undefined) this.#startedAgent(threadId, begun)
    const agent = this.agents.get(threadId)
    if (agent !== undefined) this.#tell(agent, message)
  }

  /** Its connection is lost, and with it all that is at work. */
  lose(error: CodexError.CodexError): void {
    this.#lost = { link: this.link, error }
    this.isAttached = false
    this.closed.openUnsafe()
    for (const turn of [...this.#turns.values(), ...this.agents.values()]) turn.fail(error)
    this.agents.clear()
  }

  #tell(turn: LiveTurn, message: Notification): void {
    turn.take(message)
    if (turn.isOverdue) this.#question(turn)
  }

  #startedAgent(threadId: string, { id, rootTurnId = id }: Begun): void {
    const previous = this.agents.get(threadId)
    const root = this.find(rootTurnId)
    if (root === undefined || previous?.id === id) return
    const { clock, hide } = this.options
    const agent = new LiveTurn({ threadId, id, clock, hide, usageBefore: undefined })
    agent.begun.openUnsafe()
    this.agents.set(threadId, agent)
    root.addAgent(agent)
    if (previous !== undefined) this.#question(previous)
  }

  #started({ id, rootTurnId = id }: Begun): void {
    const isInner = rootTurnId !== id && (this.isReviewing || this.#turns.has(rootTurnId))
    const previous = this.active
    const turnId = isInner ? rootTurnId : id
    const turn = this.find(turnId) ?? this.#begin(turnId)
    turn.activeId = id
    turn.begun.openUnsafe()
    // Codex does one after the other.
    if (previous !== undefined && previous !== turn) this.#question(previous)
  }

  #question(turn: LiveTurn): void {
    if (turn.isInQuestion || turn.hasEnded) return
    turn.isInQuestion = true
    this.options.onDoubt(turn)
  }

  #begin(id: string): LiveTurn {
    const { clock, hide } = this.options
    const turn = new LiveTurn({
      threadId: this.id,
      id,
      clock,
      hide,
      usageBefore: this.#usage,
      onEnd: (usage) => {
        this.#turns.delete(id)
        this.#ended.set(id, turn)
        const [oldest] = this.#ended.keys()
        if (this.#ended.size > maxEnded && oldest !== undefined) this.#ended.delete(oldest)
        this.#usage = usage
      }
    })
    this.#turns.set(id, turn)
    this.last = turn
    for (const message of this.#early.splice(0)) turn.take(message)
    this.observers.publish([turn])
    return turn
  }
}

const maxEnded = 8

/** Codex warns at the beginning of a turn, if at all. */
const maxEarly = 64

/** A turn that begins. That of a sub-agent, and the inner one of a review, name the turn that they belong to. */
interface Begun {
  readonly id: string
  readonly rootTurnId?: string
}

/** The turn that has begun, if that is what a message tells. */
export const begunTurn = ({ method, params }: Notification): Begun | undefined => {
  if (method !== "turn/started" || !Predicate.hasProperty(params, "turn")) return undefined
  const { turn } = params
  if (!Predicate.hasProperty(turn, "id") || typeof turn.id !== "string") return undefined
  return Predicate.hasProperty(turn, "rootTurnId") && typeof turn.rootTurnId === "string"
    ? { id: turn.id, rootTurnId: turn.rootTurnId }
    : { id: turn.id }
}
