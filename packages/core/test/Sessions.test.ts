import * as Codex from "@effect-codex/core/Codex"
import * as CodexRetry from "@effect-codex/core/CodexRetry"
import * as SessionStore from "@effect-codex/core/SessionStore"
import * as SessionStoreError from "@effect-codex/core/SessionStoreError"
import * as FakeCli from "@effect-codex/testing/FakeCli"
import * as FakeProcess from "@effect-codex/testing/FakeProcess"
import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import {
  command,
  hungTurn,
  invocations,
  pass,
  prompts,
  resumedBy,
  settle,
  slowTurn,
  subcommands,
  tagOf,
  threadA,
  threadB
} from "./support/fakeCodex.ts"

/** A Codex over a store that can be looked into. */
const codex = (script: FakeCli.Script, options?: Parameters<typeof FakeCli.layer>[1]) =>
  FakeCli.layer(script, options).pipe(Layer.provideMerge(SessionStore.layerMemory))

const record = (name: string) =>
  Effect.flatMap(SessionStore.SessionStore, (store) => Effect.map(store.get(name), Option.getOrUndefined))

const ok = FakeProcess.turn({ threadId: threadA, message: "ok" })

describe("a session", () => {
  it.effect("keeps its thread under its name for the time of the client, without a store", () =>
    Effect.gen(function*() {
      yield* Codex.run("one", { session: "s" })
      yield* Codex.run("two", { session: "s" })
      yield* Codex.run("three", { session: "other" })
      yield* Stream.runDrain(Codex.stream("four", { session: "s" }))
      const thread = yield* Codex.thread({ session: "s", mustExist: true })
      yield* thread.run("five")
      assert.deepStrictEqual(yield* subcommands, [
        "-",
        `resume ${threadA} -`,
        "-",
        `resume ${threadA} -`,
        `resume ${threadA} -`
      ])
    }).pipe(
      Effect.provide(
        FakeCli.layer((invocation, index) =>
          FakeProcess.turn({ threadId: resumedBy(invocation) ?? (index === 0 ? threadA : threadB) })
        )
      )
    ))

  it.effect("is remembered by its store, for another client", () =>
    Effect.gen(function*() {
      const store = Layer.succeed(SessionStore.SessionStore, yield* SessionStore.makeMemory)
      const client = (turn: FakeProcess.Turn) =>
        FakeCli.layer([FakeProcess.turn({ threadId: threadA, ...turn })]).pipe(Layer.provide(store))
      yield* Codex.run("one", { session: "s" }).pipe(
        Effect.provide(client({ usage: { input_tokens: 100, output_tokens: 10 } }))
      )
      yield* Effect.gen(function*() {
        const thread = yield* Codex.thread({ session: "s", mustExist: true })
        assert.deepStrictEqual(yield* thread.id, Option.some(threadA))
        const turn = yield* thread.run("two")
        assert.deepStrictEqual(yield* subcommands, [`resume ${threadA} -`])
        assert.deepInclude(turn.usage, { input_tokens: 150, output_tokens: 5 })
        assert.deepInclude(turn.threadUsage, { input_tokens: 250, output_tokens: 15 })
      }).pipe(Effect.provide(client({ usage: { input_tokens: 250, output_tokens: 15 } })))
    }))

  it.effect("that another client went on with counts its tokens from there", () =>
    Effect.gen(function*() {
      const store = yield* SessionStore.makeMemory
      yield* Effect.gen(function*() {
        yield* Codex.run("one", { session: "s" })
        yield* Codex.run("two", { session: "s" }).pipe(Effect.provide(
          Layer.fresh(
            FakeCli.layer([FakeProcess.turn({ threadId: threadA, usage: { input_tokens: 300, output_tokens: 30 } })])
          )
            .pipe(Layer.provide(Layer.succeed(SessionStore.SessionStore, store)))
        ))
        const turn = yield* Codex.run("three", { session: "s" })
        assert.deepInclude(turn.usage, { input_tokens: 50, output_tokens: 5 })
      }).pipe(Effect.provide(
        FakeCli.layer([
          FakeProcess.turn({ threadId: threadA, usage: { input_tokens: 100, output_tokens: 10 } }),
          FakeProcess.turn({ threadId: threadA, usage: { input_tokens: 350, output_tokens: 35 } })
        ]).pipe(Layer.provide(Layer.succeed(SessionStore.SessionStore, store)))
      ))
    }))

  it.effect("that must exist, and does not, is an error", () =>
    Effect.gen(function*() {
      const missing = yield* Effect.flip(Codex.thread({ session: "s", mustExist: true }))
      assert.deepInclude(missing.reason, { _tag: "SessionNotFound", session: "s" })
      const nameless = yield* Effect.flip(Codex.thread({ mustExist: true }))
      assert.deepInclude(nameless.reason, { _tag: "InvalidOption", option: "mustExist" })
    }).pipe(Effect.provide(codex([]))))

  for (const name of ["", " x", "x".repeat(201), "a\0b"]) {
    it.effect(`has a name that a store takes, and not ${JSON.stringify(name).slice(0, 10)}`, () =>
      Effect.gen(function*() {
        for (
          const refused of [
            Codex.run("x", { session: name }),
            Stream.runDrain(Codex.stream("x", { session: name })),
            Codex.thread({ session: name })
          ]
        ) {
          const error = yield* Effect.flip(Effect.asVoid(refused))
          assert.deepInclude(error.reason, { _tag: "InvalidOption", option: "session" })
        }
        assert.deepStrictEqual(yield* invocations, [])
      }).pipe(Effect.provide(codex([]))))
  }

  it.effect("names one thread: another one is refused, in whatever way it is asked for", () =>
    Effect.gen(function*() {
      yield* Codex.run("one", { session: "s" })
      yield* Codex.run("two", { session: "s", thread: threadA.toUpperCase() })
      for (const other of [{ thread: threadB }, { fork: threadB }, { fork: threadA }]) {
        const run = yield* Effect.flip(Codex.run("x", { session: "s", ...other }))
        const thread = yield* Effect.flip(Codex.thread({ session: "s", ...other }))
        for (const { reason } of [run, thread]) {
          assert.deepInclude(reason, { _tag: "InvalidOption", option: "session" })
          assert.include(reason.message, threadA)
        }
      }
      assert.lengthOf(yield* invocations, 2)
    }).pipe(Effect.provide(codex([ok, ok]))))

  it.effect("may be given to a thread that is there, and to a copy", () =>
    Effect.gen(function*() {
      yield* Codex.run("x", { session: "old", thread: threadA })
      yield* Codex.run("x", { session: "copy", fork: threadA })
      assert.strictEqual((yield* record("old"))?.threadId, threadA)
      assert.strictEqual((yield* record("copy"))?.threadId, threadB)
    }).pipe(Effect.provide(codex([ok, FakeProcess.turn({ threadId: threadB })]))))

  it.effect("whose copy the original answers has no thread", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Codex.run("x", { session: "copy", fork: threadA }))
      assert.strictEqual(tagOf(error), "ThreadMismatch")
      assert.isUndefined(yield* record("copy"))
    }).pipe(Effect.provide(codex([ok]))))

  it.effect("is one thread, though two handles begin it at once", () =>
    Effect.gen(function*() {
      const one = yield* Codex.thread({ session: "s" })
      const two = yield* Codex.thread({ session: "s" })
      const both = yield* Effect.forkChild(
        Effect.all([one.run("one"), two.run("two"), Codex.run("three", { session: "s" })], { concurrency: "unbounded" })
      )
      yield* pass("1 second")
      assert.deepStrictEqual(yield* prompts, ["one"])
      for (let turn = 0; turn < 3; turn++) yield* pass("1 minute")
      yield* Fiber.join(both)
      assert.deepStrictEqual(yield* subcommands, ["-", `resume ${threadA} -`, `resume ${threadA} -`])
      assert.deepStrictEqual(yield* two.id, Option.some(threadA))
      assert.strictEqual((yield* record("s"))?.turnCount, 3)
    }).pipe(
      Effect.provide(codex((invocation) => slowTurn("1 minute", { threadId: resumedBy(invocation) ?? threadA })))
    ))

  it.effect("can be copied before its first turn here", () =>
    Effect.gen(function*() {
      yield* Codex.run("one", { session: "s" })
      const thread = yield* Codex.thread({ session: "s" })
      const copy = yield* thread.fork({ session: "copy" })
      yield* copy.run("two")
      assert.deepStrictEqual(yield* subcommands, ["-", `fork ${threadA} -`])
    }).pipe(Effect.provide(codex([ok, FakeProcess.turn({ threadId: threadB })]))))

  it.effect("of the layer is that of its conversations too", () =>
    Effect.gen(function*() {
      const thread = yield* Codex.thread()
      yield* thread.run("one")
      yield* thread.run("two")
      assert.strictEqual((yield* record("s"))?.turnCount, 2)
      yield* (yield* thread.fork()).run("three")
      assert.strictEqual((yield* record("s"))?.turnCount, 2)
    }).pipe(Effect.provide(codex([ok, ok, FakeProcess.turn({ threadId: threadB })], { session: "s" }))))
})

