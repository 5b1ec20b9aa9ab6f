/**
 * What the real CLI reads from our configuration: in flags, and in a file when it is large.
 */
import * as CodexConfig from "@effect-codex/core/CodexConfig"
import type { CodexMcpServer } from "@effect-codex/core/CodexMcpServer"
import type { CodexModelProvider } from "@effect-codex/core/CodexModelProvider"
import { TomlTable, type TomlValue } from "@effect-codex/core/TomlValue"
import * as NodeCodexCli from "@effect-codex/node/NodeCodexCli"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { createServer } from "node:http"
import * as ConfigFile from "../../core/src/internal/configFile.ts"
import * as RealCodex from "./support/realCodex.ts"

const layer = (...replies: ReadonlyArray<ModelReply.ModelReply>) =>
  FakeModel.layer(replies).pipe(
    Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" }))
  )

interface Run {
  readonly args: ReadonlyArray<string>
  readonly cwd?: string
  readonly stdin?: Stream.Stream<string>
}

const start = Effect.fnUntraced(function*({ args, cwd, stdin = Stream.empty }: Run) {
  const { cli } = yield* FakeModel.FakeModel
  const { command } = yield* NodeCodexCli.make()
  return yield* ChildProcess.make(command, args, {
    ...(cwd === undefined ? {} : { cwd }),
    env: cli.env,
    extendEnv: true,
    stdin: Stream.encodeText(stdin),
    forceKillAfter: "1 second"
  })
})

/** Runs the CLI to its end. */
const codex = (run: Run) =>
  Effect.scoped(Effect.gen(function*() {
    const process = yield* start(run)
    const [stdout, stderr, exitCode] = yield* Effect.all([
      Stream.mkString(Stream.decodeText(process.stdout)),
      Stream.mkString(Stream.decodeText(process.stderr)),
      process.exitCode
    ], { concurrency: "unbounded" })
    return { stdout, stderr, exitCode }
  }))

const Response = Schema.fromJsonString(Schema.Struct({
  result: Schema.Struct({
    layers: Schema.Array(Schema.Struct({ name: Schema.Struct({ type: Schema.String }), config: Schema.Json }))
  })
}))

/** What the CLI makes of our flags. */
const readBack = (config: CodexConfig.CodexConfig) =>
  Effect.scoped(Effect.gen(function*() {
    const flags = yield* Effect.fromResult(CodexConfig.toArguments(config))
    const requests = [
      { id: 1, method: "initialize", params: { clientInfo: { name: "test", version: "1" } } },
      { method: "initialized" },
      { id: 2, method: "config/read", params: { includeLayers: true } }
    ]
    const stdin = Stream.fromIterable(requests).pipe(
      Stream.map((request) => `${JSON.stringify(request)}\n`),
      // At the end of its input it would stop.
      Stream.concat(Stream.never)
    )
    const process = yield* start({ args: [...flags, "app-server"], stdin })
    const line = yield* process.stdout.pipe(
      Stream.decodeText,
      Stream.splitLines,
      Stream.filter((line) => line.startsWith("{\"id\":2,")),
      Stream.runHead,
      Effect.flatMap(Effect.fromOption)
    )
    const { layers } = (yield* Schema.decodeEffect(Response)(line)).result
    return layers.find(({ name }) => name.type === "sessionFlags")?.config
  }))

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

const isList = (value: TomlValue): value is ReadonlyArray<TomlValue> => Array.isArray(value)

// A schema cannot keep half surrogate pairs out of keys.
const writable = (value: TomlValue): TomlValue =>
  typeof value !== "object"
    ? value
    : isList(value)
    ? value.map(writable)
    : Object.fromEntries(Object.entries(value).map(([key, value]) => [key.toWellFormed(), writable(value)]))

