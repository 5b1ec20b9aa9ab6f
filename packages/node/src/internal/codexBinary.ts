/**
 * Where the native Codex executable is.
 *
 * `@openai/codex` is a script in JavaScript that starts the executable of a package per platform. Both layouts of
 * that package are known: `bin/codex` with tools in `codex-path` (0.169), `codex/codex` with tools in `path` (0.115).
 *
 * Every program starts with this, and it looks at a handful of files: synchronously, in well under a millisecond.
 */
import * as CodexError from "@effect-codex/core/CodexError"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as NodeFs from "node:fs"
import * as Module from "node:module"
import * as NodePath from "node:path"

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
export const named = (source: string, file: string, host: Host): Effect.Effect<Binary, CodexError.CodexError> =>
  Effect.suspend(() => {
    const path = NodePath.resolve(host.cwd, file)
    return Effect.fromResult(Result.mapError(unwrap(path, host), (problem) => notFound([{ source, path, problem }])))
  })

/** Finds the executable of the package `@openai/codex`, or else `codex` on the search path. */
export const search = (host: Host): Effect.Effect<Binary, CodexError.CodexError> =>
  Effect.suspend(() => {
    const tried: Array<Attempt> = []

    const seen = new Set<string>()
    for (const [source, from] of Object.entries(host.modules)) {
      const path = resolvePackage(from, "@openai/codex")
      if (path === undefined) {
        tried.push({ source, path: from, problem: "`@openai/codex` is not installed there" })
      } else if (!seen.has(path)) {
        seen.add(path)
        const binary = native(path, host)
        if (Result.isSuccess(binary)) return Effect.succeed(binary.success)
        tried.push({ source, path, problem: binary.failure })
      }
    }

    const windows = host.platform === "win32"
    const directories = host.searchPath.split(windows ? ";" : ":").filter((directory) => directory !== "")
    for (const directory of directories) {
      for (const name of windows ? ["codex.exe", "codex.cmd"] : ["codex"]) {
        const path = NodePath.resolve(host.cwd, directory, name)
        const binary = unwrap(path, host)
        if (Result.isSuccess(binary)) return Effect.succeed(binary.success)
        // That it is not there is said once, for all of them.
        if (binary.failure !== missing) tried.push({ source: "PATH", path, problem: binary.failure })
      }
    }
    tried.push({ source: "PATH", path: "codex", problem: `nothing usable in ${directories.length} directories` })
    return Effect.fail(notFound(tried))
  })

const missing = "does not exist"

const notFound = (tried: ReadonlyArray<Attempt>) => CodexError.fromReason(new CodexError.BinaryNotFound({ tried }))

/** The directory of a package as Node finds it from a module. */
const resolvePackage = (from: string, name: string): string | undefined => {
  try {
    return Module.createRequire(from).resolve(`${name}/package.json`).replace(/[\\/]package\.json$/, "")
  } catch {
    return undefined
  }
}

/** The native executable that belongs to the package `@openai/codex` in `root`, or what is wrong with it. */
const native = (root: string, host: Host): Result.Result<Binary, string> => {
  // The script does the same: Android runs the executable for Linux.
  const target = `${host.platform === "android" ? "linux" : host.platform}-${host.arch}`
  const triple = triples[target]
  if (triple === undefined) return Result.fail(`has no executable for ${target}`)
  const name = `@openai/codex-${target}`
  const vendored = resolvePackage(NodePath.join(root, "package.json"), name)
  for (const directory of vendored === undefined ? [root] : [vendored, root]) {
    for (const layout of ["bin", "codex"]) {
      const executable = host.platform === "win32" ? "codex.exe" : "codex"
      const file = NodePath.join(directory, "vendor", triple, layout, executable)
      const problem = inspect(file, host)
      if (problem === undefined) return Result.succeed(withTools(file, file))
      if (problem !== missing) return Result.fail(`${file} ${problem}`)
    }
  }
  return Result.fail(
    vendored === undefined ? `its optional dependency \`${name}\` is not installed` : `${vendored} has no executable`
  )
}

/** `file` itself, or the native executable behind it when it is the script of the package, or a shim for that. */
const unwrap = (file: string, host: Host): Result.Result<Binary, string> => {
  const problem = inspect(file, host)
  if (problem !== undefined) return Result.fail(problem)
  const real = NodeFs.realpathSync(file)
  const script = scriptBehind(real)
  if (script !== undefined) {
    return Result.mapError(
      native(NodePath.dirname(NodePath.dirname(script)), host),
      (problem) => `is a script for ${script}, which cannot be used: ${problem}`
    )
  }
  // Windows starts no script without a shell, and a shell would read our arguments as code.
  if (/\.(cmd|bat|ps1)$/i.test(file)) return Result.fail("is a script that is not known")
  return Result.succeed(withTools(file, real))
}

const scriptPattern = /[^"'=\s]*@openai[\\/]codex[\\/]bin[\\/]codex\.js/

/** The script of `@openai/codex` that `real` is, or that it starts as a shim of npm or pnpm. */
const scriptBehind = (real: string): string | undefined => {
  if (scriptPattern.test(real)) return real
  // Shims are small, executables are not.
  if (NodeFs.statSync(real).size > 65536) return undefined
  try {
    const text = NodeFs.readFileSync(real, "utf8")
    const target = scriptPattern.exec(text)?.[0]
    // A script that somebody wrote to do more than that starts as it is.
    if (target === undefined || !/\bbasedir=|\bdp0\b/.test(text)) return undefined
    const relative = target.replace(/^(\$basedir(_abs)?|%~?dp0%?)/, "").replaceAll("\\", "/")
    return NodeFs.realpathSync(NodePath.join(NodePath.dirname(real), relative))
  } catch {
    // Who may run a file may not always read it.
    return undefined
  }
}

/** `file`, with the tools that lie beside it, where `real` is what it links to. */
const withTools = (file: string, real: string): Binary => {
  const tools = ["codex-path", "path"].map((name) => NodePath.join(NodePath.dirname(NodePath.dirname(real)), name))
  return { command: file, tools: tools.find((directory) => NodeFs.existsSync(directory)) }
}

/** What is wrong with `file` as an executable. */
const inspect = (file: string, host: Host): string | undefined => {
  let info: NodeFs.Stats | undefined
  try {
    info = NodeFs.statSync(file, { throwIfNoEntry: false })
  } catch (error) {
    const code = Predicate.hasProperty(error, "code") ? String(error.code) : "unknown"
    // A part of the path is a file.
    return code === "ENOTDIR" ? missing : `cannot be read: ${code}`
  }
  if (info === undefined) return missing
  if (!info.isFile()) return "is not a file"
  return host.platform === "win32" || (info.mode & 0o111) !== 0 ? undefined : "is not executable"
}
