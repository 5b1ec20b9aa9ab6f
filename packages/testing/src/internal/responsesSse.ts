/**
 * Plays a reply as the Server-Sent Events of the OpenAI Responses API.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ModelReply from "../ModelReply.ts"
import type { ModelRequest } from "../ModelRequest.ts"

/** The connection is to be dropped in the middle of the response. */
export class ConnectionCut extends Data.TaggedError("ConnectionCut") {}

/** One event of the Responses API. */
export interface ResponseEvent {
  readonly type: string
  readonly [key: string]: unknown
}

/** The bytes of one response. Fails where the connection is to be dropped, which `closing` makes happen at once. */
export const encode = (
  reply: ModelReply.ModelReply,
  request: ModelRequest,
  closing: Effect.Effect<void>
): Stream.Stream<Uint8Array, ConnectionCut> =>
  play(reply, request).pipe(
    Stream.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`),
    Stream.encodeText,
    Stream.interruptWhen(Effect.flatMap(closing, () => Effect.fail(new ConnectionCut())))
  )

const play = (reply: ModelReply.ModelReply, request: ModelRequest): Stream.Stream<ResponseEvent, ConnectionCut> => {
  const id = `resp_${request.index}`
  const steps: Array<Stream.Stream<ResponseEvent, ConnectionCut>> = [
    Stream.succeed(responseEvent("created", id, { status: "in_progress" }))
  ]
  const output = (item: (id: string) => OutputItem) => {
    const index = steps.length - 1
    steps.push(Stream.fromIterable(itemEvents(index, item(`${request.index}_${index}`))))
  }
  const end = (...events: ReadonlyArray<ResponseEvent>) => {
    steps.push(Stream.fromIterable(events))
    return Stream.flatten(Stream.fromIterable(steps))
  }
  let usage = ModelReply.defaultUsage
  for (const part of reply.parts) {
    switch (part._tag) {
      case "Message":
        output((id) => messageItem(`msg_${id}`, part.deltas))
        break
      case "Reasoning":
        output((id) => reasoningItem(`rs_${id}`, part.summary))
        break
      case "ToolCall":
        output((id) => toolCallItem(id, part, request))
        break
      case "WebSearch":
        output((id) => webSearchItem(`ws_${id}`, part.query))
        break
      case "Event":
        steps.push(Stream.succeed(part.event))
        break
      case "Wait":
        steps.push(Stream.fromEffectDrain(part.until))
        break
      case "Usage":
        usage = part.usage
        break
      case "Failed":
        return end(responseEvent("failed", id, { error: { code: part.code, message: part.message } }))
      case "Incomplete":
        return end(responseEvent("incomplete", id, { incomplete_details: { reason: part.reason } }))
      case "Cut":
        if (!part.clean) steps.push(Stream.fail(new ConnectionCut()))
        return end()
    }
  }
  return end(responseEvent("completed", id, { usage: usageFields(usage) }))
}

const responseEvent = (status: string, id: string, fields: object): ResponseEvent => ({
  type: `response.${status}`,
  response: { id, object: "response", status, output: [], ...fields }
})

const usageFields = (usage: ModelReply.Usage) => ({
  input_tokens: usage.inputTokens,
  input_tokens_details: { cached_tokens: usage.cachedInputTokens },
  output_tokens: usage.outputTokens,
  output_tokens_details: { reasoning_tokens: usage.reasoningOutputTokens },
  total_tokens: usage.inputTokens + usage.outputTokens
})

/** An output item as it begins, what streams meanwhile, and what it ends as. */
interface OutputItem {
  readonly id: string
  readonly begin: object
  readonly deltas: ReadonlyArray<ResponseEvent>
  readonly end: object
}

const itemEvents = (index: number, item: OutputItem): ReadonlyArray<ResponseEvent> => [
  { type: "response.output_item.added", output_index: index, item: { id: item.id, ...item.begin } },
  ...item.deltas.map((delta) => ({ ...delta, item_id: item.id, output_index: index })),
  { type: "response.output_item.done", output_index: index, item: { id: item.id, ...item.end } }
]

const messageItem = (id: string, deltas: ReadonlyArray<string>): OutputItem => ({
  id,
  begin: { type: "message", role: "assistant", content: [] },
  deltas: deltas.map((delta) => ({ type: "response.output_text.delta", content_index: 0, delta })),
  end: { type: "message", role: "assistant", content: [{ type: "output_text", text: deltas.join("") }] }
})

const reasoningItem = (id: string, summary: string): OutputItem => ({
  id,
  begin: { type: "reasoning", summary: [] },
  deltas: [
    { type: "response.reasoning_summary_part.added", summary_index: 0 },
    { type: "response.reasoning_summary_text.delta", summary_index: 0, delta: summary }
  ],
  end: { type: "reasoning", summary: [{ type: "summary_text", text: summary }] }
})

const webSearchItem = (id: string, query: string): OutputItem => ({
  id,
  begin: { type: "web_search_call", status: "in_progress" },
  deltas: [],
  end: { type: "web_search_call", status: "completed", action: { type: "search", query, queries: [query] } }
})

const toolCallItem = (id: string, call: ToolCall, request: ModelRequest): OutputItem => {
  const { input, name, namespace } = viaCodeMode(call, request) ?? call
  const isText = typeof input === "string"
  const target = {
    type: isText ? "custom_tool_call" : "function_call",
    call_id: call.id ?? `call_${id}`,
    name,
    ...(namespace === undefined ? {} : { namespace })
  }
  return {
    id: `tc_${id}`,
    begin: { ...target, ...(isText ? { input: "" } : { arguments: "" }) },
    deltas: [],
    end: { ...target, ...(isText ? { input } : { arguments: JSON.stringify(input) }) }
  }
}

type ToolCall = Pick<Extract<ModelReply.Part, { readonly _tag: "ToolCall" }>, "id" | "input" | "name" | "namespace">

// Models in "code mode" are offered one tool, `exec`, and call the others from JavaScript.
const viaCodeMode = ({ id, input, name, namespace }: ToolCall, { tools }: ModelRequest): ToolCall | undefined => {
  const offered = tools.includes(namespace === undefined ? name : `${namespace}.${name}`)
  if (offered || !tools.includes("exec")) return undefined
  const identifier = namespace === undefined ? name : `${namespace}__${name}`
  return { id, name: "exec", namespace: undefined, input: `text(await tools.${identifier}(${JSON.stringify(input)}))` }
}
