/**
 * The turns of a thread, over an app-server that the test plays: in order, watched, steered, stopped, found out.
 */
import type { Thread } from "@effect-codex/core/appserver/Thread"
import type { CodexEvent } from "@effect-codex/core/CodexEvent"
import * as CodexInput from "@effect-codex/core/CodexInput"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { settled } from "./support/peer.ts"
import * as FakeThreads from "./support/threads.ts"

const { Refusal, answers, fork, reasonOf, start, threadId, turn } = FakeThreads

const textsOf = (events: ReadonlyArray<CodexEvent>) =>
  events.map((event) => event.type === "item.delta" ? event.delta : event.type)

const idle = { turnId: undefined, status: { type: "idle" } }

describe("a turn", () => {
  it.effect("is begun with its input and options, and comes to what it did", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start()
      const turn = yield* thread.turn([
        CodexInput.text("Look"),
        CodexInput.localImage("/a.png"),
        { type: "skill", name: "review", path: "/skills/review" },
        { type: "image", url: "https://example.org/a.png" }
      ], { model: "gpt-5.4", reasoningEffort: "low", params: { effort: "high", summary: "detailed" } })
      assert.deepStrictEqual([turn.id, turn.threadId], ["turn 1", threadId])
      assert.deepStrictEqual<unknown>(server.paramsOf("turn/start"), {
        threadId,
        model: "gpt-5.4",
        effort: "high",
        summary: "detailed",
        input: [
          { type: "text", text: "Look" },
          { type: "localImage", path: "/a.png" },
          { type: "skill", name: "review", path: "/skills/review" },
          { type: "image", url: "https://example.org/a.png" }
        ]
      })
      assert.isTrue(Option.isNone(yield* turn.result))
      yield* server.message("turn 1", "Seen.")
      yield* settled
      yield* TestClock.adjust("2 seconds")
      assert.deepInclude(yield* turn.snapshot, { status: "in_progress", threadId })
      assert.strictEqual((yield* turn.snapshot).finalMessage, "Seen.")
      yield* server.complete("turn 1")
      const ended = yield* turn.await
      assert.deepInclude(ended, { status: "completed", threadId })
      assert.strictEqual(String(ended.duration), "2000 millis")
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* turn.snapshot, ended)
      assert.deepStrictEqual(yield* turn.result, Option.some(Exit.succeed(ended)))
    }))

  it.effect("that fails says why, with what it did", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start()
      const turn = yield* thread.turn("Work")
      const events = yield* fork(Effect.flip(Stream.runDrain(turn.events)))
      yield* server.message("turn 1", "Begun.")
      yield* server.complete("turn 1", { status: "failed", error: { message: "rate limit exceeded" } })
      const error = yield* Effect.flip(turn.await)
      assert.deepInclude(error.reason, { _tag: "TurnFailed", kind: "rate_limited" })
      assert.strictEqual(error.turn?.finalMessage, "Begun.")
      assert.isTrue(error.isRetryable)
      assert.strictEqual(yield* Fiber.join(events), error)
      assert.deepStrictEqual(yield* turn.result, Option.some(Exit.fail(error)))
    }))

  it.effect("that failed after it worked is not tried again", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start()
      const turn = yield* thread.turn("Work")
      const item = {
        type: "commandExecution",
        id: "c",
        command: "ls",
        commandActions: [],
        cwd: "/",
        status: "completed"
      }
      yield* server.tell("item/completed", { turnId: "turn 1", item })
      yield* server.complete("turn 1", { status: "failed" })
      const error = yield* Effect.flip(turn.await)
      assert.isTrue(error.worked)
      assert.deepInclude(error.reason, { description: "The turn failed" })
    }))

  it.effect("is refused by Codex in words that a program knows", () =>
    Effect.gen(function*() {
      const { thread } = yield* start(answers({
        "turn/start": new Refusal("Input exceeds the maximum length of 1048576 characters.")
      }))
      const error = yield* Effect.flip(thread.run("Work"))
      assert.deepInclude(error.reason, { _tag: "InvalidOption", option: "input" })
      assert.isFalse(error.worked)
      // Its place is free.
      assert.strictEqual((yield* reasonOf(thread.run("Work", { whenBusy: "fail" })))._tag, "InvalidOption")
    }))

  it.effect("that nobody knows whether it has begun may have worked", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start(answers({ "turn/start": "nothing" }))
      const fiber = yield* fork(Effect.flip(thread.run("Work")))
      yield* TestClock.adjust("60 seconds")
      const error = yield* Fiber.join(fiber)
      assert.match(error.message, /turn\/start got no reply within 1m/)
      assert.isTrue(error.worked)
      assert.isFalse(error.isRetryable)
      assert.lengthOf(server.allOf("turn/start"), 1)
    }))

  it.effect("counts its own tokens, those of reviews and failures being told or not", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start(
        answers({ "review/start": { turn: turn("review"), reviewThreadId: threadId } })
      )
      const first = yield* thread.turn("One")
      yield* server.usage("turn 1", 100)
      yield* server.complete("turn 1")
      assert.strictEqual((yield* first.await).usage?.input_tokens, 100)
      const failing = yield* thread.turn("Two")
      yield* server.usage("turn 2", 150)
      yield* server.complete("turn 2", { status: "failed" })
      assert.isUndefined((yield* Effect.flip(failing.await)).turn?.usage)
      const review = yield* thread.review({ type: "uncommitted" })
      yield* server.complete("review")
      const reviewed = yield* review.await
      assert.deepStrictEqual([reviewed.usage?.input_tokens, reviewed.threadUsage?.input_tokens], [0, 150])
      const last = yield* thread.turn("Three")
      yield* server.usage("turn 3", 250)
      yield* server.complete("turn 3")
      assert.strictEqual((yield* last.await).usage?.input_tokens, 100)
    }))

  it.effect("of a thread that was before it does not know its own tokens", () =>
    Effect.gen(function*() {
      const server = yield* FakeThreads.make()
      const thread = yield* server.threads.resume(threadId)
      const turn = yield* thread.turn("One")
      yield* server.usage("turn 1", 300)
      yield* server.complete("turn 1")
      const { threadUsage, usage } = yield* turn.await
      assert.isUndefined(usage)
      assert.strictEqual(threadUsage?.input_tokens, 300)
      const next = yield* thread.turn("Two")
      yield* server.usage("turn 2", 400)
      yield* server.complete("turn 2")
      assert.strictEqual((yield* next.await).usage?.input_tokens, 100)
    }))
})

