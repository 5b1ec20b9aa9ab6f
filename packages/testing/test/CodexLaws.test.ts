import * as Codex from "@effect-codex/core/Codex"
import * as CodexCli from "@effect-codex/core/CodexCli"
import * as CodexError from "@effect-codex/core/CodexError"
import type { CodexEvent } from "@effect-codex/core/CodexEvent"
import { CodexHook } from "@effect-codex/core/CodexHook"
import type { CodexOptions } from "@effect-codex/core/CodexOptions"
import * as CodexRetry from "@effect-codex/core/CodexRetry"
import { CodexTransport } from "@effect-codex/core/CodexTransport"
import * as ExecTransport from "@effect-codex/core/exec/ExecTransport"
import * as ProcessGuard from "@effect-codex/core/ProcessGuard"
import * as CodexArbitrary from "@effect-codex/testing/CodexArbitrary"
import * as CodexLaws from "@effect-codex/testing/CodexLaws"
import * as FakeCli from "@effect-codex/testing/FakeCli"
import * as FakeProcess from "@effect-codex/testing/FakeProcess"
import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"

const threadA = "00000000-0000-7000-8000-00000000000a"

const command: Extract<CodexEvent, { readonly type: "item.completed" }>["item"] = {
  type: "command_execution",
  id: "item_0",
  command: "ls",
  aggregated_output: "a\n",
  exit_code: 0,
  status: "completed"
}

const ok = FakeProcess.turn({ message: "Done." })

const usage = (tokens: number) => ({ input_tokens: tokens - 1, output_tokens: 1 })

/** A turn that begins, and then does nothing until it is stopped. */
const hung = FakeProcess.make([...FakeProcess.turn({ items: [command] }).steps.slice(0, -1), FakeProcess.hang])

const slow = (turn: FakeProcess.Turn = {}) =>
  FakeProcess.make([FakeProcess.thread, FakeProcess.delay("1 minute"), ...FakeProcess.turn(turn).steps.slice(1)])

const overloaded = FakeProcess.turnFailed("Selected model is at capacity. Please try a different model.")

const cli = (script: FakeCli.Script) =>
  ExecTransport.layer().pipe(
    Layer.provide([Layer.succeed(CodexCli.CodexCli, { command: "codex" }), ProcessGuard.layerNoop]),
    Layer.provideMerge(FakeCli.layerSpawner(script))
  )

const observed = (script: FakeCli.Script, defaults?: CodexOptions & CodexLaws.ObserveOptions) =>
  CodexLaws.layer(cli(script), defaults)

/** A transport that says this, whatever it is asked. */
const saying = (...events: ReadonlyArray<CodexEvent>) =>
  Layer.succeed(CodexTransport, { turn: () => Stream.fromIterable(events) })

/** A turn by the transport itself, without a client that knows what is right. */
const raw = (options: CodexOptions = {}, prompt = "raw") =>
  CodexTransport.use(({ turn }) =>
    Stream.runDrain(turn({ input: [{ type: "text", text: prompt }], ...thread(options) }))
  )

const thread = ({ thread }: CodexOptions) => thread === undefined ? {} : { thread }

const unlimited = { concurrency: "unbounded", discard: true } as const

/** How a law is broken. */
const breaches = <A, E, R>(program: Effect.Effect<A, E, R>, law: CodexLaws.Law) =>
  Effect.map(
    Effect.flip(CodexLaws.check(program, [law])),
    (error) =>
      error instanceof CodexLaws.LawBroken && error.law === law.name
        ? error.breaches
        : assert.fail(`it was not broken: ${String(error)}`)
  )

/** Passes time while something runs. */
const whilePassing = <A, E, R>(program: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(program)
    while (fiber.pollUnsafe() === undefined) {
      yield* Effect.repeat(Effect.yieldNow, { times: 500 })
      yield* TestClock.adjust("10 seconds")
    }
    return yield* Fiber.join(fiber)
  })

