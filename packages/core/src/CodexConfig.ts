/**
 * Overrides of Codex's configuration, as in its `config.toml`.
 *
 * Names are those of `config.toml`, so that Codex's documentation holds here; nested objects are tables. The keys that
 * Codex 0.169 knows are typed, and any other may be set too. Codex lays the overrides over the user's and the
 * project's configuration: tables are merged, all else is replaced.
 *
 * Overrides are arguments of a process or lie in a file while it runs. For a secret, name the environment variable
 * that holds it (`env_key`, `env_http_headers`, `bearer_token_env_var`).
 *
 * **Example** (Thinking more, and searching the web)
 *
 * ```ts
 * import type { CodexConfig } from "@effect-codex/core/CodexConfig"
 *
 * const config: CodexConfig = {
 *   model_reasoning_effort: "high",
 *   web_search: "live",
 *   sandbox_workspace_write: { network_access: true },
 *   a_key_of_tomorrow: { anything: [1, 2] }
 * }
 * ```
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Tables from "./CodexConfigTables.ts"
import type { InvalidOption } from "./CodexError.ts"
import { CodexMcpServer } from "./CodexMcpServer.ts"
import { CodexModelProvider } from "./CodexModelProvider.ts"
import * as TableSchemas from "./internal/configTables.ts"
import { bool, count, type FieldsOf, openTable, text, texts } from "./internal/openTable.ts"
import * as Toml from "./internal/toml.ts"
import type { TomlTable, TomlValue } from "./TomlValue.ts"

// =============================================================================
// Models
// =============================================================================

/**
 * A table of overrides. A key that is to keep the user's value is left out; `undefined` is refused.
 *
 * @category models
 * @since 0.1.0
 */
