import * as Codex from "@effect-codex/core/Codex"
import * as CodexError from "@effect-codex/core/CodexError"
import type { CodexEvent } from "@effect-codex/core/CodexEvent"
import { CodexTransport } from "@effect-codex/core/CodexTransport"
import * as FakeCli from "@effect-codex/testing/FakeCli"
import * as FakeProcess from "@effect-codex/testing/FakeProcess"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as PlatformError from "effect/PlatformError"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"

const threadA = "00000000-0000-7000-8000-00000000000a"
const threadB = "00000000-0000-7000-8000-00000000000b"

const invocations = Effect.flatMap(FakeCli.FakeCli, (cli) => cli.invocations)

/** Lets what was forked get to where only time helps, and then passes time. */
const pass = (duration: Duration.Input) =>
  Effect.flatMap(FakeCli.FakeCli, (cli) => cli.settled).pipe(Effect.andThen(TestClock.adjust(duration)))

const command = (id: string): Extract<CodexEvent, { readonly type: "item.completed" }>["item"] => ({
  type: "command_execution",
  id,
  command: "ls",
  aggregated_output: "a\n",
  exit_code: 0,
  status: "completed"
})

describe("Codex.run", () => {
  it.effect("gives what the turn came to", () =>
    Effect.gen(function*() {
      const turn = yield* Codex.run("Say hi")
      assert.strictEqual(turn.status, "completed")
      assert.strictEqual(turn.finalMessage, "hi")
      assert.strictEqual(turn.threadId, threadA)
      assert.deepStrictEqual(turn.commands.map((item) => item.command), ["ls"])
      assert.strictEqual(turn.usage?.input_tokens, 100)
    }).pipe(Effect.provide(FakeCli.layer([
      FakeProcess.turn({ threadId: threadA, items: [command("item_0")], message: "hi" })
    ]))))

  it.effect("gives the prompt on stdin, and options as flags before the subcommand", () =>
    Effect.gen(function*() {
      yield* Codex.run("--help me", {
        thread: threadA,
        model: "gpt-5.5",
        sandbox: "read-only",
        skipGitRepoCheck: true,
        workingDirectory: "/repo",
        baseUrl: "http://localhost/v1",
        config: { model_reasoning_effort: "low", tools: { web_search: true } }
      })
      const [invocation] = yield* invocations
      assert.strictEqual(invocation?.stdin, "--help me")
      assert.strictEqual(invocation?.cwd, "/repo")
      assert.deepStrictEqual(invocation?.args, [
        "exec",
        "--json",
        "--model",
        "gpt-5.5",
        "--sandbox",
        "read-only",
        "--skip-git-repo-check",
        "--config",
        "model_reasoning_effort=\"low\"",
        "--config",
        "tools.web_search=true",
        "--config",
        "openai_base_url=\"http://localhost/v1\"",
        "resume",
        threadA,
        "-"
      ])
    }).pipe(Effect.provide(FakeCli.layer([FakeProcess.turn({ threadId: threadA })]))))

  it.effect("lays a run's options over the layer's", () =>
    Effect.gen(function*() {
      yield* Codex.run("x", { model: "b", config: { features: { two: true } }, sandbox: undefined })
      const [invocation] = yield* invocations
      assert.deepStrictEqual(invocation?.args, [
        "exec",
        "--json",
        "--model",
        "b",
        "--sandbox",
        "read-only",
        "--config",
        "features.one=true",
        "--config",
        "features.two=true",
        "-"
      ])
    }).pipe(Effect.provide(FakeCli.layer([FakeProcess.turn()], {
      model: "a",
      sandbox: "read-only",
      config: { features: { one: true } }
    }))))

  it.effect("reports the usage of the turn, and the total of the thread", () =>
    Effect.gen(function*() {
      const first = yield* Codex.run("one")
      const second = yield* Codex.run("two", { thread: threadA })
      const foreign = yield* Codex.run("three", { thread: threadB })
      assert.deepStrictEqual([first.usage?.input_tokens, first.threadUsage?.input_tokens], [100, 100])
      assert.deepStrictEqual([second.usage?.input_tokens, second.threadUsage?.input_tokens], [150, 250])
      assert.deepStrictEqual([foreign.usage, foreign.threadUsage?.input_tokens], [undefined, 900])
    }).pipe(Effect.provide(FakeCli.layer([
      FakeProcess.turn({ threadId: threadA, usage: { input_tokens: 100, output_tokens: 10 } }),
      FakeProcess.turn({ threadId: threadA, usage: { input_tokens: 250, output_tokens: 20 } }),
      FakeProcess.turn({ threadId: threadB, usage: { input_tokens: 900, output_tokens: 90 } })
    ]))))

  it.effect("measures the duration by the clock", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Codex.run("x"))
      yield* pass("5 seconds")
      const turn = yield* Fiber.join(fiber)
      assert.strictEqual(Duration.toMillis(turn.duration), 5000)
    }).pipe(Effect.provide(FakeCli.layer([
      FakeProcess.make([FakeProcess.delay("5 seconds"), ...FakeProcess.turn().steps])
    ]))))
})

