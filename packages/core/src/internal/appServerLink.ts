/**
 * A connection to an app-server that many turns share: each gets what is told of its own thread.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Client } from "../appserver/Client.ts"
import type { ClientError } from "../appserver/ClientError.ts"
import * as ConnectionError from "../appserver/ConnectionError.ts"
import type { Notification } from "../appserver/JsonRpcMessage.ts"
import * as ApprovalNews from "./approvalNews.ts"
import { Fanout } from "./jsonRpcFanout.ts"

// =============================================================================
// Models
// =============================================================================

export interface Link {
  readonly client: Client["Service"]
  /** Whether the connection is still there, and was not given up. */
  readonly isAlive: () => boolean
  /** Begins nothing more over it, as the app-server does not answer. What is at work goes on. */
  readonly giveUp: () => void
  /** Whether Codex lets go of a thread as soon as nobody is subscribed to it. */
  readonly unloadsAtOnce: boolean
  /** The threads that turns are at work on. */
  readonly threads: Set<string>
  /** Tells a listener all that comes, from when this returns, and at last why nothing comes any more. */
  readonly listen: (listener: Listener) => Effect.Effect<void, never, Scope.Scope>
  /** What is told of a turn, from when this returns. */
  readonly subscribe: (
    target: Target
  ) => Effect.Effect<Stream.Stream<Notification, ConnectionError.ConnectionError>, never, Scope.Scope>
}

/** Takes everything as it comes, without waiting. */
export interface Listener {
  readonly message: (message: Notification) => void
  readonly end: (error: ConnectionError.ConnectionError) => void
}

/** Whose messages a turn wants. */
export interface Target {
  /** Until the thread has an id, the messages of all threads that are nobody's. */
  threadId: string | undefined
  /** The sub-agents of a turn name it as their root when their own turns begin and end. */
  turnId: string | undefined
  /**
   * The threads of sub-agents, and the turn that each is at. Of these, the turn wants to know what is asked, and when
   * they are closed.
   */
  readonly agents: Map<string, string | undefined>
}

// =============================================================================
// Constructors
// =============================================================================

/** So many messages wait for a turn whose events are not taken, before the whole connection waits. */
const capacity = 16 * 1024

export const make = Effect.fnUntraced(function*(
  client: Client["Service"]
): Effect.fn.Return<Link, ClientError, Scope.Scope> {
  const relief = Latch.makeUnsafe()
  const fanout = new Fanout<Notification>(() => relief.openUnsafe())
  const listeners = new Set<Listener>()
  const threads = new Set<string>()
  let isAlive = true

  const publish = (messages: ReadonlyArray<Notification>) => {
    let next = 0
    const go: Effect.Effect<void> = Effect.suspend(() => {
      for (const message of messages.slice(next)) {
        if (fanout.isCongested(false)) {
          relief.closeUnsafe()
          return Effect.andThen(relief.await, go)
        }
        next++
        for (const listener of listeners) listener.message(message)
        fanout.publish(message, 1)
      }
      return Effect.void
    })
    return go
  }

  const end = (error: ConnectionError.ConnectionError) =>
    Effect.sync(() => {
      fanout.fail(error)
      for (const listener of listeners) listener.end(error)
    })

  const notifications = yield* client.rpc.subscribe()
  const requests = yield* client.rpc.subscribeRequests
  yield* Stream.runForEachArray(notifications, publish).pipe(
    Effect.catch(end),
    // This program closes the connection, before `client` can tell.
    Effect.onInterrupt(() => end(ConnectionError.fromReason(new ConnectionError.Closed()))),
    Effect.forkScoped
  )
  const newsOf = ApprovalNews.make()
  yield* Stream.runForEachArray(requests, (progress) => publish(progress.flatMap(newsOf))).pipe(
    Effect.ignore,
    Effect.forkScoped
  )
  yield* client.closed.pipe(
    Effect.catch(() => Effect.sync(() => isAlive = false)),
    Effect.forkScoped
  )

  const { config } = yield* client.request("config/read", { includeLayers: false })

  return {
    client,
    isAlive: () => isAlive,
    giveUp: () => isAlive = false,
    unloadsAtOnce: config["thread_unload_delay_secs"] === 0,
    threads,
    listen: (listener) =>
      Effect.acquireRelease(
        Effect.sync(() => listeners.add(listener)),
        () => Effect.sync(() => listeners.delete(listener))
      ),
    subscribe: (target) =>
      fanout.subscribe({ accepts: (message) => isFor(message, target, threads), limit: capacity, onOverflow: "wait" })
  }
})

// =============================================================================
// Internals
// =============================================================================

const isFor = (message: Notification, target: Target, threads: ReadonlySet<string>): boolean => {
  const { method, params } = message
  if (!isParams(params) || typeof params.threadId !== "string") return false
  if (params.threadId === target.threadId) return true
  if (target.threadId === undefined) return !threads.has(params.threadId)
  if (method === "thread/closed" || message instanceof ApprovalNews.ApprovalNews) {
    return target.agents.has(params.threadId)
  }
  return target.turnId !== undefined && isParams(params.turn) && params.turn.rootTurnId === target.turnId
}

interface Params {
  readonly threadId?: unknown
  readonly turn?: unknown
  readonly rootTurnId?: unknown
}

const isParams = (params: unknown): params is Params => Predicate.isObject(params)
