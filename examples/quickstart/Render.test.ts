/**
 * What a turn looks like, event by event: piped and on a terminal.
 */
import * as CodexEvent from "@effect-codex/core/CodexEvent"
import * as CodexTurn from "@effect-codex/core/CodexTurn"
import { assert, describe, it } from "@effect/vitest"
import * as CliOutput from "effect/cli/CliOutput"
import * as Duration from "effect/Duration"
import { stripVTControlCharacters } from "node:util"
import * as Render from "./Render.ts"

const piped: Render.View = { color: false, columns: 80, directory: "/home/me/work" }
const colored: Render.View = { ...piped, color: true }

const item = (phase: "started" | "updated" | "completed", item: { readonly [key: string]: unknown }) =>
  CodexEvent.fromJson({ type: `item.${phase}`, item: { id: "item_0", ...item } })

const command = (state: { readonly [key: string]: unknown } = {}) => ({
  type: "command_execution",
  command: "/bin/bash -lc 'npm test'",
  aggregated_output: "",
  exit_code: null,
  status: "in_progress",
  ...state
})

/** All lines of the events, each of which comes so many milliseconds after the one before it. */
const show = (view: Render.View, events: ReadonlyArray<CodexEvent.CodexEvent>, pause = 1000) => {
  let state = Render.initial(0)
  let now = 0
  const lines = events.flatMap((event) => {
    const [next, lines] = Render.onEvent(view, state, event, now += pause)
    state = next
    return lines
  })
  return { lines, state, now }
}

const linesOf = (...events: ReadonlyArray<CodexEvent.CodexEvent>) => show(piped, events).lines

/** The text of a single item, without time and label. */
const textOf = (fields: { readonly [key: string]: unknown }) => {
  const [line = "", ...others] = linesOf(item("completed", fields))
  assert.deepStrictEqual(others, [])
  return line.slice(9)
}

describe("an item is one line", () => {
  it("a command, with its exit code and how long it took", () => {
    const lines = linesOf(item("started", command()), item("completed", command({ exit_code: 0, status: "completed" })))
    assert.deepStrictEqual(lines, ["  2.0s   runs      npm test (exit 0, 1s)"])
  })

  it("a command whose start was not told, and one that took no time to speak of", () => {
    const ended = item("completed", command({ exit_code: 0, status: "completed" }))
    assert.deepStrictEqual(linesOf(ended), ["  1.0s   runs      npm test (exit 0)"])
    assert.deepStrictEqual(show(piped, [item("started", command()), ended], 50).lines, [
      "  0.1s   runs      npm test (exit 0, <1s)"
    ])
  })

  it("a file change, with paths and kinds", () => {
    const changes = [
      { path: "/home/me/work/src/a.ts", kind: "update" },
      { path: "/home/me/work/b.ts", kind: "add" },
      { path: "/etc/c", kind: "delete" }
    ]
    const text = "edits     update src/a.ts, add b.ts, delete /etc/c"
    assert.strictEqual(textOf({ type: "file_change", changes, status: "completed" }), text)
    assert.strictEqual(textOf({ type: "file_change", changes, status: "failed" }), `${text} (failed)`)
  })

  it("messages and reasoning, of which more lines are told by an ellipsis", () => {
    assert.strictEqual(textOf({ type: "agent_message", text: "Done." }), "says      Done.")
    assert.strictEqual(textOf({ type: "agent_message", text: "\n One.\r\n\n Two." }), "says      One. …")
    assert.strictEqual(textOf({ type: "reasoning", text: "**Look** here\n\nand there" }), "thinks    Look here …")
  })

  it("a web search, a call of a tool, a sub-agent, a warning", () => {
    assert.strictEqual(textOf({ type: "web_search", query: "effect 4.1" }), "searches  effect 4.1")
    const call = { type: "mcp_tool_call", server: "docs", tool: "find", arguments: { q: 1 }, status: "completed" }
    assert.strictEqual(textOf(call), "calls     docs.find({\"q\":1})")
    const agent = {
      type: "collab_tool_call",
      tool: "spawn_agent",
      sender_thread_id: "a",
      receiver_thread_ids: ["b"],
      agents_states: {},
      status: "completed"
    }
    assert.strictEqual(textOf({ ...agent, prompt: "Count." }), "agents    spawn_agent: Count.")
    assert.strictEqual(textOf({ ...agent, tool: "wait", prompt: null }), "agents    wait")
    assert.strictEqual(textOf({ type: "error", message: "Unknown key" }), "warning   Unknown key")
  })

  it("what is not known", () => {
    assert.strictEqual(
      textOf({ type: "dream", of: "sheep" }),
      "unknown   {\"id\":\"item_0\",\"type\":\"dream\",\"of\":\"sheep\"}"
    )
    assert.deepStrictEqual(linesOf(CodexEvent.fromLine("no JSON")), ["  1.0s   unknown   no JSON"])
  })

  it("the thread, while turns that start and end are no lines", () => {
    const usage = { input_tokens: 1, output_tokens: 1 }
    assert.deepStrictEqual(
      linesOf(
        { type: "thread.started", thread_id: "t" },
        { type: "turn.started" },
        item("started", { type: "agent_message", text: "" }),
        item("completed", { type: "agent_message", text: "Hi" }),
        { type: "turn.completed", usage }
      ),
      ["  1.0s   thread    t", "  4.0s   says      Hi"]
    )
  })
})

