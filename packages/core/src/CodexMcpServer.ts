/**
 * An MCP server that the agent may use, as a table of Codex's configuration.
 *
 * A server is either a program that Codex starts (`command`) or a URL (`url`). A table with neither changes a server
 * that the user has configured.
 *
 * **Example** (Two servers)
 *
 * ```ts
 * import type { CodexOptions } from "@effect-codex/core/CodexOptions"
 *
 * const options: CodexOptions = {
 *   config: {
 *     mcp_servers: {
 *       files: { command: "mcp-files", args: ["--root", "/srv"], default_tools_approval_mode: "approve" },
 *       tickets: { url: "https://tickets.example/mcp", bearer_token_env_var: "TICKETS_TOKEN" }
 *     }
 *   }
 * }
 * ```
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { bool, count, type FieldsOf, openTable, seconds, text, texts, textTable } from "./internal/openTable.ts"
import type { TomlTable } from "./TomlValue.ts"

const approvalMode = Schema.Literals(["auto", "prompt", "writes", "approve"])

/**
 * Which calls of a tool run unasked: with `approve` all, with `prompt` none; with `auto` and `writes` it depends on
 * what the tool tells of itself. `codex exec` has nobody to ask: there the call fails.
 *
 * @category models
 * @since 0.1.0
 */
export type ToolApproval = typeof approvalMode.Type

/**
 * One tool of a server.
 *
 * @category models
 * @since 0.1.0
 */
export type Tool = TomlTable & {
  /** Which calls of the tool run unasked. */
  readonly approval_mode?: ToolApproval
  /** How many tokens of its output the model gets. */
  readonly output_token_limit?: number
}

/**
 * An MCP server: the keys that Codex 0.169 knows. Other keys may hold any value of TOML.
 *
 * @category models
 * @since 0.1.0
 */
export type CodexMcpServer = TomlTable & {
  /** The program to start; it speaks MCP on stdin and stdout. */
  readonly command?: string
  /** Arguments of `command`. */
  readonly args?: ReadonlyArray<string>
  /** Environment variables of `command`. For secrets there is `env_vars`. */
  readonly env?: Readonly<Record<string, string>>
  /** Environment variables that `command` inherits from Codex, beside the few that all programs get. */
  readonly env_vars?: ReadonlyArray<string | { readonly name: string; readonly source?: "local" | "remote" }>
  /** Working directory of `command`. */
  readonly cwd?: string
  /** The URL of a server that speaks streamable HTTP. */
  readonly url?: string
  /** The environment variable that holds the bearer token for `url`. */
  readonly bearer_token_env_var?: string
  /** HTTP headers for `url`. For secrets there is `env_http_headers`. */
  readonly http_headers?: Readonly<Record<string, string>>
  /** HTTP headers for `url`, and the environment variables that hold their values. */
  readonly env_http_headers?: Readonly<Record<string, string>>
  /** OAuth scopes to ask for at `codex mcp login`. */
  readonly scopes?: ReadonlyArray<string>
  /** The OAuth resource to ask for at `codex mcp login`. */
  readonly oauth_resource?: string
  /** Whether the server is used (default `true`). */
  readonly enabled?: boolean
  /** Whether a run fails if the server does not start (default `false`: it goes on without). */
  readonly required?: boolean
  /** How long the server may take to start. */
  readonly startup_timeout_sec?: number
  /** How long a tool may take. */
  readonly tool_timeout_sec?: number
  /** The only tools to offer to the model. */
  readonly enabled_tools?: ReadonlyArray<string>
  /** Tools not to offer to the model. */
  readonly disabled_tools?: ReadonlyArray<string>
  /** Which calls of its tools run unasked. */
  readonly default_tools_approval_mode?: ToolApproval
  /** What differs for single tools. */
  readonly tools?: Readonly<Record<string, Tool>>
  /** Whether the model may call several tools of this server at once (default `false`). */
  readonly supports_parallel_tool_calls?: boolean
}

/**
 * Schema of {@link CodexMcpServer}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const CodexMcpServer: Schema.Codec<CodexMcpServer> = openTable(
  {
    command: text,
    args: texts,
    env: textTable,
    env_vars: Schema.optionalKey(Schema.Array(Schema.Union([
      Schema.String,
      Schema.Struct({ name: Schema.String, source: Schema.optionalKey(Schema.Literals(["local", "remote"])) })
    ]))),
    cwd: text,
    url: text,
    bearer_token_env_var: text,
    http_headers: textTable,
    env_http_headers: textTable,
    scopes: texts,
    oauth_resource: text,
    enabled: bool,
    required: bool,
    startup_timeout_sec: seconds,
    tool_timeout_sec: seconds,
    enabled_tools: texts,
    disabled_tools: texts,
    default_tools_approval_mode: Schema.optionalKey(approvalMode),
    tools: Schema.optionalKey(Schema.Record(
      Schema.String,
      openTable({ approval_mode: Schema.optionalKey(approvalMode), output_token_limit: count } satisfies FieldsOf<Tool>)
    )),
    supports_parallel_tool_calls: bool
  } satisfies FieldsOf<CodexMcpServer>
)
