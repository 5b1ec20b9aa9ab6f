/**
 * What is read from the files of the real CLI is what the CLI itself makes of them.
 */
import { CodexHome, type ThreadSummary } from "@effect-codex/core/CodexHome"
import { usageSince } from "@effect-codex/core/CodexTurn"
import * as NodeCodexCli from "@effect-codex/node/NodeCodexCli"
import * as NodeCodexHome from "@effect-codex/node/NodeCodexHome"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import type * as ModelRequest from "@effect-codex/testing/ModelRequest"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { createServer } from "node:http"

// =============================================================================
// The CLI
// =============================================================================

/** So many tokens that the turns of a test are told apart. */
const tokensOf = (request: ModelRequest.ModelRequest) => ({ inputTokens: 1000 + request.index, outputTokens: 30 })

const answer = (request: ModelRequest.ModelRequest): ModelReply.ModelReply => {
  const agent = { namespace: "multi_agent_v1" }
  const usage = ModelReply.usage(tokensOf(request))
  const [, child = ""] = /"agent_id":"([^"]+)"/.exec(request.toolOutputs[0]?.output ?? "") ?? []
  const [first, second] = request.prompt === "Delegate."
    ? [
      ModelReply.functionCall("spawn_agent", { message: "Count." }, agent),
      ModelReply.functionCall("wait_agent", { targets: [child], timeout_ms: 10_000 }, agent)
    ]
    : request.prompt === "Break."
    ? [ModelReply.shell("true"), ModelReply.httpError(400, { message: "broken" })]
    : []
  const reply = request.toolOutputs.length === 0 ? first : request.toolOutputs.length === 1 ? second : undefined
  return reply === undefined
    ? ModelReply.concat(ModelReply.message("Done."), usage)
    : reply.parts.some(({ _tag }) => _tag === "HttpError")
    ? reply
    : ModelReply.concat(reply, usage)
}

const layer = Layer.unwrap(Effect.map(FakeModel.FakeModel, ({ cli }) => NodeCodexHome.layer(cli))).pipe(
  Layer.provideMerge(FakeModel.layer(answer)),
  Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" }))
)

const spawn = Effect.fnUntraced(function*(
  args: ReadonlyArray<string>,
  options: { readonly cwd?: string; readonly stdin?: Stream.Stream<Uint8Array> } = {}
) {
  const { command, env } = yield* NodeCodexCli.make(yield* Effect.map(FakeModel.FakeModel, ({ cli }) => cli))
  return yield* ChildProcess.make(command, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env,
    extendEnv: true,
    stdin: options.stdin ?? "ignore",
    stderr: "ignore",
    forceKillAfter: "1 second"
  })
})

const Event = Schema.fromJsonString(Schema.Struct({
  type: Schema.String,
  thread_id: Schema.optionalKey(Schema.String),
  usage: Schema.optionalKey(Schema.Struct({ input_tokens: Schema.Finite, output_tokens: Schema.Finite }))
}))

/** Runs `codex exec` in a directory. */
const exec = Effect.fnUntraced(function*(cwd: string, ...args: ReadonlyArray<string>) {
  const process = yield* spawn(["exec", "--json", "--skip-git-repo-check", "-s", "danger-full-access", ...args], {
    cwd
  })
  const events = yield* process.stdout.pipe(
    Stream.decodeText,
    Stream.splitLines,
    Stream.mapEffect((line) => Schema.decodeEffect(Event)(line)),
    Stream.runCollect
  )
  return {
    threadId: events.find(({ type }) => type === "thread.started")?.thread_id ?? "",
    usage: events.find(({ type }) => type === "turn.completed")?.usage
  }
}, Effect.scoped)

/** Sends requests to `codex app-server`, one after the other. */
const appServer = Effect.fnUntraced(
  function*(requests: ReadonlyArray<{ readonly method: string; readonly params: object }>) {
    const done = yield* Deferred.make<void>()
    const initialize = { method: "initialize", params: { clientInfo: { name: "test", version: "1" } } }
    const messages = [initialize, ...requests].map(({ method, params }, id) => ({ id, method, params }))
    const process = yield* spawn(["app-server"], {
      stdin: Stream.fromIterable([messages[0], { method: "initialized" }, ...messages.slice(1)]).pipe(
        Stream.map((message) => `${JSON.stringify(message)}\n`),
        Stream.concat(Stream.drain(Stream.fromEffect(Deferred.await(done)))),
        Stream.encodeText
      )
    })
    yield* process.stdout.pipe(
      Stream.decodeText,
      Stream.splitLines,
      Stream.map((line): unknown => JSON.parse(line)),
      Stream.filter((message) => Schema.is(Response)(message)),
      Stream.tap((response) => {
        assert.notProperty(response, "error", JSON.stringify(response))
        return response.id === requests.length ? Deferred.succeed(done, undefined) : Effect.void
      }),
      Stream.runDrain
    )
  },
  Effect.scoped
)

const Response = Schema.Struct({ id: Schema.Finite, method: Schema.optionalKey(Schema.Never) })

/** A directory of a test alone, by its real path. */
const makeWorkspace = Effect.flatMap(
  FileSystem.FileSystem,
  (fs) => Effect.flatMap(fs.makeTempDirectoryScoped(), fs.realPath)
)

const found = (summary: Option.Option<ThreadSummary>) => Option.getOrUndefined(summary)?.threadId

// =============================================================================
// Tests
// =============================================================================

