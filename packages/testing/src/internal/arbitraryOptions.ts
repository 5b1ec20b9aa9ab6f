/**
 * Options of runs, and values of configurations.
 *
 * @internal
 */
import * as CodexConfig from "@effect-codex/core/CodexConfig"
import type { CodexOptions } from "@effect-codex/core/CodexOptions"
import * as CodexRetry from "@effect-codex/core/CodexRetry"
import type { TomlTable, TomlValue } from "@effect-codex/core/TomlValue"
import * as Arbitrary from "effect/Arbitrary"
import * as Duration from "effect/Duration"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { between, flag, list, name, oneOf, optional, path, pick, type Size, text, threadId } from "./arbitraryParts.ts"

// =============================================================================
// Configurations
// =============================================================================

/** Every key that is typed, with values of its type, and others. */
export const config: Arbitrary.Arbitrary<CodexConfig.CodexConfig> = Arbitrary.schema(CodexConfig.CodexConfig).pipe(
  Arbitrary.map((config) => sayable(config)),
  Arbitrary.filter(Schema.is(CodexConfig.CodexConfig))
)

/** A value of a key that is not typed. */
export const configValue = (size: Size): Arbitrary.Arbitrary<TomlValue> => {
  const leaf: Arbitrary.Arbitrary<TomlValue> = oneOf<TomlValue>(flag, between(-9, 9), pick(0.5, -1e21), text(size))
  const list: Arbitrary.Arbitrary<TomlValue> = Arbitrary.array(leaf, { maxLength: 3 })
  const table = (value: Arbitrary.Arbitrary<TomlValue>): Arbitrary.Arbitrary<TomlTable> =>
    Arbitrary.map(Arbitrary.all([name, value]), ([key, value]) => ({ [key]: value }))
  return oneOf<TomlValue>(leaf, list, table(leaf), table(oneOf<TomlValue>(list, table(leaf))))
}

// A schema lets through what TOML cannot say, or the CLI not take: half surrogate pairs in names, and odd keys.
const sayable = (table: TomlTable): TomlTable =>
  Object.fromEntries(Object.entries(writable(table)).filter(([key]) => /^[A-Za-z0-9_-]+$/.test(key)))

const writable = (table: TomlTable): TomlTable =>
  Object.fromEntries(Object.entries(table).map(([key, value]) => [key.toWellFormed(), writableValue(value)]))

const writableValue = (value: TomlValue): TomlValue =>
  typeof value !== "object" ? value : isList(value) ? value.map(writableValue) : writable(value)

const isList = (value: TomlValue): value is ReadonlyArray<TomlValue> => Array.isArray(value)

// =============================================================================
// Options
// =============================================================================

/** Options that any transport takes. */
export const options = (size: Size): Arbitrary.Arbitrary<CodexOptions> =>
  Arbitrary.map(
    Arbitrary.all({
      which: which(size),
      sandboxed,
      model: optional(name),
      reasoningEffort: optional(pick("low", "medium", "high")),
      webSearch: optional(pick("disabled", "cached", "indexed", "live")),
      workingDirectory: optional(path),
      additionalDirectories: optional(list(path, 2)),
      skipGitRepoCheck: optional(flag),
      features: optional(Arbitrary.map(
        list(Arbitrary.all([pick("goals", "hooks", "plugins"), flag]), 2),
        (entries) => Object.fromEntries(entries)
      )),
      threadSource: optional(name),
      baseUrl: optional(pick("https://example.com/v1", "http://127.0.0.1:1/")),
      config: optional(Arbitrary.map(
        Arbitrary.all([name, configValue(size)]),
        ([key, value]): CodexConfig.CodexConfig => ({ [`x_${key}`]: value })
      )),
      strict: optional(flag),
      firstEventTimeout: optional(duration),
      idleTimeout: optional(duration),
      timeout: optional(duration),
      retry: optional(pick(CodexRetry.none, CodexRetry.fromFields({ maxAttempts: 3 }))),
      previews: optional(flag),
      sessionTurns: optional(between(1, 5))
    }),
    ({ sandboxed, which, ...options }) => defined({ ...options, ...sandboxed, ...which })
  )

/** Options that `codex exec` takes, and an app-server does not. */
export const execOptions = (size: Size): Arbitrary.Arbitrary<CodexOptions> =>
  Arbitrary.map(
    Arbitrary.all({
      options: options(size),
      configured: oneOf<CodexOptions>(
        Arbitrary.Constant({}),
        Arbitrary.map(name, (profile) => ({ profile })),
        Arbitrary.Constant({ ignoreUserConfig: true })
      ),
      worktree: optional(flag),
      ignoreRules: optional(flag),
      strictConfig: optional(flag),
      localProvider: optional(pick("ollama", "lmstudio")),
      lastMessageFile: optional(path)
    }),
    ({ configured, options, worktree, ...rest }) =>
      defined({
        ...options,
        ...rest,
        ...configured,
        worktree: options.thread === undefined && options.session === undefined ? worktree : undefined
      })
  )

const duration: Arbitrary.Arbitrary<Duration.Input> = oneOf<Duration.Input>(
  Arbitrary.Constant("1 minute"),
  between(1, 1_000_000),
  Arbitrary.map(between(1, 100), Duration.seconds)
)

const which = (size: Size): Arbitrary.Arbitrary<CodexOptions> =>
  oneOf<CodexOptions>(
    Arbitrary.Constant({}),
    Arbitrary.map(threadId, (thread) => ({ thread })),
    Arbitrary.map(threadId, (fork) => ({ fork })),
    Arbitrary.map(text(size), (text) => ({ session: `s${text}s` })),
    Arbitrary.Constant({ ephemeral: true }),
    Arbitrary.map(threadId, (fork) => ({ fork, ephemeral: true }))
  )

const sandboxed: Arbitrary.Arbitrary<CodexOptions> = oneOf<CodexOptions>(
  Arbitrary.Constant({}),
  Arbitrary.map(pick("read-only", "workspace-write", "danger-full-access"), (sandbox) => ({ sandbox })),
  Arbitrary.map(flag, (networkAccess) => ({ sandbox: "workspace-write", networkAccess })),
  Arbitrary.Constant({ approval: "never" }),
  Arbitrary.Constant({ approval: "auto-review" })
)

const defined = (options: CodexOptions): CodexOptions =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => Predicate.isNotUndefined(value)))
