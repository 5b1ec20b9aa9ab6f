/**
 * Finds for each message the thread that it is about, which is also told of its sub-agents.
 *
 * @internal
 */
import * as Predicate from "effect/Predicate"
import type { Notification } from "../appserver/JsonRpcMessage.ts"
import { begunTurn, type LiveThread } from "./liveThread.ts"

/** So many messages are kept for a thread that is being opened. More than that has not been seen to come first. */
const maxEarly = 4096

export class Router {
  readonly #threads = new Map<string, LiveThread>()
  /** Whose sub-agents work on the other threads. */
  readonly #owners = new Map<string, LiveThread>()
  /** What is told of threads that nobody has opened, while one is being opened. */
  #early: Array<Notification> = []
  #opening = 0

  get threads(): ReadonlyArray<LiveThread> {
    return [...this.#threads.values()]
  }

  /** Keeps what comes for a thread whose id is not known yet, until `opened`. */
  opening(): void {
    this.#opening++
  }

  opened(thread: LiveThread | undefined): void {
    this.#opening--
    const early = this.#early
    if (this.#opening === 0) this.#early = []
    if (thread === undefined) return
    this.#threads.set(thread.id, thread)
    for (const message of early) if (threadIdOf(message) === thread.id) thread.take(message)
  }

  remove(thread: LiveThread): void {
    this.#threads.delete(thread.id)
    for (const [agent, owner] of this.#owners) if (owner === thread) this.#owners.delete(agent)
  }

  take(message: Notification): void {
    const threadId = threadIdOf(message)
    if (threadId === undefined) return
    const thread = this.#threads.get(threadId)
    if (thread !== undefined) return thread.take(message)
    const owner = this.#ownerOf(threadId, message)
    if (owner !== undefined) return owner.takeOfAgent(threadId, message)
    if (this.#opening > 0 && this.#early.length < maxEarly) this.#early.push(message)
  }

  #ownerOf(threadId: string, message: Notification): LiveThread | undefined {
    const known = this.#owners.get(threadId)
    const rootTurnId = begunTurn(message)?.rootTurnId
    if (known !== undefined || rootTurnId === undefined) return known
    const owner = this.threads.find((thread) => thread.find(rootTurnId) !== undefined)
    if (owner !== undefined) this.#owners.set(threadId, owner)
    return owner
  }
}

const threadIdOf = ({ params }: Notification): string | undefined =>
  Predicate.hasProperty(params, "threadId") && typeof params.threadId === "string" ? params.threadId : undefined
