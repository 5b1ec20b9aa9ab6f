/**
 * The difference of two turns or event streams, as a person would want to read it.
 *
 * @internal
 */
import * as Duration from "effect/Duration"
import * as Equal from "effect/Equal"
import { format } from "effect/Formatter"
import * as Predicate from "effect/Predicate"
import { align, type Aligned, type Part } from "./timelineAlign.ts"
import { isEvents, isTurn, type Subject } from "./timelineEntry.ts"
import { ofEvent } from "./timelineEventRow.ts"
import { ofItem } from "./timelineItemRow.ts"
import { line } from "./timelineText.ts"
import { count, visible } from "./timelineWords.ts"

export const diff = (expected: Subject, actual: Subject, ignore: ReadonlyArray<string>): string => {
  const ignored = new Set(ignore)
  const aligned = align(partsOf(expected, ignored), partsOf(actual, ignored))
  const differing = aligned.filter(({ is }) => is !== "same").length
  if (differing === 0) return ""
  const lines = ["- expected", "+ actual", ""]
  let shown = 0
  for (const [index, pair] of aligned.entries()) {
    if (pair.is !== "same") {
      if (shown++ < maxDifferences) lines.push(...draw(pair))
    } else if (shown < maxDifferences) {
      lines.push(...context(aligned, index))
    }
  }
  const hidden = differing - maxDifferences
  return (hidden > 0 ? [...lines, `… ${count(hidden, "more difference")}`] : lines).join("\n")
}

/** No one reads more. */
const maxDifferences = 50

// =============================================================================
// What is compared
// =============================================================================

const partsOf = (subject: Subject, ignored: ReadonlySet<string>): ReadonlyArray<Part> => {
  const part = (kind: string, value: unknown, text: string): Part => {
    const kept = without(value, ignored)
    return { kind, value: kept, text, id: Predicate.hasProperty(kept, "id") ? kept.id : undefined }
  }
  if (isTurn(subject)) {
    const { items, ...fields } = subject
    return [
      part("turn", fields, line({ kind: "run", label: "turn", text: subject.status })),
      ...items.map((item) => part(item.type, item, line(ofItem(item))))
    ]
  }
  const ofEvents = (event: Parameters<typeof ofEvent>[0], value: unknown): Part => ({
    ...part("item" in event ? `${event.type} ${event.item.type}` : event.type, value, line(ofEvent(event))),
    id: "item" in event && event.item.type !== "unknown" && !ignored.has("id") ? event.item.id : undefined
  })
  if (isEvents(subject)) return subject.map((event) => ofEvents(event, event))
  const { entries, ...fields } = subject
  return [
    part("timeline", fields, "timeline"),
    ...entries.map((entry) => ofEvents(entry.event, entry))
  ]
}

/** A copy without the fields of these names, however deep they are. */
const without = (value: unknown, ignored: ReadonlySet<string>): unknown => {
  if (ignored.size === 0) return value
  if (Array.isArray(value)) return value.map((element) => without(element, ignored))
  return isPlain(value)
    ? Object.fromEntries(
      Object.entries(value).flatMap(([key, field]) => ignored.has(key) ? [] : [[key, without(field, ignored)]])
    )
    : value
}

const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> =>
  Predicate.isObject(value) && Object.getPrototypeOf(value) === Object.prototype

// =============================================================================
// How it is shown
// =============================================================================

const draw = (pair: Aligned): ReadonlyArray<string> => {
  switch (pair.is) {
    case "same":
      return [`  ${pair.actual.text}`]
    case "missing":
      return [`- ${pair.expected.text}`]
    case "extra":
      return [`+ ${pair.actual.text}`]
    case "changed": {
      const { actual, expected } = pair
      const changes = changesOf(expected.value, actual.value, "")
      const hidden = changes.length - maxChanges
      return [
        ...(expected.text === actual.text ? [`~ ${actual.text}`] : [`- ${expected.text}`, `+ ${actual.text}`]),
        ...changes.slice(0, maxChanges).map((change) => `    ${change}`),
        ...(hidden > 0 ? [`    … ${count(hidden, "more field")}`] : [])
      ]
    }
  }
}

const maxChanges = 12

/** What is the same is shown only next to what is not. */
const context = (aligned: ReadonlyArray<Aligned>, index: number): ReadonlyArray<string> => {
  const isNear = (other: number) => aligned.slice(Math.max(0, other - 2), other + 3).some(({ is }) => is !== "same")
  const pair = aligned[index]
  if (pair === undefined || isNear(index)) return pair === undefined ? [] : draw(pair)
  if (index > 0 && !isNear(index - 1)) return []
  let end = index
  while (end < aligned.length && !isNear(end)) end++
  return end - index === 1 ? draw(pair) : [`  … ${end - index} the same`]
}

// =============================================================================
// Fields
// =============================================================================

const changesOf = (expected: unknown, actual: unknown, path: string): ReadonlyArray<string> => {
  if (Equal.equals(expected, actual)) return []
  const changes = isPlain(expected) && isPlain(actual)
    ? [...new Set([...Object.keys(expected), ...Object.keys(actual)])].flatMap((key) =>
      changesOf(fieldOf(expected, key), fieldOf(actual, key), path === "" ? key : `${path}.${key}`)
    )
    : Array.isArray(expected) && Array.isArray(actual)
    ? Array.from({ length: Math.max(expected.length, actual.length) }).flatMap((_, index) =>
      changesOf(fieldOf(expected, index), fieldOf(actual, index), `${path}[${index}]`)
    )
    : []
  return changes.length > 0 ? changes : [`${visible(path) || "value"}: ${excerpts(expected, actual).join(" → ")}`]
}

const absent = Symbol("absent")

const fieldOf = (value: object, key: string | number): unknown =>
  Object.hasOwn(value, key) ? Reflect.get(value, key) : absent

const excerpts = (expected: unknown, actual: unknown): readonly [string, string] => {
  if (typeof expected !== "string" || typeof actual !== "string") return [show(expected), show(actual)]
  let same = 0
  while (same < expected.length && expected[same] === actual[same]) same++
  const start = same <= 30 ? 0 : same - 20
  return [excerpt(expected, start), excerpt(actual, start)]
}

const maxLength = 80

/** Strings are shown from shortly before where they begin to differ. */
const excerpt = (text: string, start: number): string =>
  `${start > 0 ? "…" : ""}${visible(JSON.stringify(text.slice(start, start + maxLength)))}${
    text.length > start + maxLength ? "…" : ""
  }`

const show = (value: unknown): string => {
  if (value === absent) return "(absent)"
  if (typeof value === "string") return excerpt(value, 0)
  const text = Duration.isDuration(value) ? Duration.format(value) : format(value)
  return text.length > maxLength ? `${visible(text.slice(0, maxLength))}…` : visible(text)
}
