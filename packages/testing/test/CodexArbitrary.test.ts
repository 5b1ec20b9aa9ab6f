import * as ApprovalRequest from "@effect-codex/core/ApprovalRequest"
import * as CodexConfig from "@effect-codex/core/CodexConfig"
import * as CodexEvent from "@effect-codex/core/CodexEvent"
import * as CodexHookEvent from "@effect-codex/core/CodexHookEvent"
import * as CodexItem from "@effect-codex/core/CodexItem"
import * as CodexOptions from "@effect-codex/core/CodexOptions"
import * as CodexTurn from "@effect-codex/core/CodexTurn"
import * as CodexArbitrary from "@effect-codex/testing/CodexArbitrary"
import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as ApprovalRequests from "../../core/src/internal/approvalRequests.ts"
import * as ExecCommand from "../../core/src/internal/execCommand.ts"
import { faults } from "./support/grammar.ts"

const usageBefore: CodexEvent.TokenUsage = { input_tokens: 7, output_tokens: 2 }

const decode = (event: CodexEvent.CodexEvent) => CodexEvent.fromLine(JSON.stringify(event))

const fold = (events: ReadonlyArray<CodexEvent.CodexEvent>) =>
  CodexTurn.fromState(events.reduce(CodexTurn.reduce, CodexTurn.initial()), Duration.zero)

/** Decodes what it encodes, by way of JSON. */
const crosses = Effect.fnUntraced(function*<A, E>(schema: Schema.Codec<A, E>, value: A) {
  const codec = Schema.fromJsonString(Schema.toCodecJson(schema))
  const json = yield* Schema.encodeEffect(codec)(value)
  assert.strictEqual(yield* Schema.encodeEffect(codec)(yield* Schema.decodeEffect(codec)(json)), json)
})

/** The smallest counterexample to there being none of these. */
const smallest = Effect.fnUntraced(function*<A>(arbitrary: Arbitrary.Arbitrary<A>, isFound: (value: A) => boolean) {
  const result = yield* Arbitrary.checkEffect(arbitrary, (value) => !isFound(value), {
    seed: "smallest",
    runs: 500,
    maxShrinks: 5000
  })
  return result._tag === "Falsified" ? result.shrunkInput : assert.fail(`it was not found: ${result._tag}`)
})

describe("an item", () => {
  it.effect.prop(
    "is known, and the same behind its schema",
    { item: CodexArbitrary.item() },
    ({ item }) =>
      Effect.gen(function*() {
        const json: unknown = JSON.parse(JSON.stringify(item))
        assert.isTrue(CodexItem.isKnown(json))
        assert.deepStrictEqual(json, item)
        assert.deepStrictEqual(yield* Schema.decodeUnknownEffect(CodexItem.CodexItem)(json), item)
      })
  )

  it.effect("is of every type", () =>
    Effect.gen(function*() {
      const items = yield* Arbitrary.sampleEffect(CodexArbitrary.item(), { count: 300, seed: 1 })
      assert.strictEqual(new Set(items.map(({ type }) => type)).size, 9)
    }))
})

