/**
 * What the agent asks us, told apart by `kind`.
 *
 * Eleven methods of the app-server become eleven kinds, though not one by one: what is asked is what counts, not how.
 * Requests encode and decode (`Schema.toCodecJson(ApprovalRequest.ApprovalRequest)`): they may be sent to whoever
 * decides. All text in them comes from the agent or from a server, so show it as text only.
 *
 * | kind           | asks                                                          | "no" means                           |
 * | -------------- | ------------------------------------------------------------- | ------------------------------------ |
 * | `command`      | to run a command, or to write to one                          | it is not run; the turn goes on      |
 * | `network`      | to use a host of the network                                  | it is not used; the turn goes on     |
 * | `fileChange`   | to change files                                               | they are not; the turn goes on       |
 * | `permissions`  | for more permissions than the sandbox gives                   | none are granted                     |
 * | `mcpTool`      | to call a tool of an MCP server                               | it is not called; the model is told  |
 * | `elicitation`  | what an MCP server wants to know of the user                  | the server is told so                |
 * | `userInput`    | what the agent wants to know of the user                      | there are no answers                 |
 * | `toolCall`     | the result of a tool of this program                          | the model is told that it failed     |
 * | `tokenRefresh` | fresh tokens of ChatGPT                                       | Codex gets an error                  |
 * | `attestation`  | that the client attests itself                                | Codex gets an error                  |
 * | `currentTime`  | what time it is                                               | Codex gets an error                  |
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { ApprovalAnswer, type ApprovalKind, Permissions } from "./ApprovalAnswer.ts"
import { openLiterals } from "./internal/wire.ts"

// =============================================================================
// Models
// =============================================================================

const common = {
  threadId: Schema.optionalKey(Schema.String),
  turnId: Schema.optionalKey(Schema.String),
  /** The item of the turn that it is about. */
  itemId: Schema.optionalKey(Schema.String),
  /** The params as they came. */
  raw: Schema.Json
}

const reviewed = {
  /** Why the agent asks. */
  reason: Schema.optionalKey(Schema.String),
  /** What Codex would let a person choose from. It also takes `decline`, which it does not list. */
  availableAnswers: Schema.optionalKey(Schema.Array(ApprovalAnswer))
}

/**
 * The agent asks to run a command, in its sandbox or outside of it.
 *
 * @category models
 * @since 0.1.0
 */
export type CommandRequest = typeof CommandRequest.Type

/**
 * Schema of {@link CommandRequest}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const CommandRequest = Schema.Struct({
  kind: Schema.Literal("command"),
  method: Schema.Literals(["item/commandExecution/requestApproval", "execCommandApproval"]),
  ...common,
  ...reviewed,
  /** `writeStdin` is input to a command that runs. */
  action: openLiterals(["command", "writeStdin", "humanCommand"]),
  /** The command line, mostly a shell and its script. */
  command: Schema.String,
  /**
   * The words of each command of the line. Missing where they can't be told for certain, as in a script that has
   * variables, redirections, patterns, or anything else than plain commands joined by `&&`, `||`, `;` and `|`.
   */
  commands: Schema.optionalKey(Schema.Array(Schema.Array(Schema.String))),
  cwd: Schema.optionalKey(Schema.String),
  /** What it may do beyond the sandbox. */
  additionalPermissions: Schema.optionalKey(Permissions),
  /** The prefix that Codex proposes for `ApprovalAnswer.acceptPrefix`. */
  proposedPrefix: Schema.optionalKey(Schema.Array(Schema.String))
})

/**
 * The agent asks to use a host of the network.
 *
 * @category models
 * @since 0.1.0
 */
export type NetworkRequest = typeof NetworkRequest.Type

/**
 * Schema of {@link NetworkRequest}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const NetworkRequest = Schema.Struct({
  kind: Schema.Literal("network"),
  method: Schema.Literal("item/commandExecution/requestApproval"),
  ...common,
  ...reviewed,
  host: Schema.String,
  protocol: openLiterals(["http", "https", "socks5Tcp", "socks5Udp"])
})

/**
 * Schema of {@link FileChange}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const FileChange = Schema.Struct({
  path: Schema.String,
  change: openLiterals(["add", "delete", "update"]),
  /** The content of a file that is added or deleted, or what is updated as a diff. */
  diff: Schema.String,
  /** Where the file is moved. */
  movePath: Schema.optionalKey(Schema.String)
})

/**
 * A change of a file.
 *
 * @category models
 * @since 0.1.0
 */
export type FileChange = typeof FileChange.Type

/**
 * The agent asks to change files.
 *
 * @category models
 * @since 0.1.0
 */
export type FileChangeRequest = typeof FileChangeRequest.Type

/**
 * Schema of {@link FileChangeRequest}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const FileChangeRequest = Schema.Struct({
  kind: Schema.Literal("fileChange"),
  method: Schema.Literals(["item/fileChange/requestApproval", "applyPatchApproval"]),
  ...common,
  /** Why the agent asks. */
  reason: Schema.optionalKey(Schema.String),
  /** Missing if nobody told which: the app-server does before it asks, but not to who joins later. */
  changes: Schema.optionalKey(Schema.Array(FileChange)),
  /** The agent asks to write below this directory from now on. */
  grantRoot: Schema.optionalKey(Schema.String)
})

/**
 * The agent asks for more permissions.
 *
 * @category models
 * @since 0.1.0
 */
export type PermissionsRequest = typeof PermissionsRequest.Type

