/**
 * What the agent is to answer with: a value that a schema describes, instead of prose.
 *
 * `Codex.run(prompt, { output })` takes an Effect schema as it is, or {@link jsonSchema}. Codex is told the JSON
 * Schema, and `turn.output` is the answer, checked and typed.
 *
 * @since 0.1.0
 */
import * as OpenAiStructuredOutput from "effect/ai/OpenAiStructuredOutput"
import * as Effect from "effect/Effect"
import * as JsonSchema from "effect/JsonSchema"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaRepresentation from "effect/SchemaRepresentation"
import { InvalidOption } from "./CodexError.ts"
import * as StrictJsonSchema from "./internal/strictJsonSchema.ts"

// =============================================================================
// Models
// =============================================================================

/**
 * How to ask for an answer, and how to read it.
 *
 * @category models
 * @since 0.1.0
 */
export interface CodexOutput<out A> {
  /** What Codex is told, in the subset of JSON Schema that OpenAI accepts. */
  readonly jsonSchema: Schema.JsonObject
  /**
   * Reads the final message. A failure says in at most 2,000 characters what is wrong: each path, and what was
   * expected there, but no value.
   */
  readonly decode: (text: string) => Effect.Effect<A, string>
}

/**
 * What the option `output` takes: an Effect schema, or what {@link schema} and {@link jsonSchema} make.
 *
 * @category models
 * @since 0.1.0
 */
export type Input<A> = Schema.ConstraintDecoder<A> | Result.Result<CodexOutput<A>, InvalidOption>

// =============================================================================
// Constructors
// =============================================================================

/**
 * Makes sense of an {@link Input}.
 *
 * @category constructors
 * @since 0.1.0
 */
export const from = <A>(input: Input<A>): Result.Result<CodexOutput<A>, InvalidOption> =>
  Result.isResult(input) ? input : schema(input)

/**
 * An answer that an Effect schema describes: the same as giving the schema itself to `output`.
 *
 * Anything that encodes to JSON will do: transformations, classes, tagged unions, recursive schemas. What OpenAI
 * cannot enforce (a length, a filter of yours) is described to the model, and checked when the answer is read. As
 * OpenAI answers with objects only, any other value travels as `{ "value": ... }`. Tuples travel as objects, records as
 * arrays of pairs, and an optional key as null, which comes back as no key.
 *
 * Fails with `InvalidOption` on what has no shape in JSON: `Schema.Unknown`, `Schema.Json`, `Schema.Any`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const schema = <A>(schema: Schema.ConstraintDecoder<A>): Result.Result<CodexOutput<A>, InvalidOption> =>
  Result.match(attempt(() => OpenAiStructuredOutput.toCodecOpenAI(schema)), {
    onSuccess: make,
    onFailure: () =>
      Result.map(
        Result.flatMap(attempt(() => OpenAiStructuredOutput.toCodecOpenAI(Schema.Struct({ value: schema }))), make),
        ({ decode, jsonSchema }) => ({
          jsonSchema,
          decode: (text) => Effect.map(decode(text), ({ value }) => value)
        })
      )
  })

/**
 * An answer that a JSON Schema describes: `turn.output` is the JSON itself, once it is checked.
 *
 * Codex is told the schema as it is, with `additionalProperties: false` added where an object does not say. Fails
 * with `InvalidOption` on what OpenAI refuses (a root that is no object, a property that is not in `required`,
 * `allOf`, `oneOf`, ...), and on what cannot be checked here (`SchemaRepresentation.fromJsonSchemaDocument`
 * lists it), naming each place. Patterns are run as regular expressions on the answer.
 *
 * **Example**
 *
 * ```ts
 * import * as CodexOutput from "@effect-codex/core/CodexOutput"
 *
 * const output = CodexOutput.jsonSchema({
 *   type: "object",
 *   properties: { status: { type: "string", enum: ["green", "red"] } },
 *   required: ["status"]
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const jsonSchema = (
  schema: Readonly<Record<string, unknown>>
): Result.Result<CodexOutput<Schema.Json>, InvalidOption> =>
  Result.gen(function*() {
    const jsonSchema = yield* toStrict(schema)
    const imported = yield* attempt(() => importSchema(jsonSchema))
    const check = Schema.decodeUnknownEffect(Schema.toType(imported), { errors: "all", onExcessProperty: "error" })
    return { jsonSchema, decode: (text) => read(text, (json) => Effect.as(check(json), json)) }
  })

// =============================================================================
// Repairing
// =============================================================================

/**
 * The prompt of a follow-up turn that asks for the answer again. `issue` is what `decode` failed with.
 *
 * @category repairing
 * @since 0.1.0
 */
