/**
 * `node scripts/dev.mjs <task> [args]`: the one way in, behind every script of package.json.
 *
 * A fresh clone on a machine with git, Node 20 and npm lacks pnpm and the Node 24 that the project runs on. So: see
 * that the dependencies are those of the lockfile (pnpm comes through `npm exec`; nothing is installed globally), then
 * run the task with the Node 24 that is one of them. Plain JavaScript, because Node 20 runs it.
 */
import { spawn, spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import * as fs from "node:fs"
import { constants } from "node:os"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"

const tasks = {
  quickstart: ["node", "examples/quickstart/main.ts"],
  example: ["node", "scripts/example.ts"],
  test: ["node", "scripts/check.ts"],
  bench: ["node", "benchmarks/main.ts"],
  check: ["tsc", "-b"],
  lint: ["oxlint"],
  format: ["dprint", "fmt"],
  build: ["tsc", "-b", "packages/core", "packages/node", "packages/testing"],
  unit: ["vitest", "run", "--project", "unit"],
  integration: ["vitest", "run", "--project", "integration"],
  coverage: ["vitest", "run", "--coverage"],
  barrels: ["node", "scripts/barrels.ts"],
  guide: ["node", "scripts/guide.ts"],
  protocol: ["node", "scripts/protocol.ts"],
  record: ["node", "scripts/record.ts"],
  mutations: ["node", "scripts/mutations.ts"],
  changeset: ["changeset"]
}

process.chdir(fileURLToPath(new URL("..", import.meta.url)))
const bin = join(process.cwd(), "node_modules", ".bin")
const stampFile = join("node_modules", ".installed")
const lockFile = join("node_modules", ".installing")
const logFile = join("node_modules", ".install.log")

/** The text of a file, or nothing if there is no such file. */
const read = (path) => {
  try {
    return fs.readFileSync(path, "utf8")
  } catch {
    return ""
  }
}

const fail = (message) => {
  console.error(message)
  process.exit(1)
}

/** Our environment without what `npm run` adds to it, except what a user may have set to reach a registry. */
const environment = () => {
  const reach = /^npm_config_(\/\/|@|registry|.*proxy|cafile|ca|strict_ssl|userconfig|globalconfig|cache$)/i
  const added = (name) => /^(npm_.*|INIT_CWD|NODE|NODE_ENV)$/i.test(name) && !reach.test(name)
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !added(name)))
  const path = Object.keys(env).find((name) => name.toUpperCase() === "PATH") ?? "PATH"
  return { ...env, [path]: `${bin}${delimiter}${env[path] ?? ""}` }
}

/** Runs a command to its end and answers its exit code. */
const run = (command, args, options) =>
  new Promise((resolve) => {
    const shell = process.platform === "win32" && command !== process.execPath
    const child = spawn(command, args, { stdio: "inherit", env: environment(), shell, ...options })
    // On a terminal, Ctrl-C reaches the child without us.
    const forward = (signal) => signal === "SIGINT" && process.stdin.isTTY || child.kill(signal)
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, forward)
    // A killed `npm run` tells nobody but its shell.
    const parent = process.ppid
    const watch = setInterval(() => process.ppid === parent || child.kill("SIGTERM"), 500)
    child.on("error", (error) => fail(`Cannot run ${command}: ${error.message}`))
    child.on("close", (code, signal) => {
      for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.off(name, forward)
      clearInterval(watch)
      resolve(code ?? 128 + constants.signals[signal])
    })
  })

const pnpmVersion = /"pnpm@([^"+]+)/.exec(read("package.json"))[1]

const pnpm = (args, options) =>
  run("npm", ["exec", "--yes", "--prefer-offline", `--package=pnpm@${pnpmVersion}`, "--", "pnpm", ...args], options)

/** The folders of the workspace (pnpm-workspace.yaml). */
const projects = () =>
  [
    ".",
    "examples",
    "benchmarks",
    ...fs.readdirSync("packages").map((name) => join("packages", name))
  ].filter((folder) => fs.existsSync(join(folder, "package.json")))

/** What decides about `node_modules`, in one string. */
const wanted = () => {
  const hash = createHash("sha256").update(`${process.platform} ${process.arch}`)
  const manifests = projects().map((folder) => join(folder, "package.json"))
  for (const file of ["pnpm-lock.yaml", "pnpm-workspace.yaml", ...manifests]) hash.update(`\0${read(file)}`)
  return hash.digest("hex")
}

/** The Node that the last complete installation chose, if `node_modules` is still what it left. */
const installed = () => {
  const [key, node] = read(stampFile).split("\n")
  const complete = () =>
    projects().every((folder) => {
      const { dependencies, devDependencies } = JSON.parse(read(join(folder, "package.json")))
      return Object.keys({ ...dependencies, ...devDependencies })
        .every((name) => fs.existsSync(join(folder, "node_modules", name)))
    })
  return key === wanted() && fs.existsSync(node) && complete() ? node : undefined
}

const isNew = (node) => Number(/^v(\d+)/.exec(spawnSync(node, ["--version"], { encoding: "utf8" }).stdout)?.[1]) >= 24

/** The packaged Node 24, or the host's own if that is as new. */
const findNode = () => {
  const packaged = join(bin, "node")
  if (fs.existsSync(packaged) && isNew(packaged)) return packaged
  fs.rmSync(packaged, { force: true })
  if (isNew(process.execPath)) return process.execPath
  fail(`There is no Node 24 for ${process.platform} ${process.arch} in node_modules: install Node 24 and try again.`)
}

const unlock = () => {
  process.off("exit", unlock)
  fs.rmSync(lockFile, { force: true })
}

const isAlive = (pid) => {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error.code === "EPERM"
  }
}

/** Takes the lock until we exit, waiting for another installation to end. A lock whose holder is dead is removed. */
const lock = () => {
  fs.mkdirSync("node_modules", { recursive: true })
  for (;;) {
    try {
      fs.writeFileSync(lockFile, String(process.pid), { flag: "wx" })
      return process.once("exit", unlock)
    } catch (error) {
      if (error.code !== "EEXIST") throw error
    }
    const age = Date.now() - (fs.statSync(lockFile, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
    const holder = Number(read(lockFile))
    if (age > 1000 && !(holder > 0 && isAlive(holder))) fs.rmSync(lockFile, { force: true })
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
  }
}

const install = async () => {
  lock()
  if (installed() === undefined) {
    fs.rmSync(stampFile, { force: true })
    console.error("Installing dependencies into node_modules (about a minute the first time) ...")
    const key = wanted()
    const log = fs.openSync(logFile, "w")
    // No questions (CI), and no second look at how old the packages of the lockfile are: it pins their contents.
    const env = { ...environment(), CI: "true" }
    const args = ["install", "--frozen-lockfile", "--config.minimumReleaseAge=0"]
    const code = await pnpm(args, { stdio: ["ignore", log, log], env })
    if (code !== 0) fail(`${read(logFile)}\nThe dependencies could not be installed: see above.`)
    fs.writeFileSync(stampFile, `${key}\n${findNode()}`)
  }
  unlock()
  return installed() ?? fail("The dependencies do not match the lockfile: `npm run pnpm install` brings it up to date.")
}

const [task, ...args] = process.argv.slice(2)
if (task === "pnpm") process.exit(await pnpm(args))
if (!Object.hasOwn(tasks, task ?? "")) {
  fail(`Usage: node scripts/dev.mjs <${Object.keys(tasks).join(" | ")} | pnpm> [args]`)
}
const node = installed() ?? await install()
const [command, ...first] = tasks[task]
process.exit(await run(command === "node" ? node : command, [...first, ...args]))