describe("a failure", () => {
  it.effect("of the turn is the agent's cause, once, with the turn so far", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Codex.run("x"))
      assert.strictEqual(error.reason._tag, "TurnFailed")
      assert.strictEqual(error.message, "The turn failed: rate limit exceeded: slow down")
      assert.strictEqual(error.turn?.status, "failed")
      assert.deepStrictEqual(error.turn?.commands.length, 1)
      assert.deepStrictEqual(error.turn?.notices, [])
      assert.isTrue(error.worked)
      assert.isFalse(error.isRetryable)
    }).pipe(Effect.provide(FakeCli.layer([
      FakeProcess.turnFailed("rate limit exceeded: slow down", { items: [command("item_0")] })
    ]))))

  it.effect("is retryable if it may pass and nothing was done", () =>
    Effect.gen(function*() {
      const turn = yield* Codex.run("x").pipe(Effect.retry({ while: CodexError.isRetryable, times: 1 }))
      assert.strictEqual(turn.finalMessage, "ok")
      assert.strictEqual((yield* invocations).length, 2)
    }).pipe(Effect.provide(FakeCli.layer([
      FakeProcess.turnFailed("rate limit exceeded: slow down"),
      FakeProcess.turn({ message: "ok" })
    ]))))

  it.effect("is emitted by a stream as the event that it was, and then fails it", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const exit = yield* Codex.stream("x").pipe(
        Stream.runForEach((event) => Effect.sync(() => seen.push(event.type))),
        Effect.exit
      )
      assert.deepStrictEqual(seen, ["thread.started", "turn.started", "error", "turn.failed"])
      assert.isTrue(Exit.isFailure(exit) && CodexError.isCodexError(Cause.squash(exit.cause)))
    }).pipe(Effect.provide(FakeCli.layer([FakeProcess.turnFailed("boom")]))))

  it.effect("of the CLI before its turn ended carries exit code and stderr without noise", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Codex.run("x"))
      assert.deepInclude(error.reason, { _tag: "Exited", exitCode: 2, stderr: "error: unexpected argument" })
    }).pipe(Effect.provide(FakeCli.layer([
      FakeProcess.startFailed(
        "Reading prompt from stdin...\n\u001b[31merror: unexpected argument\u001b[0m\n\nStack backtrace:\n   0: <unknown>",
        2
      )
    ]))))

  it.effect("by a signal names it", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Codex.run("x"))
      assert.deepInclude(error.reason, { _tag: "Exited", signal: "SIGSEGV" })
      assert.strictEqual(error.turn?.threadId, threadA)
    }).pipe(Effect.provide(FakeCli.layer([
      FakeProcess.make([
        FakeProcess.event({ type: "thread.started", thread_id: threadA }),
        FakeProcess.signal("SIGSEGV")
      ])
    ]))))

  it.effect("of an exit with 0 before the turn's end is one too", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Codex.run("x"))
      assert.deepInclude(error.reason, { _tag: "Exited", exitCode: 0 })
    }).pipe(Effect.provide(FakeCli.layer([FakeProcess.make([])]))))

  it.effect("to start the CLI says what the system said", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Codex.run("x", { workingDirectory: "/nowhere" }))
      assert.deepInclude(error.reason, { _tag: "SpawnFailed", code: "NotFound", workingDirectory: "/nowhere" })
      assert.isFalse(error.isRetryable)
    }).pipe(Effect.provide(FakeCli.layer([
      PlatformError.systemError({ _tag: "NotFound", module: "FileSystem", method: "access" })
    ]))))
})

