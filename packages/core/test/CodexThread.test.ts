import * as Codex from "@effect-codex/core/Codex"
import * as CodexHome from "@effect-codex/core/CodexHome"
import * as CodexInput from "@effect-codex/core/CodexInput"
import * as FakeCli from "@effect-codex/testing/FakeCli"
import * as FakeProcess from "@effect-codex/testing/FakeProcess"
import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as PlatformError from "effect/PlatformError"
import * as Stream from "effect/Stream"
import {
  hungTurn,
  invocations,
  pass,
  prompts,
  resumedBy,
  settle,
  slowTurn,
  subcommands,
  threadA,
  threadB
} from "./support/fakeCodex.ts"

/** Every new thread has the next id; a resumed one answers by its own. */
const threads = (ids: ReadonlyArray<string>, turn: (threadId: string) => FakeProcess.FakeProcess): FakeCli.Script => {
  const left = [...ids]
  return (invocation) => turn(resumedBy(invocation) ?? left.shift() ?? "no id is left")
}

describe("a new thread", () => {
  it.effect("has an id once its first turn has begun, and is continued by it", () =>
    Effect.gen(function*() {
      const thread = yield* Codex.thread()
      assert.deepStrictEqual(yield* thread.id, Option.none())
      assert.deepStrictEqual(yield* thread.lastTurn, Option.none())
      assert.deepStrictEqual(yield* invocations, [])

      const first = yield* thread.run("one")
      assert.deepStrictEqual(yield* thread.id, Option.some(threadA))
      assert.deepStrictEqual(yield* thread.lastTurn, Option.some(first))

      const second = yield* thread.run("two")
      yield* Stream.runDrain(thread.stream("three"))
      yield* Effect.scoped(Effect.flatMap(thread.start("four"), (run) => run.await))
      assert.deepStrictEqual(yield* subcommands, [
        "-",
        `resume ${threadA} -`,
        `resume ${threadA} -`,
        `resume ${threadA} -`
      ])
      assert.deepStrictEqual(yield* prompts, ["one", "two", "three", "four"])
      assert.strictEqual(second.threadId, threadA)
    }).pipe(Effect.provide(FakeCli.layer(threads([threadA], (threadId) => FakeProcess.turn({ threadId }))))))

  it.effect("has its id while its first turn runs", () =>
    Effect.gen(function*() {
      const thread = yield* Codex.thread()
      const fiber = yield* Effect.forkChild(thread.run("one"))
      yield* pass("1 second")
      assert.deepStrictEqual(yield* thread.id, Option.some(threadA))
      assert.deepStrictEqual(yield* thread.lastTurn, Option.none())
      yield* pass("1 minute")
      yield* Fiber.join(fiber)
    }).pipe(Effect.provide(FakeCli.layer([slowTurn("1 minute", { threadId: threadA })]))))

  it.effect("that failed after it began is the same thread still, and its turn is the last one", () =>
    Effect.gen(function*() {
      const thread = yield* Codex.thread()
      const error = yield* Effect.flip(thread.run("one"))
      assert.strictEqual(error.reason._tag, "TurnFailed")
      const last = yield* thread.lastTurn
      assert.strictEqual(Option.getOrUndefined(last)?.status, "failed")
      yield* thread.run("two")
      assert.deepStrictEqual(yield* subcommands, ["-", `resume ${threadA} -`])
    }).pipe(Effect.provide(FakeCli.layer([
      FakeProcess.turnFailed("boom", { threadId: threadA }),
      FakeProcess.turn({ threadId: threadA })
    ]))))

  it.effect("that failed before it began is still new", () =>
    Effect.gen(function*() {
      const thread = yield* Codex.thread()
      assert.strictEqual((yield* Effect.flip(thread.run("one"))).reason._tag, "SpawnFailed")
      assert.strictEqual((yield* Effect.flip(thread.run(" "))).reason._tag, "InvalidOption")
      assert.deepStrictEqual(yield* thread.id, Option.none())
      yield* thread.run("two")
      assert.deepStrictEqual(yield* subcommands, ["-", "-"])
    }).pipe(Effect.provide(FakeCli.layer([
      PlatformError.systemError({ _tag: "Busy", module: "FakeCli", method: "spawn" }),
      FakeProcess.turn({ threadId: threadA })
    ]))))

  it.effect("that another thread answers keeps the id that was asked for", () =>
    Effect.gen(function*() {
      const thread = yield* Codex.thread({ thread: threadA })
      const error = yield* Effect.flip(thread.run("one"))
      assert.deepInclude(error.reason, { _tag: "ThreadMismatch", requested: threadA, actual: threadB })
      assert.deepStrictEqual(yield* thread.id, Option.some(threadA))
      yield* thread.run("two")
      assert.deepStrictEqual(yield* subcommands, [`resume ${threadA} -`, `resume ${threadA} -`])
    }).pipe(Effect.provide(FakeCli.layer([
      FakeProcess.turn({ threadId: threadB }),
      FakeProcess.turn({ threadId: threadA })
    ]))))
})

