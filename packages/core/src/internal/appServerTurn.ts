/**
 * One turn over an app-server: its thread, its events, its end.
 *
 * @internal
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { ClientError } from "../appserver/ClientError.ts"
import type { ConnectionError } from "../appserver/ConnectionError.ts"
import type { RequestOptions } from "../appserver/JsonRpc.ts"
import type { Notification } from "../appserver/JsonRpcMessage.ts"
import { isRpcError } from "../appserver/RpcError.ts"
import * as CodexError from "../CodexError.ts"
import type { CodexEvent } from "../CodexEvent.ts"
import type { TurnRequest } from "../CodexOptions.ts"
import type { Worker } from "../CodexTransport.ts"
import { TurnEvents } from "./appServerEvents.ts"
import * as Failure from "./appServerFailure.ts"
import type { Link } from "./appServerLink.ts"
import { TurnProgress } from "./appServerProgress.ts"
import * as Request from "./appServerRequest.ts"
import * as Thread from "./appServerThread.ts"
import * as Telemetry from "./telemetry.ts"

// =============================================================================
// Models
// =============================================================================

export interface Options extends Omit<Request.Context, "base"> {
  /** Takes secrets out of a text. */
  readonly hide: (text: string) => string
  readonly onStart: (worker: Worker) => Effect.Effect<void>
  /** How long all may take that ends the turn. */
  readonly interruptGrace: Duration.Input
  /** How long the end of the turn may be missing once nothing runs in its thread. */
  readonly completionGrace: Duration.Input
}

type Messages = Pull.Pull<Arr.NonEmptyReadonlyArray<Notification>, ConnectionError>

// =============================================================================
// Constructors
// =============================================================================

/** The events of a turn. Once the scope is closed, nothing of it goes on. */
export const open = Effect.fnUntraced(function*(link: Link, options: Options): Effect.fn.Return<
  Stream.Stream<CodexEvent, CodexError.CodexError>,
  CodexError.CodexError,
  Scope.Scope
> {
  const { onStart, request, tree } = options
  const progress = yield* claim(link, request)
  // Their outcome counts even if nobody waits for it any more.
  const requests = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
  const messages: Messages = yield* Stream.toPull(yield* link.subscribe(progress.target))
  const trace = yield* traceOptions

  const opening = yield* Thread.open(link, options, { ...trace, timeout: request.firstEventTimeout }).pipe(
    Effect.tap(({ inForce: { thread } }) =>
      Effect.sync(() => {
        progress.target.threadId = thread.id
        link.threads.add(thread.id)
      })
    ),
    Effect.forkIn(requests)
  )
  let starting: Fiber.Fiber<TurnEvents, ClientError> | undefined
  yield* Effect.addFinalizer(() =>
    Fiber.await(opening).pipe(
      Effect.andThen(Effect.suspend(() => starting === undefined ? Effect.void : Fiber.await(starting))),
      Effect.andThen(end(link, progress, messages)),
      Thread.within(options.interruptGrace, "end a turn", Effect.sync(link.giveUp))
    )
  )
  const { inForce, params } = yield* Fiber.join(opening).pipe(
    Effect.tapError(({ _tag }) => _tag === "RequestTimedOut" ? Effect.sync(link.giveUp) : Effect.void),
    Effect.mapError(failed(options))
  )
  const { id: threadId, status } = inForce.thread
  yield* Effect.mapError(Effect.fromResult(Request.checkInForce(params, request, inForce)), CodexError.fromReason)
  if (status.type === "active") return yield* Thread.busy(threadId)

  yield* onStart({ kill: Effect.andThen(Effect.timeoutOption(interrupt(link, progress), "1 second"), tree.sweep) })

  const run = Effect.gen(function*() {
    starting = yield* start(link, options, inForce, trace).pipe(
      Effect.map((turnId) => {
        progress.target.turnId = turnId
        if (!("type" in request.input)) progress.activeTurnId = turnId
        return progress.events = new TurnEvents({ threadId, turnId, hide: options.hide })
      }),
      Effect.forkIn(requests)
    )
    const events = yield* Effect.mapError(Fiber.join(starting), (error) =>
      // Whoever got no answer does not know whether it has begun.
      isRpcError(error) ? failed(options)(error) : CodexError.afterWork(failed(options)(error)))
    return Stream.fromPull(Effect.succeed(pull(link, options, { events, messages, progress })))
  })
  return Stream.concat(
    Stream.succeed({ type: "thread.started", thread_id: threadId }),
    Stream.unwrap(run)
  )
})

// =============================================================================
// Internals: the beginning
// =============================================================================

