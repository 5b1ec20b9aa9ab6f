import * as ApprovalAnswer from "@effect-codex/core/ApprovalAnswer"
import type { ApprovalRequest } from "@effect-codex/core/ApprovalRequest"
import * as Approvals from "@effect-codex/core/Approvals"
import * as ApprovalServing from "@effect-codex/core/appserver/ApprovalServing"
import * as Protocol from "@effect-codex/core/appserver/Protocol"
import * as CodexHook from "@effect-codex/core/CodexHook"
import type { CodexHookEvent } from "@effect-codex/core/CodexHookEvent"
import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Struct from "effect/Struct"
import * as TestClock from "effect/testing/TestClock"
import { connect, settled } from "./support/peer.ts"

type Method = Protocol.ServerRequestMethod

const turn = { threadId: "thread", turnId: "turn", itemId: "item" }

const commandMethod = "item/commandExecution/requestApproval"
const fileMethod = "item/fileChange/requestApproval"
const elicitationMethod = "mcpServer/elicitation/request"
const permissionsMethod = "item/permissions/requestApproval"

/** Params of each method, as the CLI sends them. */
const paramsOf: { readonly [M in Method]: object } = {
  [commandMethod]: {
    ...turn,
    kind: "command",
    startedAtMs: 1,
    environmentId: "local",
    command: "/bin/bash -lc 'git status'",
    cwd: "/srv",
    reason: "because",
    commandActions: [{ type: "unknown", command: "git status" }],
    proposedExecpolicyAmendment: ["git", "status"],
    availableDecisions: [
      "accept",
      { acceptWithExecpolicyAmendment: { execpolicy_amendment: ["git", "status"] } },
      { applyNetworkPolicyAmendment: { network_policy_amendment: { host: "a.org", action: "allow" } } },
      { applyNetworkPolicyAmendment: { network_policy_amendment: { host: "b.org", action: "deny" } } },
      { applyNetworkPolicyAmendment: { network_policy_amendment: { host: "b.org", action: "perhaps" } } },
      { somethingNew: {} },
      "somethingNew",
      "cancel"
    ]
  },
  [fileMethod]: { ...turn, startedAtMs: 1, reason: null, grantRoot: null },
  [permissionsMethod]: {
    ...turn,
    startedAtMs: 1,
    environmentId: "local",
    cwd: "/srv",
    reason: "need",
    permissions: {
      network: { enabled: true },
      fileSystem: {
        read: null,
        write: ["/tmp/a"],
        entries: [{ path: { type: "path", path: "/tmp/a" }, access: "write" }]
      }
    }
  },
  [elicitationMethod]: {
    threadId: "thread",
    turnId: null,
    serverName: "files",
    mode: "form",
    _meta: null,
    message: "Who?",
    requestedSchema: { type: "object", properties: { name: { type: "string" } } }
  },
  "item/tool/requestUserInput": {
    ...turn,
    isBlocking: false,
    autoResolutionMs: null,
    questions: [
      {
        id: "q",
        header: "H",
        question: "Which?",
        isOther: true,
        isSecret: false,
        options: [{ label: "A", description: "a" }]
      },
      { id: "r", header: "H", question: "Why?", options: null }
    ]
  },
  "item/tool/call": {
    threadId: "thread",
    turnId: "turn",
    callId: "item",
    namespace: null,
    tool: "t",
    arguments: { a: null }
  },
  "account/chatgptAuthTokens/refresh": { reason: "unauthorized", previousAccountId: null },
  "attestation/generate": {},
  "currentTime/read": { threadId: "thread" },
  applyPatchApproval: {
    conversationId: "thread",
    callId: "item",
    reason: null,
    grantRoot: null,
    fileChanges: {
      "/srv/a": { type: "add", content: "a" },
      "/srv/b": { type: "update", unified_diff: "b", move_path: "/srv/c" },
      "/srv/d": { type: "update", unified_diff: "d", move_path: null },
      "/srv/e": { type: "renamed" }
    }
  },
  execCommandApproval: {
    conversationId: "thread",
    callId: "item",
    command: ["bash", "-lc", "git status"],
    cwd: "/srv",
    parsedCmd: [],
    reason: null
  }
}

