/**
 * Laws that a program which runs Codex should keep, checked on your own program: in a test, over a fake or the real
 * CLI.
 *
 * What passes the transport is noted in a {@link Ledger}, and each {@link Law} reads it when the program is over. When
 * one is broken, the failure says how, and what happened in which order.
 *
 * **Example** (Laws that hold for two questions at once)
 *
 * ```ts
 * import * as Codex from "@effect-codex/core/Codex"
 * import * as CodexLaws from "@effect-codex/testing/CodexLaws"
 * import * as FakeCli from "@effect-codex/testing/FakeCli"
 * import * as FakeProcess from "@effect-codex/testing/FakeProcess"
 * import { it } from "@effect/vitest"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.all([Codex.run("What is it?"), Codex.run("What is it for?")], { concurrency: 2 })
 *
 * const transport = FakeCli.layerTransport(() => FakeProcess.turn({ message: "A library." }))
 *
 * it.effect("keeps the laws", () =>
 *   CodexLaws.check(program, CodexLaws.all).pipe(Effect.provide(CodexLaws.layer(transport))))
 * ```
 *
 * @since 0.1.0
 */
import * as Codex from "@effect-codex/core/Codex"
import * as CodexHook from "@effect-codex/core/CodexHook"
import type { CodexOptions } from "@effect-codex/core/CodexOptions"
import { CodexTransport } from "@effect-codex/core/CodexTransport"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Formatter from "effect/Formatter"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { FakeCli } from "./FakeCli.ts"
import * as Laws from "./internal/laws.ts"
import * as LawsLedger from "./internal/lawsLedger.ts"
import * as LawsObserver from "./internal/lawsObserver.ts"

// =============================================================================
// Models
// =============================================================================

/**
 * How a turn ended: as its events said, by an error of the transport, because its reader stopped (or was interrupted),
 * or by telling no more, which no transport should.
 *
 * @category models
 * @since 0.1.0
 */
export type End = LawsLedger.End

/**
 * One turn as the transport saw it: of a run with retries, each attempt is one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Turn extends LawsLedger.Turn {}

/**
 * Something that happened to a turn.
 *
 * @category models
 * @since 0.1.0
 */
export type Entry = LawsLedger.Entry

/**
 * What passed the transport while a program ran.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ledger {
  /** All that was noted, in order. */
  readonly entries: ReadonlyArray<Entry>
  /** The turns that began, in order. */
  readonly turns: ReadonlyArray<Turn>
  /** When it was taken, by the clock, in milliseconds. */
  readonly takenAt: number
  /** How many entries there was no room for. */
  readonly omitted: number
  /** Processes of a {@link FakeCli} in context that were started meanwhile, and had not ended. */
  readonly running: ReadonlyArray<string>
}

/**
 * Something that should hold. `broken` gives a sentence for each place where it does not.
 *
 * **Example** (A law of your own)
 *
 * ```ts
 * import type * as CodexLaws from "@effect-codex/testing/CodexLaws"
 *
 * const readsOnly: CodexLaws.Law = {
 *   name: "every turn is in the sandbox `read-only`",
 *   broken: ({ turns }) =>
 *     turns.filter(({ request }) => request.sandbox !== "read-only").map(({ number }) => `turn ${number} is not`)
 * }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Law {
  readonly name: string
  readonly broken: (ledger: Ledger) => ReadonlyArray<string>
}

/**
 * A program did not keep a law. The message says how, and what happened.
 *
 * @category errors
 * @since 0.1.0
 */
export class LawBroken extends Data.TaggedError("LawBroken")<{
  readonly law: string
  readonly breaches: ReadonlyArray<string>
  /** What happened, a line for each thing. */
  readonly timeline: string
}> {
  override get message(): string {
    const breaches = this.breaches.map((breach) => `\n- ${breach}`).join("")
    return `Not kept: ${this.law}${breaches}${this.timeline === "" ? "" : `\n\n${this.timeline}`}`
  }
}

// =============================================================================
// Service
// =============================================================================

