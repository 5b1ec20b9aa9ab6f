/**
 * A run's way down, and its events' way up: options, thread, attempts, and what is told of them.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as CodexError from "../CodexError.ts"
import type { CodexEvent, TokenUsage } from "../CodexEvent.ts"
import { CodexHome } from "../CodexHome.ts"
import { CodexHook } from "../CodexHook.ts"
import * as CodexOptions from "../CodexOptions.ts"
import * as CodexRetry from "../CodexRetry.ts"
import { CodexTransport, type Worker } from "../CodexTransport.ts"
import * as CodexTurn from "../CodexTurn.ts"
import { SessionName, type SessionRecord } from "../SessionRecord.ts"
import * as SessionStore from "../SessionStore.ts"
import * as Attempts from "./attempts.ts"
import * as HookDelivery from "./hookDelivery.ts"
import type { Ask, Run } from "./run.ts"
import * as RunEvents from "./runEvents.ts"
import * as Sessions from "./sessions.ts"
import * as Telemetry from "./telemetry.ts"
import * as Threads from "./threads.ts"

// =============================================================================
// Models
// =============================================================================

export interface Runs {
  /** Checks what is asked for, and waits for its thread, which stays ours until the scope closes. */
  readonly open: (ask: Ask) => Effect.Effect<Run, CodexError.CodexError, Scope.Scope>
  /** The session that the options name, if it is there. Fails if it names another thread than they do. */
  readonly session: (
    options: CodexOptions.CodexOptions
  ) => Effect.Effect<Option.Option<SessionRecord>, CodexError.CodexError>
  /** Runs it to its end. */
  readonly turn: (run: Run) => Effect.Effect<CodexTurn.CodexTurn, CodexError.CodexError>
  /** Runs it as its events are pulled. */
  readonly events: (
    run: Run,
    onStart?: (worker: Worker) => Effect.Effect<void>
  ) => Stream.Stream<CodexEvent, CodexError.CodexError>
}

// =============================================================================
// Constructors
// =============================================================================

