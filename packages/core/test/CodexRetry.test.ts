import * as CodexError from "@effect-codex/core/CodexError"
import * as CodexRetry from "@effect-codex/core/CodexRetry"
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { TestClock } from "effect/testing"

const failure = (reason: CodexError.CodexErrorReason, options?: { readonly worked: boolean }) =>
  new CodexError.CodexError({ reason, worked: options?.worked ?? false })

const exited = (exitCode?: number) =>
  new CodexError.Exited({ stderr: "", ...(exitCode === undefined ? {} : { exitCode }) })
const turnFailed = (kind: string) => new CodexError.TurnFailed({ kind, description: "" })
const timedOut = (limit: "firstEvent" | "total") => new CodexError.TimedOut({ limit, duration: Duration.minutes(1) })
const spawnFailed = new CodexError.SpawnFailed({ command: "codex", code: "NotFound", description: "" })

const overloaded = failure(turnFailed("overloaded"))

/** `draw` is what a uniform random number between 0 and 1 came to, each time. */
const withRandom = (draw: number) =>
  Effect.provideService(Random.Random, { nextIntUnsafe: () => 0, nextDoubleUnsafe: () => draw })

/** When each try begins, in milliseconds, if each takes `runTime` and fails. */
const starts = Effect.fnUntraced(
  function*(policy: CodexRetry.Policy, runTime: number = 0, error: CodexError.CodexError = overloaded) {
    const times: Array<number> = []
    const attempt = Effect.gen(function*() {
      times.push(yield* Clock.currentTimeMillis)
      yield* Effect.sleep(runTime)
      return yield* error
    })
    const fiber = yield* attempt.pipe(Effect.retry(CodexRetry.toSchedule(policy)), Effect.exit, Effect.forkChild)
    yield* TestClock.adjust("1 day")
    assert.deepStrictEqual(yield* Fiber.join(fiber), Exit.fail(error))
    return times
  }
)

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

const Plain = Schema.Struct({
  maxAttempts: between(-1, 8),
  initialBackoff: between(-500, 3000),
  multiplier: between(-8, 40),
  maxBackoff: between(-500, 9000),
  jitterRatio: between(-5, 20),
  maxTotal: Schema.optionalKey(between(-100, 20_000))
})

/** The delays of the policy that this one takes after, by its formula. */
const delaysByFormula = (
  fields: typeof Plain.Type,
  runTimes: ReadonlyArray<number>,
  draws: ReadonlyArray<number>
): ReadonlyArray<number> => {
  const maxAttempts = Math.max(1, fields.maxAttempts)
  const initial = Math.max(0, fields.initialBackoff)
  const multiplier = fields.multiplier / 10 < 1 ? 1 : fields.multiplier / 10
  const maxBackoff = Math.max(fields.maxBackoff, initial)
  const jitter = Math.max(0, fields.jitterRatio / 10)
  const maxTotal = fields.maxTotal !== undefined && fields.maxTotal > 0 ? fields.maxTotal : undefined
  const delays: Array<number> = []
  let elapsed = runTimes[0] ?? 0
  for (let attempt = 1; attempt < maxAttempts; attempt++) {
    if (maxTotal !== undefined && elapsed >= maxTotal) break
    let delay = Math.min(initial * multiplier ** (attempt - 1), maxBackoff)
    if (delay > 0 && jitter > 0) {
      const spread = delay * jitter
      delay = Math.max(0, delay + (-spread + 2 * spread * (draws[attempt - 1] ?? 0)))
    }
    if (maxTotal !== undefined) delay = Math.min(delay, Math.max(0, maxTotal - elapsed))
    delays.push(delay)
    elapsed += delay + (runTimes[attempt] ?? 0)
  }
  return delays
}

