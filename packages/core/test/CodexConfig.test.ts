import * as CodexConfig from "@effect-codex/core/CodexConfig"
import type { CodexMcpServer } from "@effect-codex/core/CodexMcpServer"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Toml from "effect/encoding/Toml"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import { plain, sayable } from "./support/tables.ts"

const assignments = (config: CodexConfig.CodexConfig) =>
  Result.map(CodexConfig.toArguments(config), (args) => args.filter((_, index) => index % 2 === 1))

describe("CodexConfig", () => {
  it("types the keys that are known, and leaves others open", () => {
    const server: CodexMcpServer = { command: "x", a_key_of_tomorrow: [1] }
    const config: CodexConfig.CodexConfig = {
      model_reasoning_effort: "a-level-of-tomorrow",
      mcp_servers: { server },
      features: { shell_snapshot: true, a_feature: { enabled: true } },
      a_key_of_tomorrow: { b: [1, { c: "d" }] }
    }
    const wrong: ReadonlyArray<CodexConfig.CodexConfig> = [
      // @ts-expect-error: a typing error
      { web_search: "lve" },
      // @ts-expect-error: not the type
      { model_verbosity: 1 },
      // @ts-expect-error: in a table
      { sandbox_workspace_write: { network_access: "yes" } },
      // @ts-expect-error: in a table of tables
      { mcp_servers: { a: { default_tools_approval_mode: "yes" } } },
      // @ts-expect-error: a feature is on or off
      { features: { shell_snapshot: "on" } },
      // @ts-expect-error: not a value of TOML
      { a_key_of_tomorrow: null },
      // @ts-expect-error: a key is left out
      { web_search: undefined },
      // @ts-expect-error: not a table
      { a_key_of_tomorrow: new Map() }
    ]
    assert.isTrue(Schema.is(CodexConfig.CodexConfig)(config))
    assert.lengthOf(wrong, 8)
  })

  const refused: ReadonlyArray<readonly [path: string, config: unknown]> = [
    ["web_search", { web_search: "lve" }],
    ["web_search", { web_search: undefined }],
    ["model_verbosity", { model_verbosity: null }],
    ["model_reasoning_effort", { model_reasoning_effort: 3 }],
    ["project_doc_max_bytes", { project_doc_max_bytes: 1.5 }],
    ["project_doc_max_bytes", { project_doc_max_bytes: -1 }],
    ["sandbox_workspace_write.network_access", { sandbox_workspace_write: { network_access: "yes" } }],
    ["sandbox_workspace_write.writable_roots.1", { sandbox_workspace_write: { writable_roots: ["/a", 1] } }],
    ["agents.max_threads", { agents: { max_threads: "6" } }],
    ["mcp_servers.a.b.env.X", { mcp_servers: { "a.b": { command: "x", env: { X: 1 } } } }],
    ["mcp_servers.a.default_tools_approval_mode", { mcp_servers: { a: { default_tools_approval_mode: "yes" } } }],
    ["mcp_servers.a.tools.t.approval_mode", { mcp_servers: { a: { tools: { t: { approval_mode: "yes" } } } } }],
    ["mcp_servers.a.a_key_of_tomorrow", { mcp_servers: { a: { a_key_of_tomorrow: null } } }],
    ["model_providers.a.wire_api", { model_providers: { a: { wire_api: "chat" } } }],
    ["features.apps", { features: { apps: 1 } }],
    ["notify", { notify: "say done" }],
    ["a_key_of_tomorrow.b.0", { a_key_of_tomorrow: { b: [NaN] } }],
    ["a_key_of_tomorrow.b", { a_key_of_tomorrow: { b: undefined } }],
    ["a_key_of_tomorrow", { a_key_of_tomorrow: "\ud83d" }],
    ["a_key_of_tomorrow", { a_key_of_tomorrow: () => 1 }]
  ]
  for (const [path, config] of refused) {
    it(`refuses ${path}`, () => {
      const result = Schema.decodeUnknownResult(CodexConfig.CodexConfig)(config)
      if (Result.isSuccess(result)) return assert.fail("accepted")
      const issue = SchemaIssue.makeFormatterStandardSchemaV1()(result.failure.issue).issues[0]
      assert.strictEqual(issue?.path?.map(String).join("."), path)
    })
  }

  it.effect.prop("encodes and decodes", { config: CodexConfig.CodexConfig }, ({ config }) =>
    Effect.gen(function*() {
      const codec = Schema.fromJsonString(Schema.toCodecJson(CodexConfig.CodexConfig))
      const json = yield* Schema.encodeEffect(codec)(config)
      assert.deepStrictEqual(plain(yield* Schema.decodeEffect(codec)(json)), plain(config))
    }))
})

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
    { config: CodexConfig.CodexConfig },
    ({ config }) =>
      Effect.gen(function*() {
        const lines = yield* Effect.fromResult(assignments(sayable(config)))
        const read = yield* Effect.fromResult(Toml.parse(lines.join("\n")))
        assert.deepStrictEqual(plain(read), plain(sayable(config)))
      })
  )

  const refused: ReadonlyArray<readonly [option: string, config: object]> = [
    ["config.a.b", { a: { b: NaN } }],
    ["config.a.b", { a: { b: Infinity } }],
    ["config.a", { a: null }],
    ["config.a", { a: undefined }],
    ["config.a.0", { a: [undefined] }],
    ["config.a", { a: "\ud83d" }],
    ["config.a", { a: () => 1 }],
    ["config.a", { a: 1n }],
    ["config.a.b", { a: { b: new Map() } }],
    ["config.a b", { "a b": 1 }],
    ["config.", { "": 1 }],
    ["config.a.b", { "a.b": 1 }],
    ["config.a.b\ud83d", { a: { "b\ud83d": 1 } }],
    [`config${".a".repeat(81)}`, JSON.parse(`${"{\"a\":".repeat(81)}1${"}".repeat(81)}`)]
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

  it.effect.prop(
    "keeps every key, and changes nothing where one side is empty",
    { self: CodexConfig.CodexConfig, that: CodexConfig.CodexConfig },
    ({ self, that }) =>
      Effect.sync(() => {
        const merged = CodexConfig.merge(self, that)
        assert.sameMembers(Object.keys(merged), [...new Set([...Object.keys(self), ...Object.keys(that)])])
        assert.deepStrictEqual(CodexConfig.merge(merged, that), merged)
        assert.deepStrictEqual(CodexConfig.merge({}, self), CodexConfig.merge(self, {}))
      })
  )
})
