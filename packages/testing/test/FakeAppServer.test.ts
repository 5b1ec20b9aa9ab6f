import * as Client from "@effect-codex/core/appserver/Client"
import { isRpcError } from "@effect-codex/core/appserver/RpcError"
import * as Threads from "@effect-codex/core/appserver/Threads"
import * as Codex from "@effect-codex/core/Codex"
import * as CodexScript from "@effect-codex/testing/CodexScript"
import * as FakeAppServer from "@effect-codex/testing/FakeAppServer"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"

const { add, callTool, changeFiles, crash, fail, future, garbage, hang, make, message, run, turn, wait, when } =
  CodexScript

const settled = Effect.repeat(Effect.yieldNow, { times: 500 })

const text = (text: string) => [{ type: "text" as const, text }]

/** Starts a thread and a turn on it. */
const start = Effect.fnUntraced(function*(params: Parameters<Client.Client["Service"]["thread"]["start"]>[0] = {}) {
  const client = yield* Client.Client
  const { thread } = yield* client.thread.start({ cwd: "/w", ...params })
  const { turn } = yield* client.turn.start({ threadId: thread.id, input: text("x") })
  return { client, threadId: thread.id, turnId: turn.id }
})

/** The words in which a request is refused. */
const refusal = <A, E>(request: Effect.Effect<A, E>) =>
  Effect.map(Effect.flip(request), (error) => isRpcError(error) ? error.description : String(error))

/** The items of a thread's turns. */
const itemsOf = (threadId: string) =>
  Effect.gen(function*() {
    const client = yield* Client.Client
    const { data } = yield* client.request("thread/turns/list", { threadId, sortDirection: "asc" })
    return data.map(({ items, status }) => ({ status, items }))
  })

