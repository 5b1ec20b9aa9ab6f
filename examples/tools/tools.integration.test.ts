/**
 * The example as a user runs it: its own process, the real CLI, offline.
 */
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import { createServer } from "node:http"
import { fileURLToPath } from "node:url"
import { makeWorkspace } from "../../packages/node/test/support/realCodex.ts"

const main = fileURLToPath(new URL("main.ts", import.meta.url))

const layerModel = FakeModel.layer([
  ModelReply.functionCall("find_orders", { customer: "Ada" }),
  ModelReply.concat(
    ModelReply.functionCall("cancel_order", { id: "A1" }),
    ModelReply.functionCall("cancel_order", { id: "A2" }),
    ModelReply.functionCall("cancel_order", { order: "A1" })
  ),
  ModelReply.message("A2 had been shipped.")
]).pipe(Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })))

describe("tools", () => {
  it.live("are called by the agent, which is told what they give and why they fail", () =>
    Effect.gen(function*() {
      const spawner = yield* ChildProcessSpawner
      const { cli, requests } = yield* FakeModel.FakeModel
      const stdout = yield* spawner.string(
        ChildProcess.make(process.execPath, [main], { cwd: yield* makeWorkspace, env: cli.env, extendEnv: true })
      )
      assert.strictEqual(stdout, "A2 had been shipped.\nA1: cancelled\nA2: shipped\nB1: open\n")
      const outputs = (yield* requests).at(-1)?.toolOutputs.map(({ output }) => output) ?? []
      assert.strictEqual(
        outputs[0],
        `[{"id":"A1","customer":"Ada","status":"open"},{"id":"A2","customer":"Ada","status":"shipped"}]`
      )
      assert.strictEqual(outputs[1], `{"id":"A1","customer":"Ada","status":"cancelled"}`)
      assert.include(outputs[2], "Order A2 can't be cancelled: it has been shipped")
      assert.include(outputs[3], "id")
    }).pipe(Effect.scoped, Effect.provide(layerModel)))
})
