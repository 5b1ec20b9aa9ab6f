import * as Codex from "@effect-codex/core/Codex"
import { CodexEvent } from "@effect-codex/core/CodexEvent"
import type { CodexHookEvent } from "@effect-codex/core/CodexHookEvent"
import * as CodexRetry from "@effect-codex/core/CodexRetry"
import * as CodexTurn from "@effect-codex/core/CodexTurn"
import * as CodexTimeline from "@effect-codex/testing/CodexTimeline"
import * as FakeCli from "@effect-codex/testing/FakeCli"
import * as FakeProcess from "@effect-codex/testing/FakeProcess"
import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"

const command = (id: string, exitCode: number | null, output = ""): CodexEvent => ({
  type: exitCode === null ? "item.started" : "item.completed",
  item: {
    type: "command_execution",
    id,
    command: "/bin/bash -lc 'npm test'",
    aggregated_output: output,
    exit_code: exitCode,
    status: exitCode === null ? "in_progress" : exitCode === 0 ? "completed" : "failed"
  }
})

const message = (text: string, id = "m"): CodexEvent => ({
  type: "item.completed",
  item: { type: "agent_message", id, text }
})

const delta = (text: string): CodexEvent => ({ type: "item.delta", item_id: "m", kind: "text", delta: text })

const usage = { input_tokens: 1200, cached_input_tokens: 300, output_tokens: 80 }

const hook = (seconds: number) => ({ operation: "run", timestamp: DateTime.makeUnsafe(seconds * 1000) })

const approval = { kind: "network", method: "ask", itemId: "c" }

const hooks: ReadonlyArray<CodexHookEvent> = [
  { type: "attempt.started", ...hook(10), attempt: 1, sessionName: "s" },
  { type: "live.started", ...hook(10), attempt: 1, metadata: { pid: 7 } },
  { type: "live.started", ...hook(10), attempt: 1, metadata: {} },
  { type: "live.event", ...hook(10), metadata: { eventType: "item.started", itemType: "reasoning" } },
  { type: "live.event", ...hook(10), metadata: { eventType: "turn.started" } },
  { type: "live.startup_failed", ...hook(11), attempt: 1 },
  { type: "attempt.failed", ...hook(11), attempt: 1, sessionName: "s", reason: "TurnFailed", message: "Busy" },
  { type: "retry.scheduled", ...hook(11), attempt: 1, retryDelay: Duration.seconds(2), reason: "TurnFailed" },
  { type: "attempt.started", ...hook(13), attempt: 2 },
  { type: "approval.requested", ...hook(14), ...approval },
  {
    type: "approval.answered",
    ...hook(15),
    ...approval,
    outcome: "decided",
    answer: "accept",
    duration: Duration.seconds(1)
  },
  { type: "approval.requested", ...hook(15), ...approval },
  {
    type: "approval.answered",
    ...hook(75),
    ...approval,
    outcome: "timeout",
    answer: "decline",
    duration: Duration.seconds(60)
  },
  { type: "attempt.succeeded", ...hook(76), attempt: 2, duration: Duration.seconds(63) },
  { type: "session.updated", ...hook(76), metadata: { turnCount: 1, successCount: 1, failureCount: 0 } }
]

const turnOf = (events: ReadonlyArray<CodexEvent>): CodexTurn.CodexTurn =>
  CodexTurn.fromState(events.reduce(CodexTurn.reduce, CodexTurn.initial()), Duration.seconds(3))

const retrying = FakeCli.layer([FakeProcess.startFailed("Not today"), FakeProcess.turn({ message: "Done." })]).pipe(
  Layer.provide(CodexRetry.layer(CodexRetry.make({
    schedule: Schedule.max([Schedule.spaced("3 seconds"), Schedule.recurs(1)]),
    while: () => true
  }))),
  Layer.provideMerge(CodexTimeline.layer())
)

const lines = (...lines: ReadonlyArray<string>): string => lines.join("\n")

