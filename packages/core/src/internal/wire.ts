/**
 * Schemas for data that another program writes, and whose next version we have not seen.
 *
 * @internal
 */
import * as Schema from "effect/Schema"

/**
 * A string whose known values are `literals`, and which may be any other one tomorrow.
 * Plain `String` at run time: a union with the literals would say no more and check slower.
 */
export const openLiterals = <const L extends ReadonlyArray<string>>(
  literals: L
): Schema.Codec<L[number] | (string & {})> => Schema.String.annotate({ examples: literals })

/** Keeps the fields that `struct` does not know, so that what a newer CLI sends survives a round trip. */
export const keepUnknownFields = <S extends Schema.Struct<Schema.Struct.Fields>>(struct: S) =>
  Schema.StructWithRest(struct, [Schema.Record(Schema.String, Schema.Json)])

/** A count that older CLIs do not send. */
export const optionalCount = Schema.optionalKey(Schema.Finite)
