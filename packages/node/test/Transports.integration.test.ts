/**
 * Law 9 on the real CLI: one program gives the same turns over `codex exec` and over an app-server.
 */
import * as CodexInput from "@effect-codex/core/CodexInput"
import type { CodexOptions } from "@effect-codex/core/CodexOptions"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { execFileSync } from "node:child_process"
import { execPath } from "node:process"
import { fileURLToPath } from "node:url"
import * as TransportDifferences from "./support/transportDifferences.ts"
import * as Transports from "./support/transports.ts"

const done = ModelReply.message("Done.")
const update = "*** Begin Patch\n*** Update File: a.txt\n@@\n-old\n+new\n*** Delete File: b.txt\n*** End Patch\n"
const wrong = "*** Begin Patch\n*** Update File: c.txt\n@@\n-old\n+new\n*** End Patch\n"
const plan = (status: "completed" | "in_progress") =>
  ModelReply.updatePlan([{ step: "look", status }, { step: "leap", status: "pending" }], { explanation: "So." })

const greeter = {
  command: execPath,
  args: [fileURLToPath(new URL("../../testing/test/support/mcpServer.ts", import.meta.url))]
}

const live = { excludeTestServices: true }

/** Plays the replies by both transports; what is left of the outcomes without the differences of Codex is the same. */
const same = Effect.fnUntraced(function*(replies: ReadonlyArray<ModelReply.ModelReply>, options?: CodexOptions) {
  const { appServer, exec, prompt } = yield* Transports.Transports
  const input = prompt(replies)
  const expected = yield* Transports.play(exec, input, options)
  const actual = yield* Transports.play(appServer, input, options)
  assert.deepStrictEqual(TransportDifferences.common(actual), TransportDifferences.common(expected))
  return actual.turn
})

layer(Transports.layer({ streamMaxRetries: 1 }), live)("both transports give the same turn of", (it) => {
  const kinds: ReadonlyArray<
    readonly [name: string, types: ReadonlyArray<string>, replies: ReadonlyArray<ModelReply.ModelReply>, CodexOptions?]
  > = [
    ["a message in pieces", ["agent_message"], [ModelReply.message("Hel", "lo")]],
    ["reasoning and several messages", ["reasoning", "agent_message", "agent_message"], [
      ModelReply.concat(ModelReply.reasoning("**Hm**"), ModelReply.message("One."), ModelReply.message("Two."))
    ]],
    ["a command", ["command_execution", "agent_message"], [ModelReply.shell("echo hi; sleep 0.2; echo ho"), done]],
    ["a command without output", ["command_execution", "agent_message"], [ModelReply.shell("true"), done]],
    ["a command that fails", ["command_execution", "agent_message"], [ModelReply.shell("echo bad; exit 3"), done]],
    ["a command that is left running", ["command_execution", "agent_message"], [
      ModelReply.shell("sleep 60", { yieldAfter: "250 millis" }),
      done
    ]],
    ["a patch", ["file_change", "agent_message"], [ModelReply.applyPatch(update), done]],
    ["a patch that does not fit", ["agent_message"], [ModelReply.applyPatch(wrong), done]],
    ["a plan", ["todo_list", "agent_message"], [plan("in_progress"), plan("completed"), done]],
    ["a search", ["web_search", "agent_message"], [ModelReply.concat(ModelReply.webSearch("effect"), done)]],
    [
      "a tool of an MCP server",
      ["mcp_tool_call", "agent_message"],
      [ModelReply.mcpToolCall("greeter", "greet", { name: "Ada" }), done],
      { config: { mcp_servers: { greeter } } }
    ],
    ["a warning", ["error", "agent_message"], [done], { config: { no_such_key: 1 } }],
    ["an HTTP error after work", ["command_execution"], [
      ModelReply.shell("echo done"),
      ModelReply.httpError(400, { message: "Bad thing", type: "invalid_request_error" })
    ]],
    ["a key that is refused", [], [
      ModelReply.httpError(401, { message: "Incorrect API key" }),
      ModelReply.httpError(401, { message: "Incorrect API key" })
    ]],
    ["a model that is overloaded", [], [ModelReply.failed({ code: "server_is_overloaded", message: "Busy" })]],
    ["a context that is full", [], [ModelReply.failed({ code: "context_length_exceeded", message: "Full" })]],
    ["an answer that is cut off", ["agent_message"], [
      ModelReply.concat(ModelReply.message("Half"), ModelReply.incomplete("max_output_tokens"))
    ]],
    ["a reconnect", ["agent_message"], [ModelReply.cutStream(), done]],
    ["reconnects in vain", [], [ModelReply.cutStream(), ModelReply.cutStream()]]
  ]
  for (const [name, types, replies, options] of kinds) {
    it.effect(name, () =>
      Effect.gen(function*() {
        const turn = yield* same(replies, options)
        assert.deepStrictEqual(turn?.items.map(({ type }) => type), types)
      }))
  }
})

