import * as SessionRecord from "@effect-codex/core/SessionRecord"
import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Schema from "effect/Schema"

const at = (millis: number) => DateTime.makeUnsafe(millis)

const started = SessionRecord.start({ name: "plan", threadId: "thread", at: at(1) })

const turn = (status: SessionRecord.SessionTurnStatus | undefined, millis = 2): SessionRecord.SessionTurn => ({
  timestamp: at(millis),
  operation: "run",
  duration: Duration.seconds(1),
  ...(status === undefined ? {} : { status })
})

describe("SessionRecord", () => {
  it.effect.prop(
    "is the same after a round trip through JSON",
    { record: SessionRecord.SessionRecord },
    ({ record }) =>
      Effect.gen(function*() {
        const Json = Schema.fromJsonString(SessionRecord.SessionRecord)
        const decoded = yield* Schema.decodeEffect(Json)(yield* Schema.encodeEffect(Json)(record))
        assert.isTrue(Equal.equals(decoded, record))
      })
  )

  it("encodes times and durations as people read them", () => {
    assert.deepStrictEqual(
      Schema.encodeSync(SessionRecord.SessionRecord)(SessionRecord.addTurn(started, turn("completed"))),
      {
        name: "plan",
        threadId: "thread",
        createdAt: "1970-01-01T00:00:00.001Z",
        updatedAt: "1970-01-01T00:00:00.002Z",
        lastTurnStatus: "completed",
        turnCount: 1,
        successCount: 1,
        failureCount: 0,
        turns: [{
          timestamp: "1970-01-01T00:00:00.002Z",
          operation: "run",
          status: "completed",
          duration: "1000 millis"
        }]
      }
    )
  })

  it.effect.each([
    ["", "a name that is not blank"],
    [" ", "a name without white space around it"],
    ["plan\n", "a name without white space around it"],
    ["p".repeat(201), "a name of at most 200 characters"],
    ["a\0b", "a name of well-formed text without NUL characters"],
    ["a\ud800", "a name of well-formed text without NUL characters"]
  ])("has no name like %j", ([name = "", expected = ""]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Schema.decodeEffect(SessionRecord.SessionName)(name))
      assert.strictEqual(error.message, `Expected ${expected}`)
    }))
})

describe("withThread", () => {
  const used = SessionRecord.addTurn(started, turn("completed"), {
    threadUsage: { input_tokens: 3, output_tokens: 4 }
  })

  it("goes on with another thread, whose tokens are not known", () => {
    const { threadUsage: _, ...rest } = used
    assert.deepStrictEqual(SessionRecord.withThread(used, "another", at(9)), {
      ...rest,
      threadId: "another",
      updatedAt: at(9)
    })
  })

  it("keeps the tokens of the same thread", () => {
    assert.deepStrictEqual(SessionRecord.withThread(used, "thread", at(9)), { ...used, updatedAt: at(9) })
  })
})

describe("addTurn", () => {
  it("counts only what was completed as a success", () => {
    const statuses = ["completed", "failed", "interrupted", "hologram", undefined, "completed"]
    const record = statuses.reduce((record, status) => SessionRecord.addTurn(record, turn(status)), started)
    assert.deepInclude(record, { turnCount: 6, successCount: 2, failureCount: 4, lastTurnStatus: "completed" })
  })

  it("says of the last turn only what that turn says", () => {
    const failed = SessionRecord.addTurn(started, turn("failed"))
    assert.notProperty(SessionRecord.addTurn(failed, turn(undefined)), "lastTurnStatus")
  })

  it("keeps the time of the turn and the last known tokens", () => {
    const threadUsage = { input_tokens: 3, output_tokens: 4 }
    const first = SessionRecord.addTurn(started, turn("completed", 5), { threadUsage })
    const second = SessionRecord.addTurn(first, turn("failed", 7))
    assert.deepInclude(second, { createdAt: at(1), updatedAt: at(7), threadUsage })
  })

  it.prop(
    "keeps the last turns, and counts all",
    [Schema.Int.check(Schema.isBetween({ minimum: -2, maximum: 30 })), Schema.Array(SessionRecord.SessionTurn)],
    ([maxTurns, turns]) => {
      const record = turns.reduce((record, turn) => SessionRecord.addTurn(record, turn, { maxTurns }), started)
      assert.deepStrictEqual(record.turns, turns.slice(-Math.max(1, maxTurns)))
      assert.strictEqual(record.turnCount, turns.length)
      assert.strictEqual(record.successCount + record.failureCount, turns.length)
    }
  )

  it("keeps 20 turns by default", () => {
    const turns = Array.from({ length: 25 }, (_, index) => turn("completed", index))
    const record = turns.reduce((record, turn) => SessionRecord.addTurn(record, turn), started)
    assert.deepStrictEqual(record.turns, turns.slice(5))
    assert.strictEqual(record.turnCount, 25)
  })
})

describe("preview", () => {
  it("trims, and drops what is blank", () => {
    assert.strictEqual(SessionRecord.preview(" \n a\nb ", 10), "a\nb")
    assert.isUndefined(SessionRecord.preview(" \n\t ", 10))
  })

  it("cuts what is too long, but no surrogate pair", () => {
    assert.strictEqual(SessionRecord.preview("123456789", 9), "123456789")
    assert.strictEqual(SessionRecord.preview("1234567890", 9), "123456...")
    assert.strictEqual(SessionRecord.preview("12345🙂7890", 9), "12345...")
    assert.strictEqual(SessionRecord.preview("1234🙂67890", 9), "1234🙂...")
    assert.strictEqual(SessionRecord.preview("1234", 3), "...")
  })

  it.prop("is never longer than the limit, and well-formed if the text is", {
    text: Schema.String,
    limit: Schema.Int.check(Schema.isBetween({ minimum: 3, maximum: 20 }))
  }, ({ limit, text }) => {
    const preview = SessionRecord.preview(text, limit)
    assert.strictEqual(preview === undefined, text.trim() === "")
    assert.isAtMost(preview?.length ?? 0, limit)
    if (text.isWellFormed()) assert.isTrue(preview?.isWellFormed() ?? true)
  })
})