export const make = Effect.fnUntraced(function*(
  defaults: CodexOptions.CodexOptions
): Effect.fn.Return<Runs, never, CodexTransport | Scope.Scope> {
  const transport = yield* CodexTransport
  const threads = yield* Threads.make
  const store = yield* Effect.serviceOption(SessionStore.SessionStore)
  const sessions = Sessions.make(Option.isSome(store) ? store.value : yield* SessionStore.makeMemory)
  const home = yield* Effect.serviceOption(CodexHome)
  const hook = yield* HookDelivery.make(yield* CodexHook)
  const defaultPolicy = yield* CodexRetry.CodexRetry
  const attempts = Attempts.make({ transport, threads, sessions, hook })

  // ---------------------------------------------------------------------------
  // Before
  // ---------------------------------------------------------------------------

  const open: Runs["open"] = Effect.fnUntraced(
    function*({ input, onThread, onTurn, operation, options, outputSchema }) {
      const scope = yield* Effect.scope
      const merged = CodexOptions.merge(defaults, options)
      const { session } = merged
      if (session !== undefined) yield* threads.enter(`session ${session}`)
      const record = Option.getOrUndefined(yield* sessionOf(merged))
      const thread = record?.threadId ?? merged.thread
      const request = yield* Effect.fromResult(CodexOptions.toRequest(input, { ...merged, thread, outputSchema })).pipe(
        Effect.mapError(CodexError.fromReason)
      )
      const entered = new Set<string>()
      const enter = Effect.fnUntraced(function*(threadId: string) {
        if (entered.has(threadId)) return
        yield* Scope.provide(threads.enter(threadId), scope)
        entered.add(threadId)
      })
      if (request.thread !== undefined) yield* enter(request.thread)
      return {
        operation: "type" in request.input ? request.input.type : operation,
        request,
        policy: merged.retry ?? defaultPolicy,
        session,
        previews: merged.previews ?? true,
        sessionTurns: merged.sessionTurns,
        usageBefore: yield* usageOf(request, record),
        onTurn: onTurn ?? (() => Effect.void),
        onThread: Effect.fnUntraced(function*(threadId: string) {
          // A new thread's id is out now: from here on, others may ask for it.
          yield* enter(threadId)
          if (session !== undefined) yield* sessions.remember(session, threadId)
          if (onThread !== undefined) yield* onThread(threadId)
        })
      }
    }
  )

  const sessionOf = Effect.fnUntraced(function*({ fork, session, thread }: CodexOptions.CodexOptions) {
    if (session === undefined) return Option.none()
    if (!isSessionName(session)) {
      return yield* refuse("session", "a name is text of 1 to 200 characters, without white space around it")
    }
    const found = yield* sessions.get(session)
    const names = Option.getOrUndefined(found)?.threadId
    if (names === undefined) return found
    if (fork !== undefined) return yield* refuse("session", `"${session}" names thread ${names} already`)
    if (thread !== undefined && thread.toLowerCase() !== names) {
      return yield* refuse("session", `"${session}" names thread ${names}, not ${thread}`)
    }
    return found
  })

  // Codex's own files know best; the others know what they were told.
  const usageOf = Effect.fnUntraced(function*(
    { fork, input, thread }: CodexOptions.TurnRequest,
    record: SessionRecord | undefined
  ) {
    // A review reports zeros, whatever it used.
    if ("type" in input) return undefined
    const threadId = thread ?? fork
    if (threadId === undefined) return CodexTurn.zeroUsage
    const own = Option.isNone(home)
      ? Option.none()
      : Option.flatten(yield* Effect.option(home.value.usage(threadId)))
    return Option.getOrElse(own, () => later(threads.usage(threadId), record?.threadUsage))
  })

  // ---------------------------------------------------------------------------
  // Runs
  // ---------------------------------------------------------------------------

  const fold = Effect.fnUntraced(function*(attempt: Attempts.Attempt) {
    const { onTurn, usageBefore } = attempt.run
    const state = yield* Ref.make(CodexTurn.initial({ usageBefore }))
    const turn = Effect.gen(function*() {
      return CodexTurn.fromState(yield* Ref.get(state), yield* Attempts.since(attempt.startedAt))
    })
    yield* attempts.events(attempt).pipe(
      Stream.runForEachArray((events) => Ref.update(state, (state) => events.reduce(CodexTurn.reduce, state))),
      Effect.ensuring(Effect.flatMap(turn, onTurn)),
      Effect.catch((error) => Effect.flatMap(turn, (turn) => Effect.fail(CodexError.withTurn(error, turn))))
    )
    return yield* turn
  })

  const turn = Effect.fn("Codex.turn")(function*(run: Run) {
    yield* Effect.annotateCurrentSpan(Telemetry.ofRequest(run.request))
    const startedAt = yield* Clock.currentTimeMillis
    let attempt = yield* attempts.begin(run, 0)
    const once = Effect.gen(function*() {
      attempt = yield* attempts.begin(run, attempt.number + 1)
      yield* attempts.tell(attempt, RunEvents.attemptStarted)
      return yield* fold(attempt)
    }).pipe(
      Effect.onExit((exit) => attempts.ended(attempt, errorOf(exit)))
    )
    return yield* once.pipe(
      Effect.retry(Schedule.tap(
        CodexRetry.toSchedule(run.policy),
        ({ duration, input }) => attempts.tell(attempt, RunEvents.retryScheduled(input, duration))
      )),
      Effect.onExit((exit) =>
        Effect.mapError(
          attempts.finish(attempt, startedAt, errorOf(exit)),
          (error) => Exit.isSuccess(exit) ? CodexError.withTurn(error, exit.value) : error
        )
      )
    )
  })

  const events: Runs["events"] = (run, onStart) =>
    Stream.unwrap(Effect.gen(function*() {
      // A finalizer has the context of who stops reading, and so another span.
      const context = yield* Effect.context<never>()
      const startedAt = yield* Clock.currentTimeMillis
      let attempt = yield* attempts.begin(run, 0)
      let error: CodexError.CodexError | undefined
      let finished = false
      // Who stops at `turn.completed` has seen it all; who stops before has stopped the run.
      const finish = Effect.suspend(() => {
        if (finished) return Effect.void
        finished = true
        return Effect.andThen(attempts.ended(attempt, error), attempts.finish(attempt, startedAt, error))
      }).pipe(Effect.provideContext(context))

      const once = Stream.unwrap(Effect.gen(function*() {
        attempt = yield* attempts.begin(run, attempt.number + 1)
        return attempts.events(attempt, onStart)
      })).pipe(
        Stream.onFirst(() => attempts.tell(attempt, RunEvents.liveStarted)),
        Stream.tapError((error) =>
          attempt.outcome.started ? Effect.void : attempts.tell(attempt, RunEvents.liveStartupFailed(error))
        )
      )

      // Opened here, as the time of the first attempt counts too.
      const schedule = yield* Schedule.toStep(CodexRetry.toSchedule(run.policy))
      return once.pipe(
        Stream.retry(
          Schedule.fromStep(Effect.succeed(schedule)).pipe(
            Schedule.while(() => !attempt.outcome.started),
            Schedule.tap(({ duration, input }) => attempts.tell(attempt, RunEvents.liveStartupRetried(input, duration)))
          )
        ),
        hook.isActive
          ? Stream.tap((event) => attempts.tell(attempt, RunEvents.liveEvent(event)))
          : (stream) => stream,
        Stream.tapError((failure) => {
          error = failure
          return finish
        }),
        Stream.concat(Stream.fromEffectDrain(finish)),
        Stream.ensuring(Effect.catch(finish, (error) => Effect.logWarning(error.message)))
      )
    })).pipe(Stream.withSpan("Codex.turn", { attributes: Telemetry.ofRequest(run.request) }))

  return { open, session: sessionOf, turn, events }
})

// =============================================================================
// Internals
// =============================================================================

const isSessionName = Schema.is(SessionName)

const refuse = (option: string, problem: string) =>
  Effect.fail(CodexError.fromReason(new CodexError.InvalidOption({ option, problem })))

// A thread's total only grows.
const later = (a: TokenUsage | undefined, b: TokenUsage | undefined) =>
  a !== undefined && (b === undefined || a.input_tokens > b.input_tokens) ? a : b

const errorOf = <A, E>(exit: Exit.Exit<A, E>): E | undefined => Option.getOrUndefined(Exit.findErrorOption(exit))