describe("fields", () => {
  it.effect.prop(
    "give the delays of the formula",
    { plain: Plain, seed: Schema.Int, runTimes: Schema.Array(between(0, 4000)) },
    ({ plain, runTimes, seed }) =>
      Effect.gen(function*() {
        const { initialBackoff, jitterRatio, maxAttempts, maxBackoff, maxTotal, multiplier } = plain
        const { schedule } = CodexRetry.fromFields({
          maxAttempts,
          initialBackoff,
          multiplier: multiplier / 10,
          maxBackoff,
          jitterRatio: jitterRatio / 10,
          maxTotal
        })
        const draws = yield* Effect.replicateEffect(Random.next, 10).pipe(Random.withSeed(seed))
        const delays: Array<number> = []
        yield* Effect.gen(function*() {
          const startedAt = yield* Clock.currentTimeMillis
          const step = yield* Schedule.toStep(schedule)
          let now = startedAt + (runTimes[0] ?? 0)
          for (let attempt = 1;; attempt++) {
            const [, delay] = yield* step(now, overloaded)
            delays.push(Duration.toMillis(delay))
            now += Duration.toMillis(delay) + (runTimes[attempt] ?? 0)
          }
        }).pipe(Effect.exit, Random.withSeed(seed))

        const expected = delaysByFormula(plain, runTimes, draws)
        assert.strictEqual(delays.length, expected.length)
        // Durations are exact to the nanosecond.
        for (const [index, delay] of delays.entries()) assert.closeTo(delay, expected[index] ?? Number.NaN, 1e-4)
      })
  )

  it.effect("try once by default", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* starts(CodexRetry.fromFields()), [0])
    }))

  it.effect("wait half a second, then twice as long, up to eight seconds", () =>
    Effect.gen(function*() {
      const policy = CodexRetry.fromFields({ maxAttempts: 7, jitterRatio: 0 })
      assert.deepStrictEqual(yield* starts(policy), [0, 500, 1500, 3500, 7500, 15_500, 23_500])
    }))

  it.effect("vary the delay by the ratio", () =>
    Effect.gen(function*() {
      const policy = CodexRetry.fromFields({ maxAttempts: 2, jitterRatio: 0.1 })
      assert.deepStrictEqual(yield* starts(policy).pipe(withRandom(1)), [0, 550])
    }))

  it.effect("cut the last delay to what is left of the total, run time included", () =>
    Effect.gen(function*() {
      const policy = CodexRetry.fromFields({ maxAttempts: 9, initialBackoff: 200, jitterRatio: 0, maxTotal: 300 })
      // 50 ms of running, 200 of waiting, and 50 more: nothing is left.
      assert.deepStrictEqual(yield* starts(policy, 50), [0, 250])
    }))

  it.effect("have a last attempt that begins when the total ends", () =>
    Effect.gen(function*() {
      const policy = CodexRetry.fromFields({ maxAttempts: 9, initialBackoff: 300, jitterRatio: 0, maxTotal: 300 })
      assert.deepStrictEqual(yield* starts(policy, 200), [0, 300])
    }))

  const retried: ReadonlyArray<readonly [string, CodexRetry.Fields, CodexError.CodexErrorReason, boolean]> = [
    ["any exit code", {}, exited(2), true],
    ["no exit code 0", {}, exited(0), false],
    ["a signal", {}, exited(), true],
    ["a signal that is not listed", { exitCodes: [1] }, exited(), false],
    ["a listed exit code", { exitCodes: [1, 2] }, exited(2), true],
    ["an exit code that is not listed", { exitCodes: [1] }, exited(2), false],
    ["a failed turn, as exit code 1", { exitCodes: [1] }, turnFailed("invalid_request"), true],
    ["a failed turn, if 1 is not listed", { exitCodes: [2] }, turnFailed("overloaded"), false],
    ["a busy thread, as exit code 1", { exitCodes: [1] }, new CodexError.ThreadBusy({ threadId: "t" }), true],
    ["a busy thread, if 1 is not listed", { exitCodes: [2] }, new CodexError.ThreadBusy({ threadId: "t" }), false],
    ["a timeout", {}, timedOut("total"), true],
    ["a timeout, as exit code 124", { exitCodes: [124] }, timedOut("total"), true],
    ["a timeout, if 124 is not listed", { exitCodes: [1] }, timedOut("firstEvent"), false],
    ["a timeout, if timeouts are off", { onTimeouts: false, exitCodes: [124] }, timedOut("total"), false],
    ["a failed spawn, whatever is listed", { exitCodes: [] }, spawnFailed, true],
    ["an option that is not valid", {}, new CodexError.InvalidOption({ option: "o", problem: "p" }), false],
    ["a missing binary", {}, new CodexError.BinaryNotFound({ tried: [] }), false]
  ]
  for (const [name, fields, reason, expected] of retried) {
    it(`${expected ? "retry" : "do not retry"} ${name}`, () => {
      const policy = CodexRetry.fromFields(fields)
      assert.strictEqual(policy.while(failure(reason)), expected)
      assert.isFalse(policy.while(failure(reason, { worked: true })))
      assert.strictEqual(
        CodexRetry.fromFields({ ...fields, evenAfterWork: true }).while(failure(reason, { worked: true })),
        expected
      )
    })
  }
})

