import * as Codex from "@effect-codex/core/Codex"
import * as CodexInput from "@effect-codex/core/CodexInput"
import * as CodexOptions from "@effect-codex/core/CodexOptions"
import * as CodexRetry from "@effect-codex/core/CodexRetry"
import * as FakeCli from "@effect-codex/testing/FakeCli"
import * as FakeProcess from "@effect-codex/testing/FakeProcess"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Struct from "effect/Struct"

const thread = "00000000-0000-7000-8000-00000000000a"

const copy = "00000000-0000-7000-8000-00000000000b"

const invocations = Effect.flatMap(FakeCli.FakeCli, (cli) => cli.invocations)

const fake = (defaults?: Parameters<typeof FakeCli.layer>[1]) =>
  Effect.provide(
    FakeCli.layer(({ args }) => FakeProcess.turn({ threadId: args.includes("fork") ? copy : thread }), defaults)
  )

/** The arguments of one run, but for those that any run has. */
const argsOf = (
  options: CodexOptions.CodexOptions,
  { defaults, input = "x" }: {
    readonly input?: CodexInput.CodexInput
    readonly defaults?: Parameters<typeof FakeCli.layer>[1]
  } = {}
) =>
  Codex.run(input, options).pipe(
    Effect.andThen(invocations),
    Effect.map((invocations) => invocations.at(-1)?.args),
    fake(defaults)
  )

/** Everything at once, as far as `codex exec` can do it at once. */
const all: CodexOptions.CodexOptions = {
  model: "gpt-5.5",
  reasoningEffort: "low",
  profile: "work",
  sandbox: "workspace-write",
  approval: "never",
  networkAccess: true,
  webSearch: "live",
  workingDirectory: "/repo",
  additionalDirectories: ["../a", "/b c"],
  worktree: true,
  skipGitRepoCheck: true,
  ephemeral: true,
  ignoreRules: true,
  strictConfig: true,
  features: { goals: false, multi_agent_v2: true },
  localProvider: "ollama",
  threadSource: "tests",
  lastMessageFile: "last.md",
  baseUrl: "https://example.org/v1",
  config: { tools: { view_image: false } },
  extraArgs: ["--cyber-access-program", "standard"],
  strict: true,
  firstEventTimeout: "10 seconds",
  idleTimeout: "1 minute",
  timeout: "1 hour",
  retry: CodexRetry.none,
  previews: false
}

