/**
 * Compares recordings by what their lines say.
 *
 * @internal
 */
import * as Predicate from "effect/Predicate"
import { namePattern } from "./cassettePatterns.ts"

/** What is compared of an entry. */
interface Entry {
  readonly at: number
  readonly process: number
  readonly type: string
}

export const differences = (expected: ReadonlyArray<Entry>, actual: ReadonlyArray<Entry>): ReadonlyArray<string> => {
  const [before, after] = [linesOf(expected), linesOf(actual)]
  return [
    ...Array.from(before).filter((line) => !after.has(line)).map((line) => `- ${line}`),
    ...Array.from(after).filter((line) => !before.has(line)).map((line) => `+ ${line}`)
  ]
}

/** A set, as Codex repeats some news more or less often. */
const linesOf = (entries: ReadonlyArray<Entry>): ReadonlySet<string> =>
  new Set(entries.flatMap((entry) => {
    if (entry.type === "exit" || entry.type === "signal") return []
    const { at: _, process: __, ...said } = entry
    return JSON.stringify(said, withoutRun)
      .replaceAll(namePattern, (name) => name.replace(/ \d+>$/, ">"))
      .replaceAll(time, "<time>")
  }))

const withoutRun = (key: string, value: unknown): unknown => {
  if (idName.test(key) && !Predicate.isObject(value)) return null
  if (typeof value === "number" && timeName.test(key)) return 0
  if (!Predicate.isReadonlyObject(value) || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => a < b ? -1 : 1))
}

const idName = /^id$|Id$|_id$/

const time = /2026-01-\d\dT\d\d:\d\d:\d\d\.\d{3,}Z/g

const timeName = /(?:At|AtMs|_at|_ms|[dD]uration|[dD]urationMs|Ms)$/