export type CodexConfig = TomlTable & {
  /** Agents that the agent may start. */
  readonly agents?: Tables.Agents
  /** Whether commands may run in a login shell (default `true`). */
  readonly allow_login_shell?: boolean
  /** Whether Codex tells OpenAI how it is used. */
  readonly analytics?: TomlTable & { readonly enabled?: boolean }
  /** When the agent asks for approval. `codex exec` takes it for `never` unless `approvals_reviewer` is `auto_review`. */
  readonly approval_policy?: "never" | "on-request" | { readonly granular: Tables.GranularApproval }
  /** Who is asked: the user, or Codex's own review. */
  readonly approvals_reviewer?: "user" | "auto_review"
  /** How long the model may wait for the output of a command in the background, in milliseconds. */
  readonly background_terminal_max_timeout?: number
  /** The URL of ChatGPT. */
  readonly chatgpt_base_url?: string
  /** What the model is told when it is to sum up a full context. */
  readonly compact_prompt?: string
  /** The permissions to run with: a profile of `permissions`. */
  readonly default_permissions?: string
  /** Instructions of yours for the model, beside Codex's own. A thread keeps those that it began with. */
  readonly developer_instructions?: string
  /** Codex's features, on or off. */
  readonly features?: Tables.Features
  /** Whether people may send feedback to OpenAI. */
  readonly feedback?: TomlTable & { readonly enabled?: boolean }
  /** Hides what the model thinks (default `false`). */
  readonly hide_agent_reasoning?: boolean
  /** The list of past prompts. */
  readonly history?: Tables.History
  /** Whether the model is told of its environment, such as the working directory (default `true`). */
  readonly include_environment_context?: boolean
  /** Whether the model is told of its permissions (default `true`). */
  readonly include_permissions_instructions?: boolean
  /** MCP servers by their names. */
  readonly mcp_servers?: Readonly<Record<string, CodexMcpServer>>
  /** The model, such as `gpt-5.5`. */
  readonly model?: string
  /** How many tokens the context may have before it is summed up. */
  readonly model_auto_compact_token_limit?: number
  /** How many tokens the context of the model can have. */
  readonly model_context_window?: number
  /** A file of instructions that replace Codex's own. */
  readonly model_instructions_file?: string
  /** The name of the provider to use. */
  readonly model_provider?: string
  /** Providers by their names. Those that come with Codex cannot be changed. */
  readonly model_providers?: Readonly<Record<string, CodexModelProvider>>
  /** How much the model thinks. */
  readonly model_reasoning_effort?: Tables.ReasoningEffort
  /** How much the model tells of what it thinks. */
  readonly model_reasoning_summary?: "auto" | "concise" | "detailed" | "none"
  /** How much the model writes. */
  readonly model_verbosity?: "low" | "medium" | "high"
  /** A program to start when a turn ends, and its arguments; Codex adds one of JSON. */
  readonly notify?: ReadonlyArray<string>
  /** The URL of the API, for the provider that comes with Codex. */
  readonly openai_base_url?: string
  /** Codex's own telemetry. */
  readonly otel?: Tables.Otel
  /** How the model speaks. Codex 0.169 still reads it, and no longer obeys it. */
  readonly personality?: "none" | "friendly" | "pragmatic"
  /** Names of files to read where there is no `AGENTS.md`. */
  readonly project_doc_fallback_filenames?: ReadonlyArray<string>
  /** How many bytes of `AGENTS.md` the model gets (default 32 KiB). */
  readonly project_doc_max_bytes?: number
  /** What the root directory of a project holds (default `[".git"]`). */
  readonly project_root_markers?: ReadonlyArray<string>
  /** The model for reviews. */
  readonly review_model?: string
  /** What commands may touch. */
  readonly sandbox_mode?: "read-only" | "workspace-write" | "danger-full-access"
  /** What the sandbox `workspace-write` allows. */
  readonly sandbox_workspace_write?: Tables.SandboxWorkspaceWrite
  /** How urgent requests are to the service, such as `flex` or `priority`. */
  readonly service_tier?: string
  /** Which environment variables commands get. */
  readonly shell_environment_policy?: Tables.ShellEnvironmentPolicy
  /** Shows what the model thinks in its own words, if it gives them (default `false`). */
  readonly show_raw_agent_reasoning?: boolean
  /** Skills. */
  readonly skills?: Tables.Skills
  /** Whether there is no warning of features that are not finished (default `false`). */
  readonly suppress_unstable_features_warning?: boolean
  /** How many tokens of a tool's output the model gets. */
  readonly tool_output_token_limit?: number
  /** Tools of the model. */
  readonly tools?: Tables.Tools
  /** Whether the model may search the web, and how fresh what it finds is. */
  readonly web_search?: "disabled" | "cached" | "indexed" | "live"
}

