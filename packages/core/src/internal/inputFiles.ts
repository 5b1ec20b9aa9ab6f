/**
 * The files that a turn takes in beside its text.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import type * as PlatformError from "effect/PlatformError"
import * as CodexError from "../CodexError.ts"
import * as CodexInput from "../CodexInput.ts"
import type { TurnRequest } from "../CodexOptions.ts"

/** Fails if an image can't be read: the CLI would go on without it, and tell only the model. */
export const check = (fs: FileSystem.FileSystem, { input, workingDirectory }: TurnRequest) =>
  Effect.forEach(CodexInput.imagesOf(input), (path) => {
    const refuse = (problem: string) =>
      Effect.fail(
        CodexError.fromReason(
          new CodexError.InvalidOption({ option: "input", problem: `the image ${path} ${problem}` })
        )
      )
    if (path.includes(",")) return refuse("has a comma in its path, at which Codex would divide it; rename the file")
    // The CLI starts in the working directory, and takes a relative path from there.
    const file = workingDirectory === undefined || isAbsolute(path) ? path : `${workingDirectory}/${path}`
    return fs.stat(file).pipe(
      Effect.tap(fs.access(file, { readable: true })),
      Effect.matchEffect({
        onFailure: ({ reason }) => refuse(`can't be read (${reason._tag})`),
        onSuccess: ({ type }) => type === "File" ? Effect.void : refuse(`must be a file, and is a ${type}`)
      })
    )
  }, { discard: true })

/** Writes the JSON Schema of the answer to a private file, which is gone when the scope closes. */
export const writeSchema = Effect.fnUntraced(
  function*(fs: FileSystem.FileSystem, { outputSchema }: TurnRequest) {
    if (outputSchema === undefined) return undefined
    const directory = yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-" })
    const file = `${directory}/output-schema.json`
    yield* fs.writeFileString(file, JSON.stringify(outputSchema), { mode: 0o600 })
    return file
  },
  Effect.mapError((error: PlatformError.PlatformError) =>
    CodexError.fromReason(
      new CodexError.StorageFailed({
        problem: `the output schema could not be written to the directory for temporary files (${error.reason._tag})`
      })
    )
  )
)

const isAbsolute = (path: string): boolean => /^([/\\]|[A-Za-z]:[/\\])/.test(path)
