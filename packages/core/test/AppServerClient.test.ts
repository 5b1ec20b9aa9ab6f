import * as Client from "@effect-codex/core/appserver/Client"
import { ExperimentalApiRequired, isExperimentalApiRequired } from "@effect-codex/core/appserver/ClientError"
import * as Connection from "@effect-codex/core/appserver/Connection"
import * as ConnectionError from "@effect-codex/core/appserver/ConnectionError"
import * as Protocol from "@effect-codex/core/appserver/Protocol"
import { RequestTimedOut, RpcError } from "@effect-codex/core/appserver/RpcError"
import { InvalidOption } from "@effect-codex/core/CodexError"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { isRepeatable } from "../src/internal/clientCalls.ts"
import { connect, serverInfo } from "./support/client.ts"
import { type Message, serve, settled } from "./support/peer.ts"

const model = (id: string) => ({
  id,
  model: id,
  displayName: id.toUpperCase(),
  description: "",
  hidden: false,
  isDefault: false,
  defaultReasoningEffort: "medium",
  supportedReasoningEfforts: []
})

const turnCompleted = (threadId: string) => ({
  method: "turn/completed",
  params: { threadId, turn: { id: `turn of ${threadId}`, status: "completed", items: [], error: null } }
})

/** What a program gets, and what it has sent, if the app-server replies so. */
const exchange = Effect.fnUntraced(function*<A, E>(
  call: (client: Client.Client["Service"]) => Effect.Effect<A, E>,
  reply: { readonly result: unknown } | { readonly error: { readonly code: number; readonly message: string } },
  options?: Client.Options
) {
  const { client, server } = yield* connect(options)
  const calling = yield* Effect.forkChild(Effect.exit(call(client)))
  const sent = yield* server.take
  yield* server.send({ id: sent.id, ...reply })
  return { sent: { method: sent.method, params: sent.params }, exit: yield* Fiber.join(calling) }
})

/** How a call fails that must not be sent. */
const unsent = Effect.fnUntraced(function*<A, E>(
  call: (client: Client.Client["Service"]) => Effect.Effect<A, E>,
  options?: Client.Options
) {
  const { client, server } = yield* connect(options)
  const error = yield* Effect.flip(call(client))
  yield* server.nothing
  return error
})

describe("the introduction", () => {
  it.effect("says who the client is, and learns what the app-server is", () =>
    Effect.gen(function*() {
      const { client, said } = yield* connect()
      assert.deepStrictEqual(said, [
        {
          id: 1,
          method: "initialize",
          params: { clientInfo: { name: "effect_codex", title: "effect-codex", version: "0.1.0" }, capabilities: {} }
        },
        { method: "initialized" }
      ])
      assert.deepStrictEqual(client.serverInfo, serverInfo)
    }))

  it.effect("says what the client can do, and what it does not want to hear", () =>
    Effect.gen(function*() {
      const clientInfo = { name: "mine", version: "1.2.3" }
      const { said: [initialize] } = yield* connect({
        clientInfo,
        experimentalApi: true,
        optOutNotificationMethods: ["item/agentMessage/delta"],
        capabilities: { requestAttestation: true }
      })
      assert.deepStrictEqual(initialize.params, {
        clientInfo,
        capabilities: {
          experimentalApi: true,
          optOutNotificationMethods: ["item/agentMessage/delta"],
          requestAttestation: true
        }
      })
    }))

  it.effect("is not made if the program does not want to hear what it needs", () =>
    Effect.gen(function*() {
      const [near, far] = yield* Connection.inMemory
      const server = yield* serve(far)
      const error = yield* Effect.flip(Client.make(near, {
        // @ts-expect-error: nor is it of the type
        optOutNotificationMethods: ["turn/diff/updated", "turn/completed"]
      }))
      assert.deepStrictEqual(
        error,
        ConnectionError.fromReason(
          new InvalidOption({
            option: "optOutNotificationMethods",
            problem: "must be without turn/completed, which this library waits for"
          })
        )
      )
      yield* server.nothing
    }))

  const failing = Effect.fnUntraced(function*(options?: Client.Options) {
    const [near, far] = yield* Connection.inMemory
    const server = yield* serve(far)
    const connecting = yield* Effect.forkChild(Effect.flip(Client.make(near, options)))
    return { server, initialize: yield* server.take, error: Fiber.join(connecting) }
  })

  it.effect("fails when the app-server ends instead of answering", () =>
    Effect.gen(function*() {
      const { error, server } = yield* failing()
      yield* server.end
      const { _tag, message } = yield* error
      assert.strictEqual(_tag, "ConnectionError")
      assert.include(message, "The connection to the app-server was lost")
    }))

  it.effect("fails when the app-server does not answer", () =>
    Effect.gen(function*() {
      const { error } = yield* failing({ requestTimeout: "none" })
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(
        yield* error,
        new RequestTimedOut({ method: "initialize", duration: Duration.seconds(30), sent: true })
      )
    }))

  it.effect("fails when the app-server refuses it", () =>
    Effect.gen(function*() {
      const { error, initialize, server } = yield* failing()
      yield* server.send({ id: initialize.id, error: { code: -32600, message: "Already initialized" } })
      assert.deepStrictEqual(
        yield* error,
        new RpcError({ method: "initialize", code: -32600, description: "Already initialized" })
      )
    }))

  it.effect("fails when what answers is no app-server", () =>
    Effect.gen(function*() {
      const { error, initialize, server } = yield* failing()
      yield* server.reply(initialize, { capabilities: {} })
      const { _tag, message } = yield* error
      assert.strictEqual(_tag, "ProtocolError")
      assert.include(message, `["userAgent"]`)
    }))
})

