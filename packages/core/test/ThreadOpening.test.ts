/**
 * Threads over an app-server that the test plays: opened, compared with what was asked for, listed, read, put away.
 */
import * as Client from "@effect-codex/core/appserver/Client"
import type { DynamicTools } from "@effect-codex/core/appserver/DynamicTools"
import * as Threads from "@effect-codex/core/appserver/Threads"
import * as CodexCli from "@effect-codex/core/CodexCli"
import * as CodexError from "@effect-codex/core/CodexError"
import * as ProcessGuard from "@effect-codex/core/ProcessGuard"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as PlatformError from "effect/PlatformError"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { settled } from "./support/peer.ts"
import * as FakeThreads from "./support/threads.ts"

const { Refusal, answers, fork, otherId, reasonOf, start, threadId, turn } = FakeThreads

const infoOf = (id: string) => FakeThreads.thread({}, {}, id).thread

/** Codex need not be asked for the usual sandbox. */
const readOnly = { defaults: { sandbox: "read-only" } } as const

const unsubscribed = (server: FakeThreads.Server) => server.allOf("thread/unsubscribe")

describe("a thread", () => {
  it.effect("begins with what was asked for, and says what applies", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start(undefined, {
        defaults: { model: "gpt-5.4", sandbox: "workspace-write", config: { model_verbosity: "low" } },
        start: {
          model: "gpt-5.5",
          approval: "on-request",
          config: { hide_agent_reasoning: true },
          ephemeral: true,
          threadSource: "test",
          params: { model: "gpt-5.6", developerInstructions: "Be brief" }
        }
      })
      assert.strictEqual(thread.id, threadId)
      assert.deepStrictEqual<unknown>(server.paramsOf("thread/start"), {
        model: "gpt-5.6",
        developerInstructions: "Be brief",
        sandbox: "workspace-write",
        approvalPolicy: "on-request",
        approvalsReviewer: "user",
        cwd: ".",
        ephemeral: true,
        threadSource: "test",
        config: { model_verbosity: "low", hide_agent_reasoning: true }
      })
      assert.deepInclude(thread.settings, {
        model: "gpt-5.5",
        cwd: "/srv",
        approvalPolicy: "on-request",
        sandbox: { type: "workspaceWrite", writableRoots: ["/var/tmp"], networkAccess: false }
      })
      assert.notProperty(thread.settings, "thread")
    }))

  it.effect("goes on, or is copied, up to a turn", () =>
    Effect.gen(function*() {
      const ids = [otherId, "third"]
      const server = yield* FakeThreads.make((params, method) =>
        method === "thread/fork" ? FakeThreads.thread(params, {}, ids.shift()) : undefined
      )
      const thread = yield* server.threads.resume(threadId, {
        sandbox: "read-only",
        additionalDirectories: ["/var/tmp"],
        params: { excludeTurns: false }
      })
      assert.deepInclude(server.paramsOf("thread/resume"), { threadId, sandbox: "read-only", excludeTurns: false })
      const copy = yield* thread.fork({
        sandbox: "read-only",
        lastTurnId: "turn 3",
        params: { baseInstructions: "Act" }
      })
      assert.strictEqual(copy.id, otherId)
      assert.deepInclude(server.paramsOf("thread/fork"), {
        threadId,
        lastTurnId: "turn 3",
        baseInstructions: "Act",
        excludeTurns: true,
        threadSource: "user"
      })
      // What else the protocol can say wins.
      yield* server.threads.fork(threadId, { lastTurnId: "turn 3", params: { lastTurnId: "turn 2" } })
      assert.deepInclude(server.paramsOf("thread/fork"), { lastTurnId: "turn 2" })
    }))

  it.effect("keeps the roots of its workspace when it goes on", () =>
    Effect.gen(function*() {
      const server = yield* FakeThreads.make()
      const thread = yield* server.threads.resume(threadId, {
        sandbox: "workspace-write",
        additionalDirectories: ["/var/tmp"]
      })
      yield* thread.turn("Work")
      assert.deepInclude(server.paramsOf("turn/start"), { runtimeWorkspaceRoots: ["/srv", "/var/tmp"] })
    }))

  it.effect("is let go of with its scope, its turn being stopped before", () =>
    Effect.gen(function*() {
      const swept: Array<string> = []
      const tree = { env: { MARK: "one" }, attach: () => Effect.void, record: () => Effect.void }
      const guard = Effect.acquireRelease(
        Effect.succeed({ ...tree, sweep: Effect.sync(() => swept.push("sweep")) }),
        () => Effect.sync(() => swept.push("end"))
      )
      const server = yield* FakeThreads.make().pipe(Effect.provideService(ProcessGuard.ProcessGuard, { guard }))
      yield* Effect.scoped(Effect.gen(function*() {
        const thread = yield* server.threads.start()
        assert.deepNestedInclude(server.paramsOf("thread/start"), {
          "config.shell_environment_policy.set": { MARK: "one" }
        })
        yield* thread.turn("Work")
        yield* server.begin("goal")
        yield* settled
      }))
      assert.deepStrictEqual(server.methods().slice(-3), [
        "thread/backgroundTerminals/clean",
        "thread/backgroundTerminals/clean",
        "thread/unsubscribe"
      ])
      assert.include(server.methods(), "turn/interrupt")
      assert.strictEqual(swept.at(-1), "end")
    }))

  it.effect("is waited for until Codex has let go of it, if it does so at once, but not for ever", () =>
    Effect.gen(function*() {
      let hangs = true
      const server = yield* FakeThreads.make(
        (_, method) => method === "thread/unsubscribe" && hangs ? "nothing" : undefined,
        { interruptGrace: "2 seconds" }
      )
      const closing = yield* fork(Effect.scoped(server.threads.start()))
      yield* server.asked("thread/unsubscribe")
      assert.isUndefined(closing.pollUnsafe())
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(closing)
      // It may be opened again.
      hangs = false
      yield* server.threads.resume(threadId)

      const slow = yield* FakeThreads.make(answers({
        "config/read": { config: { thread_unload_delay_secs: 60 }, origins: {} },
        "thread/unsubscribe": { status: "notSubscribed" }
      }))
      yield* Effect.scoped(slow.threads.start())
    }))

  it.effect("whose opening is interrupted is let go of once it is open", () =>
    Effect.gen(function*() {
      const server = yield* FakeThreads.make(answers({ "thread/resume": "nothing" }), readOnly)
      const opening = yield* fork(server.threads.resume(threadId))
      const interrupting = yield* fork(Fiber.interrupt(opening))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(interrupting)
      assert.isEmpty(unsubscribed(server))
      assert.strictEqual((yield* reasonOf(server.threads.resume(threadId)))._tag, "ThreadBusy")
      yield* server.reply(FakeThreads.thread({ approvalPolicy: "never" }), "thread/resume")
      yield* settled
      assert.deepStrictEqual<unknown>(unsubscribed(server), [{ threadId }])
      const again = yield* fork(server.threads.resume(threadId))
      yield* server.reply(FakeThreads.thread({ approvalPolicy: "never" }), "thread/resume")
      assert.strictEqual((yield* Fiber.join(again)).id, threadId)
    }))
})

