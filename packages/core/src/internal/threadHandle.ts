/**
 * What a program can do with an open thread.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Client } from "../appserver/Client.ts"
import type { ClientError } from "../appserver/ClientError.ts"
import type * as Protocol from "../appserver/Protocol.ts"
import type { Thread } from "../appserver/Thread.ts"
import type { OutputOptions, Turn, TurnInput, TurnOptions } from "../appserver/Turn.ts"
import * as CodexError from "../CodexError.ts"
import * as CodexTurn from "../CodexTurn.ts"
import type { Link } from "./appServerLink.ts"
import * as Request from "./appServerRequest.ts"
import * as Opening from "./appServerThread.ts"
import type { LiveThread } from "./liveThread.ts"
import type { LiveTurn } from "./liveTurn.ts"
import type { Shared } from "./threadShared.ts"
import * as TurnBeginning from "./turnBeginning.ts"
import * as TurnHandle from "./turnHandle.ts"

// =============================================================================
// Constructors
// =============================================================================

export const make = (shared: Shared, thread: LiveThread): Thread => {
  const { id } = thread
  const attached = shared.attached(thread)
  const home: TurnHandle.Home = { attached, tree: thread.options.tree, run: shared.run }
  const use = <A>(call: (client: Client["Service"]) => Effect.Effect<A, ClientError>) =>
    Effect.flatMap(attached, ({ client }) => Effect.mapError(call(client), TurnHandle.failed(id)))
  const handle = (turn: LiveTurn): Turn => TurnHandle.make(home, turn)

  const begin = TurnBeginning.make(shared, thread, home)

  const start = Effect.fnUntraced(function*(
    input: TurnInput,
    { model, params, reasoningEffort, whenBusy }: TurnOptions,
    outputSchema?: Protocol.ParamsOf<"turn/start">["outputSchema"]
  ) {
    const { active } = thread
    if (active !== undefined && whenBusy === "steer") {
      yield* TurnHandle.steer(home, active, input)
      return handle(active)
    }
    if (whenBusy === "fail" && (active !== undefined || thread.claims > 0)) return yield* Opening.busy(id)
    const { request, settings } = thread.options
    return handle(
      yield* begin(({ client }) =>
        Effect.map(
          client.request("turn/start", {
            model,
            effort: reasoningEffort,
            outputSchema,
            runtimeWorkspaceRoots: Request.rootsOf(request, settings),
            ...params,
            threadId: id,
            input: TurnHandle.inputOf(input)
          }),
          ({ turn }) => turn.id
        )
      )
    )
  })

  const startFor = Effect.fnUntraced(function*<A>(
    input: TurnInput,
    { output, ...options }: TurnOptions & OutputOptions<A>
  ) {
    if (options.whenBusy === "steer") {
      const problem = "a turn that is at work keeps its own: leave out `whenBusy: \"steer\"`"
      return yield* CodexError.fromReason(new CodexError.InvalidOption({ option: "output", problem }))
    }
    // Loaded by those who use it.
    const CodexOutput = yield* Effect.promise(() => import("../CodexOutput.ts"))
    const { decode, jsonSchema } = yield* Effect.mapError(
      Effect.fromResult(CodexOutput.from(output)),
      CodexError.fromReason
    )
    return TurnHandle.mapEffect(yield* start(input, options, jsonSchema), (turn) => {
      const text = turn.finalMessage ?? ""
      return Effect.mapBoth(decode(text), {
        onSuccess: (output) => CodexTurn.withOutput(turn, output),
        onFailure: (issue) =>
          new CodexError.CodexError({ reason: new CodexError.OutputUndecodable({ text, issue }), turn, worked: true })
      })
    })
  })

  function turn<A>(input: TurnInput, options: TurnOptions & OutputOptions<A>): ReturnType<typeof startFor<A>>
  function turn(input: TurnInput, options?: TurnOptions): ReturnType<typeof start>
  function turn(input: TurnInput, options: TurnOptions & Partial<OutputOptions<unknown>> = {}) {
    const { output, ...rest } = options
    return output === undefined ? start(input, rest) : startFor(input, { ...rest, output })
  }

  function run<A>(
    input: TurnInput,
    options: TurnOptions & OutputOptions<A>
  ): Effect.Effect<CodexTurn.WithOutput<A>, CodexError.CodexError>
  function run(input: TurnInput, options?: TurnOptions): Effect.Effect<CodexTurn.CodexTurn, CodexError.CodexError>
  function run(input: TurnInput, options: TurnOptions & Partial<OutputOptions<unknown>> = {}) {
    const { output, ...rest } = options
    return Effect.scoped(
      output === undefined
        ? Effect.flatMap(start(input, rest), (turn) => turn.await)
        : Effect.flatMap(startFor(input, { ...rest, output }), (turn) => turn.await)
    )
  }

  return {
    id,
    settings: thread.options.settings,
    info: shared.read(id),
    turn,
    run,
    review: (target) =>
      begin(({ client }) => {
        thread.isReviewing = true
        return client.request("review/start", { threadId: id, target: Request.reviewTargetOf(target) }).pipe(
          Effect.map(({ turn }) => turn.id),
          Effect.ensuring(Effect.sync(() => thread.isReviewing = false))
        )
      }).pipe(Effect.map(handle)),
    compact: Effect.map(
      begin(({ client }) => Effect.as(client.request("thread/compact/start", { threadId: id }), undefined)),
      handle
    ),
    active: Effect.sync(() => Option.map(Option.fromUndefinedOr(thread.active), handle)),
    turns: Stream.unwrap(
      Effect.as(attached, thread.observers.observe(() => thread.active === undefined ? [] : [thread.active], 1024))
    ).pipe(Stream.map(handle)),
    history: (options) => shared.history(id, options),
    fork: (options) => shared.fork(id, options),
    revert: (beforeTurnId) =>
      Effect.asVoid(use((client) => client.request("thread/revert", { threadId: id, beforeTurnId }))),
    setName: (name) => Effect.asVoid(use((client) => client.request("thread/name/set", { threadId: id, name }))),
    setGitInfo: (gitInfo) =>
      Effect.asVoid(use((client) => client.request("thread/metadata/update", { threadId: id, gitInfo }))),
    goal: {
      get: Effect.map(
        use((client) => client.request("thread/goal/get", { threadId: id })),
        ({ goal }) => Option.fromNullishOr(goal)
      ),
      set: (goal) =>
        Effect.map(use((client) => client.request("thread/goal/set", { ...goal, threadId: id })), ({ goal }) => goal),
      clear: Effect.asVoid(use((client) => client.request("thread/goal/clear", { threadId: id })))
    }
  }
}

/** Stops what is at work on a thread, and lets go of it and of those of its sub-agents. */
export const end = Effect.fnUntraced(function*(thread: LiveThread) {
  const { agents, id, link } = thread
  const home = { attached: Effect.succeed(link), tree: thread.options.tree }
  const turns = [...thread.active === undefined ? [] : [thread.active], ...agents.values()]
  yield* Effect.forEach(turns, (turn) => TurnHandle.stop(home, turn), { concurrency: "unbounded", discard: true })
  const [{ status }] = yield* Effect.all([
    Opening.release(link, id),
    Effect.forEach(agents.keys(), (agent) => Opening.release(link, agent), { concurrency: "unbounded", discard: true })
  ], { concurrency: "unbounded" })
  if (link.unloadsAtOnce && status === "unsubscribed") yield* thread.closed.await
}, (effect) => Effect.ignore(effect))

/** Finds out how a turn ended whose end was not told. */
export const findOut = (link: Link, turn: LiveTurn): Effect.Effect<void> =>
  Effect.match(Opening.readBack(link, turn.threadId, turn.id), {
    onSuccess: (told) => turn.conclude(told),
    onFailure: (error) => turn.fail(error)
  })
