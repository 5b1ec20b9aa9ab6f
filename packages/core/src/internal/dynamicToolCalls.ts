/**
 * One call of a tool: from the arguments of the model to the words that it gets back.
 *
 * @internal
 */
import * as AiError from "effect/ai/AiError"
import * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Record from "effect/Record"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import * as Stream from "effect/Stream"
import type * as Protocol from "../appserver/Protocol.ts"

type Response = Protocol.DynamicToolCallResponse
type Item = Protocol.DynamicToolCallOutputContentItem

/** What a toolkit does with a call, whatever its tools. */
export interface Handling<E, R> {
  readonly tools: Readonly<Record<string, Tool.Any & { readonly failureSchema: Schema.ConstraintEncoder<unknown, R> }>>
  readonly handle: (
    name: string,
    params: unknown,
    callId: string,
    options: SchemaAST.ParseOptions
  ) => Effect.Effect<Stream.Stream<Outcome, E, R>, E, R>
}

type Outcome = Pick<
  Tool.HandlerResult<Tool.Any>,
  "encodedResult" | "failureOrigin" | "isFailure" | "modelOutput" | "result"
>

/** How the calls of each tool are answered. Never fails. */
export const make = <E, R>({ handle, tools }: Handling<E, R>, timeout: Duration.Duration) => {
  const tooLate = Effect.succeed(said(false, `The tool was stopped: it took more than ${Duration.format(timeout)}.`))

  return Record.map(tools, (tool, name) => {
    const { encodeError, encodeFailure, encodeSuccess, decodeParams, isDeclared } = codecs(tool)

    const broken = (cause: Cause.Cause<unknown>): Effect.Effect<Response> =>
      Cause.hasInterruptsOnly(cause)
        ? Effect.succeed(said(false, "The call was interrupted."))
        : Effect.as(
          Effect.logError(`The tool ${name} failed`, cause),
          said(false, "The tool failed for a reason of its own.")
        )

    /** What the handler failed with is told if its schema says so, and what was wrong before in any case. */
    const failed = <E2>(
      error: unknown,
      origin: Tool.FailureOrigin | undefined,
      tell: Effect.Effect<Response, E2, R>
    ): Effect.Effect<Response, E2, R> => {
      if (origin === "handler" && isDeclared(error)) return tell
      return origin === "parameters" && AiError.isAiError(error) && error.reason._tag === "ToolParameterValidationError"
        ? Effect.succeed(unfit(error.reason.description))
        : broken(Cause.fail(error))
    }

    const tellResult = ({ encodedResult, failureOrigin, isFailure, modelOutput, result }: Outcome) => {
      if (isFailure) return failed(result, failureOrigin, Effect.map(encodeFailure(encodedResult), saidJson(false)))
      if (modelOutput !== undefined) return Effect.succeed({ success: true, contentItems: modelOutput.map(toItem) })
      return encodedResult === undefined
        ? Effect.succeed(said(true, "Done."))
        : Effect.map(encodeSuccess(encodedResult), saidJson(true))
    }

    const tellError = (error: unknown) =>
      error instanceof Error && error.message !== ""
        ? Effect.succeed(said(false, error.message))
        : Effect.map(encodeError(error), saidJson(false))

    const recover = (cause: Cause.Cause<unknown>): Effect.Effect<Response, never, R> => {
      const failure = Cause.findFail(cause)
      if (Result.isFailure(failure) || Cause.hasDies(cause)) return broken(cause)
      const { error } = failure.success
      const origin = Context.get(Cause.reasonAnnotations(failure.success), Toolkit.FailureOrigin)
      return Effect.catchCause(failed(error, origin, tellError(error)), broken)
    }

    const run = (params: unknown, callId: string) =>
      handle(name, params, callId, { errors: "all" }).pipe(
        // Effect puts them on the span; ours tell no payloads.
        Effect.tap(Effect.annotateCurrentSpan("parameters", "not told")),
        Stream.unwrap,
        Stream.runLast,
        Effect.flatMap(Effect.fromOption),
        Effect.flatMap(tellResult),
        Effect.provideService(Toolkit.PreliminaryBuffer, 1)
      )

    return (input: unknown, callId: string): Effect.Effect<Response, never, R> =>
      decodeParams(input ?? {}).pipe(
        Effect.matchEffect({
          onFailure: ({ message }) => Effect.succeed(unfit(message)),
          onSuccess: (params) => run(params, callId)
        }),
        Effect.catchCause(recover),
        Effect.timeoutOrElse({ duration: timeout, orElse: () => tooLate })
      )
  })
}

// =============================================================================
// Schemas
// =============================================================================

/** A toolkit takes and gives what the schemas encode to, which need not be JSON: there, a `Date` stays a `Date`. */
const json = <S extends Schema.Constraint>(schema: S) => Schema.toCodecJson(Schema.toEncoded(schema))

const codecs = <R>(tool: Tool.Any & { readonly failureSchema: Schema.ConstraintEncoder<unknown, R> }) => ({
  decodeParams: Schema.decodeUnknownEffect(json(tool.parametersSchema), { errors: "all" }),
  encodeSuccess: Schema.encodeUnknownEffect(json(tool.successSchema)),
  /** Of what a tool with `failureMode: "return"` gave. */
  encodeFailure: Schema.encodeUnknownEffect(json(Tool.failureResultSchema(tool))),
  /** Of what a handler failed with. */
  encodeError: Schema.encodeUnknownEffect(Schema.toCodecJson(tool.failureSchema)),
  isDeclared: Schema.is(tool.failureSchema)
})

// =============================================================================
// Words
// =============================================================================

export const said = (success: boolean, text: string): Response => ({
  success,
  contentItems: [{ type: "inputText", text }]
})

const saidJson = (success: boolean) => (json: Schema.Json): Response =>
  said(success, typeof json === "string" ? json : JSON.stringify(json))

/** How much the model is told of what is wrong with its arguments, which may be much. */
const limit = 2000

const unfit = (issue: string): Response =>
  said(false, `The arguments do not fit. ${issue.length <= limit ? issue : `${issue.slice(0, limit - 1)}…`}`)

// =============================================================================
// Images and sound
// =============================================================================

const toItem = (part: Prompt.ToolModelOutputPart): Item => {
  if (part.type === "text") return { type: "inputText", text: part.text }
  const url = dataUrl(part)
  if (url !== undefined && part.mediaType.startsWith("image/")) return { type: "inputImage", imageUrl: url }
  if (url !== undefined && part.mediaType.startsWith("audio/")) return { type: "inputAudio", audioUrl: url }
  return { type: "inputText", text: Prompt.toolModelOutputToText([part]) }
}

/** Codex takes no other URL. */
const dataUrl = ({ data, mediaType }: Prompt.FilePart): string | undefined => {
  if (data instanceof URL) return data.protocol === "data:" ? data.href : undefined
  return `data:${mediaType};base64,${typeof data === "string" ? data : Base64.encode(data)}`
}
