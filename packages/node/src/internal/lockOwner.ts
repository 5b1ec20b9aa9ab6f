/**
 * Who holds a lock, and whether that process is dead for certain.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as Os from "node:os"
import { errorCode } from "./processTable.ts"

export type LockOwner = typeof LockOwner.Type

export const LockOwner = Schema.Struct({
  /** The host and, on Linux, the namespace of process ids: containers may share the name of their host. */
  host: Schema.String,
  pid: Schema.Natural,
  /** When the process started, in which boot; empty where that is not known. */
  start: Schema.String,
  /** No two locks have the same. It is part of file names. */
  token: Schema.String.check(Schema.isPattern(/^[0-9a-z-]+$/))
})

/** What this process writes into its locks, and what it thinks of those of others. */
export const make = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const read = (path: string) => Effect.orElseSucceed(fs.readFileString(path), () => "")
  const boot = (yield* read("/proc/sys/kernel/random/boot_id")).trim()
  const namespace = yield* Effect.orElseSucceed(fs.readLink("/proc/self/ns/pid"), () => "")
  const startOf = (pid: number) => Effect.map(read(`/proc/${pid}/stat`), (stat) => parseStart(stat, boot))

  const self = {
    host: `${Os.hostname()} ${namespace}`.trim(),
    pid: process.pid,
    start: yield* startOf(process.pid)
  }

  return {
    /** The owner of a new lock. */
    next: Effect.map(Random.nextInt, (chance): LockOwner => ({
      ...self,
      // Process id, time and chance: whatever seed is set, no token comes twice.
      token: [self.pid, process.hrtime.bigint(), Math.abs(chance)].map((part) => part.toString(36)).join("-")
    })),

    /** `false` where nothing can be said, as of a process on another host. */
    isDead: Effect.fnUntraced(function*(owner: LockOwner) {
      if (owner.host !== self.host) return false
      if (!exists(owner.pid)) return true
      const start = yield* startOf(owner.pid)
      // Another process may have got the id.
      return owner.start !== "" && start !== "" && start !== owner.start
    })
  }
})

const exists = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch (cause) {
    return errorCode(cause) !== "ESRCH"
  }
}

/**
 * The start of the process of a `/proc/<pid>/stat`, empty if that could not be read. A zombie has none, but one with
 * threads left is none yet: until the last has left the kernel, what a killed process began may still happen.
 */
const parseStart = (stat: string, boot: string): string => {
  if (stat === "") return ""
  // The command name, the second field, may hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  const [state, threads, ticks] = [fields[0], Number(fields[17]), fields[19]]
  return (state === "Z" || state === "X") && threads < 2 ? "zombie" : `${ticks} ${boot}`
}
