/**
 * JSON as data.
 *
 * @internal
 */
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

type Json = Schema.Json

/** Any JSON but for lists and plain values. */
export type JsonObject = { readonly [key: string]: Json }

export const isList = (json: Json | undefined): json is ReadonlyArray<Json> => Array.isArray(json)

export const isObject = (json: Json | undefined): json is JsonObject =>
  Predicate.isReadonlyObject(json) && !isList(json)

/** The JSON in a line, if it is any. */
export const parse = (line: string): Json | undefined => Option.getOrUndefined(decode(line))

const decode = Schema.decodeOption(Schema.fromJsonString(Schema.Json))
