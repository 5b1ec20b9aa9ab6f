/**
 * What is answered to a request of the agent.
 *
 * {@link decline} fits every request: it is its "no", in whatever form the app-server wants that. Which other answers
 * fit is known to the types ({@link AnswerTo}). Answers encode and decode
 * (`Schema.toCodecJson(ApprovalAnswer.ApprovalAnswer)`), with their secrets in plain text.
 *
 * @since 0.1.0
 */
import type * as DateTime from "effect/DateTime"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

// =============================================================================
// Models
// =============================================================================

/**
 * Schema of {@link Permissions}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Permissions = Schema.Struct({
  network: Schema.optionalKey(Schema.Struct({ enabled: Schema.optionalKey(Schema.Boolean) })),
  fileSystem: Schema.optionalKey(Schema.Struct({
    entries: Schema.optionalKey(Schema.Array(Schema.Struct({
      access: Schema.Literals(["read", "write", "deny"]),
      path: Schema.Union([
        Schema.Struct({ type: Schema.Literal("path"), path: Schema.String }),
        Schema.Struct({ type: Schema.Literal("glob_pattern"), pattern: Schema.String }),
        Schema.Struct({
          type: Schema.Literal("special"),
          value: Schema.Union([
            Schema.Struct({ kind: Schema.Literals(["root", "minimal", "tmpdir", "slash_tmp"]) }),
            Schema.Struct({ kind: Schema.Literal("project_roots"), subpath: Schema.optionalKey(Schema.String) })
          ])
        })
      ])
    }))),
    /** How deep directories are searched for what matches a pattern. */
    globScanMaxDepth: Schema.optionalKey(Schema.Int)
  }))
})

/**
 * What the agent may do beyond its sandbox.
 *
 * @category models
 * @since 0.1.0
 */
export type Permissions = typeof Permissions.Type

/**
 * Schema of {@link ToolContent}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ToolContent = Schema.Union([
  Schema.Struct({ type: Schema.Literal("inputText"), text: Schema.String }),
  /** The URLs may be `data:` URLs. */
  Schema.Struct({ type: Schema.Literal("inputImage"), imageUrl: Schema.String }),
  Schema.Struct({ type: Schema.Literal("inputAudio"), audioUrl: Schema.String })
])

/**
 * Something that a tool gives to the model.
 *
 * @category models
 * @since 0.1.0
 */
export type ToolContent = typeof ToolContent.Type

/**
 * Schema of {@link ApprovalAnswer}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ApprovalAnswer = Schema.Union([
  Schema.Struct({ type: Schema.Literal("accept") }),
  Schema.Struct({ type: Schema.Literal("acceptForSession") }),
  Schema.Struct({ type: Schema.Literal("acceptAlways") }),
  Schema.Struct({ type: Schema.Literal("acceptPrefix"), prefix: Schema.Array(Schema.String) }),
  Schema.Struct({
    type: Schema.Literal("networkRule"),
    action: Schema.Literals(["allow", "deny"]),
    host: Schema.String
  }),
  Schema.Struct({
    type: Schema.Literal("grant"),
    permissions: Permissions,
    scope: Schema.Literals(["turn", "session"])
  }),
  Schema.Struct({ type: Schema.Literal("content"), content: Schema.Json }),
  Schema.Struct({
    type: Schema.Literal("answers"),
    answers: Schema.Record(Schema.String, Schema.Array(Schema.RedactedFromValue(Schema.String)))
  }),
  Schema.Struct({ type: Schema.Literal("toolResult"), success: Schema.Boolean, content: Schema.Array(ToolContent) }),
  Schema.Struct({
    type: Schema.Literal("tokens"),
    accessToken: Schema.RedactedFromValue(Schema.String),
    accountId: Schema.String,
    planType: Schema.optionalKey(Schema.String)
  }),
  Schema.Struct({ type: Schema.Literal("attestation"), token: Schema.RedactedFromValue(Schema.String) }),
  Schema.Struct({ type: Schema.Literal("currentTime"), at: Schema.DateTimeUtc }),
  Schema.Struct({ type: Schema.Literal("decline") }),
  Schema.Struct({ type: Schema.Literal("cancel") })
])

/**
 * What is answered to a request of the agent.
 *
 * @category models
 * @since 0.1.0
 */
