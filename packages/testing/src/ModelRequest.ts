/**
 * One request of the CLI to the model, as the fake model captured it.
 *
 * @since 0.1.0
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

/**
 * A captured request, with what tests ask about most already taken out of the body.
 *
 * @category models
 * @since 0.1.0
 */
export interface ModelRequest {
  /** Position among all model requests that the fake has seen, from 0. */
  readonly index: number
  /** Position among those of the same thread, from 0. */
  readonly threadIndex: number
  /** The thread that asked, if the CLI told (sub-agents have threads of their own). */
  readonly threadId: string | undefined
  readonly method: string
  readonly path: string
  /** Names are lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** The decoded JSON body. */
  readonly body: unknown
  readonly model: string | undefined
  /** The text of the last user message: the prompt, in a turn's first request. */
  readonly prompt: string
  /** The texts of all user messages, in order. The CLI adds its own, such as `<environment_context>`. */
  readonly userTexts: ReadonlyArray<string>
  /** Names of the tools that were offered, after their namespace and a dot where they have one. */
  readonly tools: ReadonlyArray<string>
  /** Outputs of tool calls in the conversation, in order. */
  readonly toolOutputs: ReadonlyArray<ToolOutput>
  /** The JSON Schema that the answer must follow. */
  readonly outputSchema: unknown
}

/**
 * What a tool call gave back to the model.
 *
 * @category models
 * @since 0.1.0
 */
export interface ToolOutput {
  readonly callId: string
  readonly output: string
}

/**
 * A request as it came over HTTP.
 *
 * @category models
 * @since 0.1.0
 */
export type Raw = Pick<ModelRequest, "method" | "path" | "headers" | "body">

/**
 * Reads a request that came after the `earlier` ones.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (raw: Raw, earlier: ReadonlyArray<ModelRequest>): ModelRequest => {
  const body = Option.getOrElse(decodeBody(raw.body), (): typeof Body.Type => ({}))
  const input = body.input ?? []
  const userTexts = decodeAll(decodeUserMessage, input).flatMap((message) => texts(message.content))
  // `session_id` is what CLIs before 0.16x call it.
  const threadId = raw.headers["thread-id"] ?? raw.headers["session_id"]
  return {
    ...raw,
    index: earlier.length,
    threadIndex: earlier.filter((request) => request.threadId === threadId).length,
    threadId,
    model: body.model,
    prompt: userTexts.at(-1) ?? "",
    userTexts,
    tools: toolNames([...(body.tools ?? []), ...decodeAll(decodeTools, input).flatMap((item) => item.tools)]),
    toolOutputs: decodeAll(decodeToolOutput, input).map((item) => ({
      callId: item.call_id,
      output: typeof item.output === "string" ? item.output : texts(item.output).join("")
    })),
    outputSchema: body.text?.format?.schema
  }
}

/**
 * Whether the CLI asks for a summary of a conversation that fills its context window, and not for a turn.
 *
 * @category guards
 * @since 0.1.0
 */
export const isCompaction = (raw: Raw): boolean =>
  Option.exists(
    decodeTurnMetadata(raw.headers["x-codex-turn-metadata"]),
    (metadata) => metadata.request_kind === "compaction"
  )

// Only what is read here is checked; everything else stays in `body` as it came.
const Content = Schema.Array(Schema.Struct({ text: Schema.optionalKey(Schema.String) }))

interface Tool {
  readonly type: string
  readonly name?: string | undefined
  readonly tools?: ReadonlyArray<Tool> | undefined
}

const Tool: Schema.Codec<Tool> = Schema.Struct({
  type: Schema.String,
  name: Schema.optionalKey(Schema.String),
  tools: Schema.optionalKey(Schema.Array(Schema.suspend((): Schema.Codec<Tool> => Tool)))
})

const Body = Schema.Struct({
  model: Schema.optionalKey(Schema.String),
  input: Schema.optionalKey(Schema.Array(Schema.Unknown)),
  tools: Schema.optionalKey(Schema.Array(Tool)),
  text: Schema.optionalKey(Schema.Struct({
    format: Schema.optionalKey(Schema.Struct({ schema: Schema.optionalKey(Schema.Unknown) }))
  }))
})

const decodeBody = Schema.decodeUnknownOption(Body)

const decodeUserMessage = Schema.decodeUnknownOption(Schema.Struct({
  type: Schema.Literal("message"),
  role: Schema.Literal("user"),
  content: Content
}))

const decodeToolOutput = Schema.decodeUnknownOption(Schema.Struct({
  type: Schema.Literals(["function_call_output", "custom_tool_call_output"]),
  call_id: Schema.String,
  output: Schema.Union([Schema.String, Content])
}))

// Models that are served by "responses lite" get their tools as an item of the input.
const decodeTools = Schema.decodeUnknownOption(Schema.Struct({
  type: Schema.Literal("additional_tools"),
  tools: Schema.Array(Tool)
}))

const decodeTurnMetadata = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Struct({
  request_kind: Schema.optionalKey(Schema.String)
})))

const decodeAll = <A>(decode: (item: unknown) => Option.Option<A>, items: ReadonlyArray<unknown>): Array<A> =>
  items.flatMap((item) => Option.toArray(decode(item)))

const texts = (content: typeof Content.Type): Array<string> =>
  content.flatMap((part) => part.text === undefined ? [] : [part.text])

// `functions` is the namespace that calls go to when they name none.
const toolNames = (tools: ReadonlyArray<Tool>, namespace = ""): Array<string> =>
  tools.flatMap((tool) => {
    if (tool.tools === undefined) return [namespace + (tool.name ?? tool.type)]
    const inner = tool.name === undefined || tool.name === "functions" ? "" : `${tool.name}.`
    return toolNames(tool.tools, namespace + inner)
  })
