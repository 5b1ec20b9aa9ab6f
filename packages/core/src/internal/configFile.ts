/**
 * Says a configuration to `codex exec`, in flags as long as a command line can hold it.
 *
 * The rest goes into a private profile, a file beside the user's own configuration, for as long as the scope is open.
 * Codex lays a profile over the user's configuration, and flags over both, but takes only one: the user's profile is
 * read, and what it says is in the file too. A project's configuration lies between profile and flags: it is made sure
 * that it says nothing about what is in the file.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Toml from "effect/encoding/Toml"
import type * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as CodexConfig from "../CodexConfig.ts"
import * as CodexError from "../CodexError.ts"
import { TomlTable, type TomlValue } from "../TomlValue.ts"
import * as Writer from "./toml.ts"

// =============================================================================
// Models
// =============================================================================

export interface Options {
  readonly config: CodexConfig.CodexConfig
  /** Codex's directory for its own files, `CODEX_HOME` or `~/.codex`, if it is known. */
  readonly codexHome: string | undefined
  /** The profile that the run asks for. */
  readonly profile: string | undefined
  readonly workingDirectory: string | undefined
  /** Whether Codex is told to leave the user's configuration out: it then takes no profile either. */
  readonly ignoreUserConfig: boolean | undefined
}

/** In bytes. */
export interface Limits {
  /** The longest flag. */
  readonly argument: number
  /** All flags together. */
  readonly total: number
}

/** A table, divided. */
export interface Placed {
  readonly flags: ReadonlyArray<string>
  readonly file: TomlTable
}

// =============================================================================
// Constructors
// =============================================================================

/** The flags that say `config` and `profile`, of which the latter may stand for a file that holds more. */
export const flags = Effect.fnUntraced(function*(
  fs: FileSystem.FileSystem,
  options: Options
): Effect.fn.Return<ReadonlyArray<string>, CodexError.CodexError, Scope.Scope> {
  const { codexHome, config, ignoreUserConfig, profile } = options
  const named = profile === undefined ? [] : ["--profile", profile]
  if (profile !== undefined && codexHome !== undefined) yield* checkProfile(fs, profileFile(codexHome, profile))
  const small = place(config, windowsLimits)
  if (Result.isSuccess(small) && Object.keys(small.success.file).length === 0) return [...named, ...small.success.flags]

  const directory = yield* fs.realPath(options.workingDirectory ?? ".").pipe(Effect.orElseSucceed(() => ""))
  const { file, flags } = yield* orFail(directory.includes("\\") ? small : place(config, posixLimits))
  const key = Object.keys(file)[0]
  if (key === undefined) return [...named, ...flags]
  if (ignoreUserConfig === true) return yield* refuse(key, "with `ignoreUserConfig` Codex reads no file instead")
  if (codexHome === undefined) return yield* refuse(key, "CODEX_HOME, which could hold a file, is not known")

  const home = yield* fs.realPath(codexHome).pipe(Effect.orElseSucceed(() => codexHome))
  yield* checkProjects(fs, { directory, home, file })
  const document = yield* orFail(Writer.document(CodexConfig.merge(yield* readProfile(fs, home, profile), file)))
  return ["--profile", yield* write(fs, home, document), ...flags]
})

/** Divides a configuration between flags and a file, by whole keys at the top: Codex checks each layer by itself. */
export const place = (
  config: CodexConfig.CodexConfig,
  limits: Limits
): Result.Result<Placed, CodexError.InvalidOption> =>
  Result.gen(function*() {
    const entries: Array<Entry> = []
    for (const [key, value] of Object.entries(config)) {
      const flags = yield* CodexConfig.toArguments({ [key]: value })
      const sizes = flags.map((flag) => encoder.encode(flag).length + 1)
      const size = sizes.reduce((sum, size) => sum + size, 0)
      entries.push({ key, value, flags, size, longest: sizes.reduce((longest, size) => Math.max(longest, size), 0) })
    }
    let total = entries.reduce((sum, { size }) => sum + size, 0)
    const isTooLarge = ({ longest }: Entry) => longest > limits.argument || total > limits.total
    const filed = new Set<Entry>()
    for (const entry of entries.toSorted((a, b) => b.longest - a.longest)) {
      if (!isTooLarge(entry) || holdPaths.has(entry.key)) continue
      filed.add(entry)
      total -= entry.size
    }
    const left = entries.find((entry) => holdPaths.has(entry.key) && isTooLarge(entry))
    if (left !== undefined) {
      return yield* Writer.invalid([left.key], `${tooLarge}: in a file instead, its relative paths would be others`)
    }
    return {
      flags: entries.flatMap((entry) => filed.has(entry) ? [] : entry.flags),
      file: Object.fromEntries([...filed].map(({ key, value }) => [key, value]))
    }
  })

