/**
 * Threads whose connection to the app-server is lost, and made again.
 */
import * as Client from "@effect-codex/core/appserver/Client"
import * as ConnectionError from "@effect-codex/core/appserver/ConnectionError"
import * as Threads from "@effect-codex/core/appserver/Threads"
import * as CodexError from "@effect-codex/core/CodexError"
import * as ProcessGuard from "@effect-codex/core/ProcessGuard"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import type { Answer } from "./support/fakeAppServer.ts"
import { settled } from "./support/peer.ts"
import * as FakeThreads from "./support/threads.ts"

const { answers, fork, reasonOf, start, threadId } = FakeThreads

const asked = { sandbox: "workspace-write", model: "gpt-5.5", config: { model_verbosity: "low" } } as const

const refused = Effect.fail(
  ConnectionError.fromReason(new ConnectionError.Disconnected({ description: "nobody is there" }))
)

/** A server that is out of reach while `isDown`. */
const fallible = (answer?: Answer) => {
  const server = FakeThreads.serve(answer)
  const tries: Array<number> = []
  const state = { isDown: false }
  const connect = Effect.gen(function*() {
    tries.push(yield* Effect.clockWith((clock) => clock.currentTimeMillis))
    return yield* state.isDown ? refused : server.connect
  })
  return { ...server, connect, state, tries }
}

/** Time enough for the first try. */
const reconnected = Effect.andThen(TestClock.adjust("1 second"), settled)