/**
 * Notes what passes the transport in context.
 *
 * @category services
 * @since 0.1.0
 */
export class Observer extends Context.Service<Observer, {
  /** What has passed so far. */
  readonly ledger: Effect.Effect<Ledger>
  /** Gives, when it is run later, what passed since. */
  readonly since: Effect.Effect<Effect.Effect<Ledger>>
  /** Waits until so many more events have passed. */
  readonly passed: (events: number) => Effect.Effect<void>
}>()("@effect-codex/testing/CodexLaws/Observer") {}

// =============================================================================
// Layers
// =============================================================================

/**
 * Options of the observing layers.
 *
 * @category options
 * @since 0.1.0
 */
export interface ObserveOptions {
  /** How many entries are kept; a check of more fails (default 100,000). */
  readonly limit?: number | undefined
}

/**
 * Wraps the transport in context: the same, and observed.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerTransport = (
  options?: ObserveOptions
): Layer.Layer<CodexTransport | Observer, never, CodexTransport> =>
  Layer.effectContext(Effect.map(CodexTransport, (original) => {
    const { observer, transport } = LawsObserver.make(original, options?.limit ?? 100_000)
    const since = Effect.map(Effect.all([observer.mark, invocations]), ([mark, before]) =>
      Effect.gen(function*() {
        const running = (yield* invocations).flatMap(({ command, running }, index) =>
          running && index >= before.length ? [`${command} (process ${index + 1})`] : []
        )
        return { ...yield* observer.ledgerSince(mark), running }
      }))
    return Context.make(CodexTransport, transport).pipe(
      Context.add(Observer, {
        ledger: Effect.map(observer.ledgerSince({ turns: 0, omitted: 0 }), (ledger) => ({ ...ledger, running: [] })),
        since,
        passed: observer.passed
      })
    )
  }))

/**
 * Provides `Codex` over this transport, observed, and all that the transport's layer provides. `defaults` are the
 * options of every run.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <A, E, R>(
  transport: Layer.Layer<CodexTransport | A, E, R>,
  defaults?: CodexOptions & ObserveOptions
): Layer.Layer<Codex.Codex | CodexTransport | Observer | A, E, R> => {
  const { limit, ...options } = defaults ?? {}
  return Codex.layer(options).pipe(
    Layer.provideMerge(layerTransport({ limit })),
    Layer.provideMerge(transport)
  )
}

// =============================================================================
// Checking
// =============================================================================

/**
 * Runs a program, and then checks laws on what it did meanwhile. Fails with {@link LawBroken} for the first law that
 * was not kept, even if the program failed, and else with what the program failed with.
 *
 * **Example** (Over any script)
 *
 * ```ts
 * import * as Codex from "@effect-codex/core/Codex"
 * import * as CodexLaws from "@effect-codex/testing/CodexLaws"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.ignore(Codex.run("Fix the test"))
 *
 * const test = CodexLaws.check(program, [CodexLaws.everyTurnEnds, CodexLaws.tokenBudget(100_000)])
 * ```
 *
 * @category checking
 * @since 0.1.0
 */
export const check: {
  <A, E, R>(
    program: Effect.Effect<A, E, R>,
    laws: ReadonlyArray<Law>
  ): Effect.Effect<A, E | LawBroken, R | Observer>
} = Effect.fnUntraced(function*<A, E, R>(program: Effect.Effect<A, E, R>, laws: ReadonlyArray<Law>) {
  const ledger = yield* (yield* Observer).since
  const exit = yield* Effect.exit(program)
  yield* keep(laws, yield* ledger)
  return yield* exit
})

