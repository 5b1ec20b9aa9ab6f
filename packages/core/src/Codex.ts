/**
 * Runs Codex.
 *
 * {@link stream} gives the events of a run as they happen, {@link run} what the run came to. Both are plain
 * Effect values: interrupt them, time them out, retry them, run many at once. When one ends, in whatever way,
 * nothing that it started is left alive.
 *
 * **Example** (Watching a run)
 *
 * ```ts
 * import * as Codex from "@effect-codex/core/Codex"
 * import * as CodexEvent from "@effect-codex/core/CodexEvent"
 * import * as Console from "effect/Console"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 *
 * const program = Codex.stream("Find the flaky test and explain why it is flaky", { sandbox: "read-only" }).pipe(
 *   Stream.runForEach(CodexEvent.match({
 *     "item.completed": ({ item }) => Console.log(item.type),
 *     orElse: () => Effect.void
 *   }))
 * )
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as CodexError from "./CodexError.ts"
import type { CodexEvent } from "./CodexEvent.ts"
import { CodexHome } from "./CodexHome.ts"
import * as CodexInput from "./CodexInput.ts"
import * as CodexOptions from "./CodexOptions.ts"
import type { CodexRun } from "./CodexRun.ts"
import type { CodexThread, OutputOptions, ThreadOptions } from "./CodexThread.ts"
import type { CodexTransport } from "./CodexTransport.ts"
import type * as CodexTurn from "./CodexTurn.ts"
import * as Answer from "./internal/answer.ts"
import * as Conversation from "./internal/conversation.ts"
import * as Live from "./internal/live.ts"
import * as Runs from "./internal/runs.ts"

// =============================================================================
// Service
// =============================================================================

/**
 * A Codex to run.
 *
 * @category services
 * @since 0.1.0
 */
export class Codex extends Context.Service<Codex, {
  readonly stream: (
    input: CodexInput.CodexInput,
    options?: CodexOptions.CodexOptions
  ) => Stream.Stream<CodexEvent, CodexError.CodexError>
  readonly run: {
    <A>(
      input: CodexInput.CodexInput,
      options: CodexOptions.CodexOptions & OutputOptions<A>
    ): Effect.Effect<CodexTurn.WithOutput<A>, CodexError.CodexError>
    (
      input: CodexInput.CodexInput,
      options?: CodexOptions.CodexOptions
    ): Effect.Effect<CodexTurn.CodexTurn, CodexError.CodexError>
  }
  readonly start: (
    input: CodexInput.CodexInput,
    options?: CodexOptions.CodexOptions
  ) => Effect.Effect<CodexRun, CodexError.CodexError, Scope.Scope>
  readonly thread: (options?: ThreadOptions) => Effect.Effect<CodexThread, CodexError.CodexError>
}>()("@effect-codex/core/Codex") {}

// =============================================================================
// Running
// =============================================================================

/**
 * Runs a turn, as a stream of its events.
 *
 * The stream is pulled: a slow consumer slows the agent. It ends after `turn.completed`; a failed turn emits
 * what happened, `turn.failed` included, and then fails with the cause that the agent gave. With a retry policy
 * it is tried again only before its first event.
 *
 * @category running
 * @since 0.1.0
 */
export const stream = (
  input: CodexInput.CodexInput,
  options?: CodexOptions.CodexOptions
): Stream.Stream<CodexEvent, CodexError.CodexError, Codex> =>
  Stream.unwrap(Effect.map(Codex, (codex) => codex.stream(input, options)))

/**
 * Runs a turn and gives what it came to. A failure carries the turn up to there (`error.turn`).
 *
 * With `output`, the agent is told to answer by that schema, and `turn.output` is its answer, decoded.
 *
 * **Example** (An answer with a type)
 *
 * ```ts
 * import * as Codex from "@effect-codex/core/Codex"
 * import * as Effect from "effect/Effect"
 * import * as Schema from "effect/Schema"
 *
 * const Risk = Schema.Struct({ file: Schema.String, severity: Schema.Literals(["low", "high"]) })
 *
 * const risky = Codex.run("Which file is the riskiest to change?", { output: Risk, repair: 1 }).pipe(
 *   Effect.map((turn) => turn.output.file)
 * )
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export function run<A>(
  input: CodexInput.CodexInput,
  options: CodexOptions.CodexOptions & OutputOptions<A>
): Effect.Effect<CodexTurn.WithOutput<A>, CodexError.CodexError, Codex>
export function run(
  input: CodexInput.CodexInput,
  options?: CodexOptions.CodexOptions
): Effect.Effect<CodexTurn.CodexTurn, CodexError.CodexError, Codex>
export function run(
  input: CodexInput.CodexInput,
  options?: CodexOptions.CodexOptions
): Effect.Effect<CodexTurn.CodexTurn, CodexError.CodexError, Codex> {
  return Effect.flatMap(Codex, (codex) => codex.run(input, options))
}

/**
 * Reviews changes, in a thread of its own. The findings are `turn.finalMessage`.
 *
 * @category running
 * @since 0.1.0
 */
export const review = (
  target: CodexInput.ReviewTarget,
  options?: Omit<CodexOptions.CodexOptions, "thread" | "fork">
): Effect.Effect<CodexTurn.CodexTurn, CodexError.CodexError, Codex> => run(CodexInput.review(target), options)