describe("never two turns at once on a thread", () => {
  it.effect("is kept by a client", () =>
    Effect.gen(function*() {
      const conversation = yield* Codex.thread()
      yield* CodexLaws.check(
        Effect.all([conversation.run("1"), conversation.run("2"), Codex.run("3", { thread: threadA })], unlimited),
        [CodexLaws.oneTurnPerThread]
      )
    }).pipe(Effect.provide(observed(() => ok))))

  it.effect("is broken by turns of a transport", () =>
    Effect.gen(function*() {
      const both = Effect.all([raw({ thread: threadA }), raw({ thread: threadA })], unlimited)
      assert.deepStrictEqual(yield* breaches(both, CodexLaws.oneTurnPerThread), [
        `turn 2 was on thread ${threadA} while turn 1 had not ended`
      ])
      yield* CodexLaws.check(Effect.andThen(raw({ thread: threadA }), raw({ thread: threadA })), [
        CodexLaws.oneTurnPerThread
      ])
    }).pipe(Effect.provide(observed(() => ok))))

  it.effect("is broken by who goes on with a thread that has just begun", () =>
    Effect.gen(function*() {
      const program = CodexTransport.use(({ turn }) =>
        turn({ input: [{ type: "text", text: "new" }] }).pipe(
          Stream.tap((event) => event.type === "thread.started" ? raw({ thread: event.thread_id }) : Effect.void),
          Stream.runDrain
        )
      )
      assert.lengthOf(yield* breaches(program, CodexLaws.oneTurnPerThread), 1)
    }).pipe(Effect.provide(observed(() => ok))))
})

describe("every turn ends", () => {
  it.effect("completed, failed, in an error or stopped", () =>
    Effect.gen(function*() {
      const { since } = yield* CodexLaws.Observer
      const ledger = yield* since
      yield* CodexLaws.check(
        Effect.all([
          Effect.ignore(Codex.run("1")),
          Effect.ignore(Codex.run("2")),
          Effect.ignore(Codex.run("3")),
          Stream.runDrain(Stream.take(Codex.stream("4"), 1)),
          Stream.runDrain(Stream.takeUntil(Codex.stream("5"), ({ type }) => type === "turn.completed"))
        ]),
        [CodexLaws.everyTurnEnds]
      )
      assert.deepStrictEqual((yield* ledger).turns.map(({ end }) => end), [
        "completed",
        "failed",
        "error",
        "stopped",
        "completed"
      ])
    }).pipe(Effect.provide(observed([ok, overloaded, FakeProcess.startFailed("No."), hung, ok]))))

  it.effect("is broken by who goes on elsewhere", () =>
    Effect.gen(function*() {
      const scope = yield* Effect.scope
      const elsewhere = Effect.andThen(
        Effect.forkIn(Codex.run("1"), scope),
        Effect.flatMap(FakeCli.FakeCli, ({ settled }) => settled)
      )
      assert.deepStrictEqual(yield* breaches(elsewhere, CodexLaws.everyTurnEnds), [
        "turn 1 goes on when the program is over"
      ])
      assert.lengthOf(yield* breaches(elsewhere, CodexLaws.nothingLeft), 2)
    }).pipe(Effect.scoped, Effect.provide(observed(() => hung))))

  it.effect("is broken by a transport that stops telling", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* breaches(raw(), CodexLaws.everyTurnEnds), [
        "turn 1 stopped telling, and neither completed nor failed"
      ])
    }).pipe(Effect.provide(CodexLaws.layer(saying({ type: "turn.started" })))))
})

describe("nothing is left", () => {
  const Moment = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 12 }))

  it.effect.prop("whenever a program is interrupted", {
    after: Moment,
    events: CodexArbitrary.turnEvents({ maxItems: 3 })
  }, ({ after, events }) =>
    Effect.gen(function*() {
      const program = Effect.all([Codex.run("1"), Codex.run("2", { thread: threadA })], unlimited)
      // Each process tells all but the last of them, and then hangs.
      const moment = Math.min(after, 2 * (events.length - 1))
      const exit = yield* CodexLaws.checkInterrupted(program, CodexLaws.all, { after: moment })
      const cli = yield* FakeCli.FakeCli
      assert.isTrue((yield* cli.invocations).every(({ running }) => !running))
      assert.isTrue(Exit.hasInterrupts(exit))
    }).pipe(
      Effect.provide(observed(() =>
        FakeProcess.make([FakeProcess.thread, ...events.slice(1, -1).map(FakeProcess.event), FakeProcess.hang])
      ))
    ))

  it.effect("and a program that is over before is what it came to", () =>
    Effect.gen(function*() {
      const exit = yield* CodexLaws.checkInterrupted(Codex.run("1"), CodexLaws.all, { after: 1000 })
      assert.strictEqual(Exit.isSuccess(exit) ? exit.value.finalMessage : undefined, "Done.")
    }).pipe(Effect.provide(observed([ok]))))
})