describe("events", () => {
  it.effect("that come before the answers are the turn's, those of others are not", () =>
    Effect.gen(function*() {
      const server = yield* FakeThreads.make(answers({ "thread/start": "nothing", "turn/start": "nothing" }))
      const opening = yield* fork(server.threads.start())
      yield* server.tell("warning", { turnId: undefined, message: "Early" })
      yield* server.tell("warning", { turnId: undefined, threadId: "other", message: "Not ours" })
      yield* server.reply(FakeThreads.thread({ approvalPolicy: "never" }))
      const thread = yield* Fiber.join(opening)
      yield* server.tell("warning", { turnId: undefined, message: "Between" })
      const starting = yield* fork(thread.turn("Work"))
      yield* server.begin("turn 1")
      yield* server.delta("turn 1", "Ear")
      yield* server.delta("turn 0", "another turn")
      yield* server.delta("turn 1", "another thread", "other")
      yield* settled
      yield* server.reply({ turn: turn("turn 1") })
      const { events, ...rest } = yield* Fiber.join(starting)
      yield* server.delta("turn 1", "ly")
      yield* server.complete("turn 1")
      yield* server.delta("turn 1", "late")
      yield* server.begin("turn 1")
      yield* settled
      assert.deepStrictEqual((yield* rest.await).warnings.map(({ message }) => message), ["Early", "Between"])
      assert.deepStrictEqual(textsOf(yield* Stream.runCollect(events)), [
        "thread.started",
        "turn.started",
        "item.completed",
        "item.completed",
        "Early",
        "turn.completed"
      ])
      // What is late begins nothing.
      const next = yield* fork(thread.turn("Work", { whenBusy: "fail" }))
      yield* server.reply({ turn: turn("turn 2") })
      assert.strictEqual((yield* Fiber.join(next)).id, "turn 2")
      yield* server.complete("turn 2")
    }))

  it.effect("are kept when all of the turn comes before the answer", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start(answers({ "turn/start": "nothing" }))
      const running = yield* fork(thread.run("Work"))
      yield* server.begin("turn 1")
      yield* server.message("turn 1", "Done.")
      yield* server.complete("turn 1")
      yield* settled
      yield* server.reply({ turn: turn("turn 1") })
      assert.strictEqual((yield* Fiber.join(running)).finalMessage, "Done.")
    }))

  it.effect("of several threads are told apart", () =>
    Effect.gen(function*() {
      const ids = [threadId, FakeThreads.otherId]
      const server = yield* FakeThreads.make((params, method) =>
        method === "thread/start" ? FakeThreads.thread(params, {}, ids.shift()) : undefined
      )
      const one = yield* server.threads.start()
      const two = yield* server.threads.start()
      const turns = [yield* one.turn("One"), yield* two.turn("Two")]
      yield* server.message("turn 2", "Two.", two.id)
      yield* server.message("turn 1", "One.", one.id)
      yield* server.complete("turn 2", {}, two.id)
      yield* server.complete("turn 1", {}, one.id)
      assert.deepStrictEqual(
        yield* Effect.forEach(turns, ({ await: ended }) => Effect.map(ended, ({ finalMessage }) => finalMessage)),
        ["One.", "Two."]
      )
    }))

  it.effect("are lost by an observer who is too slow, and by nobody else", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start()
      const turn = yield* thread.turn("Work")
      const others = yield* fork(Effect.all([
        Stream.runCollect(turn.events),
        Stream.runCollect(turn.observe({ bufferSize: 4 }))
      ], { concurrency: "unbounded" }))
      const slow = yield* Stream.toPull(turn.observe({ bufferSize: 4 }))
      yield* slow
      for (let n = 0; n < 5; n++) {
        yield* server.delta("turn 1", `${n}`)
        yield* settled
      }
      assert.deepStrictEqual(textsOf([...yield* slow]), ["0", "1", "2", "3"])
      const error = yield* Effect.flip(slow)
      assert.isTrue(error._tag === "CodexError" && error.reason._tag === "ObserverTooSlow" && error.reason.limit === 4)
      yield* server.complete("turn 1")
      const [all, quick] = yield* Fiber.join(others)
      assert.deepStrictEqual(textsOf(all), [
        "thread.started",
        "turn.started",
        "0",
        "1",
        "2",
        "3",
        "4",
        "turn.completed"
      ])
      assert.deepStrictEqual(quick, all)
      assert.strictEqual((yield* turn.await).status, "completed")
    }).pipe(Effect.scoped))
})