describe("a record", () => {
  it.effect("has the thread, counts, and the end of the history", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Codex.run("  Explain\nit  ", { session: "s" }))
      yield* pass("5 seconds")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(yield* record("s"), {
        name: "s",
        threadId: threadA,
        createdAt: DateTime.makeUnsafe(0),
        updatedAt: DateTime.makeUnsafe(5000),
        lastTurnStatus: "completed",
        turnCount: 1,
        successCount: 1,
        failureCount: 0,
        turns: [{
          timestamp: DateTime.makeUnsafe(5000),
          operation: "run",
          promptPreview: "Explain\nit",
          messagePreview: "ok",
          exitCode: 0,
          status: "completed",
          duration: Duration.seconds(5)
        }],
        threadUsage: { input_tokens: 100, cached_input_tokens: 0, output_tokens: 10, reasoning_output_tokens: 0 }
      })
    }).pipe(Effect.provide(codex([slowTurn("5 seconds", { threadId: threadA, message: "ok" })]))))

  it.effect("holds previews only, or none at all", () =>
    Effect.gen(function*() {
      yield* Codex.run("p".repeat(500), { session: "s" })
      yield* Codex.run("secret prompt", { session: "s", previews: false })
      const turns = (yield* record("s"))?.turns
      assert.strictEqual(turns?.[0]?.promptPreview, `${"p".repeat(177)}...`)
      assert.strictEqual(turns?.[0]?.messagePreview, `${"m".repeat(217)}...`)
      assert.notInclude(JSON.stringify(turns?.[1]), "Preview")
    }).pipe(Effect.provide(codex(() => FakeProcess.turn({ threadId: threadA, message: "m".repeat(500) })))))

  it.effect("keeps twenty turns, and counts them all", () =>
    Effect.gen(function*() {
      for (let number = 1; number <= 25; number++) yield* Codex.run(`turn ${number}`, { session: "s" })
      const kept = yield* record("s")
      assert.deepInclude(kept, { turnCount: 25, successCount: 25 })
      assert.lengthOf(kept?.turns ?? [], 20)
      assert.strictEqual(kept?.turns[0]?.promptPreview, "turn 6")
      yield* Codex.run("turn 26", { session: "s", sessionTurns: 3 })
      assert.deepStrictEqual(
        (yield* record("s"))?.turns.map(({ promptPreview }) => promptPreview),
        ["turn 24", "turn 25", "turn 26"]
      )
    }).pipe(Effect.provide(codex(() => ok))))

  it.effect("can't be that of a thread without an id", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Codex.run("x", { session: "s" }))
      assert.deepInclude(error.reason, { _tag: "StorageFailed", problem: "Codex did not say which thread it is" })
      assert.strictEqual(error.turn?.status, "completed")
      assert.isUndefined(yield* record("s"))
    }).pipe(Effect.provide(codex([FakeProcess.make([
      FakeProcess.event({ type: "turn.completed", usage: { input_tokens: 1, output_tokens: 1 } })
    ])]))))

  /** How a turn ended: its status, exit code, call and preview. */
  const ends = Effect.map(
    record("s"),
    (record) =>
      record?.turns.map((
        { exitCode, messagePreview, operation, status }
      ) => [operation, status, exitCode, messagePreview])
  )

  it.effect("has the failed turns too, each with its exit code", () =>
    Effect.gen(function*() {
      assert.strictEqual(tagOf(yield* Effect.flip(Codex.run("one", { session: "s" }))), "TurnFailed")
      assert.strictEqual(tagOf(yield* Effect.flip(Codex.run("two", { session: "s" }))), "Exited")
      const fiber = yield* Effect.forkChild(Effect.flip(Codex.run("three", { session: "s", timeout: "1 minute" })))
      yield* pass("1 minute")
      assert.strictEqual(tagOf(yield* Fiber.join(fiber)), "TimedOut")
      assert.strictEqual(tagOf(yield* Effect.flip(Codex.run("four", { session: "s" }))), "ThreadBusy")
      assert.deepStrictEqual(yield* ends, [
        ["run", "failed", 1, "said before"],
        ["run", "failed", 101, undefined],
        ["run", "failed", 124, "so far"],
        ["run", "failed", undefined, undefined]
      ])
      assert.deepInclude(yield* record("s"), {
        turnCount: 4,
        successCount: 0,
        failureCount: 4,
        lastTurnStatus: "failed"
      })
    }).pipe(Effect.provide(codex([
      FakeProcess.turnFailed("boom", { threadId: threadA, message: "said before" }),
      FakeProcess.startFailed("panicked", 101),
      hungTurn({ threadId: threadA, message: "so far" }),
      FakeProcess.startFailed(`thread ${threadA} already has an active writer`)
    ]))))

  it.effect("is not there if the first turn failed before it had a thread", () =>
    Effect.gen(function*() {
      yield* Effect.flip(Codex.run("one", { session: "s" }))
      assert.isUndefined(yield* record("s"))
    }).pipe(Effect.provide(codex([FakeProcess.startFailed("no")]))))

  it.effect("is there as soon as the thread is, so that a host that dies loses no thread", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Codex.run("one", { session: "s" }))
      yield* settle
      assert.deepInclude(yield* record("s"), { threadId: threadA, turnCount: 0 })
      yield* Fiber.interrupt(fiber)
    }).pipe(Effect.provide(codex([hungTurn({ threadId: threadA })]))))

  it.effect("has what was interrupted, once", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Codex.run("one", { session: "s" }))
      yield* settle
      yield* Fiber.interrupt(fiber)
      yield* Effect.scoped(Effect.gen(function*() {
        const two = yield* Codex.start("two", { session: "s" })
        yield* settle
        yield* two.interrupt
        const three = yield* Codex.start("three", { session: "s" })
        yield* settle
        yield* three.kill
        // Its scope ends it.
        yield* Codex.start("four", { session: "s" })
        yield* settle
      }))
      assert.deepStrictEqual(yield* ends, [
        ["run", "interrupted", undefined, "so far"],
        ["start", "interrupted", undefined, "so far"],
        ["start", "interrupted", undefined, "so far"],
        ["start", "interrupted", undefined, "so far"]
      ])
      assert.deepInclude(yield* record("s"), { turnCount: 4, failureCount: 4, lastTurnStatus: "interrupted" })
    }).pipe(Effect.provide(codex(() => hungTurn({ threadId: threadA, message: "so far" })))))

  it.effect("has what was interrupted between two attempts", () =>
    Effect.gen(function*() {
      const retry = CodexRetry.make({ schedule: Schedule.spaced("1 minute") })
      const fiber = yield* Effect.forkChild(Codex.run("one", { session: "s", retry }))
      yield* pass("30 seconds")
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(yield* ends, [["run", "interrupted", undefined, undefined]])
    }).pipe(Effect.provide(codex([
      FakeProcess.turnFailed("rate limit exceeded: slow down", { threadId: threadA })
    ]))))

  it.effect("has a run once, however often it was tried", () =>
    Effect.gen(function*() {
      const retry = CodexRetry.make({ schedule: Schedule.recurs(2) })
      yield* Codex.run("one", { session: "s", retry })
      assert.deepStrictEqual(yield* ends, [["run", "completed", 0, "ok"]])
    }).pipe(Effect.provide(codex([
      FakeProcess.turnFailed("rate limit exceeded: slow down", { threadId: threadA }),
      FakeProcess.turnFailed("rate limit exceeded: slow down", { threadId: threadA }),
      ok
    ]))))

  it.effect("has a stream by how far it was read", () =>
    Effect.gen(function*() {
      yield* Stream.runDrain(Codex.stream("one", { session: "s" }))
      yield* Codex.stream("two", { session: "s" }).pipe(Stream.take(1), Stream.runDrain)
      yield* Codex.stream("three", { session: "s" }).pipe(
        Stream.takeUntil(({ type }) => type === "turn.completed"),
        Stream.runDrain
      )
      yield* Effect.flip(Codex.stream("four", { session: "s" }).pipe(Stream.runForEach(() => Effect.fail("mine"))))
      yield* Effect.flip(Stream.runDrain(Codex.stream("five", { session: "s" })))
      assert.deepStrictEqual(yield* ends, [
        ["stream", "completed", 0, "ok"],
        ["stream", "interrupted", undefined, undefined],
        ["stream", "completed", 0, "ok"],
        ["stream", "interrupted", undefined, undefined],
        ["stream", "failed", 1, undefined]
      ])
    }).pipe(Effect.provide(codex((_, index) =>
      index === 4
        ? FakeProcess.turnFailed("boom", { threadId: threadA })
        : FakeProcess.make([
          ...ok.steps.slice(0, 2),
          FakeProcess.delay(0),
          ...ok.steps.slice(2),
          ...(index === 2 ? [FakeProcess.hang] : [])
        ])
    ))))

  it.effect("has a handle's run by how it ended", () =>
    Effect.gen(function*() {
      const run = yield* Codex.start("one", { session: "s" })
      yield* run.await
      assert.deepStrictEqual(yield* ends, [["start", "completed", 0, "ok"]])
    }).pipe(Effect.scoped, Effect.provide(codex([ok]))))
})

