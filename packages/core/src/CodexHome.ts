/**
 * What Codex has written down: the threads in its home directory (`CODEX_HOME`), and what they used.
 *
 * Nothing is ever written there. A home with many threads is not read in full to find the last one: only the file
 * names and times of all are, and the two ends of the files that are asked for.
 *
 * **Example** (Going on where one left off)
 *
 * ```ts
 * import * as Codex from "@effect-codex/core/Codex"
 * import * as CodexHome from "@effect-codex/core/CodexHome"
 * import * as Effect from "effect/Effect"
 * import * as Option from "effect/Option"
 *
 * const program = Effect.gen(function*() {
 *   const home = yield* CodexHome.CodexHome
 *   const last = yield* home.last({ directory: "." })
 *   return yield* Codex.run("What is left to do?", { thread: Option.getOrUndefined(last)?.threadId })
 * })
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Order from "effect/Order"
import * as Path from "effect/Path"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { TokenUsage } from "./CodexEvent.ts"
import * as Rollout from "./internal/rollout.ts"
import * as Rollouts from "./internal/rollouts.ts"

// =============================================================================
// Models
// =============================================================================

/**
 * What is known of a thread without reading all of it. A field is missing if Codex did not write it.
 *
 * @category models
 * @since 0.1.0
 */
export type ThreadSummary = typeof ThreadSummary.Type

/**
 * Schema of {@link ThreadSummary}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ThreadSummary = Schema.Struct({
  threadId: Schema.String,
  /** The name that a user gave it. */
  name: Schema.optionalKey(Schema.String),
  createdAt: Schema.DateTimeUtc,
  /** When Codex last wrote to it. */
  updatedAt: Schema.DateTimeUtc,
  /** Where its last turn worked, or where it began if it has none. */
  directory: Schema.optionalKey(Schema.String),
  /** The model of its last turn. */
  model: Schema.optionalKey(Schema.String),
  /** The provider that it began with. Codex goes on with a thread only if it knows its provider. */
  modelProvider: Schema.optionalKey(Schema.String),
  /** What began it: `exec`, `cli`, `vscode`, `subagent`, … */
  source: Schema.optionalKey(Schema.String),
  /** Whether Codex began it for a purpose of its own: an agent that another thread sent out, or a review. */
  isSubAgent: Schema.Boolean,
  /** The thread that sent it out. */
  parentThreadId: Schema.optionalKey(Schema.String),
  /** The thread that it began as a copy of. */
  forkedFrom: Schema.optionalKey(Schema.String),
  /** Archived threads can be read, but not be gone on with until `codex unarchive`. */
  isArchived: Schema.Boolean,
  /** The version of the CLI that began it. */
  cliVersion: Schema.optionalKey(Schema.String),
  /** The branch that was checked out when it began. */
  gitBranch: Schema.optionalKey(Schema.String),
  /** The file that holds it. */
  path: Schema.String
})

/**
 * Which threads.
 *
 * @category options
 * @since 0.1.0
 */
export interface ThreadsOptions {
  /**
   * Only threads whose last turn worked in this directory. A relative one is taken from the working directory of this
   * process; links are followed on both sides.
   */
  readonly directory?: string | undefined
  /** Whether the threads of sub-agents count (default `false`). */
  readonly includeSubAgents?: boolean | undefined
  /** Whether archived threads count (default `false`). */
  readonly includeArchived?: boolean | undefined
}

// =============================================================================
// Error
// =============================================================================

/**
 * Something in Codex's home directory could not be read: `path` is what, and `problem` why, such as
 * `PermissionDenied`.
 *
 * @category errors
 * @since 0.1.0
 */
export class CodexHomeError extends Schema.TaggedError<CodexHomeError>("@effect-codex/core/CodexHomeError")(
  "CodexHomeError",
  { path: Schema.String, problem: Schema.String }
) {
  override get message(): string {
    return `Could not read ${this.path} (${this.problem}). Repair it, or choose another home by CODEX_HOME or \`path\``
  }
}

// =============================================================================
// Service
// =============================================================================

/**
 * Codex's home directory, for reading. One that is not there has no threads.
 *
 * @category services
 * @since 0.1.0
 */
export class CodexHome extends Context.Service<CodexHome, {
  /**
   * The threads, the one that was worked on last first. Each is read when it is pulled. A file that does not tell what
   * it is, which Codex does not list either, or that cannot be read, is passed over with a message at level `Debug`.
   */
  readonly threads: (options?: ThreadsOptions) => Stream.Stream<ThreadSummary, CodexHomeError>
  /**
   * The thread that was worked on last: what `codex exec resume --last` takes, or with `directory` left out
   * `--last --all`, but never a sub-agent's thread, and whatever its model provider.
   */
  readonly last: (options?: ThreadsOptions) => Effect.Effect<Option.Option<ThreadSummary>, CodexHomeError>
  /** The thread of this id, sub-agents' and archived ones too. */
  readonly find: (threadId: string) => Effect.Effect<Option.Option<ThreadSummary>, CodexHomeError>
  /**
   * The thread's total of tokens so far: what the `usage` of its next turn, or of that of a fork, counts on from.
   * There is none if there is no such thread, or if its file is compressed.
   */
  readonly usage: (threadId: string) => Effect.Effect<Option.Option<TokenUsage>, CodexHomeError>
}>()("@effect-codex/core/CodexHome") {}

