/**
 * The fake app-server does not lie: what it tells and asks, and how it refuses, is what the real one does, in its order.
 */
import * as Client from "@effect-codex/core/appserver/Client"
import type { ClientError } from "@effect-codex/core/appserver/ClientError"
import type { ConnectionError } from "@effect-codex/core/appserver/ConnectionError"
import type * as Protocol from "@effect-codex/core/appserver/Protocol"
import { isRpcError } from "@effect-codex/core/appserver/RpcError"
import * as CodexScript from "@effect-codex/testing/CodexScript"
import * as FakeAppServer from "@effect-codex/testing/FakeAppServer"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import * as RealAppServer from "./support/realAppServer.ts"

/** What has nothing to do with a script, and a fake does not tell. */
const aside = new Set([
  "account/rateLimits/updated",
  "configWarning",
  "deprecationNotice",
  "mcpServer/startupStatus/updated",
  "remoteControl/status/changed",
  "thread/goal/cleared",
  "thread/readState/changed"
])

/** A message, without what differs from one time to the next. */
const show = ({ method, params }: { readonly method: string; readonly params?: unknown }): string =>
  `${method} ${
    JSON.stringify(params, (key, value: unknown) => {
      if (differing.has(key)) return undefined
      return Predicate.isObject(value) && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).toSorted(([left], [right]) => left < right ? -1 : 1))
        : value
    })
  }`

/**
 * Times and the like; what a fake cannot know: who runs it, where the CLI keeps its files, what was in a file; and what
 * it leaves out.
 */
const differing = new Set(
  ("completedAt completedAtMs createdAt durationMs recencyAt startedAt startedAtMs updatedAt " +
    "environments modelProvider originator path processId diff " +
    "appContext delivery daybreakEnabled extra mcpAppUi moderation pluginId questions readOnlyHint scriptPath section " +
    "sectionEnteredAt historyMode agentNickname agentRole results").split(" ")
)

/** The same without the directory, and with ids by the order in which they come. */
const anonymous = (lines: ReadonlyArray<string>, directory: string): ReadonlyArray<string> => {
  const ids = new Map<string, string>()
  return lines.map((line) =>
    line.replaceAll(directory, "<directory>").replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-7[-0-9a-f]{21}/g, (id) => {
      const known = ids.get(id) ?? `<id ${ids.size}>`
      ids.set(id, known)
      return known
    })
  )
}

type Program = (
  client: Client.Client["Service"],
  directory: string,
  note: (what: string) => void
) => Effect.Effect<void, ClientError | ConnectionError | Protocol.ProtocolError>

/** Does the same with both, and compares all that is told, asked and answered. */
const same = (name: string, script: CodexScript.CodexScript, program: Program, experimentalApi = true) =>
  it.live(name, () =>
    Effect.gen(function*() {
      const trace = Effect.scoped(Effect.gen(function*() {
        const client = yield* Client.Client
        const fs = yield* FileSystem.FileSystem
        const directory = yield* fs.realPath(yield* fs.makeTempDirectoryScoped())
        yield* fs.writeFileString(`${directory}/a.txt`, "old\n")
        const messages: Array<string> = []
        const notes: Array<string> = []
        const told = yield* client.notifications()
        const listening = yield* told.pipe(
          Stream.takeUntil((message) => message.method === "thread/started" && message.params.thread.cwd === "/"),
          Stream.filter(({ method }) => !aside.has(method)),
          Stream.runForEach((message) => Effect.sync(() => messages.push(show(message)))),
          Effect.forkScoped
        )
        yield* program(client, directory, (what) => notes.push(what))
        // So that all has been told that was to be told.
        yield* client.thread.start({ cwd: "/", ephemeral: true })
        yield* Fiber.join(listening)
        // That a thread is not loaded any more is sometimes told twice.
        const once = messages.filter((text, index) => text !== messages[index - 1] || !text.includes("notLoaded\"}"))
        return { messages: anonymous(once, directory), notes: anonymous(notes, directory) }
      }))
      const fake = yield* trace.pipe(
        Effect.provide(Layer.merge(FakeAppServer.layerClient(script, { experimentalApi }), NodeServices.layer))
      )
      const real = yield* trace.pipe(
        Effect.provide(
          RealAppServer.layer(CodexScript.toModel(script), {
            experimentalApi,
            config: { thread_unload_delay_secs: 0 }
          })
        )
      )
      assert.deepStrictEqual(fake, real)
    }))

const { callTool, changeFiles, fail, hang, message, plan, reasoning, run, search, turn, update, when } = CodexScript