// =============================================================================
// Internals
// =============================================================================

interface Entry {
  readonly key: string
  readonly value: TomlValue
  readonly flags: ReadonlyArray<string>
  readonly size: number
  readonly longest: number
}

/** Linux takes 128 KiB in one argument; it and macOS a megabyte or more in all, with the environment. */
const posixLimits: Limits = { argument: 131_000, total: 200_000 }

/** Windows takes 32,767 characters in all, and each quote or backslash of ours can become two of them. */
const windowsLimits: Limits = { argument: 12_000, total: 12_000 }

/** In a file, Codex takes relative paths from there. */
const holdPaths = new Set(["agents", "otel", "permissions", "sandbox_workspace_write", "skills"])

const tooLarge = "is too large for a command line"

const encoder = new TextEncoder()

const refuse = (key: string, why: string) => orFail(Writer.invalid([key], `${tooLarge}: ${why}`))

const orFail = <A>(result: Result.Result<A, CodexError.CodexErrorReason>) =>
  Effect.mapError(Effect.fromResult(result), CodexError.fromReason)

const parse = (text: string): Option.Option<TomlTable> =>
  Option.flatMap(Result.getSuccess(Toml.parse(text)), Schema.decodeUnknownOption(TomlTable))

const profileFile = (home: string, profile: string): string => `${home}/${profile}.config.toml`

const refuseProfile = (problem: string) =>
  orFail(Result.fail(new CodexError.InvalidOption({ option: "profile", problem })))

// The CLI would go on without it.
const checkProfile = (fs: FileSystem.FileSystem, file: string) =>
  Effect.matchEffect(fs.access(file), {
    onSuccess: () => Effect.void,
    onFailure: ({ reason }) => reason._tag === "NotFound" ? refuseProfile(`there is no ${file}`) : Effect.void
  })

const readProfile = Effect.fnUntraced(function*(fs: FileSystem.FileSystem, home: string, profile: string | undefined) {
  if (profile === undefined) return {}
  const file = profileFile(home, profile)
  const text = yield* fs.readFileString(file).pipe(
    Effect.catch(({ reason }) => refuseProfile(`${file} could not be read (${reason._tag})`))
  )
  return yield* Option.match(parse(text), {
    onNone: () => refuseProfile(`${file} could not be understood`),
    onSome: Effect.succeed
  })
})

/** A project's configuration would win over what is in the file. */
const checkProjects = Effect.fnUntraced(function*(fs: FileSystem.FileSystem, options: {
  readonly directory: string
  readonly home: string
  readonly file: TomlTable
}) {
  for (const directory of ancestors(options.directory)) {
    const folder = `${directory}/.codex`
    if (folder === options.home) continue
    const file = `${folder}/config.toml`
    // What we can't read, Codex can't read either.
    const text = yield* fs.readFileString(file).pipe(Effect.orElseSucceed(() => ""))
    const key = Option.match(parse(text), {
      onNone: () => Object.keys(options.file)[0],
      onSome: (project) => shared(options.file, project)
    })
    if (key !== undefined) {
      return yield* refuse(
        key,
        `in a file instead, what ${file} says of it would win; make it shorter, or take it out there`
      )
    }
  }
})

const ancestors = (directory: string): ReadonlyArray<string> => {
  const parts = directory.split(/[/\\]/)
  return parts.map((_, index) => parts.slice(0, parts.length - index).join("/"))
}

/** The first path, short of tables, that is in both. */
const shared = (self: TomlTable, that: TomlTable): string | undefined => {
  for (const [key, value] of Object.entries(self)) {
    const other = Object.hasOwn(that, key) ? that[key] : undefined
    if (other === undefined) continue
    if (!Writer.isTable(value) || !Writer.isTable(other)) return key
    const path = shared(value, other)
    if (path !== undefined) return `${key}.${path}`
  }
  return undefined
}

const write = Effect.fnUntraced(function*(fs: FileSystem.FileSystem, home: string, document: string) {
  const name = `effect-codex-${Math.abs(yield* Random.nextInt).toString(36)}`
  const file = `${home}/${name}.config.toml`
  const remove = Effect.ignore(fs.remove(file, { force: true }))
  yield* Effect.acquireRelease(
    fs.writeFileString(file, document, { flag: "wx", mode: 0o600 }).pipe(
      // A disk that is full leaves half a file.
      Effect.tapError(({ reason }) => reason._tag === "AlreadyExists" ? Effect.void : remove)
    ),
    () => remove
  ).pipe(
    Effect.mapError(({ reason }) => {
      const problem = `the configuration ${tooLarge}, and could not be written to ${home} (${reason._tag})`
      return CodexError.fromReason(new CodexError.StorageFailed({ problem }))
    })
  )
  return name
})