describe("FakeAppServer", () => {
  it.effect("says that it can't do what it can't do", () =>
    Effect.gen(function*() {
      const client = yield* Client.Client
      assert.strictEqual(
        yield* refusal(client.request("model/list")),
        "CodexScript: a fake app-server does not know what to answer to `model/list`"
      )
      const fake = yield* FakeAppServer.FakeAppServer
      assert.deepStrictEqual((yield* fake.requests).map(({ method }) => method), ["initialize", "model/list"])
    }).pipe(Effect.provide(FakeAppServer.layerClient(make([])))))

  it.effect("refuses in the words of the real one", () =>
    Effect.gen(function*() {
      const { rpc } = yield* Client.Client
      assert.strictEqual(yield* refusal(rpc.request("initialize", {})), "Already initialized")
      assert.include(
        yield* refusal(rpc.request("no/such", {})),
        "Invalid request: unknown variant `no/such`, expected one of `"
      )
      assert.include(yield* refusal(rpc.request("turn/start", { threadId: 7 })), "Invalid request: ")
      for (const method of ["turn/start", "turn/steer", "turn/interrupt"]) {
        const params = { threadId: "t", input: [], expectedTurnId: "u", turnId: "u" }
        assert.strictEqual(yield* refusal(rpc.request(method, params)), "thread not found: t")
      }
      const threadId = "00000000-0000-7000-8000-00000000000f"
      const refusals = {
        "thread/read": "thread not loaded:",
        "thread/turns/list": "thread not loaded:",
        "thread/name/set": "no rollout found for thread id",
        "thread/archive": "no rollout found for thread id",
        "thread/unarchive": "no archived rollout found for thread id",
        "thread/delete": "no rollout found for thread id",
        "thread/fork": "no rollout found for thread id",
        "thread/resume": "no rollout found for thread id"
      }
      for (const [method, words] of Object.entries(refusals)) {
        assert.strictEqual(yield* refusal(rpc.request(method, { threadId, name: "n" })), `${words} ${threadId}`)
      }
    }).pipe(Effect.provide(FakeAppServer.layerClient(make([])))))

  it.effect("wants to be introduced to, and passes over what is no message", () =>
    Effect.gen(function*() {
      const fake = yield* FakeAppServer.FakeAppServer
      const { incoming, outgoing } = yield* fake.connect
      yield* Effect.forkScoped(Stream.run(
        Stream.make(
          "garbage",
          "{\"id\":9,\"result\":{}}",
          "{\"method\":\"initialized\"}",
          "{\"id\":1,\"method\":\"thread/list\",\"params\":{}}"
        ),
        outgoing
      ))
      assert.deepStrictEqual(yield* Stream.runCollect(incoming), [
        "{\"error\":{\"code\":-32600,\"message\":\"Not initialized\"},\"id\":1}"
      ])
    }).pipe(Effect.scoped, Effect.provide(FakeAppServer.layerClient(make([])))))

  it.effect("does not tell what one does not want to hear", () =>
    Effect.gen(function*() {
      const client = yield* Client.Client
      const told = yield* client.notifications()
      const { threadId } = yield* start()
      const methods: Array<string> = []
      yield* told.pipe(
        Stream.takeUntil(({ method }) => method === "turn/completed"),
        Stream.runForEach(({ method }) => Effect.sync(() => methods.push(method)))
      )
      assert.notInclude(methods, "item/agentMessage/delta")
      assert.include(methods, "item/completed")
      assert.lengthOf(yield* itemsOf(threadId), 1)
    }).pipe(
      Effect.scoped,
      Effect.provide(FakeAppServer.layerClient(make([turn(message("Hi."))]), {
        optOutNotificationMethods: ["item/agentMessage/delta"]
      }))
    ))

  it.effect("takes more words while it is at work", () =>
    Effect.gen(function*() {
      const { client, threadId, turnId } = yield* start()
      yield* settled
      const again = yield* client.turn.start({ threadId, input: text("by a start") })
      assert.strictEqual(again.turn.id, turnId)
      yield* client.turn.steer({ threadId, expectedTurnId: turnId, input: text("by a word") })
      yield* TestClock.adjust("1 minute")
      yield* settled
      const [{ items } = { items: [] }] = yield* itemsOf(threadId)
      assert.deepStrictEqual(
        items.map((item) =>
          item.type === "userMessage" ? item.content.map((part) => part.type === "text" ? part.text : "") : item.type
        ),
        [["x"], ["by a start"], ["by a word"], "agentMessage"]
      )
    }).pipe(Effect.provide(FakeAppServer.layerClient(make([turn(wait("1 minute"), message("Done."))])))))

  it.effect("leaves a command running when its turn is interrupted, until it is told to end it", () =>
    Effect.gen(function*() {
      const { client, threadId, turnId } = yield* start()
      yield* settled
      yield* client.request("thread/backgroundTerminals/clean", { threadId })
      yield* client.turn.interrupt({ threadId, turnId })
      const ended = yield* client.waitFor("item/completed", ({ item }) => item.type === "commandExecution")
      yield* client.request("thread/backgroundTerminals/clean", { threadId })
      const { item } = yield* ended
      assert.deepInclude(item, { type: "commandExecution", status: "failed", exitCode: -1 })
      assert.deepInclude((yield* itemsOf(threadId))[0], { status: "interrupted" })
    }).pipe(
      Effect.scoped,
      Effect.provide(FakeAppServer.layerClient(make([turn(run("sleep 1000", { duration: "1 hour" }))])))
    ))

  it.effect("asks where the policy lets it, and goes on when there is no good answer", () =>
    Effect.gen(function*() {
      const cases = [
        [{ approvalPolicy: "on-request", sandbox: "read-only" }, ["commandExecution failed", "fileChange failed"]],
        [{ approvalPolicy: "untrusted", sandbox: "danger-full-access" }, [
          "commandExecution failed",
          "fileChange failed"
        ]],
        [{ approvalPolicy: "on-request", sandbox: "danger-full-access" }, [
          "commandExecution completed",
          "fileChange completed"
        ]],
        [{ approvalPolicy: "on-request", sandbox: "workspace-write" }, [
          "commandExecution failed",
          "fileChange failed"
        ]],
        [{ approvalPolicy: "never", sandbox: "workspace-write" }, []],
        [{ approvalPolicy: "never", sandbox: "danger-full-access" }, ["fileChange completed"]]
      ] as const
      for (const [params, expected] of cases) {
        const { threadId } = yield* start(params)
        yield* settled
        const [{ items } = { items: [] }] = yield* itemsOf(threadId)
        assert.deepStrictEqual(
          items.flatMap((item) =>
            item.type === "commandExecution" || item.type === "fileChange" ? [`${item.type} ${item.status}`] : []
          ),
          [...expected],
          JSON.stringify(params)
        )
      }
    }).pipe(Effect.provide(FakeAppServer.layerClient(
      make([turn(run("ls", { ask: "Please" }), changeFiles([add("/a", "x\n")], { ask: true }))]),
      { defaultAnswer: () => ({ nonsense: true }) }
    ))))

  it.effect("calls the client's tools, and those without an answer have failed", () =>
    Effect.gen(function*() {
      const { threadId } = yield* start({
        dynamicTools: [{
          type: "namespace",
          name: "n",
          description: "d",
          tools: [{ type: "function", name: "t", description: "d", inputSchema: {} }]
        }]
      })
      yield* settled
      const [{ items } = { items: [] }] = yield* itemsOf(threadId)
      assert.deepInclude(items[1], { type: "dynamicToolCall", status: "failed", success: false })
    }).pipe(Effect.provide(FakeAppServer.layerClient(
      make([turn(callTool("t", { namespace: "n" }), callTool("t"))]),
      { experimentalApi: true }
    ))))

  it.effect("gives lists page by page, and copies up to a turn", () =>
    Effect.gen(function*() {
      const { client, threadId, turnId } = yield* start()
      yield* settled
      yield* client.turn.start({ threadId, input: text("y") })
      yield* settled
      const turns = yield* Stream.runCollect(client.paginate("thread/turns/list", { threadId, limit: 1 }))
      assert.lengthOf(turns, 2)
      const fork = yield* client.thread.fork({ threadId, lastTurnId: turnId })
      assert.deepStrictEqual(fork.thread.turns.map(({ id }) => id), [turnId])
      assert.strictEqual(yield* refusal(client.thread.fork({ threadId, lastTurnId: "z" })), "turn not found: z")
      const { data } = yield* client.request("thread/loaded/list", {})
      assert.deepStrictEqual(data, [threadId, fork.thread.id])
      const { thread } = yield* client.thread.read({ threadId, includeTurns: true })
      assert.lengthOf(thread.turns, 2)
    }).pipe(Effect.provide(FakeAppServer.layerClient(make([turn(message("Hi."))])))))

  it.effect("does a turn as the turn is told to", () =>
    Effect.gen(function*() {
      const client = yield* Client.Client
      const { thread: { id: threadId } } = yield* client.thread.start({ sandbox: "read-only", approvalPolicy: "never" })
      const cases = [
        [{ type: "readOnly" }, 1],
        [{ type: "workspaceWrite" }, 2],
        [{ type: "dangerFullAccess" }, 2]
      ] as const
      for (const [sandboxPolicy, count] of cases) {
        yield* client.turn.start({ threadId, input: text("x"), sandboxPolicy, cwd: "/elsewhere" })
        yield* settled
        const last = (yield* itemsOf(threadId)).at(-1)
        assert.lengthOf(last?.items ?? [], count, sandboxPolicy.type)
      }
    }).pipe(Effect.provide(FakeAppServer.layerClient(make([turn(changeFiles([add("a", "x\n")]))])))))

  it.effect("has one client at work on a thread, and lets go of it when that one is gone", () =>
    Effect.gen(function*() {
      const fake = yield* FakeAppServer.FakeAppServer
      const { client, threadId } = yield* start()
      yield* Effect.scoped(Effect.gen(function*() {
        const other = yield* Client.connect(fake.connect)
        assert.strictEqual(
          yield* refusal(other.thread.resume({ threadId })),
          `thread ${threadId} already has an active writer`
        )
        const { thread } = yield* other.thread.start({})
        yield* other.turn.start({ threadId: thread.id, input: text("x") })
        yield* settled
      }))
      yield* settled
      const { data } = yield* client.request("thread/list", {})
      assert.deepStrictEqual(data.map(({ status }) => status.type), ["notLoaded", "active"])
    }).pipe(Effect.provide(FakeAppServer.layerClient(make([turn(hang)])))))

  it.effect("stops what is at work when nobody wants it any more", () =>
    Effect.gen(function*() {
      const { client, threadId } = yield* start()
      yield* settled
      const closed = yield* client.waitFor("thread/closed")
      yield* client.request("thread/unsubscribe", { threadId })
      yield* closed
      assert.deepInclude((yield* itemsOf(threadId))[0], { status: "interrupted" })
    }).pipe(Effect.scoped, Effect.provide(FakeAppServer.layerClient(make([turn(hang)])))))
})

