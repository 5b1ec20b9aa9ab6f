/**
 * What can be said of threads, and of how they are treated.
 *
 * @internal
 */
import type * as Duration from "effect/Duration"
import type * as Schedule from "effect/Schedule"
import type { DynamicTools } from "../appserver/DynamicTools.ts"
import type * as Protocol from "../appserver/Protocol.ts"
import type { CodexOptions } from "../CodexOptions.ts"

/**
 * Options of a thread: those of `CodexOptions` that an app-server knows, but for which thread it is and how long a turn
 * may take.
 *
 * @category options
 * @since 0.1.0
 */
export interface ThreadOptions extends
  Pick<
    CodexOptions,
    | "additionalDirectories"
    | "approval"
    | "baseUrl"
    | "config"
    | "features"
    | "model"
    | "networkAccess"
    | "reasoningEffort"
    | "sandbox"
    | "webSearch"
    | "workingDirectory"
  >
{
  /**
   * Tools of this program that the agent can call, see `DynamicTools.make`. Codex keeps what a new thread is told of
   * them: a thread that goes on, and a copy, have the same tools, and are given here who answers their calls.
   */
  readonly tools?: DynamicTools | undefined
  /** How long Codex may take to open the thread (default one minute). */
  readonly timeout?: Duration.Input | undefined
}

/**
 * Options of a new thread.
 *
 * @category options
 * @since 0.1.0
 */
export interface StartOptions extends ThreadOptions, Pick<CodexOptions, "ephemeral" | "threadSource"> {
  /** What else `thread/start` takes. It wins over what the other options say. */
  readonly params?: Partial<Omit<Protocol.ParamsOf<"thread/start">, "ephemeral" | "threadSource">> | undefined
}

/**
 * Options of a thread that goes on.
 *
 * @category options
 * @since 0.1.0
 */
export interface ResumeOptions extends ThreadOptions {
  /** What else `thread/resume` takes. It wins over what the other options say. */
  readonly params?: Partial<Omit<Protocol.ParamsOf<"thread/resume">, "threadId">> | undefined
}

/**
 * Options of a copy.
 *
 * @category options
 * @since 0.1.0
 */
export interface ForkOptions extends ThreadOptions, Pick<CodexOptions, "ephemeral" | "threadSource"> {
  /** The last turn that is copied; it must have ended. Default: the last there is. */
  readonly lastTurnId?: string | undefined
  /** What else `thread/fork` takes. It wins over what the other options say. */
  readonly params?:
    | Partial<Omit<Protocol.ParamsOf<"thread/fork">, "ephemeral" | "threadId" | "threadSource">>
    | undefined
}

/**
 * How turns are ended, and connections made again.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** Defaults of every thread. */
  readonly defaults?: ThreadOptions | undefined
  /** How long Codex may take to end a turn that is stopped, with all that belongs to it (default 5 seconds). */
  readonly interruptGrace?: Duration.Input | undefined
  /**
   * How long the end of a turn may be missing once Codex says that nothing runs in its thread (default 5 seconds). Then
   * what Codex has written down of the turn counts.
   */
  readonly completionGrace?: Duration.Input | undefined
}

/**
 * How connections are made again, too.
 *
 * @category options
 * @since 0.1.0
 */
export interface ConnectOptions extends Options {
  /**
   * When another connection is tried for, once one was lost (default: from 100 milliseconds on, twice as long each time
   * up to 10 seconds, for ever, unless the app-server can't be started or refuses who comes). Where it gives up, the next operation tries again.
   */
  readonly reconnect?: Schedule.Schedule<unknown> | undefined
}
