/**
 * Tools of this program that the agent calls: a `Toolkit` of Effect, used by the real Codex.
 *
 *     npm run example -- tools                                          with your Codex account
 *     npm run example -- tools "Cancel whatever Grace has ordered"      what you want it to do
 *
 * Parameters and results are typed, and checked by their schemas. The handlers are Effects: they run in this process, with
 * their services, and are interrupted with the turn. What goes wrong is told to the agent in words.
 */
import * as DynamicTools from "@effect-codex/core/appserver/DynamicTools"
import { Threads } from "@effect-codex/core/appserver/Threads"
import * as NodeThreads from "@effect-codex/node/NodeThreads"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { CannotCancel, layerMemory, Order, Orders } from "./Orders.ts"

const toolkit = Toolkit.make(
  Tool.make("find_orders", {
    description: "The orders of a customer, by the first name; all orders without one",
    parameters: Schema.Struct({ customer: Schema.optionalKey(Schema.String) }),
    success: Schema.Array(Order)
  }),
  Tool.make("cancel_order", {
    description: "Cancels an order that has not been shipped",
    parameters: Schema.Struct({ id: Schema.String }),
    success: Order,
    failure: CannotCancel
  })
)

export const layerHandlers = toolkit.toLayer(Effect.gen(function*() {
  const orders = yield* Orders
  return {
    find_orders: ({ customer }) =>
      Effect.map(orders.all, (all) => all.filter((order) => customer === undefined || order.customer === customer)),
    cancel_order: ({ id }) => orders.cancel(id)
  }
}))

export const program = Effect.fn(function*(prompt: string) {
  const threads = yield* Threads
  const tools = yield* DynamicTools.make(toolkit, { timeout: "10 seconds" })
  const thread = yield* threads.start({ sandbox: "read-only", tools })
  const turn = yield* thread.run(prompt)
  yield* Console.log(turn.finalMessage)
  for (const { id, status } of yield* (yield* Orders).all) yield* Console.log(`${id}: ${status}`)
}, Effect.scoped)

if (import.meta.main) {
  const prompt = process.argv.slice(2).join(" ") ||
    "Cancel all that Ada has ordered, and tell me what could not be cancelled."
  program(prompt).pipe(
    Effect.provide([Layer.provideMerge(layerHandlers, layerMemory), NodeThreads.layer()]),
    NodeRuntime.runMain
  )
}