/**
 * Runs a program, interrupts it when so many events have passed, unless it was over before, and then checks laws. Gives
 * what the program came to. A program that waits for ever before so many events is waited for.
 *
 * **Example** (Whenever it is interrupted)
 *
 * ```ts
 * import * as Codex from "@effect-codex/core/Codex"
 * import * as CodexLaws from "@effect-codex/testing/CodexLaws"
 * import * as FakeCli from "@effect-codex/testing/FakeCli"
 * import { it } from "@effect/vitest"
 * import type { CodexTransport } from "@effect-codex/core/CodexTransport"
 * import * as Effect from "effect/Effect"
 * import type * as Layer from "effect/Layer"
 * import * as Schema from "effect/Schema"
 *
 * const suite = (transport: Layer.Layer<CodexTransport | FakeCli.FakeCli>) =>
 *   it.effect.prop(
 *     "leaves nothing behind",
 *     { after: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 })) },
 *     ({ after }) =>
 *       CodexLaws.checkInterrupted(Codex.run("Fix the test"), CodexLaws.all, { after }).pipe(
 *         Effect.provide(CodexLaws.layer(transport))
 *       )
 *   )
 * ```
 *
 * @category checking
 * @since 0.1.0
 */
export const checkInterrupted: {
  <A, E, R>(
    program: Effect.Effect<A, E, R>,
    laws: ReadonlyArray<Law>,
    options: {
      /** After how many events of all turns. */
      readonly after: number
    }
  ): Effect.Effect<Exit.Exit<A, E>, LawBroken, R | Observer>
} = Effect.fnUntraced(function*<A, E, R>(
  program: Effect.Effect<A, E, R>,
  laws: ReadonlyArray<Law>,
  { after }: { readonly after: number }
) {
  const observer = yield* Observer
  const ledger = yield* observer.since
  const fiber = yield* Effect.forkChild(program)
  yield* Effect.raceFirst(observer.passed(after), Fiber.await(fiber))
  yield* Fiber.interrupt(fiber)
  yield* keep(laws, yield* ledger)
  return yield* Fiber.await(fiber)
})

// =============================================================================
// Laws
// =============================================================================

/**
 * Never two turns at once on a thread. `Codex` keeps it; two clients, or a transport that is used by itself, may not.
 *
 * **Example** (Two questions on one thread)
 *
 * ```ts
 * import * as Codex from "@effect-codex/core/Codex"
 * import * as CodexLaws from "@effect-codex/testing/CodexLaws"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function*() {
 *   const thread = yield* Codex.thread()
 *   yield* Effect.all([thread.run("One?"), thread.run("Two?")], { concurrency: "unbounded" })
 * })
 *
 * const test = CodexLaws.check(program, [CodexLaws.oneTurnPerThread])
 * ```
 *
 * @category laws
 * @since 0.1.0
 */
export const oneTurnPerThread: Law = {
  name: "never two turns at once on a thread",
  broken: Laws.oneTurnPerThread
}

/**
 * Every turn that began has ended when the program is over: completed, failed, in an error, or stopped.
 *
 * **Example** (Runs that go on by themselves)
 *
 * ```ts
 * import * as Codex from "@effect-codex/core/Codex"
 * import * as CodexLaws from "@effect-codex/testing/CodexLaws"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.scoped(Effect.flatMap(Codex.start("Refactor"), (run) => run.await))
 *
 * const test = CodexLaws.check(program, [CodexLaws.everyTurnEnds])
 * ```
 *
 * @category laws
 * @since 0.1.0
 */
export const everyTurnEnds: Law = { name: "every turn that began ends", broken: Laws.everyTurnEnds }

/**
 * When the program is over, no turn goes on, and no process of a `FakeCli` in context runs. See
 * {@link checkInterrupted} for a program that is interrupted.
 *
 * **Example** (A race, whose loser is interrupted)
 *
 * ```ts
 * import * as Codex from "@effect-codex/core/Codex"
 * import * as CodexLaws from "@effect-codex/testing/CodexLaws"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.race(Codex.run("Fix it", { model: "a" }), Codex.run("Fix it", { model: "b" }))
 *
 * const test = CodexLaws.check(program, [CodexLaws.nothingLeft])
 * ```
 *
 * @category laws
 * @since 0.1.0
 */
export const nothingLeft: Law = { name: "nothing is left behind", broken: Laws.nothingLeft }

