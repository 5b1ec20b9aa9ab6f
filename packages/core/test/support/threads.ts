/** The threads of an app-server that the test plays, which begins turns by itself when it is asked to. */
import * as Threads from "@effect-codex/core/appserver/Threads"
import type * as CodexError from "@effect-codex/core/CodexError"
import * as Effect from "effect/Effect"
import * as FakeAppServer from "./fakeAppServer.ts"
import { settled } from "./peer.ts"

export const { Refusal, thread, threadId } = FakeAppServer

/** Another thread. */
export const otherId = "00000000-0000-7000-8000-00000000000b"

export const turn = (id: string, rest: object = {}) => ({ id, items: [], status: "inProgress", ...rest })

/** A thread that begins, with this id. */
export const openAs = (id: string): FakeAppServer.Answer => (params, method) =>
  method === "thread/start" || method === "thread/fork" ? thread(params, {}, id) : undefined

export const answers = (all: Readonly<Record<string, unknown>>): FakeAppServer.Answer => (_, method) =>
  Object.hasOwn(all, method) ? all[method] : undefined

/** Its turns are `turn 1`, `turn 2` and so on, whatever their threads. */
export const serve = (answer: FakeAppServer.Answer = () => undefined, options: FakeAppServer.Options = {}) => {
  let turns = 0
  const server = FakeAppServer.serveApp((params, method) => {
    const given = answer(params, method)
    if (given !== undefined) return given
    if (method === "turn/start") return { turn: turn(`turn ${++turns}`) }
    return method === "turn/steer" ? { turnId: params["expectedTurnId"] } : undefined
  }, {
    aftermath: (method, { threadId }, { turn }) =>
      method === "turn/start" ? [{ method: "turn/started", params: { threadId, turn } }] : [],
    ...options
  })
  return {
    ...server,
    /** A turn that Codex begins. */
    begin: (id: string, rest: object = {}, thread = threadId) =>
      server.tell("turn/started", { threadId: thread, turnId: undefined, turn: turn(id, rest) }),
    complete: (id: string, rest: object = {}, thread = threadId) =>
      server.tell("turn/completed", {
        threadId: thread,
        turnId: undefined,
        turn: turn(id, { status: "completed", ...rest })
      }),
    delta: (turnId: string, delta: string, thread = threadId) =>
      server.tell("item/agentMessage/delta", { threadId: thread, turnId, itemId: "m", delta }),
    message: (turnId: string, text: string, thread = threadId) =>
      server.tell("item/completed", { threadId: thread, turnId, item: { type: "agentMessage", id: "m", text } }),
    usage: (turnId: string, inputTokens: number) => {
      const tokens = { inputTokens, cachedInputTokens: 0, outputTokens: 1, reasoningOutputTokens: 0, totalTokens: 1 }
      return server.tell("thread/tokenUsage/updated", { turnId, tokenUsage: { last: tokens, total: tokens } })
    },
    idle: (thread = threadId) =>
      server.tell("thread/status/changed", { threadId: thread, turnId: undefined, status: { type: "idle" } })
  }
}

export const make = Effect.fnUntraced(function*(
  answer?: FakeAppServer.Answer,
  options?: Threads.ConnectOptions & FakeAppServer.Options
) {
  const server = serve(answer, options)
  return { ...server, threads: yield* Threads.make(server.connect, options) }
})

export type Server = Effect.Success<ReturnType<typeof make>>

/** An open thread, too. */
export const start = Effect.fnUntraced(function*(
  answer?: FakeAppServer.Answer,
  { start, ...options }: Threads.ConnectOptions & FakeAppServer.Options & {
    readonly start?: Threads.StartOptions
  } = {}
) {
  const server = yield* make(answer, options)
  return { ...server, thread: yield* server.threads.start(start) }
})

export const reasonOf = <A, R>(effect: Effect.Effect<A, CodexError.CodexError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason)

/** Forks, and goes on when what was forked only waits. */
export const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.tap(Effect.forkScoped(effect), settled)
