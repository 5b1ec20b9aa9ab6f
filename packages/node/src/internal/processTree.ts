/**
 * One tree of processes: who belongs to it, and its end.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { errorCode, type Process, type ProcessTable } from "./processTable.ts"

export interface Tree {
  /** What the environment of every member holds, unless the member cleaned it. */
  readonly mark: string
  /** Members seen so far: process id to start. */
  readonly known: Map<number, string>
  /** When its root started; no member is older. */
  since: string | undefined
}

export const make = (mark: string): Tree => ({ mark, known: new Map(), since: undefined })

/** The seeds and all that descends from them. */
export const family = (
  processes: ReadonlyArray<Process>,
  isSeed: (process: Process) => boolean
): ReadonlyArray<Process> => {
  const children = new Map<number, Array<Process>>()
  for (const child of processes) {
    const siblings = children.get(child.parent)
    if (siblings === undefined) children.set(child.parent, [child])
    else siblings.push(child)
  }
  const found = new Map<number, Process>()
  const queue = processes.filter(isSeed)
  for (const process of queue) {
    if (found.has(process.pid)) continue
    found.set(process.pid, process)
    queue.push(...children.get(process.pid) ?? [])
  }
  return [...found.values()]
}

/** Adds `pid` and what descends from it now to the known members, unless its id has gone to another process. */
export const record = Effect.fnUntraced(function*(tree: Tree, table: ProcessTable, pid: number) {
  const processes = yield* table.read
  const isSeed = (process: Process) => isKnown(tree, process) || (process.pid === pid && !tree.known.has(pid))
  for (const member of family(processes, isSeed)) {
    tree.known.set(member.pid, member.start)
  }
}, (effect) => Effect.ignore(effect))

/** The living members, which are known from now on. */
const members = Effect.fnUntraced(function*(tree: Tree, table: ProcessTable) {
  const processes = yield* table.read
  const marked = yield* table.marked(tree.mark, processes, tree.since)
  const found = family(
    processes.filter((process) => process.pid !== globalThis.process.pid),
    (process) => marked.has(process.pid) || isKnown(tree, process)
  )
  for (const member of found) tree.known.set(member.pid, member.start)
  return found
})

/**
 * Ends every member. They are stopped first, until two looks find none that still runs: from then on none can
 * start another behind our back, so that one kill each is the end.
 *
 * Time is the machine's: under a `TestClock` real processes still need real milliseconds to die.
 */
export const sweep = Effect.fnUntraced(function*(tree: Tree, table: ProcessTable) {
  const stopped = new Map<number, string>()
  const beyond = new Set<number>()
  let alive: ReadonlyArray<Process> | undefined
  let quiet = 0
  for (let round = 0; round < 300; round++) {
    alive = yield* members(tree, table).pipe(
      Effect.map((found) => found.filter(({ pid }) => !beyond.has(pid))),
      Effect.orElseSucceed(() => undefined)
    )
    const running = (alive ?? []).filter(({ pid, start }) => stopped.get(pid) !== start)
    // One quiet look is no proof: what forks and exits while it is taken may not be seen, nor what it started.
    quiet = alive === undefined || running.length > 0 ? 0 : quiet + 1
    const freezing = alive !== undefined && quiet < 2 && round < 100
    if (!freezing && alive?.length === 0) break
    for (const { pid, start } of freezing ? running : alive ?? []) {
      if (!signal(pid, freezing ? "SIGSTOP" : "SIGKILL")) beyond.add(pid)
      stopped.set(pid, start)
    }
    if (!freezing) yield* pause(5)
  }
  if (alive === undefined) {
    yield* Effect.logWarning("The process table cannot be read: what Codex started may still run")
  } else if (alive.length > 0 || beyond.size > 0) {
    const pids = [...beyond, ...alive.map(({ pid }) => pid)].join(", ")
    yield* Effect.logWarning(`Processes that Codex started could not be killed: ${pids}`)
  }
}, Effect.uninterruptible)

const isKnown = (tree: Tree, process: Process) => tree.known.get(process.pid) === process.start

/** Whether the process was ours to signal, or is gone. */
const signal = (pid: number, name: NodeJS.Signals): boolean => {
  try {
    return process.kill(pid, name)
  } catch (cause) {
    return errorCode(cause) !== "EPERM"
  }
}

/** Sleeps by the machine's clock, whichever clock is provided. */
const pause = (millis: number) => Effect.provideService(Effect.sleep(millis), Clock.Clock, Clock.Clock.defaultValue())
