/**
 * What can be wrong with lines that were right.
 *
 * @internal
 */
import * as Predicate from "effect/Predicate"

// =============================================================================
// Models
// =============================================================================

/** What becomes of a line when it is decoded. */
export type Becomes = "event" | "unknown event" | "unknown item"

/** What was done, to which line (of the lines after it), and what becomes of that line. */
export interface Mutation {
  readonly kind:
    | "cut"
    | "truncated"
    | "reordered"
    | "duplicated"
    | "unknown event"
    | "unknown item"
    | "unknown field"
    | "mistyped"
    | "missing"
    | "garbage"
  readonly line: number
  readonly becomes: Becomes
  readonly description: string
}

export interface Mutated {
  readonly original: ReadonlyArray<string>
  readonly lines: ReadonlyArray<string>
  readonly mutation: Mutation
}

/** Does it at some place, if there is one that it fits. */
type Mutate = (lines: ReadonlyArray<string>, at: number, detail: number) => Mutated | undefined

// =============================================================================
// Mutations
// =============================================================================

const replaced = (lines: ReadonlyArray<string>, line: number, by: ReadonlyArray<string>) =>
  lines.toSpliced(line, 1, ...by)

const wrongTypes: ReadonlyArray<unknown> = [null, 42, true, [], {}]

const byKind: { readonly [Kind in Mutation["kind"]]: Mutate } = {
  cut: (lines, at, detail) => {
    const line = at % lines.length
    const text = lines[line] ?? ""
    const kept = text.slice(0, 1 + detail % (text.length - 1)).toWellFormed()
    return {
      original: lines,
      lines: replaced(lines, line, [kept]),
      mutation: { kind: "cut", line, becomes: "unknown event", description: `line ${line} ends after ${kept.length}` }
    }
  },
  truncated: (lines, at) => {
    const line = at % lines.length
    return {
      original: lines,
      lines: lines.slice(0, line + 1),
      mutation: { kind: "truncated", line, becomes: "event", description: `nothing comes after line ${line}` }
    }
  },
  reordered: (lines, at, detail) => {
    const from = at % lines.length
    const line = (from + 1 + detail % Math.max(1, lines.length - 1)) % lines.length
    return {
      original: lines,
      lines: lines.toSpliced(from, 1).toSpliced(line, 0, ...lines.slice(from, from + 1)),
      mutation: { kind: "reordered", line, becomes: "event", description: `line ${from} comes as line ${line}` }
    }
  },
  duplicated: (lines, at) => {
    const line = at % lines.length
    const text = lines[line] ?? ""
    return {
      original: lines,
      lines: replaced(lines, line, [text, text]),
      mutation: { kind: "duplicated", line, becomes: "event", description: `line ${line} comes twice` }
    }
  },
  "unknown event": (lines, at) => dreamt(lines, at),
  garbage: (lines, at, detail) =>
    inserted(
      lines,
      at,
      "garbage",
      ["", "warning: not JSON", "{", "null", "\"text\"", "[]", "\u0000"][detail % 7] ?? ""
    ),
  "unknown item": (lines, at) =>
    changed(lines, at, "unknown item", "unknown item", "item", (event) =>
      Predicate.isObject(event["item"])
        ? { ...event, item: { ...event["item"], type: "dream", of: ["sheep"] } }
        : undefined),
  "unknown field": (lines, at) =>
    changed(lines, at, "unknown field", "event", "a_field_of_tomorrow", (event) => ({
      ...event,
      a_field_of_tomorrow: { of: ["sheep"] }
    })),
  mistyped: (lines, at, detail) =>
    damaged(lines, at, detail, "mistyped", (field, value) => [[field, wrong(value, detail)]]),
  missing: (lines, at, detail) => damaged(lines, at, detail, "missing", () => [])
}

export const kinds: ReadonlyArray<Mutation["kind"]> = [
  "duplicated",
  "reordered",
  "truncated",
  "cut",
  "garbage",
  "unknown event",
  "unknown item",
  "unknown field",
  "mistyped",
  "missing"
]

/** What there is no place for, as there are no items, is done to an event. */
export const mutate = (
  kind: Mutation["kind"],
  lines: ReadonlyArray<string>,
  at: number,
  detail: number
): Mutated => byKind[kind](lines, at, detail) ?? byKind[kind](lines, at, detail + 1) ?? dreamt(lines, at)

