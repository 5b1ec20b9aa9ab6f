import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Threads from "../src/internal/threads.ts"

describe("threads", () => {
  it.effect("remembers the totals of the threads that were used last", () =>
    Effect.gen(function*() {
      const threads = yield* Threads.make
      const usage = { input_tokens: 1, output_tokens: 1 }
      for (let index = 0; index < 10_000; index++) threads.setUsage(`thread ${index}`, usage)
      threads.setUsage("thread 0", usage)
      threads.setUsage("one more", usage)
      assert.deepStrictEqual(threads.usage("thread 0"), usage)
      assert.deepStrictEqual(threads.usage("one more"), usage)
      assert.isUndefined(threads.usage("thread 1"))
      assert.deepStrictEqual(threads.usage("thread 2"), usage)
    }))
})