const edges: TomlTable = {
  controls: "\u0000\u0001\b\t\n\f\r\u001b\u001f \u007f\u0080\u009f",
  quotes: "\"\"\" ''' \\ \\u0041 # = [x] {y} \r\n",
  unicode: "\u2028\u2029\ufeff\uffff é 漢 😀 \u{10ffff}",
  others: ["2026-11-21", "2026-11-21T07:00:00Z", "1e3", "true", "", " "],
  numbers: [-0, 0.1, -1e-7, 5e-324, 1.7976931348623157e308, 2 ** 53 - 1, 1 - 2 ** 53, 2 ** 53, 2 ** 63, 2 ** 64, 1e21],
  tables: [{ a: [{ b: 1 }, {}] }, [], [[]]],
  keys: { "": 1, "a.b": 2, "a b": 3, "\"": 4, "'": 5, "\\": 6, "\n": 7, "\u007f": 8, "é": 9, "😀": 10, "=": 11 },
  deep: Arr.range(1, 78).reduce<TomlValue>((inner, level) => level % 2 === 0 ? [inner] : { x: inner }, "deep"),
  path: Arr.range(1, 78).reduce<TomlValue>((inner) => ({ x: inner }), "path")
}

describe("flags", () => {
  it.live("are read back as the values that they were", () =>
    Effect.gen(function*() {
      const tables = yield* Arbitrary.sampleEffect(Arbitrary.schema(TomlTable), { count: 300 })
      const config = {
        ...Object.fromEntries(tables.map((table, index) => [`t${index}`, writable(table)])),
        edges,
        ...edges
      }
      assert.deepStrictEqual(yield* readBack(config), plain(config))
    }).pipe(Effect.provide(layer())))

  it.live("are laid over the user's tables, also where one is written whole", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const { codexHome } = yield* FakeModel.FakeModel
      yield* fs.writeFileString(
        `${codexHome}/config.toml`,
        "[mcp_servers.theirs]\ncommand = \"theirs\"\n[mcp_servers.both]\ncommand = \"theirs\"\nargs = [\"theirs\"]\n",
        { flag: "a" }
      )
      const servers = { "my.own": { command: "ours" }, both: { command: "ours" } }
      const flags = yield* Effect.fromResult(CodexConfig.toArguments({ mcp_servers: servers }))
      assert.deepStrictEqual(yield* listServers(flags), {
        both: { command: "ours", args: ["theirs"], env: null },
        "my.own": { command: "ours", args: [], env: null },
        theirs: { command: "theirs", args: [], env: null }
      })
    }).pipe(Effect.provide(layer())))
})

const Servers = Schema.fromJsonString(Schema.Array(Schema.Struct({
  name: Schema.String,
  transport: Schema.Struct({ command: Schema.String, args: Schema.Json, env: Schema.Json })
})))

const listServers = Effect.fnUntraced(function*(flags: ReadonlyArray<string>, cwd?: string) {
  const { stdout } = yield* codex({ args: [...flags, "mcp", "list", "--json"], ...(cwd === undefined ? {} : { cwd }) })
  const servers = yield* Schema.decodeEffect(Servers)(stdout)
  return Object.fromEntries(
    servers.map(({ name, transport: { args, command, env } }) => [name, { command, args, env }])
  )
})

