/**
 * The example as a user runs it, twice: two processes, one after the other, with the real CLI, offline.
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

const script = ["The plan.", "Step 1.", "Step 1, in another way.", "Step 2.", "Step 2, in another way."]

const layerModel = FakeModel.layer(script.map((text) => ModelReply.message(text))).pipe(
  Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" }))
)

describe("threads-and-sessions", () => {
  it.live("goes on in the next process with the same thread", () =>
    Effect.gen(function*() {
      const spawner = yield* ChildProcessSpawner
      const { cli, requests } = yield* FakeModel.FakeModel
      const directory = yield* makeWorkspace
      yield* spawner.string(ChildProcess.make("git", ["init", "--quiet", directory]))
      const run = Effect.map(
        spawner.string(ChildProcess.make(process.execPath, [main], { cwd: directory, env: cli.env, extendEnv: true })),
        (stdout) => stdout.trimEnd().split("\n")
      )

      const [step, other, session, ...more] = yield* run
      assert.deepStrictEqual([step, other, more], ["Step 1.", "Or else: Step 1, in another way.", []])
      const threadId = /^repo-plan: 2 turns on thread (\S+), last at \S+Z$/.exec(session ?? "")?.[1]
      assert.isDefined(threadId)

      const tomorrow = yield* run
      assert.deepStrictEqual(tomorrow.slice(0, 2), ["Step 2.", "Or else: Step 2, in another way."])
      assert.include(tomorrow[2], `repo-plan: 3 turns on thread ${threadId}, `)

      // The forks have threads of their own; the session knows what was said in it, and nothing of them.
      const asked = yield* requests
      assert.deepStrictEqual(asked.map((request) => request.threadId === threadId), [true, true, false, true, false])
      const conversation = JSON.stringify(asked[3]?.body)
      assert.include(conversation, "The plan.")
      assert.include(conversation, "Step 1.")
      assert.notInclude(conversation, "in another way")
    }).pipe(Effect.scoped, Effect.provide(layerModel)))
})
