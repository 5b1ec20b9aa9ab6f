/**
 * Every option on the real CLI, by what it does: for a new thread, one that goes on, a fork, and a review.
 */
import * as Codex from "@effect-codex/core/Codex"
import { type CodexError, ThreadNotFound } from "@effect-codex/core/CodexError"
import type * as CodexInput from "@effect-codex/core/CodexInput"
import type { CodexOptions } from "@effect-codex/core/CodexOptions"
import type { CodexTurn } from "@effect-codex/core/CodexTurn"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import type { ModelRequest } from "@effect-codex/testing/ModelRequest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as FileSystem from "effect/FileSystem"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { execFileSync } from "node:child_process"
import { createServer } from "node:http"
import * as RealCodex from "./support/realCodex.ts"

// =============================================================================
// What the model got to see
// =============================================================================

const Body = Schema.Struct({
  reasoning: Schema.optionalKey(Schema.NullOr(Schema.Struct({ effort: Schema.optionalKey(Schema.String) }))),
  input: Schema.Array(Schema.Struct({
    content: Schema.optionalKey(Schema.Array(Schema.Struct({ text: Schema.optionalKey(Schema.String) })))
  })),
  tools: Schema.Array(Schema.Struct({
    type: Schema.String,
    external_web_access: Schema.optionalKey(Schema.Boolean),
    indexed_web_access: Schema.optionalKey(Schema.Boolean)
  }))
})

const Metadata = Schema.fromJsonString(Schema.Struct({
  thread_source: Schema.String,
  sandbox_mode: Schema.String,
  auto_review_enabled: Schema.Boolean
}))

/** The last request of the model, as far as options show in it. */
const lastSeen = Effect.gen(function*() {
  const request = (yield* (yield* FakeModel.FakeModel).requests).at(-1)
  if (request === undefined) return assert.fail("the model was not asked")
  const body = yield* Schema.decodeUnknownEffect(Body)(request.body)
  const metadata = yield* Schema.decodeEffect(Metadata)(request.headers["x-codex-turn-metadata"] ?? "")
  const text = body.input.flatMap(({ content = [] }) => content.map(({ text = "" }) => text)).join("\n")
  const last = (pattern: RegExp) => [...text.matchAll(pattern)].at(-1)?.[1]
  return {
    model: request.model,
    effort: body.reasoning?.effort,
    sandbox: metadata.sandbox_mode,
    autoReview: metadata.auto_review_enabled,
    network: last(/Network access is (\w+)\./g),
    webSearch: body.tools.find(({ type }) => type === "web_search"),
    directory: last(/<cwd>(.*?)<\/cwd>/g),
    roots: [...last(/<workspace_roots>(.*?)<\/workspace_roots>/g)?.matchAll(/<root>(.*?)<\/root>/g) ?? []].map(
      ([, root]) => root
    ),
    source: metadata.thread_source,
    schema: request.outputSchema,
    tools: request.tools,
    prompt: request.prompt
  }
})

// =============================================================================
// Ways to run
// =============================================================================

const yes = (): ModelReply.ModelReply => ModelReply.message("{\"answer\":\"yes\"}")

/** Does what its prompt says, once. */
const obedient = (request: ModelRequest): ModelReply.ModelReply =>
  request.prompt.startsWith("$ ") &&
    request.toolOutputs.length < request.userTexts.filter((text) => text.startsWith("$ ")).length
    ? ModelReply.shell(request.prompt.slice(2))
    : yes()

const begin = (options?: CodexOptions) => Effect.map(Codex.run("Begin", options), ({ threadId = "" }) => threadId)

/** Runs once for a new thread, one that goes on, and a fork of one, all of which began with `before`. */
const inEveryThread = <A, E, R>(
  before: CodexOptions,
  run: (which: CodexOptions, name: "new" | "thread" | "fork") => Effect.Effect<A, E, R>
) =>
  Effect.gen(function*() {
    yield* run({}, "new")
    yield* run({ thread: yield* begin(before) }, "thread")
    yield* run({ fork: yield* begin(before) }, "fork")
  })

const git = (directory: string, ...args: ReadonlyArray<string>) =>
  Effect.sync(() =>
    execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false", ...args], {
      cwd: directory,
      encoding: "utf8",
      stdio: "pipe"
    }).trim()
  )

