/**
 * What the real app-server asks, and what it makes of the answers.
 */
import * as ApprovalAnswer from "@effect-codex/core/ApprovalAnswer"
import * as ApprovalQueue from "@effect-codex/core/ApprovalQueue"
import type { ApprovalRequest } from "@effect-codex/core/ApprovalRequest"
import * as ApprovalRules from "@effect-codex/core/ApprovalRules"
import * as Approvals from "@effect-codex/core/Approvals"
import * as ApprovalServing from "@effect-codex/core/appserver/ApprovalServing"
import * as Client from "@effect-codex/core/appserver/Client"
import type * as Protocol from "@effect-codex/core/appserver/Protocol"
import * as Codex from "@effect-codex/core/Codex"
import type { CodexEvent } from "@effect-codex/core/CodexEvent"
import * as CodexHook from "@effect-codex/core/CodexHook"
import type { CodexHookEvent } from "@effect-codex/core/CodexHookEvent"
import * as NodeApprovals from "@effect-codex/node/NodeApprovals"
import * as NodeCodex from "@effect-codex/node/NodeCodex"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { createServer } from "node:http"
import { fileURLToPath } from "node:url"
import * as RealAppServer from "./support/realAppServer.ts"
import { makeWorkspace } from "./support/realCodex.ts"

const { message, shell } = ModelReply

const done = message("Done.")

/** A turn by a script, and what became of it: the status of the turn and of its items, and what the tools told the model. */
const run = Effect.fnUntraced(function*(
  options: ApprovalServing.Options & { readonly thread?: Protocol.ThreadStartParams; readonly cwd?: string } = {}
) {
  const client = yield* Client.Client
  yield* ApprovalServing.serve(client.rpc, options)
  const cwd = options.cwd ?? (yield* makeWorkspace)
  const notifications = yield* client.notifications(["item/completed", "turn/completed"])
  const { thread } = yield* client.thread.start({
    cwd,
    sandbox: "danger-full-access",
    approvalPolicy: "untrusted",
    ...options.thread
  })
  yield* client.turn.start({ threadId: thread.id, input: [{ type: "text", text: "Go" }] })
  const told = yield* Stream.runCollect(Stream.takeUntil(notifications, ({ method }) => method === "turn/completed"))
  const { requests } = yield* FakeModel.FakeModel
  const fs = yield* FileSystem.FileSystem
  return {
    turn: told.flatMap((told) => told.method === "turn/completed" ? [told.params.turn.status] : [])[0],
    items: told.flatMap((told) =>
      told.method === "item/completed" && "status" in told.params.item ? [told.params.item.status] : []
    ),
    outputs: (yield* requests).at(-1)?.toolOutputs.map(({ output }) => output) ?? [],
    files: yield* fs.readDirectory(cwd)
  }
})

type Run = Effect.Success<ReturnType<typeof run>>

/** The real app-server, whose requests a policy answers. */
const answering = <E, R>(
  script: FakeModel.Script,
  approvals: Layer.Layer<R, E>,
  options?: Client.StdioOptions
) => Layer.merge(RealAppServer.layer(script, { experimentalApi: true, ...options }), approvals)

/** A policy, and what it was asked. */
const recorded = (decide: (request: ApprovalRequest) => ApprovalAnswer.ApprovalAnswer) => {
  const asked: Array<ApprovalRequest> = []
  const policy = Approvals.fromFunction((request) =>
    Effect.sync(() => {
      asked.push(request)
      return decide(request)
    })
  )
  return { asked, layer: Approvals.layer(policy) }
}

const always = (answer: ApprovalAnswer.ApprovalAnswer) => recorded(() => answer)

/** One script, and what becomes of it with several policies. */
const table = (
  script: FakeModel.Script,
  cases: ReadonlyArray<readonly [name: string, approvals: Layer.Layer<never>, expected: Omit<Run, "outputs">]>
) => {
  for (const [name, approvals, expected] of cases) {
    it.live(name, () =>
      Effect.gen(function*() {
        const { files, items, turn } = yield* run()
        assert.deepStrictEqual<Omit<Run, "outputs">>({ files, items, turn }, expected)
      }).pipe(Effect.provide(answering(script, approvals))))
  }
}

