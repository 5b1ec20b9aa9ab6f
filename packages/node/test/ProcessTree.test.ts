import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Process from "node:process"
import { type ProcessTable, Unreadable } from "../src/internal/processTable.ts"
import * as ProcessTree from "../src/internal/processTree.ts"

/** A process id that no system gives. */
const nobody = 2 ** 30

const table = (overrides: Partial<ProcessTable>): ProcessTable => ({
  read: Effect.succeed([]),
  marked: () => Effect.succeed(new Set()),
  startOf: () => undefined,
  ...overrides
})

/** What is logged while the tree is swept. */
const warnings = Effect.fnUntraced(function*(tree: ProcessTree.Tree, table: ProcessTable) {
  const messages: Array<string> = []
  const logger = Logger.make(({ message }) => void messages.push(String(message)))
  yield* ProcessTree.sweep(tree, table).pipe(Effect.provide(Logger.layer([logger])))
  return messages
})

// Under the TestClock of `it.effect`: real processes die in real time, and nobody moves the clock while they do.
describe("sweep", () => {
  it.effect("says nothing when nothing is left", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* warnings(ProcessTree.make("mark"), table({})), [])
    }))

  it.effect("tells which processes do not die", () =>
    Effect.gen(function*() {
      const stuck = table({
        read: Effect.succeed([{ pid: nobody, parent: 1, start: "1" }]),
        marked: () => Effect.succeed(new Set([nobody]))
      })
      const [warning] = yield* warnings(ProcessTree.make("mark"), stuck)
      assert.strictEqual(warning, `Processes that Codex started could not be killed: ${nobody}`)
    }))

  it.effect("tells that it cannot see who lives", () =>
    Effect.gen(function*() {
      const blind = table({ read: Effect.fail(new Unreadable({ cause: "EMFILE" })) })
      const [warning] = yield* warnings(ProcessTree.make("mark"), blind)
      assert.match(warning, /cannot be read/)
    }))

  it.effect("looks again when it could not see for a moment", () =>
    Effect.gen(function*() {
      let looks = 0
      const read = Effect.suspend(() =>
        ++looks < 3 ? Effect.fail(new Unreadable({ cause: "EMFILE" })) : Effect.succeed([])
      )
      assert.deepStrictEqual(yield* warnings(ProcessTree.make("mark"), table({ read })), [])
      assert.strictEqual(looks, 4)
    }))

  it.effect("looks twice, as one look may miss what forks meanwhile", () =>
    Effect.gen(function*() {
      let looks = 0
      const late = { pid: 2_000_000_000, parent: 1, start: "1" }
      const read = Effect.sync(() => ++looks === 2 ? [late] : [])
      const marked = () => Effect.succeed(new Set([late.pid]))
      const tree = ProcessTree.make("mark")
      assert.deepStrictEqual(yield* warnings(tree, table({ read, marked })), [])
      assert.isTrue(tree.known.has(late.pid))
      assert.strictEqual(looks, 4)
    }))

  it.effect("never touches the host, whatever its environment holds", () =>
    Effect.gen(function*() {
      const self = table({
        read: Effect.succeed([{ pid: Process.pid, parent: 1, start: "1" }]),
        marked: () => Effect.succeed(new Set([Process.pid]))
      })
      assert.deepStrictEqual(yield* warnings(ProcessTree.make("mark"), self), [])
    }))
})

describe("record", () => {
  const read = Effect.succeed([{ pid: 5, parent: 1, start: "10" }, { pid: 6, parent: 5, start: "11" }])

  it.effect("remembers the process and its descendants", () =>
    Effect.gen(function*() {
      const tree = ProcessTree.make("mark")
      yield* ProcessTree.record(tree, table({ read }), 5)
      assert.deepStrictEqual([...tree.known], [[5, "10"], [6, "11"]])
    }))

  it.effect("is not misled by an id that has gone to another process", () =>
    Effect.gen(function*() {
      const tree = ProcessTree.make("mark")
      tree.known.set(5, "9")
      yield* ProcessTree.record(tree, table({ read }), 5)
      assert.deepStrictEqual([...tree.known], [[5, "9"]])
    }))
})
