/**
 * Tables made by chance, made writable.
 */
import type { TomlTable, TomlValue } from "@effect-codex/core/TomlValue"

/** Without half surrogate pairs in keys, which schemas do not rule out. */
export const writable = (table: TomlTable): TomlTable =>
  Object.fromEntries(Object.entries(table).map(([key, value]) => [key.toWellFormed(), writableValue(value)]))

/** With keys at the top that can be said in a flag, too. */
export const sayable = (table: TomlTable): TomlTable =>
  Object.fromEntries(
    Object.entries(writable(table)).map(([key, value]) => [key.replaceAll(/[^\w-]|^$/g, "_"), value])
  )

/** As JSON has it: `-0` is `0`, and a table has a prototype. */
export const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

const writableValue = (value: TomlValue): TomlValue =>
  typeof value !== "object" ? value : isList(value) ? value.map(writableValue) : writable(value)

const isList = (value: TomlValue): value is ReadonlyArray<TomlValue> => Array.isArray(value)