layer(Transports.layer(), live)("both transports", (it) => {
  const Round = Schema.Struct({
    reasoning: Schema.Literals(["", "**Look** first", "größer\u2028 \u{1f600}"]),
    message: Schema.Literals(["", "Well.", "{\"a\": \"\\n\"}"]),
    tool: Schema.Literals(["echo out", "echo err >&2; exit 7", "printf 'no end'", "patch", "wrong patch", "plan"])
  })
  const Ending = Schema.Literals(["message", "nothing", "400", "rate limit", "cut"])

  const toReply = ({ message, reasoning, tool }: typeof Round.Type): ModelReply.ModelReply =>
    ModelReply.concat(
      ...(reasoning === "" ? [] : [ModelReply.reasoning(reasoning)]),
      ...(message === "" ? [] : [ModelReply.message(message)]),
      tool === "patch"
        ? ModelReply.applyPatch(update)
        : tool === "wrong patch"
        ? ModelReply.applyPatch(wrong)
        : tool === "plan"
        ? plan("in_progress")
        : ModelReply.shell(tool)
    )
  const endings: { readonly [E in typeof Ending.Type]: ModelReply.ModelReply } = {
    message: done,
    nothing: ModelReply.usage({ inputTokens: 7 }),
    "400": ModelReply.httpError(400, { message: "Bad thing" }),
    "rate limit": ModelReply.failed({ code: "rate_limit_exceeded", message: "Slow down" }),
    cut: ModelReply.concat(ModelReply.message("Half"), ModelReply.cutStream())
  }

  it.effect.prop(
    "give the same turn of any script",
    { rounds: Schema.Array(Round).check(Schema.isMaxLength(4)), ending: Ending },
    ({ ending, rounds }) => same([...rounds.map(toReply), endings[ending]]),
    { arbitrary: { runs: 12 } }
  )

  it.effect("give the same part of a turn that is stopped, and its thread goes on over the other one", () =>
    Effect.gen(function*() {
      const { appServer, exec, prompt } = yield* Transports.Transports
      const replies = [
        ModelReply.concat(ModelReply.message("First."), ModelReply.shell("echo on; sleep 60")),
        done
      ]
      const stop = Effect.fnUntraced(function*(codex: typeof exec) {
        const run = yield* codex.start(prompt(replies))
        yield* run.events.pipe(
          Stream.takeUntil(({ type }) => type === "item.started"),
          Stream.runDrain
        )
        yield* run.interrupt
        const error = yield* Effect.flip(run.await)
        return { turn: error.turn, error, directory: "nowhere" }
      })
      const stopped = yield* stop(exec)
      const other = yield* stop(appServer)
      assert.deepStrictEqual(TransportDifferences.common(other), TransportDifferences.common(stopped))

      for (const [codex, thread] of [[appServer, stopped.turn?.threadId], [exec, other.turn?.threadId]] as const) {
        const turn = yield* codex.run("And now?", { thread })
        assert.strictEqual(turn.threadId, thread)
        assert.strictEqual(turn.finalMessage, "You said: And now?")
        const { requests } = yield* FakeModel.FakeModel
        assert.include(JSON.stringify((yield* requests).at(-1)?.body), "First.")
      }
    }).pipe(Effect.scoped))

  it.effect("review alike", () =>
    Effect.gen(function*() {
      const { appServer, exec } = yield* Transports.Transports
      const fs = yield* FileSystem.FileSystem
      const workingDirectory = yield* fs.makeTempDirectoryScoped()
      execFileSync("git", ["init", "--quiet"], { cwd: workingDirectory })
      yield* fs.writeFileString(`${workingDirectory}/a.txt`, "a\n")
      for (
        const target of [
          CodexInput.review({ type: "uncommitted" }),
          CodexInput.review({ type: "custom", instructions: "Look at a.txt." })
        ]
      ) {
        const [expected, actual] = [
          yield* Transports.play(exec, target, { workingDirectory }),
          yield* Transports.play(appServer, target, { workingDirectory })
        ]
        assert.match(actual.turn?.finalMessage ?? "", /^You said: /)
        assert.deepStrictEqual(TransportDifferences.common(actual), TransportDifferences.common(expected))
      }
    }).pipe(Effect.scoped))
})

