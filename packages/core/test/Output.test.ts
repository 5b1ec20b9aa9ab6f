import * as Codex from "@effect-codex/core/Codex"
import * as CodexInput from "@effect-codex/core/CodexInput"
import * as CodexOutput from "@effect-codex/core/CodexOutput"
import * as CodexRetry from "@effect-codex/core/CodexRetry"
import * as SessionStore from "@effect-codex/core/SessionStore"
import * as FakeCli from "@effect-codex/testing/FakeCli"
import * as FakeProcess from "@effect-codex/testing/FakeProcess"
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import {
  hungTurn,
  invocations,
  pass,
  prompts,
  resumedBy,
  settle,
  slowTurn,
  subcommands,
  tagOf,
  threadA,
  threadB
} from "./support/fakeCodex.ts"

const Status = Schema.Struct({ status: Schema.Literals(["green", "red"]), count: Schema.FiniteFromString })
const good = JSON.stringify({ status: "green", count: "3" })
const bad = JSON.stringify({ status: "blue", count: "3" })

const answer = (message: string, threadId = threadA) => FakeProcess.turn({ threadId, message })

/** Each start gives the next message, on the thread that it is to continue. */
const answers = (...messages: ReadonlyArray<string>) =>
  FakeCli.layer((invocation, index) => answer(messages[index] ?? "", resumedBy(invocation) ?? threadA))

/** The schema file that a start was given. */
const schemaFile = ({ args }: FakeCli.Invocation) => args[args.indexOf("--output-schema") + 1] ?? ""

describe("output", () => {
  it.effect("is the answer, typed and decoded, and the turn has all else", () =>
    Effect.gen(function*() {
      const turn = yield* Codex.run("x", { output: Status, model: "m" })
      expectTypeOf(turn.output).toEqualTypeOf<{ readonly status: "green" | "red"; readonly count: number }>()
      assert.deepStrictEqual(turn.output, { status: "green", count: 3 })
      assert.strictEqual(turn.finalMessage, good)
      assert.strictEqual(turn.threadId, threadA)
      const plain = yield* Codex.run("x")
      expectTypeOf(plain).not.toHaveProperty("output")
    }).pipe(Effect.provide(answers(good, good))))

  it.effect("is asked for by a file with the schema", () =>
    Effect.gen(function*() {
      yield* Codex.run("x", { output: Status })
      const [invocation] = yield* invocations
      if (invocation === undefined) return assert.fail("nothing was started")
      assert.deepStrictEqual(invocation.args, ["exec", "--json", "--output-schema", schemaFile(invocation), "-"])
      const schema: unknown = JSON.parse(invocation.files[schemaFile(invocation)] ?? "")
      assert.deepInclude(schema, { type: "object", required: ["status", "count"], additionalProperties: false })
    }).pipe(Effect.provide(answers(good))))

  it.effect("is only the final message: what the agent says before is not read", () =>
    Effect.gen(function*() {
      const turn = yield* Codex.run("x", { output: Status })
      assert.strictEqual(turn.output.status, "green")
      assert.lengthOf(turn.messages, 2)
    }).pipe(Effect.provide(FakeCli.layer([
      FakeProcess.turn({ items: [{ type: "agent_message", id: "a", text: bad }], message: good })
    ]))))

  it.effect("may be any JSON Schema", () =>
    Effect.gen(function*() {
      const turn = yield* Codex.run("x", {
        output: CodexOutput.jsonSchema({
          type: "object",
          properties: { status: { type: "string" } },
          required: ["status"]
        })
      })
      expectTypeOf(turn.output).toEqualTypeOf<Schema.Json>()
      assert.deepStrictEqual(turn.output, { status: "fine" })
    }).pipe(Effect.provide(answers("{\"status\":\"fine\"}"))))

  it.effect("is asked for again in each turn of a conversation that wants it", () =>
    Effect.gen(function*() {
      const thread = yield* Codex.thread()
      const first = yield* thread.run("one", { output: Status })
      expectTypeOf(first.output.count).toEqualTypeOf<number>()
      yield* thread.run("two")
      const third = yield* thread.run("three", { output: Schema.Struct({ other: Schema.Boolean }) })
      assert.deepStrictEqual(third.output, { other: true })
      assert.deepStrictEqual(
        (yield* invocations).map(({ args }) => args.includes("--output-schema")),
        [true, false, true]
      )
      assert.deepStrictEqual(
        Option.map(yield* thread.lastTurn, ({ finalMessage }) => finalMessage),
        Option.some("{\"other\":true}")
      )
    }).pipe(Effect.provide(answers(good, "fine", "{\"other\":true}"))))

  it.effect("that cannot be asked for is refused before anything starts, and holds up nobody", () =>
    Effect.gen(function*() {
      const thread = yield* Codex.thread()
      const unknown = yield* Effect.flip(thread.run("x", { output: Schema.Unknown }))
      assert.deepInclude(unknown.reason, { _tag: "InvalidOption", option: "output" })
      const array = yield* Effect.flip(Codex.run("x", { output: CodexOutput.jsonSchema({ type: "array" }) }))
      assert.deepInclude(array.reason, { _tag: "InvalidOption", option: "output" })
      const review = yield* Effect.flip(Codex.run(CodexInput.review({ type: "uncommitted" }), { output: Status }))
      assert.deepInclude(review.reason, { _tag: "InvalidOption", option: "output" })
      assert.deepStrictEqual(yield* invocations, [])
      yield* thread.run("one")
    }).pipe(Effect.provide(answers("ok"))))

  it.effect("of a turn that failed is that turn's failure", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Codex.run("x", { output: Status, repair: 3 }))
      assert.strictEqual(tagOf(error), "TurnFailed")
      assert.lengthOf(yield* invocations, 1)
    }).pipe(Effect.provide(FakeCli.layer([FakeProcess.turnFailed("boom", { message: bad })]))))

  it.effect("is tried again by the policy of the run", () =>
    Effect.gen(function*() {
      const retry = CodexRetry.make({ schedule: Schedule.recurs(1) })
      const turn = yield* Codex.run("x", { output: Status, retry })
      assert.strictEqual(turn.output.count, 3)
      assert.isTrue((yield* invocations).every(({ args }) => args.includes("--output-schema")))
    }).pipe(Effect.provide(FakeCli.layer([FakeProcess.turnFailed("rate limit exceeded"), answer(good)]))))
})

