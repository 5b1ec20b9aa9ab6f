/**
 * An answer as `Codex.run(prompt, { output })` reads it: the encoding side of `CodexOutput.schema`.
 *
 * @internal
 */
import * as OpenAiStructuredOutput from "effect/ai/OpenAiStructuredOutput"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

export const encode = <A>(schema: Schema.ConstraintCodec<A, unknown>, value: A): string =>
  JSON.stringify(Option.match(codecOf(schema), {
    onSome: (codec) => Schema.encodeSync(codec)(value),
    // OpenAI answers with objects only.
    onNone: () =>
      Schema.encodeSync(OpenAiStructuredOutput.toCodecOpenAI(Schema.Struct({ value: schema })).codec)({ value })
  }))

const codecOf = Option.liftThrowable(<A>(schema: Schema.ConstraintCodec<A, unknown>) =>
  OpenAiStructuredOutput.toCodecOpenAI(schema).codec
)
