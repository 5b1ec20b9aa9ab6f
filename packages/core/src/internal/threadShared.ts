/**
 * What the threads of a service share.
 *
 * @internal
 */
import type * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as FileSystem from "effect/FileSystem"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type * as Protocol from "../appserver/Protocol.ts"
import type { Thread } from "../appserver/Thread.ts"
import type { CodexCliConfig } from "../CodexCli.ts"
import type * as CodexError from "../CodexError.ts"
import type { ProcessTree } from "../ProcessGuard.ts"
import type { Link } from "./appServerLink.ts"
import type { Router } from "./liveRouter.ts"
import type { LiveThread } from "./liveThread.ts"
import type { ForkOptions, ThreadOptions } from "./threadOptions.ts"
import type { ThreadTools } from "./threadTools.ts"

export interface Shared {
  readonly cli: CodexCliConfig
  readonly clock: Clock.Clock
  readonly hide: (text: string) => string
  readonly router: Router
  /** The threads that are open, or about to be: each is open once. */
  readonly claims: Set<string>
  readonly tools: ThreadTools
  readonly defaults: ThreadOptions
  readonly files: Option.Option<FileSystem.FileSystem>
  readonly guard: Effect.Effect<ProcessTree, never, Scope.Scope>
  readonly interruptGrace: Duration.Input
  readonly completionGrace: Duration.Input
  /** Runs something to its end, whoever waits for it, for as long as the service is there. */
  readonly run: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
  /** The connection that there is now. */
  readonly link: Effect.Effect<Link, CodexError.CodexError>
  /** The same, with the thread open on it. */
  readonly attached: (thread: LiveThread) => Effect.Effect<Link, CodexError.CodexError>
  readonly read: (threadId: string) => Effect.Effect<Protocol.Thread, CodexError.CodexError>
  readonly history: (
    threadId: string,
    options?: Omit<Protocol.ParamsOf<"thread/turns/list">, "cursor" | "threadId">
  ) => Stream.Stream<Protocol.Turn, CodexError.CodexError>
  readonly fork: (
    threadId: string,
    options?: ForkOptions
  ) => Effect.Effect<Thread, CodexError.CodexError, Scope.Scope>
}
