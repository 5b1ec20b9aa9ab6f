/**
 * Laws of what a transport tells of a turn.
 *
 * @internal
 */
import type { CodexEvent } from "@effect-codex/core/CodexEvent"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import * as CodexScript from "../CodexScript.ts"
import * as Law from "./transportLaw.ts"

const numbers = Array.from({ length: 100 }, (_, index) => `Number ${index}.`)

export const laws: ReadonlyArray<Law.Law> = [
  {
    name: "begins with the thread, and ends with the end of the turn",
    mend: "Emit thread.started once and first, then turn.started before any work, and turn.completed once and last.",
    script: () => CodexScript.make([CodexScript.turn(CodexScript.run("echo hi"), CodexScript.message("Done."))]),
    test: Effect.fnUntraced(function*({ turn }) {
      const events = yield* Law.runToEnd(turn("Begin and end."))
      const fault = faultOf(events)
      if (fault !== undefined) return yield* Law.problem(fault, events)
      yield* Law.expectEqual("the last event", events.at(-1)?.type, "turn.completed", events)
    })
  },
  {
    name: "tells all that Codex does, in its order",
    mend: "Emit each item as it comes, once when it starts and once when it is completed. Leave out or move none.",
    script: () =>
      CodexScript.make([
        CodexScript.turn(CodexScript.message("One."), CodexScript.run("echo hi"), CodexScript.message("Two."))
      ]),
    test: Effect.fnUntraced(function*({ turn }) {
      const events = yield* Law.runToEnd(turn("Tell all."))
      const told = events.filter(Law.isItem).flatMap(({ item, type }) => {
        if (item.type === "command_execution") return [`${type} of a command`]
        return item.type === "agent_message" && type === "item.completed" ? [item.text] : []
      })
      const expected = ["One.", "item.started of a command", "item.completed of a command", "Two."]
      yield* Law.expectEqual("what was told", told, expected, events)
    })
  },
  {
    name: "tells that a turn has failed, with its cause, and what it did before",
    mend: "Emit turn.failed with the words of Codex, then end the stream. That a failed turn is a failure of the run " +
      "is for `Codex` to say, not for a transport.",
    script: () =>
      CodexScript.make([
        CodexScript.turn(
          CodexScript.message("So far."),
          CodexScript.fail("invalid_prompt", "The prompt is not to be answered.")
        )
      ]),
    test: Effect.fnUntraced(function*({ turn }) {
      const { events, exit } = yield* Law.run(turn("Fail."))
      const last = events.at(-1)
      if (last?.type !== "turn.failed") return yield* Law.problem("the last event is not turn.failed", events)
      const { message } = last.error
      yield* Law.expect(
        message.includes("The prompt is not to be answered."),
        `the cause is not what Codex said, but: ${message}`,
        events
      )
      yield* Law.expectEqual("what the agent said before", Law.textsOf(events), ["So far."], events)
      yield* Law.expect(Exit.isSuccess(exit), "the stream failed behind turn.failed", events)
    })
  },
  {
    name: "loses nothing when its consumer is slow",
    mend: "Let a slow consumer slow the agent down, by a bounded queue that waits. Never drop, never slide.",
    script: () => CodexScript.make([CodexScript.turn(...numbers.map((text) => CodexScript.message(text)))]),
    test: Effect.fnUntraced(function*({ turn }) {
      const events = yield* Law.runToEnd(
        turn("Count.").pipe(Stream.tap((event) => event.type === "turn.started" ? Effect.sleep("50 millis") : slowly))
      )
      const texts = Law.textsOf(events)
      const missing = numbers.filter((text) => !texts.includes(text))
      yield* Law.expect(
        missing.length === 0,
        `${missing.length} of ${numbers.length} messages are lost, the first of which is ${JSON.stringify(missing[0])}`
      )
      yield* Law.expectEqual("what was said", texts, numbers)
    })
  },
  {
    name: "keeps events and items that it does not know",
    mend: "Hand them on as `unknown` with their raw JSON (`CodexEvent.fromJson`, `CodexItem.fromJson`).",
    needs: ["fake"],
    script: () =>
      CodexScript.make([
        CodexScript.turn(
          CodexScript.future("event", "galaxy.born", { stars: 11 }),
          CodexScript.future("item", "hologram", { colours: 12 }),
          CodexScript.message("Done.")
        )
      ]),
    test: Effect.fnUntraced(function*({ turn }) {
      const events = yield* Law.runToEnd(turn("Surprise me."))
      const event = events.find((event) => event.type === "unknown" && has(event.raw, "\"stars\":11"))
      yield* Law.expect(event !== undefined, "the event galaxy.born with its field is not among them", events)
      const item = events.find((event) =>
        event.type === "item.completed" && event.item.type === "unknown" && has(event.item, "\"colours\":12")
      )
      yield* Law.expect(item !== undefined, "the item hologram with its field is not among them", events)
    })
  }
]

// =============================================================================
// Internals
// =============================================================================

const slowly = Effect.replicateEffect(Effect.yieldNow, 20, { discard: true })

const has = (value: unknown, text: string): boolean => JSON.stringify(value).includes(text)

/** What is wrong with the order of the events, if anything. */
const faultOf = (events: ReadonlyArray<CodexEvent>): string | undefined => {
  const [first] = events
  if (first?.type !== "thread.started") return `the first event is ${first?.type ?? "missing"}, not thread.started`
  const places = (type: CodexEvent["type"]) => events.flatMap((event, index) => event.type === type ? [index] : [])
  const [threads, turns] = [places("thread.started"), places("turn.started")]
  if (threads.length !== 1) return `thread.started came ${threads.length} times`
  if (turns.length !== 1) return `turn.started came ${turns.length} times`
  const end = events.findIndex(Law.isEnd)
  if (end === -1) return "neither turn.completed nor turn.failed came"
  const after = events[end + 1]
  if (after !== undefined) return `${after.type} came behind the end of the turn`
  const work = events.findIndex(({ type }) => type === "item.started")
  return work !== -1 && work < (turns[0] ?? 0) ? "an item was started before turn.started" : undefined
}
