import * as CodexEvent from "@effect-codex/core/CodexEvent"
import * as CodexHandlers from "@effect-codex/core/CodexHandlers"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"

const item = (type: string, itemType: string, rest: object = {}) =>
  CodexEvent.fromJson({ type, item: { type: itemType, id: "i", ...rest } })

const message = item("item.completed", "agent_message", { text: "hello" })
const command = { command: "ls", aggregated_output: "", exit_code: 0, status: "completed" }

const events: ReadonlyArray<CodexEvent.CodexEvent> = [
  { type: "thread.started", thread_id: "t" },
  item("item.started", "command_execution", command),
  item("item.completed", "command_execution", command),
  message,
  { type: "turn.completed", usage: { input_tokens: 1, output_tokens: 2 } }
]

describe("tap", () => {
  it.effect("calls the handlers event by event, from the general to the specific, and passes the events on", () =>
    Effect.gen(function*() {
      const calls: Array<string> = []
      const note = (...words: ReadonlyArray<string>) => Effect.sync(() => calls.push(words.join(" ")))
      const seen = yield* Stream.fromIterable(events).pipe(
        CodexHandlers.tap({
          event: ({ type }) => note("event", type),
          events: {
            "item.completed": ({ item, type }) => note("type", type, item.type),
            "turn.completed": ({ usage }) => note("usage", String(usage.output_tokens))
          },
          item: (item, event) => note("item", item.type, event.type),
          items: { command_execution: (item, event) => note("ran", item.command, event.type) }
        }),
        Stream.runCollect
      )
      assert.deepStrictEqual(seen, events)
      assert.deepStrictEqual(calls, [
        "event thread.started",
        "event item.started",
        "item command_execution item.started",
        "ran ls item.started",
        "event item.completed",
        "type item.completed command_execution",
        "item command_execution item.completed",
        "ran ls item.completed",
        "event item.completed",
        "type item.completed agent_message",
        "item agent_message item.completed",
        "event turn.completed",
        "usage 2"
      ])
    }))

  it.effect("fails the run with what a handler failed with, after what came before", () =>
    Effect.gen(function*() {
      class Limit extends Context.Service<Limit, number>()("Limit") {}
      const seen: Array<string> = []
      const result = yield* Stream.fromIterable(events).pipe(
        CodexHandlers.tap({
          events: { "turn.completed": () => Effect.fail("too late" as const) },
          items: { agent_message: ({ text }) => Effect.flatMap(Limit, (limit) => Effect.fail(text.length - limit)) }
        }),
        Stream.runForEach(({ type }) => Effect.sync(() => seen.push(type))),
        Effect.provideService(Limit, 3),
        Effect.result
      )
      const error: Result.Result<void, number | "too late"> = result
      assert.deepStrictEqual(error, Result.fail(2))
      assert.deepStrictEqual(seen, ["thread.started", "item.started", "item.completed"])
    }))

  it.effect("without handlers changes nothing", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* Stream.runCollect(Stream.fromIterable(events).pipe(CodexHandlers.tap({}))),
        events
      )
    }))

  it.effect("refuses a type that there is not", () =>
    Effect.gen(function*() {
      const seen = yield* Stream.succeed(message).pipe(
        CodexHandlers.tap({
          events: {
            "item.completed": () => Effect.void,
            // @ts-expect-error: no such type
            "item.complete": () => Effect.die("never")
          },
          items: {
            reasoning: () => Effect.void,
            // @ts-expect-error: no such type
            agent_mesage: () => Effect.die("never")
          }
        }),
        Stream.runCollect
      )
      assert.deepStrictEqual(seen, [message])
    }))
})