describe("a thread is refused", () => {
  it.effect("where Codex does not comply, and nothing of it is left", () =>
    Effect.gen(function*() {
      let changes: Readonly<Record<string, unknown>> = {}
      const server = yield* FakeThreads.make((params, method) =>
        method === "thread/resume" ? FakeThreads.thread(params, changes) : undefined
      )
      const cases = [
        ["sandbox", { sandbox: { type: "dangerFullAccess" } }],
        ["approval", { approvalPolicy: "on-request" }],
        ["approval", { approvalsReviewer: "auto_review" }],
        ["networkAccess", { sandbox: { type: "workspaceWrite", networkAccess: true } }]
      ] as const
      for (const [option, wrong] of cases) {
        changes = wrong
        const sandbox = option === "networkAccess" ? "workspace-write" : "read-only"
        const reason = yield* reasonOf(server.threads.resume(threadId, { sandbox, networkAccess: false }))
        assert.deepInclude(reason, { _tag: "InvalidOption", option })
        assert.match(reason.message, /Codex does not comply/)
      }
      assert.lengthOf(unsubscribed(server), cases.length)
      // In the same scope.
      changes = {}
      assert.strictEqual((yield* server.threads.resume(threadId)).id, threadId)
    }))

  it.effect("where it is at work elsewhere, or open already", () =>
    Effect.gen(function*() {
      let status: object = { type: "active", activeFlags: [] }
      const server = yield* FakeThreads.make((params, method) => {
        const opened = FakeThreads.thread(params)
        return method === "thread/resume" ? { ...opened, thread: { ...opened.thread, status } } : undefined
      }, readOnly)
      assert.deepInclude(yield* reasonOf(server.threads.resume(threadId)), { _tag: "ThreadBusy", threadId })
      assert.deepStrictEqual<unknown>(unsubscribed(server), [{ threadId }])
      status = { type: "idle" }
      const scope = yield* Scope.make()
      yield* Scope.provide(server.threads.resume(threadId), scope)
      assert.strictEqual((yield* reasonOf(server.threads.resume(threadId)))._tag, "ThreadBusy")
      assert.lengthOf(server.allOf("thread/resume"), 2)
      yield* Scope.close(scope, Exit.void)
      yield* server.threads.resume(threadId)

      const fresh = yield* FakeThreads.start()
      assert.strictEqual((yield* reasonOf(fresh.threads.resume(threadId)))._tag, "ThreadBusy")
    }))

  it.effect("where Codex has none, or another one, or keeps it", () =>
    Effect.gen(function*() {
      let answer: unknown
      const server = yield* FakeThreads.make(
        (_, method) =>
          method === "thread/resume" || method === "thread/fork" || method === "thread/read" ? answer : undefined,
        readOnly
      )
      const cases = [
        ["ThreadNotFound", `no rollout found for thread id ${threadId}`],
        ["ThreadArchived", `session ${threadId} is archived. Run \`codex unarchive ${threadId}\` first.`],
        ["ThreadBusy", `thread ${threadId} already has an active writer`]
      ] as const
      for (const [tag, message] of cases) {
        answer = new Refusal(message)
        const failing = [
          Effect.asVoid(server.threads.resume(threadId)),
          Effect.asVoid(server.threads.fork(threadId)),
          Effect.asVoid(server.threads.read(threadId))
        ]
        for (const effect of failing) {
          const error = yield* Effect.flip(effect)
          assert.deepInclude(error.reason, { _tag: tag, threadId })
          assert.isFalse(error.worked)
        }
      }
      answer = new Refusal("Server overloaded; retry later.", -32001)
      assert.isTrue((yield* Effect.flip(server.threads.resume(threadId))).isRetryable)
      answer = FakeThreads.thread({ approvalPolicy: "never" }, {}, otherId)
      for (const times of [1, 2]) {
        assert.deepInclude(yield* reasonOf(server.threads.resume(threadId)), {
          _tag: "ThreadMismatch",
          requested: threadId,
          actual: otherId
        })
        assert.lengthOf(unsubscribed(server), times)
      }
    }))

  it.effect("where Codex takes too long", () =>
    Effect.gen(function*() {
      const server = yield* FakeThreads.make(answers({ "thread/start": "nothing" }), {
        defaults: { timeout: "9 seconds" }
      })
      const usual = yield* fork(reasonOf(server.threads.start()))
      const own = yield* fork(reasonOf(server.threads.start({ timeout: Duration.seconds(3) })))
      yield* TestClock.adjust("3 seconds")
      assert.match((yield* Fiber.join(own)).message, /thread\/start got no reply within 3s/)
      yield* TestClock.adjust("6 seconds")
      assert.match((yield* Fiber.join(usual)).message, /thread\/start got no reply within 9s/)
    }))

  it.effect("before anything is asked, where an option can't be", () =>
    Effect.gen(function*() {
      const missing = PlatformError.systemError({ _tag: "NotFound", module: "FileSystem", method: "stat" })
      const server = yield* FakeThreads.make().pipe(
        Effect.provide(FileSystem.layerNoop({ stat: () => Effect.fail(missing) }))
      )
      assert.deepInclude(yield* reasonOf(server.threads.start({ workingDirectory: "/gone" })), {
        _tag: "SpawnFailed",
        workingDirectory: "/gone"
      })
      assert.deepInclude(yield* reasonOf(server.threads.start({ model: "" })), {
        _tag: "InvalidOption",
        option: "model"
      })
      assert.isEmpty(server.said())
    }))
})

