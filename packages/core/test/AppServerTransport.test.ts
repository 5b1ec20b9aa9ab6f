/**
 * The transport over an app-server that the test plays: what it asks, and what it makes of the answers.
 */
import * as ApprovalAnswer from "@effect-codex/core/ApprovalAnswer"
import * as Approvals from "@effect-codex/core/Approvals"
import * as ApprovalServing from "@effect-codex/core/appserver/ApprovalServing"
import * as AppServerTransport from "@effect-codex/core/appserver/AppServerTransport"
import * as Client from "@effect-codex/core/appserver/Client"
import * as ConnectionError from "@effect-codex/core/appserver/ConnectionError"
import * as Codex from "@effect-codex/core/Codex"
import * as CodexCli from "@effect-codex/core/CodexCli"
import * as CodexError from "@effect-codex/core/CodexError"
import * as CodexEvent from "@effect-codex/core/CodexEvent"
import * as CodexInput from "@effect-codex/core/CodexInput"
import * as CodexOptions from "@effect-codex/core/CodexOptions"
import { CodexTransport, type Worker } from "@effect-codex/core/CodexTransport"
import * as ProcessGuard from "@effect-codex/core/ProcessGuard"
import { assert, describe, it } from "@effect/vitest"
import * as ByteSize from "effect/ByteSize"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as PlatformError from "effect/PlatformError"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { connect } from "./support/client.ts"
import * as FakeAppServer from "./support/fakeAppServer.ts"
import { settled } from "./support/peer.ts"

const { Refusal, threadId, turnId } = FakeAppServer

const requestOf = (options: CodexOptions.CodexOptions, input: CodexInput.CodexInput = "Work") =>
  Effect.orDie(Effect.fromResult(CodexOptions.toRequest(input, options)))

type Server = Effect.Success<ReturnType<typeof FakeAppServer.make>>

/** The events of a turn, in the order in which they come. */
const run = Effect.fnUntraced(function*(
  { transport }: Server,
  options: CodexOptions.CodexOptions = {},
  input?: CodexInput.CodexInput
) {
  const events: Array<CodexEvent.CodexEvent> = []
  yield* transport.turn(yield* requestOf(options, input)).pipe(
    Stream.runForEach((event) => Effect.sync(() => events.push(event)))
  )
  return events
})

const reasonOf = <A, R>(effect: Effect.Effect<A, CodexError.CodexError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason)

/** A turn that is told of, and ends. */
const play = Effect.fnUntraced(function*(
  server: Server,
  options?: CodexOptions.CodexOptions,
  input?: CodexInput.CodexInput
) {
  const fiber = yield* Effect.forkChild(run(server, options, input))
  yield* server.asked(
    input !== undefined && typeof input !== "string" && "type" in input ? "review/start" : "turn/start"
  )
  yield* server.message("Done.")
  yield* server.complete()
  return yield* Fiber.join(fiber)
})

describe("an option that an app-server cannot follow is refused by name:", () => {
  const refused: ReadonlyArray<CodexOptions.CodexOptions> = [
    { profile: "p" },
    { worktree: true },
    { ignoreUserConfig: true },
    { ignoreRules: true },
    { strictConfig: true },
    { localProvider: "ollama" },
    { lastMessageFile: "last.txt" },
    { extraArgs: ["--plain"] }
  ]
  for (const options of refused) {
    const [option = ""] = Object.keys(options)
    it.effect(option, () =>
      Effect.gen(function*() {
        const server = yield* FakeAppServer.make()
        const reason = yield* reasonOf(run(server, options))
        assert.deepInclude(reason, { _tag: "InvalidOption", option })
        assert.match(reason.message, /is not possible over an app-server: /)
        assert.isEmpty(server.said())
      }))
  }

  it.effect("but not one that asks for nothing", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.make()
      yield* play(server, { worktree: false, ignoreRules: false, skipGitRepoCheck: true })
    }))
})

