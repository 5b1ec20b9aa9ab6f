/**
 * Defects that other SDKs for Codex have, and that cannot happen here: those that no other test shows. All of them,
 * with their tests, are in `docs/parity.md`.
 */
import * as Codex from "@effect-codex/core/Codex"
import type { CodexEvent } from "@effect-codex/core/CodexEvent"
import * as NodeCodex from "@effect-codex/node/NodeCodex"
import * as NodeSessionStore from "@effect-codex/node/NodeSessionStore"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as RealCodex from "./support/realCodex.ts"

const done = ModelReply.message("Done.")

const requests = Effect.flatMap(FakeModel.FakeModel, (model) => model.requests)

describe("a prompt of 2 MB", () => {
  const prompt = "x".repeat(2_000_000)

  /** Fails on what would have ended the host. */
  const unharmed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.scoped(Effect.gen(function*() {
      const uncaught: Array<Error> = []
      const note = (error: Error) => uncaught.push(error)
      yield* Effect.acquireRelease(
        Effect.sync(() => process.on("uncaughtExceptionMonitor", note)),
        () => Effect.sync(() => process.off("uncaughtExceptionMonitor", note))
      )
      const result = yield* effect
      assert.deepStrictEqual(uncaught, [])
      return result
    }))

  it.live("for a CLI that ends at once fails the run with what the CLI said, and leaves the host alone", () =>
    Effect.gen(function*() {
      const error = yield* unharmed(Effect.flip(Codex.run(prompt, { extraArgs: ["--no-such-flag"] })))
      assert.deepInclude(error.reason, { _tag: "Exited", exitCode: 2 })
      assert.match(error.message, /unexpected argument '--no-such-flag'/)
    }).pipe(Effect.provide(RealCodex.layer([]))))

  it.live("for a run that is stopped meanwhile leaves the host alone", () =>
    unharmed(Effect.forEach(
      [1, 10, 30, 60, 100],
      (millis) => Effect.flip(Effect.timeout(Codex.run(prompt), millis))
    )).pipe(Effect.provide(RealCodex.layer([]))))
})

describe("a stream of a turn that fails", () => {
  it.live("ends with turn.failed, and fails once, with the same cause", () =>
    Effect.gen(function*() {
      const seen: Array<CodexEvent> = []
      const error = yield* Codex.stream("Work").pipe(
        Stream.runForEach((event) => Effect.sync(() => seen.push(event))),
        Effect.flip
      )
      const last = seen.at(-1)
      if (last?.type !== "turn.failed" || error.reason._tag !== "TurnFailed") return assert.fail(String(error))
      assert.strictEqual(error.reason.description, last.error.message)
      assert.match(error.message, /^The turn failed: unexpected status 401 Unauthorized: No such key/)
      assert.lengthOf(seen.filter((event) => event.type === "turn.failed"), 1)
    }).pipe(Effect.provide(RealCodex.layer([ModelReply.httpError(401, { message: "No such key" })]))))
})

