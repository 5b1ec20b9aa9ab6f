/**
 * Laws of how a transport hands a turn over.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { format } from "effect/Formatter"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as CodexScript from "../CodexScript.ts"
import * as Law from "./transportLaw.ts"

/** Tells how often it was asked: the same prompt again has another answer. */
const counting = CodexScript.make([
  CodexScript.when({ attempt: 1 }, CodexScript.message("First.")),
  CodexScript.when({ attempt: 2 }, CodexScript.message("Second."))
], { fallback: [CodexScript.message("Again.")] })

const schema = {
  type: "object",
  properties: { answer: { type: "string" } },
  required: ["answer"],
  additionalProperties: false
}

export const laws: ReadonlyArray<Law.Law> = [
  {
    name: "starts nothing until its stream is run",
    mend: "Do all that a turn takes within the stream (`Stream.unwrap`), nothing when `turn` is called.",
    script: () => counting,
    test: Effect.fnUntraced(function*({ alive, turn }) {
      let started = 0
      const before = yield* alive
      const stream = turn("Wait.", {}, () => Effect.sync(() => void started++))
      // Nothing tells that nothing happens.
      yield* Effect.sleep("30 millis")
      yield* Law.expectEqual("the number of workers before the stream is run", started, 0)
      yield* Law.expectEqual("the number of workers before the stream is run", yield* alive, before)
      const { events } = yield* Law.run(Stream.takeUntil(stream, Law.isEnd))
      yield* Law.expect(events.length > 0, "the stream told nothing when it was run")
    })
  },
  {
    name: "hands a turn over once each time that its stream is run",
    mend: "Give a stream that begins anew each time, and sends its prompt once. A retry is for `CodexRetry` to make.",
    script: () => counting,
    test: Effect.fnUntraced(function*({ turn }) {
      const stream = turn("Count me.")
      const first = yield* Law.runToEnd(stream)
      yield* Law.expectEqual("the answer of the first run", Law.textsOf(first), ["First."], first)
      const second = yield* Law.runToEnd(stream)
      yield* Law.expectEqual("the answer of the second run", Law.textsOf(second), ["Second."], second)
      yield* Law.expect(
        (yield* Law.threadOf(first)) !== (yield* Law.threadOf(second)),
        "both runs are on the same thread",
        second
      )
    })
  },
  {
    name: "tells of its worker once, before the first event",
    mend: "Run `onStart` to its end when the turn has been handed over, and only then emit events.",
    script: () => counting,
    test: Effect.fnUntraced(function*({ turn }) {
      const told: Array<string> = []
      const { exit } = yield* Law.run(
        turn("Tell of it.", {}, () =>
          Effect.replicateEffect(Effect.yieldNow, 50, { discard: true }).pipe(
            Effect.andThen(Effect.sync(() => void told.push("the worker")))
          )).pipe(Stream.tap(({ type }) => Effect.sync(() => told.push(type))))
      )
      yield* Law.expect(Exit.isSuccess(exit), "the stream failed")
      yield* Law.expectEqual("what was told first", told[0], "the worker")
      yield* Law.expectEqual("how often it was told", told.filter((what) => what === "the worker").length, 1)
    })
  },
  {
    name: "refuses what it cannot do before it starts anything",
    mend: "Look at the whole request first, and fail with `CodexError.InvalidOption`, which names the option.",
    needs: ["refused"],
    script: () => counting,
    test: Effect.fnUntraced(function*({ alive, refused, turn }) {
      const unrefused = Law.textsOf(yield* Law.runToEnd(turn("Do that.")))
      for (const asked of refused) {
        const what = format(asked)
        const before = yield* alive
        let started = 0
        const { events, exit } = yield* Law.run(turn("Do it.", asked, () => Effect.sync(() => void started++)))
        const error = Option.getOrUndefined(Exit.findErrorOption(exit))
        if (error?.reason._tag !== "InvalidOption") {
          const how = Exit.isSuccess(exit) ? "was not refused" : `failed with ${Cause.pretty(exit.cause)}`
          return yield* Law.problem(`${what} ${how}`, events)
        }
        const { option } = error.reason
        yield* Law.expect(Object.hasOwn(asked, option), `${what} was refused as the option \`${option}\``)
        yield* Law.expect(events.length === 0, `${what} was refused behind events`, events)
        yield* Law.expectEqual(`the number of workers for ${what}`, started, 0)
        yield* Law.expectEqual(`the number of workers after ${what}`, yield* alive, before)
      }
      const events = yield* Law.runToEnd(turn("Do it."))
      yield* Law.expectEqual("the answer after the refusals", Law.textsOf(events), unrefused, events)
    })
  },
  {
    name: "hands Codex the schema of the answer, and of that turn alone",
    mend: "Pass `request.outputSchema` on as it is, for each turn anew.",
    needs: ["outputSchema"],
    script: () => CodexScript.make([CodexScript.turn(CodexScript.message("{\"answer\":\"42\"}"))]),
    test: Effect.fnUntraced(function*({ outputSchema, turn }) {
      yield* Law.runToEnd(turn("Answer.", { outputSchema: schema }))
      yield* Law.expectEqual<unknown>("the schema that Codex got", yield* outputSchema, schema)
      yield* Law.runToEnd(turn("Answer freely."))
      yield* Law.expectEqual("the schema of a turn without one", yield* outputSchema, undefined)
    })
  }
]