const rules = (...rules: ReadonlyArray<ApprovalRules.Rule>) => Layer.orDie(NodeApprovals.layerRules(rules))

describe("a command", () => {
  const declined = { turn: "completed", items: ["declined"], files: [] }
  const accepted = { turn: "completed", items: ["completed"], files: ["a.txt"] }

  table([shell("touch a.txt"), done], [
    ["is declined if there is no policy", Layer.empty, declined],
    ["is accepted", Approvals.layer(Approvals.commandsOnly), accepted],
    ["is accepted by a rule", rules(ApprovalRules.command(["touch", "a.txt"])), accepted],
    ["is declined without a rule", rules(ApprovalRules.command(["touch", "b.txt"])), declined],
    ["is cancelled, and the turn with it", always(ApprovalAnswer.cancel).layer, {
      turn: "interrupted",
      items: ["declined"],
      files: []
    }]
  ])

  for (
    const line of [
      "touch a.txt; touch b.txt",
      "touch a.txt\ntouch b.txt",
      "touch a.txt > b.txt",
      "touch a.txt $(touch b.txt)"
    ]
  ) {
    table([shell(line), done], [
      [
        `is not accepted with another one on its line: ${line}`,
        rules(ApprovalRules.command(["touch", "a.txt"])),
        declined
      ]
    ])
  }

  it.live("is shown as it is", () => {
    const { asked, layer } = always(ApprovalAnswer.decline)
    return Effect.gen(function*() {
      const { outputs } = yield* run()
      assert.match(outputs[0] ?? "", /rejected by user/)
      const [request] = asked
      assert(request?.kind === "command")
      assert.deepStrictEqual(request.commands, [["echo", "it's", "a b"], ["cat"]])
      assert.strictEqual(request.action, "command")
      assert.deepStrictEqual(request.proposedPrefix, ["echo", "it's", "a b"])
      // Codex takes a plain "no" all the same.
      assert.deepStrictEqual(request.availableAnswers, [
        ApprovalAnswer.accept,
        ApprovalAnswer.acceptPrefix(["echo", "it's", "a b"]),
        ApprovalAnswer.cancel
      ])
    }).pipe(Effect.provide(answering([shell("echo \"it's\" 'a b' | cat"), done], layer)))
  })

  it.live("is not asked for again once its prefix is accepted, or the session", () =>
    Effect.gen(function*() {
      for (const answer of [ApprovalAnswer.acceptPrefix(["touch", "a.txt"]), ApprovalAnswer.acceptForSession]) {
        const { asked, layer } = always(answer)
        const script = [shell("touch a.txt"), shell("touch a.txt"), done]
        const { items } = yield* Effect.provide(run(), answering(script, layer), { local: true })
        assert.deepStrictEqual(items, ["completed", "completed"], answer.type)
        assert.lengthOf(asked, 1, answer.type)
      }
    }))

  it.live("is answered by somebody else", () =>
    Effect.gen(function*() {
      const queue = yield* ApprovalQueue.ApprovalQueue
      yield* queue.pending.pipe(
        Stream.runForEach(({ id }) => queue.answer(id, ApprovalAnswer.accept)),
        Effect.forkScoped
      )
      assert.deepStrictEqual((yield* run()).files, ["a.txt"])
    }).pipe(Effect.provide(answering([shell("touch a.txt"), done], ApprovalQueue.layer()))))

  it.live("is declined when the time is up", () =>
    Effect.gen(function*() {
      const { items, turn } = yield* run({ timeout: "100 millis" })
      assert.deepStrictEqual({ items, turn }, { items: ["declined"], turn: "completed" })
    }).pipe(Effect.provide(answering([shell("touch a.txt"), done], ApprovalQueue.layer()))))

  it.live("is not waited for when its turn is interrupted", () => {
    const told: Array<CodexHookEvent> = []
    const asked = Deferred.makeUnsafe<ApprovalRequest>()
    const withdrawn = Deferred.makeUnsafe<void>()
    const layer = Layer.mergeAll(
      Approvals.layer(
        Approvals.fromFunction((request) => Effect.andThen(Deferred.succeed(asked, request), Effect.never))
      ),
      CodexHook.layer((event) =>
        Effect.suspend(() => {
          told.push(event)
          return told.length === 2 ? Deferred.succeed(withdrawn, undefined) : Effect.void
        })
      )
    )
    return Effect.gen(function*() {
      const client = yield* Client.Client
      const interrupt = Effect.flatMap(
        Deferred.await(asked),
        ({ threadId = "", turnId = "" }) => client.turn.interrupt({ threadId, turnId })
      )
      const [{ turn }] = yield* Effect.all([run(), interrupt], { concurrency: "unbounded" })
      assert.strictEqual(turn, "interrupted")
      yield* Deferred.await(withdrawn)
      assert.deepStrictEqual(told.map(({ type }) => type), ["approval.requested", "approval.answered"])
      assert.include(told[1], { outcome: "withdrawn", kind: "command" })
    }).pipe(Effect.provide(answering([shell("touch a.txt"), done], layer)))
  })
})