describe("options", () => {
  it.effect("of a run win over those of the thread, and these over the layer's, in each run anew", () =>
    Effect.gen(function*() {
      const thread = yield* Codex.thread({ model: "of-thread", config: { b: 2 } })
      yield* thread.run("one", { model: "of-run", config: { c: 3 } })
      yield* thread.run("two")
      assert.deepStrictEqual((yield* invocations).map(({ args }) => args), [
        [
          "exec",
          "--json",
          "--model",
          "of-run",
          "--sandbox",
          "read-only",
          "--config",
          "a=1",
          "--config",
          "b=2",
          "--config",
          "c=3",
          "-"
        ],
        [
          "exec",
          "--json",
          "--model",
          "of-thread",
          "--sandbox",
          "read-only",
          "--config",
          "a=1",
          "--config",
          "b=2",
          "resume",
          threadA,
          "-"
        ]
      ])
    }).pipe(Effect.provide(FakeCli.layer(threads([threadA], (threadId) => FakeProcess.turn({ threadId })), {
      model: "of-layer",
      sandbox: "read-only",
      config: { a: 1 }
    }))))

  it.effect("of the layer name the thread of a conversation too", () =>
    Effect.gen(function*() {
      const thread = yield* Codex.thread()
      assert.deepStrictEqual(yield* thread.id, Option.some(threadB))
      yield* thread.run("one")
      const copy = yield* thread.fork()
      yield* copy.run("two")
      assert.deepStrictEqual(yield* subcommands, [`resume ${threadB} -`, `fork ${threadB} -`])
    }).pipe(Effect.provide(FakeCli.layer(threads([threadA], (threadId) => FakeProcess.turn({ threadId })), {
      thread: threadB
    }))))
})

