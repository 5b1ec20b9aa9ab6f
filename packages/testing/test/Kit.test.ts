/**
 * What a client does with the turns of a transport, by the kit: the bugs of `scripts/mutations` that no law of a transport
 * finds are found here.
 */
import * as Codex from "@effect-codex/core/Codex"
import * as CodexHook from "@effect-codex/core/CodexHook"
import type { CodexOptions } from "@effect-codex/core/CodexOptions"
import * as CodexRetry from "@effect-codex/core/CodexRetry"
import { CodexTransport } from "@effect-codex/core/CodexTransport"
import * as SessionStore from "@effect-codex/core/SessionStore"
import * as CodexScript from "@effect-codex/testing/CodexScript"
import * as FakeAppServer from "@effect-codex/testing/FakeAppServer"
import * as FakeCli from "@effect-codex/testing/FakeCli"
import * as FakeProcess from "@effect-codex/testing/FakeProcess"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { settled, within } from "./support/passing.ts"

const { add, callMcpTool, changeFiles, fail, hang, make, message, plan, reasoning, run, search, turn, wait, when } =
  CodexScript

const transports: ReadonlyArray<
  readonly [string, (script: CodexScript.CodexScript, defaults?: CodexOptions) => Layer.Layer<Codex.Codex, unknown>]
> = [
  ["codex exec", FakeCli.layer],
  ["an app-server", FakeAppServer.layer]
]

for (const [name, layer] of transports) {
  describe(`a program over ${name}`, () => {
    it.effect("gets each item once, in order", () =>
      Effect.gen(function*() {
        const { items } = yield* Codex.run("x")
        assert.deepStrictEqual(items.map((item) => item.type === "agent_message" ? item.text : item.type), [
          "One.",
          "command_execution",
          "Two."
        ])
      }).pipe(Effect.provide(layer(make([turn(message("One."), run("ls"), message("Two."))])))))

    it.effect("gets the tokens of each turn once", () =>
      Effect.gen(function*() {
        const thread = yield* Codex.thread()
        const turns = yield* Effect.all([thread.run("1"), thread.run("2"), thread.run("3")])
        assert.deepStrictEqual(turns.map(({ usage }) => usage?.input_tokens), [200, 100, 100])
        assert.strictEqual(turns[2].threadUsage?.input_tokens, 400)
      }).pipe(Effect.provide(layer(make([when({ turn: 0 }, run("ls"), message("Hi.")), turn(message("Hi."))])))))

    it.effect("is at work once at a time on a thread", () =>
      Effect.gen(function*() {
        const { threadId } = yield* Codex.run("1")
        const turns = yield* within(
          1,
          Effect.forEach(["2", "3"], (prompt) => Codex.run(prompt, { thread: threadId }), { concurrency: 2 })
        )
        assert.deepStrictEqual(turns.map((turn) => [turn.threadId, turn.finalMessage]), [
          [threadId, "Second."],
          [threadId, "Third."]
        ])
      }).pipe(Effect.provide(layer(make([
        when({ turn: 1 }, wait("1 second"), message("Second.")),
        when({ turn: 2 }, message("Third.")),
        turn(message("First."))
      ])))))

    it.effect("gets no stream anew of which it has seen something", () =>
      Effect.gen(function*() {
        const seen: Array<string> = []
        const retry = CodexRetry.make({ schedule: Schedule.recurs(2) })
        const error = yield* Codex.stream("x", { retry }).pipe(
          Stream.runForEach((event) => Effect.sync(() => seen.push(event.type))),
          Effect.flip
        )
        assert.strictEqual(error.reason._tag, "TurnFailed")
        assert.lengthOf(seen.filter((type) => type === "thread.started"), 1)
      }).pipe(
        Effect.provide(layer(make([when({ attempt: 1 }, message("Half"), fail("overloaded")), turn(message("Hi."))])))
      ))

    it.effect("gets what a turn had come to when its time was over", () =>
      Effect.gen(function*() {
        for (const limits of [{ timeout: "1 minute" }, { idleTimeout: "1 minute" }] as const) {
          const { reason, turn } = yield* within(3, Effect.flip(Codex.run("x", limits)))
          assert.deepInclude(reason, { _tag: "TimedOut", limit: "timeout" in limits ? "total" : "idle" })
          assert.strictEqual(turn?.finalMessage, "Half")
        }
      }).pipe(Effect.provide(layer(make([turn(message("Half"), hang)])))))

    it.effect("has a record of each turn of a session, which stays on its thread", () =>
      Effect.gen(function*() {
        const session = { session: "s" }
        const { threadId } = yield* Codex.run("1", session)
        yield* Effect.flip(Codex.run("2", session))
        yield* Stream.runDrain(Codex.stream("3", session))
        yield* Stream.runDrain(Stream.takeUntil(Codex.stream("4", session), ({ type }) => type === "turn.started"))
        const { get } = yield* SessionStore.SessionStore
        const record = Option.getOrThrow(yield* get("s"))
        assert.strictEqual(record.threadId, threadId)
        assert.deepStrictEqual(record.turns.map(({ promptPreview, status }) => [promptPreview, status]), [
          ["1", "completed"],
          ["2", "failed"],
          ["3", "completed"],
          ["4", "interrupted"]
        ])
        assert.deepInclude(record, { turnCount: 4, successCount: 2, failureCount: 2 })
      }).pipe(Effect.provide(
        layer(make([
          when({ prompt: "2" }, fail("invalid_prompt")),
          when({ prompt: "4" }, hang),
          turn(message("Hi."))
        ])).pipe(Layer.provideMerge(SessionStore.layerMemory))
      )))

    it.effect("has hooks that are told all, whether they fail or not", () => {
      const heard: Array<string> = []
      const hook: CodexHook.Hook = ({ type }) => {
        heard.push(type)
        return Effect.die("a hook that dies")
      }
      return Effect.gen(function*() {
        yield* Codex.run("1")
        yield* settled
        assert.deepStrictEqual(heard, ["attempt.started", "attempt.succeeded"])
      }).pipe(Effect.provide(layer(make([turn(message("Hi."))])).pipe(Layer.provide(CodexHook.layerAll([hook])))))
    })
  })
}