describe("one turn at a time", () => {
  it.effect("another one waits for it, in order", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start()
      const runs = yield* Effect.forEach(["a", "b", "c"], (text) => fork(thread.run(text)))
      for (const n of [1, 2, 3]) {
        yield* server.asked("turn/start", n)
        yield* settled
        assert.lengthOf(server.allOf("turn/start"), n)
        yield* server.message(`turn ${n}`, `${n}`)
        yield* server.complete(`turn ${n}`)
      }
      const ended = yield* Fiber.joinAll(runs)
      assert.deepStrictEqual(ended.map(({ finalMessage }) => finalMessage), ["1", "2", "3"])
      const texts = server.allOf("turn/start").map((params) => JSON.stringify(params).match(/"text":"(.)"/)?.[1])
      assert.deepStrictEqual(texts, ["a", "b", "c"])
    }))

  it.effect("or fails, if it says so", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start(answers({ "turn/start": "nothing" }))
      const first = yield* fork(thread.run("Work"))
      // It may not have begun.
      assert.deepInclude(yield* reasonOf(thread.run("More", { whenBusy: "fail" })), { _tag: "ThreadBusy", threadId })
      yield* server.reply({ turn: turn("turn 1") })
      yield* server.complete("turn 1")
      yield* Fiber.join(first)
      // Codex may have begun one.
      yield* server.begin("goal")
      yield* settled
      assert.deepInclude(yield* reasonOf(thread.turn("More", { whenBusy: "fail" })), { _tag: "ThreadBusy", threadId })
    }))

  it.effect("or is said to it, which goes on after its scope", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start()
      const first = yield* thread.turn("Work")
      const steered = yield* Effect.scoped(thread.turn("More", { whenBusy: "steer" }))
      assert.strictEqual(steered.id, first.id)
      assert.deepStrictEqual<unknown>(server.paramsOf("turn/steer"), {
        threadId,
        expectedTurnId: "turn 1",
        input: [{ type: "text", text: "More" }]
      })
      assert.notInclude(server.methods(), "turn/interrupt")
      yield* server.complete("turn 1")
      yield* steered.await
      // Nothing is at work any more: it begins.
      assert.strictEqual((yield* thread.turn("More", { whenBusy: "steer" })).id, "turn 2")
    }))

  it.effect("and those that Codex begins are waited for", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start()
      yield* server.begin("goal")
      yield* settled
      const run = yield* fork(thread.run("Work"))
      assert.notInclude(server.methods(), "turn/start")
      yield* server.complete("goal")
      yield* server.asked("turn/start")
      yield* server.complete("turn 1")
      yield* Fiber.join(run)
    }))

  it.effect("one that is interrupted while it waits gives its place up", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start()
      const first = yield* fork(thread.run("One"))
      const second = yield* fork(thread.run("Two"))
      const third = yield* fork(thread.run("Three"))
      yield* Fiber.interrupt(second)
      yield* server.complete("turn 1")
      yield* Fiber.join(first)
      yield* server.asked("turn/start", 2)
      assert.deepNestedInclude(server.paramsOf("turn/start"), { "input[0].text": "Three" })
      yield* server.complete("turn 2")
      yield* Fiber.join(third)
      assert.notInclude(server.methods(), "turn/interrupt")
    }))
})