export const repairPrompt = (issue: string): string =>
  `Your last answer could not be used, as it does not follow the JSON Schema of the output.

${bounded(issue)}

Answer again with the whole corrected JSON, and nothing but the JSON: no other words, no code fence.`

// =============================================================================
// Internals
// =============================================================================

const make = <A>({ codec, jsonSchema }: {
  readonly codec: Schema.ConstraintDecoder<A>
  readonly jsonSchema: JsonSchema.JsonSchema
}): Result.Result<CodexOutput<A>, InvalidOption> =>
  Result.map(toStrict(jsonSchema), (jsonSchema) => {
    const decode = Schema.decodeUnknownEffect(codec, { errors: "all" })
    return { jsonSchema, decode: (text) => read(text, decode) }
  })

const toStrict = (schema: Readonly<Record<string, unknown>>): Result.Result<Schema.JsonObject, InvalidOption> =>
  decodeJsonObject(schema).pipe(
    Result.mapError((error) => invalid(describe(error))),
    Result.flatMap((json) => attempt(() => StrictJsonSchema.make(json))),
    Result.flatMap(({ problems, schema }) =>
      problems.length === 0 ? Result.succeed(schema) : Result.fail(invalid(problems.join("\n")))
    )
  )

const decodeJsonObject = Schema.decodeUnknownResult(Schema.JsonObject, { errors: "all" })

// A reference to the root is not known to the importer, a reference to a definition is.
const importSchema = (schema: Schema.JsonObject): Schema.Top => {
  const document = "definitions" in schema
    ? JsonSchema.fromSchemaDraft07(schema)
    : JsonSchema.fromSchemaDraft2020_12(schema)
  const definitions = { ...document.definitions, [rootName]: document.schema }
  return SchemaRepresentation.fromJsonSchemaDocument({ ...document, definitions }, {
    patterns: "apply",
    onEnter: (schema) =>
      schema["$ref"] === "#" ? { ...schema, $ref: `#/$defs/${encodeURIComponent(rootName)}` } : schema
  })
}
const rootName = "the root object"

const read = <A>(
  text: string,
  decode: (json: Schema.Json) => Effect.Effect<A, Schema.SchemaError>
): Effect.Effect<A, string> =>
  decodeJson(text.trim()).pipe(
    Effect.mapError(() => "the answer is not JSON, or there is other text around the JSON"),
    Effect.flatMap((json) => Effect.mapError(decode(json), describe)),
    // A recursive schema follows the answer as deep as the stack goes.
    Effect.catchDefect((defect) =>
      defect instanceof RangeError ? Effect.fail("the answer is nested too deeply") : Effect.die(defect)
    )
  )

const decodeJson = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Json))

const attempt = <A>(evaluate: () => A): Result.Result<A, InvalidOption> =>
  Result.try({ try: evaluate, catch: (error) => invalid(error instanceof Error ? error.message : String(error)) })

const invalid = (problem: string): InvalidOption => new InvalidOption({ option: "output", problem: bounded(problem) })

const describe = ({ issue }: Schema.SchemaError): string =>
  bounded(
    formatIssue(issue).issues.map(({ message, path }) =>
      path === undefined || path.length === 0 ? message : `at ${path.map(String).join(".")}: ${message}`
    ).join("\n")
  )

const formatIssue = SchemaIssue.makeFormatterStandardSchemaV1({
  checkHook: (check) => {
    const said = SchemaIssue.defaultCheckHook(check)
    const { filter, issue } = check
    if (said !== undefined || issue._tag !== "InvalidValue") return said
    if ((issue.annotations?.["expected"] ?? filter.annotations?.["expected"]) !== undefined) return undefined
    // The OpenAI codec takes the words of this one away.
    return filter.annotations?.representation?.id === "effect/schema/isInt"
      ? "Expected an integer"
      : "Expected a value that the program accepts"
  }
})

const limit = 2000
const bounded = (text: string): string => text.length <= limit ? text : `${text.slice(0, limit - 1)}…`
