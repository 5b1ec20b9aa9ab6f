/**
 * Generates `packages/core/src/appserver/generated` from the Codex CLI that the lockfile pins, and tells what is new,
 * gone and different in the protocol since the last time. With `--check` it only tells whether the files are stale.
 */
import * as NodeCodexCli from "@effect-codex/node/NodeCodexCli"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import * as Definitions from "./protocol/definitions.ts"
import * as Files from "./protocol/files.ts"
import * as Outline from "./protocol/outline.ts"
import * as Rules from "./protocol/rules.ts"
import * as Source from "./protocol/source.ts"

const isCheck = process.argv.includes("--check")
const folder = "packages/core/src/appserver/generated"
const outlineFile = "scripts/protocol/generated/outline.json"
const read = (file: string) => existsSync(file) ? readFileSync(file, "utf8") : ""

// Not the CLI that CODEX_PATH names.
const { command } = await Effect.runPromise(
  Effect.provideService(NodeCodexCli.make(), ConfigProvider.ConfigProvider, ConfigProvider.fromEnvRecord({}))
)
const protocol = Source.read(command)
const definitions = Definitions.make(protocol)
const outline = Outline.make(protocol, definitions)

const fields = new Set(Object.keys(outline).map((name) => name.replaceAll(/<[^>]*>/g, "")))
const useless = [...Rules.secrets, ...Rules.notSecrets, ...Rules.newer].filter((field) => !fields.has(field))
if (useless.length > 0) throw new Error(`There is no ${useless.join(", ")} any more. Remove it from rules.ts.`)

const files = new Map(
  Object.entries(Files.make(protocol, definitions)).map(([name, text]) => [`${folder}/${name}`, text])
)
files.set(outlineFile, `${JSON.stringify({ version: protocol.version, ...outline }, undefined, 1)}\n`)

const { version = "none", ...before } = JSON.parse(read(outlineFile) || "{}")
const changes = Outline.compare(before, outline)
const stale = Array.from(files).filter(([file, text]) => read(file) !== text)

if (version !== protocol.version) console.log(`codex-cli ${version} -> ${protocol.version}`)
if (version !== "none" && changes.length > 0) console.log(changes.join("\n"))
for (const kind of Source.kinds) {
  const methods = Object.values(protocol[kind])
  const stable = methods.filter(({ isExperimental }) => !isExperimental)
  console.log(`${kind}: ${methods.length}, ${stable.length} of them stable`)
}
for (const [file, text] of stale) {
  console.log(`${file} is out of date${isCheck ? ": npm run protocol" : ""}`)
  if (isCheck) continue
  mkdirSync(file.replace(/\/[^/]+$/, ""), { recursive: true })
  writeFileSync(file, text)
}
process.exit(isCheck && stale.length > 0 ? 1 : 0)