/** A repository with a branch `main`, a commit on top of it, and a change. */
const makeRepository = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const directory = yield* fs.realPath(yield* RealCodex.makeWorkspace)
  const write = (text: string) => fs.writeFileString(`${directory}/a.txt`, text)
  yield* git(directory, "init", "--quiet", "--initial-branch=main")
  yield* write("one")
  yield* git(directory, "add", ".")
  yield* git(directory, "commit", "--quiet", "--message=One")
  yield* git(directory, "checkout", "--quiet", "-b", "topic")
  yield* write("two")
  yield* git(directory, "commit", "--quiet", "--all", "--message=Two")
  yield* write("three")
  return directory
})

const outputs = (turn: CodexTurn) => turn.commands.map(({ aggregated_output }) => aggregated_output)

const stderrOf = ({ reason }: CodexError): string =>
  reason._tag === "Exited" ? reason.stderr : assert.fail(`failed for another reason: ${reason._tag}`)

// =============================================================================
// Tests
// =============================================================================

describe("what goes to the model", () => {
  it.live("model, effort, sandbox, network, search, directories, features, source, schema and the last message", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const workspace = yield* fs.realPath(yield* RealCodex.makeWorkspace)
      const further = yield* fs.realPath(yield* RealCodex.makeWorkspace)
      const options = {
        model: "gpt-5.4",
        reasoningEffort: "low",
        sandbox: "workspace-write",
        networkAccess: true,
        webSearch: "live",
        workingDirectory: workspace,
        additionalDirectories: [further],
        features: { goals: false, multi_agent_v2: true },
        threadSource: "effect-codex-test",
        lastMessageFile: "last.txt"
      } as const
      yield* inEveryThread({}, (which, name) =>
        Effect.gen(function*() {
          const turn = yield* Codex.run("Work", {
            ...options,
            ...which,
            output: Schema.Struct({ answer: Schema.String })
          })
          assert.deepStrictEqual(turn.output, { answer: "yes" })
          const { schema, tools, ...seen } = yield* lastSeen
          assert.deepStrictEqual(seen, {
            model: "gpt-5.4",
            effort: "low",
            sandbox: "workspace-write",
            autoReview: false,
            network: "enabled",
            webSearch: { type: "web_search", external_web_access: true },
            directory: workspace,
            roots: [workspace, further],
            // A thread that goes on keeps the source that it began with.
            source: name === "thread" ? "user" : "effect-codex-test",
            prompt: "Work"
          })
          assert.deepInclude(schema, { type: "object", required: ["answer"] })
          assert.notInclude(tools, "get_goal")
          assert.include(tools, "collaboration.spawn_agent")
          assert.strictEqual(yield* fs.readFileString(`${workspace}/last.txt`), "{\"answer\":\"yes\"}")
          yield* fs.remove(`${workspace}/last.txt`)
        }))
    }).pipe(Effect.provide(RealCodex.layer(yes, { sandbox: undefined }))))

  it.live("each kind of web search; a cache only where the sandbox denies something", () =>
    Effect.gen(function*() {
      const live = { type: "web_search", external_web_access: true }
      const kinds = [
        ["read-only", "disabled", undefined],
        ["read-only", "cached", { ...live, external_web_access: false }],
        ["read-only", "indexed", { ...live, indexed_web_access: true }],
        ["read-only", "live", live],
        ["danger-full-access", "disabled", undefined],
        ["danger-full-access", "cached", live]
      ] as const
      for (const [sandbox, webSearch, tool] of kinds) {
        yield* Codex.run("Work", { webSearch, sandbox })
        assert.deepStrictEqual((yield* lastSeen).webSearch, tool)
      }
    }).pipe(Effect.provide(RealCodex.layer(yes))))

  it.live("a thread remembers neither model, effort, sandbox nor directory: those of its next run count", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const here = yield* fs.realPath(yield* RealCodex.makeWorkspace)
      const there = yield* fs.realPath(yield* RealCodex.makeWorkspace)
      const wide = {
        model: "gpt-5.4",
        reasoningEffort: "low",
        sandbox: "danger-full-access",
        workingDirectory: here
      } as const
      const thread = yield* begin(wide)
      const seen = Effect.map(lastSeen, ({ directory, effort, model, sandbox }) => [model, effort, sandbox, directory])
      yield* Codex.run("Work", { ...wide, thread, sandbox: "workspace-write", workingDirectory: there })
      assert.deepStrictEqual(yield* seen, ["gpt-5.4", "low", "workspace-write", there])
      yield* Codex.run("Work", { thread })
      assert.deepStrictEqual(yield* seen, ["gpt-5.5", "medium", "read-only", process.cwd()])

      const conversation = yield* Codex.thread({ ...wide, thread })
      yield* conversation.run("Work")
      yield* conversation.run("Work")
      assert.deepStrictEqual(yield* seen, ["gpt-5.4", "low", "danger-full-access", here])
    }).pipe(Effect.provide(RealCodex.layer(yes, { sandbox: undefined }))))

  it.live("automatic review, and its sandbox", () =>
    inEveryThread({}, (which) =>
      Effect.gen(function*() {
        yield* Codex.run("Work", { ...which, approval: "auto-review", sandbox: "workspace-write", networkAccess: true })
        assert.deepInclude(yield* lastSeen, { sandbox: "workspace-write", autoReview: true, network: "enabled" })
        // Whatever the configuration says of the sandbox.
        yield* Codex.run("Work", { ...which, approval: "auto-review", config: { sandbox_mode: "danger-full-access" } })
        assert.deepInclude(yield* lastSeen, { sandbox: "workspace-write", autoReview: true, network: "restricted" })
      })).pipe(Effect.provide(RealCodex.layer(yes, { sandbox: undefined }))))

  it.live("options win over the same in `config`, and `never` over a review that the configuration asks for", () =>
    Effect.gen(function*() {
      const asking = { approval_policy: "on-request", approvals_reviewer: "auto_review" } as const
      yield* Codex.run("Work", { config: asking })
      assert.isTrue((yield* lastSeen).autoReview)
      yield* Codex.run("Work", {
        model: "gpt-5.4",
        sandbox: "read-only",
        approval: "never",
        features: { goals: false },
        config: { ...asking, model: "gpt-5.3", sandbox_mode: "danger-full-access", features: { goals: true } }
      })
      const { tools, ...seen } = yield* lastSeen
      assert.deepInclude(seen, { model: "gpt-5.4", sandbox: "read-only", autoReview: false })
      assert.notInclude(tools, "get_goal")
    }).pipe(Effect.provide(RealCodex.layer(yes, { sandbox: undefined }))))
})