describe("toText", () => {
  it("tells the events of a run", () => {
    const events: ReadonlyArray<CodexEvent> = [
      { type: "thread.started", thread_id: "t-1" },
      { type: "turn.started" },
      command("c", null),
      command("c", 1, "bad"),
      { type: "item.completed", item: { type: "reasoning", id: "r", text: "Hm.\nWell." } },
      {
        type: "item.completed",
        item: { type: "file_change", id: "f", changes: [{ path: "a.ts", kind: "add" }], status: "failed" }
      },
      {
        type: "item.completed",
        item: {
          type: "mcp_tool_call",
          id: "k",
          server: "s",
          tool: "t",
          arguments: { a: 1 },
          error: { message: "no" },
          status: "failed"
        }
      },
      {
        type: "item.started",
        item: { type: "mcp_tool_call", id: "k", server: "s", tool: "t", result: { content: [] }, status: "in_progress" }
      },
      {
        type: "item.completed",
        item: {
          type: "collab_tool_call",
          id: "a",
          tool: "wait",
          sender_thread_id: "t",
          receiver_thread_ids: [],
          prompt: "Look",
          agents_states: { b: { status: "running", message: "on it" } },
          status: "completed"
        }
      },
      { type: "item.completed", item: { type: "web_search", id: "w", query: "effect" } },
      { type: "item.updated", item: { type: "todo_list", id: "p", items: [{ text: "look", completed: true }] } },
      { type: "item.completed", item: { type: "error", id: "e", message: "Unknown key" } },
      { type: "item.completed", item: { type: "unknown", raw: { type: "new" } } },
      { type: "error", message: "Reconnecting... 1/5" },
      delta("Do"),
      delta("ne."),
      message("Done."),
      { type: "plan.updated", explanation: "So.", plan: [{ step: "leap", status: "pending" }] },
      { type: "diff.updated", diff: "--- a/a\n+++ b/a\n-old\n+new\n+newer\n" },
      { type: "usage.updated", usage, last: { input_tokens: 5, output_tokens: 1 }, context_window: null },
      { type: "approval.requested", thread_id: "t", request_id: 1, kind: "command", item_id: "c" },
      { type: "approval.resolved", thread_id: "t", request_id: 1, kind: "command" },
      { type: "unknown", raw: "not json" },
      { type: "turn.completed", usage },
      { type: "turn.failed", error: { message: "Busy" } }
    ]
    assert.strictEqual(
      CodexTimeline.toText(events),
      lines(
        "thread   t-1",
        "turn     (begins)",
        "runs     npm test  (begins)",
        "runs     npm test  (exit 1)",
        "thinks   Hm. …",
        "edits    add a.ts  (failed)",
        "calls    s.t({\"a\":1})  (failed)",
        "calls    s.t()  (begins)",
        "agents   wait: Look",
        "searches effect",
        "plan     [x] look  (changes)",
        "warning  Unknown key",
        "unknown  {\"type\":\"new\"}",
        "notice   Reconnecting... 1/5",
        "writes   Done.  (text of m, 2 pieces)",
        "says     Done.",
        "plan     [ ] leap  (0 of 1 done)",
        "diff     1 file, +2 -1",
        "tokens   5 tokens in, 1 out; thread: 1,200 tokens in (300 cached), 80 out",
        "asks     command for c  (waits)",
        "asks     command  (waits no more)",
        "unknown  not json",
        "turn     completed; thread: 1,200 tokens in (300 cached), 80 out",
        "turn     failed: Busy"
      )
    )
  })

  it("tells what a hook was told, with its times", () => {
    assert.strictEqual(
      CodexTimeline.toText(hooks),
      lines(
        "     0s  attempt  1 of run in session s  (begins)",
        "     0s  stream   is alive (pid 7)",
        "     0s  stream   is alive",
        "     0s  passes   item.started reasoning",
        "     0s  passes   turn.started",
        "   1.0s  stream   did not start: no cause was told",
        "   1.0s  attempt  1 of run in session s failed: TurnFailed: Busy",
        "   1.0s  retry    in 2.0s, after attempt 1: TurnFailed",
        "   3.0s  attempt  2 of run  (begins)",
        "   4.0s  approval network (ask)  (asked for)",
        "   5.0s  approval network (ask)  (accept, 1.0s)",
        "   5.0s  approval network (ask)  (asked for)",
        "  1m05s  approval network (ask)  (decline (timeout), 1m00s)",
        "  1m06s  attempt  2 of run succeeded  (1m03s)",
        "  1m06s  session  without a name: 1 turn, 1 well, 0 failed"
      )
    )
  })

  it("tells a turn, item by item", () => {
    const events: ReadonlyArray<CodexEvent> = [
      { type: "thread.started", thread_id: "t-1" },
      command("c", 0),
      message("Done."),
      { type: "error", message: "Reconnecting... 1/5" }
    ]
    assert.strictEqual(
      CodexTimeline.toText(turnOf([...events, { type: "turn.completed", usage }])),
      lines(
        "thread   t-1",
        "runs     npm test  (exit 0)",
        "says     Done.",
        "notice   Reconnecting... 1/5",
        "tokens   turn: 1,200 tokens in (300 cached), 80 out",
        "tokens   thread: 1,200 tokens in (300 cached), 80 out",
        "turn     completed  (3.0s)"
      )
    )
    assert.strictEqual(
      CodexTimeline.toText(turnOf([command("c", null), { type: "turn.failed", error: { message: "Busy" } }])),
      lines("runs     npm test  (in_progress)", "turn     failed: Busy  (3.0s)")
    )
  })

  it("makes what is hidden visible, and shortens what is long", () => {
    assert.strictEqual(
      CodexTimeline.toText([message("a\u001b[2J\u202eb\u2066\ud800 👩‍👩‍👧"), message("x".repeat(500)), message("\n \n")]),
      lines(
        "says     a\\u{1b}[2J\\u{202e}b\\u{2066}\\u{d800} 👩‍👩‍👧",
        `says     ${"x".repeat(99)}…`,
        "says"
      )
    )
  })

  it("tells long times in large units", () => {
    const at = [0, 12, 59_990, 7_260_000, -500]
    const text = CodexTimeline.toText({
      startedAt: 0,
      entries: at.map((at) => ({ source: "event", at, event: { type: "turn.started" } })),
      omitted: 1234
    })
    assert.deepStrictEqual(text.split("\n"), [
      "Started 1970-01-01T00:00:00.000Z",
      ...["0s", "12ms", "1m00s", "2h01m", "-500ms"].map((time) => `${time.padStart(7)}  turn     (begins)`),
      "… 1,234 more that the recorder had no room for (option `limit`)"
    ])
  })
})

