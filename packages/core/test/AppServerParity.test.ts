/**
 * What users of other SDKs for the app-server had, or should not have had. `docs/parity-app-server.md` names these tests.
 */
import * as ApprovalAnswer from "@effect-codex/core/ApprovalAnswer"
import * as Approvals from "@effect-codex/core/Approvals"
import * as ApprovalServing from "@effect-codex/core/appserver/ApprovalServing"
import type * as Client from "@effect-codex/core/appserver/Client"
import * as Connection from "@effect-codex/core/appserver/Connection"
import * as Codex from "@effect-codex/core/Codex"
import { CodexTransport } from "@effect-codex/core/CodexTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { connect } from "./support/client.ts"
import * as FakeAppServer from "./support/fakeAppServer.ts"
import * as Peer from "./support/peer.ts"
import * as ServerProcess from "./support/serverProcess.ts"

const { settled } = Peer
const { threadId, turnId } = FakeAppServer

describe("the methods of other SDKs", () => {
  type Call = (client: Client.Client["Service"]) => Effect.Effect<unknown, unknown>

  const paths = { sourcePath: "/a", destinationPath: "/b" }
  const file = { path: "/a" }
  const id = { threadId }
  const process = { processId: "p" }
  const size = { rows: 24, cols: 80 }
  const text = { type: "text", text: "Hello" } as const

  const calls: ReadonlyArray<readonly [method: string, params: object | undefined, call: Call]> = [
    ["thread/start", { ephemeral: true }, ({ thread }) => thread.start({ ephemeral: true })],
    ["thread/resume", id, ({ thread }) => thread.resume(id)],
    ["thread/fork", id, ({ thread }) => thread.fork(id)],
    [
      "thread/list",
      { archived: true, cursor: "c", limit: 5, modelProviders: ["openai"], searchTerm: "a", sortKey: "updated_at" },
      ({ thread }) =>
        thread.list({
          archived: true,
          cursor: "c",
          limit: 5,
          modelProviders: ["openai"],
          searchTerm: "a",
          sortKey: "updated_at"
        })
    ],
    ["thread/loaded/list", {}, ({ thread }) => thread.loaded.list()],
    ["thread/read", { ...id, includeTurns: true }, ({ thread }) => thread.read({ ...id, includeTurns: true })],
    ["thread/archive", id, ({ thread }) => thread.archive(id)],
    ["thread/unarchive", id, ({ thread }) => thread.unarchive(id)],
    ["thread/unsubscribe", id, ({ thread }) => thread.unsubscribe(id)],
    ["thread/name/set", { ...id, name: "n" }, ({ thread }) => thread.name.set({ ...id, name: "n" })],
    ["thread/compact/start", id, ({ thread }) => thread.compact.start(id)],
    [
      "thread/metadata/update",
      { ...id, gitInfo: { branch: null } },
      ({ thread }) => thread.metadata.update({ ...id, gitInfo: { branch: null } })
    ],
    ["thread/backgroundTerminals/clean", id, ({ thread }) => thread.backgroundTerminals.clean(id)],
    ["thread/shellCommand", { ...id, command: "ls" }, ({ thread }) => thread.shellCommand({ ...id, command: "ls" })],
    ["thread/goal/set", { ...id, objective: "o" }, ({ thread }) => thread.goal.set({ ...id, objective: "o" })],
    ["thread/goal/clear", id, ({ thread }) => thread.goal.clear(id)],
    [
      "turn/steer",
      { ...id, expectedTurnId: turnId, input: [text] },
      ({ turn }) => turn.steer({ ...id, expectedTurnId: turnId, input: [text] })
    ],
    ["turn/interrupt", { ...id, turnId }, ({ turn }) => turn.interrupt({ ...id, turnId })],
    [
      "review/start",
      { ...id, target: { type: "uncommittedChanges" }, delivery: "inline" },
      ({ review }) => review.start({ ...id, target: { type: "uncommittedChanges" }, delivery: "inline" })
    ],
    [
      "config/read",
      { includeLayers: true, cwd: "/a" },
      ({ config }) => config.read({ includeLayers: true, cwd: "/a" })
    ],
    [
      "config/value/write",
      { keyPath: "model", value: null, mergeStrategy: "replace" },
      ({ config }) => config.value.write({ keyPath: "model", value: null, mergeStrategy: "replace" })
    ],
    [
      "config/batchWrite",
      { edits: [], reloadUserConfig: true },
      ({ config }) => config.batchWrite({ edits: [], reloadUserConfig: true })
    ],
    ["configRequirements/read", undefined, ({ configRequirements }) => configRequirements.read()],
    [
      "skills/list",
      { cwds: ["/a"], forceReload: true },
      ({ skills }) => skills.list({ cwds: ["/a"], forceReload: true })
    ],
    [
      "skills/config/write",
      { ...file, enabled: false },
      ({ skills }) => skills.config.write({ ...file, enabled: false })
    ],
    ["model/list", { includeHidden: true }, ({ model }) => model.list({ includeHidden: true })],
    ["experimentalFeature/list", {}, ({ experimentalFeature }) => experimentalFeature.list()],
    [
      "experimentalFeature/enablement/set",
      { enablement: { apps: true } },
      ({ experimentalFeature }) => experimentalFeature.enablement.set({ enablement: { apps: true } })
    ],
    ["collaborationMode/list", {}, ({ collaborationMode }) => collaborationMode.list({})],
    ["app/list", { forceRefetch: true, ...id }, ({ app }) => app.list({ forceRefetch: true, ...id })],
    ["plugin/list", {}, ({ plugin }) => plugin.list()],
    ["plugin/read", { pluginName: "p" }, ({ plugin }) => plugin.read({ pluginName: "p" })],
    ["plugin/install", { pluginName: "p" }, ({ plugin }) => plugin.install({ pluginName: "p" })],
    ["plugin/uninstall", { pluginId: "p" }, ({ plugin }) => plugin.uninstall({ pluginId: "p" })],
    ["fs/copy", paths, ({ fs }) => fs.copy(paths)],
    ["fs/createDirectory", file, ({ fs }) => fs.createDirectory(file)],
    ["fs/getMetadata", file, ({ fs }) => fs.getMetadata(file)],
    ["fs/readDirectory", file, ({ fs }) => fs.readDirectory(file)],
    ["fs/readFile", file, ({ fs }) => fs.readFile(file)],
    ["fs/remove", file, ({ fs }) => fs.remove(file)],
    ["fs/writeFile", { ...file, dataBase64: "" }, ({ fs }) => fs.writeFile({ ...file, dataBase64: "" })],
    ["fs/watch", { ...file, watchId: "w" }, ({ fs }) => fs.watch({ ...file, watchId: "w" })],
    ["fs/unwatch", { watchId: "w" }, ({ fs }) => fs.unwatch({ watchId: "w" })],
    [
      "fuzzyFileSearch",
      { query: "q", roots: ["/a"] },
      ({ fuzzyFileSearch }) => fuzzyFileSearch({ query: "q", roots: ["/a"] })
    ],
    [
      "command/exec",
      {
        command: ["ls"],
        cwd: "/a",
        env: { A: null },
        tty: true,
        size,
        streamStdin: true,
        streamStdoutStderr: true,
        ...process,
        disableOutputCap: true,
        disableTimeout: true,
        sandboxPolicy: { type: "dangerFullAccess" }
      },
      ({ command }) =>
        command.exec({
          command: ["ls"],
          cwd: "/a",
          env: { A: null },
          tty: true,
          size,
          streamStdin: true,
          streamStdoutStderr: true,
          ...process,
          disableOutputCap: true,
          disableTimeout: true,
          sandboxPolicy: { type: "dangerFullAccess" }
        })
    ],
    [
      "command/exec/write",
      { ...process, closeStdin: true },
      ({ command }) => command.exec.write({ ...process, closeStdin: true })
    ],
    ["command/exec/resize", { ...process, size }, ({ command }) => command.exec.resize({ ...process, size })],
    ["command/exec/terminate", process, ({ command }) => command.exec.terminate(process)],
    ["mcpServer/oauth/login", { name: "n" }, ({ mcpServer }) => mcpServer.oauth.login({ name: "n" })],
    ["config/mcpServer/reload", undefined, ({ config }) => config.mcpServer.reload()],
    ["mcpServerStatus/list", {}, ({ mcpServerStatus }) => mcpServerStatus.list()],
    [
      "externalAgentConfig/detect",
      { includeHome: true },
      ({ externalAgentConfig }) => externalAgentConfig.detect({ includeHome: true })
    ],
    [
      "externalAgentConfig/import",
      { migrationItems: [] },
      ({ externalAgentConfig }) => externalAgentConfig.import({ migrationItems: [] })
    ],
    [
      "windowsSandbox/setupStart",
      { mode: "elevated", cwd: "C:\\a" },
      ({ windowsSandbox }) => windowsSandbox.setupStart({ mode: "elevated", cwd: "C:\\a" })
    ],
    [
      "account/login/start",
      { type: "apiKey", apiKey: "sk" },
      ({ account }) => account.login.start({ type: "apiKey", apiKey: Redacted.make("sk") })
    ],
    ["account/login/cancel", { loginId: "l" }, ({ account }) => account.login.cancel({ loginId: "l" })],
    ["account/logout", undefined, ({ account }) => account.logout()],
    ["account/rateLimits/read", {}, ({ account }) => account.rateLimits.read()],
    ["account/read", { refreshToken: true }, ({ account }) => account.read({ refreshToken: true })],
    [
      "feedback/upload",
      { classification: "bug", includeLogs: false },
      ({ feedback }) => feedback.upload({ classification: "bug", includeLogs: false })
    ]
  ]

  it.effect("are here, with the same params", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ experimentalApi: true })
      for (const [method, params, call] of calls) {
        const calling = yield* Effect.forkChild(call(client))
        const sent = yield* server.take
        yield* Fiber.interrupt(calling)
        assert.deepStrictEqual<unknown>([sent.method, sent.params], [method, params])
      }
    }))

  it.effect("may be such that Codex has them no more", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      yield* Effect.forkChild(client.rpc.request("thread/rollback", { ...id, numTurns: 1 }))
      const { method, params } = yield* server.take
      assert.deepStrictEqual<unknown>([method, params], ["thread/rollback", { ...id, numTurns: 1 }])
    }))

  it.effect("take every kind of input", () =>
    Effect.gen(function*() {
      const input = [
        { ...text, text_elements: [{ byteRange: { start: 0, end: 5 }, placeholder: null }] },
        { type: "image", url: "https://example.org/a.png" },
        { type: "localImage", ...file },
        { type: "skill", name: "s", ...file },
        { type: "mention", name: "m", ...file }
      ] as const
      const { client, server } = yield* connect()
      yield* Effect.forkChild(client.turn.start({ ...id, input, outputSchema: { type: "object" }, summary: "concise" }))
      assert.deepStrictEqual<unknown>((yield* server.take).params, {
        ...id,
        input,
        outputSchema: { type: "object" },
        summary: "concise"
      })
    }))
})