describe("where the configuration comes from", () => {
  it.live("a profile, under the options", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const { codexHome } = yield* FakeModel.FakeModel
      yield* fs.writeFileString(
        `${codexHome}/work.config.toml`,
        "model = \"gpt-5.4\"\nmodel_reasoning_effort = \"high\"\nsandbox_mode = \"workspace-write\"\n"
      )
      yield* inEveryThread({}, (which) =>
        Effect.gen(function*() {
          yield* Codex.run("Work", { ...which, profile: "work" })
          assert.deepInclude(yield* lastSeen, { model: "gpt-5.4", effort: "high", sandbox: "workspace-write" })
        }))
      yield* Codex.run("Work", { profile: "work", reasoningEffort: "low", sandbox: "read-only" })
      assert.deepInclude(yield* lastSeen, { model: "gpt-5.4", effort: "low", sandbox: "read-only" })
    }).pipe(Effect.provide(RealCodex.layer(yes, { sandbox: undefined }))))

  it.live("none of the user's, but still the options", () =>
    Effect.gen(function*() {
      const { url } = yield* FakeModel.FakeModel
      yield* Codex.run("Work")
      assert.include((yield* lastSeen).tools, "update_plan")
      const options: CodexOptions = {
        ignoreUserConfig: true,
        baseUrl: url,
        model: "gpt-5.4",
        reasoningEffort: "low",
        // What keeps the CLI from other hosts.
        features: { apps: false, plugins: false },
        config: { analytics: { enabled: false }, check_for_update_on_startup: false }
      }
      // A thread goes on only with its provider.
      yield* inEveryThread(options, (which) =>
        Effect.gen(function*() {
          yield* Codex.run("Work", { ...options, ...which, networkAccess: true, sandbox: "workspace-write" })
          const { tools, ...seen } = yield* lastSeen
          assert.deepInclude(seen, { model: "gpt-5.4", effort: "low", network: "enabled", sandbox: "workspace-write" })
          assert.notInclude(tools, "update_plan")
        }))
    }).pipe(Effect.provide(RealCodex.layer(yes))))

  it.live("no rules", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const { codexHome } = yield* FakeModel.FakeModel
      yield* fs.makeDirectory(`${codexHome}/rules`)
      yield* fs.writeFileString(
        `${codexHome}/rules/default.rules`,
        "prefix_rule(pattern = [\"echo\"], decision = \"forbidden\", justification = \"no echo here\")\n"
      )
      yield* inEveryThread({}, (which) =>
        Effect.gen(function*() {
          assert.deepStrictEqual(outputs(yield* Codex.run("$ echo a", which)), [])
          const free = yield* Codex.run("$ echo a", { ...which, ignoreRules: true })
          assert.deepStrictEqual(outputs(free), ["a\n"])
        }))
    }).pipe(Effect.provide(RealCodex.layer(obedient))))

  it.live("only what Codex knows, such as all that we say ourselves", () =>
    Effect.gen(function*() {
      const { url } = yield* FakeModel.FakeModel
      const known: CodexOptions = {
        strictConfig: true,
        approval: "never",
        reasoningEffort: "low",
        sandbox: "workspace-write",
        networkAccess: false,
        webSearch: "cached",
        baseUrl: url,
        features: { goals: true }
      }
      yield* inEveryThread({}, (which) =>
        Effect.gen(function*() {
          const turn = yield* Codex.run("Work", { ...known, ...which })
          assert.deepStrictEqual(turn.items.filter(({ type }) => type === "error"), [])
          const error = yield* Effect.flip(Codex.run("Work", { ...known, ...which, config: { no_such_key: 1 } }))
          assert.include(stderrOf(error), "no_such_key")
        }))
      // Else it is a warning.
      const turn = yield* Codex.run("Work", { config: { no_such_key: 1 } })
      assert.include(
        turn.items.map((item) => item.type === "error" ? item.message : "").join(),
        "`no_such_key` is ignored"
      )
    }).pipe(
      Effect.provide(RealCodex.layer(yes, { apiKey: Redacted.make("sk-a-key"), env: { CODEX_API_KEY: undefined } }))
    ))

  it.live("no feature that there is not", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Codex.run("Work", { features: { no_such_feature: true } }))
      assert.strictEqual(stderrOf(error), "Error: Unknown feature flag: no_such_feature")
    }).pipe(Effect.provide(RealCodex.layer([]))))

  it.live("a model of this machine", () =>
    Effect.gen(function*() {
      // Speaks as far as Codex asks before it begins, and sends on what is for the model.
      let model = ""
      const server = createServer((request, response) => {
        request.resume()
        if (request.method === "GET") {
          response.setHeader("content-type", "application/json")
          response.end(JSON.stringify({ data: [{ id: "tiny" }], models: [{ name: "tiny" }], version: "1.0.0" }))
        } else response.writeHead(307, { location: model + (request.url ?? "") }).end()
      })
      const address = yield* Effect.acquireRelease(
        Effect.callback<ReturnType<typeof server.address>>((resume) => {
          server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server.address())))
        }),
        () => Effect.sync(() => server.close())
      )
      if (address === null || typeof address === "string") return assert.fail("no port")
      yield* Effect.gen(function*() {
        model = (yield* FakeModel.FakeModel).url.replace(/\/v1$/, "")
        const options = { localProvider: "ollama", model: "tiny" } as const
        yield* inEveryThread(options, (which) =>
          Effect.gen(function*() {
            yield* Codex.run("Work", { ...options, ...which })
            assert.deepInclude(yield* lastSeen, { model: "tiny", prompt: "Work" })
          }))
        const thread = yield* begin()
        const error = yield* Effect.flip(Codex.run("Work", { ...options, thread }))
        assert.include(stderrOf(error), "Cannot change this thread's model provider from `fake` to `ollama` on resume")
      }).pipe(Effect.provide(RealCodex.layer(yes, {
        env: { CODEX_OSS_BASE_URL: `http://127.0.0.1:${address.port}/v1` }
      })))
    }).pipe(Effect.scoped))
})