export type ApprovalAnswer = typeof ApprovalAnswer.Type

/**
 * The answer of a type, such as `Answer<"accept">`.
 *
 * @category models
 * @since 0.1.0
 */
export type Answer<Type extends ApprovalAnswer["type"]> = Extract<ApprovalAnswer, { readonly type: Type }>

/**
 * What kind of request it is.
 *
 * @category models
 * @since 0.1.0
 */
export type ApprovalKind = keyof typeof fitting

/**
 * The answers that fit a request of a kind.
 *
 * @category models
 * @since 0.1.0
 */
export type AnswerTo<Kind extends ApprovalKind> = Answer<(typeof fitting)[Kind][number]>

/** The one place that says which answers fit which requests. */
const fitting = {
  command: ["accept", "acceptForSession", "acceptPrefix", "decline", "cancel"],
  network: ["accept", "acceptForSession", "networkRule", "decline", "cancel"],
  fileChange: ["accept", "acceptForSession", "decline", "cancel"],
  permissions: ["accept", "acceptForSession", "grant", "decline"],
  mcpTool: ["accept", "acceptForSession", "acceptAlways", "decline", "cancel"],
  elicitation: ["accept", "content", "decline", "cancel"],
  userInput: ["answers", "decline"],
  toolCall: ["toolResult", "decline"],
  tokenRefresh: ["tokens", "decline"],
  attestation: ["attestation", "decline"],
  currentTime: ["currentTime", "decline"]
} as const satisfies Record<string, ReadonlyArray<ApprovalAnswer["type"]>>

// =============================================================================
// Errors
// =============================================================================

/**
 * The answer does not fit the request. Those that do are `fitting`.
 *
 * @category errors
 * @since 0.1.0
 */
export class AnswerMisfit extends Schema.TaggedError<AnswerMisfit>("@effect-codex/core/ApprovalAnswer/AnswerMisfit")(
  "AnswerMisfit",
  { kind: Schema.String, answer: Schema.String, fitting: Schema.Array(Schema.String) }
) {
  override get message(): string {
    return `The answer "${this.answer}" does not fit a request of the kind "${this.kind}": use ${
      this.fitting.join(", ")
    }`
  }
}

// =============================================================================
// Guards
// =============================================================================

/**
 * Whether an answer fits requests of a kind.
 *
 * @category guards
 * @since 0.1.0
 */
export const fits = <Kind extends ApprovalKind>(kind: Kind, answer: ApprovalAnswer): answer is AnswerTo<Kind> =>
  fitting[kind].some((type) => type === answer.type)

/**
 * The answer if it fits requests of a kind.
 *
 * @category guards
 * @since 0.1.0
 */
export const checkFits = <Kind extends ApprovalKind>(
  kind: Kind,
  answer: ApprovalAnswer
): Result.Result<AnswerTo<Kind>, AnswerMisfit> =>
  fits(kind, answer)
    ? Result.succeed(answer)
    : Result.fail(new AnswerMisfit({ kind, answer: answer.type, fitting: fitting[kind] }))

// =============================================================================
// Constructors
// =============================================================================

/**
 * Yes, this once. All that is asked for is permitted; permissions hold for the turn.
 *
 * @category constructors
 * @since 0.1.0
 */
export const accept: Answer<"accept"> = { type: "accept" }

/**
 * Yes, and to the same for as long as the session lasts: to this command, to changes of these files, to this host, to
 * this tool, to these permissions.
 *
 * @category constructors
 * @since 0.1.0
 */
export const acceptForSession: Answer<"acceptForSession"> = { type: "acceptForSession" }

/**
 * Yes, and to this tool from now on: Codex writes it into its configuration.
 *
 * @category constructors
 * @since 0.1.0
 */
export const acceptAlways: Answer<"acceptAlways"> = { type: "acceptAlways" }