describe("a retry never repeats work", () => {
  const failing = FakeProcess.turnFailed("stream disconnected before completion: reset", { items: [command] })
  const schedule = Schedule.recurs(1)

  it.effect("by default", () =>
    Effect.gen(function*() {
      const retry = CodexRetry.make({ schedule })
      const law = CodexLaws.noWorkTwice()
      yield* CodexLaws.check(Codex.run("1", { retry }), [law])
      yield* Effect.ignore(CodexLaws.check(Codex.run("2", { retry }), [law]))
      const { ledger } = yield* CodexLaws.Observer
      assert.deepStrictEqual((yield* ledger).turns.map(({ end, worked }) => [end, worked]), [
        ["failed", false],
        ["completed", false],
        ["failed", true]
      ])
    }).pipe(Effect.provide(observed([overloaded, ok, failing]))))

  it.effect("but is broken by a policy that retries even after work", () =>
    Effect.gen(function*() {
      const retry = CodexRetry.make({ schedule, while: CodexRetry.evenAfterWork })
      assert.deepStrictEqual(yield* breaches(Codex.run("1", { retry }), CodexLaws.noWorkTwice()), [
        "turn 2 does again what turn 1 had begun to do before it ended"
      ])
    }).pipe(Effect.provide(observed([failing, ok]))))

  it.effect("but is broken by who asks the thread again", () =>
    Effect.gen(function*() {
      const conversation = yield* Codex.thread()
      const again = Effect.retry(conversation.run("1"), schedule)
      assert.lengthOf(yield* breaches(again, CodexLaws.noWorkTwice()), 1)
    }).pipe(Effect.provide(observed([failing, ok]))))

  it.effect("and is kept by who asks at once, asks for something else, or says that it is meant", () =>
    Effect.gen(function*() {
      const ask = (prompt: string) => Effect.ignore(Codex.run(prompt))
      yield* CodexLaws.check(Effect.all([ask("1"), ask("1")], unlimited), [CodexLaws.noWorkTwice()])
      yield* CodexLaws.check(Effect.all([ask("1"), ask("2")]), [CodexLaws.noWorkTwice()])
      yield* CodexLaws.check(Effect.all([ask("1"), ask("1")]), [CodexLaws.noWorkTwice({ sameWork: () => false })])
    }).pipe(Effect.provide(observed(() => failing))))
})

describe("a budget of tokens", () => {
  const turns = (...prompts: ReadonlyArray<string>) =>
    Effect.forEach(prompts, (prompt) => Codex.run(prompt, { thread: threadA }), { discard: true })

  it.effect("is kept by who stops when it is spent", () =>
    CodexLaws.check(turns("1", "2"), [CodexLaws.tokenBudget(300), CodexLaws.tokenBudget(299, { overshoot: 1 })]).pipe(
      Effect.provide(observed([100, 300].map((tokens) => FakeProcess.turn({ usage: usage(tokens) }))))
    ))

  it.effect("is broken by who goes on", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* breaches(turns("1", "2"), CodexLaws.tokenBudget(100)), [
        "turn 2 began when 100 of 100 tokens were spent"
      ])
      assert.deepStrictEqual(yield* breaches(turns("3"), CodexLaws.tokenBudget(150, { overshoot: 10 })), [
        "200 tokens were spent of 150, and 10 more at most"
      ])
    }).pipe(Effect.provide(observed([100, 150, 350].map((tokens) => FakeProcess.turn({ usage: usage(tokens) }))))))

  it.effect("counts what an app-server tells, of copies too, and of turns that fail", () =>
    Effect.gen(function*() {
      const both = Effect.andThen(
        Effect.ignore(Codex.run("1", { thread: threadA })),
        Effect.ignore(Codex.run("2", { fork: threadA }))
      )
      const { ledger } = yield* CodexLaws.Observer
      yield* both
      assert.deepStrictEqual((yield* ledger).turns.map(({ tokens }) => tokens), [40, 0])
    }).pipe(Effect.provide(CodexLaws.layer(saying(
      { type: "thread.started", thread_id: threadA },
      { type: "turn.started" },
      { type: "usage.updated", usage: usage(500), last: usage(40), context_window: null },
      { type: "turn.failed", error: { message: "No." } }
    )))))
})