const everything = CodexScript.make([turn(
  reasoning("**Hm**"),
  message("Well", " now."),
  run("echo hi", { output: "hi\n" }),
  plan([{ step: "look", status: "in_progress" }]),
  search("effect"),
  changeFiles([update("a.txt", "old\n", "new\n"), CodexScript.add("c.txt", "one\ntwo\n")]),
  message("Done.")
)])

const start = (
  client: Client.Client["Service"],
  directory: string,
  params: Partial<Protocol.ParamsOf<"thread/start">> = {}
) =>
  Effect.map(
    client.thread.start({ cwd: directory, sandbox: "danger-full-access", approvalPolicy: "never", ...params }),
    ({ thread }) => thread.id
  )

const runTurn = Effect.fnUntraced(
  function*(client: Client.Client["Service"], threadId: string, prompt: string = "Hello") {
    const completed = yield* client.waitFor("turn/completed", (params) => params.threadId === threadId)
    const { turn } = yield* client.turn.start({ threadId, input: [{ type: "text", text: prompt }] })
    yield* completed
    return turn.id
  },
  Effect.scoped
)

const close = Effect.fnUntraced(function*(client: Client.Client["Service"], threadId: string) {
  const closed = yield* client.waitFor("thread/closed", (params) => params.threadId === threadId)
  yield* client.request("thread/unsubscribe", { threadId })
  yield* closed
}, Effect.scoped)

/** Notes how a request is refused. */
const refused = <A>(note: (what: string) => void, request: Effect.Effect<A, unknown>) =>
  Effect.match(request, {
    onSuccess: () => note("not refused"),
    onFailure: (error) => note(isRpcError(error) ? `${error.code} ${error.description}` : String(error))
  })