describe("commands", () => {
  it("are what the shell was given", () => {
    const commands = [
      ["/bin/bash -lc 'echo \"a  b\"'", "echo \"a  b\""],
      ["/bin/zsh -c ls", "ls"],
      ["/bin/sh -c \"echo \\\"it's\\\" \\$HOME\"", "echo \"it's\" $HOME"],
      ["bash -lc 'echo '\\''a'\\'", "echo 'a'"],
      ["bash -c 'cat <<E\nx\nE'", "cat <<E …"],
      ["pwsh -Command ls", "pwsh -Command ls"]
    ]
    for (const [given, shown] of commands) {
      assert.strictEqual(
        textOf(command({ command: given, exit_code: 0, status: "completed" })),
        `runs      ${shown} (exit 0)`
      )
    }
  })

  it("that fail show the end of their output", () => {
    const output = Array.from({ length: 8 }, (_, i) => `line ${i}\n`).join("\n")
    const failed = item("completed", command({ exit_code: 3, status: "failed", aggregated_output: output }))
    assert.deepStrictEqual(linesOf(failed), [
      "  1.0s   runs      npm test (exit 3)",
      "                   … 3 more lines",
      ...[3, 4, 5, 6, 7].map((i) => `                   line ${i}`)
    ])
    assert.deepStrictEqual(linesOf(item("completed", command({ status: "declined" }))), [
      "  1.0s   runs      npm test (declined)"
    ])
  })

  it("that the turn leaves behind are told at its end", () => {
    assert.deepStrictEqual(
      linesOf(item("started", command()), {
        type: "turn.completed",
        usage: { input_tokens: 1, output_tokens: 1 }
      }),
      ["  2.0s   runs      npm test (not finished)"]
    )
  })

  it("calls of tools that fail say why", () => {
    const call = { type: "mcp_tool_call", server: "docs", tool: "find", status: "failed" }
    assert.deepStrictEqual(linesOf(item("completed", { ...call, error: { message: "No docs" } })), [
      "  1.0s   calls     docs.find() (failed)",
      "                   No docs"
    ])
  })
})

describe("a plan", () => {
  const plan = (...steps: ReadonlyArray<readonly [text: string, completed: boolean]>) => ({
    type: "todo_list",
    items: steps.map(([text, completed]) => ({ text, completed }))
  })

  it("is a checklist, of which then only what changes is shown", () => {
    assert.deepStrictEqual(
      linesOf(
        item("started", plan(["look", false], ["leap", false])),
        item("updated", plan(["look", true], ["leap", false])),
        item("updated", plan(["look", true], ["leap", true], ["land", false])),
        item("completed", plan(["look", true], ["leap", true], ["land", false]))
      ),
      [
        "  1.0s   plan      [ ] look",
        "                   [ ] leap",
        "  2.0s   plan      [x] look",
        "  3.0s   plan      [x] leap",
        "                   [ ] land"
      ]
    )
  })
})