describe("what is asked for", () => {
  it.effect("goes to the thread, to its configuration, and to the turn", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.make()
      const events = yield* play(server, {
        model: "gpt-5.4",
        reasoningEffort: "low",
        sandbox: "workspace-write",
        approval: "on-request",
        networkAccess: false,
        webSearch: "live",
        workingDirectory: "sub",
        additionalDirectories: ["/var/tmp"],
        ephemeral: true,
        features: { goals: false },
        threadSource: "test",
        baseUrl: "http://localhost/v1",
        config: { model_verbosity: "low" }
      }, [CodexInput.text("One."), CodexInput.localImage("a.png"), CodexInput.localImage("/b.png")])
      assert.deepStrictEqual(events, [
        { type: "thread.started", thread_id: threadId },
        { type: "item.completed", item: { id: "m", type: "agent_message", text: "Done." } },
        {
          type: "turn.completed",
          usage: {
            input_tokens: 0,
            cached_input_tokens: 0,
            cache_write_input_tokens: 0,
            output_tokens: 0,
            reasoning_output_tokens: 0
          }
        }
      ])
      assert.deepStrictEqual<unknown>(server.paramsOf("thread/start"), {
        model: "gpt-5.4",
        sandbox: "workspace-write",
        approvalPolicy: "on-request",
        approvalsReviewer: "user",
        cwd: "sub",
        ephemeral: true,
        threadSource: "test",
        config: {
          model_reasoning_effort: "low",
          model_verbosity: "low",
          openai_base_url: "http://localhost/v1",
          web_search: "live",
          features: { goals: false },
          sandbox_workspace_write: { network_access: false, writable_roots: ["/var/tmp"] }
        }
      })
      assert.deepStrictEqual<unknown>(server.paramsOf("turn/start"), {
        threadId,
        input: [
          { type: "localImage", path: "sub/a.png" },
          { type: "localImage", path: "/b.png" },
          { type: "text", text: "One." }
        ]
      })
      assert.deepStrictEqual(server.methods(), [
        "config/read",
        "thread/start",
        "turn/start",
        "thread/backgroundTerminals/clean",
        "thread/unsubscribe"
      ])
    }))

  it.effect("is asked of a thread that goes on, and of a copy, as of a new one", () =>
    Effect.gen(function*() {
      const config = {
        thread_unload_delay_secs: 0,
        model: "gpt-5.3",
        model_provider: "own",
        sandbox_workspace_write: { writable_roots: ["/a"] },
        mcp_servers: { s: { command: "s" } }
      }
      const server = yield* FakeAppServer.make((params, method) =>
        method === "config/read"
          ? { config, origins: {} }
          : method === "thread/fork"
          ? FakeAppServer.thread(params, {}, "copy")
          : undefined
      )
      yield* play(server, { thread: threadId, sandbox: "workspace-write", additionalDirectories: ["/var/tmp"] })
      assert.deepStrictEqual<unknown>(server.paramsOf("thread/resume"), {
        threadId,
        excludeTurns: true,
        cwd: ".",
        model: "gpt-5.3",
        modelProvider: "own",
        sandbox: "workspace-write",
        approvalPolicy: "never",
        approvalsReviewer: "user",
        config: { sandbox_workspace_write: { writable_roots: ["/a", "/var/tmp"] } }
      })
      assert.deepInclude(server.paramsOf("turn/start"), { runtimeWorkspaceRoots: ["/srv", "/var/tmp"] })

      // Which sandbox a new thread would have is shown by one that does nothing.
      const fiber = yield* Effect.forkChild(run(server, { fork: threadId, model: "gpt-5.5", ephemeral: true }))
      yield* server.asked("thread/fork")
      assert.deepStrictEqual<unknown>(server.paramsOf("thread/start"), {
        cwd: ".",
        ephemeral: true,
        config: { mcp_servers: { s: { enabled: false } } }
      })
      assert.deepStrictEqual<unknown>(server.paramsOf("thread/fork"), {
        threadId,
        excludeTurns: true,
        ephemeral: true,
        threadSource: "user",
        cwd: ".",
        model: "gpt-5.5",
        modelProvider: "own",
        sandbox: "read-only",
        approvalPolicy: "never",
        approvalsReviewer: "user",
        config: {}
      })
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("is reviewed", () =>
    Effect.gen(function*() {
      const targets: ReadonlyArray<readonly [CodexInput.ReviewTarget, object]> = [
        [{ type: "uncommitted" }, { type: "uncommittedChanges" }],
        [{ type: "base", branch: "main" }, { type: "baseBranch", branch: "main" }],
        [{ type: "commit", sha: "abc", title: "T" }, { type: "commit", sha: "abc", title: "T" }],
        [{ type: "custom", instructions: "Look" }, { type: "custom", instructions: "Look" }]
      ]
      for (const [target, expected] of targets) {
        const server = yield* FakeAppServer.make()
        yield* play(server, {}, CodexInput.review(target))
        assert.deepStrictEqual<unknown>(server.paramsOf("review/start"), { threadId, target: expected })
      }
    }))

  it.effect("is reviewed by Codex if it, or the configuration, says so", () =>
    Effect.gen(function*() {
      const reviewing = { approvals_reviewer: "auto_review" } as const
      const cases: ReadonlyArray<readonly [CodexOptions.CodexOptions, policy: string, reviewer: string]> = [
        [{}, "never", "user"],
        [{ approval: "untrusted" }, "untrusted", "user"],
        [{ approval: "auto-review" }, "on-request", "auto_review"],
        [{ config: reviewing }, "on-request", "auto_review"],
        [{ config: { ...reviewing, approval_policy: "never" } }, "never", "auto_review"],
        [{ config: reviewing, approval: "never" }, "never", "user"]
      ]
      for (const [options, approvalPolicy, approvalsReviewer] of cases) {
        const server = yield* FakeAppServer.make()
        yield* play(server, options)
        assert.deepInclude(server.paramsOf("thread/start"), { approvalPolicy, approvalsReviewer })
      }
    }))
})

describe("a turn does not begin when", () => {
  const inForce: ReadonlyArray<readonly [CodexOptions.CodexOptions, changes: Record<string, unknown>, option: string]> =
    [
      [{ sandbox: "read-only" }, { sandbox: { type: "dangerFullAccess" } }, "sandbox"],
      [{ sandbox: "danger-full-access" }, { sandbox: { type: "readOnly" } }, "sandbox"],
      [{ sandbox: "read-only" }, { sandbox: { type: "externalSandbox" } }, "sandbox"],
      [{ sandbox: "read-only" }, { sandbox: { type: "moon" } }, "sandbox"],
      [
        { sandbox: "workspace-write", networkAccess: false },
        { sandbox: { type: "workspaceWrite", networkAccess: true } },
        "networkAccess"
      ],
      [{ approval: "untrusted" }, { approvalPolicy: "never" }, "approval"],
      [{ approval: "auto-review" }, { approvalsReviewer: "user" }, "approval"]
    ]
  for (const [options, changes, option] of inForce) {
    it.effect(`Codex does not comply: ${JSON.stringify(changes)}`, () =>
      Effect.gen(function*() {
        const server = yield* FakeAppServer.make((params, method) =>
          method === "thread/start" ? FakeAppServer.thread(params, changes) : undefined
        )
        const reason = yield* reasonOf(run(server, options))
        assert.deepInclude(reason, { _tag: "InvalidOption", option })
        assert.match(reason.message, /Codex does not comply: .* would apply instead/)
        assert.notInclude(server.methods(), "turn/start")
        assert.strictEqual(server.methods().at(-1), "thread/unsubscribe")
      }))
  }

  const refusals: ReadonlyArray<readonly [message: string, reason: Partial<CodexError.CodexErrorReason>]> = [
    ["no rollout found for thread id", { _tag: "ThreadNotFound", threadId }],
    ["thread/resume failed: thread x already has an active writer", { _tag: "ThreadBusy", threadId }],
    ["session x is archived. Run `codex unarchive x`", { _tag: "ThreadArchived", threadId }],
    ["failed to load configuration: no", {
      _tag: "AppServerFailed",
      problem: "thread/resume: failed to load configuration: no (-32600)",
      unreachable: false
    }]
  ]
  for (const [message, expected] of refusals) {
    it.effect(`Codex says "${message}"`, () =>
      Effect.gen(function*() {
        const server = yield* FakeAppServer.make((_, method) =>
          method === "thread/resume" ? new Refusal(message) : undefined
        )
        assert.deepInclude(yield* reasonOf(run(server, { thread: threadId, sandbox: "read-only" })), expected)
      }))
  }

  it.effect("another one is at work on the thread, here or elsewhere", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.make()
      const fiber = yield* Effect.forkChild(run(server, { thread: threadId, sandbox: "read-only" }))
      yield* server.asked("turn/start")
      const busy = { _tag: "ThreadBusy", threadId } as const
      assert.deepInclude(yield* reasonOf(run(server, { thread: threadId, sandbox: "read-only" })), busy)
      yield* Fiber.interrupt(fiber)

      const other = yield* FakeAppServer.make((params, method) =>
        method === "thread/resume"
          ? FakeAppServer.thread(params, {
            thread: { ...FakeAppServer.thread({}).thread, status: { type: "active", activeFlags: [] } }
          })
          : undefined
      )
      assert.deepInclude(yield* reasonOf(run(other, { thread: threadId, sandbox: "read-only" })), busy)
      assert.notInclude(other.methods(), "turn/start")
    }))

  it.effect("another thread answers", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.make((params, method) =>
        method === "thread/resume" ? FakeAppServer.thread(params, {}, "another") : undefined
      )
      const codex = Codex.layer().pipe(Layer.provide(Layer.succeed(CodexTransport, server.transport)))
      const asked = Codex.run("Work", { thread: threadId, sandbox: "read-only" }).pipe(Effect.provide(codex))
      assert.deepInclude(yield* reasonOf(asked), { _tag: "ThreadMismatch", requested: threadId, actual: "another" })
      assert.notInclude(server.methods(), "turn/start")
    }))

  it.effect("the prompt is too long", () =>
    Effect.gen(function*() {
      const problem = "Input exceeds the maximum length of 1048576 characters"
      const server = yield* FakeAppServer.make((_, method) =>
        method === "turn/start" ? new Refusal(`${problem}.`, -32602) : undefined
      )
      const reason = yield* reasonOf(run(server, { thread: threadId, sandbox: "read-only" }))
      assert.deepInclude(reason, { _tag: "InvalidOption", option: "input", problem })
    }))

  it.effect("there is no directory, or no image, where the app-server is ours", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.make()
      const directory = yield* reasonOf(run(server, { workingDirectory: "/none" }))
      assert.deepInclude(directory, { _tag: "SpawnFailed", code: "NotFound", workingDirectory: "/none" })
      const file = yield* reasonOf(run(server, { workingDirectory: "/file" }))
      assert.deepInclude(file, { _tag: "SpawnFailed", code: "BadResource" })
      const image = yield* reasonOf(run(server, {}, [CodexInput.text("Look"), CodexInput.localImage("/none")]))
      assert.deepInclude(image, { _tag: "InvalidOption", option: "input" })
      assert.isEmpty(server.said())
      yield* play(server, { workingDirectory: "/directory" })
    }).pipe(Effect.provide(FileSystem.layerNoop({
      stat: (path) =>
        path === "/none"
          ? Effect.fail(PlatformError.systemError({ _tag: "NotFound", module: "FileSystem", method: "stat" }))
          : Effect.succeed({ ...info, type: path === "/file" ? "File" : "Directory" })
    }))))
})

