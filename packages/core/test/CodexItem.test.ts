import * as CodexItem from "@effect-codex/core/CodexItem"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"

const message: CodexItem.CodexItem = { type: "agent_message", id: "i", text: "hello" }

describe("match", () => {
  it.effect.prop(
    "calls the case of the item's type, or else the other one",
    { item: CodexItem.CodexItem },
    ({ item }) =>
      Effect.gen(function*() {
        const describe = CodexItem.match({
          agent_message: ({ text, type }) => [type, text],
          command_execution: ({ command, type }) => [type, command],
          unknown: ({ raw, type }) => [type, raw],
          orElse: ({ type }) => [type]
        })
        const rest = item.type === "agent_message"
          ? [item.text]
          : item.type === "command_execution"
          ? [item.command]
          : item.type === "unknown"
          ? [item.raw]
          : []
        assert.deepStrictEqual(describe(item), [item.type, ...rest])
      })
  )

  it.effect("gives any of what the cases give", () =>
    Effect.gen(function*() {
      const handle = CodexItem.match({
        agent_message: ({ text }) => Effect.fail(text),
        command_execution: ({ exit_code }) => Effect.succeed(exit_code),
        orElse: () => Effect.void
      })
      const typed: Effect.Effect<unknown, string> = handle(message)
      assert.strictEqual(yield* Effect.flip(typed), "hello")
    }))

  it("refuses a type that there is not", () => {
    const misspelt = CodexItem.match({
      // @ts-expect-error: no such type
      agent_mesage: () => "never",
      orElse: () => "else"
    })
    assert.strictEqual(misspelt(message), "else")
    const beside = CodexItem.match({
      reasoning: () => "reasoning",
      // @ts-expect-error: no such type
      agent_mesage: () => "never",
      orElse: () => "else"
    })
    assert.strictEqual(beside(message), "else")
  })
})