describe("tools", () => {
  const tools: DynamicTools = {
    specs: [{ type: "function", name: "now", description: "Tells the time", inputSchema: { type: "object" } }],
    timeout: Duration.seconds(1),
    call: ({ tool }) => Effect.succeed({ success: true, contentItems: [{ type: "inputText", text: tool }] })
  }

  it.effect("are offered to a new thread, unless the protocol's own word is given", () =>
    Effect.gen(function*() {
      const server = yield* FakeThreads.make((params, method) =>
        method === "thread/fork" ? FakeThreads.thread(params, {}, otherId) : undefined
      )
      const thread = yield* Effect.scoped(server.threads.start({ tools }))
      assert.deepNestedInclude(server.paramsOf("thread/start"), { "dynamicTools[0].name": "now" })
      yield* Effect.scoped(server.threads.start({ params: { dynamicTools: tools.specs } }))
      assert.deepNestedInclude(server.paramsOf("thread/start"), { "dynamicTools[0].name": "now" })
      yield* server.threads.resume(thread.id, { tools })
      assert.notProperty(server.paramsOf("thread/resume"), "dynamicTools")
    }))

  it.effect("are called while the thread is open, on the next connection, too", () =>
    Effect.gen(function*() {
      const server = yield* FakeThreads.make(undefined, { defaults: { tools } })
      const call = (id: number) =>
        server.ask(id, "item/tool/call", { itemId: undefined, callId: "call", tool: "now", arguments: {} })
      yield* Effect.scoped(Effect.gen(function*() {
        yield* server.threads.start()
        yield* call(1)
        yield* settled
        yield* server.end
        yield* server.asked("thread/resume")
        yield* call(2)
        yield* settled
      }))
      yield* call(3)
      yield* settled
      const text = (text: string) => [{ type: "inputText", text }]
      assert.deepStrictEqual<unknown>(server.answered(), [
        [1, { success: true, contentItems: text("now") }],
        [2, { success: true, contentItems: text("now") }],
        [3, { success: false, contentItems: text("The tools of this thread are not here any more.") }]
      ])
    }))
})