/**
 * Starts a run that goes on by itself until the scope closes, and gives a handle on it, once its first event has come.
 *
 * @category running
 * @since 0.1.0
 */
export const start = (
  input: CodexInput.CodexInput,
  options?: CodexOptions.CodexOptions
): Effect.Effect<CodexRun, CodexError.CodexError, Codex | Scope.Scope> =>
  Effect.flatMap(Codex, (codex) => codex.start(input, options))

/**
 * A conversation: a new one, or the one that the options name. It looks for that one at once, and starts nothing
 * until its first run.
 *
 * @category running
 * @since 0.1.0
 */
export const thread = (options?: ThreadOptions): Effect.Effect<CodexThread, CodexError.CodexError, Codex> =>
  Effect.flatMap(Codex, (codex) => codex.thread(options))

// =============================================================================
// Constructors
// =============================================================================

/**
 * Makes a client over the transport in context. `defaults` are the options of every run that does not set its own.
 *
 * One client runs one turn at a time per thread: a second run on the same thread waits for the first.
 *
 * What else is in context counts too: `SessionStore` (else sessions are kept in memory, for as long as the client
 * lives), `CodexHome` (else there is no last thread), and the `CodexRetry` and `CodexHook` layers.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  defaults: CodexOptions.CodexOptions = {}
): Effect.fn.Return<Codex["Service"], never, CodexTransport | Scope.Scope> {
  const runs = yield* Runs.make(defaults)
  const home = yield* Effect.serviceOption(CodexHome)

  const open = Effect.flatMap(runs.open)

  const client: Conversation.Client = {
    run: Effect.fn("Codex.run")((next) => Effect.flatMap(open(next), runs.turn), Effect.scoped),

    answer: Answer.make(runs),

    stream: (next) => Stream.unwrap(Effect.map(open(next), runs.events)).pipe(Stream.withSpan("Codex.stream")),

    start: Effect.fn("Codex.start")((next) => Live.start(runs, open(next)))
  }

  function run<A>(
    input: CodexInput.CodexInput,
    options: CodexOptions.CodexOptions & OutputOptions<A>
  ): Effect.Effect<CodexTurn.WithOutput<A>, CodexError.CodexError>
  function run(
    input: CodexInput.CodexInput,
    options?: CodexOptions.CodexOptions
  ): Effect.Effect<CodexTurn.CodexTurn, CodexError.CodexError>
  function run(
    input: CodexInput.CodexInput,
    { output, repair, ...options }: CodexOptions.CodexOptions & Partial<OutputOptions<unknown>> = {}
  ): Effect.Effect<CodexTurn.CodexTurn, CodexError.CodexError> {
    const ask = Effect.succeed({ operation: "run", input, options })
    return output === undefined ? client.run(ask) : client.answer(ask, { output, repair })
  }

  return Codex.of({
    run,
    stream: (input, options = {}) => client.stream(Effect.succeed({ operation: "stream", input, options })),
    start: (input, options = {}) => client.start(Effect.succeed({ operation: "start", input, options })),
    thread: Effect.fnUntraced(function*({ last, mustExist, ...options }: ThreadOptions = {}) {
      const merged = CodexOptions.merge(defaults, options)
      const first = last === undefined ? merged : { ...merged, thread: yield* lastThread(home, last, merged) }
      const session = yield* runs.session(first)
      if (Option.isSome(session)) return Conversation.make(client, { ...first, thread: session.value.threadId })
      if (mustExist === true) return yield* CodexError.fromReason(missing(first))
      return Conversation.make(client, first)
    })
  })
})

// =============================================================================
// Layers
// =============================================================================

/**
 * Provides `Codex` over the transport in context.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (defaults?: CodexOptions.CodexOptions): Layer.Layer<Codex, never, CodexTransport> =>
  Layer.effect(Codex, make(defaults))

// =============================================================================
// Internals
// =============================================================================

const lastThread = Effect.fnUntraced(function*(
  home: Option.Option<CodexHome["Service"]>,
  last: "directory" | "anywhere",
  { fork, thread, workingDirectory = "." }: CodexOptions.CodexOptions
) {
  if (thread !== undefined || fork !== undefined) {
    return yield* refuse("last", "the options name another thread already")
  }
  if (Option.isNone(home)) return yield* refuse("last", "needs a `CodexHome` in context to look into")
  const directory = last === "directory" ? workingDirectory : undefined
  const found = yield* Effect.mapError(
    home.value.last({ directory }),
    (error) => CodexError.fromReason(new CodexError.StorageFailed({ problem: error.message }))
  )
  if (Option.isSome(found)) return found.value.threadId
  return yield* CodexError.fromReason(
    new CodexError.NoLastThread(directory === undefined ? {} : { directory })
  )
})

const missing = ({ session }: CodexOptions.CodexOptions) =>
  session === undefined
    ? new CodexError.InvalidOption({ option: "mustExist", problem: "needs the name of a `session`" })
    : new CodexError.SessionNotFound({ session })

const refuse = (option: string, problem: string) =>
  Effect.fail(CodexError.fromReason(new CodexError.InvalidOption({ option, problem })))