/**
 * Yes, and to every command that begins with these words, in this and later sessions: Codex writes it into its rules. A
 * request proposes a prefix (`proposedPrefix`).
 *
 * @category constructors
 * @since 0.1.0
 */
export const acceptPrefix = (prefix: ReadonlyArray<string>): Answer<"acceptPrefix"> => ({
  type: "acceptPrefix",
  prefix
})

/**
 * Yes, and to this host in this and later sessions.
 *
 * @category constructors
 * @since 0.1.0
 */
export const allowHost = (host: string): Answer<"networkRule"> => ({ type: "networkRule", action: "allow", host })

/**
 * No, neither now nor in later sessions.
 *
 * @category constructors
 * @since 0.1.0
 */
export const denyHost = (host: string): Answer<"networkRule"> => ({ type: "networkRule", action: "deny", host })

/**
 * These permissions, for the turn unless `scope` says otherwise. Codex leaves out what it has not asked for.
 *
 * @category constructors
 * @since 0.1.0
 */
export const grant = (
  permissions: Permissions,
  options?: { readonly scope?: "turn" | "session" | undefined }
): Answer<"grant"> => ({ type: "grant", permissions, scope: options?.scope ?? "turn" })

/**
 * What an MCP server asked to be told. It should have the shape of the request's `schema`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const content = (content: Schema.Json): Answer<"content"> => ({ type: "content", content })

/**
 * What the user says to each question, by the question's id: labels of its options, words of their own, or nothing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const answers = (
  answers: Readonly<Record<string, ReadonlyArray<string | Redacted.Redacted<string>>>>
): Answer<"answers"> => ({
  type: "answers",
  answers: Object.fromEntries(Object.entries(answers).map(([id, given]) => [id, given.map(redacted)]))
})

/**
 * What a tool gives to the model. A string is one text.
 *
 * @category constructors
 * @since 0.1.0
 */
export const toolSuccess = (content: string | ReadonlyArray<ToolContent>): Answer<"toolResult"> => ({
  type: "toolResult",
  success: true,
  content: contentOf(content)
})

/**
 * Why a tool failed, in words for the model.
 *
 * @category constructors
 * @since 0.1.0
 */
export const toolFailure = (content: string | ReadonlyArray<ToolContent>): Answer<"toolResult"> => ({
  type: "toolResult",
  success: false,
  content: contentOf(content)
})

/**
 * Fresh tokens of ChatGPT, for a program that keeps them itself.
 *
 * @category constructors
 * @since 0.1.0
 */
export const tokens = (tokens: {
  readonly accessToken: Redacted.Redacted<string>
  readonly accountId: string
  readonly planType?: string | undefined
}): Answer<"tokens"> => ({
  type: "tokens",
  accessToken: tokens.accessToken,
  accountId: tokens.accountId,
  ...(tokens.planType === undefined ? {} : { planType: tokens.planType })
})

/**
 * What attests the client.
 *
 * @category constructors
 * @since 0.1.0
 */
export const attestation = (token: Redacted.Redacted<string>): Answer<"attestation"> => ({ type: "attestation", token })

/**
 * The time that the agent shall believe it is, in whole seconds.
 *
 * @category constructors
 * @since 0.1.0
 */
export const currentTime = (at: DateTime.Utc): Answer<"currentTime"> => ({ type: "currentTime", at })

/**
 * No. The agent goes on without.
 *
 * @category constructors
 * @since 0.1.0
 */
export const decline: Answer<"decline"> = { type: "decline" }

/**
 * No; and a turn that wanted to run a command, use the network or change files is interrupted.
 *
 * @category constructors
 * @since 0.1.0
 */
export const cancel: Answer<"cancel"> = { type: "cancel" }

// =============================================================================
// Internals
// =============================================================================

const redacted = (text: string | Redacted.Redacted<string>): Redacted.Redacted<string> =>
  Redacted.isRedacted(text) ? text : Redacted.make(text)

const contentOf = (content: string | ReadonlyArray<ToolContent>): ReadonlyArray<ToolContent> =>
  typeof content === "string" ? [{ type: "inputText", text: content }] : content
