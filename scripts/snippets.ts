/**
 * Type-checks what the documentation shows: every block marked `ts` in README.md, CONTRIBUTING.md, docs and the doc
 * comments of packages/<name>/src is a module of its own, compiled against the workspace. A block that is not a whole
 * module is marked `ts no-check`; one that is marked with a file is compiled there, and `guide.ts` sees that it is the
 * same. Line numbers in what it reports are those of the documentation.
 */
import { spawnSync } from "node:child_process"
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"

const folder = "build/snippets"
const files = globSync(["README.md", "CONTRIBUTING.md", "docs/**/*.md", "packages/*/src/**/*.ts"])
  .filter((file) => !file.includes("generated"))

rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })

const isOfFile = /^ [\w./-]+\.ts(#[\w-]+)?$/
let count = 0
for (const file of files) {
  // In a source, only the lines of doc comments count, without their ` * `.
  const lines = readFileSync(file, "utf8").split(/\r?\n/).map((line) =>
    file.endsWith(".ts") ? /^\s*\* ?(?!\/)(.*)$/.exec(line)?.[1] ?? "" : line
  )
  let block: { readonly start: number; readonly isChecked: boolean } | undefined
  for (const [index, line] of lines.entries()) {
    if (block === undefined) {
      const info = /^\s*```(?:ts|typescript)\b(.*)$/.exec(line)?.[1]
      if (info !== undefined) {
        block = { start: index + 1, isChecked: !info.includes("no-check") && !isOfFile.test(info) }
      }
    } else if (/^\s*```\s*$/.test(line)) {
      if (block.isChecked) {
        count++
        // Padded, so that a line of the snippet has the number that it has in the documentation.
        const code = "\n".repeat(block.start) + lines.slice(block.start, index).join("\n")
        writeFileSync(`${folder}/${file.replaceAll(/[\\/]/g, "+")}@${block.start}.ts`, `${code}\nexport {}\n`)
      }
      block = undefined
    }
  }
}

writeFileSync(
  `${folder}/tsconfig.json`,
  JSON.stringify({
    extends: "../../tsconfig.base.json",
    compilerOptions: {
      composite: false,
      incremental: false,
      noEmit: true,
      noUnusedLocals: false,
      noUnusedParameters: false,
      types: ["node"],
      // Documentation shows whole programs, which use Node and provide their layers.
      plugins: [{
        name: "@effect/language-service",
        includeSuggestionsInTsc: false,
        diagnosticSeverity: { nodeBuiltinImport: "off", strictEffectProvide: "off" }
      }]
    },
    include: ["*.ts"]
  })
)
if (count === 0) process.exit(0)
const { status } = spawnSync("tsc", ["-p", folder], { stdio: "inherit", shell: process.platform === "win32" })
process.exit(status ?? 1)
