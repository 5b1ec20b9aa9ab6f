/**
 * What Codex may tell, ask and be told, made by chance: for property tests.
 *
 * All of it is valid by the protocol, but for {@link mutatedLines}, which says what is wrong. A turn, for instance, is
 * a stream of events as a Codex tells it: an item begins before it changes and ends, ids are those that have begun,
 * usage is that of the whole thread, and there is one end.
 *
 * A counterexample shrinks to fewer items and shorter texts. How large it may be at most is told by {@link Options};
 * the `size` of a check (`{ arbitrary: { size: 3 } }`) makes it smaller.
 *
 * **Example** (Whatever the agent does, the bill is right)
 *
 * ```ts
 * import * as CodexTurn from "@effect-codex/core/CodexTurn"
 * import * as CodexArbitrary from "@effect-codex/testing/CodexArbitrary"
 * import { assert, it } from "@effect/vitest"
 * import * as Effect from "effect/Effect"
 *
 * const price = (turn: CodexTurn.CodexTurn) => (turn.usage?.input_tokens ?? 0) * 2 + (turn.usage?.output_tokens ?? 0) * 8
 *
 * it.effect.prop("is never negative", { turn: CodexArbitrary.turn() }, ({ turn }) =>
 *   Effect.sync(() => assert.isAtLeast(price(turn), 0)))
 * ```
 *
 * @since 0.1.0
 */
import type { ApprovalKind } from "@effect-codex/core/ApprovalAnswer"
import type * as ApprovalRequest from "@effect-codex/core/ApprovalRequest"
import type { CodexConfig } from "@effect-codex/core/CodexConfig"
import type * as CodexEvent from "@effect-codex/core/CodexEvent"
import type * as CodexHookEvent from "@effect-codex/core/CodexHookEvent"
import type * as CodexItem from "@effect-codex/core/CodexItem"
import type { CodexOptions } from "@effect-codex/core/CodexOptions"
import * as CodexTurn from "@effect-codex/core/CodexTurn"
import type * as TomlValue from "@effect-codex/core/TomlValue"
import * as Arbitrary from "effect/Arbitrary"
import * as Duration from "effect/Duration"
import * as Hooks from "./internal/arbitraryHooks.ts"
import * as Items from "./internal/arbitraryItems.ts"
import * as Mutations from "./internal/arbitraryMutations.ts"
import * as RunOptions from "./internal/arbitraryOptions.ts"
import * as Parts from "./internal/arbitraryParts.ts"
import * as Requests from "./internal/arbitraryRequests.ts"
import * as Turns from "./internal/arbitraryTurns.ts"

// =============================================================================
// Options
// =============================================================================

/**
 * How large what is generated may be.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** How many items a turn has at most, beside its plan and warnings (default 6). */
  readonly maxItems?: number | undefined
  /** How many words a text has at most (default 4). Some of them are hard to read: quotes, controls, line ends. */
  readonly maxWords?: number | undefined
}

/**
 * Options of what is told of a turn.
 *
 * @category options
 * @since 0.1.0
 */
export interface TurnOptions extends Options {
  /** Who tells it (default `exec`). An app-server tells more: deltas, plans, diffs, usage, approvals. */
  readonly transport?: "exec" | "app-server" | undefined
  /** How it ends (default: either way). */
  readonly ending?: "completed" | "failed" | undefined
  /** The thread (default: any). */
  readonly threadId?: string | undefined
  /** The thread's total before it (default: that of a new thread). */
  readonly usageBefore?: CodexEvent.TokenUsage | undefined
}

// =============================================================================
// Items
// =============================================================================

/**
 * An item of a type that is known, as it is when the turn is over with it.
 *
 * @category arbitraries
 * @since 0.1.0
 */
export const item = (options?: Options): Arbitrary.Arbitrary<Exclude<CodexItem.CodexItem, CodexItem.Unknown>> =>
  Arbitrary.map(
    Arbitrary.all([Items.ended(sizeOf(options)), Parts.between(0, 99)]),
    ([make, id]) => make(`item_${id}`)
  )

// =============================================================================
// Events
// =============================================================================

/**
 * The events of a turn, from `thread.started` to `turn.completed` or `turn.failed`.
 *
 * **Example** (Stopping at any moment)
 *
 * ```ts
 * import * as CodexTurn from "@effect-codex/core/CodexTurn"
 * import * as CodexArbitrary from "@effect-codex/testing/CodexArbitrary"
 * import { assert, it } from "@effect/vitest"
 * import * as Effect from "effect/Effect"
 *
 * it.effect.prop(
 *   "no moment of a turn has more items than the next",
 *   { events: CodexArbitrary.turnEvents({ transport: "app-server" }) },
 *   ({ events }) =>
 *     Effect.sync(() => {
 *       let state = CodexTurn.initial()
 *       for (const event of events) {
 *         const next = CodexTurn.reduce(state, event)
 *         assert.isAtMost(state.order.length, next.order.length)
 *         state = next
 *       }
 *     })
 * )
 * ```
 *
 * @category arbitraries
 * @since 0.1.0
 */
