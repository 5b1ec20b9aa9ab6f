/**
 * What a scripted app-server answers.
 *
 * @internal
 */
import * as Protocol from "@effect-codex/core/appserver/Protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import type { Audience } from "./scriptTelling.ts"
import type { Thread, Threads } from "./scriptThreads.ts"
import * as ScriptTurn from "./scriptTurn.ts"
import * as ScriptViews from "./scriptViews.ts"

// =============================================================================
// Models
// =============================================================================

/** What a method has to work with. */
export interface Session extends Audience {
  readonly threads: Threads
  /** Stands for the connection. */
  readonly owner: object
  /** Whether the client may use what is experimental. */
  readonly isExperimental: () => boolean
  /** Does something for as long as there is a connection. */
  readonly fork: (effect: Effect.Effect<void>) => Effect.Effect<Fiber.Fiber<void>>
}

/** A result, and what happens after it; or why there is none. */
type Reply<A> = { readonly result: A; readonly after?: Effect.Effect<unknown> } | string

type Method = Protocol.ClientMethod

type Methods = {
  readonly [M in Method]?: (params: Protocol.ParamsOf<M>) => Effect.Effect<Reply<Protocol.ResultOf<M>>>
}

interface Active {
  readonly turn: ScriptTurn.Turn
  readonly fiber: Fiber.Fiber<void>
}

// =============================================================================
// Constructors
// =============================================================================

