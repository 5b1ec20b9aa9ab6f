import * as CodexConfig from "@effect-codex/core/CodexConfig"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Toml from "effect/encoding/Toml"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

const assignments = (config: CodexConfig.CodexConfig) =>
  Result.map(CodexConfig.toArguments(config), (args) => args.filter((_, index) => index % 2 === 1))

const values = Schema.Union([Schema.String, Schema.Int, Schema.Boolean, Schema.Array(Schema.String)])
const bareKey = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_-]{1,8}$/))

describe("toArguments", () => {
  it("writes nested tables as paths, and a table with a key that is no path whole", () => {
    assert.deepStrictEqual(
      assignments({
        model: "gpt-5.5",
        sandbox_workspace_write: { network_access: true, writable_roots: ["/a", "/b c"] },
        mcp_servers: { "my.server": { command: "x", args: [], env: { "": "empty" } } },
        nothing: {},
        weird: { a: { b: 1.5, "c d": { e: -0 } } }
      }),
      Result.succeed([
        "model=\"gpt-5.5\"",
        "sandbox_workspace_write.network_access=true",
        "sandbox_workspace_write.writable_roots=[\"/a\", \"/b c\"]",
        "mcp_servers={\"my.server\" = {command = \"x\", args = [], env = {\"\" = \"empty\"}}}",
        "nothing={}",
        "weird.a={b = 1.5, \"c d\" = {e = 0}}"
      ])
    )
  })

  it.effect.prop(
    "writes what TOML reads back as the same value",
    { key: bareKey, inner: Schema.String, value: values },
    ({ inner, key, value }) =>
      Effect.gen(function*() {
        const config = { [key]: { [inner]: value } }
        const written = assignments(config)
        const lone = [inner, ...[value].flat()].some((part) => typeof part === "string" && !part.isWellFormed())
        if (lone) return assert.isTrue(Result.isFailure(written))
        const lines = yield* Effect.fromResult(written)
        const read = yield* Effect.fromResult(Toml.parse(lines.join("\n")))
        assert.deepStrictEqual(JSON.parse(JSON.stringify(read)), JSON.parse(JSON.stringify(config)))
      })
  )

  const refused: ReadonlyArray<readonly [option: string, config: object]> = [
    ["config.a.b", { a: { b: NaN } }],
    ["config.a.b", { a: { b: Infinity } }],
    ["config.a", { a: null }],
    ["config.a.0", { a: [undefined] }],
    ["config.a", { a: "\ud83d" }],
    ["config.a", { a: () => 1 }],
    ["config.a b", { "a b": 1 }],
    ["config.a.b\ud83d", { a: { "b\ud83d": 1 } }]
  ]
  for (const [option, config] of refused) {
    it(`refuses ${option}`, () => {
      const result = assignments(Object.fromEntries(Object.entries(config)))
      if (Result.isSuccess(result)) return assert.fail(String(result.success))
      assert.strictEqual(result.failure.option, option)
    })
  }
})

describe("merge", () => {
  it("merges tables, and lets the second win otherwise", () => {
    assert.deepStrictEqual(
      CodexConfig.merge(
        { a: { b: 1, c: [1], d: { e: 1 } }, f: "x", g: { h: 1 } },
        { a: { b: 2, c: [2], d: { i: 2 } }, g: "y" }
      ),
      { a: { b: 2, c: [2], d: { e: 1, i: 2 } }, f: "x", g: "y" }
    )
  })
})
