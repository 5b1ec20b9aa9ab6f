/**
 * What Codex did, as a person would want to read it: as a few lines of text, as a page, as the difference of two runs.
 *
 * All of it takes a turn, the events of a run, what a hook was told, or a {@link Timeline}, which a recorder has made
 * of them, with the time of each.
 *
 * **Example** (What a run did, in the order in which it did it)
 *
 * ```ts
 * import * as Codex from "@effect-codex/core/Codex"
 * import * as CodexTimeline from "@effect-codex/testing/CodexTimeline"
 * import * as Console from "effect/Console"
 * import * as Effect from "effect/Effect"
 *
 * const program = Codex.stream("Find the flaky test").pipe(
 *   CodexTimeline.record,
 *   Effect.flatMap((timeline) => Console.log(CodexTimeline.toText(timeline)))
 * )
 * ```
 *
 * The text of a run may hold anything that its agent read or wrote: nothing of it is taken out.
 *
 * @since 0.1.0
 */
import type { CodexEvent } from "@effect-codex/core/CodexEvent"
import * as CodexHook from "@effect-codex/core/CodexHook"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Diff from "./internal/timelineDiff.ts"
import * as TimelineEntry from "./internal/timelineEntry.ts"
import * as Html from "./internal/timelineHtml.ts"
import * as TimelineRecorder from "./internal/timelineRecorder.ts"
import * as Text from "./internal/timelineText.ts"

// =============================================================================
// Models
// =============================================================================

/**
 * Schema of {@link Entry}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Entry = TimelineEntry.Entry

/**
 * Something that happened `at` a time of the `Clock`, in milliseconds: an event of the run, something that a hook was
 * told, or the failure by which the run ended.
 *
 * @category models
 * @since 0.1.0
 */
export type Entry = typeof Entry.Type

/**
 * Schema of {@link Timeline}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Timeline = TimelineEntry.Timeline

/**
 * What happened since `startedAt`, a time of the `Clock` in milliseconds, in order. `omitted` is how many entries more
 * there were than the recorder had room for.
 *
 * It encodes and decodes, so that a run can be kept and looked at later.
 *
 * **Example** (Keeping a timeline as JSON)
 *
 * ```ts
 * import * as CodexTimeline from "@effect-codex/testing/CodexTimeline"
 * import * as Schema from "effect/Schema"
 *
 * const Json = Schema.fromJsonString(Schema.toCodecJson(CodexTimeline.Timeline))
 *
 * const save = Schema.encodeEffect(Json)
 * const load = Schema.decodeEffect(Json)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Timeline = typeof Timeline.Type

/**
 * What can be shown and compared: a turn, a timeline, the events of a run, or what a hook was told.
 *
 * @category models
 * @since 0.1.0
 */
export type Subject = TimelineEntry.Subject

// =============================================================================
// Text
// =============================================================================

/**
 * A line for each thing that happened: the time since the start if it is known, what it was, the first words of it, and
 * how it ended. Pieces of an item's text that follow each other are one line; of a turn, each item is one.
 *
 * What a reader would not see, such as control characters, is made visible.
 *
 * **Example** (Telling what a test got instead)
 *
 * ```ts
 * import * as Codex from "@effect-codex/core/Codex"
 * import * as CodexTimeline from "@effect-codex/testing/CodexTimeline"
 * import * as FakeCli from "@effect-codex/testing/FakeCli"
 * import * as FakeProcess from "@effect-codex/testing/FakeProcess"
 * import { assert, it } from "@effect/vitest"
 * import * as Effect from "effect/Effect"
 *
 * it.effect("runs one command", () =>
 *   Effect.gen(function*() {
 *     const turn = yield* Codex.run("Run the tests")
 *     assert.strictEqual(turn.commands.length, 1, CodexTimeline.toText(turn))
 *   }).pipe(Effect.provide(FakeCli.layer([FakeProcess.turn({ message: "42" })]))))
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const toText = (subject: Subject): string => Text.toText(subject)

// =============================================================================
// Differences
// =============================================================================

/**
 * Options of {@link diff} and {@link assertEqual}.
 *
 * @category options
 * @since 0.1.0
 */
export interface DiffOptions {
  /**
   * Names of fields that don't count, wherever they are; none by default. Two runs of the real CLI, for instance, differ
   * in `id`, `threadId`, `thread_id`, `duration` and `timestamp`, and two timelines in `at` and `startedAt`.
   */
  readonly ignore?: ReadonlyArray<string> | undefined
}

/**
 * What is missing (`-`), extra (`+`) and changed, with the fields that changed; an empty string if there is no
 * difference. At most 50 differences are shown, with what is next to them.
 *
 * **Example** (Comparing two runs)
 *
 * ```ts
 * import * as Codex from "@effect-codex/core/Codex"
 * import * as CodexTimeline from "@effect-codex/testing/CodexTimeline"
 * import * as Console from "effect/Console"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function*() {
 *   const first = yield* Codex.run("Run the tests")
 *   const second = yield* Codex.run("Run the tests")
 *   yield* Console.log(CodexTimeline.diff(first, second, { ignore: ["id", "threadId", "duration"] }))
 * })
 * ```
 *
 * @category comparing
 * @since 0.1.0
 */
export const diff = (expected: Subject, actual: Subject, options?: DiffOptions): string =>
  Diff.diff(expected, actual, options?.ignore ?? [])

/**
 * Two turns, timelines or lists of events are not the same. The message is their difference.
 *
 * @category errors
 * @since 0.1.0
 */
export class TimelineMismatch extends Data.TaggedError("TimelineMismatch")<{ readonly message: string }> {}