describe("a budget of time", () => {
  it.effect("is kept, and broken", () =>
    Effect.gen(function*() {
      const two = whilePassing(Effect.all([Codex.run("1"), Codex.run("2")]))
      yield* CodexLaws.check(two, [CodexLaws.timeBudget({ turn: "1 minute", total: "2 minutes" })])
      assert.deepStrictEqual(yield* breaches(two, CodexLaws.timeBudget({ turn: "59 seconds", total: "90 seconds" })), [
        "turn 3 took 1m of 59s",
        "turn 4 took 1m of 59s",
        "all turns took 2m of 1m 30s"
      ])
      yield* CodexLaws.check(Effect.void, [CodexLaws.timeBudget({ total: 1 })])
    }).pipe(Effect.provide(observed(() => slow()))))

  it.effect("counts how long a turn takes to stop", () =>
    Effect.gen(function*() {
      const program = whilePassing(Effect.timeoutOption(Codex.run("1"), "1 minute"))
      yield* CodexLaws.check(program, [CodexLaws.nothingLeft])
      const { ledger } = yield* CodexLaws.Observer
      const [turn] = (yield* ledger).turns
      assert.strictEqual(turn?.end, "stopped")
      assert.isAbove((turn.endedAt ?? 0) - turn.begunAt, 61_000)
    }).pipe(Effect.provide(observed([FakeProcess.make(hung.steps, { ignores: ["SIGINT", "SIGTERM"] })]))))

  it.effect("counts until now what goes on", () =>
    Effect.gen(function*() {
      const scope = yield* Effect.scope
      const elsewhere = Effect.gen(function*() {
        yield* Effect.forkIn(Codex.run("1"), scope)
        yield* (yield* FakeCli.FakeCli).settled
        yield* TestClock.adjust("2 minutes")
      })
      assert.deepStrictEqual(yield* breaches(elsewhere, CodexLaws.timeBudget({ turn: "1 minute" })), [
        "turn 1 took 2m of 1m"
      ])
    }).pipe(Effect.scoped, Effect.provide(observed(() => hung))))
})

describe("every approval is answered", () => {
  const about = { thread_id: threadA, request_id: 1, kind: "command" } as const
  const asked: CodexEvent = { type: "approval.requested", ...about }
  const resolved: CodexEvent = { type: "approval.resolved", ...about }
  const done: CodexEvent = { type: "turn.completed", usage: usage(1) }

  it.effect("when it is", () =>
    CodexLaws.check(raw(), [CodexLaws.everyApprovalAnswered({ within: "1 second" })]).pipe(
      Effect.provide(CodexLaws.layer(saying(asked, resolved, done)))
    ))

  it.effect("but not by who lets the turn end without", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* breaches(raw(), CodexLaws.everyApprovalAnswered()), [
        "turn 1 asked for approval (command), and got no answer"
      ])
    }).pipe(Effect.provide(CodexLaws.layer(saying(asked, done)))))

  it.effect("and who waits has an end, if that is asked for", () =>
    Effect.gen(function*() {
      const program = whilePassing(Effect.timeoutOption(raw(), "1 minute"))
      yield* CodexLaws.check(program, [CodexLaws.everyApprovalAnswered()])
      assert.deepStrictEqual(yield* breaches(program, CodexLaws.everyApprovalAnswered({ within: "30 seconds" })), [
        "turn 2 asked for approval (command), and waited 1m of 30s"
      ])
    }).pipe(
      Effect.provide(CodexLaws.layer(Layer.succeed(CodexTransport, {
        turn: () => Stream.concat(Stream.make(asked), Stream.never)
      })))
    ))
})

