/**
 * The example on the real CLI, offline.
 */
import * as Threads from "@effect-codex/core/appserver/Threads"
import * as NodeThreads from "@effect-codex/node/NodeThreads"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Stream from "effect/Stream"
import { TestConsole } from "effect/testing"
import { createServer } from "node:http"
import { program } from "./main.ts"

const plan = (filesChanged: number, risk: string, ...steps: ReadonlyArray<string>) =>
  ModelReply.message(JSON.stringify({ steps, filesChanged, risk }))

describe("fork-and-compare", () => {
  it.live("tries the ways at once from one point, and goes on with the best", () =>
    Effect.gen(function*() {
      const atOnce = yield* Latch.make()
      let waiting = 0
      const script: FakeModel.Script = ({ prompt }) => {
        if (prompt.startsWith("Be faster")) return ModelReply.message("It is the database.")
        // No plan is made before all are asked for.
        if (++waiting === 3) atOnce.openUnsafe()
        return ModelReply.concat(
          ModelReply.gate(atOnce),
          prompt.includes("least")
            ? plan(9, "low", "Use less of it")
            : prompt.includes("anew")
            ? plan(1, "high", "Use another one")
            : plan(2, "low", "Tune it", "Measure again")
        )
      }
      yield* Effect.gen(function*() {
        yield* program("Be faster")
        const printed = (yield* TestConsole.logLines).map(String)
        assert.sameMembers(printed.slice(0, 3), [
          "careful: risk low, 9 files",
          "thorough: risk high, 1 files",
          "tooling: risk low, 2 files"
        ])
        const winner = /^Go on by: codex resume (.*)$/.exec(printed[4] ?? "")?.[1]
        assert.strictEqual(printed[3], "The tooling one:\n- Tune it\n- Measure again")

        // Each copy knows what was found out.
        const [, ...asked] = yield* (yield* FakeModel.FakeModel).requests
        assert.lengthOf(asked, 3)
        for (const { body, outputSchema } of asked) {
          assert.include(JSON.stringify(body), "It is the database.")
          assert.isDefined(outputSchema)
        }

        const threads = yield* Threads.Threads
        const kept = yield* Stream.runCollect(threads.list())
        assert.deepStrictEqual(kept.map(({ name }) => name), ["Be faster (tooling)", null])
        assert.strictEqual(kept[0]?.id, winner)
        assert.lengthOf(yield* Stream.runCollect(threads.list({ archived: true })), 2)
      }).pipe(Effect.provide(
        FakeModel.layerWith(script, ({ env }) => NodeThreads.layer({ env, defaults: { sandbox: "read-only" } }))
      ))
    }).pipe(Effect.provide([
      TestConsole.layer,
      NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })
    ])))
})