describe("the answers of other SDKs", () => {
  const command = "item/commandExecution/requestApproval"
  const fileChange = "item/fileChange/requestApproval"
  const call = "item/tool/call"
  const turn = { threadId, turnId, itemId: "i", startedAtMs: 1 }
  const asked = {
    [command]: { ...turn, command: "ls" },
    [fileChange]: turn,
    "item/tool/requestUserInput": { ...turn, questions: [] },
    [call]: { ...turn, callId: "c", tool: "t", arguments: {} }
  }
  const image = { type: "inputImage", imageUrl: "data:image/png;base64," } as const

  const helpers: ReadonlyArray<
    readonly [helper: string, method: keyof typeof asked, answer: ApprovalAnswer.ApprovalAnswer, result: object]
  > = [
    ["approveCommand", command, ApprovalAnswer.accept, { decision: "accept" }],
    ["declineCommand", command, ApprovalAnswer.decline, { decision: "decline" }],
    ["accept_with_execpolicy_amendment", command, ApprovalAnswer.acceptPrefix(["ls"]), {
      decision: { acceptWithExecpolicyAmendment: { execpolicy_amendment: ["ls"] } }
    }],
    ["approveFileChange", fileChange, ApprovalAnswer.accept, { decision: "accept" }],
    ["approveFileChangeForSession", fileChange, ApprovalAnswer.acceptForSession, { decision: "acceptForSession" }],
    ["declineFileChange", fileChange, ApprovalAnswer.decline, { decision: "decline" }],
    ["toolAnswers", "item/tool/requestUserInput", ApprovalAnswer.answers({ q: ["A"] }), {
      answers: { q: { answers: ["A"] } }
    }],
    ["toolCallSuccess", call, ApprovalAnswer.toolSuccess([image]), { success: true, contentItems: [image] }],
    ["toolCallSuccess, empty", call, ApprovalAnswer.toolSuccess([]), { success: true, contentItems: [] }],
    ["toolCallFailure", call, ApprovalAnswer.toolFailure([]), { success: false, contentItems: [] }]
  ]
  for (const [helper, method, answer, result] of helpers) {
    it.effect(`have the form of the wire: ${helper}`, () =>
      Effect.gen(function*() {
        const { peer, server } = yield* Peer.connect()
        yield* ApprovalServing.serve(peer).pipe(
          Effect.provide(Approvals.layer(Approvals.fromFunction(() => Effect.succeed(answer))))
        )
        // Of a change of files, what is asked for is told before.
        yield* server.send({
          method: "item/started",
          params: {
            threadId,
            turnId,
            startedAtMs: 1,
            item: { type: "fileChange", id: "i", changes: [], status: "inProgress" }
          }
        })
        yield* server.send({ id: 0, method, params: asked[method] })
        assert.deepStrictEqual<unknown>(yield* server.take, { id: 0, result })
      }))
  }
})

