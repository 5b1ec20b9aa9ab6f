/**
 * Runs tests in a copy of the repository, and tells the first that fails.
 */
import { spawn } from "node:child_process"
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"

/** Which tests: files, and words that are in the names of some. */
export interface Selection {
  readonly files: ReadonlyArray<string>
  readonly only?: string | undefined
}

export type Result =
  | { readonly type: "passed"; readonly count: number }
  | { readonly type: "failed"; readonly test: string }
  /** It was not over in time. */
  | { readonly type: "hung"; readonly test: string }
  /** No test has run. */
  | { readonly type: "broken"; readonly problem: string }

interface Report {
  readonly testResults: ReadonlyArray<{
    readonly name: string
    readonly message: string
    readonly assertionResults: ReadonlyArray<{
      readonly fullName: string
      readonly status: string
      readonly failureMessages: ReadonlyArray<string>
    }>
  }>
}

/** In the environment of all that a run starts. */
const mark = "EFFECT_CODEX_MUTATION"

const id = `${process.pid};`

/** What runs now, with the group of processes that it leads. */
let running: number | undefined

export const run = async (copy: string, { files, only }: Selection, limitSeconds: number): Promise<Result> => {
  const file = join(copy, "report.json")
  rmSync(file, { force: true })
  const child = spawn(process.execPath, [
    join("node_modules", "vitest", "vitest.mjs"),
    "run",
    "--bail=1",
    "--reporter=json",
    `--outputFile=${file}`,
    ...(only === undefined ? [] : [`--testNamePattern=${only}`]),
    ...files
  ], { cwd: copy, detached: true, env: { ...process.env, [mark]: id }, stdio: ["ignore", "ignore", "pipe"] })
  running = child.pid
  let stderr = ""
  child.stderr.on("data", (data) => stderr += data)
  const ended = await new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), limitSeconds * 1000)
    child.on("exit", () => {
      clearTimeout(timer)
      running = undefined
      resolve(true)
    })
  })
  sweep()
  if (!ended) return { type: "hung", test: `nothing after ${limitSeconds} s` }
  if (!existsSync(file)) return { type: "broken", problem: stderr.trim().split("\n")[0] ?? "" }
  const report: Report = JSON.parse(readFileSync(file, "utf8"))
  return resultOf(report)
}

const resultOf = ({ testResults }: Report): Result => {
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults)
  const failed = tests.filter(({ status }) => status === "failed")
  const isHung = ({ failureMessages }: typeof tests[number]) =>
    failureMessages.some((message) => /timed out in \d+ms/i.test(message))
  const test = failed.find((test) => !isHung(test)) ?? failed[0]
  if (test !== undefined) return { type: isHung(test) ? "hung" : "failed", test: test.fullName.trim() }
  const unloaded = testResults.find(({ message }) => message !== "")
  if (unloaded !== undefined) return { type: "broken", problem: unloaded.message.split("\n")[0] ?? "" }
  const count = tests.filter(({ status }) => status === "passed").length
  return count === 0 ? { type: "broken", problem: "there is no such test" } : { type: "passed", count }
}

/** Ends what runs, and what it has left: that is what some of the bugs do. */
export const sweep = (): void => {
  if (running !== undefined) kill(-running)
  for (const pid of existsSync("/proc") ? readdirSync("/proc").filter((name) => /^\d+$/.test(name)) : []) {
    try {
      if (readFileSync(`/proc/${pid}/environ`, "utf8").includes(`${mark}=${id}`)) kill(Number(pid))
    } catch {
      // It is gone, or not ours.
    }
  }
}

const kill = (pid: number): void => {
  try {
    process.kill(pid, "SIGKILL")
  } catch {
    // It is gone.
  }
}