describe("a call", () => {
  it.effect("is the method by its name, or the function of that name", () =>
    Effect.gen(function*() {
      const params = { threadId: "t", name: "New name" }
      for (
        const call of [
          ({ request }: Client.Client["Service"]) => request("thread/name/set", params),
          ({ thread }: Client.Client["Service"]) => thread.name.set(params)
        ]
      ) {
        const { exit, sent } = yield* exchange(call, { result: {} })
        assert.deepStrictEqual(sent, { method: "thread/name/set", params })
        assert.deepStrictEqual(exit, Exit.succeed({}))
      }
    }))

  it.effect("can be made of every method but `initialize`", () =>
    Effect.gen(function*() {
      const { client } = yield* connect()
      for (const method of Object.keys(Protocol.ClientRequests)) {
        const found = method.split("/").reduce<unknown>(
          (at, part) => Predicate.isObjectKeyword(at) && Object.hasOwn(at, part) ? Reflect.get(at, part) : undefined,
          client
        )
        assert.strictEqual(typeof found, method === "initialize" ? "undefined" : "function", method)
      }
    }))

  it.effect("may be of a method that others are named after", () =>
    Effect.gen(function*() {
      const { sent } = yield* exchange(
        ({ command }) => command.exec.terminate({ processId: "p" }),
        { result: {} }
      )
      assert.deepStrictEqual(sent, { method: "command/exec/terminate", params: { processId: "p" } })
      const { exit } = yield* exchange(
        ({ command }) => command.exec({ command: ["true"] }),
        { result: { exitCode: 0, stdout: "", stderr: "" } }
      )
      assert.deepStrictEqual(exit, Exit.succeed({ exitCode: 0, stdout: "", stderr: "" }))
    }))

  it.effect("has the empty params that the app-server insists on, or none", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        (yield* exchange(({ thread }) => thread.loaded.list(), { result: { data: [] } })).sent,
        { method: "thread/loaded/list", params: {} }
      )
      assert.deepStrictEqual(
        (yield* exchange(({ account }) => account.logout(), { result: {} })).sent,
        { method: "account/logout", params: undefined }
      )
    }))

  it.effect("keeps what this version does not know", () =>
    Effect.gen(function*() {
      const account = { type: "quantum", qubits: 3 }
      const { exit } = yield* exchange(({ account }) => account.read(), {
        result: { account, requiresOpenaiAuth: true, new: 1 }
      })
      const known = { account: { type: "unrecognized", raw: account }, requiresOpenaiAuth: true, new: 1 }
      assert.deepStrictEqual<unknown>(exit, Exit.succeed(known))
    }))

  it.effect("fails with the error of the app-server", () =>
    Effect.gen(function*() {
      const { exit } = yield* exchange(
        ({ thread }) => thread.read({ threadId: "t" }),
        { error: { code: -32600, message: "thread not found" } }
      )
      assert.deepStrictEqual(
        exit,
        Exit.fail(new RpcError({ method: "thread/read", code: -32600, description: "thread not found" }))
      )
    }))

  it.effect("fails with the place of what can't be decoded, and not with what is there", () =>
    Effect.gen(function*() {
      const { exit } = yield* exchange(({ command }) => command.exec({ command: ["true"] }), {
        result: { exitCode: "s3cret", stdout: "", stderr: "" }
      })
      const error = yield* Effect.flip(exit)
      assert.isTrue(error._tag === "ProtocolError" && error.direction === "received" && error.part === "result")
      assert.include(error.message, "command/exec")
      assert.include(error.message, `["exitCode"]`)
      assert.notInclude(error.message, "s3cret")
    }))

  it.effect("is not sent with params of another shape", () =>
    Effect.gen(function*() {
      // @ts-expect-error: nor is it of the type
      const error = yield* unsent(({ turn }) => turn.interrupt({ threadId: 1, turnId: "s3cret" }))
      assert.isTrue(error._tag === "ProtocolError" && error.direction === "sent")
      assert.include(error.message, `turn/interrupt`)
      assert.include(error.message, `["threadId"]`)
      assert.notInclude(error.message, "s3cret")

      // @ts-expect-error: nor is it of the type
      const without = yield* unsent(({ turn }) => turn.interrupt())
      assert.include(without.message, `["threadId"]`)
    }))

  it.effect("sends secrets, and does not show them", () =>
    Effect.gen(function*() {
      const apiKey = Redacted.make("sk-s3cret")
      const { exit, sent } = yield* exchange(({ account }) => account.login.start({ type: "apiKey", apiKey }), {
        error: { code: -32600, message: "no" }
      })
      assert.deepStrictEqual(sent.params, { type: "apiKey", apiKey: "sk-s3cret" })
      assert.notInclude(String(exit), "s3cret")
    }))

  it.effect("has its own time limit", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const calling = yield* Effect.forkChild(Effect.flip(client.thread.start({}, { timeout: "5 seconds" })))
      yield* server.take
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(
        yield* Fiber.join(calling),
        new RequestTimedOut({ method: "thread/start", duration: Duration.seconds(5), sent: true })
      )
    }))
})

