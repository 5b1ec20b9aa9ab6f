import { TomlTable, type TomlValue } from "@effect-codex/core/TomlValue"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Toml from "effect/encoding/Toml"
import * as Result from "effect/Result"
import * as Writer from "../src/internal/toml.ts"
import { plain, writable } from "./support/tables.ts"

const read = (text: string) => Effect.map(Effect.fromResult(Toml.parse(text)), plain)

const refused = (value: TomlValue): string => {
  const result = Writer.literal(value, ["a"])
  return Result.isFailure(result) ? `${result.failure.option}: ${result.failure.problem}` : result.success
}

const nested = (depth: number): TomlValue => depth === 0 ? 1 : { x: nested(depth - 1) }

describe("document", () => {
  it.effect.prop("is read back as the same tables", { table: TomlTable }, ({ table }) =>
    Effect.gen(function*() {
      const written = yield* Effect.fromResult(Writer.document(writable(table)))
      assert.deepStrictEqual(yield* read(written), plain(writable(table)))
    }))

  it.effect.each<TomlValue>([
    "\u0000\u0001\b\t\n\f\r\u001b\u001f \u007f\u0080\u009f",
    "\"\"\" ''' \\ \\u0041 # = [x]\r\n",
    "\u2028\u2029\ufeff\uffff é 漢 😀 \u{10ffff}",
    "2026-11-21T07:00:00Z",
    "1e3",
    "true",
    "",
    -0,
    0.1,
    -1e-7,
    5e-324,
    1.7976931348623157e308,
    9007199254740991,
    -9007199254740991,
    9007199254740992,
    2 ** 63,
    1e20,
    1e21,
    [],
    [[], [[1]], {}, [{}]],
    [1, 1.5, "a", true, { b: [{ c: 1 }, { d: [] }] }],
    { "": { "": 1 }, "a.b": 1, "a b": 2, "\"": 3, "'": 4, "\\": 5, "\n": 6, "é": 7, "😀": 8, "1": 9, "-": 10 },
    JSON.parse("{ \"__proto__\": { \"constructor\": 1 } }")
  ])("keeps %j", (value) =>
    Effect.gen(function*() {
      const table = { value, "quoted key": value }
      assert.deepStrictEqual(yield* read(yield* Effect.fromResult(Writer.document(table))), plain(table))
    }))
})

describe("literal", () => {
  it("writes what is beyond the integers of TOML as a float", () => {
    assert.strictEqual(refused(2 ** 64), "1.8446744073709552e+19")
    assert.strictEqual(refused(2 ** 53 - 1), "9007199254740991")
  })

  it("stops where the CLI's parser does", () => {
    assert.include(refused(nested(79)), "x = 1")
    assert.match(refused(nested(80)), /^config\.a(\.x){80}: is nested more than 80 levels deep$/)
  })
})