describe("the turns of a thread", () => {
  it.effect("are told as they begin, whoever begins them, the one at work first", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start()
      const early = yield* fork(Stream.runCollect(Stream.take(thread.turns, 3)))
      yield* thread.turn("Work")
      const late = yield* fork(Stream.runCollect(Stream.take(thread.turns, 2)))
      yield* server.complete("turn 1")
      yield* server.begin("goal")
      yield* settled
      yield* server.message("goal", "Achieved.")
      yield* server.complete("goal")
      yield* settled
      const next = yield* thread.turn("More")
      assert.deepStrictEqual((yield* Fiber.join(early)).map(({ id }) => id), ["turn 1", "goal", "turn 2"])
      const seen = yield* Fiber.join(late)
      assert.deepStrictEqual(seen.map(({ id }) => id), ["turn 1", "goal"])
      const goal = seen[1]
      assert.strictEqual((yield* goal?.await ?? Effect.die("none")).finalMessage, "Achieved.")
      yield* server.complete(next.id)
    }))

  it.effect("are no more once it is closed", () =>
    Effect.gen(function*() {
      const server = yield* FakeThreads.make()
      const scope = yield* Scope.make()
      const thread = yield* Scope.provide(server.threads.start(), scope)
      const turns = yield* fork(Stream.runCollect(thread.turns))
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* Fiber.join(turns), [])
      const reason = yield* reasonOf(thread.run("Work"))
      assert.match(reason.message, /was closed with its scope/)
      assert.notInclude(server.methods(), "turn/start")
      assert.match((yield* reasonOf(Stream.runDrain(thread.turns))).message, /was closed with its scope/)
    }))
})

