/**
 * Law 4: a gigabyte of events to a consumer that pauses. `measure` itself throws if an event is lost, or if the
 * producer goes on meanwhile.
 */
import { assert, it } from "@effect/vitest"
import * as Memory from "./memory.ts"
import * as Stage from "./stage.ts"

it("a gigabyte of events needs less than 64 MB", async () => {
  Stage.prepare()
  const { figures } = await Memory.measure({ megabytes: 1024, rounds: 1 })
  assert.isBelow(figures["memory.slow_consumer_mb"] ?? Infinity, 64)
}, 120_000)