/**
 * Schema of {@link CodexConfig}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const CodexConfig: Schema.Codec<CodexConfig> = openTable(
  {
    agents: Schema.optionalKey(TableSchemas.Agents),
    allow_login_shell: bool,
    analytics: Schema.optionalKey(openTable({ enabled: bool })),
    approval_policy: Schema.optionalKey(Schema.Union([
      Schema.Literals(["never", "on-request"]),
      Schema.Struct({ granular: TableSchemas.GranularApproval })
    ])),
    approvals_reviewer: Schema.optionalKey(Schema.Literals(["user", "auto_review"])),
    background_terminal_max_timeout: count,
    chatgpt_base_url: text,
    compact_prompt: text,
    default_permissions: text,
    developer_instructions: text,
    features: Schema.optionalKey(TableSchemas.Features),
    feedback: Schema.optionalKey(openTable({ enabled: bool })),
    hide_agent_reasoning: bool,
    history: Schema.optionalKey(TableSchemas.History),
    include_environment_context: bool,
    include_permissions_instructions: bool,
    mcp_servers: Schema.optionalKey(Schema.Record(Schema.String, CodexMcpServer)),
    model: text,
    model_auto_compact_token_limit: count,
    model_context_window: count,
    model_instructions_file: text,
    model_provider: text,
    model_providers: Schema.optionalKey(Schema.Record(Schema.String, CodexModelProvider)),
    model_reasoning_effort: Schema.optionalKey(TableSchemas.ReasoningEffort),
    model_reasoning_summary: Schema.optionalKey(Schema.Literals(["auto", "concise", "detailed", "none"])),
    model_verbosity: Schema.optionalKey(Schema.Literals(["low", "medium", "high"])),
    notify: texts,
    openai_base_url: text,
    otel: Schema.optionalKey(TableSchemas.Otel),
    personality: Schema.optionalKey(Schema.Literals(["none", "friendly", "pragmatic"])),
    project_doc_fallback_filenames: texts,
    project_doc_max_bytes: count,
    project_root_markers: texts,
    review_model: text,
    sandbox_mode: Schema.optionalKey(Schema.Literals(["read-only", "workspace-write", "danger-full-access"])),
    sandbox_workspace_write: Schema.optionalKey(TableSchemas.SandboxWorkspaceWrite),
    service_tier: text,
    shell_environment_policy: Schema.optionalKey(TableSchemas.ShellEnvironmentPolicy),
    show_raw_agent_reasoning: bool,
    skills: Schema.optionalKey(TableSchemas.Skills),
    suppress_unstable_features_warning: bool,
    tool_output_token_limit: count,
    tools: Schema.optionalKey(TableSchemas.Tools),
    web_search: Schema.optionalKey(Schema.Literals(["disabled", "cached", "indexed", "live"]))
  } satisfies FieldsOf<CodexConfig>
)

// =============================================================================
// Combinators
// =============================================================================

/**
 * Merges two tables, deeply; `that` wins.
 *
 * @category combinators
 * @since 0.1.0
 */
export const merge = (self: CodexConfig, that: CodexConfig): CodexConfig => mergeTables(self, that)

const mergeTables = (self: TomlTable, that: TomlTable): TomlTable => {
  // A `Map`, as a key may be called `__proto__`.
  const merged = new Map<string, TomlValue>(Object.entries(self))
  for (const [key, value] of Object.entries(that)) {
    const current = merged.get(key)
    merged.set(key, Toml.isTable(current) && Toml.isTable(value) ? mergeTables(current, value) : value)
  }
  return Object.fromEntries(merged)
}

// =============================================================================
// Converting
// =============================================================================

/**
 * The flags that say `config` to the CLI. Fails with the path of a value that cannot be said.
 *
 * @category converting
 * @since 0.1.0
 */
export const toArguments = (config: CodexConfig): Result.Result<ReadonlyArray<string>, InvalidOption> =>
  Result.map(
    assignments(config, []),
    (assignments) => assignments.flatMap((assignment) => ["--config", assignment])
  )

// The CLI splits a path at every dot and does not know quotes there, but it does know them inside an inline
// table: a table with such a key is written whole.
const assignments = (
  table: TomlTable,
  path: ReadonlyArray<string>
): Result.Result<ReadonlyArray<string>, InvalidOption> =>
  Result.gen(function*() {
    const found: Array<string> = []
    for (const [key, value] of Object.entries(table)) {
      const keyPath = [...path, key]
      if (!Toml.isBareKey(key)) {
        return yield* Toml.invalid(
          keyPath,
          key.includes(".")
            ? "a key of Codex has no dot; nest tables instead: { a: { b: 1 } }"
            : "a key of Codex has only letters, digits, \"_\" and \"-\""
        )
      }
      if (Toml.isTable(value) && isPathable(value) && keyPath.length < Toml.maxDepth) {
        found.push(...yield* assignments(value, keyPath))
      } else {
        found.push(`${keyPath.join(".")}=${yield* Toml.literal(value, keyPath)}`)
      }
    }
    return found
  })

const isPathable = (table: TomlTable): boolean => {
  const keys = Object.keys(table)
  return keys.length > 0 && keys.every(Toml.isBareKey)
}
