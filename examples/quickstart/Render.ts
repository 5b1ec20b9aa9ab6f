/**
 * A turn as lines of text. Pure: an event and what was shown so far give the next lines.
 */
import type * as CodexEvent from "@effect-codex/core/CodexEvent"
import type * as CodexItem from "@effect-codex/core/CodexItem"
import type { CodexTurn } from "@effect-codex/core/CodexTurn"
import * as CliOutput from "effect/cli/CliOutput"
import * as Duration from "effect/Duration"
import { styleText } from "node:util"
import * as Row from "./Row.ts"

// =============================================================================
// Models
// =============================================================================

/** How to draw. */
export interface View {
  readonly color: boolean
  /** How wide a line may be. */
  readonly columns: number
  /** Where the agent works: paths in it are shown relative to it. */
  readonly directory: string
}

/** What was shown so far, as far as later lines depend on it. Times are in milliseconds. */
export interface State {
  readonly startedAt: number
  readonly hasThread: boolean
  /** Items that have begun, by id. */
  readonly running: ReadonlyMap<string, { readonly item: KnownItem; readonly since: number }>
  readonly plan: CodexItem.TodoList["items"]
  /** The latest trouble, such as a reconnect. It is shown when the turn goes on: else it is the turn's error. */
  readonly notice: string | undefined
}

type KnownItem = Exclude<CodexItem.CodexItem, CodexItem.Unknown>

export const initial = (now: number): State => ({
  startedAt: now,
  hasThread: false,
  running: new Map(),
  plan: [],
  notice: undefined
})

// =============================================================================
// While the agent works
// =============================================================================

/** Takes in an event at the time `now`, and gives the lines that it adds. */
export const onEvent = (
  view: View,
  state: State,
  event: CodexEvent.CodexEvent,
  now: number
): readonly [State, ReadonlyArray<string>] => {
  const [next, rows] = advance(view, { ...state, notice: undefined }, event, now)
  const earlier = repeats(event, state.notice) ? [] : noticeOf(state)
  return [next, [...earlier, ...rows].flatMap((row) => draw(view, elapsed(state, now), row))]
}

/** The lines that are left to show when the events end before the turn does. */
export const onCut = (view: View, state: State, now: number): ReadonlyArray<string> =>
  noticeOf(state).flatMap((row) => draw(view, elapsed(state, now), row))

/** The line at the bottom of a terminal: what goes on at the time `now`. */
export const status = (view: View, state: State, now: number): string => {
  const running = [...state.running.values()].filter(({ item }) => item.type !== "todo_list")
  const latest = running.at(-1)
  const row: Row.Row = state.notice !== undefined
    ? { label: "notice", text: Row.oneLine(state.notice) }
    : latest !== undefined
    ? { ...Row.fromItem(latest.item, view), ...(running.length > 1 ? { note: `and ${running.length - 1} more` } : {}) }
    : { label: "…", text: state.hasThread ? "thinking" : "starting Codex" }
  const frame = frames[Math.floor((now - state.startedAt) / frameMillis) % frames.length] ?? ""
  const [line = ""] = draw(view, elapsed(state, now), { ...row, tone: "quiet", details: [] })
  return paint(view, "cyan", frame) + line.slice(frame.length)
}

/** How long a picture of the spinner stays. */
export const frameMillis = 100

// =============================================================================
// Before and after
// =============================================================================

export const header = (
  view: View,
  options: { readonly prompt: string; readonly scripted: boolean }
): ReadonlyArray<string> => [
  paint(view, "bold", "Codex quickstart"),
  "",
  ...(options.scripted ? scriptedNotice : ["The model is real: this run uses your Codex account."]),
  "",
  field(view, "Prompt", Row.oneLine(options.prompt)),
  field(view, "Workspace", `${view.directory} (temporary)`),
  ""
]