const info: Omit<FileSystem.File.Info, "type"> = {
  mtime: Option.none(),
  atime: Option.none(),
  birthtime: Option.none(),
  dev: 0n,
  ino: Option.none(),
  mode: 0,
  nlink: Option.none(),
  uid: Option.none(),
  gid: Option.none(),
  rdev: Option.none(),
  size: ByteSize.zero,
  blksize: Option.none(),
  blocks: Option.none()
}

describe("a thread that was just let go of", () => {
  it.effect("goes on once Codex has closed it", () =>
    Effect.gen(function*() {
      let tries = 0
      const server = yield* FakeAppServer.make((_, method) =>
        method === "thread/resume" && ++tries < 3
          ? new Refusal("thread x is closing; retry thread/resume after the thread is closed")
          : undefined
      )
      const fiber = yield* Effect.forkChild(play(server, { thread: threadId, sandbox: "read-only" }))
      yield* Effect.andThen(settled, TestClock.adjust("40 millis"))
      yield* Fiber.join(fiber)
      assert.strictEqual(tries, 3)
    }))
})

describe("what is told", () => {
  it.effect("before the answer is kept, and what is told of other threads is not taken", () =>
    Effect.gen(function*() {
      const answered = yield* Deferred.make<void>()
      const server = yield* FakeAppServer.make((_, method) => method === "thread/start" ? "nothing" : undefined)
      const fiber = yield* Effect.forkChild(run(server))
      yield* server.asked("thread/start")
      yield* server.tell("warning", { message: "Early", turnId: undefined })
      yield* server.tell("warning", { message: "Not ours", threadId: "other" })
      yield* Deferred.succeed(answered, undefined)
      yield* server.reply(FakeAppServer.thread({ approvalPolicy: "never" }))
      yield* server.asked("turn/start")
      yield* server.complete()
      const events = yield* Fiber.join(fiber)
      assert.deepStrictEqual(events.map(({ type }) => type), ["thread.started", "item.completed", "turn.completed"])
      assert.deepInclude(events[1], { item: { id: "warning_0", type: "error", message: "Early" } })
    }))
})

