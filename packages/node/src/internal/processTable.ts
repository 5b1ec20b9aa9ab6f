/**
 * What runs on this machine: `/proc` on Linux, `ps` elsewhere on POSIX.
 */
import * as Arr from "effect/Array"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as ChildProcess from "effect/process/ChildProcess"
import type { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Fs from "node:fs"

/** A living process. Its id may be used again after its death, id and start together are not. */
export interface Process {
  readonly pid: number
  readonly parent: number
  /** When it started, in a notation of the table's own. */
  readonly start: string
}

/** The table could not be read, for want of file descriptors say: nothing can be said about who lives. */
export class Unreadable extends Data.TaggedError("Unreadable")<{ readonly cause: unknown }> {}

export interface ProcessTable {
  /** Every living process; a zombie is dead. */
  readonly read: Effect.Effect<ReadonlyArray<Process>, Unreadable>
  /** Which of `processes` have `mark` in their environment. None that is older than `since` is looked at. */
  readonly marked: (
    mark: string,
    processes: ReadonlyArray<Process>,
    since: string | undefined
  ) => Effect.Effect<ReadonlySet<number>, Unreadable>
  /** When `pid` started, or `undefined` where that costs more than a glance. */
  readonly startOf: (pid: number) => string | undefined
}

// ---------------------------------------------------------------------------
// Linux
// ---------------------------------------------------------------------------

/** Parses `/proc/<pid>/stat`; the command name in it may hold spaces and parentheses. */
export const parseStat = (stat: string): Process | undefined => {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  const pid = Number.parseInt(stat, 10)
  const [state, parent] = fields
  const start = fields[19]
  return Number.isNaN(pid) || parent === undefined || start === undefined || state === "Z" || state === "X"
    ? undefined
    : { pid, parent: Number(parent), start }
}

/** `/proc` is read without a thread pool, as that is many times faster, but not for long at a stretch. */
const inSlices = <A, B>(items: ReadonlyArray<A>, f: (item: A) => B | undefined) =>
  Effect.forEach(Arr.chunksOf(items, 64), (slice) =>
    Effect.try({
      try: () => slice.flatMap((item) => f(item) ?? []),
      catch: (cause) => new Unreadable({ cause })
    }).pipe(Effect.tap(Effect.yieldNow))).pipe(Effect.map(Arr.flatten))

export const linux: ProcessTable = {
  read: Effect.try({
    try: () => Fs.readdirSync("/proc").filter((name) => /^\d/.test(name)),
    catch: (cause) => new Unreadable({ cause })
  }).pipe(Effect.flatMap((names) => inSlices(names, (name) => parseStat(readProc(`${name}/stat`))))),
  marked: (mark, processes, since) =>
    inSlices(
      since === undefined ? processes : processes.filter(({ start }) => Number(start) >= Number(since)),
      ({ pid }) => readProc(`${pid}/environ`).includes(mark) ? pid : undefined
    ).pipe(Effect.map((pids) => new Set(pids))),
  startOf: (pid) => parseStat(readProc(`${pid}/stat`))?.start
}

/** The content of a file in `/proc`, empty when its process is gone or not ours. */
const readProc = (path: string): string => {
  try {
    return Fs.readFileSync(`/proc/${path}`, "latin1")
  } catch (cause) {
    if (["ENOENT", "ESRCH", "EACCES", "EPERM"].includes(errorCode(cause))) return ""
    throw cause
  }
}

/** What the system calls an error, such as `EPERM`. */
export const errorCode = (cause: unknown): string => Predicate.hasProperty(cause, "code") ? String(cause.code) : ""

// ---------------------------------------------------------------------------
// macOS
// ---------------------------------------------------------------------------

/** Parses a line of `ps -o pid=,ppid=,stat=,lstart=`. */
export const parsePs = (line: string): Process | undefined => {
  const [, pid, parent, start] = /^\s*(\d+)\s+(\d+)\s+[^Z\s]\S*\s+(.+?)\s*$/.exec(line) ?? []
  return start === undefined ? undefined : { pid: Number(pid), parent: Number(parent), start }
}

/** Parses a line of `ps -E -o pid=,command=`: the process id, when `mark` is on the line. */
export const parseMarked = (mark: string) => (line: string): number | undefined => {
  const pid = Number.parseInt(line, 10)
  return line.includes(mark) && !Number.isNaN(pid) ? pid : undefined
}

/**
 * The table that `ps` prints. macOS shows the environment of a process only to its owner and not for its own
 * programs (`/bin/sleep`), so there the tree by parents and what was recorded of it count for more.
 */
export const ps = (spawner: ChildProcessSpawner["Service"]): ProcessTable => {
  const lines = <A>(args: ReadonlyArray<string>, parse: (line: string) => A | undefined) =>
    spawner.lines(ChildProcess.make("ps", args, {
      // Names of days and months, and the hour, must not depend on where the host runs.
      env: { LC_ALL: "C", TZ: "UTC0" },
      extendEnv: true,
      stdin: "ignore",
      stderr: "ignore"
    })).pipe(
      Effect.map((lines) => lines.flatMap((line) => parse(line) ?? [])),
      Effect.mapError((cause) => new Unreadable({ cause }))
    )
  return {
    read: lines(["-axww", "-o", "pid=,ppid=,stat=,lstart="], parsePs),
    marked: (mark) =>
      lines(["-axEww", "-o", "pid=,command="], parseMarked(mark)).pipe(Effect.map((pids) => new Set(pids))),
    startOf: () => undefined
  }
}
