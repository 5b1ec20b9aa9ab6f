/**
 * The fakes don't lie: a script gives the same turns on the real CLI and on each fake, over the same transport.
 *
 * `CODEX_PROPERTY_RUNS` says how many scripts are made up (default 4).
 */
import type { CodexOptions } from "@effect-codex/core/CodexOptions"
import * as CodexScript from "@effect-codex/testing/CodexScript"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { env, execPath } from "node:process"
import { fileURLToPath } from "node:url"
import { plain } from "./support/scriptDifferences.ts"
import * as Scripts from "./support/scripts.ts"

const runs = Number(env["CODEX_PROPERTY_RUNS"] ?? 4)

const live = { excludeTestServices: true }

/** Plays a script by the real CLI and by the fakes. */
const same = Effect.fnUntraced(function*(
  script: CodexScript.CodexScript,
  prompts: ReadonlyArray<string>,
  options?: CodexOptions
) {
  const real = yield* Scripts.Real
  const of = (codex: Scripts.Runner) =>
    Effect.map(Scripts.play(codex, prompts, options), (outcomes) => outcomes.map(plain))

  real.play(script)
  const exec = yield* of(real.exec)
  assert.deepStrictEqual(yield* of(yield* Scripts.fakeExec(script)), exec, "codex exec")

  real.play(script)
  const appServer = yield* of(real.appServer)
  assert.deepStrictEqual(yield* of(yield* Scripts.fakeAppServer(script)), appServer, "codex app-server")
  assert.deepStrictEqual(
    yield* of(yield* Scripts.fakeAppServerProcess(script)),
    appServer,
    "codex app-server, a process"
  )
}, Effect.scoped)

const greeter = {
  command: execPath,
  args: [fileURLToPath(new URL("../../testing/test/support/mcpServer.ts", import.meta.url))]
}

const {
  add,
  callMcpTool,
  callTool,
  changeFiles,
  fail,
  message,
  plan,
  reasoning,
  run,
  search,
  turn,
  usage,
  wait,
  when
} = CodexScript

const patch = changeFiles([
  update("a.txt", "old\n", "new\n"),
  CodexScript.delete("b.txt"),
  add("c.txt", "one\ntwo\n")
])

function update(path: string, from: string, to: string) {
  return CodexScript.update(path, from, to)
}

