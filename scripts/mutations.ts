/**
 * Whether the testing kit finds bugs: puts one at a time into a copy of the repository (`mutations/`), runs the tests that
 * are to find it, and tells which does. It fails if a bug is not found, or can't be put there any more, as its place has
 * changed. Words choose bugs by their names; default: all.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Bug, Edit } from "./mutations/bug.ts"
import * as Copy from "./mutations/copy.ts"
import { policyBugs } from "./mutations/policies.ts"
import * as Tests from "./mutations/tests.ts"
import { appServerBugs, execBugs } from "./mutations/transports.ts"

interface Row {
  readonly name: string
  readonly verdict: "caught" | "SURVIVED" | "STALE"
  /** The test that has found it, or what is wrong. */
  readonly what: string
  readonly seconds: number
}

const bugs = [...execBugs, ...appServerBugs, ...policyBugs]
const words = process.argv.slice(2)
const chosen = bugs.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)))
if (chosen.length === 0) {
  console.log(`There is no such bug. There are:\n  ${bugs.map(({ name }) => name).join("\n  ")}`)
  process.exit(1)
}

const copy = Copy.make()
process.on("exit", () => {
  Tests.sweep()
  rmSync(copy, { recursive: true, force: true })
})
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(1))

/** Makes the edits, unless one does not fit any more; gives what is wrong, or how to undo them. */
const edit = (edits: ReadonlyArray<Edit>): string | (() => void) => {
  const read = (file: string) => existsSync(join(copy, file)) ? readFileSync(join(copy, file), "utf8") : ""
  const before = new Map(edits.map(({ file }) => [file, read(file)]))
  const after = new Map(before)
  for (const { file, find, replace } of edits) {
    const parts = after.get(file)?.split(find) ?? []
    if (parts.length !== 2) return `${file} has ${parts.length - 1} times: ${JSON.stringify(find)}`
    after.set(file, parts.join(replace))
  }
  const write = (texts: ReadonlyMap<string, string>) => {
    for (const [file, text] of texts) writeFileSync(join(copy, file), text)
  }
  write(after)
  return () => write(before)
}

const check = async ({ edits, name, tests }: Bug): Promise<Row> => {
  const undo = edit(edits)
  if (typeof undo === "string") return { name, verdict: "STALE", what: undo, seconds: 0 }
  const startedAt = performance.now()
  const result = await Tests.run(copy, tests, 60)
  undo()
  const seconds = (performance.now() - startedAt) / 1000
  switch (result.type) {
    case "passed":
      return { name, verdict: "SURVIVED", what: `${result.count} tests pass`, seconds }
    case "failed":
      return { name, verdict: "caught", what: result.test, seconds }
    case "hung":
      // It tells nobody what is wrong.
      return { name, verdict: "SURVIVED", what: `it hangs: ${result.test}`, seconds }
    case "broken":
      return { name, verdict: "STALE", what: result.problem, seconds }
  }
}

const show = ({ name, seconds, verdict, what }: Row) =>
  `${verdict.padEnd(8)}  ${name.padEnd(width)}  ${seconds.toFixed(1).padStart(5)} s  ${what}`
const width = Math.max(...chosen.map(({ name }) => name.length))

for (const tests of new Set(chosen.map(({ tests }) => tests))) {
  const result = await Tests.run(copy, tests, 60)
  if (result.type === "passed") continue
  console.log(`Without a bug, the tests should pass (${tests.files.join(", ")}): ${JSON.stringify(result)}`)
  process.exit(1)
}

const rows: Array<Row> = []
for (const bug of chosen) {
  const row = await check(bug)
  rows.push(row)
  console.log(show(row))
}
const bad = rows.filter(({ verdict }) => verdict !== "caught")
console.log(`\n${rows.length - bad.length} of ${rows.length} bugs are caught${bad.length === 0 ? "" : "; not:"}`)
for (const row of bad) console.log(show(row))
process.exit(bad.length === 0 ? 0 : 1)