/**
 * Throws a {@link TimelineMismatch} whose message is the {@link diff}, if there is one. The order is that of other
 * assertions: first what there is, then what there should be.
 *
 * **Example** (Expecting the same of two transports)
 *
 * ```ts
 * import * as CodexTurn from "@effect-codex/core/CodexTurn"
 * import * as CodexTimeline from "@effect-codex/testing/CodexTimeline"
 *
 * export const expectSame = (overExec: CodexTurn.CodexTurn, overAppServer: CodexTurn.CodexTurn) =>
 *   CodexTimeline.assertEqual(overAppServer, overExec, { ignore: ["id", "threadId", "duration"] })
 * ```
 *
 * @category comparing
 * @since 0.1.0
 */
export const assertEqual = (
  actual: Subject,
  expected: Subject,
  options?: DiffOptions & {
    /** What the assertion is about; it comes before the difference. */
    readonly message?: string | undefined
  }
): void => {
  const difference = diff(expected, actual, options)
  if (difference !== "") {
    throw new TimelineMismatch({ message: `${options?.message ?? "They are not the same"}\n\n${difference}` })
  }
}

// =============================================================================
// Pages
// =============================================================================

/**
 * One HTML page that needs nothing but itself: no network, no script. It shows each item, attempt and approval as a bar
 * over time, and all of its text when it is opened (by a click, or Enter); what went wrong is linked to at the top.
 *
 * Of a very long output the middle is left out.
 *
 * **Example** (Writing a page)
 *
 * ```ts
 * import * as Codex from "@effect-codex/core/Codex"
 * import * as CodexTimeline from "@effect-codex/testing/CodexTimeline"
 * import * as Effect from "effect/Effect"
 * import * as FileSystem from "effect/FileSystem"
 *
 * const program = Effect.gen(function*() {
 *   const fs = yield* FileSystem.FileSystem
 *   const timeline = yield* CodexTimeline.record(Codex.stream("Find the flaky test"))
 *   yield* fs.writeFileString("timeline.html", CodexTimeline.toHtml(timeline, { title: "The flaky test" }))
 * })
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const toHtml = (
  subject: Subject,
  options?: {
    /** Default `Codex timeline`. */
    readonly title?: string | undefined
  }
): string => Html.toHtml(subject, options?.title ?? "Codex timeline")

// =============================================================================
// Recording
// =============================================================================

/**
 * Options of {@link record} and {@link layer}.
 *
 * @category options
 * @since 0.1.0
 */
export interface RecordOptions {
  /** How many entries are kept. Later ones are only counted. Default 10,000. */
  readonly limit?: number | undefined
}

/**
 * Notes events and their times, with what the hooks of the client are told: {@link layer}.
 *
 * @category services
 * @since 0.1.0
 */
export class Recorder extends Context.Service<Recorder, {
  /** The same stream; what passes is noted, and how it fails. */
  readonly tap: <E, R>(stream: Stream.Stream<CodexEvent, E, R>) => Stream.Stream<CodexEvent, E, R>
  /** What has been noted so far. Hooks hear of things a little later than they happen. */
  readonly timeline: Effect.Effect<Timeline>
}>()("@effect-codex/testing/CodexTimeline/Recorder") {}

/**
 * Runs a stream to its end, and gives what came and when. A failure is the last entry.
 *
 * **Example** (How long a run was silent)
 *
 * ```ts
 * import * as Codex from "@effect-codex/core/Codex"
 * import * as CodexTimeline from "@effect-codex/testing/CodexTimeline"
 * import * as Effect from "effect/Effect"
 *
 * const firstEvent = Codex.stream("Find the flaky test").pipe(
 *   CodexTimeline.record,
 *   Effect.map(({ entries, startedAt }) => entries.map(({ at }) => at - startedAt).at(0))
 * )
 * ```
 *
 * @category recording
 * @since 0.1.0
 */
export const record: {
  <E, R>(stream: Stream.Stream<CodexEvent, E, R>, options?: RecordOptions): Effect.Effect<Timeline, never, R>
} = Effect.fnUntraced(function*<E, R>(stream: Stream.Stream<CodexEvent, E, R>, options?: RecordOptions) {
  const recorder = yield* make(options)
  yield* Effect.ignore(Stream.runDrain(recorder.tap(stream)))
  return yield* recorder.timeline
})

/**
 * Provides a {@link Recorder}, and adds a hook for it to the client that is made where this is provided: attempts,
 * retries, sessions and approvals are noted, whatever is run.
 *
 * **Example** (A run with its attempts)
 *
 * ```ts
 * import * as Codex from "@effect-codex/core/Codex"
 * import * as CodexTimeline from "@effect-codex/testing/CodexTimeline"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import * as Stream from "effect/Stream"
 *
 * const program = Effect.gen(function*() {
 *   const recorder = yield* CodexTimeline.Recorder
 *   yield* Stream.runDrain(recorder.tap(Codex.stream("Find the flaky test")))
 *   return CodexTimeline.toHtml(yield* recorder.timeline)
 * })
 *
 * const layer = Codex.layer().pipe(Layer.provideMerge(CodexTimeline.layer()))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: RecordOptions): Layer.Layer<Recorder> =>
  Layer.unwrap(
    Effect.map(make(options), ({ hook, tap, timeline }) =>
      Layer.merge(Layer.succeed(Recorder, { tap, timeline }), CodexHook.layer(hook)))
  )

const make = (options: RecordOptions | undefined) => TimelineRecorder.make(options?.limit ?? 10_000)