describe("the keys that we know", () => {
  type Known<A> = { readonly [K in keyof A as string extends K ? never : K]-?: ReadonlyArray<A[K]> }

  const stdio: CodexMcpServer = {
    command: "true",
    args: ["a"],
    env: { A: "b" },
    env_vars: ["A", { name: "B", source: "local" }, { name: "C", source: "remote" }],
    cwd: "/",
    enabled: false,
    required: false,
    startup_timeout_sec: 1.5,
    tool_timeout_sec: 2,
    enabled_tools: ["t"],
    disabled_tools: ["u"],
    default_tools_approval_mode: "approve",
    tools: {
      a: { approval_mode: "auto", output_token_limit: 1 },
      b: { approval_mode: "prompt" },
      c: { approval_mode: "writes" },
      d: { approval_mode: "approve" }
    },
    supports_parallel_tool_calls: true
  }
  const http: CodexMcpServer = {
    url: "https://localhost",
    bearer_token_env_var: "T",
    http_headers: { a: "b" },
    env_http_headers: { a: "B" },
    scopes: ["s"],
    oauth_resource: "r",
    enabled: false
  }
  const byKey: CodexModelProvider = {
    name: "n",
    base_url: "https://localhost",
    env_key: "K",
    env_key_instructions: "i",
    wire_api: "responses",
    query_params: { a: "b" },
    http_headers: { a: "b" },
    env_http_headers: { a: "B" },
    request_max_retries: 0,
    stream_max_retries: 0,
    stream_idle_timeout_ms: 1,
    requires_openai_auth: false,
    supports_websockets: true,
    websocket_connect_timeout_ms: 1
  }
  const byCommand: CodexModelProvider = {
    name: "n",
    auth: { command: "true", args: ["a"], cwd: "/", timeout_ms: 1, refresh_interval_ms: 0 }
  }

  // Every key and every literal; the compiler says when one is missing.
  const known: Known<CodexConfig.CodexConfig> = {
    agents: [{
      max_concurrent_threads_per_session: 1,
      max_depth: 1,
      default_subagent_model: "m",
      default_subagent_reasoning_effort: "low",
      job_max_runtime_seconds: 1,
      reviewer: { description: "d" }
    }, { max_threads: 6 }],
    allow_login_shell: [false],
    analytics: [{ enabled: false }],
    approval_policy: ["never", "on-request", {
      granular: {
        sandbox_approval: true,
        rules: true,
        mcp_elicitations: true,
        skill_approval: true,
        request_permissions: true
      }
    }],
    approvals_reviewer: ["user", "auto_review"],
    background_terminal_max_timeout: [1],
    chatgpt_base_url: ["https://localhost"],
    compact_prompt: ["p"],
    default_permissions: [":read-only"],
    developer_instructions: ["i"],
    features: [{
      apps: false,
      enable_request_compression: false,
      goals: false,
      hooks: false,
      image_generation: false,
      memories: false,
      multi_agent: false,
      plugins: false,
      shell_snapshot: false,
      shell_tool: true,
      unbounded_connection_retries: false,
      unified_exec: true,
      view_image: true,
      multi_agent_v2: { enabled: false }
    }],
    feedback: [{ enabled: false }],
    hide_agent_reasoning: [true],
    history: [{ persistence: "save-all", max_bytes: 1 }, { persistence: "none" }],
    include_environment_context: [false],
    include_permissions_instructions: [false],
    mcp_servers: [{ a: stdio, "b.c": stdio }, { a: http }],
    model: ["m"],
    model_auto_compact_token_limit: [1],
    model_context_window: [1],
    model_instructions_file: ["instructions.md"],
    model_provider: ["fake"],
    model_providers: [{ a: byKey }, { "a.b": byCommand }],
    model_reasoning_effort: ["none", "minimal", "low", "medium", "high", "xhigh", "a-level-of-tomorrow"],
    model_reasoning_summary: ["auto", "concise", "detailed", "none"],
    model_verbosity: ["low", "medium", "high"],
    notify: [["true", "a"]],
    openai_base_url: ["https://localhost"],
    otel: [
      { environment: "e", exporter: "none", trace_exporter: "statsig", log_user_prompt: false },
      { exporter: { "otlp-http": { endpoint: "http://localhost", protocol: "json", headers: { a: "b" } } } },
      { trace_exporter: { "otlp-http": { endpoint: "http://localhost", protocol: "binary" } } },
      { metrics_exporter: { "otlp-grpc": { endpoint: "http://localhost" } }, span_attributes: { a: "b" } }
    ],
    personality: ["none", "friendly", "pragmatic"],
    project_doc_fallback_filenames: [["README.md"]],
    project_doc_max_bytes: [1],
    project_root_markers: [[".git"]],
    review_model: ["m"],
    sandbox_mode: ["read-only", "workspace-write", "danger-full-access"],
    sandbox_workspace_write: [{
      network_access: true,
      writable_roots: ["/a"],
      exclude_tmpdir_env_var: true,
      exclude_slash_tmp: true
    }],
    service_tier: ["flex"],
    shell_environment_policy: [
      { inherit: "all", ignore_default_excludes: true, exclude: ["*KEY*"], set: { "A": "b" }, include_only: ["A"] },
      { inherit: "core" },
      { inherit: "none" }
    ],
    show_raw_agent_reasoning: [true],
    skills: [{ bundled: { enabled: false }, include_instructions: false, config: [{ name: "s", enabled: false }] }],
    suppress_unstable_features_warning: [true],
    tool_output_token_limit: [1],
    tools: [
      { web_search: true, update_plan: { enabled: true } },
      {
        web_search: {
          context_size: "low",
          allowed_domains: ["a"],
          location: { country: "c", region: "r", city: "c", timezone: "t" }
        }
      },
      { web_search: { context_size: "medium" } },
      { web_search: { context_size: "high" } }
    ],
    web_search: ["disabled", "cached", "indexed", "live"]
  }

  it.live("are known to the CLI too, with every value", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const cwd = yield* RealCodex.makeWorkspace
      yield* fs.writeFileString(`${cwd}/instructions.md`, "Be kind.")
      // The first values of all keys together, then the second ones, and so on.
      for (const index of Arr.range(0, 6)) {
        const values = Object.entries(known).flatMap(([key, values]): ReadonlyArray<readonly [string, TomlValue]> => {
          const value = values[index]
          return value === undefined ? [] : [[key, value]]
        })
        const config = yield* Schema.decodeEffect(CodexConfig.CodexConfig)(Object.fromEntries(values))
        const flags = yield* Effect.fromResult(CodexConfig.toArguments(config))
        const args = ["exec", "--strict-config", "--skip-git-repo-check", ...flags, "-"]
        const { stderr } = yield* codex({ args, cwd })
        assert.match(stderr, /^No prompt provided via stdin\.$/m)
      }
    }).pipe(Effect.provide(layer())))

  it.live("are not those that the CLI does not know", () =>
    Effect.gen(function*() {
      const { stderr } = yield* codex({ args: ["exec", "--strict-config", "-c", "model_personality=\"none\"", "-"] })
      assert.include(stderr, "unknown configuration field `model_personality`")
    }).pipe(Effect.provide(layer())))
})