/**
 * Schema of {@link PermissionsRequest}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const PermissionsRequest = Schema.Struct({
  kind: Schema.Literal("permissions"),
  method: Schema.Literal("item/permissions/requestApproval"),
  ...common,
  /** Why the agent asks. */
  reason: Schema.optionalKey(Schema.String),
  permissions: Permissions,
  cwd: Schema.String
})

const elicitation = Schema.Literal("mcpServer/elicitation/request")

/**
 * The agent asks to call a tool of an MCP server.
 *
 * @category models
 * @since 0.1.0
 */
export type McpToolRequest = typeof McpToolRequest.Type

/**
 * Schema of {@link McpToolRequest}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const McpToolRequest = Schema.Struct({
  kind: Schema.Literal("mcpTool"),
  method: elicitation,
  ...common,
  server: Schema.String,
  tool: Schema.String,
  /** The question in words. */
  message: Schema.String,
  /** What the server says of the tool. */
  description: Schema.optionalKey(Schema.String),
  arguments: Schema.optionalKey(Schema.Json)
})

/**
 * An MCP server wants something of the user: in a form, or on a web page.
 *
 * @category models
 * @since 0.1.0
 */
export type ElicitationRequest = typeof ElicitationRequest.Type

/**
 * Schema of {@link ElicitationRequest}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ElicitationRequest = Schema.Struct({
  kind: Schema.Literal("elicitation"),
  method: elicitation,
  ...common,
  server: Schema.String,
  /** A form is answered by `ApprovalAnswer.content`, the others by `ApprovalAnswer.accept`. */
  mode: openLiterals(["form", "url", "openai/form", "openaiForm", "openai/userVerification"]),
  message: Schema.String,
  /** The JSON Schema of what a form wants. */
  schema: Schema.optionalKey(Schema.Json),
  /** The page that the user should visit. */
  url: Schema.optionalKey(Schema.String)
})

/**
 * The agent asks the user.
 *
 * @category models
 * @since 0.1.0
 */
export type UserInputRequest = typeof UserInputRequest.Type

/**
 * Schema of {@link UserInputRequest}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const UserInputRequest = Schema.Struct({
  kind: Schema.Literal("userInput"),
  method: Schema.Literal("item/tool/requestUserInput"),
  ...common,
  questions: Schema.Array(Schema.Struct({
    id: Schema.String,
    header: Schema.String,
    question: Schema.String,
    options: Schema.optionalKey(Schema.Array(Schema.Struct({ label: Schema.String, description: Schema.String }))),
    /** Whether words of one's own will do, too. */
    isOther: Schema.optionalKey(Schema.Boolean),
    isSecret: Schema.optionalKey(Schema.Boolean)
  }))
})

/**
 * The agent calls a tool of this program, a dynamic tool of the thread.
 *
 * @category models
 * @since 0.1.0
 */
export type ToolCallRequest = typeof ToolCallRequest.Type

/**
 * Schema of {@link ToolCallRequest}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ToolCallRequest = Schema.Struct({
  kind: Schema.Literal("toolCall"),
  method: Schema.Literal("item/tool/call"),
  ...common,
  tool: Schema.String,
  namespace: Schema.optionalKey(Schema.String),
  arguments: Schema.Json
})

/**
 * Codex asks for fresh tokens of ChatGPT, which this program keeps.
 *
 * @category models
 * @since 0.1.0
 */
export type TokenRefreshRequest = typeof TokenRefreshRequest.Type

/**
 * Schema of {@link TokenRefreshRequest}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const TokenRefreshRequest = Schema.Struct({
  kind: Schema.Literal("tokenRefresh"),
  method: Schema.Literal("account/chatgptAuthTokens/refresh"),
  ...common,
  reason: openLiterals(["unauthorized"]),
  /** Whose tokens they were. */
  previousAccountId: Schema.optionalKey(Schema.String)
})

/**
 * Codex asks the client to attest itself.
 *
 * @category models
 * @since 0.1.0
 */
export type AttestationRequest = typeof AttestationRequest.Type

/**
 * Schema of {@link AttestationRequest}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const AttestationRequest = Schema.Struct({
  kind: Schema.Literal("attestation"),
  method: Schema.Literal("attestation/generate"),
  ...common
})

/**
 * Codex asks what time it is.
 *
 * @category models
 * @since 0.1.0
 */
export type CurrentTimeRequest = typeof CurrentTimeRequest.Type

/**
 * Schema of {@link CurrentTimeRequest}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const CurrentTimeRequest = Schema.Struct({
  kind: Schema.Literal("currentTime"),
  method: Schema.Literal("currentTime/read"),
  ...common
})

/**
 * Something that the agent asks us.
 *
 * @category models
 * @since 0.1.0
 */
export type ApprovalRequest = typeof ApprovalRequest.Type

/**
 * Schema of {@link ApprovalRequest}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ApprovalRequest = Schema.Union([
  CommandRequest,
  NetworkRequest,
  FileChangeRequest,
  PermissionsRequest,
  McpToolRequest,
  ElicitationRequest,
  UserInputRequest,
  ToolCallRequest,
  TokenRefreshRequest,
  AttestationRequest,
  CurrentTimeRequest
])

/**
 * The request of a kind, such as `RequestOf<"command">`.
 *
 * @category models
 * @since 0.1.0
 */
export type RequestOf<Kind extends ApprovalKind> = Extract<ApprovalRequest, { readonly kind: Kind }>