describe("turns of one thread", () => {
  const oneMinute = () => FakeCli.layer(threads([threadA], (threadId) => slowTurn("1 minute", { threadId })))

  it.effect("at once on a fresh handle: the second waits, and continues the first's thread", () =>
    Effect.gen(function*() {
      const thread = yield* Codex.thread()
      const turns = yield* Effect.forkChild(
        Effect.all([thread.run("one"), thread.run("two")], { concurrency: "unbounded" })
      )
      yield* pass("59 seconds")
      assert.deepStrictEqual(yield* prompts, ["one"])
      yield* pass("1 second")
      yield* pass("1 minute")
      assert.deepStrictEqual((yield* Fiber.join(turns)).map(({ threadId }) => threadId), [threadA, threadA])
      assert.deepStrictEqual(yield* subcommands, ["-", `resume ${threadA} -`])
    }).pipe(Effect.provide(oneMinute())))

  it.effect("are taken in the order in which they were asked for, in whatever way", () =>
    Effect.gen(function*() {
      const thread = yield* Codex.thread()
      const all = yield* Effect.forkChild(Effect.all([
        thread.run("one"),
        Stream.runDrain(thread.stream("two")),
        Effect.scoped(Effect.flatMap(thread.start("three"), (run) => run.await)),
        thread.run("four"),
        thread.run("five")
      ], { concurrency: "unbounded" }))
      for (let started = 1; started <= 5; started++) {
        yield* settle
        assert.lengthOf(yield* prompts, started)
        yield* pass("1 minute")
      }
      yield* Fiber.join(all)
      assert.deepStrictEqual(yield* prompts, ["one", "two", "three", "four", "five"])
    }).pipe(Effect.provide(oneMinute())))

  it.effect("across handles and spellings of its id: the second waits", () =>
    Effect.gen(function*() {
      const fresh = yield* Codex.thread()
      const first = yield* Effect.forkChild(fresh.run("one"))
      yield* pass("1 second")
      const other = yield* Codex.thread({ thread: Option.getOrThrow(yield* fresh.id).toUpperCase() })
      const second = yield* Effect.forkChild(other.run("two"))
      const third = yield* Effect.forkChild(Codex.run("three", { thread: threadA }))
      yield* pass("58 seconds")
      assert.deepStrictEqual(yield* prompts, ["one"])
      yield* pass("1 second")
      yield* pass("1 minute")
      yield* pass("1 minute")
      yield* Fiber.joinAll([first, second, third])
      assert.deepStrictEqual(yield* prompts, ["one", "two", "three"])
    }).pipe(Effect.provide(oneMinute())))

  it.effect("of several threads do not wait for each other", () =>
    Effect.gen(function*() {
      const a = yield* Codex.thread()
      const b = yield* Codex.thread()
      const both = yield* Effect.forkChild(Effect.all([a.run("one"), b.run("two")], { concurrency: "unbounded" }))
      yield* pass("1 minute")
      assert.deepStrictEqual((yield* Fiber.join(both)).map(({ threadId }) => threadId), [threadA, threadB])
    }).pipe(
      Effect.provide(FakeCli.layer(threads([threadA, threadB], (threadId) => slowTurn("1 minute", { threadId }))))
    ))

  it.effect("an interrupted wait leaves its place to the next", () =>
    Effect.gen(function*() {
      const thread = yield* Codex.thread()
      const first = yield* Effect.forkChild(thread.run("one"))
      const second = yield* Effect.forkChild(thread.run("two"))
      const third = yield* Effect.forkChild(thread.run("three"))
      yield* pass("1 second")
      yield* Fiber.interrupt(second)
      yield* Fiber.interrupt(first)
      yield* pass("1 minute")
      yield* Fiber.join(third)
      assert.deepStrictEqual(yield* prompts, ["one", "three"])
      assert.deepStrictEqual(yield* subcommands, ["-", `resume ${threadA} -`])
    }).pipe(Effect.provide(oneMinute())))

  it.effect("an abandoned stream leaves the thread free", () =>
    Effect.gen(function*() {
      const thread = yield* Codex.thread()
      yield* thread.stream("one").pipe(Stream.take(1), Stream.runDrain)
      yield* thread.run("two")
      assert.deepStrictEqual(yield* subcommands, ["-", `resume ${threadA} -`])
      assert.deepStrictEqual((yield* invocations)[0]?.signals, ["SIGINT"])
    }).pipe(Effect.provide(FakeCli.layer([
      hungTurn({ threadId: threadA }),
      FakeProcess.turn({ threadId: threadA })
    ]))))

  it.effect("a stream that nobody runs holds nothing, and each run of it is a turn", () =>
    Effect.gen(function*() {
      const thread = yield* Codex.thread()
      const stream = thread.stream("again")
      yield* thread.run("one")
      yield* Stream.runDrain(stream)
      yield* Stream.runDrain(stream)
      assert.deepStrictEqual(yield* prompts, ["one", "again", "again"])
    }).pipe(Effect.provide(FakeCli.layer(threads([threadA], (threadId) => FakeProcess.turn({ threadId }))))))

  it.effect("a handle on a run frees the thread when the run has ended, though its scope is still open", () =>
    Effect.gen(function*() {
      const thread = yield* Codex.thread()
      const run = yield* thread.start("one")
      yield* run.await
      yield* thread.run("two")
      yield* (yield* Codex.start("three", { thread: threadA })).await
      yield* Codex.run("four", { thread: threadA })
      assert.lengthOf(yield* prompts, 4)
    }).pipe(
      Effect.scoped,
      Effect.provide(FakeCli.layer(threads([threadA], (threadId) => FakeProcess.turn({ threadId }))))
    ))

  it.effect("a start that fails frees the thread at once", () =>
    Effect.gen(function*() {
      const thread = yield* Codex.thread({ thread: threadA })
      const error = yield* Effect.flip(thread.start("one"))
      assert.strictEqual(error.reason._tag, "Exited")
      assert.strictEqual((yield* Effect.flip(thread.start(" "))).reason._tag, "InvalidOption")
      yield* thread.run("two")
    }).pipe(
      Effect.scoped,
      Effect.provide(FakeCli.layer([FakeProcess.startFailed("no"), FakeProcess.turn({ threadId: threadA })]))
    ))
})