describe("make", () => {
  it.effect("takes any schedule, and never retries after work", () =>
    Effect.gen(function*() {
      const schedule = Schedule.fibonacci("1 second").pipe(Schedule.upTo({ times: 2 }))
      const policy = CodexRetry.make({ schedule })
      assert.strictEqual((yield* starts(policy)).length, 3)
      assert.strictEqual((yield* starts(policy, 0, CodexError.afterWork(overloaded))).length, 1)
      assert.strictEqual((yield* starts(policy, 0, failure(turnFailed("unauthorized")))).length, 1)
    }))

  it.effect("retries after work if it is told to", () =>
    Effect.gen(function*() {
      const policy = CodexRetry.make({ schedule: Schedule.recurs(2), while: CodexRetry.evenAfterWork })
      assert.strictEqual((yield* starts(policy, 0, CodexError.afterWork(overloaded))).length, 3)
      assert.strictEqual((yield* starts(policy, 0, failure(turnFailed("unauthorized")))).length, 1)
    }))
})

describe("exponential", () => {
  it.effect("fits Effect.retry", () =>
    Effect.gen(function*() {
      let tries = 0
      const fiber = yield* Effect.suspend(() => ++tries < 4 ? overloaded : Effect.succeed(tries)).pipe(
        Effect.retry({ schedule: CodexRetry.exponential({ times: 3 }), while: CodexError.isRetryable }),
        Effect.forkChild
      )
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Fiber.join(fiber), 4)
    }))

  it.effect("keeps its delays within the jitter", () =>
    Effect.gen(function*() {
      const times = (draw: number) =>
        starts(CodexRetry.make({ schedule: CodexRetry.exponential({ times: 2 }) })).pipe(
          withRandom(draw)
        )
      assert.deepStrictEqual(yield* times(0), [0, 400, 1200])
      const before = yield* Clock.currentTimeMillis
      assert.deepStrictEqual((yield* times(1)).map((time) => time - before), [0, 600, 1800])
    }))
})

describe("the default", () => {
  it.effect("is to try nothing again", () =>
    Effect.gen(function*() {
      const policy = yield* CodexRetry.CodexRetry
      assert.strictEqual(policy, CodexRetry.none)
      assert.deepStrictEqual(yield* starts(policy), [0])
    }))

  it.effect("is set by the layer", () => {
    const policy = CodexRetry.make({ schedule: Schedule.recurs(1) })
    return Effect.gen(function*() {
      assert.strictEqual(yield* CodexRetry.CodexRetry, policy)
    }).pipe(Effect.provide(CodexRetry.layer(policy)))
  })

  it.effect("reaches what is built below it", () => {
    const policy = CodexRetry.make({ schedule: Schedule.recurs(1) })
    const seen = Layer.effectDiscard(Effect.map(CodexRetry.CodexRetry, (found) => assert.strictEqual(found, policy)))
    return Effect.void.pipe(Effect.provide(seen.pipe(Layer.provide(CodexRetry.layer(policy)))))
  })
})
