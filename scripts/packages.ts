/**
 * What users get from npm: packs the packages, unpacks each into a folder that has nothing but what it may depend on,
 * and there type-checks and runs, with plain Node, an import of all its modules. Package purity: a compiled file
 * imports only what `mayImport` allows, so that core runs wherever Effect does and nothing reaches the testing package.
 */
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"

const mayImport = {
  core: ["effect"],
  node: ["effect", "@effect/platform-node", "@effect-codex/core", "node:"],
  testing: ["effect", "@effect-codex/core"]
}

const root = fs.mkdtempSync(join(tmpdir(), "effect-codex-packages-"))
process.on("exit", () => fs.rmSync(root, { recursive: true, force: true }))

const run = (command: string, args: ReadonlyArray<string>, cwd?: string) => {
  const shell = process.platform === "win32" && command !== process.execPath
  const { error, status, stderr, stdout } = spawnSync(command, args, { cwd, shell, encoding: "utf8", timeout: 120_000 })
  if (status === 0) return
  console.log(`${command} ${args.join(" ")}\n${stdout}${stderr}${error?.message ?? ""}`)
  process.exit(1)
}

run(process.execPath, ["scripts/dev.mjs", "pnpm", "--filter", "./packages/*", "pack", "--pack-destination", root])
const version: string = JSON.parse(fs.readFileSync("packages/core/package.json", "utf8")).version
for (const name of Object.keys(mayImport)) {
  fs.mkdirSync(join(root, name))
  run("tar", ["-xzf", join(root, `effect-codex-${name}-${version}.tgz`), "-C", join(root, name)])
}

const impure: Array<string> = []
for (const [name, dependencies] of Object.entries(mayImport)) {
  const folder = join(root, name, "package")
  for (const file of fs.globSync("{bundle/**/*.js,dist/**/*.d.ts}", { cwd: folder })) {
    const code = fs.readFileSync(join(folder, file), "utf8").replaceAll(/\/\*[^]*?\*\//g, "")
    for (const [, specifier = ""] of code.matchAll(/\b(?:from|import)[\s(]*["']([^"'\n]+)["']/g)) {
      const isAllowed = specifier.startsWith(".") ||
        dependencies.some((one) => specifier === one || specifier.startsWith(one.endsWith(":") ? one : `${one}/`))
      if (!isAllowed) impure.push(`packages/${name}/${file} imports ${specifier}`)
    }
  }
}
if (impure.length > 0) {
  console.log(impure.join("\n"))
  process.exit(1)
}

for (const [name, dependencies] of Object.entries(mayImport)) {
  const self = `@effect-codex/${name}`
  const consumer = join(root, `uses-${name}`)
  for (const dependency of [self, ...dependencies.filter((one) => !one.endsWith(":"))]) {
    const target = join(consumer, "node_modules", dependency)
    fs.mkdirSync(dirname(target), { recursive: true })
    const own = /^@effect-codex\/(.*)$/.exec(dependency)?.[1]
    if (own !== undefined) fs.cpSync(join(root, own, "package"), target, { recursive: true })
    else fs.symlinkSync(fs.realpathSync(join("node_modules", dependency)), target, "junction")
  }
  const bundle = join(consumer, "node_modules", self, "bundle")
  const modules = fs.globSync("**/*.js", { cwd: bundle, exclude: ["internal/**", "**/generated/**", "index.js"] })
    .map((file) => file.replaceAll("\\", "/").replace(/\.js$/, ""))
  const imports = [self, ...modules.map((module) => `${self}/${module}`)]
    .map((specifier, index) => `export * as M${index} from "${specifier}"\n`).join("")
  fs.writeFileSync(join(consumer, "main.ts"), imports)
  fs.writeFileSync(join(consumer, "package.json"), `{ "type": "module" }`)
  run("tsc", ["--noEmit", "--strict", "--module", "nodenext", "--skipLibCheck", "--types", "", "main.ts"], consumer)
  run(process.execPath, ["main.ts"], consumer)
}
