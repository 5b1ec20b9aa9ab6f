import { CodexHome } from "@effect-codex/core/CodexHome"
import * as NodeCodexHome from "@effect-codex/node/NodeCodexHome"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { homedir } from "node:os"
import * as Fixture from "./support/codexHome.ts"

const id = Fixture.threadId(1)

const lastOf = (options?: NodeCodexHome.Options) =>
  Effect.gen(function*() {
    return Option.getOrUndefined(yield* (yield* CodexHome).last())?.threadId
  }).pipe(Effect.provide(NodeCodexHome.layer(options)))

/** With another environment of this process. */
const withEnvironment = (variables: Readonly<Record<string, string | undefined>>) => {
  const set = (values: Readonly<Record<string, string | undefined>>) =>
    Effect.sync(() => {
      const before = Object.fromEntries(Object.keys(values).map((name) => [name, process.env[name]]))
      for (const [name, value] of Object.entries(values)) {
        if (value === undefined) delete process.env[name]
        else process.env[name] = value
      }
      return before
    })
  return Effect.acquireRelease(set(variables), set)
}

describe("NodeCodexHome", () => {
  it.effect("is where the option says, else where the CLI looks", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const { path, rollout, root } = yield* Fixture.make
      yield* rollout({ id })
      yield* fs.symlink(path, `${root}/.codex`)
      yield* withEnvironment({ HOME: "/nowhere", CODEX_HOME: "/nowhere" })
      assert.isUndefined(yield* lastOf())
      assert.strictEqual(yield* lastOf({ path }), id)
      assert.strictEqual(yield* lastOf({ path, env: { CODEX_HOME: "/nowhere" } }), id)
      assert.strictEqual(yield* lastOf({ env: { CODEX_HOME: path } }), id)
      assert.strictEqual(yield* lastOf({ env: { CODEX_HOME: Redacted.make(`${root}/.codex/`) } }), id)
      assert.isUndefined(yield* lastOf({ env: { HOME: root } }))
      assert.strictEqual(yield* lastOf({ env: { HOME: root, CODEX_HOME: undefined } }), id)
      assert.strictEqual(yield* lastOf({ env: { HOME: root, CODEX_HOME: "" } }), id)
      assert.strictEqual(yield* lastOf({ env: { HOME: root }, extendEnv: false }), id)

      yield* withEnvironment({ HOME: root, CODEX_HOME: undefined })
      assert.strictEqual(homedir(), root)
      assert.strictEqual(yield* lastOf(), id)
      assert.strictEqual(yield* lastOf({ extendEnv: false }), id)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))
})
