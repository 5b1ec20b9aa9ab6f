import * as CodexTimeline from "@effect-codex/testing/CodexTimeline"
import * as FakeCli from "@effect-codex/testing/FakeCli"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Budget from "./Budget.ts"
import * as Review from "./Review.ts"
import { script } from "./Script.ts"

const layer = Layer.mergeAll(
  FakeCli.layer(script).pipe(Layer.provideMerge(CodexTimeline.layer())),
  Budget.layer({ tokens: 10_000, time: "10 minutes" }),
  NodeFileSystem.layer
)

it.effect("reviews a file that was busy at first", () =>
  Effect.gen(function*() {
    const report = yield* FakeCli.passTime(Review.review("/src", ["busy.ts"]))
    const timeline = yield* CodexTimeline.Recorder.use((recorder) => recorder.timeline)
    assert.lengthOf(report.reviewed, 1, CodexTimeline.toText(timeline))

    const fs = yield* FileSystem.FileSystem
    yield* fs.makeDirectory("build", { recursive: true })
    yield* fs.writeFileString("build/review.html", CodexTimeline.toHtml(timeline, { title: "The review" }))

    assert.strictEqual(
      CodexTimeline.toText(timeline),
      `Started 1970-01-01T00:00:00.000Z
     0s  attempt  1 of run  (begins)
     0s  attempt  1 of run failed: TurnFailed: The turn failed: Selected model is at capacity. Please try a different…  (0s)
  598ms  attempt  1 of run  (begins)
  21.0s  attempt  1 of run succeeded  (20.4s)`
    )
  }).pipe(Random.withSeed("the delay of the retry"), Effect.provide(layer)))
