/**
 * Writes the code of the guides: a block of the documentation that is marked ```` ```ts path/to/file.ts ```` is that
 * file, which is compiled and run with the others, and with `#name` behind the path the lines between `// #region name`
 * and `// #endregion` in it. With `--check` it only tells which blocks differ.
 */
import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs"

const isCheck = process.argv.includes("--check")
let blocks = 0
let problems = 0
const report = (problem: string) => {
  problems++
  console.log(problem)
}

/** The code of a file, or of its part of this name. */
const codeOf = (file: string, name: string | undefined): string | undefined => {
  if (!existsSync(file)) return undefined
  const lines = readFileSync(file, "utf8").trimEnd().split("\n")
  const start = name === undefined ? 0 : lines.indexOf(`// #region ${name}`) + 1
  if (name === undefined) return lines.filter((line) => !/^\/\/ #(end)?region\b/.test(line)).join("\n")
  const end = lines.indexOf("// #endregion", start)
  return start === 0 || end === -1 ? undefined : lines.slice(start, end).join("\n")
}

for (const guide of globSync(["README.md", "CONTRIBUTING.md", "docs/**/*.md"])) {
  const text = readFileSync(guide, "utf8")
  const written = text.replaceAll(
    /^(```ts ([\w./-]+\.ts)(?:#([\w-]+))?\n)(.*?)\n?^```$/gms,
    (block, fence: string, file: string, name: string | undefined, code: string, at: number) => {
      blocks++
      const line = text.slice(0, at).split("\n").length
      const expected = codeOf(file, name)
      if (expected === undefined) report(`${guide}:${line}: there is no ${file}${name === undefined ? "" : `#${name}`}`)
      else if (isCheck && expected !== code) {
        const [there, here] = [expected.split("\n"), code.split("\n")]
        const first = there.findIndex((line, index) => line !== here[index])
        const index = first === -1 ? there.length : first
        report(
          `${guide}:${line + 1 + index} is not as in ${file} (npm run guide):\n- ${here[index] ?? ""}\n+ ${
            there[index] ?? ""
          }`
        )
      }
      return expected === undefined ? block : `${fence}${expected}\n\`\`\``
    }
  )
  if (!isCheck && written !== text) writeFileSync(guide, written)
}

if (problems === 0) console.log(`${blocks} blocks are as in their files`)
process.exit(problems === 0 ? 0 : 1)