describe("a failing hook changes nothing", () => {
  it.effect.prop(
    "whatever Codex does",
    { script: Schema.NonEmptyArray(Schema.Literals(["ok", "failed", "broken"])) },
    ({ script }) => {
      const processes = { ok, failed: overloaded, broken: FakeProcess.startFailed("No.") }
      const program = Effect.all([
        Effect.exit(Codex.run("1", { session: "s" })),
        Effect.exit(Stream.runCollect(Codex.stream("2"))),
        Effect.exit(Effect.scoped(Effect.flatMap(Codex.start("3"), (run) => run.await)))
      ])
      return CodexLaws.hooksChangeNothing(
        program,
        FakeCli.layer((_, index) => processes[script[index % script.length] ?? "ok"])
      )
    },
    { arbitrary: { runs: 30 } }
  )

  it.effect("unless it is called by who is at work", () =>
    Effect.gen(function*() {
      // A transport that takes hooks for its own handlers, and waits for them.
      const transport = Layer.effect(
        CodexTransport,
        Effect.map(CodexHook, (hooks) => ({
          turn: () =>
            Stream.fromEffect(
              Effect.forEach(
                hooks.slice(0, 1),
                (hook) =>
                  hook({ type: "attempt.started", operation: "run", timestamp: DateTime.makeUnsafe(0), attempt: 1 })
              ).pipe(
                Effect.mapError(() => CodexError.fromReason(new CodexError.SessionNotFound({ session: "s" }))),
                Effect.as<CodexEvent>({ type: "turn.completed", usage: usage(1) })
              )
            )
        }))
      )
      const error = yield* Effect.flip(CodexLaws.hooksChangeNothing(Codex.run("1"), CodexLaws.layer(transport)))
      assert.strictEqual(error.law, "a failing hook changes nothing")
      assert.include(error.message, "There is no session `s`")
      yield* CodexLaws.hooksChangeNothing(Codex.run("1"), CodexLaws.layer(transport), { show: () => "whatever" })
    }))
})

describe("check", () => {
  it.effect("tells what happened", () =>
    Effect.gen(function*() {
      const program = whilePassing(Effect.ignore(Effect.all([
        Codex.run("What is it, and what is it for, and who has made it?"),
        Codex.run("Go on", { thread: threadA }),
        Codex.run("Look", { fork: threadA })
      ], { mode: "result" })))
      const law: CodexLaws.Law = {
        name: "no turns",
        broken: ({ turns }) => turns.map(({ number }) => `turn ${number}`)
      }
      const error = yield* Effect.flip(CodexLaws.check(program, [CodexLaws.everyTurnEnds, law]))
      assert.strictEqual(
        error.message,
        `Not kept: no turns
- turn 1
- turn 2
- turn 3

+0 ms  turn 1 began on a new thread: "What is it, and what is it for, and who…"
+0 ms  turn 1 is on thread 00000000-0000-7000-8000-000000000001
+60000 ms  turn 1 worked: command_execution
+60000 ms  turn 1 brought its thread to 110 tokens
+60000 ms  turn 1 completed
+60000 ms  turn 2 began on thread ${threadA}: "Go on"
+60000 ms  turn 2 is on thread ${threadA}
+60000 ms  turn 2 failed
+60000 ms  turn 3 began on a copy of thread ${threadA}: "Look"
+60000 ms  turn 3 ended in an error (Exited)`
      )
    }).pipe(Effect.provide(observed([slow({ items: [command] }), overloaded, FakeProcess.startFailed("No.")]))))

  it.effect("tells of approvals, of what still runs, and of the first things only", () =>
    Effect.gen(function*() {
      const law: CodexLaws.Law = { name: "", broken: () => ["so"] }
      const error = yield* Effect.flip(CodexLaws.check(raw(), [law]))
      const lines = (error instanceof CodexLaws.LawBroken ? error.timeline : "").split("\n")
      assert.strictEqual(lines[1], "+0 ms  turn 1 asked for approval (command)")
      assert.strictEqual(lines[2], "+0 ms  turn 1 has its answer (command)")
      assert.strictEqual(lines.at(-1), "and 12 more")
      assert.lengthOf(lines, 51)
    }).pipe(Effect.provide(CodexLaws.layer(saying(
      ...Array.from({ length: 30 }, (_, request_id) => [
        { type: "approval.requested", thread_id: threadA, request_id, kind: "command" } as const,
        { type: "approval.resolved", thread_id: threadA, request_id, kind: "command" } as const
      ]).flat()
    )))))

  it.effect("gives what the program comes to, and tells of it only", () =>
    Effect.gen(function*() {
      const law: CodexLaws.Law = { name: "few", broken: ({ turns }) => turns.length > 1 ? ["more"] : [] }
      assert.strictEqual((yield* CodexLaws.check(Codex.run("1"), [law])).finalMessage, "Done.")
      const error = yield* Effect.flip(CodexLaws.check(Codex.run("2"), [law]))
      assert.isTrue(CodexError.isCodexError(error))
    }).pipe(Effect.provide(observed([ok, overloaded]))))

  it.effect("fails when there was no room", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(CodexLaws.check(Codex.run("1"), []))
      assert.instanceOf(error, CodexLaws.LawBroken)
      assert.include(error.message, "2 entries had no room")
    }).pipe(Effect.provide(observed([ok], { limit: 2 }))))
})

