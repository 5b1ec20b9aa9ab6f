/**
 * What a scripted model answers to one request of the CLI.
 *
 * A reply is a list of parts, played in order: output items (text, reasoning, tool calls), waits, and how the
 * response ends. Every constructor makes a reply of one part, and {@link concat} joins replies:
 *
 * **Example** (Thinking, and running a command)
 *
 * ```ts
 * import * as ModelReply from "@effect-codex/testing/ModelReply"
 *
 * const reply = ModelReply.concat(
 *   ModelReply.reasoning("The test needs a file."),
 *   ModelReply.shell("touch done.txt"),
 *   ModelReply.usage({ inputTokens: 1200 })
 * )
 * ```
 *
 * A reply that has a tool call makes the CLI run the tool and ask again: its result is in the next request.
 * A reply without one ends the turn. The shapes are those of the OpenAI Responses API as Codex CLI 0.169 reads it.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Latch from "effect/Latch"

/**
 * What the model does in one request.
 *
 * @category models
 * @since 0.1.0
 */
export interface ModelReply {
  readonly parts: ReadonlyArray<Part>
}

/**
 * One step of a reply. Parts after one that ends the response are not played.
 *
 * @category models
 * @since 0.1.0
 */
export type Part =
  | { readonly _tag: "Message"; readonly deltas: ReadonlyArray<string> }
  | { readonly _tag: "Reasoning"; readonly summary: string }
  | {
    readonly _tag: "ToolCall"
    readonly name: string
    readonly namespace: string | undefined
    readonly input: string | Readonly<Record<string, unknown>>
    readonly id: string | undefined
  }
  | { readonly _tag: "WebSearch"; readonly query: string }
  | { readonly _tag: "Event"; readonly event: { readonly type: string; readonly [key: string]: unknown } }
  | { readonly _tag: "Usage"; readonly usage: Usage }
  | { readonly _tag: "Wait"; readonly until: Effect.Effect<unknown> }
  | { readonly _tag: "Failed"; readonly code: string; readonly message: string }
  | { readonly _tag: "Incomplete"; readonly reason: string }
  | { readonly _tag: "Cut"; readonly clean: boolean }
  | { readonly _tag: "HttpError"; readonly error: HttpError }

/**
 * Tokens that one response costs, as the CLI counts them.
 *
 * @category models
 * @since 0.1.0
 */
export interface Usage {
  /** Input tokens, the cached ones included. */
  readonly inputTokens: number
  readonly cachedInputTokens: number
  /** Output tokens, those of the reasoning included. */
  readonly outputTokens: number
  readonly reasoningOutputTokens: number
}

/**
 * The tokens of a reply that does not say: distinct numbers, none of them zero.
 *
 * @category models
 * @since 0.1.0
 */
export const defaultUsage: Usage = {
  inputTokens: 100,
  cachedInputTokens: 40,
  outputTokens: 20,
  reasoningOutputTokens: 5
}

/**
 * An HTTP response that is an error.
 *
 * @category models
 * @since 0.1.0
 */
export interface HttpError {
  readonly status: number
  /** Text of `error.message`. */
  readonly message: string
  /** `error.type`, such as `invalid_request_error` or `usage_limit_reached`. */
  readonly type?: string | undefined
  /** `error.code`, such as `rate_limit_exceeded`. */
  readonly code?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Sent instead of the JSON error object. */
  readonly body?: string | undefined
}

/**
 * What every tool call may choose.
 *
 * @category models
 * @since 0.1.0
 */
export interface ToolCallOptions {
  /** The call id that the tool's output will name (default: unique within the fake). */
  readonly id?: string | undefined
}

/**
 * Joins replies into one: their parts in order.
 *
 * @category combinators
 * @since 0.1.0
 */
export const concat = (...replies: ReadonlyArray<ModelReply>): ModelReply => ({
  parts: replies.flatMap((reply) => reply.parts)
})

/**
 * A message of the assistant. Several strings are sent as that many deltas of one message.
 *
 * @category constructors
 * @since 0.1.0
 */
export const message = (...deltas: ReadonlyArray<string>): ModelReply => one({ _tag: "Message", deltas })

/**
 * A summary of the model's reasoning.
 *
 * @category constructors
 * @since 0.1.0
 */
export const reasoning = (summary: string): ModelReply => one({ _tag: "Reasoning", summary })

/**
 * Runs a shell command.
 *
 * A command that runs longer than `yieldAfter` goes on in the background and the model is asked again. The CLI
 * takes 10 seconds unless told, and keeps what it is told within 250 ms and 30 s.
 *
 * @category constructors
 * @since 0.1.0
 */
export const shell = (
  command: string,
  options?: ToolCallOptions & {
    /** Where it runs (default: the turn's working directory). */
    readonly cwd?: string | undefined
    readonly yieldAfter?: Duration.Input | undefined
  }
): ModelReply =>
  functionCall("exec_command", {
    cmd: command,
    ...(options?.cwd === undefined ? {} : { workdir: options.cwd }),
    ...(options?.yieldAfter === undefined ? {} : { yield_time_ms: Duration.toMillis(options.yieldAfter) })
  }, options)

/**
 * Changes files by a patch in the format of Codex (`*** Begin Patch` … `*** End Patch`).
 *
 * @category constructors
 * @since 0.1.0
 */
