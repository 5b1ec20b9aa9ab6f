/**
 * What a program can do with a turn over an app-server.
 *
 * @internal
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { ClientError } from "../appserver/ClientError.ts"
import type * as Protocol from "../appserver/Protocol.ts"
import { isRpcError } from "../appserver/RpcError.ts"
import type { Turn, TurnInput } from "../appserver/Turn.ts"
import * as CodexError from "../CodexError.ts"
import type { CodexTurn } from "../CodexTurn.ts"
import type { ProcessTree } from "../ProcessGuard.ts"
import * as Failure from "./appServerFailure.ts"
import type { Link } from "./appServerLink.ts"
import type { LiveTurn } from "./liveTurn.ts"
import type { Shared } from "./threadShared.ts"

/** The turn's thread. */
export interface Home {
  /** The connection that it is open on. */
  readonly attached: Effect.Effect<Link, CodexError.CodexError>
  /** Its commands. */
  readonly tree: ProcessTree
  /** Runs something to its end, whoever waits for it. */
  readonly run: Shared["run"]
}

/** So many events wait for an observer. */
const defaultBufferSize = 16 * 1024

export const make = (home: Home, turn: LiveTurn): Turn => {
  const observe: Turn["observe"] = ({ bufferSize = defaultBufferSize } = {}) =>
    turn.observers.observe(() => turn.digest, bufferSize)
  return {
    id: turn.id,
    threadId: turn.threadId,
    events: observe(),
    observe,
    snapshot: Effect.sync(() => turn.turn),
    agents: Stream.map(
      turn.agentObservers.observe(() => turn.agents, defaultBufferSize),
      (agent) => make(home, agent)
    ),
    steer: (input) => steer(home, turn, input),
    interrupt: Effect.suspend(() => Fiber.join(home.run(stop(home, turn)))),
    await: Deferred.await(turn.ending),
    result: Effect.flatMap(
      Deferred.poll(turn.ending),
      (ending) => Option.isNone(ending) ? Effect.succeedNone : Effect.asSome(Effect.exit(ending.value))
    )
  }
}

/** The same turn, which comes to something else. */
export const mapEffect = <A>(turn: Turn, f: (turn: CodexTurn) => Effect.Effect<A, CodexError.CodexError>): Turn<A> => {
  const outcome = Effect.flatMap(turn.await, f)
  const observe: Turn["observe"] = (options) =>
    Stream.concat(turn.observe(options), Stream.drain(Stream.fromEffect(outcome)))
  return {
    ...turn,
    events: observe(),
    observe,
    await: outcome,
    result: Effect.flatMap(
      turn.result,
      (result) => Option.isNone(result) ? Effect.succeedNone : Effect.asSome(Effect.exit(outcome))
    )
  }
}

/** In the words of the protocol. */
export const inputOf = (input: TurnInput): ReadonlyArray<Protocol.UserInput> =>
  typeof input === "string"
    ? [{ type: "text", text: input }]
    : input.map((part) => part.type === "local_image" ? { type: "localImage", path: part.path } : part)

export const steer = ({ attached }: Home, { id, threadId }: LiveTurn, input: TurnInput) =>
  Effect.flatMap(
    attached,
    ({ client }) =>
      client.request("turn/steer", { threadId, expectedTurnId: id, input: inputOf(input) }).pipe(
        Effect.mapError((error) =>
          CodexError.fromReason(
            isRpcError(error)
              ? new CodexError.NotSteerable({ threadId, turnId: id, description: error.description })
              : Failure.fromClient(error)
          )
        ),
        Effect.asVoid
      )
  )

/** Stops a turn and all that it set to work, and waits until it has ended. */
export const stop = (
  home: Pick<Home, "attached" | "tree">,
  turn: LiveTurn
): Effect.Effect<void, CodexError.CodexError> =>
  Effect.suspend(() => {
    if (turn.hasEnded) return Effect.void
    turn.expectStop()
    return Effect.flatMap(home.attached, ({ client }) => {
      const { threadId } = turn
      const interrupt = turn.begun.await.pipe(
        Effect.andThen(
          Effect.suspend(() =>
            turn.hasEnded
              ? Effect.void
              : client.request("turn/interrupt", { threadId, turnId: turn.activeId }, { repeatable: true })
          )
        ),
        // It has just ended, or is about to.
        Effect.catchIf(isRpcError, () => Effect.void),
        Effect.mapError(failed())
      )
      // The command that it runs goes on otherwise. A client may not be allowed to.
      const clean = Effect.ignore(client.request("thread/backgroundTerminals/clean", { threadId }))
      return interrupt.pipe(
        Effect.andThen(Effect.forEach(turn.agents, (agent) => stop(home, agent), {
          concurrency: "unbounded",
          discard: true
        })),
        Effect.andThen(clean),
        Effect.andThen(Effect.exit(Deferred.await(turn.ending))),
        // Codex does not wait for those that do not want to end.
        Effect.andThen(home.tree.sweep)
      )
    })
  })

// =============================================================================
// Internals
// =============================================================================

export const failed = (threadId?: string) => (error: ClientError): CodexError.CodexError =>
  CodexError.fromReason(Failure.fromClient(error, threadId === undefined ? undefined : { thread: threadId }))
