/**
 * `npm test`: everything that has to hold before a change is merged, cheapest first, stopping at the first step that
 * fails. A step is a command of a tool or of a script beside this one; its output is shown when it fails. The tests
 * come last and live, with coverage; their counts are the last line: `N passed, M failed`.
 */
import { spawn } from "node:child_process"
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs"

const steps: ReadonlyArray<readonly [title: string, command: string, ...args: ReadonlyArray<string>]> = [
  ["Types and Effect diagnostics, build", "tsc", "-b"],
  ["Lint, no import cycles", "oxlint"],
  ["Format", "dprint", "check"],
  ["Generated barrels are up to date", process.execPath, "scripts/barrels.ts", "--check"],
  ["Generated protocol is up to date", process.execPath, "scripts/protocol.ts", "--check"],
  ["Code of the guides is that of its files", process.execPath, "scripts/guide.ts", "--check"],
  ["Snippets of the documentation", process.execPath, "scripts/snippets.ts"],
  ["Parity with other SDKs", process.execPath, "scripts/parity.ts"],
  ["Packed packages", process.execPath, "scripts/packages.ts"]
]
const results = "build/tests.json"

/** What we read of vitest's JSON report. A file that failed to load has no assertion results. */
interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numTodoTests: number
  readonly testResults: ReadonlyArray<{ readonly status: string; readonly assertionResults: ReadonlyArray<unknown> }>
}

/** Runs a command, silently unless `isLive`, and answers whether it succeeded and what it printed. */
const run = (command: string, args: ReadonlyArray<string>, isLive = false) => {
  const shell = process.platform === "win32" && command !== process.execPath
  const child = spawn(command, args, {
    stdio: ["ignore", ...isLive ? ["inherit" as const, "inherit" as const] : []],
    shell
  })
  const forward = (signal: NodeJS.Signals) => child.kill(signal)
  const signals = ["SIGTERM", "SIGHUP"] as const
  for (const signal of signals) process.on(signal, forward)
  let output = ""
  child.stdout?.setEncoding("utf8").on("data", (chunk: string) => output += chunk)
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => output += chunk)
  return new Promise<{ readonly isOk: boolean; readonly output: string }>((resolve) => {
    child.on("error", (error) => output += error.message)
    child.on("close", (code) => {
      for (const signal of signals) process.off(signal, forward)
      resolve({ isOk: code === 0, output })
    })
  })
}

const conclude = (isOk: boolean, title: string, since: number) =>
  console.log(`${isOk ? "ok    " : "FAILED"}  ${title} (${((performance.now() - since) / 1000).toFixed(1)} s)`)

// A compiled file outlives its source, and an incremental build does not see a changed severity of a diagnostic.
rmSync("build", { recursive: true, force: true })
for (const name of readdirSync("packages")) rmSync(`packages/${name}/dist`, { recursive: true, force: true })

if (!(await run("tsc", ["--version"])).output.includes("effect-tsgo")) {
  console.log("`tsc` lacks Effect's diagnostics: run `node_modules/.bin/effect-tsgo patch`.")
  process.exit(1)
}

for (const [title, command, ...args] of steps) {
  const start = performance.now()
  const { isOk, output } = await run(command, args)
  conclude(isOk, title, start)
  if (!isOk) {
    console.log(`\n${output}`)
    process.exit(1)
  }
}

const title = "Tests, with coverage"
const start = performance.now()
console.log(`        ${title}`)
const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${results}`]
const { isOk } = await run("vitest", ["run", "--coverage", ...reporters], true)
if (!existsSync(results)) {
  console.log("The tests ended without a result.")
  process.exit(1)
}
const report: Report = JSON.parse(readFileSync(results, "utf8"))
const unloaded = report.testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0)
const skipped = report.numPendingTests + report.numTodoTests
const failed = report.numFailedTests + unloaded.length
const isGreen = isOk && failed === 0 && skipped === 0 && report.numPassedTests > 0
if (skipped > 0) console.log(`Skipped: ${skipped}. Every test counts.`)
conclude(isGreen, title, start)
console.log(`${report.numPassedTests} passed, ${failed} failed`)
process.exit(isGreen ? 0 : 1)
