/**
 * The thread of a turn: a new one, one that goes on, or a copy of one.
 *
 * @internal
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type { ClientError } from "../appserver/ClientError.ts"
import type { RequestOptions } from "../appserver/JsonRpc.ts"
import type * as Protocol from "../appserver/Protocol.ts"
import { isRpcError } from "../appserver/RpcError.ts"
import * as CodexError from "../CodexError.ts"
import type { SandboxMode, TurnRequest } from "../CodexOptions.ts"
import type { ProcessTree } from "../ProcessGuard.ts"
import * as Failure from "./appServerFailure.ts"
import type { Link } from "./appServerLink.ts"
import * as Request from "./appServerRequest.ts"

/** What else is asked for, in the words of the protocol. */
export type Extra =
  & Partial<Omit<Protocol.ParamsOf<"thread/start">, "ephemeral" | "threadSource">>
  & Partial<Omit<Protocol.ParamsOf<"thread/resume">, "threadId">>
  & Partial<Omit<Protocol.ParamsOf<"thread/fork">, "ephemeral" | "threadId" | "threadSource">>

export interface Opened {
  readonly params: Request.ThreadParams
  readonly inForce: Request.InForce
}

/** Fails if the agent would work in a directory that is not there: Codex would tell only the model. */
export const checkDirectory = (fs: FileSystem.FileSystem, command: string, { workingDirectory }: TurnRequest) => {
  if (workingDirectory === undefined) return Effect.void
  const refuse = (code: string, description: string) =>
    Effect.fail(
      CodexError.fromReason(new CodexError.SpawnFailed({ command, workingDirectory, code, description }))
    )
  return Effect.matchEffect(fs.stat(workingDirectory), {
    onFailure: ({ reason }) => refuse(reason._tag, reason.description ?? reason._tag),
    onSuccess: ({ type }) => type === "Directory" ? Effect.void : refuse("BadResource", `it is a ${type}`)
  })
}

/** Makes the thread ready for a turn that is told what it may do, as a thread would go on with what it was told before. */
export const open = Effect.fnUntraced(function*(
  { client }: Link,
  given: Omit<Request.Context, "base">,
  options: RequestOptions,
  extra: Extra = {}
): Effect.fn.Return<Opened, ClientError> {
  const { request } = given
  const { ephemeral, fork, thread: threadId, threadSource = "user" } = request
  const base = Request.needsBase(request)
    ? (yield* client.request("config/read", { cwd: Request.directoryOf(request), includeLayers: false })).config
    : undefined
  const context = { ...given, base }

  if (threadId !== undefined) {
    const params = { ...Request.threadParams(context, yield* defaultSandbox(client, context)), ...extra }
    const resume = client.request("thread/resume", { excludeTurns: true, ...params, threadId }, options)
    return { params, inForce: yield* Effect.retry(resume, { schedule: untilClosed, while: isClosing }) }
  }
  if (fork !== undefined) {
    const params = { ...Request.threadParams(context, yield* defaultSandbox(client, context)), ...extra }
    const forking = { excludeTurns: true, ephemeral, threadSource, ...params, threadId: fork }
    return { params, inForce: yield* client.request("thread/fork", forking, options) }
  }
  const params = { ...Request.threadParams(context), ...extra }
  return { params, inForce: yield* client.request("thread/start", { ephemeral, threadSource, ...params }, options) }
})

/** Ends the commands that were left running in a thread, and lets go of it. A client may be allowed only the latter. */
export const release = ({ client }: Link, threadId: string) =>
  Effect.ignore(client.request("thread/backgroundTerminals/clean", { threadId })).pipe(
    Effect.andThen(client.request("thread/unsubscribe", { threadId }))
  )

/** What Codex has written down of a turn whose end it did not tell. */
export const readBack = Effect.fnUntraced(function*({ client }: Link, threadId: string, turnId: string) {
  const { data } = yield* client.request("thread/turns/list", { threadId, itemsView: "full", limit: 5 }).pipe(
    Effect.mapError((error) => CodexError.fromReason(Failure.fromClient(error, { thread: threadId })))
  )
  const turn = data.find(({ id }) => id === turnId)
  if (turn !== undefined && turn.status !== "inProgress") return turn
  return yield* CodexError.fromReason(
    new CodexError.AppServerFailed({
      problem: `Nothing runs in thread ${threadId} any more, and the app-server does not say how its turn ended`,
      unreachable: false
    })
  )
}, Effect.mapError(CodexError.afterWork))

export const busy = (threadId: string) => Effect.fail(CodexError.fromReason(new CodexError.ThreadBusy({ threadId })))

/** Codex gets so much time to do what ends something. */
export const within =
  (limit: Duration.Input, what: string, otherwise: Effect.Effect<void> = Effect.void) =>
  <A, E>(self: Effect.Effect<A, E>): Effect.Effect<void, E> =>
    self.pipe(
      Effect.interruptible,
      Effect.timeoutOption(limit),
      Effect.flatMap((ended) =>
        Option.isSome(ended)
          ? Effect.void
          : Effect.andThen(
            Effect.logWarning(`Codex did not ${what} within ${Duration.format(Duration.fromInputUnsafe(limit))}`),
            otherwise
          )
      )
    )

/** For who has no guard. */
export const unguarded: ProcessTree = {
  env: {},
  attach: () => Effect.void,
  record: () => Effect.void,
  sweep: Effect.void
}

// =============================================================================
// Internals
// =============================================================================

/** A thread that has just been let go of can't go on before Codex has closed it. */
const isClosing = (error: ClientError): boolean => isRpcError(error) && error.description.includes("is closing; retry")

const untilClosed = Schedule.max([Schedule.spaced("20 millis"), Schedule.during("10 seconds")])

/** The sandbox of a new thread, where nobody says which: Codex trusts some directories more than others. */
const defaultSandbox = Effect.fnUntraced(function*(
  client: Link["client"],
  context: Request.Context
): Effect.fn.Return<SandboxMode | undefined, ClientError> {
  if (Request.sandboxOf(context) !== undefined) return undefined
  const started = yield* client.request("thread/start", Request.probeParams(context))
  yield* client.request("thread/unsubscribe", { threadId: started.thread.id })
  return Request.sandboxInForce(started)
})