export const turnEvents = (options?: TurnOptions): Arbitrary.Arbitrary<ReadonlyArray<KnownEvent>> =>
  Arbitrary.map(
    Arbitrary.all([Turns.make(sizeOf(options), options?.ending), threadOf(options)]),
    ([plan, threadId]) => tell(plan, threadId, options, usageBefore(options)).events
  )

/**
 * An event of a type that this version knows.
 *
 * @category models
 * @since 0.1.0
 */
export type KnownEvent = Exclude<CodexEvent.CodexEvent, CodexEvent.Unknown>

/**
 * One event of a turn, of any type that is known to the transport (default: to any).
 *
 * @category arbitraries
 * @since 0.1.0
 */
export const event = (options?: TurnOptions): Arbitrary.Arbitrary<KnownEvent> =>
  Arbitrary.map(
    Arbitrary.all([turnEvents({ transport: "app-server", ...options }), Parts.place]),
    ([events, place]) => events[place % events.length] ?? { type: "turn.started" }
  )

/**
 * The events of several turns of one thread, each of which goes on from the total of the one before.
 *
 * @category arbitraries
 * @since 0.1.0
 */
export const conversation = (
  options?: TurnOptions & {
    /** Default 3. There is one at least. */
    readonly maxTurns?: number | undefined
  }
): Arbitrary.Arbitrary<ReadonlyArray<ReadonlyArray<KnownEvent>>> =>
  Arbitrary.map(
    Arbitrary.all([
      Parts.list(Turns.make(sizeOf(options), options?.ending), options?.maxTurns ?? 3, 1),
      threadOf(options)
    ]),
    ([plans, threadId]) => {
      let usage = usageBefore(options)
      return plans.map((plan) => {
        const told = tell(plan, threadId, options, usage)
        usage = told.usage
        return told.events
      })
    }
  )

// =============================================================================
// Turns
// =============================================================================

/**
 * What a turn came to, when it was told to its end.
 *
 * @category arbitraries
 * @since 0.1.0
 */
export const turn = (options?: TurnOptions): Arbitrary.Arbitrary<CodexTurn.CodexTurn> =>
  Arbitrary.map(
    Arbitrary.all([turnEvents(options), Parts.between(0, 3_600_000)]),
    ([events, millis]) =>
      CodexTurn.fromState(
        events.reduce(CodexTurn.reduce, CodexTurn.initial({ usageBefore: usageBefore(options) })),
        Duration.millis(millis)
      )
  )

// =============================================================================
// Lines
// =============================================================================

/**
 * The lines that `codex exec --json` prints of a turn.
 *
 * @category arbitraries
 * @since 0.1.0
 */
export const turnLines = (options?: TurnOptions): Arbitrary.Arbitrary<ReadonlyArray<string>> =>
  Arbitrary.map(turnEvents(options), (events) => events.map((event) => JSON.stringify(event)))

/**
 * What was done to lines that were valid.
 *
 * | kind            | was done                                               | the line becomes                |
 * | --------------- | ------------------------------------------------------ | ------------------------------- |
 * | `cut`           | a line ends in its midst                               | an unknown event                |
 * | `truncated`     | nothing comes after a line                             | what it was                     |
 * | `reordered`     | a line comes earlier or later                          | what it was                     |
 * | `duplicated`    | a line comes twice                                     | what it was                     |
 * | `unknown event` | there is one more line, with an event of tomorrow      | an unknown event                |
 * | `garbage`       | there is one more line, which is no event              | an unknown event                |
 * | `unknown item`  | an item is of a type of tomorrow                       | an event with an unknown item   |
 * | `unknown field` | an event has one more field                            | what it was, with the field     |
 * | `mistyped`      | a field has a value of another type                    | an unknown event, or item       |
 * | `missing`       | a field is missing that every version sends            | an unknown event, or item       |
 *
 * @category models
 * @since 0.1.0
 */
export type Mutation = Mutations.Mutation

/**
 * Every kind of {@link Mutation}.
 *
 * @category models
 * @since 0.1.0
 */
export type MutationKind = Mutation["kind"]

/**
 * Lines before and after a {@link Mutation}.
 *
 * @category models
 * @since 0.1.0
 */
export type MutatedLines = Mutations.Mutated

/**
 * The lines of a turn in which one thing is wrong: of the given kinds, or of any. Most kinds leave a turn that a
 * program has to bear, as a later CLI or a dying one writes such lines.
 *
 * **Example** (Nothing is lost)
 *
 * ```ts
 * import * as CodexEvent from "@effect-codex/core/CodexEvent"
 * import * as CodexArbitrary from "@effect-codex/testing/CodexArbitrary"
 * import { assert, it } from "@effect/vitest"
 * import * as Effect from "effect/Effect"
 *
 * it.effect.prop("keeps what it does not know", { mutated: CodexArbitrary.mutatedLines() }, ({ mutated }) =>
 *   Effect.sync(() => {
 *     const { lines, mutation } = mutated
 *     const event = CodexEvent.fromLine(lines[mutation.line] ?? "")
 *     assert.strictEqual(event.type === "unknown", mutation.becomes === "unknown event")
 *   }))
 * ```
 *
 * @category arbitraries
 * @since 0.1.0
 */