layer(Scripts.layer(), live)("the real CLI and its fakes give the same turn of", (it) => {
  const kinds: ReadonlyArray<readonly [name: string, steps: ReadonlyArray<CodexScript.Step>, options?: CodexOptions]> =
    [
      ["nothing", []],
      ["messages", [message("Hel", "lo"), message(""), message("größer\u2028")]],
      ["reasoning", [reasoning("**Hm**"), reasoning(""), message("So.")]],
      ["commands", [
        message("First."),
        run("echo hi", { output: "hi\n" }),
        run("true"),
        run("echo \"a\" 'b' `echo c` ^d! $((1)) | cat; exit 3", { output: "a b c ^d! 1\n", exitCode: 0 + 3 })
      ]],
      ["a patch", [patch, message("Done.")]],
      ["plans", [
        plan([{ step: "look", status: "in_progress" }, { step: "leap", status: "pending" }]),
        message("Well."),
        plan([{ step: "look", status: "completed" }], { explanation: "So." }),
        fail("rate_limited")
      ]],
      ["a search", [search("effect"), run("true"), search("codex")]],
      [
        "tools of an MCP server",
        [callMcpTool("greeter", "greet", { arguments: { name: "Ada" }, text: "Hello, Ada!" }), message("Done.")],
        { config: { mcp_servers: { greeter } } }
      ],
      ["a tool that there is not", [callTool("nope", { arguments: { a: 1 } }), message("Done.")]],
      ["what it costs", [
        usage({ inputTokens: 7, reasoningOutputTokens: 0 }),
        run("true"),
        usage({ outputTokens: 1000 })
      ]],
      ["a conversation that grows too long", [usage({ inputTokens: 250_000 }), run("true"), message("Done.")]],
      ["a wait", [message("One."), wait("30 millis"), message("Two.")]],
      ["what it may not do", [run("echo hi", { ask: "Please" }), patch, message("No.")], { sandbox: "read-only" }],
      ["what it need not ask", [run("echo hi", { ask: "Please" }), patch], { sandbox: "workspace-write" }]
    ]
  for (const [name, steps, options] of kinds) {
    it.effect(name, () =>
      same(
        CodexScript.make([when({ turn: 0 }, ...steps), turn(...steps.filter(({ _tag }) => _tag !== "ChangeFiles"))]),
        ["Go.", "Go on."],
        options
      ))
  }

  for (const kind of CodexScript.FailureKind.literals) {
    it.effect(`the failure ${kind}`, () =>
      same(
        CodexScript.make([
          when({ attempt: 1 }, run("true"), message("Half"), fail(kind, "Why.")),
          turn(message("Done."))
        ]),
        ["Go.", "Go."]
      ))
  }

  it.effect("a turn that no rule is for", () =>
    same(CodexScript.make([when({ prompt: /^on/, turn: 1, thread: "resumed" }, message("On."))]), ["Go.", "on", "on"]))

  const word = Schema.Literals(["", "Well.", "**Look** first", "größer\u2028 \u{1f600}", "{\"a\": \"\\n\"}"])
  const Round = Schema.Struct({
    reasoning: word,
    messages: Schema.Array(word).check(Schema.isMaxLength(2)),
    call: Schema.Union([
      Schema.Struct({
        text: Schema.String.check(Schema.isMaxLength(6), Schema.isPattern(/^[\x20-\x7e]*$/)),
        exitCode: Schema.Literals([0, 1, 7])
      }),
      Schema.Literals(["patch", "plan", "search", "usage", "asked"])
    ])
  })
  const Turn = Schema.Struct({
    rounds: Schema.Array(Round).check(Schema.isMaxLength(3)),
    ending: Schema.Union([Schema.Literals(["message", "nothing"]), CodexScript.FailureKind])
  })

  const toSteps = ({ ending, rounds }: typeof Turn.Type, index: number): ReadonlyArray<CodexScript.Step> => [
    ...rounds.flatMap((round, at): ReadonlyArray<CodexScript.Step> => [
      ...(round.reasoning === "" ? [] : [reasoning(round.reasoning)]),
      ...round.messages.map((text) => message(text)),
      toCall(round.call, `${index}-${at}`)
    ]),
    ...(ending === "nothing" ? [] : [ending === "message" ? message("Done.") : fail(ending, "Why.")])
  ]

  const toCall = (call: typeof Round.Type["call"], file: string): CodexScript.Step => {
    switch (call) {
      case "patch":
        return changeFiles([add(`${file}.txt`, "x\n")])
      case "plan":
        return plan([{ step: file, status: "completed" }])
      case "search":
        return search(file)
      case "usage":
        return usage({ inputTokens: 3 })
      case "asked":
        return run("echo no", { ask: "Why" })
      default: {
        // What is printed is what the command says, whatever is in it.
        const quoted = `'${call.text.replaceAll("'", "'\\''")}'`
        return run(`printf %s ${quoted}; exit ${call.exitCode}`, { output: call.text, exitCode: call.exitCode })
      }
    }
  }

  it.effect.prop(
    "any script",
    { turns: Schema.NonEmptyArray(Turn).check(Schema.isMaxLength(2)) },
    ({ turns }) =>
      same(
        CodexScript.make(turns.map((given, index) => when({ prompt: `Turn ${index}.` }, ...toSteps(given, index)))),
        turns.map((_, index) => `Turn ${index}.`)
      ),
    { arbitrary: { runs }, timeout: 60_000 + runs * 5_000 }
  )
})
