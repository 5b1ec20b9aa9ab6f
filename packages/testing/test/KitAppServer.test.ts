/**
 * What goes on over a connection to an app-server, by the kit: approvals, who looks on, and how a connection ends.
 */
import * as ApprovalAnswer from "@effect-codex/core/ApprovalAnswer"
import * as Approvals from "@effect-codex/core/Approvals"
import * as ApprovalServing from "@effect-codex/core/appserver/ApprovalServing"
import * as AppServerTransport from "@effect-codex/core/appserver/AppServerTransport"
import * as Client from "@effect-codex/core/appserver/Client"
import * as Connection from "@effect-codex/core/appserver/Connection"
import type { Frame } from "@effect-codex/core/appserver/JsonRpcMessage"
import * as JsonRpcMiddleware from "@effect-codex/core/appserver/JsonRpcMiddleware"
import * as Threads from "@effect-codex/core/appserver/Threads"
import * as Codex from "@effect-codex/core/Codex"
import * as CodexLaws from "@effect-codex/testing/CodexLaws"
import * as CodexScript from "@effect-codex/testing/CodexScript"
import * as FakeAppServer from "@effect-codex/testing/FakeAppServer"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { settled, within } from "./support/passing.ts"

const { hang, make, message, run, turn, wait, when } = CodexScript

const connect = Effect.flatMap(
  FakeAppServer.FakeAppServer,
  (fake) => Client.connect(fake.connect, { experimentalApi: true, defaultAnswer: ApprovalServing.defaultAnswer })
)

/** A client whose agent may ask, and what is said over its connection. */
const asking = (policy: Approvals.Policy, frames: Array<Frame> = []) => {
  const script = make([turn(run("rm -r .", { ask: "Please" }), message("Done."))])
  const transport = AppServerTransport.layerConnect(
    Effect.tap(connect, ({ rpc }) => ApprovalServing.serve(rpc, { timeout: "2 minutes" }))
  )
  return CodexLaws.layer(transport, { approval: "on-request", sandbox: "read-only" }).pipe(
    Layer.provide(Layer.sync(FakeAppServer.FakeAppServer, () => FakeAppServer.make(script))),
    Layer.provide(Approvals.layer(policy)),
    Layer.provide(JsonRpcMiddleware.layer({ frame: (frame) => Effect.sync(() => frames.push(frame)) }))
  )
}

/** What became of the command that the agent had asked for. */
const outcome = (program: typeof Codex.run) =>
  Effect.map(
    within(5, CodexLaws.check(program("x"), [CodexLaws.everyApprovalAnswered({ within: "2 minutes" })])),
    ({ commands, finalMessage }) => [...commands.map(({ status }) => status), finalMessage]
  )

describe("what the agent asks", () => {
  const policies: ReadonlyArray<readonly [string, Effect.Effect<typeof ApprovalAnswer.accept>, string]> = [
    ["is done when it is accepted", Effect.succeed(ApprovalAnswer.accept), "completed"],
    ["is declined when the policy fails", Effect.die("a policy that dies"), "declined"],
    ["is declined when the policy takes too long", Effect.never, "declined"]
  ]
  for (const [name, command, status] of policies) {
    it.effect(name, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* outcome(Codex.run), [status, "Done."])
      }).pipe(Effect.provide(asking(Approvals.make({ command: () => command })))))
  }

  it.effect("is answered once", () => {
    const frames: Array<Frame> = []
    return Effect.gen(function*() {
      yield* outcome(Codex.run)
      const answers = frames.filter(({ direction, text }) => direction === "sent" && !text.includes("\"method\""))
      assert.lengthOf(answers, 1)
    }).pipe(Effect.provide(asking(Approvals.acceptAll, frames)))
  })

  it.effect("is not waited for by a limit of idle time", () =>
    Effect.gen(function*() {
      const slowly = Effect.delay(Effect.succeed(ApprovalAnswer.accept), "1 minute")
      const program = Codex.run("x", { idleTimeout: "30 seconds" })
      const turn = yield* within(5, program).pipe(
        Effect.provide(asking(Approvals.make({ command: () => slowly })))
      )
      assert.strictEqual(turn.finalMessage, "Done.")
    }))
})