describe("diff", () => {
  const events = [command("c", null), command("c", 0, "ok"), message("One.", "m1"), message("Two.", "m2")]

  it("tells what is missing, extra and changed", () => {
    const actual = [command("c", 1, "oh"), message("One.", "m9"), message("Two.", "m2"), message("Three.", "m3")]
    assert.strictEqual(
      CodexTimeline.diff(events, actual),
      lines(
        "- expected",
        "+ actual",
        "",
        "- runs     npm test  (begins)",
        "- runs     npm test  (exit 0)",
        "+ runs     npm test  (exit 1)",
        "    item.aggregated_output: \"ok\" → \"oh\"",
        "    item.exit_code: 0 → 1",
        "    item.status: \"completed\" → \"failed\"",
        "~ says     One.",
        "    item.id: \"m1\" → \"m9\"",
        "  says     Two.",
        "+ says     Three."
      )
    )
  })

  it("tells the fields of a turn, and where long texts begin to differ", () => {
    const text = "It was a long day, and nothing of note happened in it until the evening"
    const [one, other] = [`${text}. ${"x".repeat(100)}`, `${text}: the`].map((text) => turnOf([message(text)]))
    assert.isDefined(one)
    assert.isDefined(other)
    const failed = CodexTurn.fromState(
      CodexTurn.reduce(CodexTurn.reduce(CodexTurn.initial(), message(`${text}: the`)), {
        type: "turn.failed",
        error: { message: "Busy" }
      }),
      Duration.seconds(4)
    )
    assert.strictEqual(
      CodexTimeline.diff(one, failed),
      lines(
        "- expected",
        "+ actual",
        "",
        "- turn     in_progress",
        "+ turn     failed",
        "    status: \"in_progress\" → \"failed\"",
        "    duration: 3s → 4s",
        "    error: (absent) → \"Busy\"",
        `- says     ${text}. ${"x".repeat(26)}…`,
        `+ says     ${text}: the`,
        `    text: …"it until the evening. ${"x".repeat(58)}"… → …"it until the evening: the"`
      )
    )
    assert.strictEqual(CodexTimeline.diff(other, failed, { ignore: ["status", "duration", "error"] }), "")
  })

  it("leaves out what is the same but for what is next to a difference, and all beyond a limit", () => {
    const many = Array.from({ length: 200 }, (_, index) => message(`${index}`, `m${index}`))
    const actual = many.flatMap((event, index) => index === 100 ? [] : [event])
    assert.strictEqual(
      CodexTimeline.diff(many, actual),
      lines(
        "- expected",
        "+ actual",
        "",
        "  … 98 the same",
        "  says     98",
        "  says     99",
        "- says     100",
        "  says     101",
        "  says     102",
        "  … 97 the same"
      )
    )
    const [first = "", ...others] = CodexTimeline.diff(many, []).split("\n").toReversed()
    assert.strictEqual(first, "… 150 more differences")
    assert.strictEqual(others.length, 53)
  })

  it("compares thousands of events in order", () => {
    const many = (text: string) => Array.from({ length: 2500 }, (_, index) => message(`${text}${index}`))
    assert.match(CodexTimeline.diff(many("a"), [...many("b"), command("c", 0)]), /… 2,451 more differences$/)
    assert.match(CodexTimeline.diff(many("a"), Array.from({ length: 2500 }, () => command("c", 0))), /^- expected/)
  })

  it("leaves out fields wherever they are", () => {
    const changed = [command("x", null), command("x", 0, "ok"), message("One.", "1"), message("Two.", "2")]
    assert.notStrictEqual(CodexTimeline.diff(events, changed), "")
    assert.strictEqual(CodexTimeline.diff(events, changed, { ignore: ["id"] }), "")
    const timeline = (startedAt: number, at: number): CodexTimeline.Timeline => ({
      startedAt,
      entries: [{ source: "event", at, event: { type: "turn.started" } }],
      omitted: 0
    })
    assert.match(
      CodexTimeline.diff(timeline(0, 1), timeline(5, 7)),
      /startedAt: 0 → 5\n~ turn     \(begins\)\n    at: 1 → 7/
    )
    assert.strictEqual(CodexTimeline.diff(timeline(0, 1), timeline(5, 7), { ignore: ["startedAt", "at"] }), "")
  })

  const Events = Schema.Array(CodexEvent).check(Schema.isMaxLength(6))

  it.effect.prop(
    "is empty just when there is none",
    { expected: Events, actual: Events },
    ({ actual, expected }) =>
      Effect.sync(() => {
        assert.strictEqual(CodexTimeline.diff(expected, [...expected]), "")
        assert.strictEqual(CodexTimeline.diff(expected, actual) === "", Equal.equals(expected, actual))
        assert.strictEqual(CodexTimeline.diff(turnOf(expected), turnOf([...expected])), "")
        assert.strictEqual(
          CodexTimeline.diff(turnOf(expected), turnOf(actual)) === "",
          Equal.equals(turnOf(expected), turnOf(actual))
        )
      })
  )

  it.effect.prop(
    "is not empty for one event more, less, or changed",
    { events: Events, other: CodexEvent, index: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 5 })) },
    ({ events, index, other }) =>
      Effect.sync(() => {
        const more = events.toSpliced(index, 0, other)
        assert.include(CodexTimeline.diff(events, more), "\n+ ")
        assert.include(CodexTimeline.diff(more, events), "\n- ")
        const changed = events.toSpliced(index, 1, other)
        assert.strictEqual(CodexTimeline.diff(events, changed) === "", Equal.equals(events[index], other))
      })
  )

  it("throws it as the message of an assertion", () => {
    CodexTimeline.assertEqual(events, [...events])
    const difference = CodexTimeline.diff([message("Ja.")], [message("No.")])
    const messageOf = (run: () => void): string =>
      Effect.runSync(Effect.try({ try: run, catch: String }).pipe(Effect.flip, Effect.orDie))
    assert.strictEqual(
      messageOf(() => CodexTimeline.assertEqual([message("No.")], [message("Ja.")])),
      `TimelineMismatch: They are not the same\n\n${difference}`
    )
    assert.strictEqual(
      messageOf(() => CodexTimeline.assertEqual([message("No.")], [message("Ja.")], { message: "The answer" })),
      `TimelineMismatch: The answer\n\n${difference}`
    )
  })
})