describe("stopping a turn", () => {
  it.effect("interrupts it with its sub-agents and commands, and waits for its end", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start(answers({ "turn/interrupt": {} }))
      const root = yield* thread.turn("Work")
      yield* server.begin("turn of agent", { rootTurnId: root.id }, "agent")
      yield* server.begin("turn of done agent", { rootTurnId: root.id }, "done agent")
      yield* server.complete("turn of done agent", {}, "done agent")
      yield* server.message(root.id, "Begun.")
      yield* settled
      const interrupting = yield* fork(root.interrupt)
      assert.deepStrictEqual<unknown>(server.allOf("turn/interrupt"), [
        { threadId, turnId: root.id },
        { threadId: "agent", turnId: "turn of agent" }
      ])
      assert.isUndefined(interrupting.pollUnsafe())
      yield* server.complete("turn of agent", { status: "interrupted" }, "agent")
      yield* settled
      assert.deepStrictEqual<unknown>(server.allOf("thread/backgroundTerminals/clean"), [
        { threadId: "agent" },
        { threadId }
      ])
      assert.isUndefined(interrupting.pollUnsafe())
      yield* server.complete(root.id, { status: "interrupted" })
      yield* Fiber.join(interrupting)
      const error = yield* Effect.flip(root.await)
      assert.deepInclude(error.reason, { _tag: "Stopped", how: "interrupt" })
      assert.strictEqual(error.turn?.finalMessage, "Begun.")

      // There is nothing to stop any more.
      const asked = server.methods().length
      yield* root.interrupt
      assert.lengthOf(server.methods(), asked)
    }))

  it.effect("stops its sub-agents even if Codex does so first", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start(answers({ "turn/interrupt": {} }))
      const root = yield* thread.turn("Work")
      yield* server.begin("turn of agent", { rootTurnId: root.id }, "agent")
      const agents = yield* fork(Stream.runCollect(root.agents))
      const interrupting = yield* fork(root.interrupt)
      yield* server.begin("turn of late agent", { rootTurnId: root.id }, "late agent")
      yield* server.complete("turn of late agent", { status: "interrupted" }, "late agent")
      yield* server.complete("turn of agent", { status: "interrupted" }, "agent")
      yield* server.complete(root.id, { status: "interrupted" })
      yield* Fiber.join(interrupting)
      const reasons = yield* Effect.forEach(yield* Fiber.join(agents), (agent) => reasonOf(agent.await))
      assert.deepStrictEqual(reasons.map(({ _tag }) => _tag), ["Stopped", "Stopped"])
    }))

  it.effect("of which Codex says that it has ended already waits for its end", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start(
        answers({ "turn/interrupt": new Refusal("no active turn to interrupt") })
      )
      const turn = yield* thread.turn("Work")
      const interrupting = yield* fork(turn.interrupt)
      yield* server.asked("turn/interrupt")
      yield* server.complete("turn 1")
      yield* Fiber.join(interrupting)
      // It was done before it could be stopped.
      assert.strictEqual((yield* turn.await).status, "completed")
    }))

  it.effect("is asked for again where the app-server was overloaded", () =>
    Effect.gen(function*() {
      let asked = 0
      const { thread } = yield* start((_, method) =>
        method === "turn/interrupt" && ++asked === 1
          ? new Refusal("Server overloaded; retry later.", -32001)
          : undefined
      )
      const turn = yield* thread.turn("Work")
      const interrupting = yield* fork(turn.interrupt)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(interrupting)
      assert.strictEqual(asked, 2)
    }))

  it.effect("of a review is by the turn within it, once that has begun", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start((_, method) =>
        method === "review/start" ? { turn: turn("review"), reviewThreadId: threadId } : undefined
      )
      const review = yield* thread.review({ type: "base", branch: "main" })
      assert.deepStrictEqual<unknown>(server.paramsOf("review/start"), {
        threadId,
        target: { type: "baseBranch", branch: "main" }
      })
      const interrupting = yield* fork(review.interrupt)
      assert.notInclude(server.methods(), "turn/interrupt")
      yield* server.begin("inner", { rootTurnId: "review" })
      yield* server.asked("turn/interrupt")
      assert.deepStrictEqual<unknown>(server.paramsOf("turn/interrupt"), { threadId, turnId: "inner" })
      yield* server.complete("review", { status: "interrupted" })
      yield* Fiber.join(interrupting)
      assert.strictEqual((yield* reasonOf(review.await))._tag, "Stopped")
    }))

  it.effect("of a review that begins before it is answered, too", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start(answers({ "review/start": "nothing" }))
      const reviewing = yield* fork(thread.review({ type: "uncommitted" }))
      yield* server.begin("inner", { rootTurnId: "review" })
      yield* settled
      yield* server.reply({ turn: turn("review"), reviewThreadId: threadId })
      const review = yield* Fiber.join(reviewing)
      yield* fork(review.interrupt)
      assert.deepStrictEqual<unknown>(server.paramsOf("turn/interrupt"), { threadId, turnId: "inner" })
      yield* server.complete("review")
      yield* review.await
    }))

  it.effect("happens with its scope", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start()
      const turn = yield* Effect.scoped(thread.turn("Work"))
      assert.deepStrictEqual<unknown>(server.paramsOf("turn/interrupt"), { threadId, turnId: "turn 1" })
      assert.strictEqual((yield* reasonOf(turn.await))._tag, "Stopped")
    }))

  it.effect("happens when its run is interrupted, even before it is known to have begun", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start(answers({ "turn/start": "nothing" }))
      const fiber = yield* fork(thread.run("Work"))
      const interrupting = yield* fork(Fiber.interrupt(fiber))
      yield* server.reply({ turn: turn("turn 1") })
      yield* settled
      assert.notInclude(server.methods(), "turn/interrupt")
      yield* server.begin("turn 1")
      yield* Fiber.join(interrupting)
      assert.deepStrictEqual<unknown>(server.paramsOf("turn/interrupt"), { threadId, turnId: "turn 1" })
    }))

  it.effect("does not happen when who waits for it is interrupted", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start()
      const turn = yield* thread.turn("Work")
      yield* Effect.flatMap(fork(turn.await), Fiber.interrupt)
      assert.notInclude(server.methods(), "turn/interrupt")
      yield* server.complete("turn 1")
      yield* turn.await
    }))

  it.effect("is not waited for for ever", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start(answers({ "turn/interrupt": {} }), { interruptGrace: "2 seconds" })
      const fiber = yield* fork(thread.run("Work"))
      const interrupting = yield* fork(Fiber.interrupt(fiber))
      assert.include(server.methods(), "turn/interrupt")
      yield* TestClock.adjust("1 second")
      assert.isUndefined(interrupting.pollUnsafe())
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(interrupting)
      yield* server.complete("turn 1")
    }))
})