describe("a program over any transport", () => {
  it.effect("gets the same items", () => {
    const script = make([turn(
      reasoning("**Hm**"),
      run("false", { output: "no\n", exitCode: 1 }),
      changeFiles([add("a.txt", "a\n")]),
      callMcpTool("s", "t", { arguments: { a: 1 }, structuredContent: { b: 2 } }),
      search("effect"),
      plan([{ step: "look", status: "completed" }, { step: "leap", status: "pending" }]),
      message("Hel", "lo")
    )])
    return Effect.gen(function*() {
      const [one, other] = yield* Effect.forEach(
        transports,
        ([, layer]) =>
          Codex.run("x", { sandbox: "danger-full-access", workingDirectory: "/w" }).pipe(
            Effect.map(({ items }) => items.map((item) => ({ ...item, id: "" }))),
            Effect.provide(Layer.fresh(layer(script)))
          )
      )
      assert.deepStrictEqual(one, other)
      assert.lengthOf(one ?? [], 7)
    })
  })
})

describe("a program over a transport that stops telling", () => {
  it.effect("fails", () =>
    Effect.gen(function*() {
      const { turn } = yield* Effect.flip(Codex.run("x"))
      assert.strictEqual(turn?.status, "in_progress")
    }).pipe(Effect.provide(Layer.provide(
      Codex.layer(),
      Layer.succeed(CodexTransport, {
        turn: () => Stream.make({ type: "thread.started", thread_id: "t" }, { type: "turn.started" })
      })
    ))))
})

describe("a program over a codex exec that", () => {
  const threadId = "00000000-0000-7000-8000-00000000000a"

  it.effect("prints in large pieces and in small ones gets all events, in order", () => {
    const text = FakeProcess.turn({ threadId, items: [], message: "größer\u2028" }).steps
      .map((step) => step._tag === "Stdout" && typeof step.bytes === "string" ? step.bytes : "").join("").trimEnd()
    const bytes = new TextEncoder().encode(text)
    const pieces = (size: number) =>
      Array.from(
        { length: Math.ceil(bytes.length / size) },
        (_, index) => FakeProcess.stdout(bytes.subarray(index * size, (index + 1) * size))
      )
    const sizes = [bytes.length, 1, 7, 100]
    return Effect.forEach(sizes, (size) =>
      Effect.gen(function*() {
        const events = yield* Stream.runCollect(Codex.stream("x"))
        assert.deepStrictEqual(events.map((event) => JSON.stringify(event)), text.split("\n"), `in pieces of ${size}`)
      })).pipe(Effect.provide(FakeCli.layer(sizes.map((size) => FakeProcess.make(pieces(size))))))
  })

  it.effect("is on another thread than it was asked for fails", () =>
    Effect.gen(function*() {
      const { reason } = yield* Effect.flip(Codex.run("x", { thread: threadId }))
      assert.strictEqual(reason._tag, "ThreadMismatch")
    }).pipe(Effect.provide(FakeCli.layer([FakeProcess.turn({ threadId: threadId.replace("a", "b") })]))))
})
