/**
 * The example with a fake CLI: a quarter of an hour in no time.
 */
import * as FakeCli from "@effect-codex/testing/FakeCli"
import * as FakeProcess from "@effect-codex/testing/FakeProcess"
import { assert, describe, it } from "@effect/vitest"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { TestClock, TestConsole } from "effect/testing"
import { layerRetry, layerTell, program } from "./main.ts"

const overloaded = FakeProcess.turnFailed("Selected model is at capacity")

const answering = (message: string) => FakeProcess.turn({ message })

/** It says what it will do, and nothing ever after. */
const hanging = FakeProcess.make([...answering("I run the tests.").steps.slice(0, 3), FakeProcess.hang])

const layer = (script: FakeCli.Script) => FakeCli.layer(script).pipe(Layer.provide([layerRetry, layerTell]))

const pass = (duration: Duration.Input) =>
  Effect.flatMap(
    FakeCli.FakeCli,
    ({ settled }) => settled.pipe(Effect.andThen(TestClock.adjust(duration)), Effect.andThen(settled))
  )

describe("retry-and-timeout", () => {
  it.effect("tries again what was overloaded, ends what hangs and what takes too long", () =>
    Effect.gen(function*() {
      const { invocations } = yield* FakeCli.FakeCli
      const running = Effect.map(invocations, (all) => all.filter((one) => one.running).map(({ stdin }) => stdin))
      const fiber = yield* Effect.forkChild(program)

      // Twice overloaded.
      yield* pass("1500 millis")
      yield* pass("3 seconds")
      assert.deepStrictEqual(yield* TestConsole.logLines, [
        "Trying again in 1 s. The turn failed: Selected model is at capacity",
        "Trying again in 2 s. The turn failed: Selected model is at capacity",
        "It renames a file."
      ])

      // A try that hangs. It began after less than 3 of the 4.5 seconds.
      yield* pass("110 seconds")
      assert.deepStrictEqual(yield* running, ["Find the slowest test"])
      yield* pass("10 seconds")
      assert.deepStrictEqual(yield* running, [])
      yield* pass("10 seconds")
      assert.deepStrictEqual((yield* TestConsole.logLines).slice(3), [
        "Trying again in 10 s. Codex made no progress for 2m (option `idleTimeout`)",
        "It is the first one."
      ])

      // One that hangs for as long as it may.
      yield* pass("9 minutes")
      assert.deepStrictEqual(yield* running, ["Find every bug in this repository"])
      yield* pass("1 minute")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(yield* running, [])
      assert.strictEqual((yield* TestConsole.logLines).at(-1), "There are more than one finds in 10 minutes")
    }).pipe(
      Effect.provide(layer([
        overloaded,
        overloaded,
        answering("It renames a file."),
        hanging,
        answering("It is the first one."),
        hanging
      ]))
    ))

  it.effect("does not try again what another try would not change", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(program)
      assert.strictEqual(error.message, "The turn failed: No such key")
      assert.deepStrictEqual(yield* TestConsole.logLines, [])
    }).pipe(Effect.provide(layer([FakeProcess.turnFailed("No such key")]))))
})
