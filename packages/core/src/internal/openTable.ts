/**
 * Tables of Codex's configuration.
 *
 * @internal
 */
import * as Schema from "effect/Schema"
import { TomlValue } from "../TomlValue.ts"

/** Checks the keys that are known; a newer Codex may know others, which hold any value. */
export const openTable = <const F extends Schema.Struct.Fields>(fields: F) =>
  Schema.StructWithRest(Schema.Struct(fields), [Schema.Record(Schema.String, TomlValue)])

/** For `satisfies`: a schema for each key that the table `A` knows, and for no other. */
export type FieldsOf<A> = { readonly [K in keyof A as string extends K ? never : K]-?: Schema.Constraint }

export const bool = Schema.optionalKey(Schema.Boolean)

export const text = Schema.optionalKey(Schema.String)

export const texts = Schema.optionalKey(Schema.Array(Schema.String))

export const textTable = Schema.optionalKey(Schema.Record(Schema.String, Schema.String))

/** A number of things. */
export const count = Schema.optionalKey(Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)))

export const seconds = Schema.optionalKey(Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0)))
