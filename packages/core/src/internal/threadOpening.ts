/**
 * Opens a thread, and opens it again when its connection was lost.
 *
 * @internal
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Struct from "effect/Struct"
import type { ClientError } from "../appserver/ClientError.ts"
import type * as Handles from "../appserver/Thread.ts"
import * as CodexError from "../CodexError.ts"
import * as CodexOptions from "../CodexOptions.ts"
import * as CodexTurn from "../CodexTurn.ts"
import * as Failure from "./appServerFailure.ts"
import type { Link } from "./appServerLink.ts"
import * as Request from "./appServerRequest.ts"
import * as Thread from "./appServerThread.ts"
import { LiveThread } from "./liveThread.ts"
import type { LiveTurn } from "./liveTurn.ts"
import * as ThreadHandle from "./threadHandle.ts"
import type { ForkOptions, StartOptions } from "./threadOptions.ts"
import type { Shared } from "./threadShared.ts"

// =============================================================================
// Models
// =============================================================================

/** Which thread, and how. */
export interface Asked
  extends
    Omit<StartOptions, "params">,
    Pick<ForkOptions, "lastTurnId">,
    Pick<CodexOptions.CodexOptions, "fork" | "thread">
{
  readonly params?: Thread.Extra | undefined
}

interface Opened extends Thread.Opened {
  readonly thread: LiveThread
}

// =============================================================================
// Opening
// =============================================================================

/** Opens a thread for as long as the scope is open. If it fails, nothing of it is left. */
export const open = Effect.fnUntraced(function*(
  shared: Shared,
  asked: Asked
): Effect.fn.Return<Handles.Thread, CodexError.CodexError, Scope.Scope> {
  const scope = yield* Scope.fork(yield* Effect.scope)
  return yield* openIn(shared, asked).pipe(
    Scope.provide(scope),
    Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
  )
})

const openIn = Effect.fnUntraced(function*(
  shared: Shared,
  { lastTurnId, params, tools: given, ...asked }: Asked
): Effect.fn.Return<Handles.Thread, CodexError.CodexError, Scope.Scope> {
  const { claims, cli, files, router, run } = shared
  const { tools: usual, ...defaults } = shared.defaults
  const tools = given ?? usual
  const { timeout = "1 minute", ...options } = CodexOptions.merge(defaults, asked)
  const request = yield* refused(CodexOptions.toRequest("Work", options))
  yield* refused(Request.check(request))
  if (Option.isSome(files)) yield* Thread.checkDirectory(files.value, cli.command, request)
  const tree = yield* shared.guard
  const link = yield* shared.link
  if (tools !== undefined) yield* shared.tools.serve(link.client)

  const { fork, thread: threadId } = request
  // The copy of the whole of a thread that is open here.
  const usageBefore = lastTurnId === undefined ? router.threads.find(({ id }) => id === fork)?.usage : undefined
  const isNew = threadId === undefined && fork === undefined
  const opened = (opened: Thread.Opened): Opened => {
    const { thread: { id }, ...settings } = opened.inForce
    claims.add(id)
    if (tools !== undefined) shared.tools.set(id, tools)
    const thread: LiveThread = new LiveThread({
      id,
      link,
      settings,
      request,
      extra: params,
      usage: isNew ? CodexTurn.zeroUsage : usageBefore,
      tree,
      clock: shared.clock,
      hide: shared.hide,
      onDoubt: (turn) => run(settle(shared, thread, turn))
    })
    router.opened(thread)
    return { ...opened, thread }
  }
  const opening = Effect.suspend(() => {
    if (threadId !== undefined) {
      if (claims.has(threadId)) return Thread.busy(threadId)
      claims.add(threadId)
    }
    router.opening()
    return Effect.succeed(run(
      Thread.open(link, { request, cli, tree }, { timeout }, {
        // A thread that goes on, and a copy, have been told before.
        ...tools !== undefined && isNew ? { dynamicTools: tools.specs } : {},
        ...lastTurnId === undefined ? {} : { lastTurnId },
        ...params
      }).pipe(
        Effect.mapBoth({ onFailure: failed(request), onSuccess: opened }),
        Effect.onError(() => Effect.sync(() => router.opened(undefined)))
      )
    ))
  })
  // The outcome of these two counts even if nobody waits for it any more.
  const { inForce, params: said, thread } = yield* Effect.flatMap(
    Effect.acquireRelease(
      opening,
      (opening) =>
        Fiber.await(run(
          Effect.flatMap(Fiber.join(opening), ({ thread }) => close(shared, thread)).pipe(
            Effect.ensuring(Effect.sync(() => threadId === undefined || claims.delete(threadId)))
          )
        )).pipe(
          Thread.within(shared.interruptGrace, "let go of a thread")
        )
    ),
    Fiber.join
  )
  if (threadId !== undefined && threadId !== thread.id) {
    return yield* CodexError.fromReason(new CodexError.ThreadMismatch({ requested: threadId, actual: thread.id }))
  }
  yield* refused(Request.checkInForce(said, request, inForce))
  if (inForce.thread.status.type === "active") return yield* Thread.busy(thread.id)
  return ThreadHandle.make(shared, thread)
})