/** The end of a turn. `diff` is what Git says has changed, and `repaired` whether the sample's check passes now. */
export const summary = (
  view: View,
  turn: CodexTurn,
  options: { readonly diff: string; readonly repaired: boolean }
): ReadonlyArray<string> => {
  const { duration, finalMessage, usage } = turn
  return [
    "",
    paint(view, "bold", "Answer"),
    "",
    ...indent(Row.plain(finalMessage ?? "(none)").trimEnd().split("\n")),
    "",
    paint(view, "bold", "Files changed"),
    "",
    ...indent(drawDiff(view, options.diff)),
    "",
    field(view, "Check", `node check.js ${options.repaired ? "passes now" : "still fails"}`),
    ...(usage === undefined ? [] : [field(view, "Usage", drawUsage(usage))]),
    field(view, "Time", seconds(Duration.toMillis(duration)))
  ]
}

export const failure = (error: unknown): string =>
  `error: ${Row.plain(error instanceof Error ? error.message : String(error))}`

// =============================================================================
// Internals: events
// =============================================================================

const advance = (
  view: View,
  state: State,
  event: CodexEvent.CodexEvent,
  now: number
): readonly [State, ReadonlyArray<Row.Row>] => {
  switch (event.type) {
    case "thread.started":
      return [{ ...state, hasThread: true }, [{ label: "thread", text: Row.oneLine(event.thread_id), tone: "quiet" }]]
    case "turn.started":
    // The program ends with the message of a failure.
    case "turn.failed":
    // Only over an app-server.
    case "item.delta":
    case "plan.updated":
    case "diff.updated":
    case "usage.updated":
    case "approval.requested":
    case "approval.resolved":
      return [state, []]
    case "item.started":
    case "item.updated":
      return begin(state, event.item, now)
    case "item.completed":
      return complete(view, state, event.item, now)
    case "turn.completed":
      return [{ ...state, running: new Map() }, leftRunning(view, state)]
    case "error":
      return [{ ...state, notice: event.message }, []]
    case "unknown":
      return [state, [Row.fromUnknown(event.raw)]]
  }
}

const begin = (state: State, item: CodexItem.CodexItem, now: number): readonly [State, ReadonlyArray<Row.Row>] => {
  if (item.type === "unknown") return [state, []]
  const since = state.running.get(item.id)?.since ?? now
  const next = { ...state, running: new Map(state.running).set(item.id, { item, since }) }
  return item.type === "todo_list" ? [{ ...next, plan: item.items }, Row.fromPlan(item.items, state.plan)] : [next, []]
}

const complete = (
  view: View,
  state: State,
  item: CodexItem.CodexItem,
  now: number
): readonly [State, ReadonlyArray<Row.Row>] => {
  if (item.type === "unknown") return [state, [Row.fromItem(item, view)]]
  const running = new Map(state.running)
  const since = running.get(item.id)?.since
  running.delete(item.id)
  const next = { ...state, running }
  if (item.type === "todo_list") return [{ ...next, plan: item.items }, Row.fromPlan(item.items, state.plan)]
  const took = since === undefined ? undefined : roughly(now - since)
  return [next, [Row.fromItem(item, { directory: view.directory, took })]]
}

/** A command that was put in the background is never completed: it ends with the turn. */
const leftRunning = (view: View, { running }: State): ReadonlyArray<Row.Row> =>
  [...running.values()].flatMap(({ item }) =>
    item.type === "todo_list" ? [] : [{ ...Row.fromItem(item, view), note: "not finished", tone: "bad" }]
  )

/** The agent tells each try to reconnect, and the cause of a failure both as an error and as that of the turn. */
const repeats = (event: CodexEvent.CodexEvent, notice: string | undefined): boolean =>
  event.type === "error" ? event.message === notice : event.type === "turn.failed" && event.error.message === notice

const noticeOf = ({ notice }: State): ReadonlyArray<Row.Row> =>
  notice === undefined ? [] : [{ label: "notice", text: Row.oneLine(notice), tone: "bad" }]