describe("toHtml", () => {
  const recorded = (events: ReadonlyArray<readonly [at: number, event: CodexEvent]>): CodexTimeline.Timeline => ({
    startedAt: 1000,
    entries: events.map(([at, event]) => ({ source: "event", at: 1000 + at, event })),
    omitted: 0
  })

  /** Each row, as the words that are read aloud, and where its bar is. */
  const rowsOf = (page: string): ReadonlyArray<readonly [words: string, bar: string | undefined]> =>
    Array.from(page.matchAll(/<summary>(.*?)<\/summary>/gs), ([, row = ""]) => [
      row.replace(/<[^>]*>/g, " ").replace(/\s+/g, " ").trim(),
      /<i class="([^"]*)" style="left:([^;]*);width:([^"]*)"/.exec(row)?.slice(1).join(" ").trim()
    ])

  it("shows an item as a bar from its beginning to its end", () => {
    const page = CodexTimeline.toHtml(recorded([
      [0, { type: "turn.started" }],
      [1000, command("c", null)],
      [1500, { type: "error", message: "Reconnecting... 1/5" }],
      [2000, command("d", null)],
      [3000, command("c", 1, "bad")],
      [3500, delta("Do")],
      [3600, delta("ne.")],
      [3800, delta("")],
      [4000, message("Done.")],
      [4000, { type: "item.delta", item_id: "o", kind: "output", delta: "…" }],
      [4000, { type: "item.completed", item: { type: "unknown", raw: { id: "u" } } }],
      [4000, { type: "item.started", item: { type: "unknown", raw: 1 } }],
      [4000, { type: "turn.completed", usage }]
    ]))
    assert.deepStrictEqual(rowsOf(page), [
      ["0s turn completed; thread: 1,200 tokens in (300 cached), 80 out 4.0s", "0.00% 100.00%"],
      ["1.0s runs npm test exit 1, 2.0s", "25.00% 50.00%"],
      ["1.5s notice Reconnecting... 1/5", "point 37.50% 0.00%"],
      ["2.0s runs npm test not finished, 2.0s", "open 50.00% 50.00%"],
      ["3.5s says Done. 500ms", "87.50% 12.50%"],
      ["4.0s writes … not finished", "open 100.00% 0.00%"],
      ["4.0s unknown {&#34;id&#34;:&#34;u&#34;}", "point 100.00% 0.00%"],
      ["4.0s unknown 1", "point 100.00% 0.00%"]
    ])
    assert.include(page, "<p>item.started at 1.0s · item.completed at 3.0s</p>")
    assert.include(page, "<p>item.completed at 4.0s · in 3 pieces</p>")
    assert.include(page, "<a href=\"#s1\">runs: npm test (exit 1)</a>")
    assert.include(page, "<dt>Commands</dt><dd class=\"bad\">2 (2 failed)</dd>")
    assert.include(page, "<p>Recorded 1970-01-01T00:00:01.000Z</p>")
  })

  it("shows attempts, retries and approvals", () => {
    const rows = rowsOf(CodexTimeline.toHtml(hooks)).map(([words]) => words)
    assert.includeMembers([...rows], [
      "1.0s retry in 2.0s, after attempt 1: TurnFailed 2.0s",
      "0s stream is alive (pid 7)",
      "3.0s attempt 2 of run succeeded 1m03s",
      "4.0s approval network (ask) accept, 1.0s",
      "5.0s approval network (ask) decline (timeout), 1m00s"
    ])
  })

  it("draws what tells only at its end how long it took", () => {
    const types = new Set(["live.started", "approval.answered", "attempt.succeeded"])
    assert.deepStrictEqual(rowsOf(CodexTimeline.toHtml(hooks.filter(({ type }) => types.has(type)))), [
      ["0s stream is alive (pid 7)", "point 0.00% 0.00%"],
      ["0s stream is alive", "point 0.00% 0.00%"],
      ["3.0s attempt 2 of run succeeded 1m03s", "4.55% 95.45%"],
      ["4.0s approval network (ask) accept, 1.0s", "6.06% 1.52%"],
      ["5.0s approval network (ask) decline (timeout), 1m00s", "7.58% 90.91%"]
    ])
  })

  it("says of what has no end that it is not finished", () => {
    assert.deepStrictEqual(rowsOf(CodexTimeline.toHtml(hooks.slice(0, 1).concat(hooks.slice(-1)))), [
      ["0s attempt 1 of run in session s not finished, 1m06s", "open 0.00% 100.00%"],
      ["1m06s session without a name: 1 turn, 1 well, 0 failed", "point 100.00% 0.00%"]
    ])
  })

  it("shows what has no times without bars", () => {
    const turn = turnOf([command("c", 0), message("Done."), { type: "turn.completed", usage }])
    const page = CodexTimeline.toHtml(turn, { title: "A \"title\" & more" })
    assert.include(page, "<title>A &#34;title&#34; &#38; more</title>")
    assert.deepStrictEqual(rowsOf(page).map(([, bar]) => bar), [undefined, undefined, undefined, undefined, undefined])
    assert.notInclude(page, "class=\"axis\"")
    assert.deepStrictEqual(rowsOf(CodexTimeline.toHtml([])), [])
  })

  it("shows hostile text as text", () => {
    const evil = "<script>alert(1)</script>\" onload='x' &amp; </style><img src=x>\u202e\u001b[2J"
    const page = CodexTimeline.toHtml(
      recorded([
        [0, message(evil)],
        [1, { ...command(evil, 1, evil) }],
        [2, { type: "error", message: evil }],
        [3, { type: "unknown", raw: { [evil]: evil }, issue: evil }]
      ]),
      { title: evil }
    )
    assert.notMatch(page, /<script|<img|<\/style>.*<\/style>|\u202e|\u001b/s)
    assert.include(page, "&#60;script&#62;alert(1)&#60;/script&#62;&#34; onload=&#39;x&#39; &#38;amp; &#60;/style&#62;")
    assert.include(page, "\\u{202e}\\u{1b}[2J")
  })

  it("leaves out the middle of a long output, and does with many links", () => {
    const page = CodexTimeline.toHtml(
      Array.from({ length: 20 }, (_, index) => command(`c${index}`, 1, `a${"x".repeat(1_000_000)}z`))
    )
    assert.isBelow(page.length, 500_000)
    assert.match(page, /aaaa|ax+\n… 980,\d+ more characters …\nx+z/)
    assert.include(page, "<li>… 8 more</li>")
  })

  it("draws round times", () => {
    const ticks = (length: number) =>
      Array.from(
        CodexTimeline.toHtml(recorded([[0, { type: "turn.started" }], [length, { type: "turn.completed", usage }]]))
          .matchAll(/<i style="left:[^"]*">([^<]*)<\/i>/g),
        ([, tick]) => tick
      ).join(" ")
    assert.strictEqual(ticks(8), "0s 2ms 4ms 6ms 8ms")
    assert.strictEqual(ticks(900), "0s 200ms 400ms 600ms 800ms")
    assert.strictEqual(ticks(34_000), "0s 10.0s 20.0s 30.0s")
    assert.strictEqual(ticks(1_000_000), "0s 5m00s 10m00s 15m00s")
    assert.strictEqual(ticks(36_000_000), "0s 2h46m 5h33m 8h20m")
  })

  // What a page has of its own: nothing else in it is markup.
  const tags =
    "!doctype html head meta title style body header h1 h2 p dl div dt dd nav ul li a main ol details summary "
    + "time b bdi span i pre"
  const own = new RegExp(`^(/?(${tags.split(" ").join("|")}))( [a-z-]+(="[^"<>]*")?)*$`)

  it.effect.prop(
    "shows every event, whatever it holds, as text",
    { entries: Schema.Array(CodexTimeline.Entry).check(Schema.isMaxLength(8)), startedAt: Schema.Finite },
    ({ entries, startedAt }) =>
      Effect.sync(() => {
        const timeline = { startedAt, entries, omitted: 0 }
        const page = CodexTimeline.toHtml(timeline)
        for (const [, tag = ""] of page.matchAll(/<([^>]*)>/g)) assert.match(tag, own)
        assert.strictEqual(page.split("<").length, page.split(">").length - (page.match(/ > /g)?.length ?? 0))
        assert.notMatch(page.slice(page.indexOf("</style>")), /[^\P{C}\n\t\u200c\u200d]/u)
        const told = Array.from(page.matchAll(/<div class="detail"><p>([^<]*)<\/p>/g), ([, words = ""]) => words)
        const steps = told.flatMap((words) => words.split(" · "))
        const pieces = steps.map((step) => Number(/^in ([\d,]+) pieces?$/.exec(step)?.[1] ?? 1))
        assert.strictEqual(pieces.reduce((sum, count) => sum + count, 0), entries.length)

        const lines = CodexTimeline.toText(timeline).split("\n").slice(1)
        const joined = lines.map((line) => Number(/, (\d+) pieces\)$/.exec(line)?.[1] ?? 1))
        assert.strictEqual(joined.reduce((sum, count) => sum + count, 0), entries.length)
      })
  )

  it.effect.prop("shows any turn", { turn: CodexTurn.CodexTurn }, ({ turn }) =>
    Effect.sync(() => {
      const lines = CodexTimeline.toText(turn).split("\n")
      assert.strictEqual(rowsOf(CodexTimeline.toHtml(turn)).length, lines.length)
      assert.isAtLeast(lines.length, turn.items.length + turn.notices.length + 1)
    }))

  it("says what the recorder had no room for", () => {
    assert.include(
      CodexTimeline.toHtml({ ...recorded([]), omitted: 3 }),
      "<p>… 3 more that the recorder had no room for"
    )
  })

  it("shows two thousand items", () => {
    const page = CodexTimeline.toHtml(recorded(
      Array.from({ length: 2000 }, (_, index) => [
        [index, command(`c${index}`, null)] as const,
        [index + 5, command(`c${index}`, 0)] as const
      ]).flat()
    ))
    assert.strictEqual(rowsOf(page).length, 2000)
  })
})

