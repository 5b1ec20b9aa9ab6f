/**
 * A service that answers for a model, as a table of Codex's configuration.
 *
 * **Example** (A service of one's own)
 *
 * ```ts
 * import type { CodexOptions } from "@effect-codex/core/CodexOptions"
 *
 * const options: CodexOptions = {
 *   config: {
 *     model_provider: "ours",
 *     model_providers: {
 *       ours: { name: "Ours", base_url: "https://models.example/v1", env_key: "OURS_API_KEY", wire_api: "responses" }
 *     }
 *   }
 * }
 * ```
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { bool, count, type FieldsOf, openTable, text, texts, textTable } from "./internal/openTable.ts"
import type { TomlTable } from "./TomlValue.ts"

/**
 * A command that prints a bearer token.
 *
 * @category models
 * @since 0.1.0
 */
export type Auth = TomlTable & {
  readonly command?: string
  readonly args?: ReadonlyArray<string>
  readonly cwd?: string
  /** How long the command may take, in milliseconds. */
  readonly timeout_ms?: number
  /** For how long a token is used, in milliseconds; 0 for as long as the service takes it. */
  readonly refresh_interval_ms?: number
}

/**
 * A provider of models: the keys that Codex 0.169 knows. Other keys may hold any value of TOML.
 *
 * @category models
 * @since 0.1.0
 */
export type CodexModelProvider = TomlTable & {
  /** What people call it; must be set. */
  readonly name?: string
  /** The URL under which `/responses` is. */
  readonly base_url?: string
  /** The environment variable that holds the API key. */
  readonly env_key?: string
  /** How to get the API key, for the error when `env_key` is not set. */
  readonly env_key_instructions?: string
  /** A command that prints a bearer token, in place of `env_key`. */
  readonly auth?: Auth
  /** The protocol: the Responses API is the only one. */
  readonly wire_api?: "responses"
  /** What to add to the URL's query. */
  readonly query_params?: Readonly<Record<string, string>>
  /** HTTP headers. For secrets there is `env_http_headers`. */
  readonly http_headers?: Readonly<Record<string, string>>
  /** HTTP headers, and the environment variables that hold their values. */
  readonly env_http_headers?: Readonly<Record<string, string>>
  /** How often a request that failed is repeated. */
  readonly request_max_retries?: number
  /** How often the model is asked again after a response broke off. */
  readonly stream_max_retries?: number
  /** How long to wait for the next event of a response, in milliseconds. */
  readonly stream_idle_timeout_ms?: number
  /** Whether it takes the login of OpenAI (default `false`). */
  readonly requires_openai_auth?: boolean
  /** Whether it takes WebSockets too (default `false`). */
  readonly supports_websockets?: boolean
  /** How long a WebSocket may take to connect, in milliseconds. */
  readonly websocket_connect_timeout_ms?: number
}

/**
 * Schema of {@link CodexModelProvider}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const CodexModelProvider: Schema.Codec<CodexModelProvider> = openTable(
  {
    name: text,
    base_url: text,
    env_key: text,
    env_key_instructions: text,
    auth: Schema.optionalKey(openTable(
      {
        command: text,
        args: texts,
        cwd: text,
        timeout_ms: count,
        refresh_interval_ms: count
      } satisfies FieldsOf<Auth>
    )),
    wire_api: Schema.optionalKey(Schema.Literal("responses")),
    query_params: textTable,
    http_headers: textTable,
    env_http_headers: textTable,
    request_max_retries: count,
    stream_max_retries: count,
    stream_idle_timeout_ms: count,
    requires_openai_auth: bool,
    supports_websockets: bool,
    websocket_connect_timeout_ms: count
  } satisfies FieldsOf<CodexModelProvider>
)