describe("the last thread", () => {
  it.live("is the one that `resume --last` takes", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const home = yield* CodexHome
      const root = yield* makeWorkspace
      const [one, two, link] = [`${root}/one`, `${root}/two`, `${root}/link`]
      yield* fs.makeDirectory(one)
      yield* fs.makeDirectory(two)
      yield* fs.symlink(two, link)
      const agrees = Effect.fnUntraced(function*(expected: string, cwd: string, ...flags: ReadonlyArray<string>) {
        const directory = flags.includes("--all") ? undefined : cwd
        assert.strictEqual(found(yield* home.last({ directory })), expected)
        assert.strictEqual((yield* exec(cwd, "resume", "--last", ...flags, "More.")).threadId, expected)
      })

      assert.isUndefined(found(yield* home.last()))
      const a = (yield* exec(one, "Begin.")).threadId
      const b = (yield* exec(one, "Begin.")).threadId
      const c = (yield* exec(two, "Begin.")).threadId
      yield* agrees(b, one)
      yield* agrees(c, link)
      yield* exec(one, "resume", a, "More.")
      yield* agrees(a, one)
      yield* agrees(a, two, "--all")
      // It took `a` along, to another directory.
      yield* agrees(a, two)
      yield* agrees(b, one)
      const fork = (yield* exec(one, "fork", c)).threadId
      yield* agrees(fork, one)
      yield* (yield* spawn(["archive", fork])).exitCode
      yield* agrees(b, one)
      assert.isTrue(Option.getOrThrow(yield* home.find(fork)).isArchived)
      assert.strictEqual(Option.getOrThrow(yield* home.find(fork)).forkedFrom, c)
      assert.strictEqual(found(yield* home.last({ directory: one, includeArchived: true })), b)
    }).pipe(Effect.scoped, Effect.provide(layer)), 60_000)

  it.live("is none of a sub-agent, and says what Codex knows", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const home = yield* CodexHome
      const directory = yield* makeWorkspace
      const { threadId } = yield* exec(directory, "Delegate.")
      const all = yield* Stream.runCollect(home.threads({ includeSubAgents: true }))
      const child = all.find((thread) => thread.threadId !== threadId)
      assert.lengthOf(all, 2)
      assert.deepInclude(child, { isSubAgent: true, parentThreadId: threadId, source: "subagent", directory })
      assert.lengthOf(yield* Stream.runCollect(home.threads()), 1)
      // Later than its parent, it is still not the last one.
      if (child !== undefined) yield* fs.utimes(child.path, 4_000_000_000, 4_000_000_000)
      yield* appServer([{ method: "thread/name/set", params: { threadId, name: "the plan" } }])
      const last = Option.getOrThrow(yield* home.last({ directory }))
      const { cliVersion, createdAt: _, path: __, updatedAt: ___, ...rest } = last
      assert.deepStrictEqual(rest, {
        threadId,
        name: "the plan",
        directory,
        model: "gpt-5.5",
        modelProvider: "fake",
        source: "exec",
        isSubAgent: false,
        isArchived: false
      })
      assert.match(cliVersion ?? "", /^\d+\.\d+\.\d+/)
    }).pipe(Effect.scoped, Effect.provide(layer)), 60_000)

  it.live("leaves no trace if it is ephemeral", () =>
    Effect.gen(function*() {
      yield* exec(yield* makeWorkspace, "--ephemeral", "Begin.")
      assert.isUndefined(found(yield* (yield* CodexHome).last()))
    }).pipe(Effect.scoped, Effect.provide(layer)), 60_000)
})

describe("usage", () => {
  it.live("is the total that the next turn counts on from", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const fake = yield* FakeModel.FakeModel
      const home = yield* CodexHome
      const workspace = yield* makeWorkspace
      /** Runs a turn, of which the tokens by `home.usage` must be those of its one answer. */
      const checked = Effect.fnUntraced(function*(before: string, ...args: ReadonlyArray<string>) {
        const usageBefore = Option.getOrUndefined(yield* home.usage(before))
        const { threadId, usage } = yield* exec(workspace, ...args)
        const request = (yield* fake.requests).at(-1)
        const { inputTokens, outputTokens } = request === undefined ? assert.fail("no request") : tokensOf(request)
        const own = usageSince(usageBefore, usage)
        assert.deepStrictEqual([own?.input_tokens, own?.output_tokens], [inputTokens, outputTokens])
        return threadId
      })

      const thread = (yield* exec(workspace, "Begin.")).threadId
      yield* checked(thread, "resume", thread, "More.")
      // A turn that failed after its first answer ends without a total, but it has used what it has.
      yield* exec(workspace, "resume", thread, "Break.")
      yield* checked(thread, "resume", thread, "More.")
      yield* checked(thread, "fork", thread, "More.")
      // A fork that has done nothing yet holds nothing of its parent, which goes on meanwhile.
      const fork = (yield* exec(workspace, "fork", thread)).threadId
      yield* checked(thread, "resume", thread, "More.")
      yield* checked(fork, "resume", fork, "More.")
      yield* checked(fork, "fork", fork, "More.")

      // Taken back to its first turn, a thread goes on in another file, from the total of then.
      const rollout = yield* fs.readFileString(Option.getOrThrow(yield* home.find(thread)).path)
      const [, second = ""] = [...rollout.matchAll(/"type":"turn_context","payload":{"turn_id":"([^"]+)"/g)]
        .map(([, turnId]) => turnId)
      yield* appServer([
        { method: "thread/resume", params: { threadId: thread } },
        { method: "thread/revert", params: { threadId: thread, beforeTurnId: second } }
      ])
      const [first] = yield* fake.requests
      assert.strictEqual(
        Option.getOrUndefined(yield* home.usage(thread))?.input_tokens,
        first && tokensOf(first).inputTokens
      )
      assert.strictEqual(found(yield* home.last()), thread)
      yield* checked(thread, "resume", thread, "More.")
      yield* checked(thread, "fork", thread, "More.")
      yield* checked(fork, "resume", fork, "More.")
    }).pipe(Effect.scoped, Effect.provide(layer)), 60_000)
})