describe("secrets of the executable", () => {
  it.effect("are hidden from commands and from errors", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start().pipe(
        Effect.provideService(CodexCli.CodexCli, { command: "codex", env: { KEY: Redacted.make("sk-1") } })
      )
      assert.deepNestedInclude(server.paramsOf("thread/start"), {
        "config.shell_environment_policy.set": { KEY: "" }
      })
      const running = yield* thread.turn("Work")
      yield* server.complete("turn 1", { status: "failed", error: { message: "no such key: sk-1" } })
      assert.deepInclude(yield* reasonOf(running.await), { description: "no such key: <redacted>" })
    }))
})

describe("the threads there are", () => {
  const pages = (method: string): ReturnType<typeof answers> => (params, asked) => {
    if (asked !== method) return undefined
    const item = (id: string) => method === "thread/list" ? infoOf(id) : turn(id, { status: "completed" })
    return params["cursor"] === "more" ? { data: [item("c")] } : { data: [item("a"), item("b")], nextCursor: "more" }
  }

  it.effect("are listed page by page, as far as needed", () =>
    Effect.gen(function*() {
      const server = yield* FakeThreads.make(pages("thread/list"))
      const some = yield* Stream.runCollect(Stream.take(server.threads.list({ archived: true }), 2))
      assert.deepStrictEqual(some.map(({ id }) => id), ["a", "b"])
      assert.lengthOf(server.allOf("thread/list"), 1)
      const all = yield* Stream.runCollect(server.threads.list())
      assert.deepStrictEqual(all.map(({ id }) => id), ["a", "b", "c"])
      assert.deepStrictEqual<unknown>(server.allOf("thread/list"), [{ archived: true }, {}, { cursor: "more" }])
    }))

  it.effect("are read, with their turns", () =>
    Effect.gen(function*() {
      const history = pages("thread/turns/list")
      const { thread, ...server } = yield* start((params, method) =>
        method === "thread/read"
          ? { thread: infoOf(params["threadId"] === otherId ? otherId : threadId) }
          : history(params, method)
      )
      assert.strictEqual((yield* server.threads.read(otherId)).id, otherId)
      assert.strictEqual((yield* thread.info).id, threadId)
      const turns = yield* Stream.runCollect(server.threads.history(otherId, { sortDirection: "asc" }))
      assert.deepStrictEqual(turns.map(({ id }) => id), ["a", "b", "c"])
      yield* Stream.runDrain(thread.history({ itemsView: "summary" }))
      const asked = server.allOf("thread/turns/list")
      assert.deepStrictEqual<unknown>(asked[0], { threadId: otherId, itemsView: "full", sortDirection: "asc" })
      assert.deepStrictEqual<unknown>(asked[3], { threadId, itemsView: "summary", cursor: "more" })
    }))

  it.effect("are put away, and back", () =>
    Effect.gen(function*() {
      const server = yield* FakeThreads.make(answers({ "thread/unarchive": { thread: infoOf(otherId) } }))
      yield* server.threads.archive(otherId)
      yield* server.threads.unarchive(otherId)
      yield* server.threads.delete(otherId)
      assert.deepStrictEqual(
        server.said().map(({ method, params }) => [method, params]),
        ["archive", "unarchive", "delete"].map((name) => [`thread/${name}`, { threadId: otherId }])
      )
    }))

  it.effect("are changed while they are open", () =>
    Effect.gen(function*() {
      const goal = {
        threadId,
        objective: "Win",
        status: "active",
        createdAt: 0,
        updatedAt: 0,
        timeUsedSeconds: 0,
        tokensUsed: 0
      }
      let set = false
      const { thread, ...server } = yield* start((_, method) => {
        switch (method) {
          case "thread/goal/get":
            return set ? { goal } : { goal: null }
          case "thread/goal/set":
            set = true
            return { goal }
          case "thread/goal/clear":
            return { cleared: true }
          case "thread/metadata/update":
            return { thread: infoOf(threadId) }
          case "thread/revert":
            return { thread: infoOf(threadId) }
          default:
            return undefined
        }
      })
      yield* thread.setName("Plan")
      yield* thread.setGitInfo({ branch: "main", sha: null })
      yield* thread.revert("turn 2")
      assert.isTrue(Option.isNone(yield* thread.goal.get))
      assert.strictEqual((yield* thread.goal.set({ objective: "Win" })).objective, "Win")
      assert.isTrue(Option.exists(yield* thread.goal.get, ({ objective }) => objective === "Win"))
      yield* thread.goal.clear
      assert.deepStrictEqual<unknown>(server.said().slice(2).map(({ method, params }) => [method, params]), [
        ["thread/name/set", { threadId, name: "Plan" }],
        ["thread/metadata/update", { threadId, gitInfo: { branch: "main", sha: null } }],
        ["thread/revert", { threadId, beforeTurnId: "turn 2" }],
        ["thread/goal/get", { threadId }],
        ["thread/goal/set", { threadId, objective: "Win" }],
        ["thread/goal/get", { threadId }],
        ["thread/goal/clear", { threadId }]
      ])
    }))

  it.effect("fail with what a program knows", () =>
    Effect.gen(function*() {
      const missing = new Refusal(`no rollout found for thread id ${threadId}`)
      const { thread, ...server } = yield* start((_, method) =>
        method.startsWith("thread/") && method !== "thread/start" ? missing : undefined
      )
      const failing = [
        Stream.runDrain(thread.history()),
        thread.setName("x"),
        thread.goal.get,
        server.threads.archive(threadId)
      ]
      for (const effect of failing) assert.strictEqual((yield* reasonOf<unknown, never>(effect))._tag, "ThreadNotFound")
      assert.strictEqual((yield* reasonOf(Stream.runDrain(server.threads.list())))._tag, "AppServerFailed")
      const client = yield* server.threads.client
      assert.strictEqual(client.serverInfo.platformOs, "linux")
    }))
})

describe("a client that is given", () => {
  it.effect("is used as it is", () =>
    Effect.gen(function*() {
      const server = FakeThreads.serve()
      const client = yield* server.connect
      yield* Effect.gen(function*() {
        const threads = yield* Threads.Threads
        assert.strictEqual(yield* threads.client, client)
        const thread = yield* threads.start()
        assert.isTrue(CodexError.isCodexError(yield* Effect.flip(Effect.andThen(server.end, thread.run("Work")))))
      }).pipe(Effect.provide(Threads.layer()), Effect.provideService(Client.Client, client))
      assert.strictEqual(server.connections(), 1)
    }))
})