describe("a store that is slow", () => {
  const slow = (script: FakeCli.Script) =>
    FakeCli.layer(script).pipe(Layer.provideMerge(Layer.effect(
      SessionStore.SessionStore,
      Effect.map(SessionStore.makeMemory, (memory) => ({
        ...memory,
        update: (name, f) => Effect.andThen(Effect.sleep("10 seconds"), memory.update(name, f))
      }))
    )))

  const runs: ReadonlyArray<readonly [string, FakeProcess.FakeProcess, Effect.Effect<unknown, unknown, Codex.Codex>]> =
    [
      ["run", ok, Codex.run("x", { session: "s" })],
      ["stream", ok, Stream.runDrain(Codex.stream("x", { session: "s" }))],
      ["failed run", FakeProcess.turnFailed("boom", { threadId: threadA }), Codex.run("x", { session: "s" })],
      [
        "failed stream",
        FakeProcess.turnFailed("boom", { threadId: threadA }),
        Stream.runDrain(Codex.stream("x", { session: "s" }))
      ]
    ]
  for (const [name, process, run] of runs) {
    it.effect(`writes a ${name} down once, though it is interrupted meanwhile`, () =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(run)
        yield* pass("10 seconds")
        yield* pass("5 seconds")
        const interruption = yield* Effect.forkChild(Fiber.interrupt(fiber))
        yield* pass("5 seconds")
        yield* Fiber.join(interruption)
        const kept = yield* record("s")
        assert.strictEqual(kept?.turnCount, 1)
        assert.strictEqual(kept?.lastTurnStatus, process === ok ? "completed" : "failed")
      }).pipe(Effect.provide(slow([process]))))
  }

  it.effect("writes a turn down before the next one begins", () =>
    Effect.gen(function*() {
      const take = (prompt: string) =>
        Codex.stream(prompt, { session: "s" }).pipe(Stream.take(1), Stream.runDrain, Effect.forkChild)
      const first = yield* take("one")
      const second = yield* take("two")
      yield* pass("10 seconds")
      yield* pass("9 seconds")
      assert.deepStrictEqual(yield* prompts, ["one"])
      yield* pass("1 second")
      yield* settle
      assert.deepStrictEqual(yield* prompts, ["one", "two"])
      yield* pass("10 seconds")
      yield* pass("10 seconds")
      yield* Fiber.joinAll([first, second])
      assert.strictEqual((yield* record("s"))?.turnCount, 2)
    }).pipe(Effect.provide(slow(() => hungTurn({ threadId: threadA })))))
})

