import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Path from "effect/Path"
import * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as ProcessTable from "../src/internal/processTable.ts"
import { family } from "../src/internal/processTree.ts"

describe("parseStat", () => {
  const stat = (name: string, state: string) =>
    `4321 (${name}) ${state} 17 4321 4321 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 169763 4096 10 18446744073709551615\n`

  it("finds parent and start behind any name", () => {
    for (const name of ["sh", "a b", "x) S 1 (y", "two\nlines"]) {
      assert.deepStrictEqual(ProcessTable.parseStat(stat(name, "S")), { pid: 4321, parent: 17, start: "169763" })
    }
  })

  it("has no zombies, no dead, and nothing from a file that is gone", () => {
    assert.isUndefined(ProcessTable.parseStat(stat("sh", "Z")))
    assert.isUndefined(ProcessTable.parseStat(stat("sh", "X")))
    assert.isUndefined(ProcessTable.parseStat(""))
  })
})

describe("parsePs", () => {
  it("reads lines of macOS", () => {
    assert.deepStrictEqual(ProcessTable.parsePs("    1     0 Ss   Mon Nov  3 09:12:44 2025    "), {
      pid: 1,
      parent: 0,
      start: "Mon Nov  3 09:12:44 2025"
    })
    assert.deepStrictEqual(ProcessTable.parsePs("91234 91200 SN+  Fri Nov 21 04:10:00 2025"), {
      pid: 91234,
      parent: 91200,
      start: "Fri Nov 21 04:10:00 2025"
    })
  })

  it("has no zombies and no headings", () => {
    assert.isUndefined(ProcessTable.parsePs("  402   401 Z+   Fri Nov 21 04:10:00 2025"))
    assert.isUndefined(ProcessTable.parsePs("  PID  PPID STAT STARTED"))
    assert.isUndefined(ProcessTable.parsePs(""))
  })
})

describe("parseMarked", () => {
  it("finds the processes with the mark", () => {
    const parse = ProcessTable.parseMarked("host.1;")
    assert.strictEqual(parse("  402 /bin/codex exec TERM=xterm EFFECT_CODEX_TREE=host.1; HOME=/Users/x"), 402)
    assert.isUndefined(parse("  403 /bin/codex exec EFFECT_CODEX_TREE=host.10; HOME=/Users/x"))
    assert.isUndefined(parse("and=a line that is a part of EFFECT_CODEX_TREE=host.1;"))
  })
})

describe("family", () => {
  const process = (pid: number, parent: number) => ({ pid, parent, start: "0" })

  it("is the seeds and their descendants, each once", () => {
    const processes = [process(9, 3), process(3, 2), process(2, 1), process(4, 1), process(5, 4), process(1, 0)]
    const pids = family(processes, ({ pid }) => pid === 2 || pid === 3).map(({ pid }) => pid)
    assert.sameMembers(pids, [2, 3, 9])
  })

  it("ends where parents form a circle", () => {
    assert.strictEqual(family([process(1, 2), process(2, 1)], ({ pid }) => pid === 1).length, 2)
  })
})

describe("tables", () => {
  /** Whether the table shows a child of ours, with its start, and tells it from others by its mark. */
  const check = Effect.fnUntraced(function*(table: ProcessTable.ProcessTable) {
    const mark = `test-${process.pid}.1;`
    const child = yield* ChildProcess.make("sleep", ["60"], {
      env: { EFFECT_CODEX_TREE: mark },
      extendEnv: true,
      killSignal: "SIGKILL"
    })
    const processes = yield* table.read
    const found = processes.find(({ pid }) => pid === child.pid)
    if (found === undefined) return assert.fail("the child is not in the table")
    assert.strictEqual(found.parent, process.pid)
    assert.deepStrictEqual([...yield* table.marked(mark, processes, undefined)], [child.pid])
    assert.deepStrictEqual([...yield* table.marked(`${mark}x`, processes, undefined)], [])
    return found
  })

  it.live("Linux", () =>
    Effect.gen(function*() {
      const found = yield* check(ProcessTable.linux)
      const { linux } = ProcessTable
      const start = linux.startOf(process.pid)
      assert.isBelow(Number(start), Number(found.start))
      assert.strictEqual([...yield* linux.marked("", [found], found.start)].length, 1)
      assert.strictEqual([...yield* linux.marked("", [found], `${Number(found.start) + 1}`)].length, 0)
      assert.isUndefined(linux.startOf(2 ** 30))
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live("ps", () =>
    Effect.gen(function*() {
      const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
      const path = yield* Path.Path
      const script = path.join(import.meta.dirname, "fixtures", "ps.sh")
      const macOs = ChildProcessSpawner.make((command) =>
        spawner.spawn(
          command._tag === "StandardCommand" && command.command === "ps"
            ? ChildProcess.make("sh", [script, ...command.args], command.options)
            : command
        )
      )
      const found = yield* check(ProcessTable.ps(macOs))
      assert.match(found.start, /^Fri Nov 21 \d+ 2025$/)
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live("tell when they cannot be read", () =>
    Effect.gen(function*() {
      const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
      const broken = ProcessTable.ps(
        ChildProcessSpawner.make(() => spawner.spawn(ChildProcess.make("/nonexistent/ps")))
      )
      assert.strictEqual((yield* Effect.flip(broken.read))._tag, "Unreadable")
    }).pipe(Effect.provide(NodeServices.layer)))
})
