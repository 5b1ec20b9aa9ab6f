/**
 * Laws of how a turn over a transport ends.
 *
 * @internal
 */
import type { CodexEvent } from "@effect-codex/core/CodexEvent"
import type { Worker } from "@effect-codex/core/CodexTransport"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as CodexScript from "../CodexScript.ts"
import * as Law from "./transportLaw.ts"

/** What the agent runs while its turn is stopped. */
export const command = "sleep 61.5"

const working = () =>
  CodexScript.make([
    CodexScript.turn(
      CodexScript.message("I begin."),
      CodexScript.run(command, { duration: "61.5 seconds" }),
      CodexScript.message("Done.")
    )
  ])

export const laws: ReadonlyArray<Law.Law> = [
  {
    name: "leaves nothing when the turn has ended",
    mend: "Release what a turn took when its stream ends: acquire it in the scope of the stream.",
    needs: ["alive"],
    script: () => CodexScript.make([CodexScript.turn(CodexScript.run("echo hi"), CodexScript.message("Done."))]),
    test: Effect.fnUntraced(function*({ alive, turn }) {
      const before = yield* alive
      const events = yield* Law.runToEnd(turn("Work."))
      yield* Law.expect(events.some(Law.isEnd), "the end of the turn was not told", events)
      yield* expectReleased(alive, before)
    })
  },
  {
    name: "leaves nothing when its consumer stops early",
    mend: "Release what a turn took when its stream is closed, not only when it comes to its end.",
    script: working,
    test: Effect.fnUntraced(function*(bench) {
      const before = yield* bench.alive
      let told = false
      yield* bench.turn("Work.").pipe(
        Stream.tap(atWork(Effect.andThen(expectWorker(bench, before), Effect.sync(() => void (told = true))))),
        Stream.takeUntil(isAtWork),
        Stream.runDrain,
        Effect.catchTag("CodexError", ({ message }) => Law.problem(`the stream failed: ${message}`))
      )
      yield* Law.expect(told, "the command that the agent began was not told")
      yield* expectReleased(bench.alive, before)
    })
  },
  {
    name: "leaves nothing when it is interrupted",
    mend: "Release what a turn took when its fiber is interrupted, and be done with it when the interruption is.",
    script: working,
    test: Effect.fnUntraced(function*(bench) {
      const before = yield* bench.alive
      const begun = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(
        Law.run(bench.turn("Work.").pipe(Stream.tap(atWork(Deferred.succeed(begun, undefined)))))
      )
      yield* awaitWork(begun, fiber)
      yield* expectWorker(bench, before)
      yield* Fiber.interrupt(fiber)
      yield* expectReleased(bench.alive, before)
    })
  },
  {
    name: "leaves nothing when its consumer fails",
    mend: "Release what a turn took when the stream is closed by a failure that is not its own.",
    script: working,
    test: Effect.fnUntraced(function*(bench) {
      const before = yield* bench.alive
      const failure = yield* bench.turn("Work.").pipe(
        Stream.tap(atWork(Effect.andThen(expectWorker(bench, before), Effect.fail("enough" as const)))),
        Stream.runDrain,
        Effect.flip,
        Effect.catch(() => Law.problem("the command that the agent began was not told"))
      )
      if (failure !== "enough") return yield* Law.problem(failure.message)
      yield* expectReleased(bench.alive, before)
    })
  },
  {
    name: "fails the turn, and leaves nothing, when its worker is killed",
    mend: "Let `kill` end the turn at once: with turn.failed if Codex still tells it, else with a `CodexError`.",
    script: working,
    test: Effect.fnUntraced(function*({ alive, turn }) {
      const before = yield* alive
      const begun = yield* Deferred.make<void>()
      let worker: Worker | undefined
      const fiber = yield* Effect.forkChild(Law.run(
        turn("Work.", {}, (told) => Effect.sync(() => void (worker = told))).pipe(
          Stream.tap(atWork(Deferred.succeed(begun, undefined)))
        )
      ))
      yield* awaitWork(begun, fiber)
      // Whether it is told of is another law.
      if (worker === undefined) return yield* Fiber.interrupt(fiber)
      yield* worker.kill
      const told = yield* Fiber.join(fiber)
      if (told.events.at(-1)?.type !== "turn.failed") yield* expectFailure(told)
      yield* expectReleased(alive, before)
    })
  },
  {
    name: "fails when Codex dies amid a turn",
    mend: "Fail with a `CodexError` when what runs the turn has gone, and the turn has told no end.",
    needs: ["fake"],
    script: () =>
      CodexScript.make([
        CodexScript.turn(CodexScript.message("I begin."), CodexScript.crash({ exitCode: 101, stderr: "panic\n" }))
      ]),
    test: Effect.fnUntraced(function*({ turn }) {
      yield* expectFailure(yield* Law.run(turn("Crash.")))
    })
  }
]

// =============================================================================
// Internals
// =============================================================================

const isAtWork = (event: CodexEvent): boolean =>
  event.type === "item.started" && event.item.type === "command_execution"

const atWork = <A, E>(effect: Effect.Effect<A, E>) => (event: CodexEvent): Effect.Effect<A | void, E> =>
  isAtWork(event) ? effect : Effect.void

const awaitWork = (begun: Deferred.Deferred<void>, fiber: Fiber.Fiber<Law.Told>) =>
  Effect.raceFirst(
    Deferred.await(begun),
    Effect.flatMap(Fiber.join(fiber), ({ events }) => Law.problem("the turn ended before it was at work", events))
  )

/** A probe that counts nothing would find nothing left. */
const expectWorker = Effect.fnUntraced(function*({ alive, isAliveKnown }: Law.Bench, before: number) {
  if (!isAliveKnown) return
  yield* Effect.flatMap(alive, (now) => now > before ? Effect.void : Effect.fail("nothing is alive")).pipe(
    Effect.retry(Schedule.max([Schedule.spaced("10 millis"), Schedule.during("1 second")])),
    Effect.catch(() => Law.problem("`alive` does not count the worker of a turn: mend that option first"))
  )
})

const expectReleased = Effect.fnUntraced(function*(alive: Effect.Effect<number>, before: number) {
  yield* Law.expectEqual("the number of workers that are left", yield* alive, before)
})

const expectFailure = Effect.fnUntraced(function*({ events, exit }: Law.Told) {
  if (Exit.isSuccess(exit)) return yield* Law.problem("the stream ended without a failure", events)
  if (Exit.hasFails(exit)) return
  return yield* Law.problem(`the stream has no CodexError, but: ${Cause.pretty(exit.cause)}`, events)
})
