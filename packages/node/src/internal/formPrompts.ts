/**
 * The forms of MCP servers, field by field.
 *
 * @internal
 */
import * as Prompt from "effect/cli/Prompt"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { QuitError } from "effect/Terminal"
import { visibleLine } from "./visibleText.ts"

// =============================================================================
// Forms
// =============================================================================

const maybe = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))
const named = { title: maybe(Schema.String), description: maybe(Schema.String) }
const titled = Schema.Array(Schema.Struct({ const: Schema.String, title: Schema.String }))

const Choice = Schema.Union([
  Schema.Struct({ type: Schema.Literal("string"), ...named, enum: Schema.Array(Schema.String) }),
  Schema.Struct({ type: Schema.Literal("string"), ...named, oneOf: titled })
])

const Choices = Schema.Struct({
  type: Schema.Literal("array"),
  ...named,
  items: Schema.Union([Schema.Struct({ enum: Schema.Array(Schema.String) }), Schema.Struct({ anyOf: titled })]),
  minItems: maybe(Schema.Finite),
  maxItems: maybe(Schema.Finite)
})

const Switch = Schema.Struct({ type: Schema.Literal("boolean"), ...named, default: maybe(Schema.Boolean) })

const Quantity = Schema.Struct({
  type: Schema.Literals(["integer", "number"]),
  ...named,
  minimum: maybe(Schema.Finite),
  maximum: maybe(Schema.Finite)
})

const Text = Schema.Struct({
  type: Schema.Literal("string"),
  ...named,
  default: maybe(Schema.String),
  minLength: maybe(Schema.Finite),
  maxLength: maybe(Schema.Finite)
})

const Field = Schema.Union([Choice, Choices, Switch, Quantity, Text])

const decodeForm = Schema.decodeUnknownOption(
  Schema.Struct({ properties: Schema.Record(Schema.String, Field), required: maybe(Schema.Array(Schema.String)) })
)

/** Gives what was filled in. */
export type Asking = Effect.Effect<Schema.JsonObject, QuitError, Prompt.Environment>

/** Asks for each field. `None` if there is a field that can't be asked for. */
export const ofSchema = (
  schema: unknown
): Option.Option<Asking> =>
  Option.map(decodeForm(schema), ({ properties, required }) =>
    Effect.map(
      Effect.forEach(Object.entries(properties), ([name, field]) =>
        Effect.map(
          ask(field, messageOf(name, field), required?.includes(name) === true),
          (value) => value === undefined ? [] : [[name, value] as const]
        )),
      (fields) => Object.fromEntries(fields.flat())
    ))

// =============================================================================
// Fields
// =============================================================================

type Asked = Effect.Effect<Schema.Json | undefined, QuitError, Prompt.Environment>

const messageOf = (name: string, { description, title }: typeof Field.Type): string =>
  visibleLine(title ?? name) + (description ? ` (${visibleLine(description)})` : "")

const ask = (field: typeof Field.Type, message: string, required: boolean): Asked => {
  switch (field.type) {
    case "boolean":
      return Prompt.Confirm({ message, initial: field.default ?? false })
    case "array": {
      const choices = "enum" in field.items ? field.items.enum.map(plain) : field.items.anyOf.map(choice)
      return Prompt.MultiSelect({ message, choices, min: field.minItems ?? 0, max: field.maxItems ?? choices.length })
    }
    case "string":
      if ("enum" in field) return askChoice(field.enum.map(plain), message, required)
      if ("oneOf" in field) return askChoice(field.oneOf.map(choice), message, required)
      return askText(message, required, field.default ?? "", (text) =>
        text.length < (field.minLength ?? 0)
          ? Result.fail(`At least ${field.minLength} characters`)
          : text.length > (field.maxLength ?? Infinity)
          ? Result.fail(`At most ${field.maxLength} characters`)
          : Result.succeed(text))
    case "integer":
    case "number":
      return askText(message, required, "", (text) => {
        const number = Number(text)
        if (!Number.isFinite(number)) return Result.fail("Not a number")
        if (field.type === "integer" && !Number.isSafeInteger(number)) return Result.fail("Not a whole number")
        if (number < (field.minimum ?? -Infinity)) return Result.fail(`At least ${field.minimum}`)
        return number > (field.maximum ?? Infinity) ? Result.fail(`At most ${field.maximum}`) : Result.succeed(number)
      })
  }
}

/** Nothing is left out, or asked for again if it is required. */
const askText = (
  message: string,
  required: boolean,
  initial: string,
  read: (text: string) => Result.Result<Schema.Json, string>
): Asked => {
  const readOptional = (text: string) =>
    text !== "" ? read(text) : required ? Result.fail("Required") : Result.succeed(undefined)
  return Effect.map(
    Prompt.String({
      message,
      default: initial,
      validate: (text) => Effect.as(Effect.fromResult(readOptional(text)), text)
    }),
    (text) => Result.getOrUndefined(readOptional(text))
  )
}

const plain = (value: string) => ({ title: visibleLine(value), value })
const choice = ({ const: value, title }: { readonly const: string; readonly title: string }) => ({
  title: visibleLine(title),
  value
})

const askChoice = (
  choices: ReadonlyArray<{ readonly title: string; readonly value: string }>,
  message: string,
  required: boolean
): Asked =>
  Prompt.Select<string | undefined>({
    message,
    choices: required ? choices : [...choices, { title: "(nothing)", value: undefined }]
  })