describe("a turn whose events are not taken", () => {
  it.effect("holds the others of its connection back, and nothing is lost", () =>
    Effect.gen(function*() {
      let threads = 0
      let turns = 0
      const server = yield* FakeAppServer.make((params, method) =>
        method === "thread/start"
          ? FakeAppServer.thread(params, {}, `thread ${++threads}`)
          : method === "turn/start"
          ? { turn: { id: `turn of thread ${++turns}`, items: [], status: "inProgress" } }
          : undefined
      )
      const own = (id: string) => ({ threadId: id, turnId: `turn of ${id}` })
      const complete = (id: string) =>
        server.tell("turn/completed", {
          threadId: id,
          turnId: undefined,
          turn: { id: `turn of ${id}`, items: [], status: "completed" }
        })
      const pull = yield* Stream.toPull(server.transport.turn(yield* requestOf({})))
      yield* pull
      const begun = yield* Effect.forkChild(pull)
      yield* server.asked("turn/start")
      const other = yield* Effect.forkChild(run(server))
      yield* settled

      const deltas = 40_000
      const telling = yield* Effect.forEach(
        Array.from({ length: deltas }),
        () => server.tell("item/agentMessage/delta", { ...own("thread 1"), itemId: "m", delta: "." }),
        { discard: true }
      ).pipe(Effect.andThen(complete("thread 2")), Effect.andThen(complete("thread 1")), Effect.forkChild)
      yield* Effect.repeat(settled, { times: 50 })
      assert.isUndefined(other.pollUnsafe())

      const taken = [...yield* Fiber.join(begun)]
      while (taken.at(-1)?.type !== "turn.completed") taken.push(...yield* pull)
      assert.lengthOf(taken, deltas + 1)
      assert.strictEqual((yield* Fiber.join(other)).at(-1)?.type, "turn.completed")
      yield* Fiber.join(telling)
    }))
})