describe("trouble", () => {
  const error = (message: string): CodexEvent.CodexEvent => ({ type: "error", message })

  it("is shown when the turn goes on, once for each message", () => {
    assert.deepStrictEqual(
      linesOf(error("Reconnecting 1"), error("Reconnecting 2"), error("Reconnecting 2"), { type: "turn.started" }),
      ["  2.0s   notice    Reconnecting 1", "  4.0s   notice    Reconnecting 2"]
    )
  })

  it("is not shown when it is the error of the turn", () => {
    const failed: CodexEvent.CodexEvent = { type: "turn.failed", error: { message: "No credit" } }
    assert.deepStrictEqual(linesOf(error("Reconnecting"), error("No credit"), failed), [
      "  2.0s   notice    Reconnecting"
    ])
  })

  it("is shown when the turn was cut short", () => {
    const { now, state } = show(piped, [error("Waiting for the network")])
    assert.deepStrictEqual(Render.onCut(piped, state, now), ["  1.0s   notice    Waiting for the network"])
    assert.deepStrictEqual(Render.onCut(piped, Render.initial(0), 0), [])
  })

  it("of the program is one line", () => {
    assert.strictEqual(Render.failure(new Error("It \u001b[31mfailed")), "error: It failed")
    assert.strictEqual(Render.failure("text"), "error: text")
  })
})

describe("lines", () => {
  it("are cut to the width, but for how a command ended", () => {
    const long = command({ command: `bash -lc '${"x".repeat(200)}'`, exit_code: 0, status: "completed" })
    const [line = ""] = linesOf(item("completed", long))
    assert.strictEqual(line.length, 80)
    assert.match(line, /x… \(exit 0\)$/)
    for (const text of ["字".repeat(100), "👩‍👩‍👧 ".repeat(50), "e\u0301".repeat(100)]) {
      const [line = ""] = linesOf(item("completed", { type: "agent_message", text }))
      assert.isAtMost(CliOutput.displayWidth(line), 80)
      assert.isAtLeast(CliOutput.displayWidth(line), 76)
    }
  })

  it("have no control characters, whatever the agent says", () => {
    const evil = "\u001b[31mred\u001b[0m\u001b]0;title\u0007 bell\u0007 \u009b2Jx\u0000 a\tb"
    assert.strictEqual(textOf({ type: "agent_message", text: evil }), "says      red bell x a  b")
    const [, detail] = linesOf(item("completed", command({ exit_code: 1, status: "failed", aggregated_output: evil })))
    assert.strictEqual(detail?.trim(), "red bell x a  b")
  })

  it("tell minutes", () => {
    assert.deepStrictEqual(show(piped, [{ type: "thread.started", thread_id: "t" }], 125_400).lines, [
      "  2m05s  thread    t"
    ])
  })

  it("have colours on a terminal, and the same text", () => {
    const events = [
      item("completed", command({ exit_code: 0, status: "completed" })),
      item("completed", command({ exit_code: 1, status: "failed", aggregated_output: "no" })),
      item("completed", { type: "reasoning", text: "Hm" })
    ]
    const { lines } = show(colored, events)
    assert.deepStrictEqual(lines.map((line) => stripVTControlCharacters(line)), show(piped, events).lines)
    assert.include(lines[0], "\u001b[32m (exit 0)\u001b[39m")
    assert.include(lines[1], "\u001b[31m (exit 1)\u001b[39m")
    assert.include(lines[3], "\u001b[2mHm\u001b[22m")
  })
})

