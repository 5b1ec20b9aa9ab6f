/**
 * Laws of the threads that a transport's turns are on.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as CodexScript from "../CodexScript.ts"
import * as Law from "./transportLaw.ts"

/** Tells how many turns its thread has had. */
const remembering = () =>
  CodexScript.make([
    CodexScript.when({ turn: 0 }, CodexScript.message("The first turn.")),
    CodexScript.when({ turn: 1 }, CodexScript.message("The second turn."))
  ], { fallback: [CodexScript.message("A later turn.")] })

const nobody = "01900000-0000-7000-8000-00000000dead"

const saying = (side: string) =>
  CodexScript.when(
    { prompt: side },
    CodexScript.message(`The ${side}, one.`),
    CodexScript.run(`echo ${side}`),
    CodexScript.wait("20 millis"),
    CodexScript.message(`The ${side}, two.`)
  )

export const laws: ReadonlyArray<Law.Law> = [
  {
    name: "goes on with the thread that it is asked for",
    mend: "Resume `request.thread`, and tell its id in thread.started.",
    script: remembering,
    test: Effect.fnUntraced(function*({ turn }) {
      const thread = yield* Law.threadOf(yield* Law.runToEnd(turn("Begin.")))
      const events = yield* Law.runToEnd(turn("Go on.", { thread }))
      yield* Law.expectEqual("the thread", yield* Law.threadOf(events), thread, events)
      yield* Law.expectEqual("the answer", Law.textsOf(events), ["The second turn."], events)
    })
  },
  {
    name: "fails when there is no such thread",
    mend:
      "Fail, with `CodexError.ThreadNotFound` if it is known that there is none. Never begin another thread instead.",
    script: remembering,
    test: Effect.fnUntraced(function*({ turn }) {
      const { events, exit } = yield* Law.run(turn("Go on.", { thread: nobody }))
      yield* Law.expect(Exit.hasFails(exit), "the stream did not fail", events)
      yield* Law.expectEqual("what was said on another thread", Law.textsOf(events), [], events)
    })
  },
  {
    name: "goes on with a copy of a thread, and leaves the thread as it is",
    mend: "Fork `request.fork`, tell the id of the copy in thread.started, and write nothing to the thread itself.",
    script: remembering,
    test: Effect.fnUntraced(function*({ turn }) {
      const thread = yield* Law.threadOf(yield* Law.runToEnd(turn("Begin.")))
      const copy = yield* Law.runToEnd(turn("Go on elsewhere.", { fork: thread }))
      yield* Law.expect((yield* Law.threadOf(copy)) !== thread, "the copy has the id of the thread", copy)
      yield* Law.expectEqual("the answer of the copy", Law.textsOf(copy), ["The second turn."], copy)
      const events = yield* Law.runToEnd(turn("Go on.", { thread }))
      yield* Law.expectEqual("the answer of the thread", Law.textsOf(events), ["The second turn."], events)
    })
  },
  {
    name: "keeps turns apart that run at once",
    mend: "Give each turn what is its own alone: share no state between turns, and sort what comes by its thread.",
    script: () => CodexScript.make([saying("left"), saying("right")]),
    test: Effect.fnUntraced(function*({ turn }) {
      const [left, right] = yield* Effect.all([
        Law.runToEnd(turn("Go left.")),
        Law.runToEnd(turn("Go right."))
      ], { concurrency: 2 })
      const mixed = [
        ...Law.textsOf(left).filter((text) => !text.includes("left")),
        ...Law.textsOf(right).filter((text) => !text.includes("right"))
      ]
      yield* Law.expectEqual("what was told of the other turn", mixed, [])
      yield* Law.expect((yield* Law.threadOf(left)) !== (yield* Law.threadOf(right)), "both are on the same thread")
    })
  }
]
