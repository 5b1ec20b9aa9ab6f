/**
 * Threads and turns on the real app-server: watched, steered, stopped, copied, cut back, put away.
 */
import * as DynamicTools from "@effect-codex/core/appserver/DynamicTools"
import * as Threads from "@effect-codex/core/appserver/Threads"
import type { CodexEvent } from "@effect-codex/core/CodexEvent"
import * as CodexInput from "@effect-codex/core/CodexInput"
import * as CodexTurn from "@effect-codex/core/CodexTurn"
import * as NodeThreads from "@effect-codex/node/NodeThreads"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Order from "effect/Order"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { createServer } from "node:http"
import { isAlive, makeWorkspace, pidsIn } from "./support/realCodex.ts"
import { slowMessage } from "./support/slowMessage.ts"
import { cliIn, pidFiles, stubborn } from "./support/stubborn.ts"

const layer = (script: FakeModel.Script, options: NodeThreads.Options = {}) =>
  FakeModel.layerWith(script, (cli) =>
    NodeThreads.layer({
      ...cli,
      ...options,
      defaults: { sandbox: "danger-full-access", ...options.defaults }
    })).pipe(Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })))

const echo: FakeModel.Script = ({ prompt }) => ModelReply.message(`Heard ${prompt}`)

const start = (options?: Threads.StartOptions) => Effect.flatMap(Threads.Threads, (threads) => threads.start(options))

/** What the events of an observer come to. */
const fold = (events: ReadonlyArray<CodexEvent>) =>
  CodexTurn.fromState(events.reduce(CodexTurn.reduce, CodexTurn.initial()), Duration.zero)

const toldOf = ({ items, status, threadId, threadUsage }: CodexTurn.CodexTurn) => ({
  items,
  status,
  threadId,
  threadUsage
})