describe("a connection that is lost", () => {
  it.effect("fails the turns with the cause, which may have worked", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start()
      const running = yield* thread.turn("Work")
      yield* server.begin("turn of agent", { rootTurnId: running.id }, "agent")
      yield* server.message(running.id, "Begun.")
      yield* settled
      const [agent] = yield* Stream.runCollect(Stream.take(running.agents, 1))
      const watching = yield* fork(Effect.flip(Stream.runDrain(running.events)))
      const steering = yield* fork(Stream.runDrain(running.agents))
      yield* server.end
      const error = yield* Effect.flip(running.await)
      assert.deepInclude(error.reason, { _tag: "AppServerFailed", unreachable: true })
      assert.match(error.message, /The connection to the app-server was lost/)
      assert.isTrue(error.worked)
      assert.isFalse(error.isRetryable)
      assert.strictEqual(error.turn?.finalMessage, "Begun.")
      assert.strictEqual(yield* Fiber.join(watching), error)
      yield* Fiber.join(steering)
      assert.strictEqual((yield* reasonOf(agent?.await ?? Effect.die("none")))._tag, "AppServerFailed")
      // There is nothing to stop any more.
      yield* running.interrupt
      assert.notInclude(server.methods(), "turn/interrupt")
    }))

  it.effect("fails a turn that began with the last word of it", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start(answers({ "turn/start": "nothing" }))
      const running = yield* fork(Effect.flip(thread.run("Work")))
      yield* Effect.andThen(server.reply({ turn: FakeThreads.turn("turn 1") }), server.end)
      yield* settled
      const error = yield* Fiber.join(running)
      assert.strictEqual(error.reason._tag, "AppServerFailed")
      assert.isTrue(error.worked)
    }))

  it.effect("fails a turn whose beginning is known only after it", () =>
    Effect.gen(function*() {
      const known = yield* Deferred.make<void>()
      const { thread, ...server } = yield* start(undefined, {
        middleware: [{
          request: (request, next) =>
            Effect.tap(next(request), () => request.method === "turn/start" ? Deferred.await(known) : Effect.void)
        }],
        aftermath: () => []
      })
      const running = yield* fork(Effect.flip(thread.run("Work")))
      yield* server.end
      yield* server.asked("thread/resume")
      yield* Deferred.succeed(known, undefined)
      const error = yield* Fiber.join(running)
      assert.match(error.message, /The connection to the app-server was lost/)
      assert.isTrue(error.worked)
    }))

  it.effect("opens a thread that was opened with the last word of it again", () =>
    Effect.gen(function*() {
      const server = yield* FakeThreads.make(answers({ "thread/start": "nothing" }))
      const opening = yield* fork(server.threads.start({ sandbox: "read-only" }))
      yield* Effect.andThen(server.reply(FakeThreads.thread({ approvalPolicy: "never" })), server.end)
      const thread = yield* Fiber.join(opening)
      const running = yield* fork(thread.run("Work"))
      yield* server.asked("turn/start")
      assert.include(server.methods(), "thread/resume")
      yield* server.complete("turn 1")
      yield* Fiber.join(running)
    }))

  it.effect("fails what Codex began over it, even if the thread did not get open there", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start((_, method) => method === "thread/resume" ? "nothing" : undefined, {
        start: asked
      })
      const turns = yield* fork(Stream.runCollect(Stream.take(thread.turns, 1)))
      yield* server.end
      yield* server.asked("thread/resume")
      yield* server.begin("goal")
      const [goal] = yield* Fiber.join(turns)
      yield* server.end
      yield* server.asked("thread/resume", 2)
      assert.strictEqual((yield* reasonOf(goal?.await ?? Effect.die("none")))._tag, "AppServerFailed")
      yield* server.reply(FakeThreads.thread({ approvalPolicy: "never", ...asked }), "thread/resume")
      const running = yield* fork(thread.run("Work"))
      yield* server.asked("turn/start")
      yield* server.complete("turn 1")
      yield* Fiber.join(running)
    }))

  it.effect("fails nothing before all is told that came over it", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start()
      const running = yield* thread.turn("Work")
      // The next connection is wanted at once.
      const client = yield* server.threads.client
      const wanting = yield* fork(Effect.andThen(Effect.exit(client.closed), server.threads.client))
      yield* Effect.forEach(Array.from({ length: 20_000 }), () => server.delta(running.id, "."), { discard: true })
      yield* server.complete(running.id)
      yield* server.end
      assert.strictEqual((yield* running.await).status, "completed")
      assert.notStrictEqual(yield* Fiber.join(wanting), client)
    }))

  it.effect("is made again, and the open threads go on there, as they were", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start(undefined, {
        start: {
          ...asked,
          threadSource: "test",
          params: { developerInstructions: "Be brief", historyMode: "paginated" }
        }
      })
      const turns = yield* fork(Stream.runCollect(Stream.take(thread.turns, 2)))
      const lost = yield* fork(Effect.exit(thread.run("Work")))
      yield* server.end
      assert.isTrue(Exit.isFailure(yield* Fiber.join(lost)))
      yield* reconnected
      assert.strictEqual(server.connections(), 2)
      assert.deepStrictEqual<unknown>(server.paramsOf("thread/resume"), {
        threadId,
        excludeTurns: true,
        ...asked,
        modelProvider: "openai",
        developerInstructions: "Be brief",
        approvalPolicy: "never",
        approvalsReviewer: "user",
        cwd: "."
      })
      // No turn is done again.
      assert.lengthOf(server.allOf("turn/start"), 1)
      const running = yield* fork(thread.run("More"))
      yield* server.asked("turn/start", 2)
      yield* server.message("turn 2", "Done.")
      yield* server.complete("turn 2")
      assert.strictEqual((yield* Fiber.join(running)).finalMessage, "Done.")
      assert.deepStrictEqual((yield* Fiber.join(turns)).map(({ id }) => id), ["turn 1", "turn 2"])
      assert.lengthOf(server.allOf("thread/resume"), 1)
    }))

  it.effect("fails its turns even if a middleware holds up what came over it", () =>
    Effect.gen(function*() {
      const server = FakeThreads.serve(undefined, {
        middleware: [{ notification: (told, next) => told.method === "turn/started" ? Effect.never : next(told) }]
      })
      const threads = yield* Threads.make(server.connect)
      const thread = yield* threads.start()
      const running = yield* fork(Effect.flip(thread.run("Work")))
      yield* server.end
      const wanting = yield* fork(threads.client)
      yield* TestClock.adjust("1 second")
      assert.isTrue((yield* Fiber.join(running)).worked)
      yield* Fiber.join(wanting)
    }))

  it.effect("is lost with its ephemeral threads", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start(undefined, { start: { ephemeral: true } })
      const turns = yield* fork(reasonOf(Stream.runDrain(thread.turns)))
      yield* server.end
      yield* reconnected
      const gone = /is gone with its connection, as it was ephemeral: start another one/
      assert.match((yield* Fiber.join(turns)).message, gone)
      assert.match((yield* reasonOf(thread.run("Work"))).message, gone)
      assert.match((yield* reasonOf(Stream.runDrain(thread.turns))).message, gone)
      assert.notInclude(server.methods(), "thread/resume")
      assert.notInclude(server.methods(), "turn/start")
    }))

  it.effect("has what it left behind ended before its turns fail, and its threads go on", () =>
    Effect.gen(function*() {
      const swept = yield* Deferred.make<void>()
      const tree = { env: {}, attach: () => Effect.void, record: () => Effect.void, sweep: Deferred.await(swept) }
      const { thread, ...server } = yield* start().pipe(
        Effect.provideService(ProcessGuard.ProcessGuard, { guard: Effect.succeed(tree) })
      )
      const running = yield* thread.turn("Work")
      const failing = yield* fork(Effect.flip(running.await))
      yield* server.end
      yield* reconnected
      const renaming = yield* fork(thread.setName("Plan"))
      assert.isUndefined(failing.pollUnsafe())
      assert.notInclude(server.methods(), "thread/resume")
      yield* Deferred.succeed(swept, undefined)
      yield* Fiber.join(failing)
      yield* Fiber.join(renaming)
      assert.lengthOf(server.allOf("thread/resume"), 1)
    }))

  it.effect("does not let a thread be opened twice meanwhile", () =>
    Effect.gen(function*() {
      const server = fallible()
      const threads = yield* Threads.make(server.connect)
      yield* threads.start()
      server.state.isDown = true
      yield* server.end
      yield* settled
      server.state.isDown = false
      assert.strictEqual((yield* reasonOf(threads.resume(threadId)))._tag, "ThreadBusy")
    }))

  it.effect("is not made again for a thread that is closed meanwhile", () =>
    Effect.gen(function*() {
      const server = fallible((_, method) => method === "thread/resume" ? "nothing" : undefined)
      const threads = yield* Threads.make(server.connect)
      const scope = yield* Scope.make()
      const thread = yield* Scope.provide(threads.start({ sandbox: "read-only" }), scope)
      yield* server.end
      yield* reconnected
      assert.include(server.methods(), "thread/resume")
      const closing = yield* fork(Scope.close(scope, Exit.void))
      const running = yield* fork(reasonOf(thread.run("Work")))
      assert.isEmpty(server.allOf("thread/unsubscribe"))
      // It is open again, and let go of there.
      yield* server.reply(FakeThreads.thread({ approvalPolicy: "never" }), "thread/resume")
      yield* Fiber.join(closing)
      assert.deepStrictEqual<unknown>(server.allOf("thread/unsubscribe"), [{ threadId }])
      assert.match((yield* Fiber.join(running)).message, /was closed with its scope/)

      // Closed before, it is not opened again.
      const other = yield* Scope.make()
      yield* Scope.provide(threads.start({ sandbox: "read-only" }), other)
      server.state.isDown = true
      yield* server.end
      yield* settled
      yield* Scope.close(other, Exit.void)
      server.state.isDown = false
      yield* TestClock.adjust("1 minute")
      yield* settled
      assert.lengthOf(server.allOf("thread/resume"), 1)
    }))

  it.effect("is refused for a thread that Codex would treat otherwise, or that is at work there", () =>
    Effect.gen(function*() {
      let changes: Readonly<Record<string, unknown>> = { sandbox: { type: "dangerFullAccess" } }
      const { thread, ...server } = yield* start(
        (params, method) => method === "thread/resume" ? FakeThreads.thread(params, changes) : undefined,
        {
          start: asked
        }
      )
      yield* server.end
      yield* reconnected
      assert.lengthOf(server.allOf("thread/unsubscribe"), 1)
      assert.deepInclude(yield* reasonOf(thread.run("Work")), { _tag: "InvalidOption", option: "sandbox" })
      const { thread: info } = FakeThreads.thread({})
      changes = { thread: { ...info, status: { type: "active", activeFlags: [] } } }
      assert.strictEqual((yield* reasonOf(thread.run("Work")))._tag, "ThreadBusy")
      assert.lengthOf(server.allOf("thread/unsubscribe"), 3)
      assert.notInclude(server.methods(), "turn/start")
      // Once it is over there, it goes on here.
      changes = {}
      const running = yield* fork(thread.run("Work"))
      yield* server.complete("turn 1")
      yield* Fiber.join(running)
    }))

  it.effect("while a turn waits lets it begin on the next one, but not amid a turn of Codex", () =>
    Effect.gen(function*() {
      const { thread, ...server } = yield* start((_, method) => method === "thread/resume" ? "nothing" : undefined, {
        start: asked
      })
      yield* server.end
      const running = yield* fork(thread.run("Work"))
      yield* reconnected
      yield* server.begin("goal")
      yield* settled
      yield* server.reply(FakeThreads.thread({ approvalPolicy: "never", ...asked }), "thread/resume")
      yield* settled
      assert.notInclude(server.methods(), "turn/start")
      yield* server.complete("goal")
      yield* server.asked("turn/start")
      yield* server.complete("turn 1")
      yield* Fiber.join(running)
    }))
})