export const applyPatch = (patch: string, options?: ToolCallOptions): ModelReply =>
  customToolCall("apply_patch", patch, options)

/**
 * One step of a plan.
 *
 * @category models
 * @since 0.1.0
 */
export interface PlanStep {
  readonly step: string
  readonly status: "pending" | "in_progress" | "completed"
}

/**
 * Writes the plan, which becomes a `todo_list` item. The tool exists with the configuration
 * `tools.update_plan.enabled`, which `FakeModel` sets.
 *
 * @category constructors
 * @since 0.1.0
 */
export const updatePlan = (
  plan: ReadonlyArray<PlanStep>,
  options?: ToolCallOptions & { readonly explanation?: string | undefined }
): ModelReply =>
  functionCall(
    "update_plan",
    options?.explanation === undefined ? { plan } : { plan, explanation: options.explanation },
    options
  )

/**
 * Calls a tool of an MCP server.
 *
 * @category constructors
 * @since 0.1.0
 */
export const mcpToolCall = (
  server: string,
  tool: string,
  input: Readonly<Record<string, unknown>>,
  options?: ToolCallOptions
): ModelReply => functionCall(tool, input, { ...options, namespace: `mcp__${server}` })

/**
 * Calls any function tool, offered or not. The CLI answers `unsupported call: NAME` to one that it does not know.
 *
 * @category constructors
 * @since 0.1.0
 */
export const functionCall = (
  name: string,
  input: Readonly<Record<string, unknown>>,
  options?: ToolCallOptions & {
    /** The namespace that the tool was offered in, such as `multi_agent_v1`. */
    readonly namespace?: string | undefined
  }
): ModelReply => one({ _tag: "ToolCall", name, namespace: options?.namespace, input, id: options?.id })

/**
 * Calls any tool that takes text instead of JSON.
 *
 * @category constructors
 * @since 0.1.0
 */
export const customToolCall = (name: string, input: string, options?: ToolCallOptions): ModelReply =>
  one({ _tag: "ToolCall", name, namespace: undefined, input, id: options?.id })

/**
 * A web search that the service itself did.
 *
 * @category constructors
 * @since 0.1.0
 */
export const webSearch = (query: string): ModelReply => one({ _tag: "WebSearch", query })

/**
 * Any event of the Responses API, sent as it is.
 *
 * @category constructors
 * @since 0.1.0
 */
export const event = (event: { readonly type: string; readonly [key: string]: unknown }): ModelReply =>
  one({ _tag: "Event", event })

/**
 * The tokens that the response costs; what is not given is that of {@link defaultUsage}.
 *
 * @category constructors
 * @since 0.1.0
 */
export const usage = (usage: Partial<Usage>): ModelReply => one({ _tag: "Usage", usage: { ...defaultUsage, ...usage } })

/**
 * Lets time pass, on the `Clock` that the fake was built with.
 *
 * @category constructors
 * @since 0.1.0
 */
export const delay = (duration: Duration.Input): ModelReply => waitFor(Effect.sleep(duration))

/**
 * Holds the response until the latch is open. What comes before it in the reply has been sent by then.
 *
 * @category constructors
 * @since 0.1.0
 */
export const gate = (latch: Latch.Latch): ModelReply => waitFor(latch.await)

/**
 * Holds the response until the effect succeeds. It is interrupted when the CLI goes away.
 *
 * @category constructors
 * @since 0.1.0
 */
export const waitFor = (until: Effect.Effect<unknown>): ModelReply => one({ _tag: "Wait", until })

/**
 * Holds the response for ever.
 *
 * @category constructors
 * @since 0.1.0
 */
export const hang: ModelReply = { parts: [{ _tag: "Wait", until: Effect.never }] }

/**
 * Ends the response with `response.failed`.
 *
 * Codes that the CLI knows: `context_length_exceeded`, `insufficient_quota`, `usage_not_included`, `invalid_prompt`,
 * `cyber_policy`, `bio_policy`, `server_is_overloaded` end the turn; `rate_limit_exceeded`, `slow_down`,
 * `server_error` and others are retried `stream_max_retries` times.
 *
 * @category constructors
 * @since 0.1.0
 */
export const failed = (error: { readonly code: string; readonly message: string }): ModelReply =>
  one({ _tag: "Failed", ...error })

/**
 * Ends the response with `response.incomplete`, for a reason such as `max_output_tokens` or `content_filter`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const incomplete = (reason: string): ModelReply => one({ _tag: "Incomplete", reason })

/**
 * Ends the response without `response.completed`: by dropping the connection, or, when `clean`, by an orderly end.
 *
 * @category constructors
 * @since 0.1.0
 */
export const cutStream = (options?: { readonly clean?: boolean | undefined }): ModelReply =>
  one({ _tag: "Cut", clean: options?.clean ?? false })

/**
 * Answers with an HTTP error. Waits before it are kept; output items of the same reply are not sent.
 *
 * @category constructors
 * @since 0.1.0
 */
export const httpError = (status: number, error: Omit<HttpError, "status">): ModelReply =>
  one({ _tag: "HttpError", error: { ...error, status } })

const one = (part: Part): ModelReply => ({ parts: [part] })