/** Codex would take a second turn on a thread for more words to the first. */
const claim = ({ threads }: Link, { thread }: TurnRequest) =>
  Effect.acquireRelease(
    Effect.suspend(() => {
      if (thread === undefined) return Effect.succeed(new TurnProgress(thread))
      if (threads.has(thread)) return Thread.busy(thread)
      threads.add(thread)
      return Effect.succeed(new TurnProgress(thread))
    }),
    (progress) => Effect.sync(() => progress.threads.forEach((threadId) => threads.delete(threadId)))
  )

const start = (
  { client }: Link,
  { request }: Options,
  inForce: Request.InForce,
  options: RequestOptions
): Effect.Effect<string, ClientError> => {
  const { input, outputSchema } = request
  const threadId = inForce.thread.id
  const started = "type" in input
    ? client.request("review/start", { threadId, target: Request.reviewTargetOf(input.target) }, options)
    : client.request("turn/start", {
      threadId,
      input: Request.inputOf(request),
      outputSchema,
      runtimeWorkspaceRoots: Request.rootsOf(request, inForce)
    }, options)
  return Effect.map(started, ({ turn }) => turn.id)
}

const failed = ({ request }: Options) => (error: ClientError): CodexError.CodexError =>
  CodexError.fromReason(Failure.fromClient(error, request))

const traceOptions: Effect.Effect<RequestOptions> = Effect.map(
  Telemetry.traceContext,
  (variables) => variables?.["TRACEPARENT"] === undefined ? {} : { trace: { traceparent: variables["TRACEPARENT"] } }
)

// =============================================================================
// Internals: the events
// =============================================================================

interface Running {
  readonly events: TurnEvents
  readonly messages: Messages
  readonly progress: TurnProgress
}

const pull = (
  link: Link,
  options: Options,
  { events, messages, progress }: Running
): Pull.Pull<Arr.NonEmptyReadonlyArray<CodexEvent>, CodexError.CodexError> => {
  const taken = Effect.map(messages, (batch) => batch.flatMap((message) => progress.note(message)))
  const next = taken.pipe(
    // Codex may be at work, and nobody sees at what.
    Effect.mapError((error) => Cause.isDone(error) ? error : CodexError.afterWork(failed(options)(error)))
  )
  const last = Effect.timeoutOrElse(next, {
    duration: options.completionGrace,
    orElse: () => {
      const { threadId = "", turnId = "" } = progress.target
      return Effect.map(Thread.readBack(link, threadId, turnId), (turn) => events.conclude(turn))
    }
  })
  const go: ReturnType<typeof pull> = Effect.suspend(() => {
    if (events.ended) return Cause.done()
    return Effect.filterOrElse(events.isOverdue ? last : next, Arr.isReadonlyArrayNonEmpty, () => go)
  })
  return go
}

// =============================================================================
// Internals: the end
// =============================================================================

/** Whether there was something to interrupt. */
const interrupt = ({ client }: Link, progress: TurnProgress): Effect.Effect<boolean> =>
  Effect.suspend(() => {
    const { activeTurnId: turnId, target: { threadId } } = progress
    return threadId === undefined || turnId === undefined
      ? Effect.succeed(false)
      : Effect.isSuccess(client.request("turn/interrupt", { threadId, turnId }))
  })

/** Ends the turn, those of its sub-agents, and the commands that they left running; then lets go of their threads. */
const end = Effect.fnUntraced(function*(link: Link, progress: TurnProgress, messages: Messages) {
  const { client } = link
  const { events, target } = progress
  const until = (condition: () => boolean) =>
    Effect.whileLoop({
      while: () => !condition(),
      body: () => messages,
      step: (batch) => batch.forEach((message) => progress.note(message))
    })

  if (target.threadId === undefined) return
  if (events !== undefined) {
    yield* until(() => events.ended || progress.activeTurnId !== undefined)
    if (!events.ended && (yield* interrupt(link, progress))) yield* until(() => events.ended)
  }
  yield* Effect.forEach(
    target.agents,
    ([threadId, turnId]) => turnId === undefined ? Effect.void : client.request("turn/interrupt", { threadId, turnId }),
    {
      concurrency: "unbounded",
      discard: true
    }
  ).pipe(Effect.ignore)
  yield* Effect.forEach(
    progress.threads,
    (threadId) =>
      // Of one that is gone already, nothing more is told.
      Effect.map(
        Thread.release(link, threadId),
        ({ status }) => status === "unsubscribed" || progress.closed.add(threadId)
      ),
    { concurrency: "unbounded", discard: true }
  )
  if (link.unloadsAtOnce) yield* until(() => progress.threads.every((threadId) => progress.closed.has(threadId)))
}, (effect) => Effect.ignore(effect))