layer(Transports.layer({}, { sandbox: undefined }), live)("what the model is told", (it) => {
  it.effect("is the same, whatever the options and whatever the thread was told before", () =>
    Effect.gen(function*() {
      const { appServer, exec } = yield* Transports.Transports
      const fs = yield* FileSystem.FileSystem
      const { requests } = yield* FakeModel.FakeModel
      const workingDirectory = yield* fs.realPath(yield* fs.makeTempDirectoryScoped())
      const asked = Effect.map(requests, (all) => {
        const request = all.at(-1)
        const body = JSON.stringify(request?.body)
        return {
          model: request?.model,
          effort: /"reasoning":\{[^}]*\}/.exec(body)?.[0],
          schema: request?.outputSchema,
          search: /\{"type":"web_search"[^}]*\}/.exec(body)?.[0],
          tools: request?.tools,
          said: request?.userTexts
        }
      })
      const wide: CodexOptions = { model: "gpt-5.4", reasoningEffort: "low", sandbox: "danger-full-access" }
      const cases: ReadonlyArray<CodexOptions> = [
        {},
        wide,
        { sandbox: "read-only", webSearch: "live", features: { goals: false }, threadSource: "test" },
        {
          sandbox: "workspace-write",
          networkAccess: true,
          additionalDirectories: ["/var/tmp", "beside"],
          config: { model_verbosity: "low" },
          ephemeral: true
        },
        { approval: "auto-review" },
        { config: { approval_policy: "on-request", approvals_reviewer: "auto_review" } }
      ]
      for (const which of ["new", "thread", "fork"] as const) {
        for (const { ephemeral, ...options } of cases) {
          const seen = yield* Effect.forEach([exec, appServer], (codex) =>
            Effect.gen(function*() {
              const before = which === "new" ? { threadId: undefined } : yield* codex.run("Begin", wide)
              const input = [CodexInput.text("One."), CodexInput.text("Two.")]
              yield* codex.run(input, {
                ...options,
                workingDirectory,
                output: Schema.Struct({ answer: Schema.String }),
                ...(which === "new" ? { ephemeral } : { [which]: before.threadId })
              }).pipe(Effect.catchReason("CodexError", "OutputUndecodable", () => Effect.void))
              return yield* asked
            }))
          assert.deepStrictEqual(seen[1], seen[0], `${which} ${JSON.stringify(options)}`)
        }
      }
    }).pipe(Effect.scoped))
})