describe("the end of a turn that is not told", () => {
  const idle = { status: { type: "idle" } }

  it.effect("is read back once its thread is idle, with what was not told of it", () =>
    Effect.gen(function*() {
      const items = [{ type: "agentMessage", id: "one", text: "One." }, {
        type: "agentMessage",
        id: "two",
        text: "Two."
      }]
      const server = yield* FakeAppServer.make((_, method) =>
        method === "thread/turns/list"
          ? { data: [{ id: "later", items: [], status: "completed" }, { id: turnId, items, status: "completed" }] }
          : undefined
      )
      const fiber = yield* Effect.forkChild(run(server))
      yield* server.asked("turn/start")
      yield* server.message("One.", "one")
      yield* server.tell("thread/status/changed", idle)
      yield* settled
      yield* TestClock.adjust("4 seconds")
      assert.notInclude(server.methods(), "thread/turns/list")
      yield* TestClock.adjust("1 second")
      const events = yield* Fiber.join(fiber)
      assert.deepStrictEqual(
        events.flatMap((event) => "item" in event && event.item.type === "agent_message" ? [event.item.text] : []),
        ["One.", "Two."]
      )
      assert.strictEqual(events.at(-1)?.type, "turn.completed")
    }))

  it.effect("fails the turn if nobody knows", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.make(
        (_, method) =>
          method === "thread/turns/list"
            ? { data: [] }
            : method === "turn/interrupt"
            ? new Refusal("no active turn to interrupt")
            : undefined,
        { completionGrace: "1 second" }
      )
      const fiber = yield* Effect.forkChild(Effect.flip(run(server)))
      yield* server.asked("turn/start")
      yield* server.tell("thread/status/changed", idle)
      yield* settled
      yield* TestClock.adjust("1 second")
      const error = yield* Fiber.join(fiber)
      assert.deepInclude(error.reason, { _tag: "AppServerFailed", unreachable: false })
      assert.match(error.message, /does not say how its turn ended/)
      assert.isTrue(error.worked)
    }))
})

