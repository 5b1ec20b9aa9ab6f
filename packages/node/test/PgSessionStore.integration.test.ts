/**
 * Sessions in a real PostgreSQL.
 */
import * as SqlSessionStore from "@effect-codex/core/SqlSessionStore"
import * as SessionStoreContract from "@effect-codex/testing/SessionStoreContract"
import { layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as CountingProcesses from "./support/countingProcesses.ts"
import * as Postgres from "./support/postgres.ts"

const layerStore = (startupParameters?: Record<string, string>) =>
  Layer.unwrap(
    Effect.map(
      Postgres.Postgres,
      ({ socket }) => Layer.provide(SqlSessionStore.layer(), Postgres.layerClient(socket, startupParameters))
    )
  )

layer(Postgres.layer, { excludeTestServices: true, timeout: "10 minutes" })("PostgreSQL", (it) => {
  it.effect("lets many create the table at once", () =>
    Effect.all(Array.from({ length: 8 }, () => Effect.scoped(Layer.build(Layer.fresh(layerStore())))), {
      concurrency: "unbounded",
      discard: true
    }))

  it.describe("at its default isolation", () => {
    SessionStoreContract.suite(it.effect, layerStore(), { shared: true })
  })

  it.describe("at its highest isolation", () => {
    SessionStoreContract.suite(it.effect, layerStore({ default_transaction_isolation: "serializable" }), {
      shared: true
    })
  })

  it.effect("four processes lose none", () =>
    Effect.gen(function*() {
      const { socket } = yield* Postgres.Postgres
      yield* Effect.provide(CountingProcesses.loseNone({ kind: "postgres", location: socket }), layerStore())
    }))

  it.effect("a process that is killed loses none", () =>
    Effect.gen(function*() {
      const { socket } = yield* Postgres.Postgres
      yield* Effect.provide(CountingProcesses.survivesKill({ kind: "postgres", location: socket }), layerStore())
    }))
})
