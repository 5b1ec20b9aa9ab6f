/**
 * Compares what a program sends with what a cassette has, and finds out meanwhile what the names in it stand for.
 *
 * @internal
 */
import * as Equal from "effect/Equal"
import * as RegularExpression from "effect/RegExp"
import type * as Schema from "effect/Schema"
import { namePattern, secret, standIn } from "./cassettePatterns.ts"
import { isList, isObject } from "./json.ts"

/** What the names stand for in this run. */
export type Bindings = ReadonlyMap<string, string>

export interface Match {
  readonly bindings: Bindings
  /** What is not the same: `-` for what the cassette has, `+` for what is there. */
  readonly differences: ReadonlyArray<string>
}

/** Compares JSON. */
export const match = (recorded: Schema.Json, actual: Schema.Json, bindings: Bindings): Match => {
  const bound = new Map(bindings)
  const differences: Array<string> = []
  const differ = (path: string, recorded: Schema.Json | undefined, actual: Schema.Json | undefined) => {
    const at = path === "" ? "" : `${path}: `
    if (recorded !== undefined) differences.push(`- ${at}${shorten(recorded)}`)
    if (actual !== undefined) differences.push(`+ ${at}${shorten(actual)}`)
  }
  const visit = (recorded: Schema.Json, actual: Schema.Json, path: string): void => {
    if (typeof recorded === "string" && typeof actual === "string") {
      if (!matchText(recorded, actual, bound)) differ(path, recorded, actual)
    } else if (isObject(recorded) && isObject(actual)) {
      for (const key of new Set([...Object.keys(recorded), ...Object.keys(actual)])) {
        const [a, b] = [recorded[key], actual[key]]
        const at = path === "" ? key : `${path}.${key}`
        if (a === undefined || b === undefined) differ(at, a, b)
        else visit(a, b, at)
      }
    } else if (isList(recorded) && isList(actual) && recorded.length === actual.length) {
      for (const [index, item] of recorded.entries()) visit(item, actual[index] ?? null, `${path}[${index}]`)
    } else if (!Equal.equals(recorded, actual)) differ(path, recorded, actual)
  }
  visit(recorded, actual, "")
  return { bindings: differences.length === 0 ? bound : bindings, differences }
}

/** Compares the arguments of commands, flag by flag. */
export const matchArgs = (
  recorded: ReadonlyArray<string>,
  actual: ReadonlyArray<string>,
  bindings: Bindings
): Match => {
  const whole = match(recorded, actual, bindings)
  if (whole.differences.length === 0) return whole
  const [before, after] = [flags(recorded), flags(actual)]
  const differences = [
    ...before.filter((flag) => !after.includes(flag)).map((flag) => `- ${flag}`),
    ...after.filter((flag) => !before.includes(flag)).map((flag) => `+ ${flag}`)
  ]
  return { bindings, differences: differences.length === 0 ? whole.differences : differences }
}

/** Puts in for the names what they stand for. A name that nothing was found for gets a stand-in. */
export const substitute = (json: Schema.Json, bindings: Map<string, string>): Schema.Json => {
  if (typeof json === "string") return substituteText(json, bindings)
  if (isList(json)) return json.map((item) => substitute(item, bindings))
  if (!isObject(json)) return json
  return Object.fromEntries(
    Object.entries(json).map(([key, value]) => [substituteText(key, bindings), substitute(value, bindings)])
  )
}

export const substituteText = (text: string, bindings: Map<string, string>): string =>
  text.replaceAll(namePattern, (name) => {
    const value = bindings.get(name) ?? standIn(name)
    if (name !== secret) bindings.set(name, value)
    return value
  })

// =============================================================================
// Internals
// =============================================================================

const matchText = (recorded: string, actual: string, bindings: Map<string, string>): boolean => {
  const found: Array<string> = []
  let source = ""
  let end = 0
  for (const { 0: name, index } of recorded.matchAll(namePattern)) {
    source += RegularExpression.escape(recorded.slice(end, index))
    end = index + name.length
    const value = bindings.get(name)
    if (value !== undefined) source += RegularExpression.escape(value)
    else if (name === secret) source += "[^]*?"
    else if (found.includes(name)) source += `(?:\\${found.indexOf(name) + 1})`
    else {
      found.push(name)
      source += "([^]+?)"
    }
  }
  if (end === 0) return recorded === actual
  const match = new RegExp(`^${source}${RegularExpression.escape(recorded.slice(end))}$`).exec(actual)
  for (const [index, name] of found.entries()) {
    const value = match?.[index + 1]
    if (value !== undefined) bindings.set(name, value)
  }
  return match !== null
}

/** A flag, and its value if it has one. */
const flags = (args: ReadonlyArray<string>): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (const arg of args) {
    const last = found.at(-1)
    if (last !== undefined && /^--[\w-]+$/.test(last) && !arg.startsWith("-")) {
      found[found.length - 1] = `${last} ${arg}`
    } else found.push(arg)
  }
  return found
}

const longest = 300

const shorten = (json: Schema.Json): string => {
  const text = JSON.stringify(json)
  return text.length > longest ? `${text.slice(0, longest)}…` : text
}