describe("a turn that is stopped", () => {
  it.effect("is interrupted with its sub-agents, and its threads are let go of", () =>
    Effect.gen(function*() {
      const swept: Array<string> = []
      const tree = { attach: () => Effect.void, record: () => Effect.void }
      const guard = Effect.acquireRelease(
        Effect.succeed({ ...tree, env: { MARK: "one" }, sweep: Effect.sync(() => swept.push("sweep")) }),
        () => Effect.sync(() => swept.push("end"))
      )
      const server = yield* FakeAppServer.make().pipe(Effect.provideService(ProcessGuard.ProcessGuard, { guard }))
      const fiber = yield* Effect.forkChild(run(server))
      yield* server.asked("turn/start")
      assert.deepNestedInclude(server.paramsOf("thread/start"), {
        "config.shell_environment_policy.set": { MARK: "one" }
      })
      const agent = (id: string) => ({
        threadId: id,
        turnId: undefined,
        turn: { id: `turn of ${id}`, rootTurnId: turnId, items: [], status: "inProgress" }
      })
      yield* server.tell("turn/started", agent("agent"))
      yield* server.tell("turn/started", agent("done agent"))
      yield* server.tell("turn/completed", agent("done agent"))
      yield* settled
      yield* Fiber.interrupt(fiber)
      const interrupted = server.said().flatMap(({ method, params }) => method === "turn/interrupt" ? [params] : [])
      assert.deepStrictEqual<unknown>(interrupted, [
        { threadId, turnId },
        { threadId: "agent", turnId: "turn of agent" }
      ])
      const left = server.said().flatMap(({ method, params }) => method === "thread/unsubscribe" ? [params] : [])
      assert.sameDeepMembers<unknown>(left, [{ threadId }, { threadId: "agent" }, { threadId: "done agent" }])
      assert.deepStrictEqual(swept, ["end"])
    }))

  it.effect("before it has begun is stopped once it has", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.make((_, method) => method === "turn/start" ? "nothing" : undefined)
      const fiber = yield* Effect.forkChild(run(server))
      yield* server.asked("turn/start")
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* settled
      yield* server.reply({ turn: { id: turnId, items: [], status: "inProgress" } })
      yield* Fiber.join(interrupting)
      assert.deepStrictEqual(server.methods().slice(-3), [
        "turn/interrupt",
        "thread/backgroundTerminals/clean",
        "thread/unsubscribe"
      ])
    }))

  it.effect("and is a review is interrupted by the turn within it, once that has begun", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.make((_, method) => method === "turn/interrupt" ? {} : undefined)
      const fiber = yield* Effect.forkChild(run(server, {}, CodexInput.review({ type: "uncommitted" })))
      yield* server.asked("review/start")
      yield* settled
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* settled
      assert.notInclude(server.methods(), "turn/interrupt")
      const turn = { id: "inner", rootTurnId: turnId, items: [], status: "inProgress" }
      yield* server.tell("turn/started", { turnId: undefined, turn })
      yield* server.asked("turn/interrupt")
      assert.deepStrictEqual<unknown>(server.paramsOf("turn/interrupt"), { threadId, turnId: "inner" })
      yield* server.complete({ status: "interrupted" })
      yield* Fiber.join(interrupting)
    }))

  it.effect("is not waited for for ever", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.make((_, method) => method === "turn/interrupt" ? {} : undefined, {
        interruptGrace: "2 seconds"
      })
      const fiber = yield* Effect.forkChild(run(server))
      yield* server.asked("turn/start")
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* server.asked("turn/interrupt")
      yield* settled
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(interrupting)
      assert.notInclude(server.methods(), "thread/unsubscribe")
      yield* Effect.forkChild(run(server))
      yield* settled
      assert.strictEqual(server.connections(), 2)
    }))

  it.effect("by its worker is told so, and its processes are ended", () =>
    Effect.gen(function*() {
      let swept = 0
      const guard = Effect.succeed({
        env: {},
        attach: () => Effect.void,
        record: () => Effect.void,
        sweep: Effect.sync(() => swept++)
      })
      const server = yield* FakeAppServer.make().pipe(Effect.provideService(ProcessGuard.ProcessGuard, { guard }))
      const started = yield* Deferred.make<Worker>()
      const fiber = yield* server.transport.turn(
        yield* requestOf({}),
        (worker) => Deferred.succeed(started, worker)
      ).pipe(Stream.runCollect, Effect.forkChild)
      const worker = yield* Deferred.await(started)
      yield* server.asked("turn/start")
      yield* settled
      yield* worker.kill
      assert.strictEqual(swept, 1)
      const events = yield* Fiber.join(fiber)
      assert.deepStrictEqual(events.at(-1), { type: "turn.failed", error: { message: "The turn was interrupted" } })
    }))

  it.effect("does not wait for threads that Codex keeps, or has let go of", () =>
    Effect.gen(function*() {
      for (const [unload, status] of [[60, "unsubscribed"], [0, "notLoaded"]] as const) {
        const server = yield* FakeAppServer.make((_, method) =>
          method === "config/read"
            ? { config: { thread_unload_delay_secs: unload }, origins: {} }
            : method === "thread/unsubscribe"
            ? { status }
            : undefined
        )
        yield* play(server)
      }
    }))

  it.effect("has its commands cleaned up only by a client that may", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.make(() => undefined, { experimentalApi: false })
      yield* play(server)
      assert.deepStrictEqual(server.methods(), ["config/read", "thread/start", "turn/start", "thread/unsubscribe"])
    }))
})