describe("steering", () => {
  it.effect("tells the turn more, in the words of the protocol", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start()
      const turn = yield* thread.turn("Work")
      yield* turn.steer([CodexInput.localImage("/a.png"), CodexInput.text("Like this")])
      assert.deepStrictEqual<unknown>(server.paramsOf("turn/steer"), {
        threadId,
        expectedTurnId: "turn 1",
        input: [{ type: "localImage", path: "/a.png" }, { type: "text", text: "Like this" }]
      })
    }))

  it.effect("is refused where Codex refuses it", () =>
    Effect.gen(function*() {
      const { thread } = yield* start(answers({ "turn/steer": new Refusal("no active turn to steer") }))
      const turn = yield* thread.turn("Work")
      const reason = yield* reasonOf(turn.steer("More"))
      assert.deepInclude(reason, {
        _tag: "NotSteerable",
        threadId,
        turnId: "turn 1",
        description: "no active turn to steer"
      })
      assert.match(reason.message, /say it in the next turn/)
    }))

  it.effect("fails with the cause where there is no answer", () =>
    Effect.gen(function*() {
      const { thread } = yield* start(answers({ "turn/steer": "nothing" }))
      const turn = yield* thread.turn("Work")
      const fiber = yield* fork(reasonOf(turn.steer("More")))
      yield* TestClock.adjust("60 seconds")
      assert.deepInclude(yield* Fiber.join(fiber), { _tag: "AppServerFailed" })
    }))
})

describe("sub-agents", () => {
  it.effect("have turns of their own, with their own events", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start()
      const root = yield* thread.turn("Work")
      const early = yield* fork(Stream.runCollect(root.agents))
      yield* server.begin("turn of a", { rootTurnId: root.id }, "a")
      yield* server.begin("turn of nobody", { rootTurnId: "another turn" }, "nobody")
      yield* server.tell("turn/started", { threadId: "strange", turnId: undefined, turn: { id: 1 } })
      yield* settled
      const late = yield* fork(Stream.runCollect(root.agents))
      yield* server.begin("turn of b", { rootTurnId: root.id }, "b")
      yield* server.message("turn of a", "A.", "a")
      yield* server.message("turn of b", "B.", "b")
      yield* server.message("turn of nobody", "N.", "nobody")
      yield* server.complete("turn of a", {}, "a")
      yield* server.complete(root.id)
      // One may end after its root.
      yield* server.complete("turn of b", {}, "b")
      const agents = yield* Fiber.join(early)
      assert.deepStrictEqual((yield* Fiber.join(late)).map(({ id }) => id), agents.map(({ id }) => id))
      const ended = yield* Effect.forEach(
        agents,
        (agent) => Effect.map(agent.await, ({ finalMessage }) => finalMessage)
      )
      assert.deepStrictEqual(ended, ["A.", "B."])
      assert.deepStrictEqual(agents.map(({ id, threadId }) => [id, threadId]), [["turn of a", "a"], ["turn of b", "b"]])
      assert.isEmpty((yield* root.await).items)
    }))

  it.effect("may be set to work again, and are found out, too", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start((params, method) =>
        method === "thread/turns/list" && params["threadId"] === "a"
          ? { data: [turn("one", { status: "completed" })] }
          : undefined
      )
      const root = yield* thread.turn("Work")
      const agents = yield* fork(Stream.runCollect(Stream.take(root.agents, 2)))
      yield* server.begin("one", { rootTurnId: root.id }, "a")
      yield* server.begin("two", { rootTurnId: root.id }, "a")
      yield* settled
      // The end of the first was not told.
      yield* TestClock.adjust("5 seconds")
      yield* settled
      yield* server.message("two", "Two.", "a")
      yield* server.complete("two", {}, "a")
      const [one, two] = yield* Fiber.join(agents)
      assert.strictEqual((yield* one?.await ?? Effect.die("none")).status, "completed")
      assert.strictEqual((yield* two?.await ?? Effect.die("none")).finalMessage, "Two.")
    }))

  it.effect("are let go of with the thread", () =>
    Effect.gen(function*() {
      const server = yield* FakeThreads.make()
      yield* Effect.scoped(Effect.gen(function*() {
        const thread = yield* server.threads.start()
        yield* thread.turn("Work")
        yield* server.begin("turn of agent", { rootTurnId: "turn 1" }, "agent")
        yield* server.complete("turn 1")
        yield* settled
      }))
      assert.deepStrictEqual<unknown>(server.allOf("turn/interrupt"), [{ threadId: "agent", turnId: "turn of agent" }])
      assert.sameDeepMembers<unknown>(server.allOf("thread/unsubscribe"), [{ threadId }, { threadId: "agent" }])
      // They may go on with it.
      const thread = yield* server.threads.resume(threadId, { sandbox: "read-only" })
      const root = yield* thread.turn("Work")
      yield* server.begin("next turn of agent", { rootTurnId: root.id }, "agent")
      const [agent] = yield* Stream.runCollect(Stream.take(root.agents, 1))
      assert.strictEqual(agent?.id, "next turn of agent")
    }))
})