/**
 * A retry never repeats work: no turn does the same as one that had begun to work, and then failed, broke or was
 * stopped.
 *
 * The same is: the same input in the same directory, on the same thread, or on from there. Who means to ask the same
 * again, says by `sameWork` what is the same.
 *
 * **Example** (A policy for all runs)
 *
 * ```ts
 * import * as Codex from "@effect-codex/core/Codex"
 * import * as CodexRetry from "@effect-codex/core/CodexRetry"
 * import * as CodexLaws from "@effect-codex/testing/CodexLaws"
 *
 * const retry = CodexRetry.fromFields({ maxAttempts: 3 })
 *
 * const test = CodexLaws.check(Codex.run("Fix the test", { retry }), [CodexLaws.noWorkTwice()])
 * ```
 *
 * @category laws
 * @since 0.1.0
 */
export const noWorkTwice = (options?: {
  /** Whether `other` does what `one` was to do. */
  readonly sameWork?: ((one: Turn, other: Turn) => boolean) | undefined
}): Law => ({
  name: "a retry never repeats work",
  broken: Laws.noWorkTwice(options?.sameWork ?? Laws.isSameWork)
})

/**
 * No turn begins once so many tokens (read and written) are spent by those that have ended; with `overshoot`, no more
 * than that are spent beyond the budget in all.
 *
 * What a failed turn spent is not known over `codex exec`, until its thread goes on. A thread that is not new counts
 * as a whole, if neither an app-server nor an earlier turn told its total.
 *
 * **Example** (At most a hundred thousand)
 *
 * ```ts
 * import * as Codex from "@effect-codex/core/Codex"
 * import * as CodexLaws from "@effect-codex/testing/CodexLaws"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.forEach(["a.ts", "b.ts"], (file) => Codex.run(`Review ${file}`))
 *
 * const test = CodexLaws.check(program, [CodexLaws.tokenBudget(100_000, { overshoot: 20_000 })])
 * ```
 *
 * @category laws
 * @since 0.1.0
 */
export const tokenBudget = (
  tokens: number,
  options?: {
    /** By how many tokens the last turns may be over it (default: by any). */
    readonly overshoot?: number | undefined
  }
): Law => ({
  name: `a budget of ${tokens} tokens is kept`,
  broken: Laws.tokens(tokens, options?.overshoot)
})

/**
 * Each turn, and all of them from the first to the last, take no longer. A turn that is stopped has a while to end in,
 * which counts.
 *
 * **Example** (Five minutes each)
 *
 * ```ts
 * import * as Codex from "@effect-codex/core/Codex"
 * import * as CodexLaws from "@effect-codex/testing/CodexLaws"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.timeout(Codex.run("Fix the test"), "5 minutes")
 *
 * const test = CodexLaws.check(program, [CodexLaws.timeBudget({ turn: "5 minutes", total: "5 minutes" })])
 * ```
 *
 * @category laws
 * @since 0.1.0
 */
export const timeBudget = (limits: {
  /** Default: for ever. */
  readonly turn?: Duration.Input | undefined
  /** Default: for ever. */
  readonly total?: Duration.Input | undefined
}): Law => ({
  name: "a budget of time is kept",
  broken: Laws.time(limits)
})

/**
 * Every approval that the agent asks for is answered, unless its turn is stopped before. Only an app-server asks.
 *
 * **Example** (Within a minute)
 *
 * ```ts
 * import * as Codex from "@effect-codex/core/Codex"
 * import * as CodexLaws from "@effect-codex/testing/CodexLaws"
 *
 * const program = Codex.run("Deploy", { approval: "on-request" })
 *
 * const test = CodexLaws.check(program, [CodexLaws.everyApprovalAnswered({ within: "1 minute" })])
 * ```
 *
 * @category laws
 * @since 0.1.0
 */
export const everyApprovalAnswered = (options?: {
  /** How long the agent waits at most, even if its turn is stopped then (default: for ever). */
  readonly within?: Duration.Input | undefined
}): Law => ({
  name: "every approval is answered",
  broken: Laws.approvals(options?.within)
})

/**
 * The laws that hold for every program, whatever it is for.
 *
 * @category laws
 * @since 0.1.0
 */
