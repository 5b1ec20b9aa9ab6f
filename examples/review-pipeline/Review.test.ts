/**
 * What the budget and the report come to when something is wrong, with a fake CLI.
 */
import * as FakeCli from "@effect-codex/testing/FakeCli"
import * as FakeProcess from "@effect-codex/testing/FakeProcess"
import { assert, describe, it } from "@effect/vitest"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { TestClock } from "effect/testing"
import * as Budget from "./Budget.ts"
import * as Review from "./Review.ts"

const files = ["1.ts", "2.ts", "3.ts", "4.ts", "5.ts", "6.ts"]

/** A turn that takes a minute and 100 tokens, on a thread of its own, and finds nothing. */
const minute = (n: number) => {
  const turn = FakeProcess.turn({
    threadId: `00000000-0000-7000-8000-00000000000${n}`,
    message: `{"value":[]}`,
    usage: { input_tokens: 90, output_tokens: 10 }
  })
  return FakeProcess.make([...turn.steps.slice(0, 2), FakeProcess.delay("1 minute"), ...turn.steps.slice(2)])
}

const pass = (duration: Duration.Input) =>
  Effect.flatMap(
    FakeCli.FakeCli,
    ({ settled }) => settled.pipe(Effect.andThen(TestClock.adjust(duration)), Effect.andThen(settled))
  )

const running = Effect.gen(function*() {
  const { invocations } = yield* FakeCli.FakeCli
  return (yield* invocations).filter(({ running }) => running).length
})

/** A review that has begun. The first one loads a module, in real time, which the test clock does not see. */
const begin = Effect.gen(function*() {
  const { settled } = yield* FakeCli.FakeCli
  const fiber = yield* Effect.forkChild(Review.review("/src", files))
  yield* Effect.repeat(Effect.andThen(settled, running), { until: (running) => running > 0 })
  return fiber
})

/** The report, and how many agents were at work after each half minute. */
const watch = Effect.gen(function*() {
  const fiber = yield* begin
  const atWork: Array<number> = []
  while (fiber.pollUnsafe() === undefined) {
    yield* pass("30 seconds")
    atWork.push(yield* running)
  }
  return { report: yield* Fiber.join(fiber), atWork }
})

const reviewed = ({ reviewed }: Review.Report) => reviewed.map(({ file }) => file)
const notReviewed = ({ notReviewed }: Review.Report) => notReviewed.map(({ cause, file }) => [file, cause.message])

const layer = (
  limits: Partial<Parameters<typeof Budget.layer>[0]>,
  script: FakeCli.Script = (_, index) => minute(index)
) => Layer.merge(FakeCli.layer(script), Budget.layer({ tokens: 1_000_000, time: "1 hour", ...limits }))

describe("Review", () => {
  it.effect("works on four files at a time", () =>
    Effect.gen(function*() {
      const { atWork, report } = yield* watch
      assert.deepStrictEqual(reviewed(report), files)
      assert.strictEqual(report.tokens, 600)
      assert.deepStrictEqual(atWork, [4, 2, 2, 0])
    }).pipe(Effect.provide(layer({}))))

  it.effect("begins no further file when the tokens are spent, and ends what it has begun", () =>
    Effect.gen(function*() {
      const { report } = yield* watch
      assert.deepStrictEqual(reviewed(report), files.slice(0, 4))
      assert.deepStrictEqual(notReviewed(report), [
        ["5.ts", "the budget of tokens is spent"],
        ["6.ts", "the budget of tokens is spent"]
      ])
      assert.strictEqual(report.tokens, 400)
    }).pipe(Effect.provide(layer({ tokens: 100 }))))

  it.effect("stops what is at work when the time is over, and reports what there is", () =>
    Effect.gen(function*() {
      const { atWork, report } = yield* watch
      assert.deepStrictEqual(reviewed(report), files.slice(0, 4))
      assert.deepStrictEqual(notReviewed(report), [
        ["5.ts", "the budget of time is spent"],
        ["6.ts", "the budget of time is spent"]
      ])
      assert.deepStrictEqual(atWork, [4, 2, 0])
    }).pipe(Effect.provide(layer({ time: "90 seconds" }))))

  it.effect("reports a file that fails, and the others", () =>
    Effect.gen(function*() {
      const { report } = yield* watch
      assert.deepStrictEqual(reviewed(report), files.filter((file) => file !== "2.ts"))
      assert.deepStrictEqual(notReviewed(report), [["2.ts", "The turn failed: context window exceeded"]])
      // A report is data: it can be kept and sent.
      const codec = Schema.toCodecJson(Review.Report)
      const copy = yield* Effect.flatMap(Schema.encodeEffect(codec)(report), Schema.decodeEffect(codec))
      assert.deepStrictEqual(notReviewed(copy), notReviewed(report))
      assert.deepStrictEqual(reviewed(copy), reviewed(report))
    }).pipe(
      Effect.provide(
        layer({}, (_, index) => index === 1 ? FakeProcess.turnFailed("context window exceeded") : minute(index + 2))
      )
    ))

  it.effect("leaves nothing at work when it is interrupted", () =>
    Effect.gen(function*() {
      const fiber = yield* begin
      yield* pass("30 seconds")
      assert.strictEqual(yield* running, 4)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(yield* running, 0)
      const { invocations } = yield* FakeCli.FakeCli
      assert.lengthOf(yield* invocations, 4)
    }).pipe(Effect.provide(layer({}))))
})