describe("recording", () => {
  const Json = Schema.fromJsonString(Schema.toCodecJson(CodexTimeline.Timeline))

  const slow = FakeProcess.make([
    FakeProcess.thread,
    FakeProcess.event({ type: "turn.started" }),
    FakeProcess.delay("2 seconds"),
    FakeProcess.event(message("Done.")),
    FakeProcess.event({ type: "turn.completed", usage })
  ])

  it.effect("notes the time of each event, on the clock of the test", () =>
    Effect.gen(function*() {
      yield* TestClock.adjust("1 minute")
      const recording = yield* Effect.forkChild(CodexTimeline.record(Codex.stream("Do it")))
      const { settled } = yield* FakeCli.FakeCli
      yield* settled
      yield* TestClock.adjust("2 seconds")
      const timeline = yield* Fiber.join(recording)
      assert.strictEqual(timeline.startedAt, 60_000)
      assert.deepStrictEqual(timeline.entries.map(({ at, event }) => [at, event.type]), [
        [60_000, "thread.started"],
        [60_000, "turn.started"],
        [62_000, "item.completed"],
        [62_000, "turn.completed"]
      ])
      assert.deepStrictEqual(yield* Schema.decodeEffect(Json)(yield* Schema.encodeEffect(Json)(timeline)), timeline)
    }).pipe(Effect.provide(FakeCli.layer([slow]))))

  it.effect.prop(
    "is the same after it was kept as JSON",
    { timeline: CodexTimeline.Timeline },
    ({ timeline }) =>
      Effect.gen(function*() {
        const json = yield* Schema.encodeEffect(Json)(timeline)
        const again = yield* Schema.decodeEffect(Json)(json)
        assert.strictEqual(yield* Schema.encodeEffect(Json)(again), json)
      })
  )

  it.effect("notes how the run failed, and gives way to it", () =>
    Effect.gen(function*() {
      const end = (stream: Stream.Stream<CodexEvent, unknown>) =>
        Effect.map(CodexTimeline.record(Stream.concat(Stream.make(message("One.")), stream)), ({ entries }) =>
          entries.at(-1))
      const failure = (reason: string, message: string): CodexTimeline.Entry => ({
        source: "failure",
        at: 0,
        event: { type: "failure", reason, message }
      })
      assert.deepStrictEqual(yield* end(Stream.fail(new TypeError("bad"))), failure("TypeError", "bad"))
      assert.deepStrictEqual(
        yield* end(Stream.fail({ _tag: "Bad", a: 1 })),
        failure("Bad", "{\"_tag\":\"Bad\",\"a\":1}")
      )
      assert.deepStrictEqual(yield* end(Stream.fail("bad")), failure("Failure", "\"bad\""))
      assert.deepStrictEqual(
        yield* end(
          Codex.stream("Do it").pipe(
            Stream.provide(FakeCli.layer([FakeProcess.turnFailed("Server is on fire")]))
          )
        ),
        failure("TurnFailed", "The turn failed: Server is on fire")
      )
    }))

  it.effect("notes attempts and retries too, in order", () =>
    Effect.gen(function*() {
      const recorder = yield* CodexTimeline.Recorder
      const run = yield* Effect.forkChild(Stream.runDrain(recorder.tap(Codex.stream("Do it"))))
      const { settled } = yield* FakeCli.FakeCli
      yield* settled
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.join(run)
      yield* settled
      const { entries } = yield* recorder.timeline
      assert.deepStrictEqual(entries.map(({ at, event, source }) => `${at} ${source} ${event.type}`), [
        "0 hook live.startup_failed",
        "0 hook live.startup_retried",
        "3000 event thread.started",
        "3000 event turn.started",
        "3000 event item.completed",
        "3000 event turn.completed",
        "3000 hook live.started",
        "3000 hook attempt.succeeded"
      ])
    }).pipe(Effect.provide(retrying)))

  it.effect("keeps what there is of a run that is interrupted, and counts what it has no room for", () =>
    Effect.gen(function*() {
      const recorder = yield* CodexTimeline.Recorder
      const hanging = recorder.tap(Stream.concat(Stream.make(delta("a")), Stream.never))
      yield* Stream.runDrain(Stream.take(hanging, 1))
      const run = yield* Effect.forkChild(Stream.runDrain(hanging), { startImmediately: true })
      yield* Effect.repeat(Effect.yieldNow, { times: 20 })
      yield* Fiber.interrupt(run)
      const { entries, omitted } = yield* recorder.timeline
      assert.deepStrictEqual(entries.map(({ event }) => event), [
        delta("a"),
        delta("a"),
        { type: "failure", reason: "Interrupted", message: "The run was interrupted" }
      ])
      assert.strictEqual(omitted, 0)
      yield* Stream.runDrain(recorder.tap(Stream.make(delta("b"), delta("c"))))
      assert.deepInclude(yield* recorder.timeline, { entries, omitted: 2 })
    }).pipe(Effect.provide(CodexTimeline.layer({ limit: 3 }))))
})