describe("threads", () => {
  it.effect("another thread than the one asked for fails the run before anything else is emitted", () =>
    Effect.gen(function*() {
      const seen: Array<CodexEvent> = []
      const error = yield* Codex.stream("x", { thread: threadA }).pipe(
        Stream.runForEach((event) => Effect.sync(() => seen.push(event))),
        Effect.flip
      )
      assert.deepInclude(error.reason, { _tag: "ThreadMismatch", requested: threadA, actual: threadB })
      assert.deepStrictEqual(seen, [])
      const [invocation] = yield* invocations
      assert.isFalse(invocation?.running)
    }).pipe(Effect.provide(FakeCli.layer([FakeProcess.turn({ threadId: threadB })]))))

  it.effect("that does not say its id is not taken for the one that was asked for", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Codex.run("x", { thread: threadA }))
      assert.strictEqual(error.message, `Asked for thread ${threadA}, but thread without an id answered`)
    }).pipe(Effect.provide(FakeCli.layer([
      FakeProcess.make([FakeProcess.event({ type: "turn.completed", usage: { input_tokens: 1, output_tokens: 1 } })])
    ]))))

  it.effect("an archived thread is told how to be taken out", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Codex.run("x", { thread: threadA }))
      assert.deepInclude(error.reason, { _tag: "ThreadArchived", threadId: threadA })
      assert.match(error.message, /codex unarchive/)
    }).pipe(Effect.provide(FakeCli.layer([
      FakeProcess.startFailed(
        `Error: session ${threadA} is archived. Run \`codex unarchive ${threadA}\` to unarchive it`
      )
    ]))))

  it.effect("a thread that another process holds is busy, one that is not there is not found", () =>
    Effect.gen(function*() {
      const busy = yield* Effect.flip(Codex.run("x", { thread: threadA }))
      const missing = yield* Effect.flip(Codex.run("x", { thread: threadA }))
      assert.deepInclude(busy.reason, { _tag: "ThreadBusy", threadId: threadA })
      assert.isTrue(busy.isRetryable)
      assert.deepInclude(missing.reason, { _tag: "ThreadNotFound", threadId: threadA })
      assert.isFalse(missing.isRetryable)
    }).pipe(Effect.provide(FakeCli.layer([
      FakeProcess.startFailed(
        `Error: thread/resume: thread/resume failed: thread ${threadA} already has an active writer (code -32600)`
      ),
      FakeProcess.startFailed(
        `Error: thread/resume: thread/resume failed: no rollout found for thread id ${threadA} (code -32600)`
      )
    ]))))

  it.effect("one turn at a time: a second run on the same thread waits, one on another does not", () =>
    Effect.gen(function*() {
      const first = yield* Effect.forkChild(Codex.run("one", { thread: threadA }))
      const second = yield* Effect.forkChild(Codex.run("two", { thread: threadA }))
      const other = yield* Effect.forkChild(Codex.run("three", { thread: threadB }))
      yield* Fiber.join(other)
      assert.deepStrictEqual((yield* invocations).map(({ stdin }) => stdin), ["one", "three"])
      yield* pass("1 minute")
      yield* Fiber.join(first)
      yield* Fiber.join(second)
      assert.deepStrictEqual((yield* invocations).map(({ stdin }) => stdin), ["one", "three", "two"])
    }).pipe(Effect.provide(FakeCli.layer(({ args }, index) =>
      index === 0
        ? FakeProcess.make([
          ...FakeProcess.turn({ threadId: threadA }).steps.slice(0, 2),
          FakeProcess.delay("1 minute"),
          ...FakeProcess.turn({ threadId: threadA }).steps.slice(2)
        ])
        : FakeProcess.turn({ threadId: args.includes(threadB) ? threadB : threadA })
    ))))

  it.effect("an id is the same in capitals", () =>
    Effect.gen(function*() {
      const first = yield* Effect.forkChild(Codex.run("one", { thread: threadA }))
      const second = yield* Effect.forkChild(Codex.run("two", { thread: threadA.toUpperCase() }))
      yield* pass("1 minute")
      assert.lengthOf(yield* invocations, 1)
      yield* Fiber.interrupt(first)
      yield* Fiber.join(second)
    }).pipe(Effect.provide(FakeCli.layer((_, index) =>
      index === 0 ? FakeProcess.make([FakeProcess.hang]) : FakeProcess.turn({ threadId: threadA }), {
      firstEventTimeout: "1 hour"
    }))))

  it.effect("a new thread is taken as soon as its id is out", () =>
    Effect.gen(function*() {
      const id = yield* Deferred.make<string>()
      const first = yield* Codex.stream("one").pipe(
        Stream.runForEach((event) =>
          event.type === "thread.started" ? Deferred.succeed(id, event.thread_id) : Effect.void
        ),
        Effect.forkChild
      )
      const second = yield* Effect.forkChild(Codex.run("two", { thread: yield* Deferred.await(id) }))
      yield* pass("59 seconds")
      assert.strictEqual((yield* invocations).length, 1)
      yield* pass("1 second")
      yield* Fiber.join(first)
      yield* Fiber.join(second)
      assert.strictEqual((yield* invocations).length, 2)
    }).pipe(Effect.provide(FakeCli.layer((_, index) =>
      index === 0
        ? FakeProcess.make([
          ...FakeProcess.turn({ threadId: threadA }).steps.slice(0, 2),
          FakeProcess.delay("1 minute"),
          ...FakeProcess.turn({ threadId: threadA }).steps.slice(2)
        ])
        : FakeProcess.turn({ threadId: threadA })
    ))))

  it.effect("an interrupted wait for a thread leaves the thread free", () =>
    Effect.gen(function*() {
      const first = yield* Effect.forkChild(Codex.run("one", { thread: threadA }))
      const second = yield* Effect.forkChild(Codex.run("two", { thread: threadA }))
      yield* pass("1 second")
      yield* Fiber.interrupt(second)
      yield* Fiber.interrupt(first)
      yield* Codex.run("three", { thread: threadA })
      assert.deepStrictEqual((yield* invocations).map(({ stdin }) => stdin), ["one", "three"])
    }).pipe(Effect.provide(FakeCli.layer((_, index) =>
      index === 0 ? FakeProcess.make([FakeProcess.hang]) : FakeProcess.turn({ threadId: threadA })
    ))))
})

