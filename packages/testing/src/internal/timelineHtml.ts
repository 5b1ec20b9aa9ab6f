/**
 * A timeline as one HTML page, which needs nothing but itself and runs no script.
 *
 * @internal
 */
import { isEvents, isTurn, type Subject } from "./timelineEntry.ts"
import { type Html, html, trusted } from "./timelineMarkup.ts"
import { ofUsage } from "./timelineRow.ts"
import { type Span, toSpans } from "./timelineSpans.ts"
import { style } from "./timelineStyle.ts"
import { omission, startOf } from "./timelineText.ts"
import { count, duration, firstWords } from "./timelineWords.ts"

export const toHtml = (subject: Subject, title: string): string => {
  const spans = toSpans(subject)
  const scale = scaleOf(spans)
  const isRecording = !isTurn(subject) && !isEvents(subject)
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${trusted(style)}</style>
</head>
<body>
<header>
<h1>${title}</h1>
${isRecording ? html`<p>Recorded ${startOf(subject)}</p>` : ""}
${facts(spans)}
${troubles(spans)}
</header>
<main>
${scale === undefined ? "" : axis(scale)}
<ol style="--step:${
    scale === undefined || scale.start !== 0 ? "200%" : percent(stepOf(scale.length / 5) / scale.length)
  }">${spans.map((span, index) => row(span, index, scale))}</ol>
${isRecording ? omission(subject).map((line) => html`<p>${line}</p>`) : ""}
</main>
</body>
</html>
`
  return page.markup
}

// =============================================================================
// The top
// =============================================================================

const facts = (spans: ReadonlyArray<Span>): Html => {
  const of = (...labels: ReadonlyArray<string>) => spans.filter(({ row }) => labels.includes(row.label))
  const failed = (some: ReadonlyArray<Span>) => some.filter(({ row }) => row.tone === "bad").length
  const commands = of("runs")
  const approvals = of("approval")
  const errors = spans.filter(({ row }) => row.kind === "trouble" && row.label !== "retry")
  const time = timesOf(spans).reduce((longest, time) => Math.max(longest, time), 0)
  const usage = spans.findLast(({ row }) => row.usage !== undefined)?.row.usage
  const all: ReadonlyArray<readonly [name: string, value: string, isBad?: boolean]> = [
    ...(time > 0 ? [["Time", duration(time)] as const] : []),
    ["Messages", count(of("says").length)],
    ["Commands", withFailed(commands.length, failed(commands)), failed(commands) > 0],
    ["File changes", count(of("edits").length)],
    ["Retries", count(of("retry").length), of("retry").length > 0],
    ["Approvals", withFailed(approvals.length, failed(approvals), "not given")],
    ["Errors", count(errors.length), errors.length > 0],
    ...(usage === undefined ? [] : [["Tokens of the thread", ofUsage(usage)] as const])
  ]
  return html`<dl>${
    all.map(([name, value, isBad]) => html`<div><dt>${name}</dt><dd class="${isBad ? "bad" : ""}">${value}</dd></div>`)
  }</dl>`
}

const withFailed = (all: number, failed: number, word = "failed"): string =>
  failed === 0 ? count(all) : `${count(all)} (${count(failed)} ${word})`

/** Links to what one looks for first. */
const troubles = (spans: ReadonlyArray<Span>): Html | "" => {
  const bad = spans.flatMap(({ row }, index) => row.tone === "bad" ? [{ row, index }] : [])
  if (bad.length === 0) return ""
  const links = bad.slice(0, maxLinks).map(({ index, row }) =>
    html`<li><a href="#s${index}">${row.label}: ${firstWords(row.text, 60)}${
      row.note === undefined ? "" : ` (${row.note})`
    }</a></li>`
  )
  const hidden = bad.length - maxLinks
  return html`<nav aria-label="What went wrong"><h2>What went wrong</h2><ul>${links}${
    hidden > 0 ? html`<li>… ${count(hidden)} more</li>` : ""
  }</ul></nav>`
}

const maxLinks = 12

// =============================================================================
// Rows
// =============================================================================

const row = (span: Span, index: number, scale: Scale | undefined): Html => {
  const { from, row: { detail, kind, label, note, text, tone, took }, to } = span
  const time = took ?? (from === undefined || to === undefined || to === from ? undefined : to - from)
  const notes = [note, time === undefined ? undefined : duration(time)].filter((word) => word !== undefined).join(", ")
  return html`<li id="s${index}"><details class="${kind} ${tone ?? ""}"><summary><time>${
    from === undefined ? "" : duration(from)
  }</time><b>${label}</b><span class="text"><bdi>${
    firstWords(text, 160)
  }</bdi></span><span class="note">${notes}</span>${
    scale === undefined ? "" : bar(span, scale)
  }</summary><div class="detail">${steps(span)}<pre>${clip(detail ?? text)}</pre></div></details></li>