/** Lets go of a thread, and forgets it. */
const close = ({ claims, interruptGrace, router, tools }: Shared, thread: LiveThread) =>
  Effect.suspend(() => {
    thread.isClosed = true
    return ThreadHandle.end(thread).pipe(
      Semaphore.withPermit(thread.opening),
      Effect.timeoutOption(interruptGrace),
      Effect.ensuring(Effect.sync(() => {
        thread.observers.end(Exit.void)
        router.remove(thread)
        tools.delete(thread.id)
        claims.delete(thread.id)
      }))
    )
  })

/** Opens a thread again on another connection. */
export const again = Effect.fnUntraced(function*({ cli, tools }: Shared, thread: LiveThread, link: Link) {
  const { extra, request, tree } = thread.options
  const { id } = thread
  if (tools.has(id)) yield* tools.serve(link.client)
  if (request.ephemeral === true) {
    return yield* CodexError.fromReason(
      new CodexError.AppServerFailed({
        problem: `Thread ${id} is gone with its connection, as it was ephemeral: start another one`,
        unreachable: false
      })
    )
  }
  thread.link = link
  thread.isAttached = false
  thread.closed.closeUnsafe()
  const resumed = { ...Struct.omit(request, ["ephemeral", "fork", "threadSource"]), thread: id }
  const opened = yield* Effect.mapError(
    Thread.open(link, { request: resumed, cli, tree }, {}, extra === undefined ? {} : Struct.pick(extra, lasting)),
    failed(resumed)
  )
  const { inForce, params } = opened
  yield* Effect.andThen(
    refused(Request.checkInForce(params, resumed, inForce)),
    inForce.thread.status.type === "active" ? Thread.busy(id) : Effect.void
  ).pipe(Effect.tapError(() => Effect.ignore(Thread.release(link, id))))
  thread.isAttached = true
})

// =============================================================================
// Internals
// =============================================================================

const failed = (request: CodexOptions.TurnRequest) => (error: ClientError) =>
  CodexError.fromReason(Failure.fromClient(error, request))

const refused = <A>(checked: Result.Result<A, CodexError.InvalidOption>) =>
  Effect.mapError(Effect.fromResult(checked), CodexError.fromReason)

/** What was asked of a thread in the words of the protocol, and can be asked of it again. */
const lasting = [
  "approvalPolicy",
  "approvalsReviewer",
  "baseInstructions",
  "config",
  "cwd",
  "developerInstructions",
  "model",
  "modelProvider",
  "permissions",
  "runtimeWorkspaceRoots",
  "sandbox",
  "serviceTier"
] as const satisfies ReadonlyArray<keyof Thread.Extra>

/** Gives Codex time to tell how a turn ended, and then asks. */
const settle = ({ completionGrace }: Shared, thread: LiveThread, turn: LiveTurn) =>
  Effect.timeoutOrElse(Effect.exit(Deferred.await(turn.ending)), {
    duration: completionGrace,
    orElse: () =>
      Effect.suspend(() => {
        if (thread.isInDoubt(turn)) return ThreadHandle.findOut(thread.link, turn)
        turn.isInQuestion = false
        return Effect.void
      })
  })
