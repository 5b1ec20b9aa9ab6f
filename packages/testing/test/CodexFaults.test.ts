import * as Codex from "@effect-codex/core/Codex"
import type { CodexError } from "@effect-codex/core/CodexError"
import type { CodexOptions } from "@effect-codex/core/CodexOptions"
import * as CodexFaults from "@effect-codex/testing/CodexFaults"
import * as CodexScript from "@effect-codex/testing/CodexScript"
import * as FakeCli from "@effect-codex/testing/FakeCli"
import * as FakeProcess from "@effect-codex/testing/FakeProcess"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Layer from "effect/Layer"
import * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Faulty from "./support/faulty.ts"

const options: CodexOptions = { idleTimeout: "1 minute", firstEventTimeout: "2 minutes" }

/** `thread.started`, `turn.started`, two items, `turn.completed`. */
const process = FakeProcess.turn({
  items: [{ type: "reasoning", id: "item_0", text: "Hm." }],
  message: "Hello. ".repeat(40)
})

const script = CodexScript.make([CodexScript.turn(CodexScript.reasoning("Hm."), CodexScript.message("Hel", "lo"))])

/** What a program sees. */
const seen = Effect.gen(function*() {
  const types: Array<string> = []
  const [took, end] = yield* Codex.stream("Hi").pipe(
    Stream.runForEach((event) => Effect.sync(() => void types.push(event.type))),
    Effect.result,
    Effect.timed
  )
  return { types, seconds: Duration.toSeconds(took), failure: Result.isFailure(end) ? end.failure.reason : undefined }
})

const outcome = Effect.zip(seen, Faulty.injected).pipe(
  Effect.map(([seen, injected]) => ({ ...seen, faults: injected.map(({ fault }) => fault) }))
)

const one = (...faults: ReadonlyArray<CodexFaults.Fault>) => CodexFaults.script([faults])

const whole = ["thread.started", "turn.started", "item.completed", "item.completed", "turn.completed"]

/** Each fault that a program sees in the same way, and what it sees. */
const cases: ReadonlyArray<{
  readonly fault: CodexFaults.Fault
  readonly types: ReadonlyArray<string>
  readonly failure?: object
  readonly seconds?: number
}> = [
  { fault: CodexFaults.refuseStart(), types: [], failure: { _tag: "SpawnFailed", code: "PermissionDenied" } },
  { fault: CodexFaults.refuseStart("Busy"), types: [], failure: { _tag: "SpawnFailed", code: "Busy" } },
  {
    fault: CodexFaults.overload(),
    types: [...whole.slice(0, 2), "error", "turn.failed"],
    failure: { _tag: "TurnFailed", kind: "overloaded" }
  },
  { fault: CodexFaults.death({ line: 3, code: 101 }), types: whole.slice(0, 3), failure: { exitCode: 101 } },
  { fault: CodexFaults.death({ line: 0, signal: "SIGSEGV" }), types: [], failure: { signal: "SIGSEGV" } },
  {
    fault: CodexFaults.death({ line: 4, midLine: true, signal: "SIGKILL" }),
    types: [...whole.slice(0, 4), "unknown"],
    failure: { _tag: "Exited", signal: "SIGKILL" }
  },
  { fault: CodexFaults.death({ line: 5, code: 1 }), types: whole },
  { fault: CodexFaults.stall(0), types: [], failure: { _tag: "TimedOut", limit: "firstEvent" }, seconds: 120 },
  {
    fault: CodexFaults.stall(3),
    types: whole.slice(0, 3),
    failure: { _tag: "TimedOut", limit: "idle" },
    seconds: 60
  },
  { fault: CodexFaults.delay(2, "30 seconds"), types: whole, seconds: 30 },
  {
    fault: CodexFaults.delay(2, "90 seconds"),
    types: whole.slice(0, 2),
    failure: { _tag: "TimedOut", limit: "idle" },
    seconds: 60
  },
  { fault: CodexFaults.garbage(1), types: [whole[0] ?? "", "unknown", ...whole.slice(1)] },
  { fault: CodexFaults.cut(2), types: [...whole.slice(0, 2), "unknown", ...whole.slice(3)] },
  { fault: CodexFaults.duplicate(2), types: whole.toSpliced(2, 0, "item.completed") },
  {
    fault: CodexFaults.cut(4),
    types: [...whole.slice(0, 4), "unknown"],
    failure: { _tag: "Exited", exitCode: 0 }
  }
]