describe("a connection that is lost", () => {
  it.effect("fails the turns with the cause; the next turn has another one", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.make()
      const fiber = yield* Effect.forkChild(Effect.flip(run(server)))
      yield* server.asked("turn/start")
      yield* server.end
      const error = yield* Fiber.join(fiber)
      assert.deepInclude(error.reason, { _tag: "AppServerFailed", unreachable: true })
      assert.isTrue(error.worked)
      assert.isFalse(error.isRetryable)
      assert.strictEqual(server.connections(), 1)
      const again = yield* Effect.forkChild(run(server))
      yield* settled
      yield* server.complete()
      yield* Fiber.join(again)
      assert.strictEqual(server.connections(), 2)
    }))

  it.effect("and was given is not made anew", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const context = yield* Effect.forkScoped(Layer.build(
        Layer.provide(AppServerTransport.layer(), Layer.succeed(Client.Client, client))
      ))
      yield* server.reply(yield* server.take, { config: {}, origins: {} })
      const transport = Context.get(yield* Fiber.join(context), CodexTransport)
      yield* server.end
      yield* settled
      const reason = yield* reasonOf(Stream.runDrain(transport.turn(yield* requestOf({}))))
      assert.deepInclude(reason, { _tag: "AppServerFailed", unreachable: true })
    }))

  it.effect("was never made, for a cause that other runs know, too", () =>
    Effect.gen(function*() {
      const causes = [
        new CodexError.SpawnFailed({ command: "codex", code: "NotFound", description: "it is not there" }),
        new CodexError.InvalidOption({ option: "url", problem: "is none" }),
        new CodexError.LineTooLong({ limit: 1 }),
        new CodexError.Unauthorized({ address: "127.0.0.1:1" })
      ]
      for (const cause of causes) {
        const failing = Effect.fail(ConnectionError.fromReason(cause))
        assert.strictEqual(yield* reasonOf(AppServerTransport.make(failing)), cause)
      }
      const exited = new ConnectionError.Exited({ exitCode: 3, stderr: "no such thing" })
      assert.deepInclude(yield* reasonOf(AppServerTransport.make(Effect.fail(ConnectionError.fromReason(exited)))), {
        _tag: "Exited",
        exitCode: 3,
        stderr: "no such thing"
      })
    }))

  it.effect("has no answer in time", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.make((_, method) => method === "thread/start" ? "nothing" : undefined)
      const fiber = yield* Effect.forkChild(reasonOf(run(server)))
      yield* server.asked("thread/start")
      yield* settled
      yield* TestClock.adjust("60 seconds")
      yield* settled
      const reason = yield* Fiber.join(fiber)
      assert.deepInclude(reason, { _tag: "AppServerFailed", unreachable: false })
      assert.match(reason.message, /thread\/start got no reply within 1m/)
      // Another one may answer.
      assert.strictEqual(server.connections(), 1)
      yield* Effect.forkChild(run(server))
      yield* settled
      assert.strictEqual(server.connections(), 2)
    }))

  it.effect("has answers that this version does not understand", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.make((_, method) => method === "thread/start" ? { thread: 1 } : undefined)
      const reason = yield* reasonOf(run(server))
      assert.deepInclude(reason, { _tag: "AppServerFailed", unreachable: false })
      assert.match(reason.message, /thread\/start: Codex sent result that this version cannot decode/)
    }))
})

