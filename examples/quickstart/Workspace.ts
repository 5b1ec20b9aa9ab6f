/**
 * A temporary Git repository for the agent to work in: a tiny program whose check fails.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import type * as PlatformError from "effect/PlatformError"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import type * as Scope from "effect/Scope"

export interface Workspace {
  readonly directory: string
  /** What has changed since it was made, as Git tells it. */
  readonly diff: Effect.Effect<string, PlatformError.PlatformError>
  /** Whether the program's check passes. */
  readonly isRepaired: Effect.Effect<boolean, PlatformError.PlatformError>
}

/** What is wrong with the program, as a task for the agent. */
export const task = "The check fails (node check.js). Find out why, and fix it."

/** Makes a workspace. It is removed when the scope closes. */
export const make = Effect.gen(function*(): Effect.fn.Return<
  Workspace,
  PlatformError.PlatformError,
  FileSystem.FileSystem | Path.Path | ChildProcessSpawner | Scope.Scope
> {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const spawner = yield* ChildProcessSpawner
  const temporary = yield* fs.makeTempDirectoryScoped({ prefix: "codex-quickstart-" })
  const directory = yield* fs.realPath(temporary)
  const git = (...args: ReadonlyArray<string>) =>
    ChildProcess.make("git", [...settings, ...args], { cwd: directory, env: unset, extendEnv: true })

  yield* Effect.forEach(Object.entries(files), ([name, text]) => fs.writeFileString(path.join(directory, name), text))
  yield* spawner.exitCode(git("init", "--quiet"))
  yield* spawner.exitCode(git("add", "."))
  yield* spawner.exitCode(git("commit", "--quiet", "--message", "A check that fails"))
  const start = (yield* spawner.string(git("rev-parse", "HEAD"))).trim()

  return {
    directory,
    // New files are part of a diff once Git was told that they will be added.
    diff: spawner.exitCode(git("add", "--all", "--intent-to-add")).pipe(
      Effect.andThen(spawner.string(git("diff", "--stat", "--patch", start)))
    ),
    isRepaired: Effect.map(
      spawner.exitCode(ChildProcess.make(process.execPath, ["check.js"], { cwd: directory, extendEnv: true })),
      (exitCode) => exitCode === 0
    )
  }
})

// =============================================================================
// Internals
// =============================================================================

// The user's own Git configuration may ask for signatures, hooks or colours.
const settings = [
  "user.name=Quickstart",
  "user.email=quickstart@example.com",
  "commit.gpgSign=false",
  "core.hooksPath=/dev/null",
  "color.ui=false"
].flatMap((setting) => ["-c", setting])

// They would lead Git to another repository.
const unset = { GIT_DIR: undefined, GIT_WORK_TREE: undefined, GIT_INDEX_FILE: undefined }

const files = {
  "package.json": `{ "name": "slug", "private": true, "type": "module" }
`,
  "slug.js": `/** The part of a page's address that comes from its title. */
export const slug = (title) => title.toLowerCase().replaceAll(" ", "-")
`,
  "check.js": `import { slug } from "./slug.js"

const expected = { "Hello World": "hello-world", "Q & A": "q-a" }

for (const [title, wanted] of Object.entries(expected)) {
  const got = slug(title)
  if (got !== wanted) {
    console.error(\`slug("\${title}") is "\${got}", not "\${wanted}"\`)
    process.exitCode = 1
  }
}
`
}
