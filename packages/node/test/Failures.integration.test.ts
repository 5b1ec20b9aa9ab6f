/**
 * Law 1 on the real CLI: a run fails with the cause that Codex gave, once, and keeps what was done.
 */
import * as Codex from "@effect-codex/core/Codex"
import type { CodexConfig } from "@effect-codex/core/CodexConfig"
import * as CodexError from "@effect-codex/core/CodexError"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as RealCodex from "./support/realCodex.ts"

const http = (status: number, message: string, rest: { readonly type?: string; readonly code?: string } = {}) =>
  ModelReply.httpError(status, { message, ...rest })

const turnFailures: ReadonlyArray<
  readonly [name: string, reply: ModelReply.ModelReply, kind: CodexError.TurnFailureKind, description: RegExp]
> = [
  ["HTTP 400", http(400, "Bad thing", { type: "invalid_request_error" }), "invalid_request", /^Bad thing$/],
  [
    "HTTP 401",
    http(401, "Incorrect API key"),
    "unauthorized",
    /^unexpected status 401 Unauthorized: Incorrect API key/
  ],
  ["HTTP 403", http(403, "Not here"), "unauthorized", /^unexpected status 403 Forbidden: Not here/],
  ["HTTP 413", http(413, "Too large"), "invalid_request", /^unexpected status 413 Payload Too Large/],
  ["HTTP 429", http(429, "Slow down", { code: "rate_limit_exceeded" }), "rate_limited", /429 Too Many Requests/],
  ["HTTP 429 without quota", http(429, "No quota", { code: "insufficient_quota" }), "usage_limit", /^Quota exceeded/],
  ["HTTP 500", http(500, "Oops"), "overloaded", /experiencing high demand/],
  [
    "a context window that is full",
    ModelReply.failed({ code: "context_length_exceeded", message: "Full" }),
    "context_window",
    /ran out of room/
  ],
  [
    "a rate limit in the stream",
    ModelReply.failed({ code: "rate_limit_exceeded", message: "Slow down" }),
    "rate_limited",
    /^rate limit exceeded: Slow down/
  ],
  [
    "a quota in the stream",
    ModelReply.failed({ code: "insufficient_quota", message: "No quota" }),
    "usage_limit",
    /^Quota exceeded/
  ],
  [
    "a plan without Codex",
    ModelReply.failed({ code: "usage_not_included", message: "No plan" }),
    "usage_limit",
    /upgrade to Plus/
  ],
  [
    "an overloaded model",
    ModelReply.failed({ code: "server_is_overloaded", message: "Busy" }),
    "overloaded",
    /at capacity/
  ],
  [
    "a prompt that is refused",
    ModelReply.failed({ code: "invalid_prompt", message: "Invalid prompt: no." }),
    "invalid_request",
    /^Invalid prompt: no\./
  ],
  ["an answer that is cut off", ModelReply.incomplete("max_output_tokens"), "incomplete", /max_output_tokens/],
  ["a stream that breaks", ModelReply.cutStream(), "disconnected", /^stream disconnected before completion/],
  [
    "a stream that just ends",
    ModelReply.cutStream({ clean: true }),
    "disconnected",
    /stream closed before response\.completed/
  ]
]

describe("a turn fails by", () => {
  for (const [name, reply, kind, description] of turnFailures) {
    it.live(name, () =>
      Effect.gen(function*() {
        const workspace = yield* RealCodex.makeWorkspace
        const error = yield* Effect.flip(Codex.run("Work", { workingDirectory: workspace }))
        if (error.reason._tag !== "TurnFailed") return assert.fail(String(error))
        assert.strictEqual(error.reason.kind, kind)
        assert.match(error.reason.description, description)
        // What was done before is kept, the cause is told once, and what was done is not done again.
        assert.deepStrictEqual(error.turn?.commands.map((command) => command.aggregated_output), ["done\n"])
        assert.strictEqual(error.turn?.status, "failed")
        assert.deepStrictEqual(error.turn?.notices, [])
        assert.isFalse(error.isRetryable)
        // It crosses processes, and stays itself.
        const codec = Schema.toCodecJson(CodexError.CodexError)
        const json = JSON.stringify(yield* Schema.encodeEffect(codec)(error))
        const decoded = yield* Schema.decodeUnknownEffect(codec)(JSON.parse(json))
        assert.strictEqual(decoded.message, error.message)
        assert.deepStrictEqual(decoded.turn, error.turn)
      }).pipe(Effect.provide(RealCodex.layer([ModelReply.shell("echo done"), reply]))))
  }

  it.live("a server that is not there: told by a limit, as the CLI tries for ever", () =>
    Effect.gen(function*() {
      const notices: Array<string> = []
      const error = yield* Codex.stream("Work", { idleTimeout: "2 seconds" }).pipe(
        Stream.runForEach((event) => Effect.sync(() => event.type === "error" && notices.push(event.message))),
        Effect.flip
      )
      assert.deepInclude(error.reason, { _tag: "TimedOut", limit: "idle" })
      assert.match(notices[0] ?? "", /waiting for network/)
    }).pipe(Effect.provide(RealCodex.layer([], {
      config: { model_providers: { fake: { base_url: "http://127.0.0.1:9/v1" } } }
    }))))

  it.live("a key that is not set", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Codex.run("Work"))
      assert.deepInclude(error.reason, { _tag: "TurnFailed", kind: "unauthorized" })
      assert.match(error.message, /Missing environment variable: `NO_SUCH_KEY`/)
      assert.isFalse(error.worked)
    }).pipe(Effect.provide(RealCodex.layer([], {
      config: { model_providers: { fake: { requires_openai_auth: false, env_key: "NO_SUCH_KEY" } } }
    }))))

  it.live("reconnects that are in vain: each a notice, the last the cause", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Codex.run("Work"))
      assert.deepInclude(error.reason, { _tag: "TurnFailed", kind: "disconnected" })
      assert.lengthOf(error.turn?.notices ?? [], 1)
      assert.match(error.turn?.notices[0] ?? "", /^Reconnecting\.\.\. 1\/1/)
      assert.isTrue(error.isRetryable)
    }).pipe(Effect.provide(RealCodex.layer(() => ModelReply.cutStream(), { streamMaxRetries: 1 }))))
})

