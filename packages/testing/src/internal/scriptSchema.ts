/**
 * What a script is made of. `CodexScript` tells it.
 *
 * @internal
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

// =============================================================================
// Steps
// =============================================================================

/** A change of one file. `path` is relative to where the agent works. An update replaces whole lines. */
export type Change = typeof Change.Type

export const Change = Schema.Union([
  Schema.Struct({ kind: Schema.Literal("add"), path: Schema.NonEmptyString, content: Schema.String }),
  Schema.Struct({
    kind: Schema.Literal("update"),
    path: Schema.NonEmptyString,
    from: Schema.String,
    to: Schema.String
  }),
  Schema.Struct({ kind: Schema.Literal("delete"), path: Schema.NonEmptyString })
])

/**
 * Each way in which a turn can fail, by what went wrong between the CLI and its model.
 *
 * - A response that ends badly, after what it told before: `rate_limited`, `context_window`, `usage_limit`,
 *   `overloaded`, `server_error`, `invalid_prompt`, `incomplete`, `disconnected` (the connection broke),
 *   `stream_closed` (it ended in order, but too early).
 * - An HTTP error in place of a response, which then tells nothing: `invalid_request` (400), `unauthorized` (401),
 *   `too_many_requests` (429), `internal_error` (500).
 */
export type FailureKind = typeof FailureKind.Type

export const FailureKind = Schema.Literals([
  "rate_limited",
  "context_window",
  "usage_limit",
  "overloaded",
  "server_error",
  "invalid_prompt",
  "incomplete",
  "disconnected",
  "stream_closed",
  "invalid_request",
  "unauthorized",
  "too_many_requests",
  "internal_error"
])

const Count = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000_000 }))

export const Step = Schema.TaggedUnion({
  Message: { deltas: Schema.Array(Schema.String) },
  Reasoning: { summary: Schema.String },
  Run: {
    command: Schema.String,
    output: Schema.String,
    exitCode: Schema.Int,
    duration: Schema.optionalKey(Schema.Duration),
    ask: Schema.optionalKey(Schema.String)
  },
  ChangeFiles: { changes: Schema.NonEmptyArray(Change), ask: Schema.optionalKey(Schema.Boolean) },
  CallMcpTool: {
    server: Schema.NonEmptyString,
    tool: Schema.NonEmptyString,
    arguments: Schema.Record(Schema.String, Schema.Json),
    result: Schema.Union([
      Schema.Struct({ content: Schema.Array(Schema.Json), structuredContent: Schema.optionalKey(Schema.Json) }),
      Schema.Struct({ error: Schema.String })
    ])
  },
  CallTool: {
    tool: Schema.NonEmptyString,
    namespace: Schema.optionalKey(Schema.NonEmptyString),
    arguments: Schema.Record(Schema.String, Schema.Json)
  },
  Search: { query: Schema.String },
  Plan: {
    plan: Schema.Array(Schema.Struct({
      step: Schema.String,
      status: Schema.Literals(["pending", "in_progress", "completed"])
    })),
    explanation: Schema.optionalKey(Schema.String)
  },
  Usage: { inputTokens: Count, cachedInputTokens: Count, outputTokens: Count, reasoningOutputTokens: Count },
  Wait: { duration: Schema.Duration },
  Hang: {},
  Fail: { kind: FailureKind, message: Schema.String },
  Crash: {
    exitCode: Schema.optionalKey(Schema.Int),
    signal: Schema.optionalKey(Schema.NonEmptyString),
    stderr: Schema.String
  },
  Garbage: { line: Schema.String },
  Future: {
    what: Schema.Literals(["event", "item"]),
    type: Schema.NonEmptyString,
    fields: Schema.Record(Schema.String, Schema.Json)
  }
})

/** One thing that happens in a turn. */
export type Step = typeof Step.Type

/** A step of one kind. */
export type StepOf<Tag extends Step["_tag"]> = Extract<Step, { readonly _tag: Tag }>

// =============================================================================
// Scripts
// =============================================================================

const isPattern = (source: string, flags: string): boolean =>
  Result.isSuccess(Result.try(() => new RegExp(source, flags)))

export const Condition = Schema.Struct({
  prompt: Schema.optionalKey(Schema.Union([
    Schema.Struct({ includes: Schema.String }),
    Schema.Struct({ source: Schema.String, flags: Schema.String }).check(
      Schema.makeFilter(({ flags, source }) => isPattern(source, flags), { message: "must be a regular expression" })
    )
  ])),
  thread: Schema.optionalKey(Schema.Union([Schema.Int, Schema.Literals(["new", "resumed"])])),
  turn: Schema.optionalKey(Schema.Int),
  attempt: Schema.optionalKey(Schema.Int)
})

/** Which turns a rule is for: those to which all that is given applies. */
export type Condition = typeof Condition.Type

export const Rule = Schema.Struct({
  when: Schema.optionalKey(Condition),
  turn: Schema.Array(Step)
})

/** What happens in some turns. */
export type Rule = typeof Rule.Type

export const CodexScript = Schema.Struct({
  rules: Schema.Array(Rule),
  fallback: Schema.Array(Step)
})

/** What a Codex does: the first rule that fits a turn, else the fallback. */
export type CodexScript = typeof CodexScript.Type
