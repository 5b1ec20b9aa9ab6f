/**
 * Pictures in a prompt.
 *
 *     npm run example -- images                         two pictures drawn here, with your Codex account
 *     npm run example -- images before.png after.png    two of yours
 *
 * Images keep their order, and all come before the text: so the text speaks of the first and the second.
 */
import * as Codex from "@effect-codex/core/Codex"
import * as CodexInput from "@effect-codex/core/CodexInput"
import * as NodeCodex from "@effect-codex/node/NodeCodex"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Png from "./Png.ts"

/** What is different? If there is no such file, nothing is started: Codex itself would go on without the picture. */
export const compare = (before: string, after: string) =>
  Codex.run([
    CodexInput.text("The first picture shows a page before a change:"),
    CodexInput.localImage(before),
    CodexInput.text("The second shows it after the change:"),
    CodexInput.localImage(after),
    CodexInput.text("What has changed? Answer in one sentence.")
  ]).pipe(
    Effect.flatMap((turn) => Console.log(turn.finalMessage))
  )

/** A button on a page, at so many pixels from the left. */
export const page = (left: number) =>
  Png.draw(64, 32, (x, y) => x >= left && x < left + 16 && y > 11 && y < 20 ? blue : white)
const blue = [0, 90, 200] as const
const white = [255, 255, 255] as const

export const program = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const directory = yield* fs.makeTempDirectoryScoped()
  yield* fs.writeFile(`${directory}/before.png`, page(4))
  yield* fs.writeFile(`${directory}/after.png`, page(44))
  yield* compare(`${directory}/before.png`, `${directory}/after.png`)
}).pipe(Effect.scoped)

if (import.meta.main) {
  const [before, after = ""] = process.argv.slice(2)
  const chosen = before === undefined ? program : compare(before, after)
  chosen.pipe(
    Effect.provide([NodeCodex.layer({ sandbox: "read-only", idleTimeout: "5 minutes" }), NodeServices.layer]),
    NodeRuntime.runMain
  )
}
