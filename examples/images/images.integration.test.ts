/**
 * The example on the real CLI, offline: the model is scripted.
 */
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { TestConsole } from "effect/testing"
import * as RealCodex from "../../packages/node/test/support/realCodex.ts"
import { compare, page, program } from "./main.ts"

const decodeBody = Schema.decodeUnknownEffect(Schema.Struct({
  input: Schema.Array(Schema.Struct({
    content: Schema.Array(Schema.Struct({ image_url: Schema.optionalKey(Schema.String) }))
  }))
}))

const url = (png: Uint8Array) => `data:image/png;base64,${Buffer.from(png).toString("base64")}`

describe("images", () => {
  it.live("reach the model in their order, with the text", () =>
    Effect.gen(function*() {
      yield* program
      assert.deepStrictEqual(yield* TestConsole.logLines, ["The button has moved to the right."])

      const [request] = yield* (yield* FakeModel.FakeModel).requests
      const { input } = yield* decodeBody(request?.body)
      const images = input.flatMap(({ content }) => content.flatMap(({ image_url }) => image_url ?? []))
      assert.deepStrictEqual(images, [url(page(4)), url(page(44))])
      assert.match(request?.prompt ?? "", /^The first picture .*\n\nThe second .*\n\nWhat has changed\?/)
    }).pipe(
      Effect.provide([
        RealCodex.layer([ModelReply.message("The button has moved to the right.")]),
        TestConsole.layer
      ])
    ))

  it.live("that cannot be read are told before anything starts", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(compare("examples/images/main.ts", "no/such.png"))
      assert.strictEqual(error.message, "Option `input`: the image no/such.png can't be read (NotFound)")
      assert.lengthOf(yield* (yield* FakeModel.FakeModel).requests, 0)
    }).pipe(Effect.provide(RealCodex.layer([]))))
})
