/**
 * The example on the real CLI, offline: the model is scripted.
 */
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { TestConsole } from "effect/testing"
import * as RealCodex from "../../packages/node/test/support/realCodex.ts"
import * as Budget from "./Budget.ts"
import { program } from "./main.ts"

/** What the model finds in each file. */
const findings: Readonly<Record<string, string>> = {
  "clean.ts": "[]",
  "empty.ts": `[{"severity":"low","line":1,"problem":"It is empty."}]`,
  "lib/parse.ts": `[{"severity":"medium","line":2,"problem":"It trusts the length."}]`,
  "save.ts":
    `[{"severity":"low","line":9,"problem":"The name is odd."},{"severity":"high","line":7,"problem":"It loses data."}]`
}

/** It answers about the file in the prompt, and about one in a form that cannot be used, at first. */
const model: FakeModel.Script = ({ threadIndex, userTexts }) => {
  const file = Object.keys(findings).find((file) => userTexts.some((text) => text.startsWith(`Review ${file}.`))) ?? ""
  return ModelReply.message(file === "save.ts" && threadIndex === 0 ? "Two things." : `{"value":${findings[file]}}`)
}

describe("review-pipeline", () => {
  it.live("reviews every file of a directory and reports what was found, the worst first", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* RealCodex.makeWorkspace
      yield* fs.makeDirectory(`${directory}/lib`)
      yield* Effect.forEach(Object.keys(findings), (file) => fs.writeFileString(`${directory}/${file}`, ""))
      yield* fs.writeFileString(`${directory}/notes.md`, "")

      yield* program(directory)
      // Five answers of 120 tokens each.
      assert.deepStrictEqual(yield* TestConsole.logLines, [
        "high    save.ts:7  It loses data.",
        "medium  lib/parse.ts:2  It trusts the length.",
        "low     empty.ts:1  It is empty.",
        "low     save.ts:9  The name is odd.",
        "4 of 4 files, 4 findings, 600 tokens"
      ])
      assert.lengthOf(yield* (yield* FakeModel.FakeModel).requests, 5)
    }).pipe(
      Effect.provide([
        RealCodex.layer(model),
        Budget.layer({ tokens: 10_000, time: "1 minute" }),
        TestConsole.layer
      ])
    ))
})
