/**
 * Where the contestants run: a folder of `build/benchmarks`, laid out as a user's project. Our packages lie in its
 * `node_modules` as npm would publish them (bundled, with the published `exports`), so that what is measured is what
 * users get and not Node stripping the types of our sources.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import * as fs from "node:fs"
import { stripTypeScriptTypes } from "node:module"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const here = dirname(fileURLToPath(import.meta.url))
const root = dirname(here)

const folder = join(root, "build", "benchmarks")

/** Of this process alone, so that two can run at once. */
export const directory = join(folder, String(process.pid))

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

export const prepare = (): void => {
  fs.mkdirSync(directory, { recursive: true })
  const remove = (name: string) => fs.rmSync(join(folder, name), { recursive: true, force: true })
  for (const name of fs.readdirSync(folder)) if (!isAlive(Number(name))) remove(name)
  process.once("exit", () => remove(String(process.pid)))
  for (const name of ["core", "node"]) {
    const source = join(root, "packages", name)
    const target = join(directory, "node_modules", "@effect-codex", name)
    const { publishConfig, ...manifest } = JSON.parse(fs.readFileSync(join(source, "package.json"), "utf8"))
    const args = [join(root, "scripts", "bundle.ts"), source, join(target, "bundle")]
    const bundled = spawnSync(process.execPath, args, { stdio: "inherit" })
    if (bundled.status !== 0) throw new Error(`${source} could not be bundled`)
    fs.writeFileSync(join(target, "package.json"), JSON.stringify({ ...manifest, exports: publishConfig.exports }))
  }
  for (const name of ["effect", "@effect/platform-node", "@openai/codex", "@openai/codex-sdk"]) {
    const target = join(directory, "node_modules", name)
    fs.mkdirSync(dirname(target), { recursive: true })
    fs.symlinkSync(fs.realpathSync(join(here, "node_modules", name)), target, "junction")
  }
  fs.writeFileSync(join(directory, "package.json"), `{ "type": "module" }`)
  // Node says once that stripping is experimental.
  process.removeAllListeners("warning")
  for (const file of fs.readdirSync(join(here, "contestants"))) {
    const code = stripTypeScriptTypes(fs.readFileSync(join(here, "contestants", file), "utf8"))
    fs.writeFileSync(join(directory, file.replace(/\.ts$/, ".js")), code)
  }
  // It reads its prompt, as Codex does, and then prints a file as fast as a pipe takes it.
  fs.writeFileSync(join(directory, "fake-codex"), `#!/bin/sh\ncat > /dev/null\nexec cat "$BENCH_OUTPUT"\n`, {
    mode: 0o755
  })
}

export const fakeCodex = join(directory, "fake-codex")

/** Writes what the fake Codex prints, and gives the environment that makes it do so. */
export const output = (name: string, lines: Iterable<string>): Record<string, string> => {
  const file = join(directory, name)
  fs.writeFileSync(file, [...lines, ""].join("\n"))
  return { BENCH_OUTPUT: file, CODEX_PATH: fakeCodex }
}

const start = (contestant: string, env: Readonly<Record<string, string>>, args: ReadonlyArray<string>): ChildProcess =>
  spawn(process.execPath, [join(directory, `${contestant}.js`), ...args], {
    cwd: directory,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"]
  })

/** Runs a contestant to its end: the JSON that it prints, and how long it took to print its first byte. */
export const run = (
  contestant: string,
  env: Readonly<Record<string, string>>,
  ...args: ReadonlyArray<string>
): Promise<{ readonly result: unknown; readonly firstByteAfter: number }> =>
  new Promise((resolve, reject) => {
    const startedAt = performance.now()
    let firstByteAfter: number | undefined
    let text = ""
    const child = start(contestant, env, args)
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      firstByteAfter ??= performance.now() - startedAt
      text += chunk
    })
    child.on("error", reject)
    child.on("close", (code, signal) => {
      if (code === 0 && firstByteAfter !== undefined) resolve({ result: JSON.parse(text), firstByteAfter })
      else reject(new Error(`${contestant} ended with ${code ?? signal}, having printed: ${text}`))
    })
  })
