/** What the tools work on. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

export const Order = Schema.Struct({
  id: Schema.String,
  customer: Schema.String,
  status: Schema.Literals(["open", "shipped", "cancelled"])
})

export class CannotCancel extends Schema.TaggedError<CannotCancel>("examples/CannotCancel")("CannotCancel", {
  id: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `Order ${this.id} can't be cancelled: ${this.reason}`
  }
}

export class Orders extends Context.Service<Orders, {
  readonly all: Effect.Effect<ReadonlyArray<typeof Order.Type>>
  readonly cancel: (id: string) => Effect.Effect<typeof Order.Type, CannotCancel>
}>()("examples/Orders") {}

export const layerMemory = Layer.sync(Orders, () => {
  const orders = new Map<string, typeof Order.Type>([
    ["A1", { id: "A1", customer: "Ada", status: "open" }],
    ["A2", { id: "A2", customer: "Ada", status: "shipped" }],
    ["B1", { id: "B1", customer: "Grace", status: "open" }]
  ])
  return {
    all: Effect.sync(() => [...orders.values()]),
    cancel: (id) =>
      Effect.suspend(() => {
        const order = orders.get(id)
        if (order === undefined) return new CannotCancel({ id, reason: "there is no such order" })
        if (order.status === "shipped") return new CannotCancel({ id, reason: "it has been shipped" })
        const cancelled = { ...order, status: "cancelled" as const }
        orders.set(id, cancelled)
        return Effect.succeed(cancelled)
      })
  }
})