describe("what is experimental", () => {
  it.effect("is not sent without the capability", () =>
    Effect.gen(function*() {
      const method = yield* unsent(({ thread }) => thread.memory.read({ threadId: "t" }))
      assert.deepStrictEqual(
        method,
        new ExperimentalApiRequired({ method: "thread/memory/read", uses: ["thread/memory/read"] })
      )
      const params = yield* unsent(({ thread }) => thread.start({ dynamicTools: [] }))
      assert.deepStrictEqual(
        params,
        new ExperimentalApiRequired({ method: "thread/start", uses: ["thread/start.dynamicTools"] })
      )
      assert.isTrue(isExperimentalApiRequired(params))
      assert.include(params.message, "experimentalApi: true")
    }))

  it.effect("is sent with it", () =>
    Effect.gen(function*() {
      const { sent } = yield* exchange(
        ({ thread }) => thread.backgroundTerminals.clean({ threadId: "t" }),
        { result: {} },
        { experimentalApi: true }
      )
      assert.deepStrictEqual(sent, { method: "thread/backgroundTerminals/clean", params: { threadId: "t" } })
    }))
})

describe("an overloaded app-server", () => {
  const overloaded = { code: -32001, message: "Server overloaded; retry later." }

  it.effect("is asked again by a method that only reads", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const calling = yield* Effect.forkChild(client.model.list())
      yield* server.send({ id: (yield* server.take).id, error: overloaded })
      yield* settled
      yield* TestClock.adjust("1 second")
      const again = yield* server.take
      assert.strictEqual(again.method, "model/list")
      yield* server.reply(again, { data: [] })
      assert.deepStrictEqual(yield* Fiber.join(calling), { data: [] })
    }))

  it.effect("is not asked again by others, unless they say so", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const error = yield* Effect.forkChild(Effect.flip(client.thread.start()))
      yield* server.send({ id: (yield* server.take).id, error: overloaded })
      assert.isTrue(Predicate.isTagged(yield* Fiber.join(error), "RpcError"))

      yield* Effect.forkChild(client.thread.archive({ threadId: "t" }, { repeatable: true }))
      yield* server.send({ id: (yield* server.take).id, error: overloaded })
      yield* settled
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* server.take).method, "thread/archive")
    }))

  it("has these methods that only read", () => {
    const reading = `
      account/gatewayOAuth/read account/rateLimits/read account/read account/securitySetup/read
      account/usage/read account/workspaceMessages/read accountSession/list app/installed app/list
      app/read collaborationMode/list config/read configRequirements/read environment/info
      environment/status experimentalFeature/list externalAgentConfig/detect
      externalAgentConfig/import/readHistories fs/getMetadata fs/readDirectory fs/readFile fuzzyFileSearch
      hooks/list mcpServer/resource/read mcpServerStatus/list memory/status model/list
      modelProvider/capabilities/read modelProvider/list permissionProfile/list plugin/installed
      plugin/list plugin/read plugin/search plugin/share/list plugin/skill/read project/list project/read
      remoteControl/client/list remoteControl/pairing/status remoteControl/status/read server/diagnostics
      skills/list thread/attachment/list thread/attachmentOwner/list thread/backgroundTerminals/list
      thread/goal/get thread/items/list thread/items/read thread/list thread/loaded/list
      thread/memory/read thread/queue/list thread/read thread/realtime/listVoices thread/search
      thread/searchOccurrences thread/timeline/list thread/turns/list threadSection/list
      userVerification/status windowsSandbox/readiness
    `
    assert.deepStrictEqual(Object.keys(Protocol.ClientRequests).filter(isRepeatable), reading.trim().split(/\s+/))
  })
})

