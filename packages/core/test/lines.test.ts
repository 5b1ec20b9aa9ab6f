import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { LineSplitter } from "../src/internal/lines.ts"
import * as Stderr from "../src/internal/stderr.ts"

const encoder = new TextEncoder()

const cut = (bytes: Uint8Array, sizes: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const chunks: Array<Uint8Array> = []
  let start = 0
  for (let index = 0; start < bytes.length; index++) {
    const size = 1 + Math.abs(sizes[index % Math.max(1, sizes.length)] ?? 0) % 7
    chunks.push(bytes.subarray(start, start + size))
    start += size
  }
  return chunks
}

describe("LineSplitter", () => {
  it.effect.prop(
    "gives the same lines however the bytes are cut",
    { lines: Schema.Array(Schema.String), sizes: Schema.Array(Schema.Int), ended: Schema.Boolean },
    ({ ended, lines, sizes }) =>
      Effect.sync(() => {
        const text = lines.map((line) => line.toWellFormed().replaceAll("\n", " ")).filter((line) =>
          line !== "" && line !== "\r"
        )
        const splitter = new LineSplitter()
        const bytes = encoder.encode(text.join("\n") + (ended ? "\n" : ""))
        const got = [...cut(bytes, sizes).flatMap((chunk) => splitter.push(chunk)), ...splitter.end()]
        assert.deepStrictEqual(got, text)
        assert.strictEqual(splitter.pendingBytes, 0)
      })
  )

  it("counts the bytes of the line that has not ended", () => {
    const splitter = new LineSplitter()
    splitter.push(encoder.encode("a\nüü"))
    assert.strictEqual(splitter.pendingBytes, 4)
    assert.deepStrictEqual(splitter.push(encoder.encode("\n")), ["üü"])
    assert.strictEqual(splitter.pendingBytes, 0)
  })

  it("keeps a byte order mark, which is no JSON, and blank lines out", () => {
    assert.deepStrictEqual(new LineSplitter().push(encoder.encode("\ufeff{}\n\n\r\n{}\r\n")), ["\ufeff{}", "{}\r"])
  })
})

describe("stderr", () => {
  it("is shown without colours and what every run prints", () => {
    assert.strictEqual(
      Stderr.clean(
        "WARNING: proceeding, even though we could not create PATH aliases: x\nReading prompt from stdin...\n"
          + "\u001b[2m2026\u001b[0m ERROR x\r\n\nError: y\n\nStack backtrace:\n   0: <unknown>\n"
      ),
      "2026 ERROR x\nError: y"
    )
  })
})
