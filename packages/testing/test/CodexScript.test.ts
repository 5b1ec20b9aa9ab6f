import * as Codex from "@effect-codex/core/Codex"
import * as CodexScript from "@effect-codex/testing/CodexScript"
import * as FakeCli from "@effect-codex/testing/FakeCli"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import * as ModelRequest from "@effect-codex/testing/ModelRequest"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const { fail, make, message, run, turn, when } = CodexScript

/** What is said to these prompts, one after the other, each in the thread that is named by its number. */
const said = Effect.fnUntraced(function*(prompts: ReadonlyArray<readonly [prompt: string, thread?: number]>) {
  const threads: Array<string | undefined> = []
  const words: Array<string | undefined> = []
  for (const [prompt, thread] of prompts) {
    const { finalMessage, threadId } = yield* Codex.run(prompt, {
      thread: thread === undefined ? undefined : threads[thread]
    })
    if (thread === undefined) threads.push(threadId)
    words.push(finalMessage)
  }
  return words
})

describe("CodexScript", () => {
  const codec = Schema.toCodecJson(CodexScript.CodexScript)

  it.effect.prop(
    "is data: what was stored is what is read",
    { script: CodexScript.CodexScript },
    ({ script }) =>
      Effect.gen(function*() {
        const json = JSON.stringify(yield* Schema.encodeEffect(codec)(script))
        const again = yield* Schema.decodeUnknownEffect(codec)(JSON.parse(json))
        assert.strictEqual(JSON.stringify(yield* Schema.encodeEffect(codec)(again)), json)
      })
  )

  it("takes patterns as data", () => {
    assert.deepStrictEqual(when({ prompt: /^a/i }).when, { prompt: { source: "^a", flags: "i" } })
    assert.isTrue(Schema.is(CodexScript.Condition)({ prompt: { source: "^a", flags: "i" } }))
    assert.isFalse(Schema.is(CodexScript.Condition)({ prompt: { source: "(", flags: "" } }))
  })

  const Finding = Schema.Struct({ file: Schema.String, at: Schema.optionalKey(Schema.Date) })

  it.effect.prop(
    "answers with what is read",
    { one: Finding, many: Schema.Array(Finding) },
    ({ many, one }) =>
      Effect.gen(function*() {
        const script = make([
          when({ prompt: "one" }, CodexScript.answer(Finding, one)),
          when({ prompt: "many" }, CodexScript.answer(Schema.Array(Finding), many))
        ])
        const outputs = yield* Effect.all([
          Codex.run("one", { output: Finding }),
          Codex.run("many", { output: Schema.Array(Finding) })
        ]).pipe(Effect.provide(FakeCli.layer(script)))
        assert.deepStrictEqual(outputs.map(({ output }) => output), [one, many])
      })
  )

  it("has a step for everything", () => {
    const steps: ReadonlyArray<CodexScript.Step> = [
      message("a", "b"),
      CodexScript.reasoning("r"),
      run("ls", { output: "a\n", exitCode: 1, duration: "1 second", ask: "why" }),
      CodexScript.changeFiles(
        [CodexScript.add("a", "x"), CodexScript.update("b", "x", "y"), CodexScript.delete("c")],
        { ask: true }
      ),
      CodexScript.callMcpTool("s", "t", { arguments: { a: 1 }, text: "x", structuredContent: { b: 2 } }),
      CodexScript.callMcpTool("s", "t", { error: "no" }),
      CodexScript.callTool("t", { namespace: "n" }),
      CodexScript.search("q"),
      CodexScript.plan([{ step: "a", status: "pending" }], { explanation: "so" }),
      CodexScript.usage({ inputTokens: 1 }),
      CodexScript.wait("1 second"),
      CodexScript.hang,
      fail("overloaded"),
      CodexScript.crash({ signal: "SIGSEGV" }),
      CodexScript.garbage(),
      CodexScript.future("event", "x.y", { a: 1 })
    ]
    for (const step of steps) assert.isTrue(Schema.is(CodexScript.Step)(step), step._tag)
    assert.deepStrictEqual(
      [...new Set(steps.map(({ _tag }) => _tag))],
      Object.keys(CodexScript.Step.cases)
    )
  })
})