describe("a store that fails", () => {
  const problem = SessionStoreError.fromReason(
    new SessionStoreError.StorageFailed({ operation: "update", location: "/store", problem: "NoSpace" })
  )

  /** A Codex over a store that fails to read, to begin a record, or to add a turn to one. */
  const broken = (script: FakeCli.Script, fails: "get" | "begin" | "add") =>
    FakeCli.layer(script).pipe(Layer.provide(Layer.effect(
      SessionStore.SessionStore,
      Effect.map(SessionStore.makeMemory, (memory) => ({
        ...memory,
        get: (name) => fails === "get" ? Effect.fail(problem) : memory.get(name),
        update: (name, f) =>
          Effect.flatMap(memory.get(name), (record) => {
            const [, next] = f(record)
            const adds = Option.isSome(next) && next.value.turnCount > 0
            return adds === (fails === "add") ? Effect.fail(problem) : memory.update(name, f)
          })
      }))
    )))

  const storageFailed = { _tag: "StorageFailed", session: "s", problem: problem.message } as const

  it.effect("before the run lets it start nothing", () =>
    Effect.gen(function*() {
      for (
        const failing of [
          Codex.run("x", { session: "s" }),
          Stream.runDrain(Codex.stream("x", { session: "s" })),
          Effect.scoped(Codex.start("x", { session: "s" })),
          Codex.thread({ session: "s" })
        ]
      ) {
        const error = yield* Effect.flip(Effect.asVoid(failing))
        assert.deepInclude(error.reason, storageFailed)
        assert.isFalse(error.worked)
      }
      assert.deepStrictEqual(yield* invocations, [])
    }).pipe(Effect.provide(broken([], "get"))))

  it.effect("is worth another try if another process is at it, and only then", () =>
    Effect.gen(function*() {
      const reason = new SessionStoreError.Locked({ location: "/store", waited: Duration.seconds(10) })
      const locked = Layer.succeed(SessionStore.SessionStore, {
        ...yield* SessionStore.makeMemory,
        get: () => Effect.fail(SessionStoreError.fromReason(reason))
      })
      const busy = yield* Effect.flip(Codex.run("x", { session: "s" })).pipe(
        Effect.provide(FakeCli.layer([]).pipe(Layer.provide(locked)))
      )
      assert.isTrue(busy.isRetryable)
      const full = yield* Effect.flip(Codex.run("x", { session: "s" })).pipe(Effect.provide(broken([], "get")))
      assert.isFalse(full.isRetryable)
    }))

  it.effect("when the thread is known stops the run", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Codex.run("x", { session: "s" }))
      assert.deepInclude(error.reason, storageFailed)
      const [invocation] = yield* invocations
      assert.deepStrictEqual([invocation?.running, invocation?.signals], [false, ["SIGINT"]])
    }).pipe(Effect.provide(broken([hungTurn({ threadId: threadA })], "begin"))))

  it.effect("after the run fails it with its turn, as work that is done", () =>
    Effect.gen(function*() {
      const run = yield* Effect.flip(Codex.run("x", { session: "s" }))
      assert.deepInclude(run.reason, storageFailed)
      assert.isTrue(run.worked)
      assert.strictEqual(run.turn?.finalMessage, "ok")

      const seen: Array<string> = []
      const stream = yield* Codex.stream("x", { session: "t" }).pipe(
        Stream.runForEach(({ type }) => Effect.sync(() => seen.push(type))),
        Effect.flip
      )
      assert.deepInclude(stream.reason, { _tag: "StorageFailed", session: "t" })
      assert.isTrue(stream.worked)
      assert.strictEqual(seen.at(-1), "turn.completed")

      const handle = yield* Effect.flip(
        Effect.scoped(Effect.flatMap(Codex.start("x", { session: "u" }), (run) => run.await))
      )
      assert.deepInclude(handle.reason, { _tag: "StorageFailed", session: "u" })
      assert.strictEqual(handle.turn?.finalMessage, "ok")
    }).pipe(Effect.provide(broken(() => ok, "add"))))

  it.effect("after a run that failed or was stopped leaves its own ending, and says so in the log", () => {
    const logged: Array<unknown> = []
    return Effect.gen(function*() {
      const error = yield* Effect.flip(Codex.run("x", { session: "s" }))
      assert.strictEqual(tagOf(error), "TurnFailed")
      assert.deepStrictEqual(logged, [[`Session \`s\`: ${problem.message}`]])
      const stream = yield* Effect.flip(Stream.runDrain(Codex.stream("x", { session: "s" })))
      assert.strictEqual(tagOf(stream), "TurnFailed")
      yield* Codex.stream("x", { session: "s" }).pipe(
        Stream.takeUntil(({ type }) => type === "turn.completed"),
        Stream.runDrain
      )
      assert.lengthOf(logged, 3)
    }).pipe(Effect.provide([
      broken((_, index) =>
        index < 2
          ? FakeProcess.turnFailed("boom", { threadId: threadA, items: [command("item_0")] })
          : FakeProcess.make([...ok.steps, FakeProcess.hang]), "add"),
      Logger.layer([Logger.make(({ message }) => void logged.push(message))])
    ]))
  })
})