describe("a list", () => {
  const pages = Effect.fnUntraced(function*(
    server: {
      readonly take: Effect.Effect<Message, unknown>
      readonly reply: (to: Message, result: unknown) => Effect.Effect<unknown>
    },
    results: ReadonlyArray<unknown>
  ) {
    const params: Array<unknown> = []
    for (const result of results) {
      const request = yield* server.take
      params.push(request.params)
      yield* server.reply(request, result)
    }
    return params
  })

  it.effect("is given page by page", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const collecting = yield* Effect.forkChild(Stream.runCollect(client.paginate("model/list", { limit: 2 })))
      const params = yield* pages(server, [
        { data: [model("a"), model("b")], nextCursor: "2" },
        { data: [], nextCursor: "3" },
        { data: [model("c")], nextCursor: null }
      ])
      assert.deepStrictEqual((yield* Fiber.join(collecting)).map(({ id }) => id), ["a", "b", "c"])
      assert.deepStrictEqual(params, [{ limit: 2 }, { limit: 2, cursor: "2" }, { limit: 2, cursor: "3" }])
    }))

  it.effect("is fetched as far as it is needed, and needs no params", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const first = client.paginate("thread/loaded/list").pipe(Stream.take(1), Stream.runCollect)
      const collecting = yield* Effect.forkChild(first)
      assert.deepStrictEqual(yield* pages(server, [{ data: ["a"], nextCursor: "2" }]), [{}])
      assert.deepStrictEqual(yield* Fiber.join(collecting), ["a"])
      yield* server.nothing
    }))

  it.effect("fails behind the pages that came", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const seen = yield* Ref.make<ReadonlyArray<string>>([])
      const running = yield* client.paginate("thread/loaded/list").pipe(
        Stream.runForEach((id) => Ref.update(seen, (ids) => [...ids, id])),
        Effect.flip,
        Effect.forkChild
      )
      yield* pages(server, [{ data: ["a"], nextCursor: "2" }])
      yield* server.send({ id: (yield* server.take).id, error: { code: -32600, message: "no such cursor" } })
      assert.include((yield* Fiber.join(running)).message, "no such cursor")
      assert.deepStrictEqual(yield* Ref.get(seen), ["a"])
    }))
})

describe("notifications", () => {
  it.effect("are not missed from when there is a subscription, and keep what is unknown", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const all = yield* client.notifications()
      const completed = yield* client.notifications(["turn/completed"], { bufferSize: 1000 })
      const messages = [
        { method: "thread/started", params: { thread: "no thread" } },
        { method: "thread/teleported", params: { threadId: "t" } },
        { ...turnCompleted("t"), emittedAtMs: 17 }
      ]
      for (const message of messages) yield* server.send(message)
      yield* settled

      const [started, teleported, done] = yield* Stream.runCollect(Stream.take(all, 3))
      assert.isTrue(started?.method === "unrecognized" && started.issue?.includes(`["thread"]`))
      assert.deepStrictEqual(teleported, { method: "unrecognized", raw: messages[1] })
      assert.deepStrictEqual<unknown>(done, messages[2])

      const [only] = yield* Stream.runCollect(Stream.take(completed, 1))
      assert.strictEqual(only?.method === "turn/completed" ? only.params.turn.id : undefined, "turn of t")
    }))

  it.effect("end with the connection, by its error", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const all = yield* client.notifications()
      const waiting = yield* client.waitFor("turn/completed")
      yield* server.send(turnCompleted("t"))
      yield* settled
      const seen = yield* Ref.make(0)
      yield* server.end
      const error = yield* Effect.flip(client.closed)
      assert.strictEqual(error.reason._tag, "Disconnected")
      const counting = Stream.runForEach(all, () => Ref.update(seen, (n) => n + 1))
      assert.deepStrictEqual(yield* Effect.flip(counting), error)
      assert.strictEqual(yield* Ref.get(seen), 1)
      assert.strictEqual((yield* waiting).threadId, "t")
      assert.deepStrictEqual(yield* Effect.flip(Effect.flatten(client.waitFor("turn/completed"))), error)
    }))

  it.effect("can be waited for", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const completed = yield* client.waitFor("turn/completed", ({ threadId }) => threadId === "b")
      yield* server.send(turnCompleted("a"))
      yield* server.send(turnCompleted("b"))
      assert.strictEqual((yield* completed).turn.id, "turn of b")
    }))

  it.effect("that can't be decoded are not waited past", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const completed = yield* client.waitFor("turn/completed", ({ threadId }) => threadId === "b")
      yield* server.send({ method: "turn/completed", params: { threadId: "b" } })
      const error = yield* Effect.flip(completed)
      assert.strictEqual(error._tag, "ProtocolError")
      assert.include(error.message, `["turn"]`)
    }))

  it.effect("about the configuration are kept for who comes later", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const warning = (summary: string) => ({ method: "configWarning", params: { summary, details: null } })
      yield* server.send(warning("early"))
      yield* settled
      const collecting = yield* Effect.forkChild(Stream.runCollect(Stream.take(client.configWarnings, 2)))
      yield* settled
      yield* server.send(warning("late"))
      assert.deepStrictEqual((yield* Fiber.join(collecting)).map(({ summary }) => summary), ["early", "late"])
      yield* server.end
      assert.isTrue(Exit.hasFails(yield* Effect.exit(Stream.runDrain(client.configWarnings))))
    }))
})