export const make = (session: Session) => {
  const { fork, owner, tell, threads } = session
  const turns = new Map<string, Active>()

  const reply = <A>(result: A, after?: Effect.Effect<unknown>): Effect.Effect<Reply<A>> =>
    Effect.succeed(after === undefined ? { result } : { result, after })

  const refuse = (why: string): Effect.Effect<string> => Effect.succeed(why)

  const notFound = (threadId: string) => refuse(`thread not found: ${threadId}`)

  /** A thread that this connection has open. */
  const loaded = (threadId: string): Thread | undefined => {
    const thread = threads.all.get(threadId)
    return thread?.owner === owner ? thread : undefined
  }

  /** One that there is, open or not. */
  const stored = (threadId: string, otherwise = "no rollout found for thread id"): Thread | string =>
    threads.all.get(threadId) ?? `${otherwise} ${threadId}`

  const activeOf = ({ id }: Thread): Active | undefined => {
    const active = turns.get(id)
    return active?.turn.record.status === "inProgress" ? active : undefined
  }

  const status = (thread: Thread, status: Protocol.ThreadStatus) =>
    tell({ method: "thread/status/changed", params: { threadId: thread.id, status } })

  const statusOf = (thread: Thread): Protocol.ThreadStatus => {
    if (thread.owner === undefined) return { type: "notLoaded" }
    return activeOf(thread) === undefined ? { type: "idle" } : { type: "active", activeFlags: [] }
  }

  const view = (thread: Thread) => ScriptViews.thread(thread, statusOf(thread))

  const inForce = (thread: Thread, excludeTurns: boolean | undefined) =>
    ScriptViews.inForce(thread, {
      ...view(thread),
      turns: excludeTurns === true ? [] : thread.turns.map(ScriptTurn.toTurn)
    })

  const opened = (thread: Thread, excludeTurns?: boolean) =>
    reply(
      inForce(thread, excludeTurns),
      Effect.suspend(() => tell({ method: "thread/started", params: { thread: view(thread) } }))
    )

  /** Ends what is at work, if anything is. */
  const stop = Effect.fnUntraced(function*({ fiber, turn }: Active) {
    yield* Fiber.interrupt(fiber)
    if (turn.record.status === "inProgress") yield* turn.interrupted
  })

  const close = Effect.fnUntraced(function*(thread: Thread) {
    const active = activeOf(thread)
    if (active !== undefined) yield* stop(active)
    threads.close(thread)
    yield* status(thread, { type: "notLoaded" })
  })

  const begin = Effect.fnUntraced(function*(thread: Thread, prompt: string) {
    const turn = yield* ScriptTurn.make(threads, thread, session, prompt)
    const after = Effect.flatMap(
      fork(turn.play),
      (fiber) => Effect.sync(() => turns.set(thread.id, { turn, fiber }))
    )
    return { result: { turn: ScriptViews.newTurn(turn.id) }, after }
  })

  const methods: Methods = {
    "config/read": () => reply({ config: { thread_unload_delay_secs: 0 }, origins: {} }),
    "thread/start": (params) =>
      Effect.flatMap(
        Clock.currentTimeMillis,
        (now) => opened(threads.make(ScriptViews.settingsOf(params), owner, now))
      ),
    "thread/resume": Effect.fnUntraced(function*(params) {
      const thread = threads.find(params.threadId, owner)
      if (typeof thread === "string") return thread
      const wasOpen = thread.owner === owner
      thread.owner = owner
      thread.settings = ScriptViews.settingsOf(params, thread.settings)
      if (!wasOpen) yield* status(thread, { type: "idle" })
      const last = thread.turns.at(-1)
      return {
        result: inForce(thread, params.excludeTurns),
        ...(last === undefined ? {} : {
          after: tell({
            method: "thread/tokenUsage/updated",
            params: {
              threadId: thread.id,
              turnId: last.id,
              tokenUsage: { total: thread.total, last: thread.total, modelContextWindow: 258_400 }
            }
          })
        })
      }
    }),
    "thread/fork": Effect.fnUntraced(function*(params) {
      const parent = threads.find(params.threadId, undefined)
      if (typeof parent === "string") return parent
      const { lastTurnId } = params
      const end = lastTurnId === undefined || lastTurnId === null
        ? parent.turns.length
        : parent.turns.findIndex(({ id }) => id === lastTurnId) + 1
      if (end === 0 && lastTurnId !== undefined) return `turn not found: ${lastTurnId}`
      const settings = ScriptViews.settingsOf(params, { ...parent.settings, ephemeral: false })
      const fork = threads.make(settings, owner, yield* Clock.currentTimeMillis, {
        ...parent,
        turns: parent.turns.slice(0, end)
      })
      return yield* opened(fork, params.excludeTurns)
    }),
    "thread/read": ({ includeTurns, threadId }) => {
      const thread = stored(threadId, "thread not loaded:")
      if (typeof thread === "string") return refuse(thread)
      const turns = includeTurns === true ? thread.turns.map(ScriptTurn.toTurn) : []
      return reply({ thread: { ...view(thread), turns } })
    },
    "thread/list": ({ archived, cursor, limit }) => {
      const all = [...threads.all.values()].toReversed().filter((thread) =>
        thread.turns.length > 0 && !thread.settings.ephemeral && thread.archived === (archived ?? false)
      )
      // A list does not tell what is a copy.
      return reply(ScriptViews.page(all.map((thread) => view({ ...thread, forkedFrom: undefined })), cursor, limit))
    },
    "thread/loaded/list": () =>
      reply({
        data: [...threads.all.values()].filter((thread) => thread.owner === owner).map(({ id }) => id),
        nextCursor: null
      }),
    "thread/turns/list": ({ cursor, limit, sortDirection, threadId }) => {
      const thread = stored(threadId, "thread not loaded:")
      if (typeof thread === "string") return refuse(thread)
      const turns = thread.turns.map(ScriptTurn.toTurn)
      return reply(ScriptViews.page(sortDirection === "asc" ? turns : turns.toReversed(), cursor, limit))
    },
    "thread/name/set": ({ name, threadId }) => {
      const thread = stored(threadId)
      if (typeof thread === "string") return refuse(thread)
      thread.name = name
      return reply({}, tell({ method: "thread/name/updated", params: { threadId, threadName: name } }))
    },
    "thread/archive": Effect.fnUntraced(function*({ threadId }) {
      const thread = stored(threadId)
      if (typeof thread === "string") return thread
      if (thread.owner === owner) yield* close(thread)
      thread.archived = true
      return { result: {}, after: tell({ method: "thread/archived", params: { threadId } }) }
    }),
    "thread/unarchive": ({ threadId }) => {
      const thread = stored(threadId, "no archived rollout found for thread id")
      if (typeof thread === "string") return refuse(thread)
      thread.archived = false
      return reply({ thread: view(thread) }, tell({ method: "thread/unarchived", params: { threadId } }))
    },
    "thread/delete": Effect.fnUntraced(function*({ threadId }) {
      const thread = stored(threadId)
      if (typeof thread === "string") return thread
      if ([...threads.all.values()].some(({ forkedFrom }) => forkedFrom === threadId)) {
        return `cannot delete thread ${threadId}: forked history still references it`
      }
      if (thread.owner === owner) yield* close(thread)
      threads.all.delete(threadId)
      return { result: {}, after: tell({ method: "thread/deleted", params: { threadId } }) }
    }),
    "thread/unsubscribe": ({ threadId }) => {
      const thread = loaded(threadId)
      if (thread === undefined) return reply({ status: "notLoaded" })
      return reply(
        { status: "unsubscribed" },
        Effect.andThen(close(thread), tell({ method: "thread/closed", params: { threadId } }))
      )
    },
    "thread/backgroundTerminals/clean": ({ threadId }) => {
      const thread = loaded(threadId)
      if (thread === undefined) return notFound(threadId)
      const left = [...thread.running.values()].filter(({ turnId }) => activeOf(thread)?.turn.id !== turnId)
      for (const { item } of left) thread.running.delete(item.id)
      return reply(
        {},
        Effect.forEach(left, ({ item, turnId }) =>
          tell({
            method: "item/completed",
            params: { threadId, turnId, item: { ...item, status: "failed", exitCode: -1 } }
          }), { discard: true })
      )
    },
    "turn/start": (params) => {
      const thread = loaded(params.threadId)
      if (thread === undefined) return notFound(params.threadId)
      const active = activeOf(thread)
      const text = ScriptViews.textOf(params.input)
      // It steers.
      if (active !== undefined) return reply({ turn: ScriptViews.newTurn(active.turn.id) }, active.turn.steer(text))
      thread.settings = ScriptViews.settingsOf(
        { ...params, sandbox: ScriptViews.modeOf(params.sandboxPolicy) },
        thread.settings
      )
      return begin(thread, text)
    },
    "turn/steer": ({ expectedTurnId, input, threadId }) => {
      const thread = loaded(threadId)
      if (thread === undefined) return notFound(threadId)
      const active = activeOf(thread)
      if (active === undefined) return refuse("no active turn to steer")
      const { id, steer } = active.turn
      return id === expectedTurnId
        ? reply({ turnId: id }, steer(ScriptViews.textOf(input)))
        : refuse(`expected active turn id \`${expectedTurnId}\` but found \`${id}\``)
    },
    "turn/interrupt": Effect.fnUntraced(function*({ threadId, turnId }) {
      const thread = loaded(threadId)
      if (thread === undefined) return `thread not found: ${threadId}`
      const active = activeOf(thread)
      if (active === undefined) return "no active turn to interrupt"
      const { id, interrupted } = active.turn
      if (id !== turnId) return `expected active turn id ${turnId} but found ${id}`
      yield* Fiber.interrupt(active.fiber)
      return { result: {}, after: interrupted }
    })
  }

  const respond = <M extends Method>(
    method: M,
    handle: Methods[M],
    json: unknown
  ): Effect.Effect<Reply<Protocol.ResultOf<M>>> => {
    const params = Protocol.ClientRequests[method].params.decode(json)
    if (Result.isFailure(params)) return refuse(`Invalid request: ${params.failure.message}`)
    const [use] = session.isExperimental() ? [] : Protocol.experimentalUses(method, params.success)
    if (use !== undefined) return refuse(`${use} requires experimentalApi capability`)
    return handle === undefined
      ? refuse(`CodexScript: a fake app-server does not know what to answer to \`${method}\``)
      : handle(params.success)
  }

  return (method: Method, json: unknown): Effect.Effect<Reply<unknown>> => respond(method, methods[method], json)
}