describe("Codex over FakeAppServer", () => {
  it.effect("runs turns, and fails them with the cause", () =>
    Effect.gen(function*() {
      const { reason } = yield* Effect.flip(Codex.run("x"))
      assert.deepInclude(reason, { _tag: "TurnFailed", kind: "unauthorized" })
      assert.strictEqual((yield* Codex.run("x")).finalMessage, "Hi.")
    }).pipe(Effect.provide(
      FakeAppServer.layer(make([when({ attempt: 1 }, fail("unauthorized")), turn(message("Hi."))]), {
        workingDirectory: "/w"
      })
    )))

  it.effect("gets what nobody knows yet, and passes over garbage", () =>
    Effect.gen(function*() {
      const events = yield* Stream.runCollect(Codex.stream("x"))
      assert.deepInclude(
        events.filter(({ type }) => type === "unknown").map((event) =>
          event.type === "unknown" ? event.raw : undefined
        )[0],
        {
          method: "x/y"
        }
      )
      assert.isTrue(events.some((event) => event.type === "item.completed" && event.item.type === "unknown"))
    }).pipe(Effect.provide(FakeAppServer.layer(make([turn(
      garbage(),
      future("event", "x/y", { a: 1 }),
      future("item", "telepathy", { b: 2 })
    )])))))

  it.effect("connects again when the connection was lost", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Effect.flip(Codex.run("x")))
      yield* settled
      yield* TestClock.adjust("1 minute")
      const { reason } = yield* Fiber.join(fiber)
      assert.strictEqual(reason._tag, "AppServerFailed")
      assert.strictEqual((yield* Codex.run("x")).finalMessage, "Hi.")
    }).pipe(Effect.provide(FakeAppServer.layer(make([when({ attempt: 1 }, crash()), turn(message("Hi."))])))))
})