`
}

const steps = ({ pieces, steps }: Span): Html => {
  const all = steps.map(({ at, type }) => at === undefined ? type : `${type} at ${duration(at)}`)
  return html`<p>${[...all, ...(pieces === 0 ? [] : [`in ${count(pieces, "piece")}`])].join(" · ")}</p>`
}

/** A page with the whole output of every command would be too long to open. */
const maxDetail = 20_000

const clip = (text: string): string =>
  text.length <= maxDetail
    ? text
    : `${text.slice(0, maxDetail / 2)}\n… ${count(text.length - maxDetail)} more characters …\n${
      text.slice(-maxDetail / 2)
    }`

// =============================================================================
// Bars
// =============================================================================

interface Scale {
  readonly start: number
  readonly length: number
}

const timesOf = (spans: ReadonlyArray<Span>): ReadonlyArray<number> =>
  spans.flatMap(({ from, to }) => [from, to]).filter((time): time is number => Number.isFinite(time))

/** Without times, or all in an instant, there is nothing to draw. */
const scaleOf = (spans: ReadonlyArray<Span>): Scale | undefined => {
  const times = timesOf(spans)
  const start = times.reduce((least, time) => Math.min(least, time), 0)
  const length = times.reduce((most, time) => Math.max(most, time), 0) - start
  return length > 0 && Number.isFinite(length) ? { start, length } : undefined
}

const percent = (part: number): string => `${(Math.min(1, Math.max(0, part)) * 100).toFixed(2)}%`

const bar = ({ from, isOpen, to }: Span, { length, start }: Scale): Html => {
  if (from === undefined) return html`<span class="lane"></span>`
  const [left, right] = [(from - start) / length, ((to ?? from) - start) / length]
  const shape = isOpen ? "open" : right > left ? "" : "point"
  return html`<span class="lane"><i class="${shape}" style="left:${percent(left)};width:${
    percent(right - left)
  }"></i></span>`
}

const axis = ({ length, start }: Scale): Html => {
  const step = stepOf(length / 5)
  const first = Math.ceil(start / step) * step
  const ticks = Array.from(
    { length: Math.floor((start + length - first) / step) + 1 },
    (_, index) => first + index * step
  )
  return html`<div class="axis" aria-hidden="true"><span class="lane">${
    ticks.map((tick) => html`<i style="left:${percent((tick - start) / length)}">${duration(tick)}</i>`)
  }</span></div>`
}

/** The next round number. */
const stepOf = (least: number): number => {
  const minute = 60_000
  const round = [1000, 2000, 5000, 10_000, 20_000, 30_000, ...[1, 2, 5, 10, 20, 30, 60].map((step) => step * minute)]
  const magnitude = 10 ** Math.floor(Math.log10(least))
  return (least < 1000 || least > 60 * minute ? [1, 2, 5, 10].map((step) => step * magnitude) : round)
    .find((step) => step >= least) ?? 10 * magnitude
}
