import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as RolloutFile from "../src/internal/rolloutFile.ts"

const encoder = new TextEncoder()

/** A file whose reads give up to `most` bytes, and which counts them. */
const fileOf = (text: string, most = Infinity) => {
  const bytes = encoder.encode(text)
  const reads = { bytes: 0 }
  const unused = Effect.die("not used")
  const file: FileSystem.File = {
    [FileSystem.FileTypeId]: FileSystem.FileTypeId,
    stat: unused,
    sync: unused,
    seek: () => unused,
    read: () => unused,
    readAlloc: (size, options) =>
      Effect.sync(() => {
        const start = Number(options?.position)
        const read = bytes.slice(start, start + Math.min(size, most))
        reads.bytes += read.length
        return read.length === 0 ? Option.none() : Option.some(read)
      }),
    truncate: () => unused,
    write: () => unused,
    writeAll: () => unused
  }
  return { file, reads, size: bytes.length }
}

const nothing = () => undefined

describe("RolloutFile", () => {
  // Lengths around and beyond what is read at a time, which a character of two bytes does not divide.
  const Line = Schema.Struct({
    mark: Schema.Int,
    length: Schema.Literals([0, 1, 1000, 32_767, 32_768, 65_535, 65_536, 100_000])
  })
  const textOf = ({ length, mark }: typeof Line.Type) => `${Math.abs(mark)}${"ü".repeat(length)}`

  it.effect.prop(
    "finds lines from the end and the first one, however they lie",
    { lines: Schema.Array(Line).check(Schema.isMaxLength(8)), isEnded: Schema.Boolean, isShort: Schema.Boolean },
    ({ isEnded, isShort, lines }) =>
      Effect.gen(function*() {
        const texts = lines.map(textOf)
        const { file, size } = fileOf(texts.join("\n") + (isEnded ? "\n" : ""), isShort ? 30_000 : Infinity)
        const seen: Array<string> = []
        assert.isUndefined(yield* RolloutFile.findLast(file, size, (line) => void seen.push(line)))
        assert.deepStrictEqual(seen.filter((line) => line !== ""), texts.toReversed())
        assert.strictEqual(yield* RolloutFile.firstLine(file), texts[0] ?? "")
      })
  )

  it.effect("reads no further than it must", () =>
    Effect.gen(function*() {
      const { file, reads, size } = fileOf(`first\n${"x".repeat(1000)}\n`.repeat(1000))
      assert.strictEqual(yield* RolloutFile.firstLine(file), "first")
      assert.isAtMost(reads.bytes, 64 * 1024)
      assert.strictEqual(
        yield* RolloutFile.findLast(file, size, (line) => line === "first" ? line : undefined),
        "first"
      )
      assert.isAtMost(reads.bytes, 2 * 64 * 1024)
    }))

  it.effect("reads no further back than it is told to begin", () =>
    Effect.gen(function*() {
      const { file } = fileOf("one\ntwo\nthree\n")
      const last = (line: string) => line === "" ? undefined : line
      assert.strictEqual(yield* RolloutFile.findLast(file, "one\ntwo\n".length, last), "two")
      assert.isUndefined(yield* RolloutFile.findLast(file, 0, last))
    }))

  it.effect("passes over a line of many megabytes", () =>
    Effect.gen(function*() {
      const { file, size } = fileOf(`wanted\n${"x".repeat(9 * 1024 * 1024)}\nlast\n`)
      const longest = { length: 0 }
      const found = yield* RolloutFile.findLast(file, size, (line) => {
        longest.length = Math.max(longest.length, line.length)
        return line === "wanted" ? line : undefined
      })
      assert.strictEqual(found, "wanted")
      assert.isBelow(longest.length, 5 * 1024 * 1024)
    }))

  it.effect("gives the beginning of a first line that does not end", () =>
    Effect.gen(function*() {
      const { file } = fileOf("x".repeat(9 * 1024 * 1024))
      assert.strictEqual((yield* RolloutFile.firstLine(file)).length, 4 * 1024 * 1024)
      assert.isUndefined(yield* RolloutFile.findLast(fileOf("").file, 0, nothing))
    }))
})