describe("the end of a turn that is not told", () => {
  it.effect("is read back once its thread is idle", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start(answers({
        "thread/turns/list": {
          data: [turn("turn 1", { status: "completed", items: [{ type: "agentMessage", id: "m", text: "Done." }] })]
        }
      }))
      const running = yield* thread.turn("Work")
      yield* server.tell("thread/status/changed", idle)
      yield* settled
      yield* TestClock.adjust("4 seconds")
      assert.notInclude(server.methods(), "thread/turns/list")
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* running.await).finalMessage, "Done.")
      assert.lengthOf(server.allOf("thread/turns/list"), 1)
    }))

  it.effect("fails it if nobody knows", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start(answers({ "thread/turns/list": { data: [] } }), {
        completionGrace: "1 second"
      })
      const running = yield* thread.turn("Work")
      yield* server.tell("thread/status/changed", idle)
      yield* settled
      yield* TestClock.adjust("1 second")
      const error = yield* Effect.flip(running.await)
      assert.match(error.message, /does not say how its turn ended/)
      assert.isTrue(error.worked)
      assert.strictEqual(error.turn?.status, "in_progress")
    }))

  it.effect("is not asked for when it comes, or when the thread goes on", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start()
      const first = yield* thread.turn("Work")
      yield* server.tell("thread/status/changed", idle)
      yield* server.complete("turn 1")
      yield* first.await
      const second = yield* thread.turn("Work")
      yield* server.tell("thread/status/changed", idle)
      yield* server.tell("thread/status/changed", { turnId: undefined, status: { type: "active", activeFlags: [] } })
      yield* settled
      yield* TestClock.adjust("10 seconds")
      assert.notInclude(server.methods(), "thread/turns/list")
      // But when it is idle again.
      yield* server.tell("thread/status/changed", idle)
      yield* settled
      yield* TestClock.adjust("5 seconds")
      yield* server.asked("thread/turns/list")
      assert.isTrue(Exit.isFailure(yield* Effect.exit(second.await)))
    }))

  it.effect("is found out when another turn begins", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start(answers({
        "thread/turns/list": { data: [turn("turn 1", { status: "failed", error: { message: "It broke" } })] }
      }))
      const first = yield* thread.turn("Work")
      yield* server.begin("goal")
      yield* settled
      yield* TestClock.adjust("5 seconds")
      assert.deepInclude(yield* reasonOf(first.await), { _tag: "TurnFailed", description: "It broke" })
      // That one goes on.
      const [goal] = yield* Stream.runCollect(Stream.take(thread.turns, 1))
      assert.deepStrictEqual(yield* goal?.result ?? Effect.die("none"), Option.none())
      yield* server.complete("goal")
      assert.strictEqual((yield* goal?.await ?? Effect.die("none")).status, "completed")
    }))
})

