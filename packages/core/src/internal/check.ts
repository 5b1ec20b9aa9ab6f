/**
 * Checks parsed JSON by the schemas that describe it, as fast as JavaScript can, and without a copy:
 * a compiled predicate says yes or no, and only a "no" pays for an explanation.
 *
 * @internal
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaJITCompiler from "effect/schema/SchemaJITCompiler"

/** A struct that a literal `type` tells from the others. */
interface Tagged extends Schema.ConstraintDecoder<unknown> {
  readonly fields: { readonly type: Schema.Literal<string> }
}

export interface Check<A> {
  readonly is: (json: unknown) => json is A
  /** What is wrong with `json`, or `undefined` if its type is not among the known ones. Names paths, never values. */
  readonly issue: (json: unknown) => string | undefined
}

/**
 * One check for all `members`, of which the frequent ones come first. Each is compiled when its type is
 * first seen, for these schemas only.
 */
export const byType = <const Members extends ReadonlyArray<Tagged>>(
  members: Members
): Check<Members[number]["Type"]> => {
  type Member = Members[number]["Type"]

  // Compared one by one: a fresh string from JSON.parse has no hash yet, and computing it for a `Map`
  // costs more than a few comparisons.
  const candidates = members.map((schema): Candidate<Member> => ({ type: schema.fields.type.literal, schema }))
  const find = (type: string): Candidate<Member> | undefined => {
    for (const candidate of candidates) {
      if (candidate.type === type) return candidate
    }
    return undefined
  }

  return {
    is: (json): json is Member => {
      const type = typeOf(json)
      if (type === undefined) return false
      const candidate = find(type)
      return candidate !== undefined && (candidate.is ??= compile(candidate.schema))(json)
    },
    issue: (json) => {
      const type = typeOf(json)
      if (type === undefined) return "Expected an object with a string \"type\""
      const candidate = find(type)
      if (candidate === undefined) return undefined
      const result = Schema.decodeUnknownResult(candidate.schema)(json, { errors: "all" })
      return Result.isFailure(result) ? result.failure.message : undefined
    }
  }
}

interface Candidate<A> {
  readonly type: string
  readonly schema: Tagged & { readonly Type: A }
  is?: (json: unknown) => json is A
}

const compile = <A>(schema: Tagged & { readonly Type: A }): (json: unknown) => json is A => {
  SchemaJITCompiler.enable(schema.ast)
  return Schema.is(schema)
}

// One read of one property: the shapes of items are so many that each look at one costs.
const typeOf = (json: unknown): string | undefined => {
  if (typeof json !== "object" || json === null) return undefined
  const { type }: { readonly type?: unknown } = json
  return typeof type === "string" ? type : undefined
}