describe("options on the command line", () => {
  it.effect("none adds nothing", () =>
    Effect.gen(function*() {
      yield* Codex.run("--help me")
      const [invocation] = yield* invocations
      assert.deepInclude(invocation, {
        command: "codex",
        args: ["exec", "--json", "-"],
        cwd: undefined,
        env: invocation?.env.TRACEPARENT === undefined ? {} : { TRACEPARENT: invocation.env.TRACEPARENT },
        files: {},
        stdin: "--help me"
      })
    }).pipe(fake()))

  it.effect("all are there, before the subcommand", () =>
    Effect.gen(function*() {
      const resumable = Struct.omit(all, ["ephemeral", "worktree"])
      const before = [
        "exec",
        "--json",
        "--model",
        "gpt-5.5",
        "--sandbox",
        "workspace-write",
        "--add-dir",
        "../a",
        "--add-dir",
        "/b c"
      ]
      const after = [
        "--ignore-rules",
        "--strict-config",
        "--disable",
        "goals",
        "--enable",
        "multi_agent_v2",
        "--oss",
        "--local-provider",
        "ollama",
        "--thread-source",
        "tests",
        "--output-last-message",
        "last.md",
        "--profile",
        "work",
        "--config",
        "tools.view_image=false",
        "--config",
        "openai_base_url=\"https://example.org/v1\"",
        "--config",
        "model_reasoning_effort=\"low\"",
        "--config",
        "sandbox_workspace_write.network_access=true",
        "--config",
        "web_search=\"live\"",
        "--config",
        "approval_policy=\"never\"",
        "--cyber-access-program",
        "standard"
      ]
      const fresh = [...before, "--worktree", "--skip-git-repo-check", "--ephemeral", ...after]
      const same = [...before, "--skip-git-repo-check", ...after]
      const review = CodexInput.review({ type: "base", branch: "main" })
      assert.deepStrictEqual(yield* argsOf(all), [...fresh, "-"])
      assert.deepStrictEqual(yield* argsOf({ ...all, fork: thread }), [...fresh, "fork", thread, "-"])
      assert.deepStrictEqual(yield* argsOf({ ...resumable, thread }), [...same, "resume", thread, "-"])
      assert.deepStrictEqual(yield* argsOf(resumable, { input: review }), [...same, "review", "--base", "main"])
    }))

  it.effect("the working directory is that of the process", () =>
    Effect.gen(function*() {
      yield* Codex.run("x", { workingDirectory: "/repo" })
      assert.strictEqual((yield* invocations)[0]?.cwd, "/repo")
    }).pipe(fake()))

  it.effect("automatic review says its sandbox itself", () =>
    Effect.gen(function*() {
      const expected = ["exec", "--json", "--approve-for-me", "-"]
      assert.deepStrictEqual(yield* argsOf({ approval: "auto-review" }), expected)
      assert.deepStrictEqual(yield* argsOf({ approval: "auto-review", sandbox: "workspace-write" }), expected)
    }))

  it.effect("what is false or undefined adds nothing", () =>
    Effect.gen(function*() {
      const off: CodexOptions.CodexOptions = {
        worktree: false,
        skipGitRepoCheck: false,
        ephemeral: false,
        ignoreUserConfig: false,
        ignoreRules: false,
        strictConfig: false,
        features: {},
        config: {},
        extraArgs: [],
        additionalDirectories: [],
        model: undefined,
        approval: undefined,
        sandbox: undefined
      }
      assert.deepStrictEqual(yield* argsOf(off), ["exec", "--json", "-"])
      assert.deepStrictEqual(yield* argsOf({ ignoreUserConfig: true }), [
        "exec",
        "--json",
        "--ignore-user-config",
        "-"
      ])
    }))

  it.effect("secrets are blanked for the commands of the agent, beside what the user sets for them", () =>
    Effect.gen(function*() {
      const args = yield* argsOf({ config: { shell_environment_policy: { set: { MINE: "1" } } } }, {
        defaults: { cli: { args: ["codex.js"], env: { KEY: Redacted.make("sk-secret"), PLAIN: "2" } } }
      })
      assert.deepStrictEqual(args, [
        "codex.js",
        "exec",
        "--json",
        "--config",
        "shell_environment_policy.set.MINE=\"1\"",
        "--config",
        "shell_environment_policy.set.KEY=\"\"",
        "-"
      ])
    }))
})

