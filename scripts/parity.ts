/**
 * Keeps docs/parity*.md true: every row of their tables names a test, or says why we differ ("On purpose: ..."); and
 * every test, every member of a module, and every method of the client of an app-server, that they name is there.
 */
import { existsSync, globSync, readFileSync } from "node:fs"
import { basename } from "node:path"

const text = globSync("docs/parity*.md").map((file) => readFileSync(file, "utf8")).join("\n")
const problems: Array<string> = []

for (const row of text.split("\n").filter((line) => /^\| (?!-|Theirs|Defect)/.test(line))) {
  if (!/ › |On purpose: /.test(row)) problems.push(`no test, and no reason: ${row}`)
}

/** The titles of a file's tests and groups. One with holes is a pattern; what fills them is to be in the file too. */
const titlesIn = (source: string): ReadonlyArray<RegExp> => {
  const calls = source.matchAll(/(?:\b(?:it|describe)(?:\.\w+)*|\))\(\s*(?:"((?:[^"\\\n]|\\.)*)"|`([^`]*)`)/g)
  return Array.from(calls, ([, plain, template = ""]) => {
    const parts = plain === undefined ? template.split(/\$\{.*?\}/) : [plain.replaceAll(/\\(.)/g, "$1")]
    return new RegExp(`^${parts.map((part) => part.replaceAll(/[^\w ]/g, "\\$&")).join("(.+?)")}$`)
  })
}

const tests = Array.from(text.matchAll(/`+([\w./-]+\.test\.ts) › (.+?) ?`+(?=<br>| +\|)/g))
for (const [, name = "", title = ""] of tests) {
  const file = name.replace(/^(core|node|testing)\//, "packages/$1/test/")
  const source = existsSync(file) ? readFileSync(file, "utf8") : ""
  const isThere = titlesIn(source).some((pattern) => {
    const found = pattern.exec(title)
    return found !== null && found.slice(1).every((part) => source.includes(part))
  })
  if (!isThere) problems.push(`no such test: ${name} › ${title}`)
}

const sources = new Map(
  globSync("packages/*/src/**/*.ts").map((file) => [basename(file, ".ts"), readFileSync(file, "utf8")])
)
for (const [, module = "", member = ""] of text.matchAll(/`([A-Z]\w+)\.([a-zA-Z]\w*)\b/g)) {
  const source = sources.get(module)
  const isThere = new RegExp(`^export (const|function|class|interface|type) ${member}\\b`, "m").test(source ?? "")
  if (source !== undefined && !isThere) problems.push(`no such member: ${module}.${member}`)
}

const [client = "", methods = ""] = ["Client", "methods"].map((name) => sources.get(name))
for (const [, path = ""] of text.matchAll(/`client\.([\w.]+)/g)) {
  const isThere = methods.includes(`"${path.replaceAll(".", "/")}"`) || client.includes(`  readonly ${path}: `)
  if (!isThere) problems.push(`no such method: client.${path}`)
}

console.log(problems.length === 0 ? `${tests.length} tests are there` : problems.join("\n"))
process.exit(problems.length === 0 ? 0 : 1)