describe("the schema file", () => {
  const endings: ReadonlyArray<readonly [string, FakeProcess.FakeProcess]> = [
    ["success", answer(good)],
    ["failure", FakeProcess.turnFailed("boom")],
    ["interruption", hungTurn()],
    ["an answer that does not decode", answer(bad)]
  ]
  for (const [ending, process] of endings) {
    it.effect(`is gone after ${ending}`, () =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(Effect.exit(Codex.run("x", { output: Status })))
        yield* settle
        yield* Fiber.interrupt(fiber)
        yield* Codex.run("next")
        const [first, next] = (yield* invocations).map(({ files }) => Object.keys(files))
        assert.lengthOf(first ?? [], 1)
        assert.deepStrictEqual(next, [])
      }).pipe(Effect.provide(FakeCli.layer([process, answer("ok")]))))
  }
})

describe("an answer that does not decode", () => {
  it.effect("fails with its text, what is wrong with it, and its turn", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Codex.run("x", { output: Status }))
      if (error.reason._tag !== "OutputUndecodable") return assert.fail(error.message)
      assert.strictEqual(error.reason.text, bad)
      assert.include(error.reason.issue, "status")
      assert.notInclude(error.message, "blue")
      assert.strictEqual(error.turn?.finalMessage, bad)
      assert.isTrue(error.worked)
      assert.isFalse(error.isRetryable)
      assert.lengthOf(yield* invocations, 1)
    }).pipe(Effect.provide(answers(bad))))

  it.effect("is none at all if the agent said nothing", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Codex.run("x", { output: Status }))
      assert.deepInclude(error.reason, { _tag: "OutputUndecodable", text: "" })
    }).pipe(Effect.provide(FakeCli.layer([FakeProcess.turn()]))))

  it.effect("is mended on the same thread, which is told what is wrong, as often as is allowed", () =>
    Effect.gen(function*() {
      const turn = yield* Codex.run("x", { output: Status, repair: 3, sandbox: "read-only" })
      assert.strictEqual(turn.output.status, "green")
      const all = yield* invocations
      assert.deepStrictEqual(yield* subcommands, ["-", `resume ${threadA} -`, `resume ${threadA} -`])
      const [asked, ...repairs] = all.map(({ stdin }) => stdin)
      assert.strictEqual(asked, "x")
      assert.include(repairs[0], "status")
      assert.include(repairs[1], "not JSON")
      for (const invocation of all) {
        assert.include(invocation.args.join(" "), "--sandbox read-only")
        assert.strictEqual(invocation.files[schemaFile(invocation)], all[0]?.files[schemaFile(all[0])])
      }
    }).pipe(Effect.provide(answers(bad, "Sorry!", good))))

  it.effect("is not mended for ever", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Codex.run("x", { output: Status, repair: 2 }))
      assert.deepInclude(error.reason, { _tag: "OutputUndecodable", text: "third" })
      assert.strictEqual(error.turn?.finalMessage, "third")
      assert.lengthOf(yield* invocations, 3)
    }).pipe(Effect.provide(answers(bad, "second", "third", good))))

  it.effect("is mended on the copy, not by another copy", () =>
    Effect.gen(function*() {
      yield* Codex.run("x", { output: Status, repair: 1, fork: threadA })
      assert.deepStrictEqual(yield* subcommands, [`fork ${threadA} -`, `resume ${threadB} -`])
    }).pipe(Effect.provide(FakeCli.layer([answer(bad, threadB), answer(good, threadB)]))))

  it.effect("is mended before others get the thread", () =>
    Effect.gen(function*() {
      const thread = yield* Codex.thread({ session: "s" })
      const one = yield* Effect.forkChild(thread.run("one", { output: Status, repair: 1 }))
      yield* pass("1 second")
      const others = yield* Effect.forkChild(
        Effect.all([thread.run("two"), Codex.run("three", { session: "s" })], { concurrency: "unbounded" })
      )
      yield* pass("1 minute")
      yield* Fiber.joinAll([one, others])
      assert.deepStrictEqual((yield* prompts).map((prompt) => prompt.split(" ")[0]).slice(0, 2), ["one", "Your"])
      assert.sameMembers((yield* prompts).slice(2), ["two", "three"])
    }).pipe(Effect.provide(FakeCli.layer((_, index) =>
      index === 0 ? slowTurn("1 minute", { threadId: threadA, message: bad }) : answer(good)
    ))))

  it.effect("and its mending are turns of the session, and cost together", () =>
    Effect.gen(function*() {
      const turn = yield* Codex.run("x", { output: Status, repair: 1, session: "s" })
      assert.deepInclude(turn.usage, { input_tokens: 250, output_tokens: 30 })
      const store = yield* SessionStore.SessionStore
      const record = Option.getOrThrow(yield* store.get("s"))
      assert.strictEqual(record.threadId, threadA)
      assert.deepStrictEqual(record.turns.map(({ messagePreview, status }) => [status, messagePreview]), [
        ["completed", bad],
        ["completed", good]
      ])
    }).pipe(Effect.provide(
      FakeCli.layer([
        FakeProcess.turn({ threadId: threadA, message: bad, usage: { input_tokens: 100, output_tokens: 10 } }),
        FakeProcess.turn({ threadId: threadA, message: good, usage: { input_tokens: 250, output_tokens: 30 } })
      ]).pipe(Layer.provideMerge(SessionStore.layerMemory))
    )))

  it.effect("whose mending fails is that failure", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Codex.run("x", { output: Status, repair: 1 }))
      assert.strictEqual(tagOf(error), "TurnFailed")
    }).pipe(Effect.provide(FakeCli.layer([answer(bad), FakeProcess.turnFailed("boom", { threadId: threadA })]))))

  it.effect("whose mending is interrupted is over", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Codex.run("x", { output: Status, repair: 5 }))
      yield* pass("1 second")
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual((yield* invocations).map(({ running, signals }) => [running, signals]), [
        [false, []],
        [false, ["SIGINT"]]
      ])
    }).pipe(Effect.provide(FakeCli.layer([answer(bad), hungTurn({ threadId: threadA })]))))

  it.effect("is not mended in a thread that cannot be continued", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Codex.run("x", { output: Status, repair: 1, ephemeral: true }))
      assert.deepInclude(error.reason, { _tag: "InvalidOption", option: "repair" })
      assert.deepStrictEqual(yield* invocations, [])
    }).pipe(Effect.provide(answers())))
})