describe("the first rule that fits is played, by", () => {
  const cases: ReadonlyArray<
    readonly [name: string, rules: ReadonlyArray<CodexScript.Rule>, prompts: Parameters<typeof said>[0], string]
  > = [
    ["a text in the prompt", [when({ prompt: "b." }, message("1")), turn(message("2"))], [["a b."], ["ab"]], "1 2"],
    ["a pattern", [when({ prompt: /^A/i }, message("1")), turn(message("2"))], [["a b"], ["ba"]], "1 2"],
    [
      "the number of the thread",
      [when({ thread: 1 }, message("1")), turn(message("2"))],
      [["a"], ["a"], ["a", 0], ["a", 1]],
      "2 1 2 1"
    ],
    [
      "whether the thread begins",
      [when({ thread: "new" }, message("1")), when({ thread: "resumed" }, message("2"))],
      [["a"], ["a", 0], ["a"]],
      "1 2 1"
    ],
    [
      "the number of the turn",
      [when({ turn: 1 }, message("1")), turn(message("2"))],
      [["a"], ["a", 0], ["a"]],
      "2 1 2"
    ],
    [
      "how often the prompt was given",
      [when({ attempt: 2, prompt: "a" }, message("1")), turn(message("2"))],
      [["a"], ["b"], ["a"], ["a"]],
      "2 2 1 2"
    ],
    ["all of a condition", [when({ prompt: "a", turn: 1 }, message("1")), turn(message("2"))], [["a"], ["b", 0]], "2 2"]
  ]
  for (const [name, rules, prompts, expected] of cases) {
    it.effect(name, () =>
      Effect.gen(function*() {
        assert.strictEqual((yield* said(prompts)).join(" "), expected)
      }).pipe(Effect.provide(FakeCli.layer(make(rules)))))
  }

  it.effect("or else the fallback", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* said([["a"]]), ["else"])
    }).pipe(Effect.provide(FakeCli.layer(make([], { fallback: [message("else")] })))))

  it.effect("and without one the turn fails, and says so", () =>
    Effect.gen(function*() {
      const { reason } = yield* Effect.flip(Codex.run("a"))
      assert.deepInclude(reason, {
        _tag: "TurnFailed",
        kind: "invalid_request",
        description: "CodexScript: the script has no rule for this turn"
      })
    }).pipe(Effect.provide(FakeCli.layer(make([])))))
})

describe("the script of a model", () => {
  const request = (threadId: string, metadata: object, text: string) =>
    ModelRequest.make({
      method: "POST",
      path: "/v1/responses",
      headers: { "thread-id": threadId, "x-codex-turn-metadata": JSON.stringify(metadata) },
      body: { input: [{ type: "message", role: "user", content: [{ text }] }] }
    }, [])

  it("gives an answer for each request of a turn, and the same one again if it failed", () => {
    const model = CodexScript.toModel(make([turn(message("a"), run("ls"), fail("overloaded"))]))
    const ask = () => model(request("t", { turn_id: "1" }, "x"))
    assert.deepStrictEqual(
      ask(),
      ModelReply.concat(
        ModelReply.usage({}),
        ModelReply.message("a"),
        ModelReply.functionCall("exec_command", { cmd: "ls" })
      )
    )
    const failure = ModelReply.concat(
      ModelReply.usage({}),
      ModelReply.failed({ code: "server_is_overloaded", message: "It failed." })
    )
    assert.deepStrictEqual([ask(), ask()], [failure, failure])
  })

  it("has nothing to say after the end of a turn, and counts the turns of a fork on", () => {
    const model = CodexScript.toModel(make([when({ turn: 1 }, message("second")), turn(message("first"))]))
    const first = request("t", { turn_id: "1" }, "x")
    assert.deepStrictEqual(model(first), ModelReply.concat(ModelReply.usage({}), ModelReply.message("first")))
    assert.deepStrictEqual(model(first), ModelReply.usage({}))
    assert.deepStrictEqual(
      model(request("u", { turn_id: "2", forked_from_thread_id: "t" }, "x")),
      ModelReply.concat(ModelReply.usage({}), ModelReply.message("second"))
    )
  })

  it("fails where only a fake can do it, and says so", () => {
    for (const step of [CodexScript.crash(), CodexScript.garbage(), CodexScript.future("item", "x")]) {
      const reply = CodexScript.toModel(make([turn(step)]))(request("t", {}, "x"))
      assert.include(JSON.stringify(reply), `the real CLI can't be made to do what ${step._tag} says`)
    }
  })

  it("waits and hangs", () => {
    const waiting = CodexScript.toModel(make([turn(CodexScript.wait("1 second"), CodexScript.hang)]))
    const reply = waiting(request("t", {}, "x"))
    assert.deepStrictEqual(
      "parts" in reply ? reply.parts.map(({ _tag }) => _tag) : [],
      ["Usage", "Wait", "Wait"]
    )
  })
})
