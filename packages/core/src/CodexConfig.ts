/**
 * Overrides of Codex's configuration, as its `--config key=value` flags.
 *
 * Nested objects are tables, as in `config.toml`: `{ sandbox_workspace_write: { network_access: true } }`.
 * The CLI merges each override into the user's configuration.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import { InvalidOption } from "./CodexError.ts"

// =============================================================================
// Models
// =============================================================================

/**
 * A value that TOML can hold. There is no `null` in TOML: leave a key out instead.
 *
 * @category models
 * @since 0.1.0
 */
export type Value = string | number | boolean | ReadonlyArray<Value> | CodexConfig

/**
 * A table of overrides.
 *
 * @category models
 * @since 0.1.0
 */
export interface CodexConfig {
  readonly [key: string]: Value
}

// =============================================================================
// Combinators
// =============================================================================

/**
 * Merges two tables, deeply; `that` wins.
 *
 * @category combinators
 * @since 0.1.0
 */
export const merge = (self: CodexConfig, that: CodexConfig): CodexConfig => {
  const merged: Record<string, Value> = { ...self }
  for (const [key, value] of Object.entries(that)) {
    const current = Object.hasOwn(self, key) ? self[key] : undefined
    merged[key] = isTable(current) && isTable(value) ? merge(current, value) : value
  }
  return merged
}

// =============================================================================
// Converting
// =============================================================================

/**
 * The flags that say `config` to the CLI. Fails with the path of a value that TOML cannot hold.
 *
 * @category converting
 * @since 0.1.0
 */
export const toArguments = (config: CodexConfig): Result.Result<ReadonlyArray<string>, InvalidOption> =>
  Result.map(
    entries(config, []),
    (assignments) => assignments.flatMap((assignment) => ["--config", assignment])
  )

// =============================================================================
// Internals
// =============================================================================

const bareKey = /^[A-Za-z0-9_-]+$/

const isTable = (value: unknown): value is CodexConfig => Predicate.isObject(value) && !Array.isArray(value)

const isList = (value: Value): value is ReadonlyArray<Value> => Array.isArray(value)

const invalid = (path: ReadonlyArray<string>, problem: string): Result.Result<never, InvalidOption> =>
  Result.fail(new InvalidOption({ option: ["config", ...path].join("."), problem }))

// The CLI splits a path at every dot and does not know quotes there, but it does know them inside an inline
// table: a table with such a key is written whole.
const entries = (
  table: CodexConfig,
  path: ReadonlyArray<string>
): Result.Result<ReadonlyArray<string>, InvalidOption> =>
  Result.gen(function*() {
    const assignments: Array<string> = []
    for (const [key, value] of Object.entries(table)) {
      if (!bareKey.test(key)) {
        return yield* invalid([...path, key], "a key at the top may only hold letters, digits, \"_\" and \"-\"")
      }
      const keyPath = [...path, key]
      const keys = isTable(value) ? Object.keys(value) : []
      if (isTable(value) && keys.length > 0 && keys.every((key) => bareKey.test(key))) {
        assignments.push(...yield* entries(value, keyPath))
      } else {
        assignments.push(`${keyPath.join(".")}=${yield* literal(value, keyPath)}`)
      }
    }
    return assignments
  })

const literal = (value: Value, path: ReadonlyArray<string>): Result.Result<string, InvalidOption> =>
  Result.gen(function*() {
    switch (typeof value) {
      case "string":
        return yield* quote(value, path)
      case "boolean":
        return String(value)
      case "number":
        return Number.isFinite(value) ? number(value) : yield* invalid(path, `${value} is no TOML number`)
      case "object": {
        const parts: Array<string> = []
        if (isList(value)) {
          for (const [index, element] of value.entries()) {
            parts.push(yield* literal(element, [...path, String(index)]))
          }
          return `[${parts.join(", ")}]`
        }
        if (isTable(value)) {
          for (const [key, element] of Object.entries(value)) {
            const keyPath = [...path, key]
            parts.push(`${bareKey.test(key) ? key : yield* quote(key, keyPath)} = ${yield* literal(element, keyPath)}`)
          }
          return `{${parts.join(", ")}}`
        }
      }
    }
    return yield* invalid(path, `TOML cannot hold ${value === null ? "null" : typeof value}; leave the key out`)
  })

// `1e21` is a float in TOML, which JavaScript prints as `1e+21`; both are fine.
const number = (value: number): string => Object.is(value, -0) ? "0" : String(value)

// JSON's escapes are TOML's, but TOML has no way to write a lone surrogate, and forbids DEL unescaped.
const quote = (text: string, path: ReadonlyArray<string>): Result.Result<string, InvalidOption> =>
  text.isWellFormed()
    ? Result.succeed(JSON.stringify(text).replaceAll("\u007f", "\\u007f"))
    : invalid(path, "the text holds half a surrogate pair")