const seams = [["codex exec", Faulty.exec], ["a transport", Faulty.transport]] as const

describe.each(seams)("a fault of %s", (_, layer) => {
  it.effect.each(cases)(
    "is seen as documented: $fault",
    ({ failure, fault, seconds = 0, types }) =>
      Effect.gen(function*() {
        const seen = yield* outcome
        assert.deepStrictEqual(seen.faults, [fault])
        assert.strictEqual(seen.seconds, seconds)
        // A transport that has ended did not end too early.
        assert.deepStrictEqual(seen.types, types)
        if (failure === undefined) assert.isUndefined(seen.failure)
        else assert.deepInclude(seen.failure, failure)
        // Whatever happened, nothing runs any more.
        assert.isFalse((yield* (yield* FakeCli.FakeCli).invocations).some(({ running }) => running))
      }).pipe(Effect.provide(layer(one(fault), [process], options)), Faulty.drive)
  )
})

describe("CodexFaults", () => {
  it.effect("tells nothing of what never happens", () =>
    Effect.gen(function*() {
      const { failure, faults, types } = yield* outcome
      assert.deepStrictEqual([failure, faults, types], [undefined, [], whole])
    }).pipe(
      Effect.provide(Faulty.exec(one(CodexFaults.cut(5), CodexFaults.duplicate(6), CodexFaults.stall(7)), [
        process
      ])),
      Faulty.drive
    ))

  it.effect("waits for the end of an idle Codex that has said all", () =>
    Effect.gen(function*() {
      const { failure, seconds, types } = yield* outcome
      // The grace of a CLI that has ended its turn.
      assert.deepStrictEqual([failure, seconds, types], [undefined, 10, whole])
    }).pipe(Effect.provide(Faulty.exec(one(CodexFaults.stall(5)), [process])), Faulty.drive))

  it.effect("gives a line in pieces, in its time", () =>
    Effect.gen(function*() {
      const { failure, faults, seconds, types } = yield* outcome
      assert.deepStrictEqual([failure, types, faults.length], [undefined, whole, 1])
      // A line of 76 bytes and its end.
      assert.strictEqual(seconds, 8)
    }).pipe(
      Effect.provide(Faulty.exec(one(CodexFaults.slow(0, { bytes: 10, every: "1 second" })), [
        FakeProcess.turn({ items: [{ type: "reasoning", id: "item_0", text: "Hm." }], message: "Hello." })
      ])),
      Faulty.drive
    ))

  it.effect("does several things to a line, in order", () =>
    Effect.gen(function*() {
      const { faults, seconds, types } = yield* outcome
      assert.deepStrictEqual(types, [...whole.slice(0, 2), "unknown", "unknown", "unknown", ...whole.slice(3)])
      assert.strictEqual(seconds, 1)
      assert.deepStrictEqual(faults.map(({ _tag }) => _tag), ["Garbage", "Cut", "Duplicate", "Delay"])
    }).pipe(
      Effect.provide(
        Faulty.exec(
          one(CodexFaults.garbage(2), CodexFaults.cut(2), CodexFaults.duplicate(2), CodexFaults.delay(2, "1 second")),
          [process]
        )
      ),
      Faulty.drive
    ))

  it.effect("comes to the same turn when lines come twice", () =>
    Effect.gen(function*() {
      const first = yield* Codex.run("Hi")
      const second = yield* Codex.run("Hi")
      assert.deepStrictEqual(second.items, first.items)
      assert.deepStrictEqual(second.usage, first.usage)
      assert.lengthOf(yield* Faulty.injected, 5)
    }).pipe(
      Effect.provide(Faulty.exec(
        CodexFaults.script([[], [0, 1, 2, 3, 4].map(CodexFaults.duplicate)]),
        () => process
      )),
      Faulty.drive
    ))

  it.effect("is refused in strict mode what it has cut", () =>
    Effect.gen(function*() {
      const { failure } = yield* outcome
      assert.deepInclude(failure, { _tag: "EventUndecodable" })
    }).pipe(Effect.provide(Faulty.exec(one(CodexFaults.cut(2)), [process], { strict: true })), Faulty.drive))
})

