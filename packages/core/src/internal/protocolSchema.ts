/**
 * What the generated schemas of the app-server protocol are written with.
 *
 * @internal
 */
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaJITCompiler from "effect/schema/SchemaJITCompiler"
import * as SchemaAST from "effect/SchemaAST"
import * as SchemaTransformation from "effect/SchemaTransformation"

// =============================================================================
// Definitions
// =============================================================================

/**
 * The two ways to build a definition. `exact` holds only for what this version knows in full: a predicate, for the
 * value as it came. `open` is the codec for all else: it keeps fields that it does not know, and wraps variants.
 */
export type Mode = "exact" | "open"

/**
 * A schema of the protocol, built when it is first needed.
 *
 * @category models
 * @since 0.1.0
 */
export class Definition<A> {
  readonly #build: (mode: Mode) => Schema.Codec<A, unknown>
  #exact: Schema.Codec<A, unknown> | undefined
  #open: Schema.Codec<A, unknown> | undefined
  #is: ((json: unknown) => json is A) | undefined
  #uses = 0

  constructor(build: (mode: Mode) => Schema.Codec<A, unknown>) {
    this.#build = build
  }

  /** The codec. It decodes parsed JSON, and gives JSON. */
  get schema(): Schema.Codec<A, unknown> {
    return this.in("open")
  }

  /** @internal */
  in(mode: Mode): Schema.Codec<A, unknown> {
    return mode === "exact" ? this.#exact ??= this.#build(mode) : this.#open ??= this.#build(mode)
  }

  /** Checks parsed JSON. What is known in full is given as it came, not copied. */
  decode(json: unknown): Result.Result<A, Schema.SchemaError> {
    return this.#isExact(json)
      ? Result.succeed(json)
      : Schema.decodeUnknownResult(this.schema)(json, { errors: "all" })
  }

  /** Gives the JSON of a value, or what is wrong with it. What is JSON already is given as it is, not copied. */
  encode(value: A): Result.Result<unknown, Schema.SchemaError> {
    return this.#isJson && this.#isExact(value)
      ? Result.succeed(value)
      : Schema.encodeResult(this.schema)(value, { errors: "all" })
  }

  #isExact(value: unknown): value is A {
    this.#uses++
    if (this.#uses === hot) SchemaJITCompiler.enable(this.in("exact").ast)
    if (this.#is === undefined || this.#uses === hot) this.#is = Schema.is(this.in("exact"))
    return this.#is(value)
  }

  /** Whether values that are known in full are their own JSON: those with secrets are not. */
  get #isJson(): boolean {
    const { ast } = this.in("exact")
    return SchemaAST.toEncoded(ast) === ast
  }
}

/** To compile a predicate takes milliseconds, and makes it several times faster: worth it for what comes often. */
const hot = 50

export const define = <A>(build: (mode: Mode) => Schema.Codec<A, unknown>): Definition<A> => new Definition(build)

// =============================================================================
// Schemas
// =============================================================================

type AnyCodec = Schema.Codec<unknown, unknown>

/** An object. */
export function struct<const F extends Readonly<Record<string, AnyCodec>>>(
  mode: Mode,
  fields: F
): Schema.Codec<Schema.Struct.Type<F>, unknown>
export function struct(mode: Mode, fields: Readonly<Record<string, AnyCodec>>): AnyCodec {
  const known = Schema.Struct(fields)
  return mode === "exact" ? known : Schema.StructWithRest(known, [Schema.Record(Schema.String, Schema.Unknown)])
}

/**
 * A variant that this version does not know, or one without the shape that this version knows (then `issue` names
 * what is wrong with it, not the values). `raw` is what came, and what it encodes to. The field that tells variants
 * apart, mostly `type`, is `"unrecognized"`.
 *
 * @category models
 * @since 0.1.0
 */
export type Unrecognized<Tag extends string = "type"> =
  & { readonly [K in Tag]: "unrecognized" }
  & { readonly raw: unknown; readonly issue?: string }

/** One of `members`, or another one tomorrow; `tag` is the field that tells them apart. */
export function union<const Tag extends string, const Members extends ReadonlyArray<AnyCodec>>(
  mode: Mode,
  tag: Tag,
  members: Members
): Schema.Codec<Members[number]["Type"] | Unrecognized<Tag>, unknown>
export function union(mode: Mode, tag: string, members: ReadonlyArray<AnyCodec>): AnyCodec {
  const known = Schema.Union(members)
  return mode === "exact" ? known : Schema.Union([...members, unrecognized(tag, known)])
}

const unrecognized = (tag: string, known: AnyCodec): AnyCodec => {
  const decode = Schema.decodeUnknownResult(known)
  const fields: Readonly<Record<string, AnyCodec>> = {
    [tag]: Schema.Literal("unrecognized"),
    raw: Schema.Unknown,
    issue: Schema.optionalKey(Schema.String)
  }
  return Schema.Unknown.pipe(Schema.decodeTo(
    Schema.Struct(fields),
    SchemaTransformation.transform({
      decode: (raw): Readonly<Record<string, unknown>> => ({ [tag]: "unrecognized", raw, ...problem(decode(raw)) }),
      encode: ({ raw }) => raw
    })
  ))
}

/** A value that no member claims is new, and has nothing wrong with it. */
const problem = (result: Result.Result<unknown, Schema.SchemaError>): { readonly issue?: string } => {
  if (Result.isSuccess(result)) return {}
  const { issue, message } = result.failure
  return issue._tag === "AnyOf" && issue.issues.length === 0 ? {} : { issue: message }
}

/** A string that only the server may read: it is shown nowhere, and sent as it is. */
export const secret: Schema.Codec<Redacted.Redacted<string>, unknown> = Schema.RedactedFromValue(Schema.String)

// =============================================================================
// Tables
// =============================================================================

/** No params. */
export const none: Definition<undefined> = define(() => Schema.Undefined)

/** Params, or none. */
export const optional = <A>(definition: Definition<A>): Definition<A | undefined> =>
  define((mode) => Schema.UndefinedOr(definition.in(mode)))

/** The methods of one kind, with the definitions of their params and results. */
export type Table<Methods> = {
  readonly [M in keyof Methods]: {
    readonly [K in keyof Methods[M]]: K extends "params" | "result" ? Definition<Methods[M][K]>
      : K extends "experimentalParams" ? ReadonlyArray<Methods[M][K]>
      : Methods[M][K]
  }
}