describe("whoever waits", () => {
  it.effect("for a client that is closed is told so", () =>
    Effect.gen(function*() {
      const outer = yield* Effect.scope
      const waiting = yield* Effect.scoped(Effect.gen(function*() {
        const { client } = yield* connect()
        const notifications = yield* Scope.provide(client.notifications(), outer)
        const completed = yield* Scope.provide(client.waitFor("turn/completed"), outer)
        const waits = [client.thread.list(), Stream.runDrain(notifications), completed, client.closed]
        const waiting = yield* Effect.forEach(waits, (wait) => Effect.forkIn(Effect.flip(wait), outer))
        yield* settled
        return waiting
      }))
      for (const fiber of waiting) {
        const error = yield* Fiber.join(fiber)
        assert.isTrue(error._tag === "ConnectionError" && error.reason._tag === "Closed")
      }
    }))

  it.effect("for a turn of a transport that is closed is told so", () =>
    Effect.gen(function*() {
      const outer = yield* Effect.scope
      const fiber = yield* Effect.scoped(Effect.gen(function*() {
        const server = yield* FakeAppServer.make()
        const layer = Codex.layer().pipe(Layer.provide(Layer.succeed(CodexTransport, server.transport)))
        const codex = yield* Layer.buildWithScope(layer, outer)
        const fiber = yield* Effect.forkIn(Effect.flip(Effect.provide(Codex.run("Work"), codex)), outer)
        yield* server.asked("turn/start")
        yield* server.message("So far.")
        yield* settled
        return fiber
      }))
      const error = yield* Fiber.join(fiber)
      assert.deepInclude(error.reason, { _tag: "AppServerFailed" })
      assert.strictEqual(error.turn?.finalMessage, "So far.")
    }))
})

