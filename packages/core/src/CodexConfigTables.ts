/**
 * Tables of Codex's configuration: the keys that Codex 0.169 knows. Other keys may hold any value of TOML.
 *
 * @since 0.1.0
 */
import type { TomlTable } from "./TomlValue.ts"

/**
 * How much a model thinks. Which levels there are depends on the model.
 *
 * @category models
 * @since 0.1.0
 */
export type ReasoningEffort = "none" | "minimal" | "low" | "medium" | "high" | "xhigh" | (string & {})

/**
 * Which kinds of requests are asked about; the others are refused.
 *
 * @category models
 * @since 0.1.0
 */
export type GranularApproval = TomlTable & {
  /** Requests to leave the sandbox. */
  readonly sandbox_approval: boolean
  /** Commands that a rule says to ask about. */
  readonly rules: boolean
  /** Questions of MCP servers. */
  readonly mcp_elicitations: boolean
  /** Skills that ask. */
  readonly skill_approval?: boolean
  /** The model's requests for permissions. */
  readonly request_permissions?: boolean
}

/**
 * Agents that the agent may start: limits, and roles by their names.
 *
 * @category models
 * @since 0.1.0
 */
export type Agents = TomlTable & {
  /** How many agents may be open at once, from 1. Short for `max_concurrent_threads_per_session`. */
  readonly max_threads?: number
  /** How many agents may be open at once, from 1. */
  readonly max_concurrent_threads_per_session?: number
  /** How deep agents may start agents; the thread itself is at 0. */
  readonly max_depth?: number
  /** The model of agents for which none is named. */
  readonly default_subagent_model?: string
  /** How much agents think for which nothing else is said. */
  readonly default_subagent_reasoning_effort?: ReasoningEffort
  /** How long a job of an agent may take, in seconds. */
  readonly job_max_runtime_seconds?: number
}

/**
 * Codex's features, on or off; `codex features list` names them. Some are tables.
 *
 * @category models
 * @since 0.1.0
 */
export type Features = { readonly [feature: string]: boolean | TomlTable } & {
  /** Connectors of the ChatGPT account. */
  readonly apps?: boolean
  /** Compresses requests to the model. */
  readonly enable_request_compression?: boolean
  /** Goals that a thread works towards over many turns. */
  readonly goals?: boolean
  /** The user's commands at events of Codex. */
  readonly hooks?: boolean
  /** The model may make images. */
  readonly image_generation?: boolean
  /** What Codex remembers across threads. */
  readonly memories?: boolean
  /** The agent may start agents. */
  readonly multi_agent?: boolean
  /** Plugins. */
  readonly plugins?: boolean
  /** Starts commands from a snapshot of the user's shell instead of its profile. */
  readonly shell_snapshot?: boolean
  /** The model may run commands. */
  readonly shell_tool?: boolean
  /** Tries for ever to reach a service that cannot be reached. */
  readonly unbounded_connection_retries?: boolean
  /** Commands that go on while the model does, with input and output. */
  readonly unified_exec?: boolean
  /** The model may look at images. */
  readonly view_image?: boolean
}

/**
 * The list of past prompts, `history.jsonl`.
 *
 * @category models
 * @since 0.1.0
 */
export type History = TomlTable & {
  /** Whether it is kept. */
  readonly persistence?: "save-all" | "none"
  /** Its largest size; the oldest prompts make room. */
  readonly max_bytes?: number
}

/**
 * Where telemetry goes: nowhere, to OpenAI, or to a collector.
 *
 * @category models
 * @since 0.1.0
 */
export type OtelExporter =
  | "none"
  | "statsig"
  | { readonly "otlp-http": OtelCollector & { readonly protocol: "binary" | "json" } }
  | { readonly "otlp-grpc": OtelCollector }

/**
 * A collector of telemetry.
 *
 * @category models
 * @since 0.1.0
 */
export type OtelCollector = TomlTable & {
  readonly endpoint: string
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * Codex's own telemetry.
 *
 * @category models
 * @since 0.1.0
 */
export type Otel = TomlTable & {
  /** Which environment it is of, such as `prod`. */
  readonly environment?: string
  /** Where logs go. */
  readonly exporter?: OtelExporter
  /** Where traces go. */
  readonly trace_exporter?: OtelExporter
  /** Where metrics go. */
  readonly metrics_exporter?: OtelExporter
  /** Whether logs hold prompts (default `false`). */
  readonly log_user_prompt?: boolean
  /** Attributes of every span. */
  readonly span_attributes?: Readonly<Record<string, string>>
}

/**
 * What the sandbox `workspace-write` allows.
 *
 * @category models
 * @since 0.1.0
 */
export type SandboxWorkspaceWrite = TomlTable & {
  /** Whether commands may use the network (default `false`). */
  readonly network_access?: boolean
  /** Directories that commands may write to, beside the working directory. */
  readonly writable_roots?: ReadonlyArray<string>
  /** Whether `$TMPDIR` is not one of them (default `false`). */
  readonly exclude_tmpdir_env_var?: boolean
  /** Whether `/tmp` is not one of them (default `false`). */
  readonly exclude_slash_tmp?: boolean
}

/**
 * Which environment variables the agent's commands get. Names may have the wildcards `*` and `?`.
 *
 * @category models
 * @since 0.1.0
 */
export type ShellEnvironmentPolicy = TomlTable & {
  /** What to begin with: all of Codex's variables (the default), the few that programs need, or none. */
  readonly inherit?: "all" | "core" | "none"
  /** Whether variables whose names hold `KEY`, `SECRET` or `TOKEN` may stay (default `true`). */
  readonly ignore_default_excludes?: boolean
  /** Variables to leave out. */
  readonly exclude?: ReadonlyArray<string>
  /** Variables to set. */
  readonly set?: Readonly<Record<string, string>>
  /** If not empty, the only variables to keep. */
  readonly include_only?: ReadonlyArray<string>
}

/**
 * Skills.
 *
 * @category models
 * @since 0.1.0
 */
export type Skills = TomlTable & {
  /** Those that come with Codex. */
  readonly bundled?: TomlTable & { readonly enabled?: boolean }
  /** Whether the model is told of the skills that there are (default `true`). */
  readonly include_instructions?: boolean
  /** What differs for single skills, found by the path of their `SKILL.md` or by their names. */
  readonly config?: ReadonlyArray<
    TomlTable & { readonly path?: string; readonly name?: string; readonly enabled?: boolean }
  >
}

/**
 * Tools of the model.
 *
 * @category models
 * @since 0.1.0
 */
export type Tools = TomlTable & {
  /** How the web is searched; `web_search` beside `tools` says whether. */
  readonly web_search?: boolean | WebSearchTool
  /** Whether the model may keep a plan, which makes `todo_list` items. */
  readonly update_plan?: TomlTable & { readonly enabled?: boolean }
}

/**
 * How the web is searched.
 *
 * @category models
 * @since 0.1.0
 */
export type WebSearchTool = TomlTable & {
  /** How much of what is found the model gets. */
  readonly context_size?: "low" | "medium" | "high"
  /** The only domains to search. */
  readonly allowed_domains?: ReadonlyArray<string>
  /** Where the one who asks is. */
  readonly location?: TomlTable & {
    readonly country?: string
    readonly region?: string
    readonly city?: string
    readonly timezone?: string
  }
}