describe("a turn", () => {
  for (const transport of ["exec", "app-server"] as const) {
    it.effect.prop(
      `of ${transport} obeys the grammar, and is known`,
      { events: CodexArbitrary.turnEvents({ transport, usageBefore }) },
      ({ events }) =>
        Effect.sync(() => {
          assert.deepStrictEqual(faults(events, transport, usageBefore), [])
          for (const event of events) assert.deepStrictEqual(decode(event), event)
        })
    )
  }

  it.effect("has every event, of every kind of item", () =>
    Effect.gen(function*() {
      const arbitrary = CodexArbitrary.turnEvents({ transport: "app-server" })
      const events = (yield* Arbitrary.sampleEffect(arbitrary, { count: 200, seed: 1 })).flat()
      assert.strictEqual(new Set(events.map(({ type }) => type)).size, 14)
      const began = events.filter(({ type }) => type === "item.started")
      assert.sameMembers([...new Set(began.map((event) => "item" in event ? event.item.type : ""))], [
        "command_execution",
        "file_change",
        "mcp_tool_call",
        "collab_tool_call",
        "web_search",
        "todo_list"
      ])
    }))

  it.effect.prop("is told as its options say", {
    completed: CodexArbitrary.turnEvents({ ending: "completed", threadId: "mine", maxItems: 0, maxWords: 0 }),
    failed: CodexArbitrary.turnEvents({ ending: "failed", maxItems: 2 }),
    event: CodexArbitrary.event({ transport: "exec" })
  }, ({ completed, event, failed }) =>
    Effect.sync(() => {
      assert.deepStrictEqual(completed.map(({ type }) => type), ["thread.started", "turn.started", "turn.completed"])
      assert.deepStrictEqual(completed[0], { type: "thread.started", thread_id: "mine" })
      assert.strictEqual(failed.at(-1)?.type, "turn.failed")
      assert.isAtMost(fold(failed).items.length, 5)
      assert.notInclude(["item.delta", "usage.updated"], event.type)
    }))

  it.effect.prop(
    "goes on from the total of the one before",
    { turns: CodexArbitrary.conversation({ usageBefore, ending: "completed", maxTurns: 4 }) },
    ({ turns }) =>
      Effect.sync(() => {
        assert.isAtMost(turns.length, 4)
        let before = usageBefore
        for (const events of turns) {
          assert.deepStrictEqual(faults(events, "exec", before), [])
          assert.deepStrictEqual(events[0], turns[0]?.[0])
          const turn = fold(events)
          before = turn.threadUsage ?? before
        }
      })
  )

  it.effect.prop(
    "folded is over, and crosses processes",
    { turn: CodexArbitrary.turn() },
    ({ turn }) =>
      Effect.gen(function*() {
        assert.notStrictEqual(turn.status, "in_progress")
        assert.strictEqual(turn.status === "failed", turn.error !== undefined)
        assert.lengthOf(turn.unknownItems, 0)
        yield* crosses(CodexTurn.CodexTurn, turn)
      })
  )

  it.effect("shrinks to what matters", () =>
    Effect.gen(function*() {
      const failed = yield* smallest(
        CodexArbitrary.turnEvents(),
        (events) => events.some((event) => event.type === "item.completed" && event.item.type === "command_execution")
      )
      assert.deepStrictEqual(failed.map(({ type }) => type), [
        "thread.started",
        "turn.started",
        "item.started",
        "item.completed",
        "turn.completed"
      ])
      assert.deepInclude(failed[3], {
        item: {
          type: "command_execution",
          id: "item_0",
          command: "",
          aggregated_output: "",
          exit_code: 0,
          status: "completed"
        }
      })
    }))
})

describe("mutated lines", () => {
  const kinds = CodexArbitrary.mutationKinds

  it.effect("are mutated in every way", () =>
    Effect.gen(function*() {
      const all = yield* Arbitrary.sampleEffect(CodexArbitrary.mutatedLines(), { count: 400, seed: 1 })
      assert.sameMembers([...new Set(all.map(({ mutation }) => mutation.kind))], [...kinds])
      for (const { mutation } of all) assert.include(mutation.description, "line")
    }))

  it.effect.prop(
    "become what they are said to become, and lose nothing",
    { mutated: CodexArbitrary.mutatedLines({ transport: "app-server" }) },
    ({ mutated: { lines, mutation, original } }) =>
      Effect.sync(() => {
        const events = lines.map(CodexEvent.fromLine)
        fold(events)

        const line = lines[mutation.line] ?? assert.fail("there is no such line")
        const event = CodexEvent.fromLine(line)
        if (mutation.becomes === "unknown event") {
          if (event.type !== "unknown") return assert.fail(`${mutation.description}: ${line}`)
          assert.strictEqual(typeof event.raw === "string" ? event.raw : JSON.stringify(event.raw), raw(line))
        } else if (mutation.becomes === "unknown item") {
          if (!("item" in event) || event.item.type !== "unknown") {
            return assert.fail(`${mutation.description}: ${line}`)
          }
          const json: unknown = JSON.parse(line)
          assert.deepStrictEqual(event.item.raw, Predicate.hasProperty(json, "item") ? json.item : undefined)
        } else assert.deepStrictEqual(event, JSON.parse(line))

        const others = events.filter((_, index) => index !== mutation.line)
        assert.isTrue(others.every(({ type }) => type !== "unknown"))
        assert.isTrue(original.every((line) => CodexEvent.fromLine(line).type !== "unknown"))
      })
  )

  for (const kind of kinds) {
    it.effect.prop(
      `are ${kind} where that is asked for`,
      { mutated: CodexArbitrary.mutatedLines({ kinds: [kind] }) },
      ({ mutated: { lines, mutation, original } }) =>
        Effect.sync(() => {
          // Without an item there is none to change.
          if (kind === "unknown item") assert.include([kind, "unknown event"], mutation.kind)
          else assert.strictEqual(mutation.kind, kind)
          const isLonger = ["duplicated", "garbage", "unknown event"].includes(mutation.kind)
          if (mutation.kind === "truncated") assert.deepStrictEqual(lines, original.slice(0, mutation.line + 1))
          else assert.lengthOf(lines, original.length + (isLonger ? 1 : 0))
          if (mutation.kind === "truncated" && lines.length < original.length) {
            assert.include(faults(lines.map(CodexEvent.fromLine), "exec", CodexTurn.zeroUsage), "no end")
          }
          if (mutation.kind === "reordered") assert.sameMembers([...lines], [...original])
        }),
      { arbitrary: { runs: 50 } }
    )
  }
})