describe("time limits", () => {
  const limited = (steps: ReadonlyArray<FakeProcess.Step>) => FakeCli.layer([FakeProcess.make(steps)])
  const started = FakeProcess.turn({ threadId: threadA }).steps.slice(0, 2)
  const reconnecting = FakeProcess.event({ type: "error", message: "Reconnecting..." })

  it.effect("until the first event: a minute unless told otherwise", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Effect.flip(Codex.run("x")))
      yield* pass("59 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass("1 second")
      const error = yield* Fiber.join(fiber)
      assert.deepInclude(error.reason, { _tag: "TimedOut", limit: "firstEvent" })
      assert.isTrue(error.isRetryable)
      const [invocation] = yield* invocations
      assert.deepStrictEqual(invocation?.signals, ["SIGINT"])
      assert.isFalse(invocation?.running)
    }).pipe(Effect.provide(limited([FakeProcess.hang]))))

  it.effect("without progress: reconnects are none", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Effect.flip(Codex.run("x", { idleTimeout: "10 seconds" })))
      yield* pass("9 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass("1 second")
      const error = yield* Fiber.join(fiber)
      assert.deepInclude(error.reason, { _tag: "TimedOut", limit: "idle" })
      assert.strictEqual(error.turn?.threadId, threadA)
      assert.deepStrictEqual(error.turn?.notices, ["Reconnecting...", "Reconnecting..."])
    }).pipe(Effect.provide(limited([
      ...started,
      FakeProcess.delay("4 seconds"),
      reconnecting,
      FakeProcess.delay("4 seconds"),
      reconnecting,
      FakeProcess.hang
    ]))))

  it.effect("with progress there is no end to it", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Codex.run("x", { idleTimeout: "10 seconds" }))
      yield* pass("1 minute")
      const turn = yield* Fiber.join(fiber)
      assert.strictEqual(turn.commands.length, 6)
    }).pipe(Effect.provide(limited([
      ...started,
      ...[0, 1, 2, 3, 4, 5].flatMap((index) => [
        FakeProcess.delay("9 seconds"),
        FakeProcess.event({ type: "item.completed", item: command(`item_${index}`) })
      ]),
      ...FakeProcess.turn().steps.slice(2)
    ]))))

  it.effect("for the whole run, the consumer's time included", () =>
    Effect.gen(function*() {
      const fiber = yield* Codex.stream("x", { timeout: "30 seconds" }).pipe(
        Stream.runForEach(() => Effect.sleep("20 seconds")),
        Effect.flip,
        Effect.forkChild
      )
      yield* pass("1 minute")
      const error = yield* Fiber.join(fiber)
      assert.deepInclude(error.reason, { _tag: "TimedOut", limit: "total" })
    }).pipe(Effect.provide(limited([...started, FakeProcess.hang]))))

  it.effect("for the whole run, but not for the consumer of its last event", () =>
    Effect.gen(function*() {
      const fiber = yield* Codex.stream("x", { timeout: "30 seconds" }).pipe(
        Stream.runForEach((event) => event.type === "turn.completed" ? Effect.sleep("28 seconds") : Effect.void),
        Effect.forkChild
      )
      yield* pass("28 seconds")
      yield* pass("10 seconds")
      yield* Fiber.join(fiber)
    }).pipe(Effect.provide(FakeCli.layer([
      FakeProcess.make([...FakeProcess.turn().steps, FakeProcess.delay("40 seconds")])
    ]))))

  it.effect("a busy consumer is not an idle agent", () =>
    Effect.gen(function*() {
      const fiber = yield* Codex.stream("x", { idleTimeout: "10 seconds" }).pipe(
        Stream.runForEach(() => Effect.sleep("1 minute")),
        Effect.forkChild
      )
      yield* pass("10 minutes")
      yield* Fiber.join(fiber)
    }).pipe(
      Effect.provide(limited([...started, FakeProcess.delay("5 seconds"), ...FakeProcess.turn().steps.slice(2)]))
    ))
})