describe("a change of files", () => {
  const patch = (...paths: ReadonlyArray<string>) =>
    ModelReply.applyPatch(
      ["*** Begin Patch", ...paths.flatMap((path) => [`*** Add File: ${path}`, "+hi"]), "*** End Patch"].join("\n")
    )

  table([patch("a.txt"), done], [
    ["is declined if there is no policy", Layer.empty, { turn: "completed", items: ["declined"], files: [] }],
    ["is not a command", Approvals.layer(Approvals.commandsOnly), {
      turn: "completed",
      items: ["declined"],
      files: []
    }],
    ["is accepted", Approvals.layer(Approvals.acceptAll), {
      turn: "completed",
      items: ["completed"],
      files: ["a.txt"]
    }]
  ])

  it.live("is cancelled, and the turn with it", () =>
    Effect.gen(function*() {
      const { files, turn } = yield* run()
      assert.deepStrictEqual({ files, turn }, { files: [], turn: "interrupted" })
    }).pipe(Effect.provide(answering([patch("a.txt"), done], always(ApprovalAnswer.cancel).layer))))

  it.live("is accepted in a folder, and nowhere else", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const cwd = yield* fs.realPath(yield* makeWorkspace)
      yield* fs.makeDirectory(`${cwd}/in`)
      yield* fs.makeDirectory(`${cwd}/out`)
      yield* fs.symlink(`${cwd}/out`, `${cwd}/in/link`)
      const script = [
        patch("in/a.txt", "in/x/../b.txt"),
        patch("in/c.txt", "in/../out/c.txt"),
        patch("in/link/d.txt"),
        done
      ]
      const { items } = yield* Effect.provide(run({ cwd }), answering(script, rules(ApprovalRules.folder(`${cwd}/in`))))
      assert.deepStrictEqual(items, ["completed", "declined", "declined"])
      assert.sameMembers(yield* fs.readDirectory(`${cwd}/in`), ["a.txt", "b.txt", "link"])
      assert.deepStrictEqual(yield* fs.readDirectory(`${cwd}/out`), [])
    }).pipe(Effect.provide(NodeServices.layer)))
})