describe("a thread", () => {
  it.live("runs one turn after another, and knows what was said", () =>
    Effect.gen(function*() {
      const thread = yield* start({ sandbox: "read-only" })
      assert.strictEqual(thread.settings.sandbox.type, "readOnly")
      assert.strictEqual(thread.settings.approvalPolicy, "never")
      const turns = yield* Effect.all([thread.run("one"), thread.run("two"), thread.run("three")], {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(turns.map(({ finalMessage }) => finalMessage), ["Heard one", "Heard two", "Heard three"])
      assert.deepStrictEqual(turns.map(({ usage }) => usage?.input_tokens), [100, 100, 100])
      const history = yield* Stream.runCollect(thread.history({ sortDirection: "asc", limit: 1 }))
      assert.deepStrictEqual(history.map(({ status }) => status), ["completed", "completed", "completed"])
    }).pipe(Effect.scoped, Effect.provide(layer(echo))))

  it.live("is listed, read, named, noted of, archived, brought back and deleted", () =>
    Effect.gen(function*() {
      const threads = yield* Threads.Threads
      const names = ["first", "second", "third"]
      const ids = yield* Effect.forEach(names, (name) =>
        Effect.scoped(Effect.gen(function*() {
          const thread = yield* start()
          yield* thread.run(name)
          yield* thread.setName(name)
          yield* thread.setGitInfo({ branch: name })
          return thread.id
        })))
      const list = (archived: boolean) =>
        Effect.map(
          Stream.runCollect(threads.list({ limit: 2, archived, sourceKinds: ["appServer", "vscode", "unknown"] })),
          (found) => found.map(({ name }) => name ?? "").toSorted(Order.String)
        )
      assert.deepStrictEqual(yield* list(false), names)
      const [first = "", second = ""] = ids
      const info = yield* threads.read(second)
      assert.deepStrictEqual([info.id, info.name, info.gitInfo?.branch, info.preview], [
        second,
        "second",
        "second",
        "second"
      ])
      assert.strictEqual((yield* Stream.runCollect(threads.history(second))).length, 1)

      yield* threads.archive(first)
      assert.deepStrictEqual([yield* list(false), yield* list(true)], [["second", "third"], ["first"]])
      const archived = yield* Effect.flip(Effect.scoped(threads.resume(first)))
      assert.deepInclude(archived.reason, { _tag: "ThreadArchived", threadId: first })
      yield* threads.unarchive(first)
      assert.strictEqual(
        (yield* Effect.scoped(Effect.flatMap(threads.resume(first), (thread) => thread.run("more")))).finalMessage,
        "Heard more"
      )
      yield* threads.delete(first)
      assert.deepStrictEqual(yield* list(false), ["second", "third"])
      const gone = yield* Effect.flip(Effect.scoped(threads.resume(first)))
      assert.deepInclude(gone.reason, { _tag: "ThreadNotFound", threadId: first })
    }).pipe(Effect.scoped, Effect.provide(layer(echo))))

  it.live("goes on after its scope, is copied as a whole or in part, and is cut back", () =>
    Effect.gen(function*() {
      const threads = yield* Threads.Threads
      const { requests } = yield* FakeModel.FakeModel
      const heard = Effect.map(requests, (all) => JSON.stringify(all.at(-1)?.body))
      const id = yield* Effect.scoped(Effect.gen(function*() {
        const thread = yield* start()
        yield* thread.run("alpha")
        yield* thread.run("beta")
        const busy = yield* Effect.flip(Effect.scoped(threads.resume(thread.id)))
        assert.deepInclude(busy.reason, { _tag: "ThreadBusy", threadId: thread.id })
        return thread.id
      }))
      const thread = yield* threads.resume(id)
      assert.strictEqual(thread.id, id)
      const [alpha, beta] = yield* Stream.runCollect(thread.history({ sortDirection: "asc" }))

      const whole = yield* thread.fork()
      yield* whole.run("gamma")
      assert.match(yield* heard, /alpha.*beta.*gamma/)
      const part = yield* thread.fork({ lastTurnId: alpha?.id })
      yield* part.run("delta")
      assert.match(yield* heard, /alpha.*delta/)
      assert.notMatch(yield* heard, /Heard beta/)
      assert.strictEqual(new Set([id, whole.id, part.id]).size, 3)

      yield* thread.revert(beta?.id ?? "")
      yield* thread.run("epsilon")
      assert.match(yield* heard, /alpha.*epsilon/)
      assert.notMatch(yield* heard, /Heard (beta|gamma|delta)/)
    }).pipe(Effect.scoped, Effect.provide(layer(echo))))

  it.live("that is ephemeral is not kept", () =>
    Effect.gen(function*() {
      const threads = yield* Threads.Threads
      const id = yield* Effect.scoped(Effect.gen(function*() {
        const thread = yield* start({ ephemeral: true })
        yield* thread.run("one")
        return thread.id
      }))
      const error = yield* Effect.flip(Effect.scoped(threads.resume(id)))
      assert.strictEqual(error.reason._tag, "ThreadNotFound")
    }).pipe(Effect.scoped, Effect.provide(layer(echo))))

  it.live("is compacted", () =>
    Effect.gen(function*() {
      const thread = yield* start()
      yield* thread.run("something long")
      const turn = yield* Effect.flatMap(thread.compact, (turn) => turn.await)
      assert.strictEqual(turn.status, "completed")
      assert.strictEqual((yield* thread.run("and now?")).finalMessage, "Heard and now?")
      assert.strictEqual((yield* Stream.runCollect(thread.history())).length, 3)
    }).pipe(Effect.scoped, Effect.provide(layer(echo))))

  it.live("with a goal has turns that Codex begins, until the goal is reached", () =>
    Effect.gen(function*() {
      const thread = yield* start()
      yield* thread.run("Hello")
      const began = yield* thread.turns.pipe(
        Stream.take(2),
        Stream.mapEffect((turn) => turn.await),
        Stream.runCollect,
        Effect.forkScoped
      )
      const goal = yield* thread.goal.set({ objective: "Count to two" })
      assert.deepInclude(goal, { objective: "Count to two", status: "active" })
      const turns = yield* Fiber.join(began)
      assert.deepStrictEqual(turns.map(({ status }) => status), ["completed", "completed"])
      yield* thread.goal.clear
      assert.deepStrictEqual(yield* thread.goal.get, Option.none())
      // It waits for what Codex has begun meanwhile.
      assert.strictEqual((yield* thread.run("Done?")).finalMessage, "Heard Done?")
    }).pipe(Effect.scoped, Effect.provide(layer(echo))))

  it.live("reviews changes", () =>
    Effect.gen(function*() {
      const thread = yield* start({ workingDirectory: yield* makeWorkspace })
      const turn = yield* thread.review({ type: "custom", instructions: "Look at the names" })
      const done = yield* turn.await
      assert.strictEqual(done.status, "completed")
      const refused = yield* Effect.flip(turn.steer("more"))
      assert.strictEqual(refused.reason._tag, "NotSteerable")
      assert.strictEqual((yield* thread.run("Thanks")).finalMessage, "Heard Thanks")
    }).pipe(Effect.scoped, Effect.provide(layer(echo))))

  it.live("has tools of this program, also when it goes on, and its copies", () => {
    const Weather = Tool.make("weather", {
      description: "The weather in a city",
      parameters: Schema.Struct({ city: Schema.String }),
      success: Schema.Struct({ degrees: Schema.Int })
    })
    const toolkit = Toolkit.make(Weather)
    const asked: Array<string> = []
    const handlers = toolkit.toLayer({
      weather: ({ city }) => Effect.sync(() => (asked.push(city), { degrees: city.length }))
    })
    return Effect.gen(function*() {
      const threads = yield* Threads.Threads
      const tools = yield* DynamicTools.make(toolkit)
      const id = yield* Effect.scoped(Effect.gen(function*() {
        const thread = yield* threads.start({ tools })
        assert.strictEqual((yield* thread.run("Oslo")).finalMessage, "It is {\"degrees\":4}")
        return thread.id
      }))
      const again = yield* threads.resume(id, { tools })
      assert.strictEqual((yield* again.run("Bergen")).finalMessage, "It is {\"degrees\":6}")
      const copy = yield* again.fork({ tools })
      assert.strictEqual((yield* copy.run("Rome")).finalMessage, "It is {\"degrees\":4}")
      const without = yield* again.fork()
      assert.include((yield* without.run("Nice")).finalMessage, "not here any more")
      assert.deepStrictEqual(asked, ["Oslo", "Bergen", "Rome"])
    }).pipe(
      Effect.scoped,
      Effect.provide([
        layer(({ prompt, threadIndex, toolOutputs }) =>
          threadIndex % 2 === 0
            ? ModelReply.functionCall("weather", { city: prompt })
            : ModelReply.message(`It is ${toolOutputs.at(-1)?.output}`)
        ),
        handlers
      ])
    )
  })
})

describe("a turn", () => {
  it.live("is seen whole by everybody who looks on, whenever they come", () => {
    const gates = [Latch.makeUnsafe(), Latch.makeUnsafe()] as const
    return Effect.gen(function*() {
      const thread = yield* start({ workingDirectory: yield* makeWorkspace })
      const turn = yield* thread.turn("Work")
      const heard = (text: string) =>
        turn.events.pipe(
          Stream.takeUntil((event) => event.type === "item.delta" && event.delta.endsWith(text)),
          Stream.runDrain
        )
      const early = yield* Effect.forkScoped(Stream.runCollect(turn.events), { startImmediately: true })
      yield* heard("Do")
      const middle = yield* Effect.forkScoped(Stream.runCollect(turn.events), { startImmediately: true })
      const half = yield* turn.snapshot
      assert.strictEqual(half.status, "in_progress")
      assert.deepStrictEqual(half.commands.map(({ exit_code }) => exit_code), [0])
      yield* gates[0].open
      yield* heard("ne")
      yield* gates[1].open
      const done = yield* turn.await
      const all = [yield* Fiber.join(early), yield* Fiber.join(middle), yield* Stream.runCollect(turn.events)]
      for (const events of all) assert.deepStrictEqual(toldOf(fold(events)), toldOf(done))
      const deltas = all.map((events) =>
        events.flatMap((event) => event.type === "item.delta" && event.kind === "text" ? [event.delta] : [])
      )
      assert.deepStrictEqual(deltas, [["Do", "ne", "."], ["Do", "ne", "."], []])
      assert.deepStrictEqual(yield* turn.result, Option.some(Exit.succeed(done)))
    }).pipe(
      Effect.scoped,
      Effect.provide(layer([ModelReply.shell("echo out"), slowMessage("Do", gates[0], "ne", gates[1], ".")]))
    )
  })

  it.live("that is slow to be looked at goes on for the others", () =>
    Effect.gen(function*() {
      const thread = yield* start()
      const turn = yield* thread.turn("Count")
      const stopped = Latch.makeUnsafe()
      const slow = yield* turn.observe({ bufferSize: 10 }).pipe(
        Stream.runForEach(() => stopped.await),
        Effect.flip,
        Effect.forkScoped({ startImmediately: true })
      )
      const count = yield* turn.events.pipe(
        Stream.filter((event) => event.type === "item.delta"),
        Stream.runFold(() => 0, (sum, event) => sum + event.delta.length),
        Effect.forkScoped({ startImmediately: true })
      )
      const done = yield* turn.await
      assert.strictEqual(done.finalMessage?.length, 2000)
      assert.strictEqual(yield* Fiber.join(count), 2000)
      yield* stopped.open
      assert.deepInclude((yield* Fiber.join(slow)).reason, { _tag: "ObserverTooSlow", limit: 10 })
    }).pipe(
      Effect.scoped,
      Effect.provide(layer([ModelReply.message(...Array.from({ length: 2000 }, () => "."))]))
    ))

  it.live("is told more while it works", () => {
    const latch = Latch.makeUnsafe()
    return Effect.gen(function*() {
      const thread = yield* start({ workingDirectory: yield* makeWorkspace })
      const turn = yield* thread.turn("Begin")
      yield* Stream.runDrain(Stream.takeUntil(turn.events, ({ type }) => type === "item.started"))
      yield* turn.steer("Rather stop")
      const same = yield* thread.turn("And this", { whenBusy: "steer" })
      assert.strictEqual(same.id, turn.id)
      const busy = yield* Effect.flip(thread.run("No", { whenBusy: "fail" }))
      assert.strictEqual(busy.reason._tag, "ThreadBusy")
      yield* latch.open
      assert.strictEqual((yield* turn.await).finalMessage, "Heard And this")
      const { requests } = yield* FakeModel.FakeModel
      assert.deepStrictEqual((yield* requests).at(-1)?.userTexts.slice(-3), ["Begin", "Rather stop", "And this"])
      const error = yield* Effect.flip(turn.steer("Too late"))
      assert.deepInclude(error.reason, { _tag: "NotSteerable", turnId: turn.id, threadId: thread.id })
      assert.strictEqual((yield* Stream.runCollect(thread.history())).length, 1)
    }).pipe(
      Effect.scoped,
      Effect.provide(layer(({ prompt, threadIndex }) =>
        threadIndex === 0
          ? ModelReply.concat(ModelReply.shell("echo begun"), ModelReply.gate(latch))
          : ModelReply.message(`Heard ${prompt}`)
      ))
    )
  })

  it.live("gives an answer that obeys a schema", () =>
    Effect.gen(function*() {
      const thread = yield* start()
      const turn = yield* thread.turn("Rate it", { output: Schema.Struct({ stars: Schema.Int }) })
      assert.strictEqual((yield* turn.await).output.stars, 4)
      const error = yield* Effect.flip(thread.run("Again", { output: Schema.Struct({ name: Schema.String }) }))
      assert.strictEqual(error.reason._tag, "OutputUndecodable")
    }).pipe(Effect.scoped, Effect.provide(layer(() => ModelReply.message("{\"stars\":4}")))))

  it.live("takes what the protocol knows beside texts and images", () =>
    Effect.gen(function*() {
      const thread = yield* start()
      const url =
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
      yield* thread.run([CodexInput.text("Look"), { type: "image", url }], {
        params: { summary: "none" },
        model: "gpt-5.4"
      })
      const [request] = yield* (yield* FakeModel.FakeModel).requests
      assert.include(JSON.stringify(request?.body), "data:image/png")
      assert.strictEqual(request?.model, "gpt-5.4")
    }).pipe(Effect.scoped, Effect.provide(layer(echo))))

  it.live("of a sub-agent is told apart", () =>
    Effect.gen(function*() {
      const thread = yield* start({ workingDirectory: yield* makeWorkspace })
      const turn = yield* thread.turn("Delegate")
      const agent = yield* Effect.flatMap(Stream.runHead(turn.agents), Effect.fromOption)
      assert.strictEqual((yield* agent.await).finalMessage, "Counted")
      assert.notStrictEqual(agent.threadId, thread.id)
      const done = yield* turn.await
      assert.strictEqual(done.finalMessage, "Delegated")
      assert.notInclude(done.messages.map(({ text }) => text), "Counted")
    }).pipe(
      Effect.scoped,
      Effect.provide(layer(({ prompt, threadIndex }) =>
        prompt === "Delegate" && threadIndex === 0
          ? ModelReply.functionCall("spawn_agent", { message: "Count" }, { namespace: "multi_agent_v1" })
          : prompt === "Count"
          ? ModelReply.message("Counted")
          : ModelReply.message("Delegated")
      ))
    ))
})

describe("a turn that is stopped", () => {
  it.live("has stopped its command when it says so, and the thread goes on", () =>
    Effect.gen(function*() {
      const workingDirectory = yield* makeWorkspace
      const thread = yield* start({ workingDirectory })
      const turn = yield* thread.turn("Work")
      const [command = 0, child = 0] = yield* pidsIn(pidFiles(workingDirectory))
      assert.isTrue(isAlive(command))
      yield* Stream.runDrain(Stream.takeUntil(turn.events, ({ type }) => type === "item.started"))
      yield* turn.interrupt
      assert.deepStrictEqual([command, child].filter(isAlive), [])
      const error = yield* Effect.flip(turn.await)
      assert.deepInclude(error.reason, { _tag: "Stopped", how: "interrupt" })
      assert.isTrue(error.worked)
      assert.strictEqual(error.turn?.commands.length, 1)
      assert.strictEqual((yield* Effect.flip(Stream.runDrain(turn.events))).reason._tag, "Stopped")
      yield* turn.interrupt
      assert.strictEqual((yield* thread.run("And?")).finalMessage, "Done.")
    }).pipe(
      Effect.scoped,
      Effect.provide(
        layer(({ threadIndex }) => threadIndex === 0 ? ModelReply.shell(stubborn) : ModelReply.message("Done."))
      )
    ))

  it.live("with its scope, its thread or its program leaves nothing alive", () =>
    Effect.gen(function*() {
      const begin = Effect.map(makeWorkspace, (workingDirectory) => {
        const pids = pidsIn(pidFiles(workingDirectory))
        const gone = Effect.map(pids, (pids) => assert.deepStrictEqual(pids.filter(isAlive), []))
        return { workingDirectory, pids, gone }
      })
      yield* Effect.gen(function*() {
        const { gone, pids, workingDirectory } = yield* begin
        const fiber = yield* Effect.forkChild(Effect.scoped(Effect.flatMap(
          start({ workingDirectory }),
          (thread) => thread.run("Work")
        )))
        assert.isTrue((yield* pids).every(isAlive))
        yield* Fiber.interrupt(fiber)
        yield* gone
        assert.isTrue(isAlive(cliIn(workingDirectory)))
      }).pipe(Effect.repeat({ times: 2 }))
      const { gone, pids, workingDirectory } = yield* begin
      const model = layer(() => ModelReply.shell(stubborn))
      yield* Effect.scoped(Effect.gen(function*() {
        const thread = yield* start({ workingDirectory })
        yield* thread.turn("Work")
        yield* pids
      })).pipe(Effect.provide(Layer.fresh(model)))
      yield* gone
      assert.isFalse(isAlive(cliIn(workingDirectory)))
    }).pipe(Effect.scoped, Effect.provide(layer(() => ModelReply.shell(stubborn)))))

  it.live("is one among 32, of which the others go on", () =>
    Effect.gen(function*() {
      const threads = yield* Effect.forEach(Array.from({ length: 32 }), () => start(), { concurrency: "unbounded" })
      const turns = yield* Effect.forEach(threads, (thread, index) => thread.turn(`${index}`), {
        concurrency: "unbounded"
      })
      yield* Effect.forEach(turns.slice(7, 8), ({ interrupt }) => interrupt)
      yield* everybody.open
      const results = yield* Effect.forEach(turns, ({ await: ended }) => Effect.result(ended), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(
        results.map((result) => Result.isSuccess(result) ? result.success.finalMessage : result.failure.reason._tag),
        turns.map((_, index) => index === 7 ? "Stopped" : `Heard ${index}`)
      )
    }).pipe(
      Effect.scoped,
      Effect.provide(
        layer(({ prompt }) => ModelReply.concat(ModelReply.gate(everybody), ModelReply.message(`Heard ${prompt}`)))
      )
    ))
})

const everybody = Latch.makeUnsafe()

describe("an app-server that is killed", () => {
  it.live("fails its turns with the cause; the threads go on on the next one", () =>
    Effect.gen(function*() {
      const workingDirectory = yield* makeWorkspace
      const busy = yield* start({ workingDirectory })
      const idle = yield* start({ workingDirectory, sandbox: "read-only" })
      const ephemeral = yield* start({ ephemeral: true })
      yield* idle.run("Remember me")
      const turn = yield* busy.turn("Work")
      const pids = yield* pidsIn(pidFiles(workingDirectory))
      process.kill(cliIn(workingDirectory), "SIGKILL")
      const error = yield* Effect.flip(turn.await)
      assert.deepInclude(error.reason, { _tag: "Exited", signal: "SIGKILL" })
      assert.isTrue(error.worked)
      assert.strictEqual((yield* Effect.flip(Stream.runDrain(turn.events))).reason._tag, "Exited")
      assert.strictEqual((yield* idle.run("Who am I?")).finalMessage, "Heard Who am I?")
      const { requests } = yield* FakeModel.FakeModel
      const last = (yield* requests).at(-1)
      assert.include(JSON.stringify(last?.body), "Remember me")
      assert.strictEqual((yield* busy.run("Again")).finalMessage, "Heard Again")
      const lost = yield* Effect.flip(ephemeral.run("Hello"))
      assert.match(lost.message, /was ephemeral: start another one/)
      assert.deepStrictEqual(pids.filter(isAlive), [])
      // Nothing was done twice.
      assert.strictEqual((yield* requests).filter(({ prompt }) => prompt === "Work").length, 1)
    }).pipe(
      Effect.scoped,
      Effect.provide(
        layer(({ prompt }) => prompt === "Work" ? ModelReply.shell(stubborn) : ModelReply.message(`Heard ${prompt}`))
      )
    ))
})