describe("stopping", () => {
  it.effect("an interrupted run asks the CLI to stop, and waits until it has", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Codex.run("x"))
      yield* pass("1 second")
      yield* Fiber.interrupt(fiber)
      const [invocation] = yield* invocations
      assert.deepStrictEqual(invocation?.signals, ["SIGINT"])
      assert.isFalse(invocation?.running)
    }).pipe(Effect.provide(FakeCli.layer([FakeProcess.make([FakeProcess.hang])]))))

  it.effect("a CLI that ignores SIGINT is told by SIGTERM after the grace, and then killed", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Codex.run("x"))
      yield* pass("1 second")
      const interruption = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* pass("1999 millis")
      assert.deepStrictEqual((yield* invocations)[0]?.signals, ["SIGINT"])
      yield* pass("1 milli")
      assert.deepStrictEqual((yield* invocations)[0]?.signals, ["SIGINT", "SIGTERM"])
      yield* pass("1 second")
      yield* Fiber.join(interruption)
      assert.deepStrictEqual((yield* invocations)[0]?.signals, ["SIGINT", "SIGTERM", "SIGKILL"])
      assert.isFalse((yield* invocations)[0]?.running)
    }).pipe(Effect.provide(FakeCli.layer(
      [FakeProcess.make([FakeProcess.hang], { ignores: ["SIGINT", "SIGTERM"] })],
      { interruptGrace: "2 seconds" }
    ))))

  it.effect("a CLI that stays after its turn is given ten seconds", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Codex.run("x"))
      yield* pass("9 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      assert.deepStrictEqual((yield* invocations)[0]?.signals, [])
      yield* pass("1 second")
      assert.strictEqual((yield* Fiber.join(fiber)).status, "completed")
      assert.deepStrictEqual((yield* invocations)[0]?.signals, ["SIGINT"])
    }).pipe(Effect.provide(FakeCli.layer([FakeProcess.make([...FakeProcess.turn().steps, FakeProcess.hang])]))))

  it.effect("a stream that is not wanted to its end stops the CLI", () =>
    Effect.gen(function*() {
      const events = yield* Codex.stream("x").pipe(Stream.take(1), Stream.runCollect)
      assert.strictEqual(events.length, 1)
      assert.isFalse((yield* invocations)[0]?.running)
    }).pipe(Effect.provide(FakeCli.layer([
      FakeProcess.make([...FakeProcess.turn().steps.slice(0, 2), FakeProcess.hang])
    ]))))

  it.effect("Effect.timeout needs no option", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Effect.exit(Codex.run("x").pipe(Effect.timeout("10 seconds"))))
      yield* pass("10 seconds")
      const exit = yield* Fiber.join(fiber)
      assert.isTrue(Exit.isFailure(exit) && Cause.isTimeoutError(Cause.squash(exit.cause)))
      assert.isFalse((yield* invocations)[0]?.running)
    }).pipe(Effect.provide(FakeCli.layer([FakeProcess.make([FakeProcess.hang])]))))
})