describe("fork", () => {
  it.effect("is a copy, which lives on under its own id, and leaves the original as it is", () =>
    Effect.gen(function*() {
      const original = yield* Codex.thread({ thread: threadA, model: "m", session: undefined })
      const copy = yield* original.fork({ sandbox: "read-only" })
      assert.deepStrictEqual(yield* copy.id, Option.none())
      yield* copy.run("one")
      yield* copy.run("two", { model: "n" })
      yield* original.run("three")
      assert.deepStrictEqual(yield* copy.id, Option.some(threadB))
      assert.deepStrictEqual(yield* original.id, Option.some(threadA))
      assert.deepStrictEqual((yield* invocations).map(({ args }) => args.slice(2).join(" ")), [
        `--model m --sandbox read-only fork ${threadA} -`,
        `--model n --sandbox read-only resume ${threadB} -`,
        `--model m resume ${threadA} -`
      ])
    }).pipe(Effect.provide(FakeCli.layer(threads([threadB], (threadId) => FakeProcess.turn({ threadId }))))))

  it.effect("under the name of a session is a copy too", () =>
    Effect.gen(function*() {
      const original = yield* Codex.thread({ session: "original" })
      yield* original.run("one")
      const copy = yield* original.fork({ session: "copy" })
      yield* copy.run("two")
      yield* copy.run("three")
      yield* original.run("four")
      assert.deepStrictEqual(yield* subcommands, [
        "-",
        `fork ${threadA} -`,
        `resume ${threadB} -`,
        `resume ${threadA} -`
      ])
    }).pipe(Effect.provide(FakeCli.layer(threads([threadA, threadB], (threadId) => FakeProcess.turn({ threadId }))))))

  it.effect("that failed before it began is made by the next run", () =>
    Effect.gen(function*() {
      const copy = yield* Codex.thread({ fork: threadA })
      yield* Effect.flip(copy.run("one"))
      yield* copy.run("two")
      assert.deepStrictEqual(yield* subcommands, [`fork ${threadA} -`, `fork ${threadA} -`])
    }).pipe(Effect.provide(FakeCli.layer([FakeProcess.startFailed("no"), FakeProcess.turn({ threadId: threadB })]))))

  it.effect("that the original answers fails, and is no turn of the original's", () =>
    Effect.gen(function*() {
      const copy = yield* Codex.thread({ fork: threadA })
      const error = yield* Effect.flip(copy.run("one"))
      assert.deepInclude(error.reason, { _tag: "ThreadMismatch", actual: threadA })
      assert.deepStrictEqual(yield* copy.id, Option.none())
    }).pipe(Effect.provide(FakeCli.layer([FakeProcess.turn({ threadId: threadA })]))))

  it.effect("of a thread without a turn is refused", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Effect.flatMap(Codex.thread(), (thread) => thread.fork()))
      assert.deepInclude(error.reason, { _tag: "InvalidOption", option: "fork" })
    }).pipe(Effect.provide(FakeCli.layer([]))))
})

