/**
 * Where the native Codex executable is.
 *
 * `@openai/codex` is a script in JavaScript that starts the executable of a package per platform. Both layouts of
 * that package are known: `bin/codex` with tools in `codex-path` (0.169), `codex/codex` with tools in `path` (0.115).
 */
import * as CodexError from "@effect-codex/core/CodexError"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as Module from "node:module"

/** What is known of the host. */
export interface Host {
  readonly platform: string
  readonly arch: string
  readonly cwd: string
  /** Its search path, in the notation of its platform. */
  readonly searchPath: string
  /** Modules from where `@openai/codex` is looked for, by a name for each. */
  readonly modules: Readonly<Record<string, string>>
}

export interface Binary {
  readonly command: string
  /** The directory of the tools that come with it, such as ripgrep. */
  readonly tools: string | undefined
}

interface Attempt {
  readonly source: string
  readonly path: string
  readonly problem: string
}

const triples: Readonly<Record<string, string | undefined>> = {
  "linux-x64": "x86_64-unknown-linux-musl",
  "linux-arm64": "aarch64-unknown-linux-musl",
  "darwin-x64": "x86_64-apple-darwin",
  "darwin-arm64": "aarch64-apple-darwin",
  "win32-x64": "x86_64-pc-windows-msvc",
  "win32-arm64": "aarch64-pc-windows-msvc"
}

/** Finds the executable that was asked for by path, under the name of who asked. */
export const named = Effect.fnUntraced(function*(source: string, file: string, host: Host) {
  const path = (yield* Path.Path).resolve(host.cwd, file)
  return yield* unwrap(path, host).pipe(
    Effect.mapError((problem) => notFound([{ source, path, problem }]))
  )
})

/** Finds the executable of the package `@openai/codex`, or else `codex` on the search path. */
export const search = Effect.fnUntraced(function*(host: Host) {
  const path = yield* Path.Path
  const tried: Array<Attempt> = []
  const attempt = (
    source: string,
    path: string,
    binary: Effect.Effect<Binary, string, FileSystem.FileSystem | Path.Path>
  ) => Effect.catch(binary, (problem) => Effect.sync(() => void tried.push({ source, path, problem })))

  const seen = new Set<string>()
  for (const [source, from] of Object.entries(host.modules)) {
    const root = resolvePackage(from, "@openai/codex")
    if (root === undefined) {
      tried.push({ source, path: from, problem: "`@openai/codex` is not installed there" })
    } else if (!seen.has(root)) {
      seen.add(root)
      const binary = yield* attempt(source, root, native(root, host))
      if (binary !== undefined) return binary
    }
  }

  const windows = host.platform === "win32"
  const directories = host.searchPath.split(windows ? ";" : ":").filter((directory) => directory !== "")
  for (const directory of directories) {
    for (const name of windows ? ["codex.exe", "codex.cmd"] : ["codex"]) {
      const file = path.resolve(host.cwd, directory, name)
      const binary = yield* attempt("PATH", file, unwrap(file, host))
      if (binary !== undefined) return binary
      // That it is not there is said once, for all of them.
      if (tried.at(-1)?.problem === missing) tried.pop()
    }
  }
  tried.push({ source: "PATH", path: "codex", problem: `nothing usable in ${directories.length} directories` })
  return yield* notFound(tried)
})

const missing = "does not exist"

const notFound = (tried: ReadonlyArray<Attempt>) =>
  new CodexError.CodexError({ reason: new CodexError.BinaryNotFound({ tried }), worked: false })

/** The directory of a package as Node finds it from a module. */
const resolvePackage = (from: string, name: string): string | undefined => {
  try {
    return Module.createRequire(from).resolve(`${name}/package.json`).replace(/[\\/]package\.json$/, "")
  } catch {
    return undefined
  }
}