// =============================================================================
// Constructors
// =============================================================================

/**
 * Where Codex's home directory is.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  readonly path: string
}

/**
 * Reads the home directory at `path`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<CodexHome["Service"], never, FileSystem.FileSystem | Path.Path> {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const rollouts = yield* Rollouts.make(path.resolve(options.path))

  const summarize = (entry: Rollouts.Dated, names: ReadonlyMap<string, string>) =>
    Effect.map(rollouts.read(entry), (ends) => summary(entry, names.get(entry.threadId), ends))

  const threads = Effect.fnUntraced(function*(options: ThreadsOptions = {}) {
    const { directory, includeArchived = false, includeSubAgents = false } = options
    const entries = Rollouts.current(yield* rollouts.list({ includeArchived }))
    const dated = yield* Effect.forEach(entries, (entry) => optional(rollouts.date(entry)), { concurrency: 16 })
    const names = yield* rollouts.names
    return Stream.fromIterable(dated.flatMap(Option.toArray).toSorted(byActivity)).pipe(
      Stream.mapEffect((entry) => Effect.map(optional(summarize(entry, names)), Option.toArray)),
      Stream.flattenIterable,
      Stream.filter(({ isSubAgent }) => includeSubAgents || !isSubAgent),
      directory === undefined ? (self) => self : Stream.filterEffect(worksIn(yield* realPath(directory)))
    )
  })

  const realPath = (directory: string) => Effect.orElseSucceed(fs.realPath(directory), () => path.resolve(directory))

  const worksIn = (here: string) => ({ directory }: ThreadSummary) =>
    directory === undefined ? Effect.succeed(false) : Effect.map(realPath(directory), (there) => there === here)

  /** The rollout that Codex goes on with for this thread, and all the others. */
  const lookUp = Effect.fnUntraced(function*(threadId: string) {
    const id = threadId.toLowerCase()
    const all = yield* rollouts.list({ includeArchived: true })
    const [entry] = Rollouts.current(all.filter(({ threadId }) => threadId === id))
    return { entry, others: all.filter((other) => other !== entry) }
  })

  return CodexHome.of({
    threads: (options) => Stream.mapError(Stream.unwrap(threads(options)), failure),
    last: (options) => Effect.mapError(Stream.runHead(Stream.unwrap(threads(options))), failure),
    find: Effect.fnUntraced(function*(threadId) {
      const { entry } = yield* lookUp(threadId)
      if (entry === undefined) return Option.none()
      return Option.some(yield* summarize(yield* rollouts.date(entry), yield* rollouts.names))
    }, Effect.mapError(failure)),
    usage: Effect.fnUntraced(function*(threadId) {
      const { entry, others } = yield* lookUp(threadId)
      return entry === undefined ? Option.none() : yield* rollouts.total(entry, others)
    }, Effect.mapError(failure))
  })
})

// =============================================================================
// Layers
// =============================================================================

/**
 * Provides the home directory at `path`. `@effect-codex/node/NodeCodexHome` finds it.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<CodexHome, never, FileSystem.FileSystem | Path.Path> =>
  Layer.effect(CodexHome, make(options))

// =============================================================================
// Internals
// =============================================================================

const failure = (unreadable: Rollouts.Unreadable): CodexHomeError => new CodexHomeError(unreadable)

/** One file that is broken does not hide the others. */
const optional = <A>(effect: Effect.Effect<A, Rollouts.Unreadable>): Effect.Effect<Option.Option<A>> =>
  effect.pipe(
    Effect.tapError(({ path, problem }) => Effect.logDebug(`Passed over ${path}: ${problem}`)),
    Effect.option
  )

// As Codex orders them.
const byActivity = Order.flip(Order.combine(
  Order.mapInput(DateTime.Order, ({ updatedAt }: Rollouts.Dated) => updatedAt),
  Order.mapInput(Order.String, ({ threadId }: Rollouts.Dated) => threadId)
))

const summary = (
  { isArchived, path, threadId, updatedAt }: Rollouts.Dated,
  name: string | undefined,
  { header, turn }: Rollouts.Ends
): ThreadSummary => ({
  threadId,
  ...(name === undefined ? {} : { name }),
  createdAt: Rollout.createdAt(threadId) ?? header?.timestamp ?? updatedAt,
  updatedAt,
  ...header?.thread,
  ...turn,
  isSubAgent: Rollout.isSubAgent(header?.thread),
  isArchived,
  path
})