// =============================================================================
// Internals: drawing
// =============================================================================

const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"]

const timeWidth = 7
const labelWidth = 10
const margin = 2 + timeWidth + labelWidth

type Format = Parameters<typeof styleText>[0]

const paint = (view: View, format: Format, text: string): string =>
  view.color && text !== "" ? styleText(format, text, { validateStream: false }) : text

const draw = (view: View, time: string, row: Row.Row): ReadonlyArray<string> => {
  const room = Math.max(10, view.columns - margin)
  const note = row.note === undefined ? "" : ` (${row.note})`
  const text = clip(row.text, Math.max(10, room - CliOutput.displayWidth(note)))
  const dim = row.tone === "quiet"
  return [
    [
      `  ${paint(view, "dim", time.padEnd(timeWidth))}`,
      paint(view, row.tone === "bad" ? "red" : dim ? "dim" : "cyan", row.label.padEnd(labelWidth)),
      dim ? paint(view, "dim", text) : text,
      paint(view, row.tone === "bad" ? "red" : row.tone === "good" ? "green" : "dim", note)
    ].join(""),
    ...(row.details ?? []).map((line) => " ".repeat(margin) + paint(view, "dim", clip(line, room)))
  ]
}

/** Cuts a line to so many columns. */
const clip = (line: string, columns: number): string => {
  let text = ""
  let cut = ""
  for (const character of line) {
    text += character
    const width = CliOutput.displayWidth(text)
    if (width > columns) return `${cut}…`
    if (width < columns) cut = text
  }
  return line
}

const elapsed = (state: State, now: number): string => seconds(now - state.startedAt)

const seconds = (millis: number, digits = 1): string => {
  if (millis < 59_500) return `${(millis / 1000).toFixed(digits)}s`
  const whole = Math.round(millis / 1000)
  return `${Math.floor(whole / 60)}m${String(whole % 60).padStart(2, "0")}s`
}

/** Codex tells of a command up to a fifth of a second after it began. */
const roughly = (millis: number): string => millis < 800 ? "<1s" : seconds(millis, 0)

const scriptedNotice = [
  "The model is scripted: it plays one script, whatever the prompt says. The Codex",
  "CLI is real: it really runs the commands and changes the files below. To ask the",
  "real model, log in (`npx codex login`, or set CODEX_API_KEY), and use --live:",
  "  npm run quickstart -- --live \"your prompt\""
]

const field = (view: View, name: string, text: string): string => `${paint(view, "bold", name.padEnd(11))}${text}`

const indent = (lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  lines.map((line) => line === "" ? "" : `  ${line}`)

const maxDiffLines = 40

const drawDiff = (view: View, diff: string): ReadonlyArray<string> => {
  if (diff.trim() === "") return ["(none)"]
  const lines = Row.plain(diff).trimEnd().split("\n")
  const hidden = lines.length - maxDiffLines
  return [
    ...lines.slice(0, maxDiffLines).map((line) => paintDiff(view, line)),
    ...(hidden > 0 ? [paint(view, "dim", `… ${hidden} more lines`)] : [])
  ]
}

const paintDiff = (view: View, line: string): string => {
  if (/^(diff|index|---|\+\+\+|@@) /.test(line)) return paint(view, "dim", line)
  return line.startsWith("+") ? paint(view, "green", line) : line.startsWith("-") ? paint(view, "red", line) : line
}

const drawUsage = (usage: CodexEvent.TokenUsage): string => {
  const {
    cached_input_tokens: cached,
    input_tokens: input,
    output_tokens: output,
    reasoning_output_tokens: reasoning
  } = usage
  return [
    `${count(input)} tokens in${cached === undefined ? "" : ` (${count(cached)} cached)`}`,
    `${count(output)} out${reasoning === undefined ? "" : ` (${count(reasoning)} for reasoning)`}`
  ].join(", ")
}

const count = (tokens: number): string => tokens.toLocaleString("en-US")
