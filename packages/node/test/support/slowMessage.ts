/** A message of the model that comes piece by piece, and waits where there is a latch. */
import * as ModelReply from "@effect-codex/testing/ModelReply"
import type * as Latch from "effect/Latch"
import * as Predicate from "effect/Predicate"

export const slowMessage = (...parts: ReadonlyArray<Latch.Latch | string>): ModelReply.ModelReply => {
  const item = { id: "slow", type: "message", role: "assistant" }
  const text = parts.filter(Predicate.isString).join("")
  return ModelReply.concat(
    ModelReply.event({ type: "response.output_item.added", output_index: 0, item: { ...item, content: [] } }),
    ...parts.map((part) =>
      Predicate.isString(part)
        ? ModelReply.event({
          type: "response.output_text.delta",
          item_id: item.id,
          output_index: 0,
          content_index: 0,
          delta: part
        })
        : ModelReply.gate(part)
    ),
    ModelReply.event({
      type: "response.output_item.done",
      output_index: 0,
      item: { ...item, content: [{ type: "output_text", text }] }
    })
  )
}