// It is asked `initialize` and `config/read` first, then `config/read`, `thread/start` and `turn/start` for a turn.
const serverSeams: ReadonlyArray<readonly [string, Seam, { readonly refused: string; readonly dead: string }]> = [
  ["codex app-server", Faulty.stdio, { refused: "SpawnFailed", dead: "Exited" }],
  ["a connection", Faulty.connection, { refused: "AppServerFailed", dead: "AppServerFailed" }]
]

type Seam = (
  plan: CodexFaults.Plan,
  script: CodexScript.CodexScript,
  options?: CodexOptions
) => Layer.Layer<Codex.Codex | CodexFaults.CodexFaults, CodexError>

describe.each(serverSeams)("a fault of %s", (_, layer, expected) => {
  /** What it says without faults. */
  const told = Effect.map(seen, ({ types }) => types).pipe(
    Effect.provide(layer(one(), script, options)),
    Faulty.drive
  )

  it.effect("refuses the connection", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Effect.scoped(Layer.build(layer(one(CodexFaults.refuseStart("Busy")), script))))
      assert.strictEqual(error.reason._tag, expected.refused)
    }))

  it.effect("answers a request with -32001, and no more", () =>
    Effect.gen(function*() {
      const overloaded = yield* outcome
      assert.deepStrictEqual(overloaded.types, [])
      assert.deepInclude(overloaded.failure, { _tag: "AppServerFailed", unreachable: true })
      assert.include(String(overloaded.failure?.message), "-32001")
      assert.deepStrictEqual((yield* outcome).types, yield* told)
      assert.deepStrictEqual(yield* Faulty.injected, [
        { start: 0, what: layer === Faulty.stdio ? "app-server" : "connection", fault: CodexFaults.overload(3) }
      ])
    }).pipe(Effect.provide(layer(one(CodexFaults.overload(3)), script, options)), Faulty.drive))

  it.effect("answers a request that only reads with -32001, and is asked again", () =>
    Effect.gen(function*() {
      const { failure, faults, types } = yield* outcome
      assert.deepStrictEqual([failure, types], [undefined, yield* told])
      assert.deepStrictEqual(faults, [CodexFaults.overload(1), CodexFaults.overload(2)])
    }).pipe(
      Effect.provide(layer(one(CodexFaults.overload(1), CodexFaults.overload(2)), script, options)),
      Faulty.drive
    ))

  it.effect("loses the connection, and the next run has another", () =>
    Effect.gen(function*() {
      const dead = yield* outcome
      assert.strictEqual(dead.failure?._tag, expected.dead)
      assert.lengthOf(dead.faults, 1)
      const again = yield* outcome
      assert.deepStrictEqual([again.failure, again.types], [undefined, yield* told])
    }).pipe(
      Effect.provide(layer(one(CodexFaults.death({ line: 6, signal: "SIGKILL" })), script, options)),
      Faulty.drive
    ))

  it.effect("keeps a run from ending, which its limit ends", () =>
    Effect.gen(function*() {
      const { failure, faults } = yield* outcome
      assert.deepStrictEqual(faults, [CodexFaults.stall(8)])
      assert.deepInclude(failure, { _tag: "TimedOut", limit: "idle" })
    }).pipe(Effect.provide(layer(one(CodexFaults.stall(8)), script, options)), Faulty.drive))

  it.effect("tells what nobody understands, and tells things twice: the turn is the same", () =>
    Effect.gen(function*() {
      const turn = yield* Codex.run("Hi")
      assert.strictEqual(turn.finalMessage, "Hello")
      assert.lengthOf(turn.items, 2)
      const tags = (yield* Faulty.injected).map(({ fault }) => fault._tag)
      assert.includeMembers(tags, ["Garbage", "Duplicate", "Delay", "Slow"])
    }).pipe(
      Effect.provide(layer(
        one(
          ...Array.from({ length: 30 }, (_, line) => [
            CodexFaults.delay(line, "10 millis"),
            CodexFaults.garbage(line),
            CodexFaults.duplicate(line),
            CodexFaults.slow(line, { bytes: 50, every: "1 millis" })
          ]).flat()
        ),
        script,
        options
      )),
      Faulty.drive
    ))
})