describe("a configuration that is too large for flags", () => {
  const flagsOf = Effect.fnUntraced(function*(config: CodexConfig.CodexConfig, workingDirectory: string) {
    const { codexHome } = yield* FakeModel.FakeModel
    const fs = yield* FileSystem.FileSystem
    const profile = "work"
    return yield* ConfigFile.flags(fs, { config, codexHome, profile, workingDirectory, ignoreUserConfig: undefined })
  })

  const ownFiles = Effect.gen(function*() {
    const { codexHome } = yield* FakeModel.FakeModel
    const fs = yield* FileSystem.FileSystem
    return (yield* fs.readDirectory(codexHome)).filter((name) => name.endsWith(".config.toml"))
  })

  const writeHome = Effect.fnUntraced(function*(name: string, text: string) {
    const { codexHome } = yield* FakeModel.FakeModel
    yield* (yield* FileSystem.FileSystem).writeFileString(`${codexHome}/${name}`, text, { flag: "a" })
  })

  it.live("reaches the model whole, in a new thread and a resumed one, over the user's own", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const model = yield* FakeModel.FakeModel
      const cwd = yield* RealCodex.makeWorkspace
      yield* writeHome("work.config.toml", "model_verbosity = \"low\"\ndeveloper_instructions = \"of the profile\"\n")
      const turn = (config: CodexConfig.CodexConfig, ...rest: ReadonlyArray<string>) =>
        Effect.scoped(Effect.gen(function*() {
          const flags = yield* flagsOf(config, cwd)
          const name = (yield* ownFiles).find((name) => name.startsWith(`${flags[1]}.`))
          const { mode } = yield* fs.stat(`${model.codexHome}/${name}`)
          assert.strictEqual(mode & 0o777, 0o600)
          const exec = ["exec", "--json", "--skip-git-repo-check", "--sandbox", "danger-full-access"]
          return yield* codex({ args: [...exec, ...flags, ...rest, "-"], cwd, stdin: Stream.succeed("Go on") })
        }))

      const instructions = `first ${"é\" ".repeat(85_000)}`
      const { exitCode, stdout } = yield* turn({ developer_instructions: instructions })
      assert.strictEqual(exitCode, 0)
      const thread = /"thread_id":"([^"]+)"/.exec(stdout)?.[1] ?? ""
      const domains = Arr.range(1, 20_000).map((index) => `${index}.domain.example`)
      const later = "Instructions that come later."
      const { exitCode: resumed } = yield* turn(
        {
          developer_instructions: later,
          web_search: "live",
          tools: { web_search: { allowed_domains: domains } }
        },
        "resume",
        thread
      )
      assert.strictEqual(resumed, 0)

      const requests = yield* model.requests
      const bodies = requests.map(({ body }) => JSON.stringify(body))
      assert.include(bodies[0], JSON.stringify(instructions))
      assert.strictEqual(requests[1]?.threadId, thread)
      assert.include(bodies[1], JSON.stringify(domains))
      // A thread keeps the instructions that it began with.
      assert.include(bodies[1], JSON.stringify(instructions))
      assert.notInclude(bodies[1], later)
      for (const body of bodies) {
        assert.include(body, "\"verbosity\":\"low\"")
        assert.notInclude(body, "of the profile")
      }
      assert.deepStrictEqual(yield* ownFiles, ["work.config.toml"])
    }).pipe(Effect.provide(layer(ModelReply.message("One."), ModelReply.message("Two.")))))

  it.live("may be hundreds of servers, with any text in them", () =>
    Effect.gen(function*() {
      const cwd = yield* RealCodex.makeWorkspace
      const strings = Arbitrary.schema(Schema.Array(Schema.String))
      const args = (yield* Arbitrary.sampleEffect(strings, { count: 500 })).map((args) =>
        args.map((arg) => arg.toWellFormed())
      )
      const servers = Object.fromEntries(args.map((args, index) => [
        index % 2 === 0 ? `s${index}` : `s.${index}`,
        { command: "x".repeat(500), args, env: Object.fromEntries(args.map((arg) => [arg, arg])) }
      ]))
      yield* writeHome("work.config.toml", "")
      const flags = yield* flagsOf({ mcp_servers: servers }, cwd)
      assert.lengthOf(flags, 2)
      assert.deepStrictEqual(yield* listServers(flags, cwd), servers)
    }).pipe(Effect.scoped, Effect.provide(layer())))

  it.live("gives way to a trusted project, which is why it refuses to go beside it", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const cwd = yield* RealCodex.makeWorkspace
      const real = yield* fs.realPath(cwd)
      yield* fs.makeDirectory(`${cwd}/.codex`)
      yield* fs.writeFileString(`${cwd}/.codex/config.toml`, "mcp_servers.a.command = \"of the project\"\n")
      yield* writeHome("config.toml", `[projects.${JSON.stringify(real)}]\ntrust_level = "trusted"\n`)
      yield* writeHome("work.config.toml", "mcp_servers.a.command = \"of the profile\"\n")
      assert.strictEqual((yield* listServers(["--profile", "work"], cwd)).a?.command, "of the project")
      const flag = ["--config", "mcp_servers.a.command=\"of the flag\""]
      assert.strictEqual((yield* listServers([...flag, "--profile", "work"], cwd)).a?.command, "of the flag")
      const servers = { a: { command: "x".repeat(340_000) } }
      const error = yield* Effect.flip(flagsOf({ mcp_servers: servers }, cwd))
      assert.include(error.message, `config.mcp_servers.a.command`)
    }).pipe(Effect.scoped, Effect.provide(layer())))

  it.live("would be ignored with `--ignore-user-config`, which is why it refuses to go with it", () =>
    Effect.gen(function*() {
      yield* writeHome("work.config.toml", "model_verbosity = 1\n")
      const exec = ["exec", "--skip-git-repo-check", "--profile", "work"]
      const { stderr } = yield* codex({ args: [...exec, "-"] })
      assert.include(stderr, "model_verbosity")
      const ignored = yield* codex({ args: [...exec, "--ignore-user-config", "-"] })
      assert.include(ignored.stderr, "No prompt provided")
    }).pipe(Effect.provide(layer())))
})
