/**
 * The threads of an app-server: opened as live conversations, listed, read, and put away.
 *
 * `Codex` runs turns over any transport. This is for who needs what a connection alone can do: watch a turn from several
 * places, steer it, cut a thread back, give it a goal.
 *
 * - Options are those of `CodexOptions`, with the same meaning and the same checks: what Codex puts in force is compared
 *   with what was asked for, before anything begins. Unless `approval` says so, the agent asks nobody.
 * - Several turns run at once on one connection, each on a thread of its own. Nobody who looks on holds them up.
 * - When the connection is lost, its turns fail with the cause. With {@link layerConnect} another one is made, and the
 *   open threads go on there, but for ephemeral ones; no turn is done again.
 *
 * **Example** (Two ways from one point)
 *
 * ```ts
 * import * as Threads from "@effect-codex/core/appserver/Threads"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function*() {
 *   const threads = yield* Threads.Threads
 *   const thread = yield* threads.start({ sandbox: "read-only" })
 *   yield* thread.run("Find out why the build is slow")
 *   const other = yield* thread.fork()
 *   return yield* Effect.all([
 *     thread.run("Plan a remedy that changes no dependency"),
 *     other.run("Plan a remedy that may change dependencies")
 *   ], { concurrency: "unbounded" })
 * }).pipe(Effect.scoped)
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type * as CodexError from "../CodexError.ts"
import * as LiveThreads from "../internal/liveThreads.ts"
import type { ConnectOptions, ForkOptions, Options, ResumeOptions, StartOptions } from "../internal/threadOptions.ts"
import { Client } from "./Client.ts"
import type { ClientError } from "./ClientError.ts"
import type * as Protocol from "./Protocol.ts"
import type { Thread } from "./Thread.ts"

// =============================================================================
// Options
// =============================================================================

export type {
  /**
   * @category options
   * @since 0.1.0
   */
  ConnectOptions,
  /**
   * @category options
   * @since 0.1.0
   */
  ForkOptions,
  /**
   * @category options
   * @since 0.1.0
   */
  Options,
  /**
   * @category options
   * @since 0.1.0
   */
  ResumeOptions,
  /**
   * @category options
   * @since 0.1.0
   */
  StartOptions,
  /**
   * @category options
   * @since 0.1.0
   */
  ThreadOptions
} from "../internal/threadOptions.ts"

// =============================================================================
// Service
// =============================================================================

/**
 * The threads of an app-server.
 *
 * @category services
 * @since 0.1.0
 */
export class Threads extends Context.Service<Threads, {
  /** Opens a new thread. */
  readonly start: (options?: StartOptions) => Effect.Effect<Thread, CodexError.CodexError, Scope.Scope>
  /**
   * Opens a thread that was kept. Fails with `ThreadNotFound`, with `ThreadArchived`, or with `ThreadBusy` if it is open
   * already, here or elsewhere.
   */
  readonly resume: (
    threadId: string,
    options?: ResumeOptions
  ) => Effect.Effect<Thread, CodexError.CodexError, Scope.Scope>
  /** Opens a copy of a thread, or of its beginning, which leaves the thread as it is. */
  readonly fork: (
    threadId: string,
    options?: ForkOptions
  ) => Effect.Effect<Thread, CodexError.CodexError, Scope.Scope>
  /** The threads that were kept, the newest first. Pages are fetched as they are needed. */
  readonly list: (
    filter?: Omit<Protocol.ParamsOf<"thread/list">, "cursor">
  ) => Stream.Stream<Protocol.Thread, CodexError.CodexError>
  /** What Codex knows of a thread, open or not. */
  readonly read: (threadId: string) => Effect.Effect<Protocol.Thread, CodexError.CodexError>
  /** The turns of a thread, open or not, the last one first. */
  readonly history: (
    threadId: string,
    options?: Omit<Protocol.ParamsOf<"thread/turns/list">, "cursor" | "threadId">
  ) => Stream.Stream<Protocol.Turn, CodexError.CodexError>
  readonly archive: (threadId: string) => Effect.Effect<void, CodexError.CodexError>
  readonly unarchive: (threadId: string) => Effect.Effect<void, CodexError.CodexError>
  /** Removes a thread for good. */
  readonly delete: (threadId: string) => Effect.Effect<void, CodexError.CodexError>
  /** The client of the connection that there is now, for all that is not here. It is lost with the connection. */
  readonly client: Effect.Effect<Client["Service"], CodexError.CodexError>
}>()("@effect-codex/core/appserver/Threads") {}

// =============================================================================
// Constructors
// =============================================================================

/**
 * Makes the service out of whatever connects to an app-server. It connects at once, and again when the connection is
 * lost.
 *
 * What else is in context counts if it is there, and has to be left out for an app-server on another machine:
 * `FileSystem`, for a look at images and directories, `ProcessGuard`, for the commands of each thread, and `CodexCli`, for
 * its secrets, which are hidden from those commands and from errors.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <R>(
  connect: Effect.Effect<Client["Service"], ClientError, R>,
  options: ConnectOptions = {}
): Effect.Effect<Threads["Service"], CodexError.CodexError, R | Scope.Scope> =>
  Effect.map(LiveThreads.make(connect, options), Threads.of)

// =============================================================================
// Layers
// =============================================================================

/**
 * Provides `Threads` over the {@link Client} in context. Once that has lost its connection, everything fails.
 *
 * A client with the capability `experimentalApi` can end the commands that a turn left running.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options): Layer.Layer<Threads, CodexError.CodexError, Client> =>
  Layer.effect(
    Threads,
    Effect.flatMap(Client, (client) => make(Effect.succeed(client), { ...options, reconnect: Schedule.recurs(0) }))
  )

/**
 * Provides `Threads` over connections of its own, see {@link make}.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConnect = <R>(
  connect: Effect.Effect<Client["Service"], ClientError, R>,
  options?: ConnectOptions
): Layer.Layer<Threads, CodexError.CodexError, Exclude<R, Scope.Scope>> => Layer.effect(Threads, make(connect, options))