describe("who is told", () => {
  it.effect("and fails or dies does so alone", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const subscribers = yield* Effect.forEach([1, 2, 3], () => client.notifications())
      const [failing, dying, last] = subscribers
      assert(failing !== undefined && dying !== undefined && last !== undefined)
      const fails = yield* Effect.forkChild(Effect.exit(Stream.runForEach(failing, () => Effect.fail("oops"))))
      const dies = yield* Effect.forkChild(Effect.exit(Stream.runForEach(dying, () => Effect.die("oops"))))
      yield* server.send({ method: "a" })
      yield* server.send({ method: "b" })
      assert.isTrue((yield* Fiber.join(fails))._tag === "Failure")
      assert.isTrue((yield* Fiber.join(dies))._tag === "Failure")
      assert.lengthOf(yield* Stream.runCollect(Stream.take(last, 2)), 2)
      const calling = yield* Effect.forkChild(client.thread.loaded.list())
      yield* server.reply(yield* server.take, { data: [] })
      assert.deepStrictEqual((yield* Fiber.join(calling)).data, [])
    }))
})

describe("a turn", () => {
  /** What becomes of a turn of which all this is told. */
  const turnOf = Effect.fnUntraced(function*(
    tell: (server: Effect.Success<ReturnType<typeof FakeAppServer.make>>) => Effect.Effect<unknown>,
    answer?: FakeAppServer.Answer
  ) {
    const server = yield* FakeAppServer.make(answer)
    const layer = Codex.layer().pipe(Layer.provide(Layer.succeed(CodexTransport, server.transport)))
    const running = yield* Effect.forkChild(Effect.provide(Codex.run("Work"), layer))
    yield* server.asked("turn/start")
    yield* tell(server)
    return yield* Fiber.join(running)
  })

  it.effect("that is complete before its start is answered has all that it told", () =>
    Effect.gen(function*() {
      const turn = yield* turnOf(
        Effect.fnUntraced(function*(server) {
          const begun = { id: turnId, items: [], status: "inProgress" }
          yield* server.tell("turn/started", { turnId: undefined, turn: begun })
          yield* server.message("Done.")
          yield* server.complete()
          yield* settled
          yield* server.reply({ turn: begun })
        }),
        (_, method) => method === "turn/start" ? "nothing" : undefined
      )
      assert.deepInclude(turn, { status: "completed", finalMessage: "Done." })
    }))

  it.effect("has what it said last as its answer, and not all that it said", () =>
    Effect.gen(function*() {
      const turn = yield* turnOf((server) =>
        Effect.all([server.message("I look.", "1"), server.message("Done.", "2"), server.complete()])
      )
      assert.strictEqual(turn.finalMessage, "Done.")
      assert.deepStrictEqual(turn.messages.map(({ text }) => text), ["I look.", "Done."])
    }))

  it.effect("that reconnected has not failed", () =>
    Effect.gen(function*() {
      const turn = yield* turnOf((server) =>
        Effect.all([
          server.tell("error", { willRetry: true, error: { message: "Reconnecting... 1/5" } }),
          server.message("Done."),
          server.complete()
        ])
      )
      assert.deepInclude(turn, { status: "completed", finalMessage: "Done." })
    }))
})