describe("the last thread", () => {
  /** A home whose last thread is this one. */
  const home = (threadId: Option.Option<string>, asked: Array<string | undefined> = []) =>
    Layer.succeed(
      CodexHome.CodexHome,
      CodexHome.CodexHome.of({
        threads: () => Stream.empty,
        find: () => Effect.succeedNone,
        usage: () => Effect.succeedNone,
        last: ({ directory } = {}) =>
          Effect.sync(() => {
            asked.push(directory)
            return Option.map(threadId, (threadId) => ({
              threadId,
              createdAt: DateTime.makeUnsafe(0),
              updatedAt: DateTime.makeUnsafe(0),
              isSubAgent: false,
              isArchived: false,
              path: "/home"
            }))
          })
      })
    )
  const codex = FakeCli.layer(threads([], (threadId) => FakeProcess.turn({ threadId })), { workingDirectory: "/layer" })

  it.effect("of the directory, or of all, is continued by its id", () => {
    const asked: Array<string | undefined> = []
    return Effect.gen(function*() {
      const here = yield* Codex.thread({ last: "directory" })
      const there = yield* Codex.thread({ last: "directory", workingDirectory: "/there" })
      const anywhere = yield* Codex.thread({ last: "anywhere" })
      assert.deepStrictEqual(asked, ["/layer", "/there", undefined])
      for (const thread of [here, there, anywhere]) {
        assert.deepStrictEqual(yield* thread.id, Option.some(threadB))
        yield* thread.run("x")
      }
      assert.deepStrictEqual(yield* subcommands, Array.from({ length: 3 }, () => `resume ${threadB} -`))
    }).pipe(Effect.provide(codex.pipe(Layer.provide(home(Option.some(threadB), asked)))))
  })

  it.effect("is an error if there is none", () =>
    Effect.gen(function*() {
      const here = yield* Effect.flip(Codex.thread({ last: "directory" }))
      assert.deepInclude(here.reason, { _tag: "NoLastThread", directory: "/layer" })
      const anywhere = yield* Effect.flip(Codex.thread({ last: "anywhere" }))
      assert.strictEqual(anywhere.message, "This CODEX_HOME holds no thread to continue")
    }).pipe(Effect.provide(codex.pipe(Layer.provide(home(Option.none()))))))

  it.effect("needs a home to look into, which can be read", () =>
    Effect.gen(function*() {
      const without = yield* Effect.flip(Codex.thread({ last: "anywhere" })).pipe(Effect.provide(FakeCli.layer([])))
      assert.deepInclude(without.reason, { _tag: "InvalidOption", option: "last" })

      const problem = new CodexHome.CodexHomeError({ path: "/home", problem: "PermissionDenied" })
      const broken = Layer.mock(CodexHome.CodexHome, { last: () => Effect.fail(problem) })
      const unreadable = yield* Effect.flip(Codex.thread({ last: "anywhere" })).pipe(
        Effect.provide(FakeCli.layer([]).pipe(Layer.provide(broken)))
      )
      assert.deepInclude(unreadable.reason, { _tag: "StorageFailed", problem: problem.message })
    }))

  it.effect("and another thread by its id is refused", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Codex.thread({ last: "anywhere", thread: threadA }))
      assert.deepInclude(error.reason, { _tag: "InvalidOption", option: "last" })
      const fork = yield* Effect.flip(Codex.thread({ last: "anywhere", fork: threadA }))
      assert.deepInclude(fork.reason, { _tag: "InvalidOption", option: "last" })
    }).pipe(Effect.provide(codex.pipe(Layer.provide(home(Option.some(threadB)))))))
})

describe("a review", () => {
  it.effect("is a turn in a thread of its own", () =>
    Effect.gen(function*() {
      const turn = yield* Codex.review({ type: "base", branch: "main" }, { sandbox: "read-only" })
      assert.strictEqual(turn.finalMessage, "No findings.")
      const [invocation] = yield* invocations
      assert.deepStrictEqual(invocation?.args.slice(2), ["--sandbox", "read-only", "review", "--base", "main"])
      assert.strictEqual(invocation?.stdin, "")
    }).pipe(Effect.provide(FakeCli.layer([FakeProcess.turn({ threadId: threadA, message: "No findings." })]))))

  it.effect("may begin a thread, which is then continued", () =>
    Effect.gen(function*() {
      const thread = yield* Codex.thread()
      yield* thread.run(CodexInput.review({ type: "uncommitted" }))
      yield* thread.run("Mend the first finding")
      const error = yield* Effect.flip(thread.run(CodexInput.review({ type: "uncommitted" })))
      assert.deepInclude(error.reason, { _tag: "InvalidOption", option: "thread" })
      assert.deepStrictEqual(yield* subcommands, ["review --uncommitted", `resume ${threadA} -`])
    }).pipe(Effect.provide(FakeCli.layer(threads([threadA], (threadId) => FakeProcess.turn({ threadId }))))))
})