// =============================================================================
// Internals
// =============================================================================

type Json = Readonly<Record<string, unknown>>

const inserted = (
  lines: ReadonlyArray<string>,
  at: number,
  kind: "unknown event" | "garbage",
  text: string
): Mutated => {
  const line = at % (lines.length + 1)
  return {
    original: lines,
    lines: lines.toSpliced(line, 0, text),
    mutation: { kind, line, becomes: "unknown event", description: `line ${line} is ${JSON.stringify(text)}` }
  }
}

const dreamt = (lines: ReadonlyArray<string>, at: number): Mutated =>
  inserted(lines, at, "unknown event", JSON.stringify({ type: "turn.dreamt", of: ["sheep"] }))

/** Changes the first line from `at` on that can be. */
const changed = (
  lines: ReadonlyArray<string>,
  at: number,
  kind: Mutation["kind"],
  becomes: Becomes,
  what: string,
  change: (event: Json) => Json | undefined
): Mutated | undefined => {
  for (let step = 0; step < lines.length; step++) {
    const line = (at + step) % lines.length
    const event: unknown = JSON.parse(lines[line] ?? "")
    const after = Predicate.isObject(event) ? change({ ...event }) : undefined
    if (after === undefined) continue
    return {
      original: lines,
      lines: replaced(lines, line, [JSON.stringify(after)]),
      mutation: { kind, line, becomes, description: `line ${line}: ${kind}, ${what}` }
    }
  }
  return undefined
}

/** The fields that every version sends, of events and of items. */
const required: Readonly<Record<string, ReadonlyArray<string>>> = {
  "thread.started": ["thread_id"],
  "turn.completed": ["usage"],
  "turn.failed": ["error"],
  error: ["message"],
  "item.delta": ["item_id", "kind", "delta"],
  "plan.updated": ["plan"],
  "diff.updated": ["diff"],
  "usage.updated": ["usage", "last"],
  "approval.requested": ["thread_id", "request_id", "kind"],
  "approval.resolved": ["thread_id", "request_id", "kind"]
}

const requiredOfItems: Readonly<Record<string, ReadonlyArray<string>>> = {
  agent_message: ["id", "text"],
  reasoning: ["id", "text"],
  command_execution: ["id", "command", "aggregated_output", "status"],
  file_change: ["id", "changes", "status"],
  mcp_tool_call: ["id", "server", "tool", "status"],
  collab_tool_call: ["id", "tool", "sender_thread_id", "receiver_thread_ids", "agents_states", "status"],
  web_search: ["id", "query"],
  todo_list: ["id", "items"],
  error: ["id", "message"]
}

const damaged = (
  lines: ReadonlyArray<string>,
  at: number,
  detail: number,
  kind: "mistyped" | "missing",
  make: (field: string, value: unknown) => ReadonlyArray<readonly [string, unknown]>
): Mutated | undefined => {
  const damage = (json: Json, fields: ReadonlyArray<string> | undefined): Json | undefined => {
    const field = fields?.[detail % fields.length]
    if (field === undefined) return undefined
    return Object.fromEntries(
      Object.entries(json).flatMap(([key, value]) => key === field ? make(key, value) : [[key, value] as const])
    )
  }
  const ofEvent = (event: Json) => damage(event, required[String(event["type"])])
  const ofItem = (event: Json) => {
    const item = Predicate.isObject(event["item"]) ? { ...event["item"] } : undefined
    const after = item === undefined ? undefined : damage(item, requiredOfItems[String(item["type"])])
    return after === undefined ? undefined : { ...event, item: after }
  }
  return detail % 2 === 0
    ? changed(lines, at, kind, "unknown item", "a field of an item", ofItem)
    : changed(lines, at, kind, "unknown event", "a field of an event", ofEvent)
}

const typeName = (value: unknown): string => Array.isArray(value) ? "array" : value === null ? "null" : typeof value

/** A value of another type. A number stands for what may be text or a number. */
const wrong = (value: unknown, detail: number): unknown => {
  const others = wrongTypes.filter((other) => typeName(other) !== typeName(value) && typeof other !== "number")
  return others[detail % others.length]
}
