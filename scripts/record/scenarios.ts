/**
 * Everything that can be had from the real CLI offline, one cassette for each kind of thing.
 */
import * as ApprovalAnswer from "@effect-codex/core/ApprovalAnswer"
import * as Approvals from "@effect-codex/core/Approvals"
import * as Client from "@effect-codex/core/appserver/Client"
import type * as Protocol from "@effect-codex/core/appserver/Protocol"
import * as Codex from "@effect-codex/core/Codex"
import type { CodexConfig } from "@effect-codex/core/CodexConfig"
import * as CodexInput from "@effect-codex/core/CodexInput"
import type { CodexOptions } from "@effect-codex/core/CodexOptions"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { type ExecScenario, mcpServer, type Replies, type Scenario } from "./codex.ts"

const { applyPatch, concat, failed, functionCall, httpError, mcpToolCall, message, reasoning, shell } = ModelReply

const done = message("Done.")

// =============================================================================
// Turns, by both transports
// =============================================================================

const plan = (status: "completed" | "in_progress") =>
  ModelReply.updatePlan([{ step: "Look", status }, { step: "Leap", status: "pending" }], { explanation: "So." })

const items: Replies = {
  Work: [
    concat(reasoning("**Hm**"), message("I will ", "look."), plan("in_progress")),
    shell("sleep 0.3; echo seen"),
    shell("echo bad; exit 3"),
    applyPatch(
      "*** Begin Patch\n*** Add File: new.txt\n+new\n*** Update File: a.txt\n@@\n-old\n+other\n*** End Patch\n"
    ),
    applyPatch("*** Begin Patch\n*** Update File: none.txt\n@@\n-old\n+new\n*** End Patch\n"),
    mcpToolCall("greeter", "greet", { name: "Ada" }),
    plan("completed"),
    concat(ModelReply.webSearch("effect"), message("All done."))
  ]
}

const greeter = { mcp_servers: { greeter: mcpServer("testing/test/support/mcpServer.ts") } }

const run = (prompt: string, options: CodexOptions = {}) => (workingDirectory: string) =>
  Codex.run(prompt, { workingDirectory, ...options })

/** Each in a turn of its own. */
const failures: Replies = {
  "HTTP 400": [httpError(400, { message: "Bad thing", type: "invalid_request_error" })],
  "HTTP 401": [httpError(401, { message: "Incorrect API key" }), httpError(401, { message: "Incorrect API key" })],
  "HTTP 403": [httpError(403, { message: "Not here" })],
  "HTTP 413": [httpError(413, { message: "Too large" })],
  "HTTP 429": [httpError(429, { message: "Slow down", code: "rate_limit_exceeded" })],
  "HTTP 429, quota": [httpError(429, { message: "No quota", code: "insufficient_quota" })],
  "HTTP 500": [httpError(500, { message: "Oops" })],
  "context": [failed({ code: "context_length_exceeded", message: "Full" })],
  "rate limit": [failed({ code: "rate_limit_exceeded", message: "Slow down" })],
  "quota": [failed({ code: "insufficient_quota", message: "No quota" })],
  "plan": [failed({ code: "usage_not_included", message: "No plan" })],
  "overloaded": [failed({ code: "server_is_overloaded", message: "Busy" })],
  "refused": [failed({ code: "invalid_prompt", message: "Invalid prompt: no." })],
  "incomplete": [concat(message("Half"), ModelReply.incomplete("max_output_tokens"))],
  "broken": [shell("echo done"), ModelReply.cutStream()],
  "ended": [shell("echo done"), ModelReply.cutStream({ clean: true })]
}

const failEach = (prompts: ReadonlyArray<string>) => (workingDirectory: string) =>
  Effect.forEach(prompts, (prompt) => Effect.flip(Codex.run(prompt, { workingDirectory })))

/** An app-server has much to say of a turn: of those that fail alike, one. */
const apart = ["HTTP 400", "HTTP 401", "HTTP 429", "HTTP 500", "context", "overloaded", "broken"]

const turns: Replies = {
  Delegate: [
    functionCall("spawn_agent", { message: "Count" }, { namespace: "multi_agent_v1" }),
    message("They count.")
  ],
  Reconnect: [ModelReply.cutStream(), done],
  Lose: [ModelReply.cutStream(), ModelReply.cutStream()],
  Wait: [shell("sleep 60"), done]
}

const turnEach = (workingDirectory: string) =>
  Effect.gen(function*() {
    yield* Codex.run("Delegate", { workingDirectory })
    yield* Codex.run("Reconnect", { workingDirectory })
    yield* Effect.flip(Codex.run("Lose", { workingDirectory }))
    yield* Codex.run(CodexInput.review({ type: "custom", instructions: "Look" }), { workingDirectory })
    const { threadId } = yield* Codex.run("Begin", { workingDirectory })
    yield* Codex.run("Go on", { workingDirectory, thread: threadId })
    yield* Codex.run("Otherwise", { workingDirectory, fork: threadId })
    yield* Codex.stream("Wait", { workingDirectory }).pipe(
      Stream.takeUntil((event) => event.type === "item.started"),
      Stream.runDrain
    )
  })

const both = (name: string, scenario: Omit<ExecScenario, "transport">): Readonly<Record<string, Scenario>> => ({
  [`exec-${name}`]: { ...scenario, transport: "exec" },
  [`app-server-${name}`]: { ...scenario, transport: "app-server" }
})