describe("the status line", () => {
  const status = (...events: ReadonlyArray<CodexEvent.CodexEvent>) => {
    const { now, state } = show(piped, events)
    return Render.status(piped, state, now)
  }

  it("tells what goes on", () => {
    const thread = { type: "thread.started", thread_id: "t" } as const
    assert.strictEqual(status(), "⠋ 0.0s   …         starting Codex")
    assert.strictEqual(status(thread), "⠋ 1.0s   …         thinking")
    assert.strictEqual(status(thread, item("started", command())), "⠋ 2.0s   runs      npm test")
    assert.strictEqual(
      status(item("started", command()), item("started", { ...command(), id: "item_1" })),
      "⠋ 2.0s   runs      npm test (and 1 more)"
    )
    assert.strictEqual(status(thread, item("started", { type: "todo_list", items: [] })), "⠋ 2.0s   …         thinking")
    assert.strictEqual(
      status(thread, { type: "error", message: "Reconnecting 1/5" }),
      "⠋ 2.0s   notice    Reconnecting 1/5"
    )
  })

  it("moves", () => {
    const frames = [0, 1, 2, 9, 10].map((frame) =>
      Render.status(piped, Render.initial(500), 500 + frame * Render.frameMillis).charAt(0)
    )
    assert.deepStrictEqual(frames, ["⠋", "⠙", "⠹", "⠏", "⠋"])
  })

  it("never wraps, and has colours", () => {
    const narrow = { ...colored, columns: 40 }
    const { now, state } = show(narrow, [item("started", command({ command: "x".repeat(200) }))])
    const line = Render.status(narrow, state, now)
    assert.strictEqual(CliOutput.displayWidth(line), 40)
    assert.include(line, "\u001b[36m⠋\u001b[39m")
  })
})

describe("before and after", () => {
  it("the header says first who plays the model", () => {
    const scripted = Render.header(piped, { prompt: "Fix it\nnow", scripted: true })
    assert.include(scripted[2], "The model is scripted")
    assert.include(scripted.join("\n"), "--live")
    assert.include(scripted, "Prompt     Fix it …")
    const live = Render.header(piped, { prompt: "Fix it", scripted: false }).join("\n")
    assert.notInclude(live, "scripted")
    assert.isTrue(scripted.every((line) => line.length <= 80))
  })

  const turn = (events: ReadonlyArray<CodexEvent.CodexEvent>, known = true) =>
    CodexTurn.fromState(
      events.reduce(CodexTurn.reduce, CodexTurn.initial({ usageBefore: known ? CodexTurn.zeroUsage : undefined })),
      Duration.millis(2345)
    )

  const completed: CodexEvent.CodexEvent = {
    type: "turn.completed",
    usage: { input_tokens: 12_345, cached_input_tokens: 6000, output_tokens: 78, reasoning_output_tokens: 9 }
  }

  it("the summary has the answer, what changed, the tokens and the time", () => {
    const said = item("completed", { type: "agent_message", text: "One.\n\n\u001b[31mTwo." })
    const diff = " a.js | 2 +-\n\n--- a/a.js\n+++ b/a.js\n@@ -1 +1 @@\n-old\n+new\n"
    assert.deepStrictEqual(Render.summary(piped, turn([said, completed]), { diff, repaired: true }), [
      "",
      "Answer",
      "",
      "  One.",
      "",
      "  Two.",
      "",
      "Files changed",
      "",
      "   a.js | 2 +-",
      "",
      "  --- a/a.js",
      "  +++ b/a.js",
      "  @@ -1 +1 @@",
      "  -old",
      "  +new",
      "",
      "Check      node check.js passes now",
      "Usage      12,345 tokens in (6,000 cached), 78 out (9 for reasoning)",
      "Time       2.3s"
    ])
  })

  it("the summary of a turn that did nothing", () => {
    const lines = Render.summary(piped, turn([], false), { diff: "", repaired: false })
    assert.strictEqual(lines.filter((line) => line === "  (none)").length, 2)
    assert.include(lines, "Check      node check.js still fails")
    assert.isFalse(lines.some((line) => line.startsWith("Usage")))
    const old = turn([{ type: "turn.completed", usage: { input_tokens: 1, output_tokens: 2 } }])
    assert.include(Render.summary(piped, old, { diff: "", repaired: false }), "Usage      1 tokens in, 2 out")
  })

  it("a long diff is cut, and has colours", () => {
    const diff = Array.from({ length: 50 }, (_, i) => `+line ${i}\n`).join("")
    const lines = Render.summary(colored, turn([]), { diff, repaired: false })
    assert.include(lines, "  \u001b[32m+line 39\u001b[39m")
    assert.include(lines, "  \u001b[2m… 10 more lines\u001b[22m")
    assert.isFalse(lines.some((line) => line.includes("+line 40")))
  })
})