const tool = {
  ...paramsOf[elicitationMethod],
  requestedSchema: { type: "object", properties: {} },
  _meta: {
    codex_approval_kind: "mcp_tool_call",
    persist: ["session", "always"],
    tool_name: "remove",
    tool_description: "d",
    tool_params: { name: "x" }
  }
}

/** An app-server whose requests a policy answers, what the hook is told, and what is warned of. */
const serve = <E>(
  decide: (request: ApprovalRequest) => Effect.Effect<ApprovalAnswer.ApprovalAnswer, E>,
  options?: ApprovalServing.Options
) => {
  const asked: Array<ApprovalRequest> = []
  const told: Array<CodexHookEvent> = []
  const warned: Array<string> = []
  return Effect.gen(function*() {
    const { peer, server } = yield* connect({ defaultAnswer: ApprovalServing.defaultAnswer })
    yield* ApprovalServing.serve(peer, options)
    const ask = (method: string, params: unknown) => server.send({ id: 0, method, params })
    /** Asks, and gives the reply. */
    const reply = (method: string, params: unknown) => Effect.andThen(ask(method, params), server.take)
    return { server, asked, told, warned, ask, reply }
  }).pipe(
    Effect.provideService(
      Approvals.Approvals,
      Approvals.fromFunction((request) => {
        asked.push(request)
        return decide(request)
      })
    ),
    Effect.provideService(CodexHook.CodexHook, [(event) => Effect.sync(() => told.push(event))]),
    Effect.provideService(
      References.CurrentLoggers,
      new Set([Logger.make(({ logLevel, message }) => {
        if (logLevel === "Warn") warned.push(String(message))
      })])
    )
  )
}

const refused = { id: 0, error: { code: -32000, message: "declined" } }

/** The "no" to each method. */
const refusals: { readonly [M in Method]: object } = {
  [commandMethod]: { id: 0, result: { decision: "decline" } },
  [fileMethod]: { id: 0, result: { decision: "decline" } },
  [permissionsMethod]: { id: 0, result: { permissions: {}, scope: "turn" } },
  [elicitationMethod]: { id: 0, result: { action: "decline" } },
  "item/tool/requestUserInput": { id: 0, result: { answers: {} } },
  "item/tool/call": {
    id: 0,
    result: { success: false, contentItems: [{ type: "inputText", text: "This call was declined." }] }
  },
  "account/chatgptAuthTokens/refresh": refused,
  "attestation/generate": refused,
  "currentTime/read": refused,
  applyPatchApproval: { id: 0, result: { decision: { denied: { rejection: "declined" } } } },
  execCommandApproval: { id: 0, result: { decision: { denied: { rejection: "declined" } } } }
}

/** Whether the app-server takes it. */
const isResult = (method: Method, result: unknown): boolean => {
  const schema: Schema.Codec<unknown, unknown> = Protocol.ServerRequests[method].result.schema
  return Result.isSuccess(Schema.decodeUnknownResult(schema)(result, { onExcessProperty: "error" }))
}

const methods: ReadonlyArray<Method> = [
  commandMethod,
  fileMethod,
  permissionsMethod,
  elicitationMethod,
  "item/tool/requestUserInput",
  "item/tool/call",
  "account/chatgptAuthTokens/refresh",
  "attestation/generate",
  "currentTime/read",
  "applyPatchApproval",
  "execCommandApproval"
]

const started = (changes: ReadonlyArray<object>, item: object = {}) => ({
  method: "item/started",
  params: { ...turn, item: { type: "fileChange", id: "item", status: "inProgress", changes, ...item } }
})

const change = (path: string, kind: object = { type: "add" }) => ({ path, kind, diff: "hi\n" })

const known = started([change("/srv/a"), change("/srv/b", { type: "update", move_path: "/srv/c" })])

