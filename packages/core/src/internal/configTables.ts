/**
 * Schemas of the tables of Codex's configuration.
 *
 * @internal
 */
import * as Schema from "effect/Schema"
import type * as Tables from "../CodexConfigTables.ts"
import { TomlTable } from "../TomlValue.ts"
import { bool, count, type FieldsOf, openTable, text, texts, textTable } from "./openTable.ts"
import { openLiterals } from "./wire.ts"

export const ReasoningEffort: Schema.Codec<Tables.ReasoningEffort> = openLiterals([
  "none",
  "minimal",
  "low",
  "medium",
  "high",
  "xhigh"
])

export const GranularApproval: Schema.Codec<Tables.GranularApproval> = Schema.Struct(
  {
    sandbox_approval: Schema.Boolean,
    rules: Schema.Boolean,
    mcp_elicitations: Schema.Boolean,
    skill_approval: bool,
    request_permissions: bool
  } satisfies FieldsOf<Tables.GranularApproval>
)

export const Agents: Schema.Codec<Tables.Agents> = openTable(
  {
    max_threads: count,
    max_concurrent_threads_per_session: count,
    max_depth: Schema.optionalKey(Schema.Int),
    default_subagent_model: text,
    default_subagent_reasoning_effort: Schema.optionalKey(ReasoningEffort),
    job_max_runtime_seconds: count
  } satisfies FieldsOf<Tables.Agents>
)

export const Features: Schema.Codec<Tables.Features> = Schema.Record(
  Schema.String,
  Schema.Union([Schema.Boolean, TomlTable])
)

export const History: Schema.Codec<Tables.History> = openTable(
  {
    persistence: Schema.optionalKey(Schema.Literals(["save-all", "none"])),
    max_bytes: count
  } satisfies FieldsOf<Tables.History>
)

const collector = {
  endpoint: Schema.String,
  headers: textTable
} satisfies FieldsOf<Tables.OtelCollector>

const exporter = Schema.optionalKey(Schema.Union([
  Schema.Literals(["none", "statsig"]),
  Schema.Struct({ "otlp-http": openTable({ ...collector, protocol: Schema.Literals(["binary", "json"]) }) }),
  Schema.Struct({ "otlp-grpc": openTable(collector) })
]))

export const Otel: Schema.Codec<Tables.Otel> = openTable(
  {
    environment: text,
    exporter,
    trace_exporter: exporter,
    metrics_exporter: exporter,
    log_user_prompt: bool,
    span_attributes: textTable
  } satisfies FieldsOf<Tables.Otel>
)

export const SandboxWorkspaceWrite: Schema.Codec<Tables.SandboxWorkspaceWrite> = openTable(
  {
    network_access: bool,
    writable_roots: texts,
    exclude_tmpdir_env_var: bool,
    exclude_slash_tmp: bool
  } satisfies FieldsOf<Tables.SandboxWorkspaceWrite>
)

export const ShellEnvironmentPolicy: Schema.Codec<Tables.ShellEnvironmentPolicy> = openTable(
  {
    inherit: Schema.optionalKey(Schema.Literals(["all", "core", "none"])),
    ignore_default_excludes: bool,
    exclude: texts,
    set: textTable,
    include_only: texts
  } satisfies FieldsOf<Tables.ShellEnvironmentPolicy>
)

export const Skills: Schema.Codec<Tables.Skills> = openTable(
  {
    bundled: Schema.optionalKey(openTable({ enabled: bool })),
    include_instructions: bool,
    config: Schema.optionalKey(Schema.Array(openTable({ path: text, name: text, enabled: bool })))
  } satisfies FieldsOf<Tables.Skills>
)

const WebSearchTool: Schema.Codec<Tables.WebSearchTool> = openTable(
  {
    context_size: Schema.optionalKey(Schema.Literals(["low", "medium", "high"])),
    allowed_domains: texts,
    location: Schema.optionalKey(openTable({ country: text, region: text, city: text, timezone: text }))
  } satisfies FieldsOf<Tables.WebSearchTool>
)

export const Tools: Schema.Codec<Tables.Tools> = openTable(
  {
    web_search: Schema.optionalKey(Schema.Union([Schema.Boolean, WebSearchTool])),
    update_plan: Schema.optionalKey(openTable({ enabled: bool }))
  } satisfies FieldsOf<Tables.Tools>
)