describe("the real app-server and its fake tell the same of", () => {
  same("a turn", everything, (client, directory) =>
    Effect.gen(function*() {
      const thread = yield* start(client, directory)
      yield* runTurn(client, thread)
      yield* close(client, thread)
    }))

  same(
    "turns that fail",
    CodexScript.make(
      CodexScript.FailureKind.literals.map((kind) => when({ prompt: `<${kind}>` }, message("Half"), fail(kind, "Why.")))
    ),
    (client, directory) =>
      Effect.forEach(
        // The address of the service is in its words.
        CodexScript.FailureKind.literals.filter((kind) => kind !== "unauthorized"),
        (kind) => Effect.flatMap(start(client, directory), (thread) => runTurn(client, thread, `<${kind}>`)),
        { discard: true }
      )
  )

  for (const decision of ["accept", "acceptForSession", "decline", "cancel"] as const) {
    same(
      `approvals: ${decision}`,
      CodexScript.make([turn(
        run("echo hi", { output: "hi\n", ask: "Please" }),
        changeFiles([update("a.txt", "old\n", "new\n")]),
        run("echo hi", { output: "hi\n", ask: "Please" }),
        run("echo ho", { output: "ho\n", ask: "Please" }),
        changeFiles([decision === "decline" ? update("a.txt", "old\n", "new\n") : update("a.txt", "new\n", "newer\n")]),
        changeFiles([CodexScript.add("b.txt", "b\n")]),
        message("Done.")
      )]),
      (client, directory, note) =>
        Effect.gen(function*() {
          yield* client.onServerRequest("item/commandExecution/requestApproval", (asked) => {
            note(`asked ${JSON.stringify([asked.command, asked.reason, asked.availableDecisions, asked.cwd])}`)
            return Effect.succeed({ decision })
          })
          yield* client.onServerRequest("item/fileChange/requestApproval", (asked) => {
            note(`asked ${JSON.stringify([asked.reason, asked.grantRoot])}`)
            return Effect.succeed({ decision })
          })
          const thread = yield* start(client, directory, { sandbox: "read-only", approvalPolicy: "on-request" })
          yield* runTurn(client, thread)
          yield* close(client, thread)
        }).pipe(Effect.scoped)
    )
  }

  same(
    "a tool of the client",
    CodexScript.make([turn(callTool("look_up", { arguments: { key: "a" } }), callTool("nope"), message("Done."))]),
    (client, directory, note) =>
      Effect.gen(function*() {
        yield* client.onServerRequest("item/tool/call", (asked) => {
          note(`asked ${JSON.stringify([asked.tool, asked.namespace, asked.arguments])}`)
          return Effect.succeed({ contentItems: [{ type: "inputText", text: "found" }], success: true })
        })
        const thread = yield* start(client, directory, {
          dynamicTools: [{ type: "function", name: "look_up", description: "d", inputSchema: { type: "object" } }]
        })
        yield* runTurn(client, thread)
        yield* close(client, thread)
      }).pipe(Effect.scoped)
  )

  same(
    "a turn that is interrupted",
    CodexScript.make([when({ prompt: "Hang" }, message("One."), hang), turn(message("Done."))]),
    (client, directory, note) =>
      Effect.gen(function*() {
        const threadId = yield* start(client, directory)
        const said = yield* client.waitFor("item/completed", ({ item }) => item.type === "agentMessage")
        const completed = yield* client.waitFor("turn/completed")
        const { turn } = yield* client.turn.start({ threadId, input: [{ type: "text", text: "Hang" }] })
        yield* said
        yield* refused(note, client.turn.interrupt({ threadId, turnId: "other" }))
        yield* refused(note, client.turn.steer({ threadId, expectedTurnId: "other", input: [] }))
        yield* client.turn.interrupt({ threadId, turnId: turn.id })
        yield* completed
        yield* refused(note, client.turn.interrupt({ threadId, turnId: turn.id }))
        yield* refused(
          note,
          client.turn.steer({ threadId, expectedTurnId: turn.id, input: [{ type: "text", text: "More" }] })
        )
        yield* runTurn(client, threadId)
        yield* close(client, threadId)
      }).pipe(Effect.scoped)
  )

  same("threads", CodexScript.make([turn(message("Hi."))]), (client, directory, note) =>
    Effect.gen(function*() {
      const thread = yield* start(client, directory)
      yield* runTurn(client, thread)
      yield* client.request("thread/name/set", { threadId: thread, name: "Nice" })
      const fork = yield* client.thread.fork({
        threadId: thread,
        excludeTurns: true,
        sandbox: "danger-full-access",
        approvalPolicy: "never"
      })
      yield* runTurn(client, fork.thread.id, "In the fork")
      yield* close(client, thread)
      yield* refused(note, client.turn.start({ threadId: thread, input: [] }))
      const unknown = "00000000-0000-7000-8000-00000000000f"
      yield* refused(note, client.thread.resume({ threadId: unknown, excludeTurns: true }))
      yield* refused(note, client.thread.fork({ threadId: unknown, excludeTurns: true }))
      yield* refused(note, client.thread.fork({ threadId: thread, lastTurnId: unknown, excludeTurns: true }))
      yield* refused(note, client.thread.resume({ threadId: "nope", excludeTurns: true }))
      yield* refused(note, client.thread.read({ threadId: unknown }))
      yield* refused(note, client.request("thread/turns/list", { threadId: unknown }))
      yield* refused(note, client.request("thread/archive", { threadId: unknown }))
      yield* refused(note, client.request("thread/unarchive", { threadId: unknown }))
      yield* refused(note, client.request("thread/delete", { threadId: unknown }))
      yield* refused(note, client.request("thread/name/set", { threadId: unknown, name: "Nice" }))
      yield* refused(note, client.turn.interrupt({ threadId: unknown, turnId: unknown }))
      yield* refused(note, client.turn.steer({ threadId: unknown, expectedTurnId: unknown, input: [] }))
      yield* refused(note, client.turn.steer({ threadId: thread, expectedTurnId: unknown, input: [] }))
      yield* refused(note, client.request("thread/backgroundTerminals/clean", { threadId: unknown }))
      note(JSON.stringify(yield* client.request("thread/unsubscribe", { threadId: unknown })))
      yield* client.thread.resume({ threadId: thread, excludeTurns: true })
      yield* runTurn(client, thread, "Again")
      const { data: turns } = yield* client.request("thread/turns/list", { threadId: thread, itemsView: "full" })
      note(JSON.stringify(turns.map(({ items, status }) => [status, items.map(({ type }) => type)])))
      const { data: threads } = yield* client.request("thread/list", {})
      note(JSON.stringify(threads.map(({ forkedFromId, id, name, preview }) => [id, forkedFromId, name, preview])))
      const archived = yield* client.waitFor("thread/archived")
      yield* client.request("thread/archive", { threadId: thread })
      yield* archived
      yield* refused(note, client.thread.resume({ threadId: thread, excludeTurns: true }))
      const unarchived = yield* client.waitFor("thread/unarchived")
      yield* client.request("thread/unarchive", { threadId: thread })
      yield* unarchived
      yield* refused(note, client.request("thread/delete", { threadId: thread }))
      const deleted = yield* client.waitFor("thread/deleted")
      yield* client.request("thread/delete", { threadId: fork.thread.id })
      yield* deleted
    }).pipe(Effect.scoped))

  same(
    "what is experimental",
    CodexScript.make([]),
    (client, _, note) =>
      Effect.gen(function*() {
        const threadId = "00000000-0000-7000-8000-00000000000f"
        yield* refused(note, client.rpc.request("thread/start", { dynamicTools: [] }))
        yield* refused(note, client.rpc.request("thread/backgroundTerminals/clean", { threadId }))
        yield* refused(note, client.rpc.request("initialize", { clientInfo: { name: "x", version: "1" } }))
      }),
    false
  )
})