// =============================================================================
// What `codex exec` does not start with
// =============================================================================

const configs: ReadonlyArray<CodexConfig> = [
  { tui: { theme: 3 } },
  { model_provider: "nope" },
  { mcp_servers: { gone: { command: "/no/such", required: true } } },
  { model_providers: { fake: { requires_openai_auth: false, env_key: "NO_SUCH_KEY" } } }
]

const startFailures = (workingDirectory: string) =>
  Effect.gen(function*() {
    const options: ReadonlyArray<CodexOptions> = [
      { thread: "01a1fc4d-0000-7000-8000-000000000000" },
      { workingDirectory: "/no/such/directory" },
      { skipGitRepoCheck: false },
      ...configs.map((config) => ({ config }))
    ]
    for (const [index, option] of options.entries()) {
      yield* Effect.flip(Codex.run(`Start ${index}`, { workingDirectory, ...option }))
    }
    yield* Codex.run("Warn", { workingDirectory, config: { no_such_key: 1 } })
  })

// =============================================================================
// What an app-server asks
// =============================================================================

const patch = applyPatch("*** Begin Patch\n*** Add File: b.txt\n+hi\n*** End Patch\n")

const ask = functionCall("request_user_input", {
  questions: [{
    id: "q",
    header: "H",
    question: "Which?",
    options: [{ label: "A", description: "a" }, { label: "B", description: "b" }]
  }]
})

const permissions = functionCall("request_permissions", {
  reason: "to load",
  permissions: { network: { enabled: true }, file_system: { write: ["/var/a"] } }
})

const asked: Replies = {
  Command: [shell("touch c.txt"), done],
  Files: [patch, done],
  Input: [ask, done],
  Permissions: [permissions, done],
  Tool: [functionCall("weather", { city: "Ulm" }), done],
  Form: [mcpToolCall("files", "ask", {}), done],
  Visit: [mcpToolCall("files", "visit", {}), done],
  Remove: [mcpToolCall("files", "remove", {}), done]
}

const answers: { readonly [kind: string]: ApprovalAnswer.ApprovalAnswer } = {
  userInput: ApprovalAnswer.answers({ q: ["A"] }),
  toolCall: ApprovalAnswer.toolSuccess("sunny"),
  elicitation: ApprovalAnswer.accept
}

const answering = Approvals.fromFunction((request) => Effect.succeed(answers[request.kind] ?? ApprovalAnswer.accept))

/** Turns in a new thread, by the client. */
const converse = Effect.fnUntraced(function*(prompts: ReadonlyArray<string>, options: Protocol.ThreadStartParams) {
  const client = yield* Client.Client
  const { thread } = yield* client.thread.start({ sandbox: "danger-full-access", ...options })
  for (const text of prompts) {
    const ended = yield* client.notifications(["turn/completed"])
    yield* client.turn.start({ threadId: thread.id, input: [{ type: "text", text }] })
    yield* Stream.runDrain(Stream.take(ended, 1))
  }
  return thread.id
}, Effect.scoped)

const askAll = Effect.fnUntraced(function*(cwd: string) {
  yield* converse(["Command", "Files"], { cwd, approvalPolicy: "untrusted" })
  yield* converse(["Input", "Permissions", "Tool", "Form", "Visit", "Remove"], {
    cwd,
    approvalPolicy: "on-request",
    dynamicTools: [{ type: "function", name: "weather", description: "Tells", inputSchema: { type: "object" } }]
  })
})

/** What a client can do besides turns. */
const calls = Effect.fnUntraced(function*(cwd: string) {
  const client = yield* Client.Client
  const news = yield* client.notifications(["account/login/completed", "thread/archived", "thread/compacted"])
  const threadId = yield* converse(["Begin"], { cwd, approvalPolicy: "never" })
  yield* client.thread.name.set({ threadId, name: "Named" })
  yield* client.request("thread/list", {})
  yield* client.request("thread/read", { threadId, includeTurns: true })
  yield* client.request("thread/archive", { threadId })
  yield* Effect.flip(client.request("thread/resume", { threadId: "01a1fc4d-0000-7000-8000-000000000000" }))
  yield* Stream.runDrain(Stream.take(news, 1))
}, Effect.scoped)

// =============================================================================
// All
// =============================================================================

export const scenarios: Readonly<Record<string, Scenario>> = {
  ...both("items", { replies: items, defaults: { config: greeter }, program: run("Work") }),
  ...both("turns", { replies: turns, program: turnEach, model: { streamMaxRetries: 1 } }),
  "exec-failures": { transport: "exec", replies: failures, program: failEach(Object.keys(failures)) },
  "app-server-failures": { transport: "app-server", replies: failures, program: failEach(apart) },
  "exec-start-failures": { transport: "exec", replies: {}, program: startFailures },
  "app-server-requests": {
    transport: "app-server",
    replies: asked,
    program: askAll,
    approvals: answering,
    server: {
      args: ["--enable", "default_mode_request_user_input", "--enable", "request_permissions_tool"],
      config: { mcp_servers: { files: mcpServer("node/test/fixtures/elicitingServer.ts") } }
    }
  },
  "app-server-calls": { transport: "app-server", replies: {}, program: calls }
}
