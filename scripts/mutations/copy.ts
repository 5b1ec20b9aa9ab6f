/**
 * A copy of the repository in which one may change the sources: its files as they are now, and links to the packages
 * that are installed, but for our own.
 */
import { spawnSync } from "node:child_process"
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, relative, sep } from "node:path"

/** Copies the repository in the current directory, and gives the directory of the copy. */
export const make = (): string => {
  const root = realpathSync(".")
  const copy = mkdtempSync(join(realpathSync(tmpdir()), "mutations-"))

  const { stdout } = spawnSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "-z"], {
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024
  })
  for (const file of stdout.split("\0").filter((file) => file !== "" && existsSync(file))) {
    mkdirSync(join(copy, dirname(file)), { recursive: true })
    copyFileSync(file, join(copy, file))
  }

  /** Links a package, or each of a scope; one of our own is that of the copy. */
  const link = (folder: string, name: string): void => {
    if (name.startsWith("@")) {
      for (const inner of readdirSync(join(folder, name))) link(join(folder, name), inner)
      return
    }
    const target = realpathSync(join(folder, name))
    const own = relative(root, target)
    const isOwn = !own.startsWith("..") && !own.split(sep).includes("node_modules")
    mkdirSync(join(copy, folder), { recursive: true })
    symlinkSync(isOwn ? join(copy, own) : target, join(copy, folder, name))
  }
  const projects = [".", "examples", ...readdirSync("packages").map((name) => join("packages", name))]
  for (const folder of projects.map((project) => join(project, "node_modules"))) {
    const names = existsSync(folder) ? readdirSync(folder).filter((name) => !name.startsWith(".")) : []
    for (const name of names) link(folder, name)
  }
  return copy
}
