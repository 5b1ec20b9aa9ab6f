/**
 * The threads of an app-server, over the connection that there is now.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as FileSystem from "effect/FileSystem"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import type { Client } from "../appserver/Client.ts"
import type { ClientError } from "../appserver/ClientError.ts"
import * as ConnectionError from "../appserver/ConnectionError.ts"
import type * as Protocol from "../appserver/Protocol.ts"
import { CodexCli, type CodexCliConfig } from "../CodexCli.ts"
import * as CodexError from "../CodexError.ts"
import { ProcessGuard } from "../ProcessGuard.ts"
import * as Failure from "./appServerFailure.ts"
import * as Link from "./appServerLink.ts"
import * as Links from "./appServerLinks.ts"
import * as Thread from "./appServerThread.ts"
import * as ExecCommand from "./execCommand.ts"
import { Router } from "./liveRouter.ts"
import type { LiveThread } from "./liveThread.ts"
import * as ThreadOpening from "./threadOpening.ts"
import type { ConnectOptions, ResumeOptions, StartOptions } from "./threadOptions.ts"
import type { Shared } from "./threadShared.ts"
import * as ThreadTools from "./threadTools.ts"
import * as TurnHandle from "./turnHandle.ts"

export const make = Effect.fnUntraced(function*<R>(
  connect: Effect.Effect<Client["Service"], ClientError, R>,
  { completionGrace, defaults = {}, interruptGrace, reconnect }: ConnectOptions
) {
  const cli = Option.getOrElse(yield* Effect.serviceOption(CodexCli), (): CodexCliConfig => ({ command: "codex" }))
  const clock = yield* Clock.Clock
  const hide = ExecCommand.hideSecrets(cli)
  const router = new Router()

  /** Open once all that was at work over a connection has failed. */
  const lost = new WeakMap<Link.Link, Latch.Latch>()
  /** What the app-server has left behind is ended first. */
  const lose = (link: Link.Link) => (error: ConnectionError.ConnectionError) => {
    const failure = CodexError.fromReason(Failure.fromConnection(error))
    return Effect.forEach(
      router.threads.filter((thread) => thread.link === link),
      (thread) => Effect.andThen(thread.options.tree.sweep, Effect.sync(() => thread.lose(failure))),
      { concurrency: "unbounded", discard: true }
    ).pipe(Effect.andThen(lost.get(link)?.open ?? Effect.void))
  }
  const watch = Effect.fnUntraced(function*(link: Link.Link): Effect.fn.Return<void, never, Scope.Scope> {
    lost.set(link, Latch.makeUnsafe())
    const end = yield* Deferred.make<ConnectionError.ConnectionError>()
    yield* link.listen({
      message: (message) => router.take(message),
      end: (error) => {
        Deferred.doneUnsafe(end, Effect.succeed(error))
        run(openAgain)
      }
    })
    yield* Effect.addFinalizer(() => {
      const closed = ConnectionError.fromReason(new ConnectionError.Closed())
      // What came over it is told first, but a middleware may hold that up for ever.
      const told = Effect.timeoutOrElse(Deferred.await(end), {
        duration: "1 second",
        orElse: () => Effect.flip(link.client.closed)
      })
      return Effect.flatMap(link.isAlive() ? Effect.succeed(closed) : told, lose(link))
    })
  })
  const links: Links.Links = yield* Links.make(Effect.tap(Effect.flatMap(connect, Link.make), watch))
  // Ends before the connection does, which nobody is to make again then.
  const run: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E> = yield* FiberSet.makeRuntime<never>()
  const link = Effect.scoped(links.get)

  const attached = (thread: LiveThread) =>
    Effect.suspend(() => thread.isClosed ? closed(thread) : link).pipe(
      Effect.tap((link) => {
        const again = ThreadOpening.again(shared, thread, link)
        if (link === thread.link) return thread.isAttached ? Effect.void : again
        return Effect.andThen(lost.get(thread.link)?.await ?? Effect.void, again)
      }),
      Semaphore.withPermit(thread.opening)
    )
  const openAgain: Effect.Effect<void> = link.pipe(
    Effect.retry({ schedule: reconnect ?? usualReconnect, while: mayComeBack }),
    Effect.andThen(
      Effect.suspend(() =>
        Effect.forEach(
          router.threads,
          (thread) =>
            Effect.catch(attached(thread), (error) => {
              thread.observers.fail(error)
              return Effect.logWarning(`Thread ${thread.id} could not be opened again: ${error.message}`)
            }),
          {
            concurrency: "unbounded",
            discard: true
          }
        )
      )
    ),
    Effect.catch((error) => {
      for (const thread of router.threads) thread.observers.fail(error)
      return Effect.logWarning(`There is no app-server any more: ${error.message}`)
    })
  )

  const use = <A>(call: (client: Client["Service"]) => Effect.Effect<A, ClientError>, threadId?: string) =>
    Effect.flatMap(link, ({ client }) => Effect.mapError(call(client), TurnHandle.failed(threadId)))
  const pages = <A>(list: (client: Client["Service"]) => Stream.Stream<A, ClientError>, threadId?: string) =>
    Stream.unwrap(Effect.map(link, ({ client }) => Stream.mapError(list(client), TurnHandle.failed(threadId))))

  const shared: Shared = {
    cli,
    clock,
    hide,
    router,
    claims: new Set(),
    defaults,
    tools: yield* ThreadTools.make,
    files: yield* Effect.serviceOption(FileSystem.FileSystem),
    guard: Option.match(yield* Effect.serviceOption(ProcessGuard), {
      onNone: () => Effect.succeed(Thread.unguarded),
      onSome: ({ guard }) => guard
    }),
    interruptGrace: interruptGrace ?? "5 seconds",
    completionGrace: completionGrace ?? "5 seconds",
    run,
    link,
    attached,
    fork: (threadId, options) => ThreadOpening.open(shared, { ...options, fork: threadId }),
    history: (threadId, options) =>
      pages((client) => client.paginate("thread/turns/list", { itemsView: "full", ...options, threadId }), threadId),
    read: (threadId) =>
      Effect.map(use((client) => client.request("thread/read", { threadId }), threadId), ({ thread }) => thread)
  }
  yield* link
  return {
    start: (options: StartOptions = {}) => ThreadOpening.open(shared, options),
    resume: (threadId: string, options?: ResumeOptions) => ThreadOpening.open(shared, { ...options, thread: threadId }),
    fork: shared.fork,
    list: (filter?: Omit<Protocol.ParamsOf<"thread/list">, "cursor">) =>
      pages((client) => client.paginate("thread/list", { ...filter })),
    read: shared.read,
    history: shared.history,
    archive: (threadId: string) =>
      Effect.asVoid(use((client) => client.request("thread/archive", { threadId }), threadId)),
    unarchive: (threadId: string) =>
      Effect.asVoid(use((client) => client.request("thread/unarchive", { threadId }), threadId)),
    delete: (threadId: string) =>
      Effect.asVoid(use((client) => client.request("thread/delete", { threadId }), threadId)),
    client: Effect.map(link, ({ client }) => client)
  }
})

const closed = ({ id }: LiveThread) =>
  Effect.fail(
    CodexError.fromReason(
      new CodexError.AppServerFailed({
        problem: `Thread ${id} was closed with its scope: resume it`,
        unreachable: false
      })
    )
  )

/** Whether another try may find it: not where it refuses who comes, or cannot be started. */
const mayComeBack = ({ reason }: CodexError.CodexError): boolean => reason._tag === "Exited" || reason.isTransient

const usualReconnect = Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("10 seconds")]).pipe(
  Schedule.jittered
)