describe("what the app-server asks", () => {
  const request = {
    id: 0,
    method: "item/fileChange/requestApproval",
    params: { threadId: "t", turnId: "u", itemId: "i", startedAtMs: 1, reason: null, grantRoot: null }
  }
  const method = "item/fileChange/requestApproval"

  it.effect("is answered by a handler", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      yield* client.onServerRequest(method, (params, raw) =>
        Effect.succeed({ decision: params.itemId === "i" && raw.id === 0 ? "accept" : "cancel" }))
      yield* server.send(request)
      assert.deepStrictEqual(yield* server.take, { id: 0, result: { decision: "accept" } })
    }))

  it.effect("is answered by the default when its handler is gone, or can't be asked or understood", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ defaultAnswer: (_, reason) => ({ decision: "decline", reason }) })
      const scope = yield* Scope.make()
      // @ts-expect-error: nor is it of the type
      const handler = client.onServerRequest(method, () => Effect.succeed({ decision: "perhaps" }))
      yield* Scope.provide(handler, scope)
      yield* server.send(request)
      assert.deepStrictEqual(yield* server.take, { id: 0, result: { decision: "decline", reason: "failed" } })
      yield* server.send({ ...request, id: 1, params: {} })
      assert.deepStrictEqual(yield* server.take, { id: 1, result: { decision: "decline", reason: "failed" } })
      yield* Scope.close(scope, Exit.void)
      yield* server.send({ ...request, id: 2 })
      assert.deepStrictEqual(yield* server.take, { id: 2, result: { decision: "decline", reason: "unhandled" } })
    }))

  it.effect("can be handled by who uses the client, within a time limit", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      yield* client.onServerRequest(
        method,
        () => Effect.as(client.thread.loaded.list(), { decision: "accept" as const }),
        { timeout: "1 second" }
      )
      yield* server.send(request)
      const list = yield* server.take
      yield* server.reply(list, { data: [] })
      assert.deepStrictEqual(yield* server.take, { id: 0, result: { decision: "accept" } })
      yield* server.send({ ...request, id: 1 })
      assert.strictEqual((yield* server.take).method, "thread/loaded/list")
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* server.take).error?.code, -32000)
    }))
})

describe("a connection", () => {
  it.effect("is let go of when no client comes of it", () =>
    Effect.gen(function*() {
      const released = yield* Ref.make(false)
      const connection = Effect.gen(function*() {
        yield* Effect.addFinalizer(() => Ref.set(released, true))
        const [near, far] = yield* Connection.inMemory
        const server = yield* serve(far)
        yield* server.end
        return near
      })
      assert.strictEqual((yield* Effect.flip(Client.connect(connection)))._tag, "ConnectionError")
      assert.isTrue(yield* Ref.get(released))
    }))

  it.effect("is provided by a Layer", () =>
    Effect.gen(function*() {
      const connection = Effect.gen(function*() {
        const [near, far] = yield* Connection.inMemory
        const server = yield* serve(far)
        yield* Effect.forkScoped(Effect.flatMap(server.take, (initialize) => server.reply(initialize, serverInfo)))
        return near
      })
      const program = Effect.map(Client.Client, (client) => client.serverInfo)
      assert.deepStrictEqual(yield* Effect.provide(program, Client.layer(connection)), serverInfo)
    }))
})