describe("a connection", () => {
  it.effect("to an app-server that says nothing fails in time", () =>
    Effect.gen(function*() {
      const silent = Effect.map(Connection.inMemory, ([near]) => near)
      const error = yield* within(2, Effect.scoped(Effect.flip(Client.connect(silent))))
      assert.strictEqual(error._tag, "RequestTimedOut")
    }))

  it.effect("that ends fails what waits for it", () =>
    Effect.gen(function*() {
      const ending = Effect.map(Connection.inMemory, ([near]) => ({ ...near, incoming: Stream.empty }))
      const error = yield* within(1 / 6, Effect.scoped(Effect.flip(Client.connect(ending))))
      assert.strictEqual(error._tag, "ConnectionError")
    }))

  it.effect("has turns that go on while nobody takes the events of another", () =>
    Effect.gen(function*() {
      const over = yield* Latch.make()
      const slow = yield* Codex.stream("slow").pipe(
        Stream.runForEach(({ type }) => type === "turn.started" ? over.await : Effect.void),
        Effect.forkChild
      )
      yield* settled
      assert.strictEqual((yield* within(1, Codex.run("fast"))).finalMessage, "Fast.")
      yield* over.open
      yield* Fiber.join(slow)
    }).pipe(Effect.provide(FakeAppServer.layer(make([
      when({ prompt: "slow" }, ...Array.from({ length: 20 }, (_, index) => message(`${index}`))),
      turn(message("Fast."))
    ])))))

  it.effect("has a turn interrupted when nobody wants it any more", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Codex.run("x"))
      yield* settled
      yield* within(1, Fiber.interrupt(fiber))
      const { requests } = yield* FakeAppServer.FakeAppServer
      const methods = (yield* requests).map(({ method }) => method)
      assert.deepStrictEqual(
        methods.slice(methods.indexOf("turn/start")).filter((method) => !method.includes("clean")),
        [
          "turn/start",
          "turn/interrupt",
          "thread/unsubscribe"
        ]
      )
    }).pipe(Effect.provide(FakeAppServer.layer(make([turn(hang)])))))
})

describe("a turn that several look at", () => {
  const threads = Layer.provideMerge(
    Threads.layer(),
    FakeAppServer.layerClient(make([turn(message("One."), wait("1 minute"), message("Two."), message("Three."))]))
  )

  it.effect("tells who comes late all that was before", () =>
    Effect.gen(function*() {
      const turn = yield* (yield* (yield* Threads.Threads).start()).turn("x")
      yield* settled
      const events = yield* within(2, Stream.runCollect(turn.events))
      const texts = events.flatMap((event) =>
        event.type === "item.completed" && event.item.type === "agent_message" ? [event.item.text] : []
      )
      assert.deepStrictEqual(texts, ["One.", "Two.", "Three."])
    }).pipe(Effect.scoped, Effect.provide(threads)))

  it.effect("fails who is too slow, and nobody else", () =>
    Effect.gen(function*() {
      const turn = yield* (yield* (yield* Threads.Threads).start()).turn("x")
      const over = yield* Latch.make()
      const slow = yield* turn.observe({ bufferSize: 1 }).pipe(
        Stream.runForEach(() => over.await),
        Effect.flip,
        Effect.forkChild
      )
      yield* settled
      assert.strictEqual((yield* within(2, turn.await)).finalMessage, "Three.")
      yield* over.open
      assert.strictEqual((yield* within(1, Fiber.join(slow))).reason._tag, "ObserverTooSlow")
    }).pipe(Effect.scoped, Effect.provide(threads)))
})