/** As it is kept: text that is no JSON, or the JSON. */
const raw = (line: string): string => {
  const json = Result.try(() => JSON.stringify(JSON.parse(line)))
  const kept = Result.getOrElse(json, () => line)
  return kept === "\"text\"" ? "text" : kept
}

describe("a request", () => {
  it.effect.prop(
    "is what its params mean",
    { request: CodexArbitrary.approvalRequest() },
    ({ request }) =>
      Effect.gen(function*() {
        yield* crosses(ApprovalRequest.ApprovalRequest, request)
        const decoded = ApprovalRequests.decode(
          request.method,
          { id: 1, method: request.method, params: request.raw },
          undefined
        )
        assert.deepStrictEqual(decoded, Result.succeed(request))
      })
  )

  it.effect("is of every kind, or of one", () =>
    Effect.gen(function*() {
      const all = yield* Arbitrary.sampleEffect(CodexArbitrary.approvalRequest("any"), { count: 300, seed: 1 })
      assert.strictEqual(new Set(all.map(({ kind }) => kind)).size, 11)
      assert.strictEqual(new Set(all.map(({ method }) => method)).size, 10)
      const commands = yield* Arbitrary.sampleEffect(CodexArbitrary.approvalRequest("command"), { count: 3, seed: 1 })
      assert.isTrue(commands.every(({ commands }) => commands !== undefined))
    }))
})

describe("options", () => {
  it.effect.prop("are valid together", {
    any: CodexArbitrary.codexOptions(),
    exec: CodexArbitrary.codexOptions({ transport: "exec" })
  }, ({ any, exec }) =>
    Effect.gen(function*() {
      for (const options of [any, exec]) {
        const request = yield* Effect.fromResult(CodexOptions.toRequest("Hi", options))
        yield* Effect.fromResult(ExecCommand.check(request))
        assert.notInclude(Object.values(options), undefined)
      }
    }))

  it.effect("are any that a name can be given to", () =>
    Effect.gen(function*() {
      const all = yield* Arbitrary.sampleEffect(CodexArbitrary.codexOptions({ transport: "exec" }), {
        count: 300,
        seed: 1
      })
      const named = new Set(all.flatMap((options) => Object.keys(options)))
      assert.strictEqual(named.size, 31, [...named].join())
    }))
})

describe("a configuration", () => {
  it.effect.prop("can be said to the CLI", {
    config: CodexArbitrary.config,
    value: CodexArbitrary.configValue()
  }, ({ config, value }) =>
    Effect.gen(function*() {
      assert.isTrue(Schema.is(CodexConfig.CodexConfig)(config))
      yield* Effect.fromResult(CodexConfig.toArguments(config))
      yield* Effect.fromResult(CodexConfig.toArguments({ x: value }))
    }))
})

describe("what a hook is told", () => {
  it.effect.prop(
    "obeys its grammar, and crosses processes",
    { history: CodexArbitrary.hookHistory },
    ({ history }) =>
      Effect.gen(function*() {
        yield* crosses(Schema.Array(CodexHookEvent.CodexHookEvent), history)
        const times = history.map(({ timestamp }) => DateTime.toEpochMillis(timestamp))
        assert.deepStrictEqual(times, times.toSorted((one, other) => one - other))

        const types = history.map(({ type }) => type).join(" ")
        const attempts = "(attempt.started attempt.failed retry.scheduled )*attempt.started "
        const starts = "(live.startup_failed live.startup_retried )*live.started (live.event )+"
        const rest = "(approval.requested approval.answered )*attempt.(succeeded|failed)( session.updated)?"
        assert.match(types, new RegExp(`^(${attempts}|${starts})${rest}$`.replaceAll(".", "\\.")))
        const numbers = history.flatMap((event) => "attempt" in event ? [event.attempt] : [])
        assert.deepStrictEqual([...new Set(numbers)], Array.from(new Set(numbers), (_, index) => index + 1))
      })
  )
})