describe("a thread", () => {
  it.effect("is ephemeral only if that is asked for", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      yield* Effect.forkChild(client.thread.start())
      assert.deepStrictEqual((yield* server.take).params, {})
    }))

  it.effect("has no option of another name than Codex gives it", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      // @ts-expect-error it is `sandbox`
      yield* Effect.forkChild(client.thread.start({ sandboxMode: "read-only" }))
      assert.strictEqual((yield* server.take).method, "thread/start")
    }))
})

describe("what the app-server says on stderr", () => {
  it.effect("is kept up to its end only", () =>
    Effect.gen(function*() {
      const server = yield* ServerProcess.make()
      const { incoming } = yield* server.provide(Connection.stdio())
      const line = new TextEncoder().encode(`${"x".repeat(999)}\n`)
      yield* Effect.forEach(Array.from({ length: 1000 }), () => Queue.offer(server.stderr, line))
      yield* Queue.offer(server.stderr, new TextEncoder().encode("the end"))
      yield* server.exit(1)
      const { reason } = yield* Effect.flip(Stream.runDrain(incoming))
      assert(reason._tag === "Exited")
      assert.isTrue(reason.stderr.endsWith("\nthe end"))
      assert.isBelow(reason.stderr.length, 20_000)
    }))

  it.effect("may be no UTF-8", () =>
    Effect.gen(function*() {
      const server = yield* ServerProcess.make()
      const { incoming } = yield* server.provide(Connection.stdio())
      yield* Queue.offer(server.stderr, new Uint8Array([0xff, 0xfe, 0x0a]))
      yield* Queue.offer(server.stderr, new TextEncoder().encode("the end"))
      yield* server.exit(1)
      const { reason } = yield* Effect.flip(Stream.runDrain(incoming))
      assert.isTrue(reason._tag === "Exited" && reason.stderr.endsWith("the end"))
    }))
})

describe("a policy", () => {
  it.effect("may use the client that asks it", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const policy = Approvals.make({ command: () => Effect.as(client.thread.loaded.list(), ApprovalAnswer.accept) })
      yield* Effect.provide(ApprovalServing.serve(client.rpc), Approvals.layer(policy))
      const params = { threadId, turnId, itemId: "i", startedAtMs: 1, command: "ls" }
      yield* server.send({ id: 7, method: "item/commandExecution/requestApproval", params })
      const list = yield* server.take
      assert.strictEqual(list.method, "thread/loaded/list")
      yield* server.reply(list, { data: [] })
      assert.deepStrictEqual(yield* server.take, { id: 7, result: { decision: "accept" } })
    }))
})

describe("a request of the app-server", () => {
  it.effect("is answered once, though its handler has an answer later", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* Peer.connect({ defaultAnswer: () => "no" })
      const mayAnswer = yield* Deferred.make<void>()
      yield* peer.handle("ask", () => Effect.uninterruptible(Effect.as(Deferred.await(mayAnswer), "yes")), {
        timeout: "1 second"
      })
      yield* server.send({ id: 1, method: "ask" })
      yield* settled
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* server.take, { id: 1, result: "no" })
      yield* Deferred.succeed(mayAnswer, undefined)
      yield* server.nothing
    }).pipe(Effect.provideService(References.MinimumLogLevel, "None")))
})
