/**
 * What a real shell runs is among what we say that it runs.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Schema from "effect/Schema"
import { scriptOf } from "../../core/src/internal/shellWords.ts"

/** There is no command: whatever is run is written down instead. */
const profile = `PATH=/nowhere
command_not_found_handle() { printf '%s\\0' "$#" "$@" >> "$RAN"; }
`

/** Words, quotes, and what joins commands. */
const Plain = Schema.Literals([
  "a",
  "bc",
  "-é",
  " ",
  "  ",
  "\t",
  "'a b'",
  "\"a 'b\"",
  "\\;",
  ";",
  "&&",
  "||",
  "|",
  "\n"
])

/** What has a meaning of its own, mostly. */
const odd = Array.from("'\"\\=$&><*?#!(){}[]`~\r^%@-+,:;|\n\t ")

/** Where it may stand. */
const places: ReadonlyArray<(odd: string) => string> = [
  (odd) => `a ${odd}bc d`,
  (odd) => `a ${odd} bc`,
  (odd) => `${odd}a bc`,
  (odd) => `a bc${odd}`,
  (odd) => `a;b${odd}c d`,
  (odd) => `a '${odd}bc' d`,
  (odd) => `a "${odd}bc" d`,
  (odd) => `a b${odd}${odd}c`,
  (odd) => `a \\${odd}bc`
]

/** The words of each command that the shell runs. */
const ranBy = Effect.fnUntraced(function*(script: string) {
  const fs = yield* FileSystem.FileSystem
  const cwd = yield* fs.makeTempDirectoryScoped()
  const ran = `${cwd}/ran`
  yield* fs.writeFileString(`${cwd}/profile`, profile)
  yield* fs.writeFileString(ran, "")
  const spawner = yield* ChildProcessSpawner
  yield* spawner.exitCode(ChildProcess.make("bash", ["-c", script], {
    cwd,
    env: { BASH_ENV: `${cwd}/profile`, RAN: ran },
    extendEnv: true,
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore"
  }))
  const words = (yield* fs.readFileString(ran)).split("\0").slice(0, -1)
  const commands: Array<ReadonlyArray<string>> = []
  while (words.length > 0) commands.push(words.splice(0, Number(words.shift())))
  return commands
})

const benign: ReadonlyArray<string> = [
  "a 'b c' \"d 'e\" f\\ g; bc && a | bc || a",
  "a \"x\\\"\\$\\`\\\\y\\z\" 'it'\\''s' a\\'b",
  "\n\na -x=1 %1 @b ./c:d+e,f\n\n  bc \"\" ''\n"
]

describe("the commands that a shell runs", () => {
  it.live("are those that we tell", () =>
    Effect.forEach(benign, (script) =>
      Effect.map(ranBy(script), (ran) => {
        const told = scriptOf(["bash", "-c", script]) ?? []
        // What comes behind `||` is not run.
        assert.sameDeepMembers([...ran], told.slice(0, ran.length))
        assert.isAtLeast(ran.length, 1)
      })).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  const areTold = Effect.fnUntraced(function*(script: string) {
    const told = scriptOf(["bash", "-c", script])
    if (told === undefined) return
    for (const command of yield* ranBy(script)) assert.deepInclude(told, command, JSON.stringify(script))
  })

  it.live("are among those that we tell, whatever stands between them", () =>
    Effect.forEach(odd.flatMap((odd) => places.map((place) => place(odd))), areTold, { concurrency: 4, discard: true })
      .pipe(
        Effect.scoped,
        Effect.provide(NodeServices.layer)
      ))

  it.effect.prop(
    "are among those that we tell",
    { parts: Schema.Array(Plain) },
    ({ parts }) => areTold(parts.join("")).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )
})