export const all: ReadonlyArray<Law> = [
  oneTurnPerThread,
  everyTurnEnds,
  nothingLeft,
  noWorkTwice(),
  everyApprovalAnswered()
]

/**
 * A failing hook changes nothing: the program comes to the same without hooks as with some that fail, die, throw or
 * never end. It is run twice, each time with a client of its own from `layer`.
 *
 * What is the same is told by the texts of what it came to; `show` leaves out what differs anyway, such as durations in
 * real time.
 *
 * **Example** (Whatever its hooks do)
 *
 * ```ts
 * import * as Codex from "@effect-codex/core/Codex"
 * import * as CodexLaws from "@effect-codex/testing/CodexLaws"
 * import * as FakeCli from "@effect-codex/testing/FakeCli"
 * import * as FakeProcess from "@effect-codex/testing/FakeProcess"
 * import { it } from "@effect/vitest"
 *
 * it.effect("does not depend on hooks", () =>
 *   CodexLaws.hooksChangeNothing(
 *     Codex.run("Fix the test"),
 *     FakeCli.layer([FakeProcess.turn({ message: "Done." })])
 *   ))
 * ```
 *
 * @category checking
 * @since 0.1.0
 */
export const hooksChangeNothing: {
  <A, E, R, E2, R2>(
    program: Effect.Effect<A, E, R>,
    layer: Layer.Layer<R, E2, R2>,
    options?: {
      /** What counts of what it came to (default: all). */
      readonly show?: ((exit: Exit.Exit<A, E | E2>) => unknown) | undefined
    }
  ): Effect.Effect<void, LawBroken, R2>
} = Effect.fnUntraced(function*<A, E, R, E2, R2>(
  program: Effect.Effect<A, E, R>,
  layer: Layer.Layer<R, E2, R2>,
  options?: { readonly show?: ((exit: Exit.Exit<A, E | E2>) => unknown) | undefined }
) {
  const { show = (exit: Exit.Exit<A, E | E2>): unknown => exit } = options ?? {}
  const run = (hooks: ReadonlyArray<CodexHook.Hook>, end: Effect.Effect<unknown>) =>
    Layer.build(Layer.fresh(Layer.provide(layer, CodexHook.layerAll(hooks)))).pipe(
      Effect.flatMap((context) => Effect.provideContext(program, context)),
      Effect.ensuring(end),
      Effect.scoped,
      Effect.exit,
      Effect.map((exit) => Formatter.format(show(exit), { space: 2 }))
    )
  // A hook that hangs is waited for when the client ends, which would take time.
  const over = yield* Latch.make()
  const expected = yield* run([], Effect.void)
  const actual = yield* run(faultyHooks(over), over.open)
  if (actual === expected) return
  return yield* new LawBroken({
    law: "a failing hook changes nothing",
    breaches: [`without hooks it comes to ${expected}`, `with hooks that fail it comes to ${actual}`],
    timeline: ""
  })
})

// =============================================================================
// Internals
// =============================================================================

const invocations = Effect.flatMap(
  Effect.serviceOption(FakeCli),
  Option.match({ onNone: () => Effect.succeed([]), onSome: (cli) => cli.invocations })
)

const faultyHooks = (over: Latch.Latch): ReadonlyArray<CodexHook.Hook> => [
  () => Effect.fail("a hook that fails"),
  () => Effect.die("a hook that dies"),
  () => over.await,
  () => {
    throw new Error("a hook that throws")
  }
]

const keep = Effect.fnUntraced(function*(laws: ReadonlyArray<Law>, ledger: Ledger) {
  const timeline = LawsLedger.toText(ledger)
  if (ledger.omitted > 0) {
    const breaches = [`${ledger.omitted} entries had no room: raise \`limit\`, or check less at once`]
    return yield* new LawBroken({ law: "all that happens is noted", breaches, timeline })
  }
  for (const { broken, name } of laws) {
    const breaches = broken(ledger)
    if (breaches.length > 0) return yield* new LawBroken({ law: name, breaches, timeline })
  }
})