describe("what the agent asks", () => {
  const command = "item/commandExecution/requestApproval"

  /** A server whose requests are answered when the test says so. */
  const serve = Effect.fnUntraced(function*() {
    const answers = yield* Queue.unbounded<ApprovalAnswer.ApprovalAnswer>()
    const server = FakeAppServer.serveApp()
    const connect = Effect.tap(server.connect, ({ rpc }) => ApprovalServing.serve(rpc))
    const transport = yield* AppServerTransport.make(connect).pipe(
      Effect.provideService(Approvals.Approvals, Approvals.fromFunction(() => Queue.take(answers)))
    )
    return { ...server, transport, answer: Queue.offer(answers, ApprovalAnswer.accept) }
  })

  const begin = Effect.fnUntraced(function*(options?: CodexOptions.CodexOptions) {
    const server = yield* serve()
    const codex = Codex.layer().pipe(Layer.provide(Layer.succeed(CodexTransport, server.transport)))
    const events: Array<CodexEvent.CodexEvent> = []
    const fiber = yield* Codex.stream("Work", options).pipe(
      Stream.runForEach((event) => Effect.sync(() => events.push(event))),
      Effect.provide(codex),
      Effect.exit,
      Effect.forkChild
    )
    yield* server.asked("turn/start")
    yield* settled
    return { server, events, fiber }
  })

  it.effect("is told, and that nobody waits for the answer any more", () =>
    Effect.gen(function*() {
      const { events, fiber, server } = yield* begin()
      yield* server.tell("item/started", {
        item: { type: "commandExecution", id: "i", command: "ls", commandActions: [], cwd: "/", status: "inProgress" }
      })
      yield* server.ask(7, command, { command: "ls" })
      yield* settled
      const asked = { thread_id: threadId, request_id: 7, kind: "command", item_id: "i" }
      assert.deepStrictEqual(events.slice(2), [{ type: "approval.requested", ...asked }])
      yield* server.answer
      yield* settled
      assert.deepStrictEqual(events.slice(3), [{ type: "approval.resolved", ...asked }])
      // The app-server does not wait for every answer, and asks what this version does not know.
      yield* server.ask(8, "item/tool/call", { itemId: undefined, callId: "c", tool: "t", arguments: {} })
      yield* settled
      yield* server.tell("serverRequest/resolved", { requestId: 8 })
      yield* settled
      yield* server.ask(9, "item/dream/requestApproval")
      yield* settled
      yield* server.ask(10, command, { itemId: 1, turnId: 1 })
      yield* settled
      assert.deepStrictEqual(
        events.slice(4).map((event) =>
          "request_id" in event ? [event.type, event.request_id, event.kind, event.item_id] : event
        ),
        [
          ["approval.requested", 8, "toolCall", "c"],
          ["approval.resolved", 8, "toolCall", "c"],
          ["approval.requested", 9, "item/dream/requestApproval", "i"],
          ["approval.resolved", 9, "item/dream/requestApproval", "i"],
          ["approval.requested", 10, command, undefined],
          ["approval.resolved", 10, command, undefined]
        ]
      )
      yield* server.complete()
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(fiber)))
      assert.lengthOf(events.filter(({ type }) => type === "turn.completed"), 1)
      // Each is one that a program may write down and read again.
      for (const event of events) assert.strictEqual(CodexEvent.fromJson(event), event)
    }))

  it.effect("is told of the turn's sub-agents, and not of other threads", () =>
    Effect.gen(function*() {
      const { events, fiber, server } = yield* begin()
      const turn = { id: "other", rootTurnId: turnId, items: [], status: "inProgress" }
      yield* server.tell("turn/started", { threadId: "agent", turnId: undefined, turn })
      yield* settled
      yield* server.ask(1, command, { threadId: "agent" })
      yield* server.ask(2, command, { threadId: "stranger" })
      yield* server.ask(3, "account/chatgptAuthTokens/refresh", { threadId: undefined, reason: "unauthorized" })
      yield* settled
      assert.deepStrictEqual(events.slice(1), [
        { type: "approval.requested", thread_id: "agent", request_id: 1, kind: "command", item_id: "i" }
      ])
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("does not make the agent idle while it waits for the answer", () =>
    Effect.gen(function*() {
      const { fiber, server } = yield* begin({ idleTimeout: "10 seconds" })
      yield* server.ask(1, command)
      yield* server.ask(2, command)
      yield* settled
      yield* TestClock.adjust("4 minutes")
      yield* server.answer
      yield* settled
      yield* TestClock.adjust("4 minutes")
      yield* server.answer
      yield* settled
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("9 seconds")
      yield* settled
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 second")
      const error = yield* Effect.flip(yield* Fiber.join(fiber))
      assert.deepInclude(error.reason, { _tag: "TimedOut", limit: "idle" })
    }))

  it.effect("counts for the time limit of the run", () =>
    Effect.gen(function*() {
      const { fiber, server } = yield* begin({ idleTimeout: "10 seconds", timeout: "1 minute" })
      yield* server.ask(1, command)
      yield* settled
      yield* TestClock.adjust("1 minute")
      const error = yield* Effect.flip(yield* Fiber.join(fiber))
      assert.deepInclude(error.reason, { _tag: "TimedOut", limit: "total" })
    }))
})

describe("secrets of the executable", () => {
  it.effect("are hidden from commands and from errors", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.make().pipe(
        Effect.provideService(CodexCli.CodexCli, { command: "codex", env: { KEY: Redacted.make("sk-1") } })
      )
      const fiber = yield* Effect.forkChild(run(server))
      yield* server.asked("turn/start")
      assert.deepNestedInclude(server.paramsOf("thread/start"), {
        "config.shell_environment_policy.set": { KEY: "" }
      })
      yield* server.complete({ status: "failed", error: { message: "no such key: sk-1" } })
      const events = yield* Fiber.join(fiber)
      assert.deepStrictEqual(events.at(-1), { type: "turn.failed", error: { message: "no such key: <redacted>" } })
    }))
})