describe("an MCP server", () => {
  const config = {
    mcp_servers: {
      files: {
        command: process.execPath,
        args: [fileURLToPath(new URL("fixtures/elicitingServer.ts", import.meta.url))]
      }
    }
  }
  const call = (tool: string) => ModelReply.mcpToolCall("files", tool, {})
  const thread = { approvalPolicy: "on-request" } as const

  const cases: ReadonlyArray<
    readonly [tool: string, answer: ApprovalAnswer.ApprovalAnswer, kind: string, output: RegExp]
  > = [
    ["ask", ApprovalAnswer.content({ name: "Al" }), "elicitation", /"action":"accept","content":\{"name":"Al"\}/],
    ["ask", ApprovalAnswer.decline, "elicitation", /"action":"decline"/],
    ["ask", ApprovalAnswer.cancel, "elicitation", /"action":"cancel"/],
    ["visit", ApprovalAnswer.accept, "elicitation", /"action":"accept"/],
    ["remove", ApprovalAnswer.accept, "mcpTool", /removed/],
    ["remove", ApprovalAnswer.decline, "mcpTool", /user rejected MCP tool call/],
    ["remove", ApprovalAnswer.cancel, "mcpTool", /user cancelled MCP tool call/]
  ]
  for (const [tool, answer, kind, output] of cases) {
    it.live(`gets the answer to ${tool}: ${answer.type}`, () => {
      const { asked, layer } = always(answer)
      return Effect.gen(function*() {
        const { outputs } = yield* run({ thread })
        assert.match(outputs[0] ?? "", output)
        assert.deepStrictEqual(asked.map(({ kind }) => kind), [kind])
      }).pipe(Effect.provide(answering([call(tool), done], layer, { config })))
    })
  }

  it.live("has its tool accepted for the session", () => {
    const { asked, layer } = always(ApprovalAnswer.acceptForSession)
    return Effect.gen(function*() {
      const { outputs } = yield* run({ thread })
      assert.lengthOf(outputs.filter((output) => output.includes("removed")), 2)
      assert.lengthOf(asked, 1)
      assert.include(asked[0], { server: "files", tool: "remove", description: "remove" })
    }).pipe(Effect.provide(answering([call("remove"), call("remove"), done], layer, { config })))
  })
})

describe("other requests", () => {
  const thread = { approvalPolicy: "on-request" } as const

  it.live("for permissions get a part of them, or none", () =>
    Effect.gen(function*() {
      const ask = ModelReply.functionCall("request_permissions", {
        reason: "to load",
        permissions: { network: { enabled: true }, file_system: { write: ["/tmp/a", "/tmp/b"] } }
      })
      const entry = { path: { type: "path", path: "/tmp/a" }, access: "write" } as const
      const cases = [
        [ApprovalAnswer.decline, /"network":null,"file_system":null\},"scope":"turn"/],
        [ApprovalAnswer.acceptForSession, /"enabled":true.*"\/tmp\/a","\/tmp\/b".*"scope":"session"/],
        [
          ApprovalAnswer.grant({ fileSystem: { entries: [entry] } }),
          /"network":null,.*"write":\["\/tmp\/a"\].*"scope":"turn"/
        ]
      ] as const
      for (const [answer, output] of cases) {
        const options = { args: ["--enable", "request_permissions_tool"] }
        const { outputs } = yield* Effect.provide(
          run({ thread }),
          answering([ask, done], always(answer).layer, options),
          { local: true }
        )
        assert.match(outputs[0] ?? "", output)
      }
    }))

  it.live("for the words of the user, and for the result of a tool, get them", () => {
    const { asked, layer } = recorded(({ kind }) =>
      kind === "userInput" ? ApprovalAnswer.answers({ q: ["A"] }) : ApprovalAnswer.toolSuccess("sunny")
    )
    const options = [{ label: "A", description: "a" }, { label: "B", description: "b" }]
    const script = [
      ModelReply.functionCall("request_user_input", {
        questions: [{ id: "q", header: "H", question: "Which?", options }]
      }),
      ModelReply.functionCall("weather", { city: "Ulm" }),
      done
    ]
    return Effect.gen(function*() {
      const { outputs } = yield* run({
        thread: {
          ...thread,
          dynamicTools: [{ type: "function", name: "weather", description: "Tells", inputSchema: { type: "object" } }]
        }
      })
      assert.deepStrictEqual(asked.map(({ kind }) => kind), ["userInput", "toolCall"])
      assert.deepInclude(asked[1], { tool: "weather", arguments: { city: "Ulm" } })
      assert.match(outputs[0] ?? "", /"q":\{"answers":\["A"\]/)
      assert.match(outputs[1] ?? "", /sunny/)
    }).pipe(Effect.provide(answering(script, layer, { args: ["--enable", "default_mode_request_user_input"] })))
  })
})