describe("where the agent works", () => {
  it.live("in a new worktree, or a fork's own", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const { codexHome } = yield* FakeModel.FakeModel
      const worktrees = `${yield* fs.realPath(codexHome)}/worktrees/`
      const workingDirectory = yield* makeRepository
      const thread = yield* begin({ workingDirectory, worktree: true })
      const first = (yield* lastSeen).directory ?? ""
      assert.isTrue(first.startsWith(worktrees))
      yield* Codex.run("Work", { workingDirectory, worktree: true, fork: thread })
      const second = (yield* lastSeen).directory ?? ""
      assert.isTrue(second.startsWith(worktrees))
      assert.notStrictEqual(second, first)
      // It is left by who does not say that he goes on there.
      yield* Codex.run("Work", { thread, workingDirectory: first })
      assert.strictEqual((yield* lastSeen).directory, first)
      yield* Codex.run("Work", { thread, workingDirectory })
      assert.strictEqual((yield* lastSeen).directory, workingDirectory)
    }).pipe(Effect.provide(RealCodex.layer(yes, { skipGitRepoCheck: false }))))

  it.live("in no directory that is not trusted, unless told to", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const workingDirectory = yield* fs.realPath(yield* RealCodex.makeWorkspace)
      yield* inEveryThread({ skipGitRepoCheck: true, workingDirectory }, (which) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(Codex.run("Work", { ...which, workingDirectory }))
          assert.deepInclude(error.reason, { _tag: "InvalidOption", option: "workingDirectory" })
          assert.include(error.message, "skipGitRepoCheck")
          yield* Codex.run("Work", { ...which, workingDirectory, skipGitRepoCheck: true })
          assert.strictEqual((yield* lastSeen).directory, workingDirectory)
        }))
    }).pipe(Effect.provide(RealCodex.layer(yes, { skipGitRepoCheck: false }))))
})

