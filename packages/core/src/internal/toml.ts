/**
 * Writes TOML that Codex reads back as the same value. Where it can't, the CLI would take the text for a string
 * instead, and say nothing.
 *
 * @internal
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import { InvalidOption } from "../CodexError.ts"
import type { TomlTable, TomlValue } from "../TomlValue.ts"

type Path = ReadonlyArray<string>

/** How deep tables and arrays may be nested: the CLI's parser stops there. */
export const maxDepth = 80

/** A key that needs no quotes. */
export const isBareKey = (key: string): boolean => /^[A-Za-z0-9_-]+$/.test(key)

export const isTable = (value: unknown): value is TomlTable =>
  Predicate.isObject(value) && (Object.getPrototypeOf(value) ?? Object.prototype) === Object.prototype

/** A document of `key = value` lines. */
export const document = (table: TomlTable): Result.Result<string, InvalidOption> =>
  Result.map(
    Result.all(Object.entries(table).map(([name, value]) => assignment(name, value, [name]))),
    (lines) => lines.map((line) => `${line}\n`).join("")
  )

/** The value in one line. `path` tells where it is, for errors. */
export const literal = (value: TomlValue, path: Path): Result.Result<string, InvalidOption> => {
  if (path.length > maxDepth) return invalid(path, `is nested more than ${maxDepth} levels deep`)
  switch (typeof value) {
    case "string":
      return quote(value, path)
    case "boolean":
      return Result.succeed(String(value))
    case "number":
      return Number.isFinite(value)
        ? Result.succeed(number(value))
        : invalid(path, `must be a finite number, not ${value}`)
  }
  if (isList(value)) {
    const elements = Array.from(value, (element, index) => literal(element, [...path, String(index)]))
    return Result.map(Result.all(elements), (elements) => `[${elements.join(", ")}]`)
  }
  if (isTable(value)) {
    const lines = Object.entries(value).map(([name, value]) => assignment(name, value, [...path, name]))
    return Result.map(Result.all(lines), (lines) => `{${lines.join(", ")}}`)
  }
  return invalid(path, `TOML cannot hold ${value === null ? "null" : typeof value}; leave the key out`)
}

export const invalid = (path: Path, problem: string): Result.Result<never, InvalidOption> =>
  Result.fail(new InvalidOption({ option: ["config", ...path].join("."), problem }))

const isList = (value: TomlValue): value is ReadonlyArray<TomlValue> => Array.isArray(value)

const assignment = (name: string, value: TomlValue, path: Path): Result.Result<string, InvalidOption> =>
  Result.flatMap(
    isBareKey(name) ? Result.succeed(name) : quote(name, path),
    (key) => Result.map(literal(value, path), (literal) => `${key} = ${literal}`)
  )

// An integer that is not safe may be beyond the 64 bits of TOML's: as a float it is the same number.
const number = (value: number): string =>
  Number.isSafeInteger(value) ? String(value) : Number.isInteger(value) ? value.toExponential() : String(value)

// JSON's escapes are TOML's, but TOML has no way to write a lone surrogate, and forbids DEL unescaped.
const quote = (text: string, path: Path): Result.Result<string, InvalidOption> =>
  text.isWellFormed()
    ? Result.succeed(JSON.stringify(text).replaceAll("\u007f", "\\u007f"))
    : invalid(path, "holds half a surrogate pair")
