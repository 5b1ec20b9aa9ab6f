/**
 * A home directory of its own for the CLI, with a `.codex` whose model provider is the fake.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import type * as PlatformError from "effect/PlatformError"
import type * as Scope from "effect/Scope"

export interface ProviderConfig {
  readonly url: string
  readonly model: string
  readonly requestMaxRetries: number
  readonly streamMaxRetries: number
  readonly streamIdleTimeout: Duration.Input | undefined
}

/**
 * Makes both directories and `config.toml`, and removes them with the scope.
 *
 * The agent's shells are login shells: with another `HOME`, they would run the profile of whoever runs the test,
 * and one that is killed in the middle of it leaves its locks there.
 */
export const make = Effect.fnUntraced(function*(config: ProviderConfig): Effect.fn.Return<
  { readonly home: string; readonly codexHome: string },
  PlatformError.PlatformError,
  FileSystem.FileSystem | Path.Path | Scope.Scope
> {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const home = yield* Effect.acquireRelease(
    fs.makeTempDirectory({ prefix: "fake-model-" }),
    // A CLI that is just dying may still write a file, which makes one attempt fail.
    (home) => fs.remove(home, { recursive: true, force: true }).pipe(Effect.retry({ times: 3 }), Effect.ignore)
  )
  const codexHome = path.join(home, ".codex")
  yield* fs.makeDirectory(codexHome)
  yield* fs.writeFileString(path.join(codexHome, "config.toml"), configToml(config))
  return { home, codexHome }
})

// Everything that would reach for another host, or write what no test reads, is off. All CLIs since 0.115 take
// these keys without a warning. JSON strings are TOML strings.
const configToml = (config: ProviderConfig) =>
  `model = ${JSON.stringify(config.model)}
model_provider = "fake"
check_for_update_on_startup = false

[model_providers.fake]
name = "FakeModel"
base_url = ${JSON.stringify(config.url)}
wire_api = "responses"
requires_openai_auth = true
supports_websockets = false
request_max_retries = ${config.requestMaxRetries}
stream_max_retries = ${config.streamMaxRetries}
${
    config.streamIdleTimeout === undefined
      ? ""
      : `stream_idle_timeout_ms = ${Math.ceil(Duration.toMillis(config.streamIdleTimeout))}\n`
  }
[features]
apps = false
plugins = false
enable_request_compression = false

[skills.bundled]
enabled = false

[analytics]
enabled = false

[tools.update_plan]
enabled = true
`