describe("a run cannot start for", () => {
  const thread = "01a1fc4d-0000-7000-8000-000000000000"

  it.live("a thread that is not there", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Codex.run("Work", { thread }))
      assert.deepInclude(error.reason, { _tag: "ThreadNotFound", threadId: thread })
    }).pipe(Effect.provide(RealCodex.layer([]))))

  it.live("a working directory that is not there", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Codex.run("Work", { workingDirectory: "/no/such/directory" }))
      assert.deepInclude(error.reason, {
        _tag: "SpawnFailed",
        code: "NotFound",
        workingDirectory: "/no/such/directory"
      })
    }).pipe(Effect.provide(RealCodex.layer([]))))

  it.live("a directory that is no Git repository, unless told to go on", () =>
    Effect.gen(function*() {
      const workspace = yield* RealCodex.makeWorkspace
      const error = yield* Effect.flip(Codex.run("Work", { workingDirectory: workspace }))
      assert.deepInclude(error.reason, { _tag: "InvalidOption", option: "workingDirectory" })
      assert.match(error.message, /is no Git repository, nor trusted: set `skipGitRepoCheck`/)
    }).pipe(Effect.provide(RealCodex.layer([], { skipGitRepoCheck: false }))))

  const configured: ReadonlyArray<readonly [name: string, config: CodexConfig, RegExp]> = [
    [
      "a configuration of the wrong type",
      { tui: { theme: 3 } },
      /Error loading config\.toml: invalid type: integer `3`/
    ],
    ["a provider that is not there", { model_provider: "nope" }, /Model provider `nope` not found/],
    [
      "a required MCP server that does not start",
      { mcp_servers: { gone: { command: "/no/such", required: true } } },
      /required MCP servers failed to initialize: gone/
    ]
  ]
  for (const [name, config, message] of configured) {
    it.live(name, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(Codex.run("Work", { config }))
        assert.deepInclude(error.reason, { _tag: "Exited", exitCode: 1 })
        assert.match(error.message, message)
        assert.notMatch(error.message, /Reading prompt|\u001b|Stack backtrace|WARNING/)
      }).pipe(Effect.provide(RealCodex.layer([]))))
  }

  it.live("a config.toml that is none", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const home = yield* fs.makeTempDirectoryScoped()
      yield* fs.writeFileString(`${home}/config.toml`, "model = nope nope")
      const error = yield* Effect.flip(
        Codex.run("Work").pipe(Effect.provide(RealCodex.layer([], { env: { CODEX_HOME: home } })))
      )
      assert.match(error.message, /Error loading config\.toml:[\s\S]*config\.toml:1:9: /)
    }).pipe(Effect.scoped, Effect.provide(RealCodex.layer([]))))

  it.live("an executable that is gone", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      const path = `${directory}/codex`
      yield* fs.writeFileString(path, "#!/bin/sh\n", { mode: 0o755 })
      const run = yield* Effect.gen(function*() {
        yield* fs.remove(path)
        return yield* Effect.flip(Codex.run("Work"))
      }).pipe(Effect.provide(RealCodex.layer([], { path })))
      assert.deepInclude(run.reason, { _tag: "SpawnFailed", command: path, code: "NotFound" })
    }).pipe(Effect.scoped, Effect.provide(RealCodex.layer([]))))
})