describe("a plan", () => {
  const rates: CodexFaults.Rates = {
    refuseStart: 0.2,
    overload: 0.05,
    delay: 0.3,
    garbage: 0.1,
    stall: 0.05,
    death: 0.05,
    cut: 0.1,
    duplicate: 0.1,
    slow: 0.2
  }

  const program = Effect.gen(function*() {
    const runs = yield* Effect.replicateEffect(seen, 20)
    return { runs, injected: yield* Faulty.injected }
  })

  const random = (seed: string | number, rates: CodexFaults.Rates) =>
    Faulty.drive(Effect.provide(program, Faulty.exec(CodexFaults.random({ seed, rates }), () => process, options)))

  it.effect("of one seed is the same each time, and of another another", () =>
    Effect.gen(function*() {
      const first = yield* random("seed", rates)
      assert.deepStrictEqual(yield* random("seed", rates), first)
      assert.notDeepEqual((yield* random(7, rates)).injected, first.injected)
      // Every kind has happened.
      assert.strictEqual(new Set(first.injected.map(({ fault }) => fault._tag)).size, 9)
    }))

  it.effect("changes nothing at a rate of 0", () =>
    Effect.gen(function*() {
      const { injected, runs } = yield* random("seed", {})
      assert.deepStrictEqual(injected, [])
      assert.isTrue(runs.every(({ failure, seconds }) => failure === undefined && seconds === 0))
      assert.deepStrictEqual(runs.map(({ types }) => types), Array.from(runs, () => whole))
    }))

  it.effect("decides about one kind whatever the rates of others", () =>
    Effect.gen(function*() {
      const cuts = ({ injected }: { readonly injected: ReadonlyArray<CodexFaults.Injected> }) =>
        injected.filter(({ fault }) => fault._tag === "Cut")
      const alone = cuts(yield* random("seed", { cut: 0.3 }))
      assert.isNotEmpty(alone)
      assert.deepStrictEqual(cuts(yield* random("seed", { cut: 0.3, delay: 0.5, duplicate: 0.5 })), alone)
    }))

  it.effect.prop("is data", { plan: CodexFaults.Plan }, ({ plan }) =>
    Effect.gen(function*() {
      const codec = Schema.toCodecJson(CodexFaults.Plan)
      const copy = yield* Effect.flatMap(Schema.encodeEffect(codec)(plan), Schema.decodeEffect(codec))
      assert.isTrue(Equal.equals(copy, plan))
    }))

  it.effect.prop(
    "without faults changes no byte, however they come",
    { text: Schema.Array(Schema.String), sizes: Schema.NonEmptyArray(Schema.Literals([1, 2, 3, 7, 50])) },
    ({ sizes, text }) =>
      Effect.gen(function*() {
        const bytes = new TextEncoder().encode(text.join("\n"))
        const steps: Array<FakeProcess.Step> = []
        for (let at = 0, n = 0; at < bytes.length; n++) {
          const size = sizes[n % sizes.length] ?? 1
          steps.push(FakeProcess.stdout(bytes.slice(at, at + size)))
          at += size
        }
        const read = Effect.gen(function*() {
          const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
          const handle = yield* spawner.spawn(ChildProcess.make("codex", ["exec", "--json"]))
          const chunks = yield* Stream.runCollect(handle.stdout)
          assert.strictEqual(yield* handle.exitCode, 0)
          return chunks.flatMap((chunk) => Array.from(chunk))
        }).pipe(
          Effect.scoped,
          Effect.provide(
            Faulty.spawner(one(CodexFaults.delay(2, 0), CodexFaults.delay(3, 0)), [FakeProcess.make(steps)])
          )
        )
        assert.deepStrictEqual(yield* read, Array.from(bytes))
      })
  )

  it.effect("leaves other processes alone", () =>
    Effect.gen(function*() {
      const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
      assert.strictEqual(yield* spawner.string(ChildProcess.make("codex", ["--version"])), "1")
      assert.deepStrictEqual(yield* Faulty.injected, [])
    }).pipe(
      Effect.provide(
        Faulty.spawner(one(CodexFaults.refuseStart()), [FakeProcess.make([FakeProcess.stdout("1")])])
      )
    ))
})
