/**
 * Records `packages/testing/cassettes` from the Codex CLI that the lockfile pins: every event, item, failure and request
 * that can be had offline. With `--check` it only tells what the CLI says otherwise. Names choose cassettes; default: all.
 */
import * as Cassette from "@effect-codex/testing/Cassette"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { record } from "./record/codex.ts"
import { scenarios } from "./record/scenarios.ts"

// Not the CLI that CODEX_PATH names, nor a key that happens to be around.
delete process.env.CODEX_PATH
delete process.env.CODEX_API_KEY

const folder = "packages/testing/cassettes"
const isCheck = process.argv.includes("--check")
const wanted = process.argv.slice(2).filter((arg) => arg !== "--check")
const unknown = wanted.filter((name) => !Object.hasOwn(scenarios, name))
if (unknown.length > 0) {
  console.log(`There is no ${unknown.join(", ")}. There are:\n  ${Object.keys(scenarios).join("\n  ")}`)
  process.exit(1)
}

const nothing: Cassette.Cassette = { header: { cassette: Cassette.formatVersion, recordedAt: "" }, entries: [] }
const read = (file: string) =>
  existsSync(file) ? Result.getOrElse(Cassette.fromText(readFileSync(file, "utf8")), () => nothing) : nothing

let stale = 0
for (const [name, scenario] of Object.entries(scenarios)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  const file = `${folder}/${name}.jsonl`
  const before = read(file)
  let cassette = await Effect.runPromise(record(scenario))
  let changes = Cassette.differences(before, cassette)
  // What happens at the same time differs from run to run: only what is never as it was counts.
  for (const _ of existsSync(file) ? [2, 3, 4] : []) {
    if (changes.length === 0) break
    cassette = await Effect.runPromise(record(scenario))
    const again = Cassette.differences(before, cassette)
    changes = changes.filter((change) => again.includes(change))
  }
  console.log(`${name}: ${cassette.entries.length} entries, ${changes.length === 0 ? "the same" : "changed"}`)
  if (changes.length === 0) continue
  stale++
  if (isCheck) console.log(changes.map((change) => `  ${change.slice(0, 400)}`).join("\n"))
  else writeFileSync(file, Cassette.toText(cassette))
}
for (const file of wanted.length > 0 ? [] : readdirSync(folder)) {
  if (Object.hasOwn(scenarios, file.replace(/\.jsonl$/, ""))) continue
  console.log(`${file} is of no scenario`)
  stale++
  if (!isCheck) rmSync(`${folder}/${file}`)
}
if (isCheck && stale > 0) console.log("Codex says otherwise than the cassettes: npm run record")
process.exit(isCheck && stale > 0 ? 1 : 0)
