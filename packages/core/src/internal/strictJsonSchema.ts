/**
 * The subset of JSON Schema in which OpenAI lets an answer be prescribed (`strict: true`, which Codex always sends).
 *
 * @internal
 */
import type * as Schema from "effect/Schema"

type JsonObject = Readonly<Record<string, Schema.Json>>

const types: ReadonlyArray<unknown> = ["string", "number", "integer", "boolean", "null", "array", "object"]

// Only what is refused for certain: a keyword that we do not know is the API's to judge.
const refused = ["allOf", "oneOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas"]

export interface Strict {
  /** The schema, with `additionalProperties: false` where an object did not say. */
  readonly schema: JsonObject
  /** What the subset does not allow, each with its place. Empty if all is well. */
  readonly problems: ReadonlyArray<string>
}

export const make = (root: JsonObject): Strict => {
  const problems: Array<string> = []
  const report = (path: string, problem: string) => problems.push(`at ${path}: ${problem}`)

  const schemaAt = (schema: unknown, path: string): JsonObject => {
    if (!isObject(schema)) {
      report(path, "expected a schema, which is an object")
      return {}
    }
    for (const keyword of refused) {
      if (keyword in schema) report(path, `\`${keyword}\` is not allowed`)
    }
    const kinds = [schema["type"] ?? []].flat()
    if (kinds.some((type) => !types.includes(type))) report(path, `\`type\` must be one of ${types.join(", ")}`)
    if (!["type", "$ref", "anyOf", "enum", "const"].some((keyword) => keyword in schema)) {
      report(path, "a value of any kind is not allowed: the schema needs a `type`")
    }
    return {
      ...schema,
      ...eachOf("$defs", schema, path),
      ...eachOf("definitions", schema, path),
      ...eachOf("properties", schema, path),
      ...("anyOf" in schema
        ? { anyOf: [schema["anyOf"] ?? []].flat().map((member, index) => schemaAt(member, `${path}/anyOf/${index}`)) }
        : {}),
      ...(kinds.includes("array") ? { items: schemaAt(schema["items"], `${path}/items`) } : {}),
      ...(kinds.includes("object") ? closed(schema, path) : {})
    }
  }

  const eachOf = (keyword: string, schema: JsonObject, path: string): JsonObject => {
    const members = schema[keyword]
    if (members === undefined) return {}
    if (!isObject(members)) {
      report(`${path}/${keyword}`, "expected schemas by name, in an object")
      return {}
    }
    const entries = Object.entries(members).map(([name, member]): [string, JsonObject] => [
      name,
      schemaAt(member, `${path}/${keyword}/${name}`)
    ])
    return { [keyword]: Object.fromEntries(entries) }
  }

  const closed = (schema: JsonObject, path: string): JsonObject => {
    if ((schema["additionalProperties"] ?? false) !== false) report(path, "`additionalProperties` must be false")
    const required = new Set([schema["required"] ?? []].flat())
    for (const name of isObject(schema["properties"]) ? Object.keys(schema["properties"]) : []) {
      if (!required.has(name)) {
        report(path, `\`required\` must name ${JSON.stringify(name)}: what may be missing is nullable instead`)
      }
    }
    return { additionalProperties: false }
  }

  const schema = schemaAt(root, "#")
  if (root["type"] !== "object" || "anyOf" in root) {
    report("#", "the root must be of `type` \"object\", and without `anyOf`")
  }
  return { schema, problems }
}

const isObject = (json: unknown): json is JsonObject =>
  typeof json === "object" && json !== null && !Array.isArray(json)