export const mutatedLines = (
  options?: TurnOptions & {
    /** Default: all. */
    readonly kinds?: ReadonlyArray<MutationKind> | undefined
  }
): Arbitrary.Arbitrary<MutatedLines> => {
  const [first = "cut", ...rest] = options?.kinds ?? mutationKinds
  return Arbitrary.map(
    Arbitrary.all([turnLines(options), Parts.pick(first, ...rest), Parts.place, Parts.place]),
    ([lines, kind, at, detail]) => Mutations.mutate(kind, lines, at, detail)
  )
}

/**
 * Every kind of {@link Mutation}.
 *
 * @category constants
 * @since 0.1.0
 */
export const mutationKinds: ReadonlyArray<MutationKind> = Mutations.kinds

// =============================================================================
// Requests
// =============================================================================

/**
 * What an app-server asks, with the params that it asks by as `raw`: of any kind, or of one.
 *
 * **Example** (Nothing is allowed unseen)
 *
 * ```ts
 * import * as ApprovalAnswer from "@effect-codex/core/ApprovalAnswer"
 * import type { CommandRequest } from "@effect-codex/core/ApprovalRequest"
 * import * as CodexArbitrary from "@effect-codex/testing/CodexArbitrary"
 * import { assert, it } from "@effect/vitest"
 * import * as Effect from "effect/Effect"
 *
 * const answer = ({ commands = [["?"]] }: CommandRequest) =>
 *   commands.every(([program]) => program === "ls") ? ApprovalAnswer.accept : ApprovalAnswer.decline
 *
 * it.effect.prop("never lets it delete", { request: CodexArbitrary.approvalRequest("command") }, ({ request }) =>
 *   Effect.sync(() => {
 *     if (request.command.includes("rm")) assert.strictEqual(answer(request), ApprovalAnswer.decline)
 *   }))
 * ```
 *
 * @category arbitraries
 * @since 0.1.0
 */
export function approvalRequest<Kind extends ApprovalKind>(
  kind: Kind,
  options?: Options
): Arbitrary.Arbitrary<ApprovalRequest.RequestOf<Kind>>
export function approvalRequest(
  kind?: "any",
  options?: Options
): Arbitrary.Arbitrary<ApprovalRequest.ApprovalRequest>
export function approvalRequest(
  kind: ApprovalKind | "any" = "any",
  options?: Options
): Arbitrary.Arbitrary<ApprovalRequest.ApprovalRequest> {
  const size = sizeOf(options)
  return kind === "any" ? Requests.any(size) : Requests.byKind(size)[kind]
}

// =============================================================================
// Options of runs
// =============================================================================

/**
 * Options of a run that are valid together: for any transport, or with those that only `codex exec` takes.
 *
 * @category arbitraries
 * @since 0.1.0
 */
export const codexOptions = (
  options?: Options & {
    /** Default `any`. */
    readonly transport?: "any" | "exec" | undefined
  }
): Arbitrary.Arbitrary<CodexOptions> =>
  options?.transport === "exec" ? RunOptions.execOptions(sizeOf(options)) : RunOptions.options(sizeOf(options))

/**
 * A configuration that can be said to the CLI: keys that are known, with values of their types, and others.
 *
 * @category arbitraries
 * @since 0.1.0
 */
export const config: Arbitrary.Arbitrary<CodexConfig> = RunOptions.config

/**
 * A value that a key of the configuration may have which is not typed.
 *
 * @category arbitraries
 * @since 0.1.0
 */
export const configValue = (options?: Options): Arbitrary.Arbitrary<TomlValue.TomlValue> =>
  RunOptions.configValue(sizeOf(options))

// =============================================================================
// Hooks
// =============================================================================

/**
 * What a hook is told of one run, in order: attempts that fail and are tried again, approvals, its end, and the record
 * of its session. Time never goes back.
 *
 * @category arbitraries
 * @since 0.1.0
 */
export const hookHistory: Arbitrary.Arbitrary<ReadonlyArray<CodexHookEvent.CodexHookEvent>> = Hooks.history

// =============================================================================
// Internals
// =============================================================================

const sizeOf = ({ maxItems = 6, maxWords = 4 }: Options = {}): Parts.Size => ({ items: maxItems, words: maxWords })

const threadOf = (options: TurnOptions | undefined): Arbitrary.Arbitrary<string> =>
  options?.threadId === undefined ? Parts.threadId : Arbitrary.Constant(options.threadId)

const usageBefore = (options: TurnOptions | undefined): CodexEvent.TokenUsage =>
  options?.usageBefore ?? CodexTurn.zeroUsage

const tell = (
  plan: Turns.Plan,
  threadId: string,
  options: TurnOptions | undefined,
  before: CodexEvent.TokenUsage
): Turns.Told => Turns.tell(plan, { threadId, live: options?.transport === "app-server" }, before)