describe("precedence", () => {
  it.effect("a run's options win over those of its thread, and these over the client's", () =>
    Effect.gen(function*() {
      const conversation = yield* Codex.thread({
        model: "of the thread",
        sandbox: "read-only",
        features: { two: true, three: true },
        config: { tools: { two: 2, three: 2 } }
      })
      yield* conversation.run("x", {
        model: "of the run",
        features: { three: false },
        config: { tools: { three: 3 } }
      })
      yield* conversation.run("y")
      const [first, second] = yield* invocations
      const said = (model: string) => ["exec", "--json", "--model", model, "--sandbox", "read-only"]
      const features = (three: string) => ["--enable", "one", "--enable", "two", three, "three"]
      const config = (
        three: number
      ) => [
        "--profile",
        "p",
        ...["one=1", "two=2", `three=${three}`].flatMap((entry) => ["--config", `tools.${entry}`])
      ]
      assert.deepStrictEqual(first?.args, [
        ...said("of the run"),
        ...features("--disable"),
        ...config(3),
        "-"
      ])
      assert.deepStrictEqual(second?.args, [
        ...said("of the thread"),
        ...features("--enable"),
        ...config(2),
        "resume",
        thread,
        "-"
      ])
    }).pipe(fake({
      model: "of the client",
      sandbox: "danger-full-access",
      profile: "p",
      features: { one: true, two: false, three: false },
      config: { tools: { one: 1, two: 1, three: 1 } }
    })))

  it("undefined leaves what is wider", () => {
    assert.deepStrictEqual(CodexOptions.merge({ model: "a" }, { model: undefined }), { model: "a" })
  })

  it("which thread is said anew puts aside what was said of it", () => {
    assert.deepStrictEqual(CodexOptions.merge({ session: "a", model: "m" }, { thread }), { thread, model: "m" })
    assert.deepStrictEqual(CodexOptions.merge({ thread, model: "m" }, { fork: thread }), { fork: thread, model: "m" })
    assert.deepStrictEqual(CodexOptions.merge({ fork: thread }, { session: "b" }), { session: "b" })
    assert.deepStrictEqual(CodexOptions.merge({ thread }, { model: "m" }), { thread, model: "m" })
  })

  it.effect("options win over the same in `config`", () =>
    Effect.gen(function*() {
      const args = yield* argsOf({
        reasoningEffort: "high",
        webSearch: "cached",
        approval: "never",
        networkAccess: true,
        baseUrl: "http://a/",
        config: {
          model_reasoning_effort: "low",
          web_search: "live",
          approval_policy: "on-request",
          sandbox_workspace_write: { network_access: false, writable_roots: [] },
          openai_base_url: "http://b/"
        }
      })
      assert.sameMembers(args?.filter((arg) => arg.includes("=")) ?? [], [
        "approval_policy=\"never\"",
        "model_reasoning_effort=\"high\"",
        "openai_base_url=\"http://a/\"",
        "sandbox_workspace_write.network_access=true",
        "sandbox_workspace_write.writable_roots=[]",
        "web_search=\"cached\""
      ])
    }))
})

describe("a request", () => {
  const request = (options: CodexOptions.CodexOptions) => CodexOptions.toRequest("x", options)

  it("encodes and decodes", () => {
    const codec = Schema.toCodecJson(CodexOptions.TurnRequest)
    const full = Result.getOrThrow(CodexOptions.toRequest(
      [CodexInput.text("a"), CodexInput.localImage("b.png")],
      { ...all, fork: thread, outputSchema: { type: "object" } }
    ))
    const json = JSON.stringify(Schema.encodeSync(codec)(full))
    assert.deepStrictEqual(Schema.decodeUnknownSync(codec)(JSON.parse(json)), full)
    assert.notProperty(full, "retry")
    assert.notProperty(full, "previews")
  })

  it("has a thread's id in small letters", () => {
    const { fork } = Result.getOrThrow(request({ fork: thread.toUpperCase() }))
    assert.strictEqual(fork, thread)
  })

  it("waits a minute for the first event, and else for ever", () => {
    const limits = ({ firstEventTimeout, idleTimeout, timeout }: CodexOptions.TurnRequest) =>
      [firstEventTimeout, idleTimeout, timeout].map((limit) => limit === undefined ? limit : Duration.toMillis(limit))
    assert.deepStrictEqual(limits(Result.getOrThrow(request({}))), [60_000, undefined, undefined])
    assert.deepStrictEqual(
      limits(Result.getOrThrow(request({ firstEventTimeout: 5, idleTimeout: "1 second", timeout: Duration.infinity }))),
      [5, 1000, Infinity]
    )
  })
})

/** The message of what a caller in JavaScript may hand over, for which no process is started. */
const refused = (options: unknown, input: unknown = "x") =>
  Effect.gen(function*() {
    // @ts-expect-error what is refused here does not type-check
    const error = yield* Effect.flip(Codex.run(input, options))
    assert.strictEqual(error.reason._tag, "InvalidOption")
    assert.isFalse(error.isRetryable)
    assert.isFalse(error.worked)
    assert.lengthOf(yield* invocations, 0)
    return error.message
  }).pipe(fake())

const review = { type: "review", target: { type: "uncommitted" } }