describe("the last message", () => {
  it.live("goes only where there is a directory for it", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Codex.run("Work", { lastMessageFile: "no/such/directory/last.txt" }))
      assert.include(stderrOf(error), "Failed to open last message file \"no/such/directory/last.txt\"")
      assert.isFalse(error.worked)
    }).pipe(Effect.provide(RealCodex.layer([]))))
})

describe("which thread", () => {
  it.live("is not kept if it is ephemeral, nor is a fork", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const { codexHome } = yield* FakeModel.FakeModel
      const kept = yield* begin()
      const files = Effect.map(
        fs.readDirectory(`${codexHome}/sessions`, { recursive: true }),
        (names) => names.filter((name) => name.endsWith(".jsonl")).length
      )
      for (const which of [{}, { fork: kept }]) {
        const { threadId: thread = "" } = yield* Codex.run("Work", { ...which, ephemeral: true })
        const error = yield* Effect.flip(Codex.run("Work", { thread }))
        assert.isTrue(Equal.equals(error.reason, new ThreadNotFound({ threadId: thread })))
      }
      assert.strictEqual(yield* files, 1)
    }).pipe(Effect.provide(RealCodex.layer(yes))))

  it.live("is not there", () =>
    Effect.gen(function*() {
      const threadId = "00000000-0000-7000-8000-00000000000a"
      for (const which of [{ thread: threadId }, { fork: threadId }]) {
        const error = yield* Effect.flip(Codex.run("Work", which))
        assert.isTrue(Equal.equals(error.reason, new ThreadNotFound({ threadId })))
      }
    }).pipe(Effect.provide(RealCodex.layer([]))))

  it.live("gets the flags that only `extraArgs` says", () =>
    inEveryThread({}, (which) =>
      Effect.gen(function*() {
        yield* Codex.run("Work", { ...which, extraArgs: ["--dangerously-bypass-approvals-and-sandbox"] })
        assert.strictEqual((yield* lastSeen).sandbox, "danger-full-access")
      })).pipe(Effect.provide(RealCodex.layer(yes, { sandbox: undefined }))))
})