describe("any program", () => {
  const Call = Schema.Struct({
    how: Schema.Literals(["run", "stream", "start", "take", "stop", "retry", "race"]),
    where: Schema.Literals(["new", "A", "fork", "session"])
  })

  const where = { new: {}, A: { thread: threadA }, fork: { fork: threadA }, session: { session: "s" } }

  const run = ({ how, where: place }: typeof Call.Type, index: number) => {
    const prompt = String(index)
    const options: CodexOptions = where[place]
    switch (how) {
      case "run":
        return Effect.ignore(Codex.run(prompt, options))
      case "stream":
        return Effect.ignore(Stream.runDrain(Codex.stream(prompt, options)))
      case "start":
        return Effect.ignore(Effect.scoped(Effect.flatMap(Codex.start(prompt, options), (run) => run.await)))
      case "take":
        return Effect.ignore(Stream.runDrain(Stream.take(Codex.stream(prompt, options), 3)))
      case "stop":
        return Effect.ignore(Effect.scoped(Effect.flatMap(Codex.start(prompt, options), (run) => run.interrupt)))
      case "retry":
        return Effect.ignore(Codex.run(prompt, {
          ...options,
          retry: CodexRetry.make({ schedule: Schedule.recurs(2) })
        }))
      case "race":
        return Effect.ignore(Effect.raceFirst(
          Codex.run(prompt, options),
          Effect.repeat(Effect.yieldNow, { times: 30 })
        ))
    }
  }

  const Process = Arbitrary.map(
    Arbitrary.all([
      CodexArbitrary.mutatedLines({ maxItems: 2, maxWords: 2 }),
      Arbitrary.schema(Schema.Literals(["valid", "mutated", "dies", "refused"]))
    ]),
    ([{ lines, original }, how]): FakeProcess.FakeProcess => {
      const print = (line: string) => FakeProcess.stdout(`${line}\n`)
      switch (how) {
        case "valid":
          return FakeProcess.make([FakeProcess.thread, ...original.slice(1).map(print)])
        case "mutated":
          return FakeProcess.make([FakeProcess.thread, ...lines.slice(1).map(print)])
        case "dies":
          return FakeProcess.make([
            FakeProcess.thread,
            ...original.slice(1, 4).map(print),
            FakeProcess.signal("SIGKILL")
          ])
        case "refused":
          return FakeProcess.startFailed("No.")
      }
    }
  )

  it.effect.prop(
    "over a client keeps the laws, whatever the CLI does",
    {
      calls: Schema.Array(Call).check(Schema.isMaxLength(5)),
      processes: Arbitrary.array(Process, { minLength: 1, maxLength: 4 })
    },
    ({ calls, processes }) =>
      CodexLaws.check(Effect.forEach(calls, run, unlimited), CodexLaws.all).pipe(
        Effect.provide(observed((_, index) => processes[index % processes.length] ?? ok))
      ),
    { arbitrary: { runs: 100 } }
  )
})
