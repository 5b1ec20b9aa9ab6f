/**
 * What users of other SDKs look for on the real CLI, and no other test shows: see `docs/parity.md`.
 */
import * as Codex from "@effect-codex/core/Codex"
import * as NodeCodex from "@effect-codex/node/NodeCodex"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { existsSync } from "node:fs"
import * as RealCodex from "./support/realCodex.ts"

const done = ModelReply.message("Done.")

describe("a run", () => {
  it.live("may have a key of its own", () =>
    Effect.gen(function*() {
      const { cli, requests } = yield* FakeModel.FakeModel
      const other = NodeCodex.layer({ ...cli, apiKey: Redacted.make("sk-other"), skipGitRepoCheck: true })
      yield* Codex.run("One")
      yield* Effect.provide(Codex.run("Two"), Layer.orDie(other))
      assert.deepStrictEqual((yield* requests).map(({ headers }) => headers.authorization), [
        "Bearer fake-key",
        "Bearer sk-other"
      ])
    }).pipe(Effect.provide(RealCodex.layer([done, done]))))

  it.live("notifies a program when its turn ends", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const file = `${yield* RealCodex.makeWorkspace}/notified`
      yield* Codex.run("Work", {
        config: { notify: ["sh", "-c", "printf '%s\n' \"$2\" > \"$1.tmp\" && mv \"$1.tmp\" \"$1\"", "sh", file] }
      })
      yield* RealCodex.until(() => existsSync(file))
      assert.include(yield* fs.readFileString(file), "\"last-assistant-message\":\"Done.\"")
    }).pipe(Effect.provide(RealCodex.layer([done]))))

  it.live("with no agents to start is refused", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Codex.run("Work", { config: { agents: { max_threads: 0 } } }))
      assert.match(error.message, /must be at least 1/)
    }).pipe(Effect.provide(RealCodex.layer([]))))
})