describe("a review", () => {
  const options = {
    model: "gpt-5.4",
    reasoningEffort: "low",
    sandbox: "workspace-write",
    networkAccess: true,
    approval: "never",
    threadSource: "effect-codex-test",
    lastMessageFile: "last.txt",
    features: { shell_tool: false },
    strictConfig: true
  } as const
  const targets: ReadonlyArray<readonly [CodexInput.ReviewTarget, prompt: RegExp]> = [
    [{ type: "uncommitted" }, /^Review the current code changes \(staged, unstaged, and untracked files\)/],
    [
      { type: "base", branch: "main" },
      /^Review the code changes against the base branch 'main'\. The merge base commit/
    ],
    [{ type: "commit", sha: "HEAD" }, /^Review the code changes introduced by commit HEAD\. /],
    [
      { type: "commit", sha: "HEAD", title: "- a \"title\"" },
      /^Review the code changes introduced by commit HEAD \("- a "title""\)/
    ],
    [{ type: "custom", instructions: "--look at\nthe names" }, /^--look at\nthe names$/]
  ]

  it.live("of each target, with its options", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const workingDirectory = yield* makeRepository
      const { codexHome } = yield* FakeModel.FakeModel
      yield* fs.writeFileString(`${codexHome}/tests.config.toml`, "model_reasoning_summary = \"detailed\"\n")
      for (const [target, prompt] of targets) {
        const turn = yield* Codex.review(target, { ...options, workingDirectory, profile: "tests" })
        assert.strictEqual(turn.finalMessage, "Fine.")
        const { tools, ...seen } = yield* lastSeen
        assert.deepInclude(seen, {
          model: "gpt-5.4",
          effort: "low",
          sandbox: "workspace-write",
          network: "enabled",
          directory: workingDirectory
        })
        assert.match(seen.prompt, prompt)
        assert.notInclude(tools, "exec_command")
        assert.strictEqual(yield* fs.readFileString(`${workingDirectory}/last.txt`), "Fine.")
        yield* fs.remove(`${workingDirectory}/last.txt`)
        const [request] = (yield* (yield* FakeModel.FakeModel).requests).slice(-1)
        assert.deepNestedInclude(request?.body, { "reasoning.summary": "detailed" })
      }
    }).pipe(Effect.provide(RealCodex.layer(() => ModelReply.message("Fine."), { skipGitRepoCheck: false }))))

  it.live("leaves no file if it is ephemeral, ignores the user's configuration, and fails on what Codex does not know", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const workingDirectory = yield* makeRepository
      const { codexHome, url } = yield* FakeModel.FakeModel
      yield* Codex.review({ type: "uncommitted" }, { workingDirectory, ephemeral: true })
      assert.isFalse(yield* fs.exists(`${codexHome}/sessions`))
      yield* Codex.review({ type: "uncommitted" }, {
        workingDirectory,
        ephemeral: true,
        ignoreUserConfig: true,
        baseUrl: url,
        model: "gpt-5.4",
        features: { apps: false, plugins: false },
        config: { analytics: { enabled: false }, check_for_update_on_startup: false }
      })
      assert.notInclude((yield* lastSeen).tools, "update_plan")
      const error = yield* Effect.flip(
        Codex.review({ type: "uncommitted" }, { workingDirectory, strictConfig: true, config: { no_such_key: 1 } })
      )
      assert.include(stderrOf(error), "no_such_key")
    }).pipe(Effect.provide(RealCodex.layer(() => ModelReply.message("Fine."), { skipGitRepoCheck: false }))))
})

describe("the environment of Codex", () => {
  const key = "sk-a-key-of-ours"
  const withHostVariables = Effect.acquireRelease(
    Effect.sync(() => Object.assign(process.env, { EFFECT_CODEX_TEST_A: "a", EFFECT_CODEX_TEST_B: "b" })),
    () =>
      Effect.sync(() => {
        delete process.env.EFFECT_CODEX_TEST_A
        delete process.env.EFFECT_CODEX_TEST_B
      })
  )
  const cases = [
    ["all of the host's", true, "a b"],
    ["what is named", ["PATH", "EFFECT_CODEX_TEST_B"], "b"],
    ["nothing", false, ""],
    ["nothing that is named", [], ""]
  ] as const
  for (const [name, extendEnv, expected] of cases) {
    it.live(`is ${name}, and its commands never see the key`, () =>
      Effect.gen(function*() {
        yield* withHostVariables
        yield* Effect.gen(function*() {
          const turn = yield* Codex.run("$ echo $EFFECT_CODEX_TEST_A $EFFECT_CODEX_TEST_B; echo [$CODEX_API_KEY]; env")
          const output = outputs(turn).join("")
          assert.strictEqual(output.slice(0, expected.length + 4), `${expected}\n[]\n`)
          assert.notInclude(output, key)
          const [request] = yield* (yield* FakeModel.FakeModel).requests
          assert.strictEqual(request?.headers.authorization, `Bearer ${key}`)
          assert.strictEqual(request?.headers.originator, "effect_codex")
        }).pipe(Effect.provide(RealCodex.layer(obedient, { extendEnv, env: { CODEX_API_KEY: key } })))
      }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))
  }

  it.live("may be its home alone", () =>
    Effect.gen(function*() {
      const turn = yield* Codex.run("$ echo [$HOME]")
      assert.strictEqual(turn.finalMessage, "{\"answer\":\"yes\"}")
    }).pipe(Effect.provide(RealCodex.layer(obedient, {
      extendEnv: false,
      env: { HOME: undefined, PATH: undefined, CODEX_API_KEY: undefined, CODEX_INTERNAL_ORIGINATOR_OVERRIDE: undefined }
    }))))
})
