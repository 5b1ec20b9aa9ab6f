/**
 * Checked events against bare `JSON.parse`, on lines in memory, turn by turn in one process. Each contestant has a
 * loop of its own, as a shared one would be compiled for both at once, and so for neither.
 */
import * as CodexEvent from "@effect-codex/core/CodexEvent"
import { readFileSync } from "node:fs"

const [file = "", rounds = "1", passes = "1"] = process.argv.slice(2)
const lines = readFileSync(file, "utf8").split("\n").filter((line) => line !== "")

const ours = (): number => {
  let sum = 0
  for (let pass = 0; pass < Number(passes); pass++) {
    for (const line of lines) sum += CodexEvent.fromLine(line).type.length
  }
  return sum
}

const parse = (): number => {
  let sum = 0
  for (let pass = 0; pass < Number(passes); pass++) {
    for (const line of lines) {
      const event: { readonly type: string } = JSON.parse(line)
      sum += event.type.length
    }
  }
  return sum
}

const samples = { ours: new Array<number>(), parse: new Array<number>() }
const expected = parse()
const warmUp = 10

for (let round = 0; round < warmUp + Number(rounds); round++) {
  const contestants = round % 2 === 0 ? (["ours", "parse"] as const) : (["parse", "ours"] as const)
  for (const name of contestants) {
    const startedAt = performance.now()
    const sum = name === "ours" ? ours() : parse()
    const elapsed = performance.now() - startedAt
    if (sum !== expected) throw new Error(`${name} read something else`)
    if (round >= warmUp) samples[name].push(elapsed * 1000 / lines.length / Number(passes))
  }
}
process.stdout.write(JSON.stringify(samples))