describe("what `codex exec` cannot do is refused before it starts:", () => {
  for (const approval of ["untrusted", "on-request"] as const) {
    it.live(`the approval ${approval}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(Codex.run("Work", { approval }))
        assert.deepInclude(error.reason, { _tag: "InvalidOption", option: "approval" })
        assert.match(error.message, /use "never" or "auto-review"/)
        assert.lengthOf(yield* requests, 0)
      }).pipe(Effect.provide(RealCodex.layer([]))))
  }

  it.live("a thread by something that is no id, which would be a new one", () =>
    Effect.gen(function*() {
      const thread = yield* Codex.thread({ thread: "not-a-uuid" })
      const error = yield* Effect.flip(thread.run("Work"))
      assert.deepInclude(error.reason, { _tag: "InvalidOption", option: "thread" })
      assert.match(error.message, /a name of your own is for `session`/)
      assert.lengthOf(yield* requests, 0)
    }).pipe(Effect.provide(RealCodex.layer([done]))))
})

describe("a key of the configuration with a dot", () => {
  it.live("is one key", () =>
    Effect.gen(function*() {
      const { url } = yield* FakeModel.FakeModel
      const turn = yield* Codex.run("Work", {
        config: {
          model_provider: "my.prov",
          model_providers: { "my.prov": { name: "Mine", base_url: url, wire_api: "responses" } }
        }
      })
      assert.strictEqual(turn.finalMessage, "Done.")
    }).pipe(Effect.provide(RealCodex.layer([done]))))
})

describe("items of Codex 0.169 have their types:", () => {
  const eventsOf = Effect.map(
    Effect.andThen(
      RealCodex.makeWorkspace,
      (workingDirectory) => Stream.runCollect(Codex.stream("Work", { workingDirectory, strict: true }))
    ),
    (events) => events.flatMap((event) => "item" in event ? [event.item] : [])
  )

  it.live("a command that runs has no exit code, a patch is in progress, a search has an id and an action", () =>
    Effect.gen(function*() {
      const items = yield* eventsOf
      const exitCodes: ReadonlyArray<number | null | undefined> = items.flatMap((item) =>
        item.type === "command_execution" ? [item.exit_code] : []
      )
      assert.deepStrictEqual(exitCodes, [null, 3])
      assert.deepStrictEqual(
        items.flatMap((item) => item.type === "file_change" ? [item.status] : []),
        ["in_progress", "completed"]
      )
      const searches = items.flatMap((item) => item.type === "web_search" ? [item] : [])
      assert.match(searches[0]?.id ?? "", /^ws_/)
      assert.strictEqual(searches[1]?.id, searches[0]?.id)
      assert.deepStrictEqual(searches[1]?.action, { type: "search", query: "effect", queries: ["effect"] })
    }).pipe(Effect.provide(RealCodex.layer([
      ModelReply.shell("exit 3"),
      ModelReply.applyPatch("*** Begin Patch\n*** Add File: new.txt\n+hello\n*** End Patch\n"),
      ModelReply.concat(ModelReply.webSearch("effect"), done)
    ]))))

  it.live("the dealing with a sub-agent is known", () =>
    Effect.gen(function*() {
      const turn = yield* Codex.run("Delegate.", { strict: true })
      const [spawn] = turn.collabToolCalls
      assert.deepStrictEqual([spawn?.tool, spawn?.status], ["spawn_agent", "completed"])
      assert.strictEqual(spawn?.sender_thread_id, turn.threadId)
      assert.deepStrictEqual(Object.keys(spawn?.agents_states ?? {}), spawn?.receiver_thread_ids)
    }).pipe(Effect.provide(RealCodex.layer((request) =>
      request.prompt === "Delegate." && request.threadIndex === 0
        ? ModelReply.functionCall("spawn_agent", { message: "Count." }, { namespace: "multi_agent_v1" })
        : done
    ))))
})

describe("bytes that are no UTF-8", () => {
  it.live("on stdout and stderr end nothing", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = `${yield* fs.makeTempDirectoryScoped()}/codex`
      const script = String.raw`#!/bin/sh
cat > /dev/null
printf '\377\376\n{"type":"item.completed","item":{"type":"agent_message","id":"1","text":"a\377b"}}\n'
printf 'no\377\n' >&2
exit 4
`
      yield* fs.writeFileString(path, script, { mode: 0o755 })
      const error = yield* Effect.flip(Codex.run("x").pipe(Effect.provide(Layer.orDie(NodeCodex.layer({ path })))))
      assert.deepInclude(error.reason, { _tag: "Exited", exitCode: 4, stderr: "no\ufffd" })
      assert.strictEqual(error.turn?.finalMessage, "a\ufffdb")
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))
})

describe("a session file with a bare name", () => {
  it.live("is written without the directory for temporary files, which may be on another device", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      const { cwd, env } = yield* Effect.acquireRelease(
        Effect.sync(() => ({ cwd: process.cwd(), env: { ...process.env } })),
        ({ cwd, env }) =>
          Effect.sync(() => {
            process.chdir(cwd)
            process.env = env
          })
      )
      process.chdir(directory)
      process.env = { ...env, TMPDIR: `${cwd}/no/such/directory` }
      const store = yield* NodeSessionStore.makeFile(".codex_sessions.json")
      const at = yield* DateTime.now
      yield* store.update("plan", () => [
        undefined,
        Option.some({
          name: "plan",
          threadId: "thread",
          createdAt: at,
          updatedAt: at,
          turnCount: 0,
          successCount: 0,
          failureCount: 0,
          turns: []
        })
      ])
      assert.deepStrictEqual(yield* fs.readDirectory(directory), [".codex_sessions.json"])
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))
})