describe("what the app-server asks", () => {
  it.effect("reaches the policy, whichever method it comes by", () =>
    Effect.gen(function*() {
      const { asked, reply, server } = yield* serve(() => Effect.succeed(ApprovalAnswer.decline))
      yield* server.send(known)
      yield* Effect.forEach(methods, (method) => reply(method, paramsOf[method]))
      yield* reply(elicitationMethod, tool)
      yield* reply(commandMethod, {
        ...turn,
        startedAtMs: 1,
        networkApprovalContext: { host: "a.org", protocol: "https" }
      })
      yield* reply(elicitationMethod, {
        serverName: "s",
        threadId: "thread",
        mode: "url",
        message: "Go",
        url: "https://a.org",
        elicitationId: "1"
      })
      yield* reply(elicitationMethod, {
        serverName: "s",
        threadId: "thread",
        mode: "openai/userVerification",
        challenge: "c",
        title: "t",
        description: "Prove it"
      })
      assert.deepStrictEqual<ReadonlyArray<object>>(asked.map((request) => Struct.omit(request, ["raw"])), [
        {
          kind: "command",
          method: commandMethod,
          ...turn,
          reason: "because",
          availableAnswers: [
            ApprovalAnswer.accept,
            ApprovalAnswer.acceptPrefix(["git", "status"]),
            ApprovalAnswer.allowHost("a.org"),
            ApprovalAnswer.denyHost("b.org"),
            ApprovalAnswer.cancel
          ],
          action: "command",
          command: "/bin/bash -lc 'git status'",
          commands: [["git", "status"]],
          cwd: "/srv",
          proposedPrefix: ["git", "status"]
        },
        {
          kind: "fileChange",
          method: fileMethod,
          ...turn,
          changes: [
            { path: "/srv/a", change: "add", diff: "hi\n" },
            { path: "/srv/b", change: "update", diff: "hi\n", movePath: "/srv/c" }
          ]
        },
        {
          kind: "permissions",
          method: permissionsMethod,
          ...turn,
          reason: "need",
          cwd: "/srv",
          permissions: {
            network: { enabled: true },
            fileSystem: { entries: [{ path: { type: "path", path: "/tmp/a" }, access: "write" }] }
          }
        },
        {
          kind: "elicitation",
          method: elicitationMethod,
          threadId: "thread",
          server: "files",
          mode: "form",
          message: "Who?",
          schema: { type: "object", properties: { name: { type: "string" } } }
        },
        {
          kind: "userInput",
          method: "item/tool/requestUserInput",
          ...turn,
          questions: [
            {
              id: "q",
              header: "H",
              question: "Which?",
              isOther: true,
              isSecret: false,
              options: [{ label: "A", description: "a" }]
            },
            { id: "r", header: "H", question: "Why?" }
          ]
        },
        { kind: "toolCall", method: "item/tool/call", ...turn, tool: "t", arguments: { a: null } },
        { kind: "tokenRefresh", method: "account/chatgptAuthTokens/refresh", reason: "unauthorized" },
        { kind: "attestation", method: "attestation/generate" },
        { kind: "currentTime", method: "currentTime/read", threadId: "thread" },
        {
          kind: "fileChange",
          method: "applyPatchApproval",
          threadId: "thread",
          itemId: "item",
          changes: [
            { path: "/srv/a", change: "add", diff: "a" },
            { path: "/srv/b", change: "update", diff: "b", movePath: "/srv/c" },
            { path: "/srv/d", change: "update", diff: "d" },
            { path: "/srv/e", change: "unrecognized", diff: "" }
          ]
        },
        {
          kind: "command",
          method: "execCommandApproval",
          threadId: "thread",
          itemId: "item",
          action: "command",
          command: "bash -lc 'git status'",
          commands: [["git", "status"]],
          cwd: "/srv"
        },
        {
          kind: "mcpTool",
          method: elicitationMethod,
          threadId: "thread",
          server: "files",
          tool: "remove",
          message: "Who?",
          description: "d",
          arguments: { name: "x" }
        },
        { kind: "network", method: commandMethod, ...turn, host: "a.org", protocol: "https" },
        {
          kind: "elicitation",
          method: elicitationMethod,
          threadId: "thread",
          server: "s",
          mode: "url",
          message: "Go",
          url: "https://a.org"
        },
        {
          kind: "elicitation",
          method: elicitationMethod,
          threadId: "thread",
          server: "s",
          mode: "openai/userVerification",
          message: "Prove it"
        }
      ])
      assert.deepStrictEqual<unknown>(asked[0]?.raw, paramsOf[commandMethod])
    }))

  it.effect("is an elicitation if a server only says that it is a tool", () =>
    Effect.gen(function*() {
      const { asked, reply } = yield* serve(() => Effect.succeed(ApprovalAnswer.decline))
      yield* reply(elicitationMethod, {
        ...tool,
        requestedSchema: { type: "object", properties: { a: { type: "string" } } }
      })
      assert.strictEqual(asked[0]?.kind, "elicitation")
    }))

  it.effect("has permissions in any form", () =>
    Effect.gen(function*() {
      const { asked, reply } = yield* serve(() => Effect.succeed(ApprovalAnswer.acceptForSession))
      const ask = (permissions: object) =>
        reply(permissionsMethod, { ...turn, startedAtMs: 1, cwd: "/srv", permissions })
      const special = { path: { type: "special", value: { kind: "project_roots", subpath: null } }, access: "read" }
      assert.deepStrictEqual<unknown>(
        (yield* ask({ network: null, fileSystem: { entries: [special], globScanMaxDepth: 3 } })).result,
        {
          permissions: {
            fileSystem: {
              entries: [{ path: { type: "special", value: { kind: "project_roots" } }, access: "read" }],
              globScanMaxDepth: 3
            }
          },
          scope: "session"
        }
      )
      assert.deepStrictEqual<unknown>(
        (yield* ask({ fileSystem: { read: ["/a"], write: ["/b"] } })).result,
        {
          permissions: {
            fileSystem: {
              entries: [
                { path: { type: "path", path: "/a" }, access: "read" },
                { path: { type: "path", path: "/b" }, access: "write" }
              ]
            }
          },
          scope: "session"
        }
      )
      assert.lengthOf(asked, 2)
      // What might be a limit is not overlooked.
      const unknown = [
        { fileSystem: { entries: [{ path: { type: "path", path: "/a" }, access: "append" }] } },
        { fileSystem: { entries: [{ path: { type: "new", path: "/a" }, access: "read" }] } },
        {
          fileSystem: {
            entries: [{ path: { type: "special", value: { kind: "unknown", path: "x" } }, access: "read" }]
          }
        },
        { fileSystem: { write: ["/a"], onlyUntil: 3 } }
      ]
      yield* Effect.forEach(
        unknown,
        (permissions) =>
          Effect.map(ask(permissions), (reply) => assert.deepStrictEqual<object>(reply, refusals[permissionsMethod]))
      )
      assert.lengthOf(asked, 2)
    }))

  it.effect("is declined if it can't be understood, without asking", () =>
    Effect.gen(function*() {
      const { asked, reply, server, warned } = yield* serve(() => Effect.succeed(ApprovalAnswer.accept))
      yield* server.send(known)
      assert.deepStrictEqual<object>(yield* reply(commandMethod, { threadId: "thread" }), refusals[commandMethod])
      assert.deepStrictEqual<object>(yield* reply(fileMethod, { threadId: "secret" }), refusals[fileMethod])
      assert.deepStrictEqual<object>(
        yield* reply(elicitationMethod, { serverName: "s", threadId: "t", mode: "telepathy", message: "?" }),
        refusals[elicitationMethod]
      )
      assert.lengthOf(asked, 0)
      assert.lengthOf(warned, 3)
      assert.match(warned[0] ?? "", /requestApproval is declined: this version can't read it: .*turnId/s)
      assert.match(warned[2] ?? "", /its mode is unknown/)
    }))
})

describe("what follows the policy", () => {
  it.effect("comes before the answer, and makes it a \"no\" if it fails", () =>
    Effect.gen(function*() {
      const noted = Latch.makeUnsafe()
      const policy = Approvals.tap(
        Approvals.acceptAll,
        ({ kind }) => Effect.andThen(noted.await, kind === "network" ? Effect.fail("disk full") : Effect.void)
      )
      const { ask, reply, server, warned } = yield* serve((request) => policy.decide(request))
      yield* ask(commandMethod, paramsOf[commandMethod])
      yield* server.nothing
      yield* noted.open
      assert.deepStrictEqual(yield* server.take, { id: 0, result: { decision: "accept" } })
      const network = { ...turn, startedAtMs: 1, networkApprovalContext: { host: "a.org", protocol: "https" } }
      assert.deepStrictEqual<object>(yield* reply(commandMethod, network), refusals[commandMethod])
      assert.deepStrictEqual(warned, [`${commandMethod} (network) is declined: the policy failed`])
    }))
})

describe("the changes of files", () => {
  const changesAsked = Effect.fnUntraced(function*(notifications: ReadonlyArray<object>, wait = false) {
    const { ask, asked, server } = yield* serve(() => Effect.succeed(ApprovalAnswer.accept))
    yield* Effect.forEach(notifications, server.send)
    yield* ask(fileMethod, paramsOf[fileMethod])
    if (wait) {
      yield* server.nothing
      yield* TestClock.adjust("1 second")
    }
    assert.deepStrictEqual(yield* server.take, { id: 0, result: { decision: "accept" } })
    const [request] = asked
    return request?.kind === "fileChange" ? request.changes?.map(({ path }) => path) : "none"
  })

  it.effect("are those told last", () =>
    Effect.gen(function*() {
      const updated = { method: "item/fileChange/patchUpdated", params: { ...turn, changes: [change("/srv/z")] } }
      assert.deepStrictEqual(yield* changesAsked([known, updated]), ["/srv/z"])
      const other = started([change("/srv/other")], { id: "other" })
      const elsewhere = {
        method: "item/started",
        params: { ...other.params, threadId: "elsewhere", item: { ...known.params.item } }
      }
      assert.deepStrictEqual(yield* changesAsked([known, other, elsewhere, { method: "item/started", params: {} }]), [
        "/srv/a",
        "/srv/b"
      ])
    }))

  it.effect("may come a little late", () =>
    Effect.gen(function*() {
      const { ask, asked, server } = yield* serve(() => Effect.succeed(ApprovalAnswer.accept))
      yield* ask(fileMethod, paramsOf[fileMethod])
      yield* server.nothing
      yield* server.send(known)
      yield* server.take
      const [request] = asked
      assert.lengthOf(request?.kind === "fileChange" ? request.changes ?? [] : [], 2)
    }))

  it.effect("are missing if nobody tells them, or not any more", () =>
    Effect.gen(function*() {
      assert.isUndefined(yield* changesAsked([], true))
      const completed = { method: "item/completed", params: known.params }
      assert.isUndefined(yield* changesAsked([known, completed], true))
      const others = Array.from({ length: 64 }, (_, index) => started([change("/x")], { id: `${index}` }))
      assert.isUndefined(yield* changesAsked([known, ...others], true))
      assert.deepStrictEqual(yield* changesAsked([known, ...others.slice(1)]), ["/srv/a", "/srv/b"])
    }))
})

describe("the answer", () => {
  it.effect("\"no\" has the form that each method wants, and is the one of a connection without handlers", () =>
    Effect.gen(function*() {
      const { reply, server } = yield* serve(() => Effect.succeed(ApprovalAnswer.decline))
      yield* server.send(known)
      for (const method of methods) {
        const said = yield* reply(method, paramsOf[method])
        assert.deepStrictEqual<object>(said, refusals[method])
        if (said.result !== undefined) {
          assert.isTrue(isResult(method, said.result), method)
        }
      }
      const bare = yield* connect({ defaultAnswer: ApprovalServing.defaultAnswer })
      for (const method of methods) {
        yield* bare.server.send({ id: 0, method, params: {} })
        const said = yield* bare.server.take
        if (said.error === undefined) assert.deepStrictEqual<object>(said, refusals[method])
        else assert.strictEqual(refusals[method], refused)
      }
      yield* bare.server.send({ id: 0, method: "something/new" })
      assert.strictEqual((yield* bare.server.take).error?.code, -32601)
    }))

  const cases: ReadonlyArray<readonly [Method, object, ApprovalAnswer.ApprovalAnswer, object]> = [
    [commandMethod, {}, ApprovalAnswer.accept, { decision: "accept" }],
    [commandMethod, {}, ApprovalAnswer.acceptForSession, { decision: "acceptForSession" }],
    [commandMethod, {}, ApprovalAnswer.cancel, { decision: "cancel" }],
    [commandMethod, {}, ApprovalAnswer.acceptPrefix(["git"]), {
      decision: { acceptWithExecpolicyAmendment: { execpolicy_amendment: ["git"] } }
    }],
    ...[ApprovalAnswer.allowHost("a.org"), ApprovalAnswer.denyHost("a.org")].map((answer) =>
      [
        commandMethod,
        { networkApprovalContext: { host: "a.org", protocol: "http" } },
        answer,
        {
          decision: {
            applyNetworkPolicyAmendment: { network_policy_amendment: { host: "a.org", action: answer.action } }
          }
        }
      ] as const
    ),
    [fileMethod, {}, ApprovalAnswer.acceptForSession, { decision: "acceptForSession" }],
    [fileMethod, {}, ApprovalAnswer.cancel, { decision: "cancel" }],
    [permissionsMethod, {}, ApprovalAnswer.accept, {
      permissions: {
        network: { enabled: true },
        fileSystem: { entries: [{ path: { type: "path", path: "/tmp/a" }, access: "write" }] }
      },
      scope: "turn"
    }],
    [permissionsMethod, {}, ApprovalAnswer.grant({ network: { enabled: true } }, { scope: "session" }), {
      permissions: { network: { enabled: true } },
      scope: "session"
    }],
    [permissionsMethod, {}, ApprovalAnswer.grant({}), { permissions: {}, scope: "turn" }],
    [elicitationMethod, {}, ApprovalAnswer.content({ name: "Al" }), { action: "accept", content: { name: "Al" } }],
    [elicitationMethod, {}, ApprovalAnswer.accept, { action: "accept" }],
    [elicitationMethod, {}, ApprovalAnswer.cancel, { action: "cancel" }],
    [elicitationMethod, tool, ApprovalAnswer.accept, { action: "accept", content: {} }],
    [elicitationMethod, tool, ApprovalAnswer.acceptForSession, {
      action: "accept",
      content: {},
      _meta: { persist: "session" }
    }],
    [elicitationMethod, tool, ApprovalAnswer.acceptAlways, {
      action: "accept",
      content: {},
      _meta: { persist: "always" }
    }],
    [elicitationMethod, tool, ApprovalAnswer.cancel, { action: "cancel" }],
    ["item/tool/requestUserInput", {}, ApprovalAnswer.answers({ q: ["A", Redacted.make("b")], r: [] }), {
      answers: { q: { answers: ["A", "b"] }, r: { answers: [] } }
    }],
    ["item/tool/call", {}, ApprovalAnswer.toolSuccess("sunny"), {
      success: true,
      contentItems: [{ type: "inputText", text: "sunny" }]
    }],
    ["item/tool/call", {}, ApprovalAnswer.toolFailure([{ type: "inputImage", imageUrl: "data:image/png;base64," }]), {
      success: false,
      contentItems: [{ type: "inputImage", imageUrl: "data:image/png;base64," }]
    }],
    [
      "account/chatgptAuthTokens/refresh",
      {},
      ApprovalAnswer.tokens({ accessToken: Redacted.make("secret"), accountId: "me" }),
      { accessToken: "secret", chatgptAccountId: "me" }
    ],
    ["attestation/generate", {}, ApprovalAnswer.attestation(Redacted.make("secret")), { token: "secret" }],
    ["currentTime/read", {}, ApprovalAnswer.currentTime(DateTime.makeUnsafe(1_700_000_000_999)), {
      currentTimeAt: 1_700_000_000
    }],
    ["applyPatchApproval", {}, ApprovalAnswer.accept, { decision: "approved" }],
    ["applyPatchApproval", {}, ApprovalAnswer.acceptForSession, { decision: "approved_for_session" }],
    ["execCommandApproval", {}, ApprovalAnswer.cancel, { decision: "abort" }],
    ["execCommandApproval", {}, ApprovalAnswer.acceptPrefix(["git"]), {
      decision: { approved_execpolicy_amendment: { proposed_execpolicy_amendment: ["git"] } }
    }]
  ]

  for (const [method, params, answer, result] of cases) {
    it.effect(`"${answer.type}" has the form that ${method} wants: ${JSON.stringify(result)}`, () =>
      Effect.gen(function*() {
        const { reply, server } = yield* serve(() => Effect.succeed(answer))
        yield* server.send(known)
        const said = yield* reply(method, { ...paramsOf[method], ...params })
        assert.deepStrictEqual<object>(said, { id: 0, result })
        assert.isTrue(isResult(method, said.result))
      }))
  }
})

describe("a policy", () => {
  const broken: ReadonlyArray<readonly [string, () => Effect.Effect<ApprovalAnswer.ApprovalAnswer, string>]> = [
    ["fails", () => Effect.fail("no idea")],
    ["dies", () => Effect.die("no idea")],
    ["interrupts itself", () => Effect.interrupt],
    ["throws", () => {
      throw new Error("no idea")
    }],
    ["gives an answer that does not fit", () => Effect.succeed(ApprovalAnswer.acceptAlways)]
  ]

  for (const [what, decide] of broken) {
    it.effect(`that ${what} declines`, () =>
      Effect.gen(function*() {
        const { reply, told, warned } = yield* serve(decide)
        assert.deepStrictEqual<object>(yield* reply(commandMethod, paramsOf[commandMethod]), refusals[commandMethod])
        assert.lengthOf(warned, 1)
        assert.match(warned[0] ?? "", /requestApproval \(command\) is declined: the policy failed/)
        yield* settled
        assert.include(told[1], { type: "approval.answered", outcome: "failed", answer: "decline" })
      }))
  }

  it.effect("that hangs declines when its time is up", () =>
    Effect.gen(function*() {
      const { ask, server, told, warned } = yield* serve(() => Effect.never, { timeout: "30 seconds" })
      yield* ask(commandMethod, paramsOf[commandMethod])
      yield* settled
      yield* TestClock.adjust("29 seconds")
      yield* server.nothing
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual<object>(yield* server.take, refusals[commandMethod])
      assert.match(warned[0] ?? "", /is declined: there was no answer within 30s/)
      yield* settled
      assert.include(told[1], { type: "approval.answered", outcome: "timeout", answer: "decline" })
    }))

  it.effect("has ten minutes, unless said otherwise", () =>
    Effect.gen(function*() {
      const { ask, server } = yield* serve(() => Effect.never)
      yield* ask("currentTime/read", paramsOf["currentTime/read"])
      yield* settled
      yield* TestClock.adjust("599 seconds")
      yield* server.nothing
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual<object>(yield* server.take, refused)
    }))

  it.effect("that can't be interrupted is not waited for", () =>
    Effect.gen(function*() {
      const { ask, server } = yield* serve(() => Effect.uninterruptible(Effect.never), { timeout: "30 seconds" })
      yield* ask(commandMethod, paramsOf[commandMethod])
      yield* settled
      yield* TestClock.adjust("35 seconds")
      assert.deepStrictEqual<object>(yield* server.take, refusals[commandMethod])
    }))

  it.effect("is interrupted when nobody waits for it any more", () =>
    Effect.gen(function*() {
      let interrupted = false
      const { ask, server, told, warned } = yield* serve(() =>
        Effect.onInterrupt(Effect.never, () => Effect.sync(() => (interrupted = true)))
      )
      yield* ask(commandMethod, paramsOf[commandMethod])
      yield* settled
      yield* server.send({ method: "serverRequest/resolved", params: { threadId: "thread", requestId: 0 } })
      yield* settled
      assert.isTrue(interrupted)
      assert.deepStrictEqual(warned, [])
      assert.include(told[1], { type: "approval.answered", outcome: "withdrawn" })
      assert.lengthOf(told, 2)
      yield* server.nothing
    }))

  it.effect("answers many at once", () =>
    Effect.gen(function*() {
      const { server } = yield* serve((request) =>
        request.kind === "command" && request.command === "slow" ? Effect.never : Effect.succeed(ApprovalAnswer.accept)
      )
      for (const [id, command] of ["slow", "fast"].entries()) {
        yield* server.send({ id, method: commandMethod, params: { ...turn, startedAtMs: 1, command } })
      }
      assert.deepStrictEqual(yield* server.take, { id: 1, result: { decision: "accept" } })
    }))
})

describe("the hook", () => {
  it.effect("is told what is asked and answered, and nothing of what is in it", () =>
    Effect.gen(function*() {
      const { ask, server, told } = yield* serve(() =>
        Effect.delay(Effect.succeed(ApprovalAnswer.acceptPrefix(["secret"])), "2 seconds")
      )
      yield* ask(commandMethod, { ...paramsOf[commandMethod], command: "secret", reason: "secret" })
      yield* settled
      yield* TestClock.adjust("2 seconds")
      yield* server.take
      yield* settled
      const common = { operation: "approval", kind: "command", method: commandMethod, ...turn }
      assert.deepStrictEqual<unknown>(JSON.parse(JSON.stringify(told)), [
        { ...common, type: "approval.requested", timestamp: "1970-01-01T00:00:00.000Z" },
        {
          ...common,
          type: "approval.answered",
          timestamp: "1970-01-01T00:00:02.000Z",
          outcome: "decided",
          answer: "acceptPrefix",
          duration: { _id: "Duration", _tag: "Millis", millis: 2000 }
        }
      ])
    }))
})
