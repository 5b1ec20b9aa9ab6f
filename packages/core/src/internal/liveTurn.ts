/**
 * A turn over an app-server while it runs. Whoever looks on gets what there is; nobody is waited for.
 *
 * @internal
 */
import type * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import type { Notification } from "../appserver/JsonRpcMessage.ts"
import type * as Protocol from "../appserver/Protocol.ts"
import * as CodexError from "../CodexError.ts"
import type { CodexEvent, TokenUsage, TurnCompleted } from "../CodexEvent.ts"
import * as CodexItem from "../CodexItem.ts"
import * as CodexTurn from "../CodexTurn.ts"
import { TurnEvents } from "./appServerEvents.ts"
import { Observers } from "./observers.ts"
import { TurnDigest } from "./turnDigest.ts"
import * as TurnFailure from "./turnFailure.ts"

export interface Options {
  readonly threadId: string
  readonly id: string
  readonly usageBefore: TokenUsage | undefined
  readonly clock: Clock.Clock
  /** Takes secrets out of a text. */
  readonly hide: (text: string) => string
  /** Is told once, when the turn has ended, of the tokens of the thread, if they are known. */
  readonly onEnd?: (usage: TokenUsage | undefined) => void
}

export class LiveTurn {
  readonly threadId: string
  readonly id: string
  readonly ending = Deferred.makeUnsafe<CodexTurn.CodexTurn, CodexError.CodexError>()
  readonly observers = new Observers<CodexEvent, CodexError.CodexError>(tooSlow)
  readonly agentObservers = new Observers<LiveTurn, CodexError.CodexError>(tooSlow)
  /** Open once there is something to interrupt. */
  readonly begun = Latch.makeUnsafe()
  /** What is to be interrupted: of a review, it is a turn within it. */
  activeId: string
  /** Whether it is being found out how it ended. */
  isInQuestion = false

  readonly #options: Options
  readonly #events: TurnEvents
  readonly #digest: TurnDigest
  readonly #startedAt: number
  readonly #agents: Array<LiveTurn> = []
  #isStopping = false
  #endedAt: number | undefined

  constructor(options: Options) {
    const { clock, hide, id, threadId } = options
    this.id = id
    this.activeId = id
    this.threadId = threadId
    this.#options = options
    this.#events = new TurnEvents({ threadId, turnId: id, hide })
    this.#digest = new TurnDigest(threadId)
    this.#startedAt = clock.currentTimeMillisUnsafe()
  }

  get hasEnded(): boolean {
    return Deferred.isDoneUnsafe(this.ending)
  }

  /** Whether Codex says that nothing runs in the thread any more, but not how the turn ended. */
  get isOverdue(): boolean {
    return this.#events.isOverdue
  }

  /** The turns of its sub-agents. */
  get agents(): ReadonlyArray<LiveTurn> {
    return this.#agents
  }

  /** What has happened so far, in short. */
  get digest(): ReadonlyArray<CodexEvent> {
    return this.#digest.events
  }

  get turn(): CodexTurn.CodexTurn {
    const { clock, usageBefore } = this.#options
    return CodexTurn.fromState(
      this.digest.reduce(CodexTurn.reduce, CodexTurn.initial({ usageBefore })),
      Duration.millis((this.#endedAt ?? clock.currentTimeMillisUnsafe()) - this.#startedAt)
    )
  }

  take(message: Notification): void {
    if (!this.hasEnded) this.#tell(this.#events.take(message))
  }

  addAgent(agent: LiveTurn): void {
    this.#agents.push(agent)
    if (this.#isStopping) agent.expectStop()
    this.agentObservers.publish([agent])
  }

  /** From now on, a failure means that it was stopped. */
  expectStop(): void {
    this.#isStopping = true
    for (const agent of this.#agents) agent.expectStop()
  }

  /** Ends it by what Codex has written down of it. */
  conclude(turn: Protocol.Turn): void {
    if (!this.hasEnded) this.#tell(this.#events.conclude(turn))
  }

  /** Ends it without a word of Codex. */
  fail(error: CodexError.CodexError): void {
    if (this.hasEnded) return
    this.#end(Exit.fail(CodexError.withTurn(CodexError.afterWork(error), this.turn)))
  }

  #tell(events: ReadonlyArray<CodexEvent>): void {
    if (events.length === 0) return
    const told = events.map((event) =>
      event.type === "turn.completed" ? { ...event, usage: this.#total(event) } : event
    )
    for (const event of told) this.#digest.take(event)
    this.observers.publish(told)
    if (!this.#events.ended) return
    const turn = this.turn
    this.#end(turn.status === "completed" ? Exit.succeed(turn) : Exit.fail(this.#failureOf(turn)))
  }

  #failureOf(turn: CodexTurn.CodexTurn): CodexError.CodexError {
    return new CodexError.CodexError({
      reason: this.#isStopping
        ? new CodexError.Stopped({ how: "interrupt" })
        : TurnFailure.fromMessage(turn.error ?? "The turn failed"),
      turn,
      // A command may run before it is told of.
      worked: this.#isStopping || turn.items.some(CodexItem.isWork)
    })
  }

  /** Of a review, Codex tells no tokens: then there are as many as before. */
  #total({ usage }: TurnCompleted): TokenUsage {
    return this.#digest.usage === undefined ? this.#options.usageBefore ?? usage : usage
  }

  #end(exit: Exit.Exit<CodexTurn.CodexTurn, CodexError.CodexError>): void {
    this.#endedAt = this.#options.clock.currentTimeMillisUnsafe()
    // Whoever waits for the end may go on at once, and finds the thread idle.
    this.#options.onEnd?.(this.#digest.usage ?? this.#options.usageBefore)
    Deferred.doneUnsafe(this.ending, exit)
    this.begun.openUnsafe()
    this.observers.end(Exit.asVoid(exit))
    this.agentObservers.end(Exit.void)
  }
}

export const tooSlow = (limit: number): CodexError.CodexError =>
  CodexError.fromReason(new CodexError.ObserverTooSlow({ limit }))