describe("another connection is tried for", () => {
  it.effect("by schedule", () =>
    Effect.gen(function*() {
      const server = fallible()
      const threads = yield* Threads.make(server.connect, {
        reconnect: Schedule.max([Schedule.spaced("10 seconds"), Schedule.recurs(2)])
      })
      const thread = yield* threads.start()
      const turns = yield* fork(reasonOf(Stream.runDrain(thread.turns)))
      server.state.isDown = true
      yield* server.end
      yield* settled
      for (let n = 0; n < 6; n++) {
        yield* TestClock.adjust("10 seconds")
        yield* settled
      }
      assert.deepStrictEqual(server.tries, [0, 0, 10_000, 20_000])
      // Whoever looks on is told.
      assert.deepInclude(yield* Fiber.join(turns), { _tag: "AppServerFailed", unreachable: true })

      // It has given up: the next operation tries again.
      const error = yield* Effect.flip(thread.run("Work"))
      assert.match(error.message, /nobody is there/)
      assert.isTrue(error.isRetryable)
      server.state.isDown = false
      const running = yield* fork(thread.run("Work"))
      yield* server.complete("turn 1")
      yield* Fiber.join(running)
      assert.lengthOf(server.tries, 6)
    }))

  it.effect("ever more slowly, and for ever, by default", () =>
    Effect.gen(function*() {
      const server = fallible()
      yield* Threads.make(server.connect)
      server.state.isDown = true
      yield* server.end
      yield* settled
      for (let n = 0; n < 600; n++) yield* Effect.andThen(TestClock.adjust("100 millis"), settled)
      const gaps = server.tries.slice(2).map((time, n) => time - (server.tries[n + 1] ?? 0))
      assert.isTrue(gaps.every((gap, n) => gap <= Math.min(100 * 2 ** n, 10_000) * 1.2 + 100))
      assert.isAtLeast(gaps.length, 9)
      server.state.isDown = false
      yield* TestClock.adjust("12 seconds")
      yield* settled
      assert.strictEqual(server.connections(), 2)
    }))

  it.effect("by operations, too, one at a time", () =>
    Effect.gen(function*() {
      const server = fallible()
      const threads = yield* Threads.make(server.connect, { reconnect: Schedule.spaced("1 hour") })
      server.state.isDown = true
      yield* server.end
      yield* settled
      assert.match((yield* reasonOf(threads.read(threadId))).message, /nobody is there/)
      server.state.isDown = false
      yield* Effect.all([threads.archive("a"), threads.archive("b")], { concurrency: "unbounded" })
      assert.strictEqual(server.connections(), 2)
    }))

  it.effect("not once the layer's scope is closed, which fails what is at work", () =>
    Effect.gen(function*() {
      const server = FakeThreads.serve()
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(Threads.layerConnect(server.connect), scope)
      const thread = yield* Context.get(context, Threads.Threads).start()
      const running = yield* thread.turn("Work")
      yield* Scope.close(scope, Exit.void)
      const error = yield* Effect.flip(running.await)
      assert.match(error.message, /was closed by this program/)
      assert.isTrue(error.worked)
      yield* TestClock.adjust("1 minute")
      yield* settled
      assert.strictEqual(server.connections(), 1)
    }))

  it.effect("not where the client was given", () =>
    Effect.gen(function*() {
      const server = FakeThreads.serve()
      const client = yield* server.connect
      const context = yield* Layer.build(Threads.layer()).pipe(Effect.provideService(Client.Client, client))
      const thread = yield* Context.get(context, Threads.Threads).start()
      const running = yield* thread.turn("Work")
      yield* server.end
      assert.isTrue((yield* Effect.flip(running.await)).worked)
      yield* TestClock.adjust("1 minute")
      yield* settled
      assert.deepInclude(yield* reasonOf(thread.run("Work")), { _tag: "AppServerFailed", unreachable: true })
      assert.strictEqual(server.connections(), 1)
    }))

  it.effect("not before there was a first one", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Threads.make(refused))
      assert.isTrue(CodexError.isCodexError(error))
      assert.match(error.message, /nobody is there/)
    }))
})
