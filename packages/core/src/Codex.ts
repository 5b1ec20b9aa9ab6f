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
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Ref from "effect/Ref"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as CodexError from "./CodexError.ts"
import type { CodexEvent, TokenUsage } from "./CodexEvent.ts"
import * as CodexOptions from "./CodexOptions.ts"
import { CodexTransport } from "./CodexTransport.ts"
import * as CodexTurn from "./CodexTurn.ts"
import * as Limits from "./internal/limits.ts"
import * as Outcome from "./internal/outcome.ts"
import * as Threads from "./internal/threads.ts"

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
    prompt: string,
    options?: CodexOptions.CodexOptions
  ) => Stream.Stream<CodexEvent, CodexError.CodexError>
  readonly run: (
    prompt: string,
    options?: CodexOptions.CodexOptions
  ) => Effect.Effect<CodexTurn.CodexTurn, CodexError.CodexError>
}>()("@effect-codex/core/Codex") {}

// =============================================================================
// Running
// =============================================================================

/**
 * Runs a turn, as a stream of its events.
 *
 * The stream is pulled: a slow consumer slows the agent. It ends after `turn.completed`; a failed turn emits
 * what happened, `turn.failed` included, and then fails with the cause that the agent gave.
 *
 * @category running
 * @since 0.1.0
 */
export const stream = (
  prompt: string,
  options?: CodexOptions.CodexOptions
): Stream.Stream<CodexEvent, CodexError.CodexError, Codex> =>
  Stream.unwrap(Effect.map(Codex, (codex) => codex.stream(prompt, options)))

/**
 * Runs a turn and gives what it came to. A failure carries the turn up to there (`error.turn`).
 *
 * @category running
 * @since 0.1.0
 */
export const run = (
  prompt: string,
  options?: CodexOptions.CodexOptions
): Effect.Effect<CodexTurn.CodexTurn, CodexError.CodexError, Codex> =>
  Effect.flatMap(Codex, (codex) => codex.run(prompt, options))

// =============================================================================
// Constructors
// =============================================================================

/**
 * Makes a client over the transport in context. `defaults` are the options of every run that does not set its own.
 *
 * One client runs one turn at a time per thread: a second run on the same thread waits for the first.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  defaults: CodexOptions.CodexOptions = {}
): Effect.fn.Return<Codex["Service"], never, CodexTransport | Scope.Scope> {
  const transport = yield* CodexTransport
  const threads = yield* Threads.make

  const start = Effect.fnUntraced(function*(prompt: string, options: CodexOptions.CodexOptions = {}) {
    const request = yield* Effect.fromResult(CodexOptions.toRequest(prompt, CodexOptions.merge(defaults, options)))
      .pipe(
        Effect.mapError(CodexError.fromReason)
      )
    if (request.thread !== undefined) yield* threads.enter(request.thread)
    const scope = yield* Effect.scope
    const events = transport.turn(request).pipe(
      Limits.apply(request),
      Outcome.interpret(request, {
        // A new thread's id is out now: from here on, others may ask for it.
        onThread: (threadId) =>
          request.thread === undefined ? Scope.provide(threads.enter(threadId), scope) : Effect.void,
        onUsage: threads.setUsage
      })
    )
    const usageBefore: TokenUsage | undefined = request.thread === undefined
      ? CodexTurn.zeroUsage
      : threads.usage(request.thread)
    return { events, usageBefore }
  })

  return Codex.of({
    stream: (prompt, options) =>
      Stream.unwrap(Effect.map(start(prompt, options), ({ events }) => events)).pipe(Stream.withSpan("Codex.stream")),

    run: Effect.fn("Codex.run")(
      function*(prompt: string, options?: CodexOptions.CodexOptions) {
        const startedAt = yield* Clock.currentTimeMillis
        const { events, usageBefore } = yield* start(prompt, options)
        const state = yield* Ref.make(CodexTurn.initial({ usageBefore }))
        const turn = Effect.gen(function*() {
          const duration = Duration.millis((yield* Clock.currentTimeMillis) - startedAt)
          return CodexTurn.fromState(yield* Ref.get(state), duration)
        })
        yield* events.pipe(
          Stream.runForEachArray((events) => Ref.update(state, (state) => events.reduce(CodexTurn.reduce, state))),
          Effect.catch((error) => Effect.flatMap(turn, (turn) => Effect.fail(CodexError.withTurn(error, turn))))
        )
        return yield* turn
      },
      Effect.scoped
    )
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