describe("output", () => {
  it.effect("is cut into lines at LF only, across chunks and inside characters", () =>
    Effect.gen(function*() {
      const text = "grüße \u2028 \u2029 \u0085 🙂"
      const line = new TextEncoder().encode(
        `${JSON.stringify({ type: "item.completed", item: { type: "agent_message", id: "item_0", text } })}\n`
      )
      assert.isTrue(new TextDecoder().decode(line).includes("\u2028"))
      const turn = yield* Codex.run("x").pipe(Effect.provide(FakeCli.layer([
        FakeProcess.make([
          ...FakeProcess.turn().steps.slice(0, 2),
          ...Array.from(line, (byte) => FakeProcess.stdout(Uint8Array.of(byte))),
          FakeProcess.stdout("\r\n\n"),
          ...FakeProcess.turn().steps.slice(2)
        ])
      ])))
      assert.strictEqual(turn.finalMessage, text)
      assert.strictEqual(turn.items.length, 1)
    }))

  it.effect("without a last LF loses nothing", () =>
    Effect.gen(function*() {
      const turn = yield* Codex.run("x")
      assert.strictEqual(turn.status, "completed")
    }).pipe(Effect.provide(FakeCli.layer([
      FakeProcess.make([
        FakeProcess.stdout(
          "{\"type\":\"thread.started\",\"thread_id\":\"t\"}\n{\"type\":\"turn.completed\",\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}"
        )
      ])
    ]))))

  const future = [
    FakeProcess.stdout("Welcome to Codex!\n"),
    FakeProcess.event({ type: "turn.dreamt" }),
    FakeProcess.stdout("{\"type\":\"item.completed\",\"item\":{\"type\":\"hologram\",\"id\":\"item_9\"}}\n"),
    FakeProcess.stdout("{\"type\":\"turn.completed\"}\n")
  ]

  it.effect("that this version does not know stays in the stream, with its raw JSON", () =>
    Effect.gen(function*() {
      const events = yield* Stream.runCollect(Codex.stream("x"))
      assert.deepStrictEqual(events.slice(2, 6), [
        { type: "unknown", raw: "Welcome to Codex!", issue: "Not JSON" },
        { type: "unknown", raw: { type: "turn.dreamt" } },
        { type: "item.completed", item: { type: "unknown", raw: { type: "hologram", id: "item_9" } } },
        { type: "unknown", raw: { type: "turn.completed" }, issue: "Missing key\n  at [\"usage\"]" }
      ])
    }).pipe(Effect.provide(FakeCli.layer([
      FakeProcess.make([...FakeProcess.turn().steps.slice(0, 2), ...future, ...FakeProcess.turn().steps.slice(2)])
    ]))))

  it.effect("that this version does not know fails a strict run", () =>
    Effect.gen(function*() {
      const issues: Array<string> = []
      for (let index = 0; index < future.length; index++) {
        const error = yield* Effect.flip(Codex.run("x", { strict: true }))
        if (error.reason._tag === "EventUndecodable") issues.push(error.reason.eventType)
      }
      assert.deepStrictEqual(issues, ["a line", "\"turn.dreamt\"", "\"hologram\"", "\"turn.completed\""])
    }).pipe(Effect.provide(FakeCli.layer(future.map((step) =>
      FakeProcess.make([...FakeProcess.turn().steps.slice(0, 2), step, ...FakeProcess.turn().steps.slice(2)])
    )))))

  it.effect("before what fails a strict run is not lost, though it came in one chunk", () =>
    Effect.gen(function*() {
      const chunk = [
        ...FakeProcess.turn({ threadId: threadA, items: [command("item_0")] }).steps.slice(0, 3),
        FakeProcess.event({ type: "turn.dreamt" })
      ].map((step) => step._tag === "Stdout" ? String(step.bytes) : "").join("")
      const error = yield* Codex.run("x", { strict: true }).pipe(
        Effect.flip,
        Effect.provide(FakeCli.layer([FakeProcess.make([FakeProcess.stdout(chunk), FakeProcess.hang])]))
      )
      assert.strictEqual(error.reason._tag, "EventUndecodable")
      assert.strictEqual(error.turn?.threadId, threadA)
      assert.deepStrictEqual(error.turn?.commands.map(({ id }) => id), ["item_0"])
      assert.isTrue(error.worked)
    }))

  it.effect("of an endless line is refused at the limit", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Codex.run("x"))
      assert.deepInclude(error.reason, { _tag: "LineTooLong", limit: 1000 })
    }).pipe(Effect.provide(FakeCli.layer(
      [FakeProcess.make([FakeProcess.stdout("x".repeat(1001)), FakeProcess.hang])],
      { maxLineBytes: 1000 }
    ))))

  it.effect("before an endless line is not lost", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const error = yield* Codex.stream("x").pipe(
        Stream.runForEach((event) => Effect.sync(() => seen.push(event.type))),
        Effect.flip
      )
      assert.deepStrictEqual(seen, ["turn.started"])
      assert.strictEqual(error.reason._tag, "LineTooLong")
    }).pipe(Effect.provide(FakeCli.layer(
      [FakeProcess.make([
        FakeProcess.stdout(`{"type":"turn.started"}\n${"x".repeat(1001)}`),
        FakeProcess.hang
      ])],
      { maxLineBytes: 1000 }
    ))))

  it.effect("on stderr never stops the CLI, however much", () =>
    Effect.gen(function*() {
      const turn = yield* Codex.run("x")
      assert.strictEqual(turn.status, "completed")
    }).pipe(Effect.provide(FakeCli.layer([
      FakeProcess.make([
        ...Array.from({ length: 100 }, () => FakeProcess.stderr("x".repeat(10_000))),
        ...FakeProcess.turn().steps
      ])
    ]))))
})