describe("Threads over FakeAppServer", () => {
  it.effect("opens, steers, stops, copies, names, lists and puts away", () =>
    Effect.gen(function*() {
      const threads = yield* Threads.Threads
      const thread = yield* threads.start()
      assert.strictEqual((yield* thread.run("Hello")).finalMessage, "Hi.")

      const turn = yield* thread.turn("Wait")
      yield* settled
      yield* turn.steer("More")
      yield* turn.interrupt
      assert.strictEqual((yield* Effect.flip(turn.await)).reason._tag, "Stopped")

      const fork = yield* thread.fork()
      assert.strictEqual((yield* fork.run("And now?")).finalMessage, "Hi.")
      yield* thread.setName("first")
      const history = yield* Stream.runCollect(thread.history())
      assert.deepStrictEqual(history.map(({ status }) => status), ["interrupted", "completed"])
      const listed = yield* Stream.runCollect(threads.list())
      assert.deepStrictEqual(listed.map(({ id, name }) => [id, name]), [[fork.id, null], [thread.id, "first"]])
      yield* threads.archive(thread.id)
      assert.lengthOf(yield* Stream.runCollect(threads.list()), 1)
    }).pipe(
      Effect.scoped,
      Effect.provide(Layer.provideMerge(
        Threads.layer(),
        FakeAppServer.layerClient(
          make([when({ prompt: "Wait" }, run("sleep 9", { duration: "1 hour" })), turn(message("Hi."))])
        )
      ))
    ))
})