describe("compaction", () => {
  const compact = (thread: Thread) => Effect.scoped(Effect.flatMap(thread.compact, (turn) => turn.await))

  it.effect("comes to the turn that it brings about", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start()
      const compacting = yield* fork(compact(thread))
      assert.deepStrictEqual<unknown>(server.paramsOf("thread/compact/start"), { threadId })
      yield* server.begin("compaction")
      yield* server.complete("compaction")
      assert.strictEqual((yield* Fiber.join(compacting)).status, "completed")
    }))

  it.effect("even if that is over before the answer", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start(answers({ "thread/compact/start": "nothing" }))
      yield* thread.turn("Work")
      yield* server.complete("turn 1")
      const compacting = yield* fork(compact(thread))
      yield* server.begin("compaction")
      yield* server.complete("compaction")
      yield* settled
      yield* server.reply({})
      assert.strictEqual((yield* Fiber.join(compacting)).status, "completed")
    }))

  it.effect("waits for the turn at work, and is stopped with who waits for it", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start()
      yield* thread.turn("Work")
      const compacting = yield* fork(compact(thread))
      assert.notInclude(server.methods(), "thread/compact/start")
      yield* server.complete("turn 1")
      yield* server.asked("thread/compact/start")
      yield* server.begin("compaction")
      yield* settled
      yield* Fiber.interrupt(compacting)
      assert.deepStrictEqual<unknown>(server.paramsOf("turn/interrupt"), { threadId, turnId: "compaction" })
    }))

  it.effect("fails with the connection, and may have been done", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start()
      const compacting = yield* fork(Effect.flip(compact(thread)))
      yield* server.end
      const error = yield* Fiber.join(compacting)
      assert.deepInclude(error.reason, { _tag: "AppServerFailed", unreachable: true })
      assert.isTrue(error.worked)
    }))

  it.effect("does not wait for its turn for ever, nor after the thread is closed", () =>
    Effect.gen(function*() {
      const server = yield* FakeThreads.make()
      const scope = yield* Scope.make()
      const thread = yield* Scope.provide(server.threads.start(), scope)
      const compacting = yield* fork(Effect.flip(compact(thread)))
      yield* TestClock.adjust("1 minute")
      const error = yield* Fiber.join(compacting)
      assert.match(error.message, /did not begin/)
      assert.isTrue(error.worked)

      const again = yield* fork(reasonOf(compact(thread)))
      yield* Scope.close(scope, Exit.void)
      assert.match((yield* Fiber.join(again)).message, /did not begin/)
    }))
})

describe("an output", () => {
  const Status = Schema.Struct({ ok: Schema.Boolean })

  it.effect("is asked for by its schema, and decoded", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start()
      const running = yield* fork(thread.run("Check", { output: Status }))
      yield* server.asked("turn/start")
      assert.deepNestedInclude(server.paramsOf("turn/start"), {
        "outputSchema.properties": { ok: { type: "boolean" } }
      })
      yield* server.message("turn 1", "{\"ok\":true}")
      yield* server.complete("turn 1")
      const { finalMessage, output } = yield* Fiber.join(running)
      assert.deepStrictEqual(output, { ok: true })
      assert.strictEqual(finalMessage, "{\"ok\":true}")

      const turn = yield* thread.turn("Check", { output: Status })
      assert.isTrue(Option.isNone(yield* turn.result))
      yield* server.message("turn 2", "{\"ok\":false}")
      yield* server.complete("turn 2")
      assert.isFalse((yield* turn.await).output.ok)
      assert.isTrue(Option.exists(yield* turn.result, (exit) => Exit.isSuccess(exit) && !exit.value.output.ok))
    }))

  it.effect("that is none fails, with the turn, for who watches, too", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start()
      const turn = yield* thread.turn("Check", { output: Status })
      const watching = yield* fork(Effect.flip(Stream.runDrain(turn.events)))
      yield* server.message("turn 1", "It is fine.")
      yield* server.complete("turn 1")
      const error = yield* Effect.flip(turn.await)
      assert.deepInclude(error.reason, { _tag: "OutputUndecodable", text: "It is fine." })
      assert.strictEqual(error.turn?.finalMessage, "It is fine.")
      assert.isTrue(error.worked)
      assert.strictEqual((yield* Fiber.join(watching)).reason._tag, "OutputUndecodable")

      const silent = yield* fork(reasonOf(thread.run("Check", { output: Status })))
      yield* server.asked("turn/start", 2)
      yield* server.complete("turn 2")
      assert.deepInclude(yield* Fiber.join(silent), { _tag: "OutputUndecodable", text: "" })
    }))

  it.effect("can't be asked of a turn that is at work, nor be one that no answer can have", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start()
      const reason = yield* reasonOf(thread.run("Check", { output: Status, whenBusy: "steer" }))
      assert.deepInclude(reason, { _tag: "InvalidOption", option: "output" })
      assert.strictEqual((yield* reasonOf(thread.run("Check", { output: Schema.Unknown })))._tag, "InvalidOption")
      assert.notInclude(server.methods(), "turn/start")
    }))
})