describe("a run", () => {
  const codex = (script: FakeModel.Script, policy: Approvals.Policy, options?: NodeCodex.AppServerOptions) =>
    FakeModel.layerWith(
      script,
      (cli) =>
        NodeCodex.layerAppServer({ sandbox: "danger-full-access", approval: "untrusted", ...cli, ...options }).pipe(
          Layer.provide(Approvals.layer(policy))
        )
    ).pipe(
      Layer.provide(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })),
      Layer.provideMerge(NodeServices.layer)
    )

  const asked = (events: ReadonlyArray<CodexEvent>) =>
    events.flatMap((event) => event.type === "approval.requested" || event.type === "approval.resolved" ? [event] : [])

  it.live("is told what the agent waits for, which is not idle then", () =>
    Effect.gen(function*() {
      const workingDirectory = yield* makeWorkspace
      const events = yield* Stream.runCollect(
        Codex.stream("Work", { workingDirectory, idleTimeout: "2 seconds", strict: true })
      )
      const [requested, resolved] = asked(events)
      const [started] = events.flatMap((event) => event.type === "item.started" ? [event.item] : [])
      assert(requested !== undefined && started?.type === "command_execution")
      assert.deepInclude(requested, { type: "approval.requested", kind: "command", item_id: started.id })
      assert.deepStrictEqual(resolved, { ...requested, type: "approval.resolved" })
      assert.deepInclude(events[0], { thread_id: requested.thread_id })
      const types = events.map(({ type }) => type)
      assert.isBelow(types.indexOf("item.started"), types.indexOf("approval.requested"))
      assert.isBelow(types.indexOf("approval.resolved"), types.indexOf("item.completed"))
      const fs = yield* FileSystem.FileSystem
      assert.deepStrictEqual(yield* fs.readDirectory(workingDirectory), ["a.txt"])
    }).pipe(
      Effect.scoped,
      Effect.provide(codex(
        [shell("touch a.txt"), done],
        Approvals.fromFunction(() => Effect.as(Effect.sleep("2500 millis"), ApprovalAnswer.accept))
      ))
    ))

  it.live("is told what its sub-agents wait for", () => {
    const answered = Latch.makeUnsafe()
    const spawn = ModelReply.functionCall("spawn_agent", { message: "Count" }, { namespace: "multi_agent_v1" })
    const script: FakeModel.Script = ({ prompt, threadIndex }) => {
      const first = threadIndex === 0
      if (prompt === "Delegate") return first ? spawn : ModelReply.concat(ModelReply.gate(answered), done)
      return first ? shell("touch a.txt") : done
    }
    return Effect.gen(function*() {
      const workingDirectory = yield* makeWorkspace
      const events = yield* Codex.stream("Delegate", { workingDirectory }).pipe(
        Stream.tap(({ type }) => type === "approval.resolved" ? answered.open : Effect.void),
        Stream.runCollect
      )
      const agents = events.flatMap((event) =>
        event.type === "item.completed" && event.item.type === "collab_tool_call" ? event.item.receiver_thread_ids : []
      )
      assert.deepStrictEqual(
        asked(events).map((event) => [event.type, event.kind, event.thread_id]),
        [["approval.requested", "command", agents[0]], ["approval.resolved", "command", agents[0]]]
      )
    }).pipe(
      Effect.scoped,
      Effect.provide(codex(script, Approvals.acceptAll))
    )
  })

  it.live("has its answer within the time that the client allows", () =>
    Effect.gen(function*() {
      const { commands, status } = yield* Codex.run("Work", { workingDirectory: yield* makeWorkspace })
      assert.deepStrictEqual([status, commands.map(({ status }) => status)], ["completed", ["declined"]])
    }).pipe(
      Effect.scoped,
      Effect.provide(codex([shell("touch a.txt"), done], Approvals.fromFunction(() => Effect.never), {
        approvalTimeout: "100 millis"
      }))
    ))
})