describe("options", () => {
  const refused: ReadonlyArray<readonly [string, string, Record<string, unknown>]> = [
    ["input", " \n", {}],
    ["thread", "x", { thread: "not-a-uuid" }],
    ["model", "x", { model: "" }],
    ["sandbox", "x", { sandbox: "none" }],
    ["workingDirectory", "x", { workingDirectory: "a\0b" }],
    ["timeout", "x", { timeout: "5 parsecs" }],
    ["idleTimeout", "x", { idleTimeout: 0 }],
    ["sandboxMode", "x", { sandboxMode: "read-only" }],
    ["config.a.b", "x", { config: { a: { b: NaN } } }]
  ]
  for (const [option, prompt, options] of refused) {
    it.effect(`${option} is refused by name, before anything starts`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(Codex.run(prompt, options))
        assert.deepInclude(error.reason, { _tag: "InvalidOption", option })
        assert.deepStrictEqual(yield* invocations, [])
      }).pipe(Effect.provide(FakeCli.layer([]))))
  }

  it.effect("a secret is in the environment only, blanked for the agent's commands, and in no message", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Codex.run("x", { config: { shell_environment_policy: { inherit: "all" } } }))
      const [invocation] = yield* invocations
      assert.isTrue(Redacted.isRedacted(invocation?.env.CODEX_API_KEY))
      assert.isTrue(invocation?.args.includes("shell_environment_policy.set.CODEX_API_KEY=\"\""))
      assert.isTrue(invocation?.args.includes("shell_environment_policy.inherit=\"all\""))
      assert.isFalse(JSON.stringify(invocation).includes("sk-secret"))
      assert.strictEqual(error.message, "The turn failed: Incorrect API key provided: <redacted>.")
      assert.isFalse(JSON.stringify(error.turn?.items).includes("sk-secret"))
    }).pipe(Effect.provide(FakeCli.layer(
      [FakeProcess.turnFailed("Incorrect API key provided: sk-secret.")],
      { cli: { env: { CODEX_API_KEY: Redacted.make("sk-secret") } } }
    ))))
})

describe("a transport of one's own", () => {
  it.effect("that ends before the turn does has failed it", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Codex.run("Work"))
      assert.strictEqual(error.reason._tag, "Exited")
      assert.deepStrictEqual(error.turn?.commands.map(({ id }) => id), ["c"])
      assert.isTrue(error.worked)
    }).pipe(Effect.provide(Layer.provide(
      Codex.layer(),
      Layer.succeed(CodexTransport, {
        turn: () =>
          Stream.make<ReadonlyArray<CodexEvent>>(
            { type: "thread.started", thread_id: threadA },
            { type: "item.completed", item: command("c") }
          )
      })
    ))))
})
