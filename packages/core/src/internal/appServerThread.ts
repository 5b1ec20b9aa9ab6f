/**
 * The thread of a turn: a new one, one that goes on, or a copy of one.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Schedule from "effect/Schedule"
import type { ClientError } from "../appserver/ClientError.ts"
import type { RequestOptions } from "../appserver/JsonRpc.ts"
import { isRpcError } from "../appserver/RpcError.ts"
import * as CodexError from "../CodexError.ts"
import type { SandboxMode, TurnRequest } from "../CodexOptions.ts"
import type { Link } from "./appServerLink.ts"
import * as Request from "./appServerRequest.ts"

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
  options: RequestOptions
): Effect.fn.Return<Opened, ClientError> {
  const { request } = given
  const { ephemeral, fork, thread: threadId, threadSource = "user" } = request
  const base = Request.needsBase(request)
    ? (yield* client.request("config/read", { cwd: Request.directoryOf(request), includeLayers: false })).config
    : undefined
  const context = { ...given, base }

  if (threadId !== undefined) {
    const params = Request.threadParams(context, yield* defaultSandbox(client, context))
    const resume = client.request("thread/resume", { ...params, threadId, excludeTurns: true }, options)
    return { params, inForce: yield* Effect.retry(resume, { schedule: untilClosed, while: isClosing }) }
  }
  if (fork !== undefined) {
    const params = Request.threadParams(context, yield* defaultSandbox(client, context))
    const forking = { ...params, threadId: fork, excludeTurns: true, ephemeral, threadSource }
    return { params, inForce: yield* client.request("thread/fork", forking, options) }
  }
  const params = Request.threadParams(context)
  return { params, inForce: yield* client.request("thread/start", { ...params, ephemeral, threadSource }, options) }
})

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
