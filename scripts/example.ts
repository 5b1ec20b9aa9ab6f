/** `npm run example -- <name> [args]`: runs `examples/<name>/main.ts`, or lists what there is. */
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"

const names = fs.globSync("examples/*/main.ts").map((file) => file.replaceAll("\\", "/").split("/")[1] ?? "").toSorted()
const [name = "", ...args] = process.argv.slice(2)

if (!names.includes(name)) {
  console.log(`Usage: npm run example -- <name> [args]\n\n${names.map((name) => `  ${name}`).join("\n")}`)
  process.exit(name === "" ? 0 : 1)
}
const { status } = spawnSync(process.execPath, [`examples/${name}/main.ts`, ...args], { stdio: "inherit" })
process.exit(status ?? 1)