/** The native executable that belongs to the package `@openai/codex` in `root`; it fails with what is wrong. */
const native = Effect.fnUntraced(function*(root: string, host: Host) {
  const path = yield* Path.Path
  // The script does the same: Android runs the executable for Linux.
  const target = `${host.platform === "android" ? "linux" : host.platform}-${host.arch}`
  const triple = triples[target]
  if (triple === undefined) return yield* Effect.fail(`has no executable for ${target}`)
  const name = `@openai/codex-${target}`
  const vendored = resolvePackage(path.join(root, "package.json"), name)
  for (const directory of vendored === undefined ? [root] : [vendored, root]) {
    for (const layout of ["bin", "codex"]) {
      const file = path.join(directory, "vendor", triple, layout, host.platform === "win32" ? "codex.exe" : "codex")
      const problem = yield* inspect(file, host)
      if (problem === undefined) return yield* withTools(file, file)
      if (problem !== missing) return yield* Effect.fail(`${file} ${problem}`)
    }
  }
  return yield* Effect.fail(
    vendored === undefined ? `its optional dependency \`${name}\` is not installed` : `${vendored} has no executable`
  )
})

/** `file` itself, or the native executable behind it when it is the script of the package, or a shim for that. */
const unwrap = Effect.fnUntraced(function*(file: string, host: Host) {
  const problem = yield* inspect(file, host)
  if (problem !== undefined) return yield* Effect.fail(problem)
  const fs = yield* FileSystem.FileSystem
  const real = yield* Effect.orElseSucceed(fs.realPath(file), () => file)
  const script = yield* scriptBehind(real)
  if (script !== undefined) {
    const path = yield* Path.Path
    return yield* native(path.dirname(path.dirname(script)), host).pipe(
      Effect.mapError((problem) => `is a script for ${script}, which cannot be used: ${problem}`)
    )
  }
  // Windows starts no script without a shell, and a shell would read our arguments as code.
  if (/\.(cmd|bat|ps1)$/i.test(file)) return yield* Effect.fail("is a script that is not known")
  return yield* withTools(file, real)
})

const scriptPattern = /[^"'=\s]*@openai[\\/]codex[\\/]bin[\\/]codex\.js/

/** The script of `@openai/codex` that `real` is, or that it starts as a shim of npm or pnpm. */
const scriptBehind = Effect.fnUntraced(function*(real: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  if (scriptPattern.test(real)) return real
  const { size } = yield* fs.stat(real)
  // Shims are small, executables are not.
  if (size > 65536) return undefined
  const text = yield* fs.readFileString(real)
  const target = scriptPattern.exec(text)?.[0]
  // A script that somebody wrote to do more than that starts as it is.
  if (target === undefined || !/\bbasedir=|\bdp0\b/.test(text)) return undefined
  const relative = target.replace(/^(\$basedir(_abs)?|%~?dp0%?)/, "").replaceAll("\\", "/")
  return yield* fs.realPath(path.join(path.dirname(real), relative))
}, Effect.orElseSucceed(() => undefined))

/** `file`, with the tools that lie beside it, where `real` is what it links to. */
const withTools = Effect.fnUntraced(function*(file: string, real: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  for (const name of ["codex-path", "path"]) {
    const tools = path.join(path.dirname(path.dirname(real)), name)
    if (yield* Effect.orElseSucceed(fs.exists(tools), () => false)) return { command: file, tools }
  }
  return { command: file, tools: undefined }
})

/** What is wrong with `file` as an executable. */
const inspect = Effect.fnUntraced(function*(file: string, host: Host) {
  const fs = yield* FileSystem.FileSystem
  const info = yield* Effect.result(fs.stat(file))
  if (info._tag === "Failure") {
    return info.failure.reason._tag === "NotFound" ? missing : `cannot be read: ${info.failure.reason._tag}`
  }
  if (info.success.type !== "File") return "is not a file"
  return host.platform === "win32" || (info.success.mode & 0o111) !== 0 ? undefined : "is not executable"
})
