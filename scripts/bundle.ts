/**
 * `node scripts/bundle.ts [package] [target]`: a package's JavaScript as users get it, into `bundle` or `target`.
 *
 * For Node, to find and link a small module takes longer than to run it: 60 of ours made a program wait for 20 ms.
 * So what a start needs lies in a few chunks, by floors, so that who only reads events loads no client. A chunk holds
 * its modules and what they import, unless an earlier chunk has it. Everything else keeps a file of its own, and each
 * public module a file that names its exports; the chunks are in `internal`, which is not exported.
 */
import * as fs from "node:fs"
import { basename, join, resolve } from "node:path"
import { rolldown } from "rolldown"

const chunks: Record<string, Array<{ name: string; test: RegExp }>> = {
  core: [
    { name: "events", test: /src.CodexEvent\.ts$/ },
    { name: "data", test: /src.Codex(Error|Input|Options|Turn)\.ts$/ },
    { name: "client", test: /src.(Codex|exec.ExecTransport)\.ts$/ }
  ],
  node: [{ name: "client", test: /src.NodeCodex\.ts$/ }]
}

const folder = resolve(process.argv[2] ?? ".")
const target = resolve(process.argv[3] ?? join(folder, "bundle"))
const source = join(folder, "src")

const modules = fs.globSync("**/*.ts", { cwd: source, exclude: ["internal/**", "**/generated/**", "index.ts"] })
  .map((file) => [file.replaceAll("\\", "/").replace(/\.ts$/, ""), join(source, file)])

const bundle = await rolldown({
  cwd: folder,
  input: Object.fromEntries(modules),
  // Every package, but not `c:\...`, where a module of ours may lie.
  external: /^[@a-z][^:]/,
  platform: "neutral",
  transform: { target: "es2022" },
  treeshake: false
})
await bundle.write({
  dir: target,
  cleanDir: true,
  chunkFileNames: "internal/[name].js",
  codeSplitting: { groups: chunks[basename(folder)] ?? [] },
  comments: { jsdoc: false },
  minify: false,
  minifyInternalExports: false,
  sourcemap: true,
  sourcemapExcludeSources: true
})
await bundle.close()

// As it is: a bundled namespace is an object that has to be filled, and of which no bundler leaves a part out.
const barrel = fs.readFileSync(join(source, "index.ts"), "utf8")
fs.writeFileSync(join(target, "index.js"), barrel.replaceAll(".ts\"", ".js\""))