describe("a refusal names the option and says what is allowed", () => {
  const cases: ReadonlyArray<readonly [options: unknown, message: string | RegExp, input?: unknown]> = [
    [
      { modle: "gpt-5.5" },
      /^Option `modle`: there is no such option; the options are thread, fork, model, .*, sessionTurns$/
    ],
    [{ model: "" }, "Option `model`: must not be blank"],
    [{ model: " \n" }, "Option `model`: must not be blank"],
    [{ model: "a\0b" }, "Option `model`: must not contain NUL"],
    [{ model: "--help" }, "Option `model`: must not begin with \"-\""],
    [{ model: null }, "Option `model`: Expected string"],
    [{ reasoningEffort: "" }, "Option `reasoningEffort`: must not be blank"],
    [{ profile: "../mine" }, "Option `profile`: must be a plain name: letters, digits, \"_\" and \"-\""],
    [{ profile: "-p" }, "Option `profile`: must not begin with \"-\""],
    [
      { sandbox: "readonly" },
      "Option `sandbox`: Expected \"read-only\" | \"workspace-write\" | \"danger-full-access\""
    ],
    [{ approval: "ask" }, "Option `approval`: Expected \"never\" | \"auto-review\" | \"on-request\" | \"untrusted\""],
    [{ webSearch: true }, "Option `webSearch`: Expected \"disabled\" | \"cached\" | \"indexed\" | \"live\""],
    [{ localProvider: "other" }, "Option `localProvider`: Expected \"lmstudio\" | \"ollama\""],
    [{ networkAccess: "yes" }, "Option `networkAccess`: Expected boolean"],
    [{ workingDirectory: "" }, "Option `workingDirectory`: must not be blank"],
    [{ workingDirectory: "/a\0" }, "Option `workingDirectory`: must not contain NUL"],
    [{ additionalDirectories: "/a" }, "Option `additionalDirectories`: Expected array"],
    [{ additionalDirectories: ["/a", "-b"] }, "Option `additionalDirectories.1`: must not begin with \"-\""],
    [{ features: { goals: "on" } }, "Option `features.goals`: Expected boolean"],
    [
      { features: { "--json": true } },
      "Option `features.--json`: must be the name of a feature; `codex features list` shows them"
    ],
    [{ threadSource: "-" }, "Option `threadSource`: must not begin with \"-\""],
    [{ lastMessageFile: "-o" }, "Option `lastMessageFile`: must not begin with \"-\""],
    [{ baseUrl: "localhost:80" }, "Option `baseUrl`: must be a URL that begins with http:// or https://"],
    [{ baseUrl: "http://" }, "Option `baseUrl`: must be a URL that begins with http:// or https://"],
    [{ config: { tools: { a: null } } }, /^Option `config\.tools.*`: TOML has text, finite numbers/],
    [{ config: { approval_policy: "untrusted" } }, /^Option `config\.approval_policy`/],
    [
      { thread: "last" },
      "Option `thread`: must be the id of a thread, which is a UUID; a name of your own is for `session`"
    ],
    [{ fork: "" }, "Option `fork`: must be the id of a thread, which is a UUID; a name of your own is for `session`"],
    [{ thread: 7 }, "Option `thread`: Expected string"],
    [{ timeout: "soon" }, "Option `timeout`: must be a duration, such as \"5 minutes\", or 300000 for milliseconds"],
    [{ timeout: -1 }, "Option `timeout`: must be longer than nothing"],
    [{ idleTimeout: "0 seconds" }, "Option `idleTimeout`: must be longer than nothing"],
    [{ firstEventTimeout: Number.NaN }, "Option `firstEventTimeout`: must be longer than nothing"],
    [{ retry: 3 }, "Option `retry`: must be a policy of `CodexRetry`"],
    [{ previews: 1 }, "Option `previews`: Expected boolean"],
    [{ sessionTurns: 0 }, /^Option `sessionTurns`: Expected a value greater than 0/],
    // Which exclude each other.
    [{ thread, fork: thread }, "Option `fork`: a run continues a thread (`thread`) or a copy of one, not both"],
    [
      { session: "s", ephemeral: true },
      "Option `ephemeral`: a session goes on, so that its thread must be kept; leave out `ephemeral` or `session`"
    ],
    [
      { thread, ephemeral: true },
      "Option `ephemeral`: an ephemeral thread ends with its turn; a kept one goes on without `ephemeral`, or as a copy (`fork`)"
    ],
    [
      { networkAccess: false, sandbox: "danger-full-access" },
      "Option `networkAccess`: can't be denied in the sandbox \"danger-full-access\"; it can be in \"workspace-write\""
    ],
    [
      { profile: "p", ignoreUserConfig: true },
      "Option `profile`: is part of the user's configuration, which `ignoreUserConfig` leaves out"
    ],
    // Which `codex exec` can't do.
    [
      { approval: "untrusted" },
      "Option `approval`: \"untrusted\" needs somebody to ask, whom `codex exec` has not: use \"never\" or \"auto-review\""
    ],
    [
      { approval: "on-request" },
      "Option `approval`: \"on-request\" needs somebody to ask, whom `codex exec` has not: use \"never\" or \"auto-review\""
    ],
    [
      { approval: "auto-review", sandbox: "read-only" },
      "Option `sandbox`: must be \"workspace-write\" with the approval \"auto-review\""
    ],
    [
      { worktree: true, thread },
      "Option `worktree`: a thread that goes on can't move to a new one: go on where its worktree is (`workingDirectory`), or `fork` it"
    ],
    // Reviews.
    [{ thread }, "Option `thread`: a review has a thread of its own, and goes on with no other", review],
    [{ fork: thread }, "Option `fork`: a review has a thread of its own, and goes on with no other", review],
    [{ output: Schema.Struct({ a: Schema.String }) }, "Option `output`: a review answers in its own form", review],
    [{ approval: "auto-review" }, "Option `approval`: a review of changes can only have \"never\"", review],
    [{ worktree: true }, "Option `worktree`: a review looks at the working directory; leave out `worktree`", review]
  ]
  for (const [index, [options, message, input]] of cases.entries()) {
    it.effect(`${index + 1}: ${typeof message === "string" ? message : message.source}`, () =>
      Effect.map(
        refused(options, input),
        (actual) => typeof message === "string" ? assert.strictEqual(actual, message) : assert.match(actual, message)
      ))
  }

  it.effect("a review in a session that has a thread: it names the session", () =>
    Effect.gen(function*() {
      yield* Codex.run("x", { session: "s" })
      const error = yield* Effect.flip(Codex.review({ type: "uncommitted" }, { session: "s" }))
      assert.deepInclude(error.reason, { _tag: "InvalidOption", option: "session" })
    }).pipe(fake()))

  const flags: ReadonlyArray<readonly [args: ReadonlyArray<string>, problem: string]> = [
    [["--json"], "must not have --json, which changes what we read or write"],
    [["--color=never"], "must not have --color, which changes what we read or write"],
    [["-"], "must not have -, which changes what we read or write"],
    [["-h"], "must not have -h, which changes what we read or write"],
    [["--config=a=1"], "must not have --config: use `config`"],
    [["-capproval_policy=never"], "must not have -c: use `config`"],
    [["--model", "m"], "must not have --model: use `model`"],
    [["--image", "a.png"], "must not have --image: use `CodexInput.localImage`"],
    [["-C/elsewhere"], "must not have -C: use `workingDirectory`"],
    [["resume"], "must not have resume: use `thread`"],
    [["review"], "must not have review: use `Codex.review`"],
    [[""], "must not be blank"],
    [["--a\0"], "must not contain NUL"]
  ]
  for (const [args, problem] of flags) {
    it.effect(`extraArgs ${JSON.stringify(args)}: ${problem}`, () =>
      Effect.map(
        refused({ extraArgs: args }),
        (message) => assert.strictEqual(message, `Option \`extraArgs.0\`: ${problem}`)
      ))
  }
})
