import * as ApprovalAnswer from "@effect-codex/core/ApprovalAnswer"
import * as ApprovalQueue from "@effect-codex/core/ApprovalQueue"
import * as Approvals from "@effect-codex/core/Approvals"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Requests from "./support/approvals.ts"

const { command } = Requests

const take = (queue: ApprovalQueue.ApprovalQueue["Service"], count: number) =>
  Stream.runCollect(Stream.take(queue.pending, count))

/** Asks, and has asked when it returns. */
const ask = (queue: ApprovalQueue.ApprovalQueue["Service"], line: string) =>
  Effect.forkChild(queue.policy.decide(command(line)), { startImmediately: true })

describe("a queue of approvals", () => {
  it.effect("gives each request to one taker, in order, and each answer to its request", () =>
    Effect.gen(function*() {
      const queue = yield* ApprovalQueue.make()
      const early = yield* Effect.forkChild(take(queue, 1), { startImmediately: true })
      const [a, b, c] = yield* Effect.forEach(["a", "b", "c"], (line) => ask(queue, line))
      const pending = [...yield* Fiber.join(early), ...yield* take(queue, 2)]
      assert.deepStrictEqual(
        pending.map(({ request }) => request.kind === "command" && request.command),
        ["a", "b", "c"]
      )
      assert.deepStrictEqual(yield* queue.list, pending)
      assert.strictEqual(new Set(pending.map(({ id }) => id)).size, 3)
      const replies = [ApprovalAnswer.cancel, ApprovalAnswer.accept, ApprovalAnswer.decline]
      yield* Effect.forEach(pending.toReversed(), ({ id }, index) =>
        queue.answer(id, replies[index] ?? ApprovalAnswer.cancel))
      assert.deepStrictEqual(
        yield* Effect.forEach([c, b, a], (fiber) =>
          fiber === undefined ? Effect.die("") : Fiber.join(fiber)),
        replies
      )
      assert.deepStrictEqual(yield* queue.list, [])
    }))

  it.effect("takes one answer, and tells who comes late", () =>
    Effect.gen(function*() {
      const queue = yield* ApprovalQueue.make()
      const fiber = yield* ask(queue, "a")
      const [first] = yield* take(queue, 1)
      const misfit = yield* Effect.flip(queue.answer(first.id, ApprovalAnswer.answers({})))
      assert.instanceOf(misfit, ApprovalAnswer.AnswerMisfit)
      yield* queue.answer(first.id, ApprovalAnswer.accept)
      const again = yield* Effect.flip(queue.answer(first.id, ApprovalAnswer.decline))
      assert.deepStrictEqual(again, new ApprovalQueue.NotPending({ id: first.id, because: "answered" }))
      assert.deepStrictEqual(yield* Fiber.join(fiber), ApprovalAnswer.accept)

      const withdrawn = yield* ask(queue, "b")
      const [second] = yield* take(queue, 1)
      yield* Fiber.interrupt(withdrawn)
      assert.deepStrictEqual(yield* queue.list, [])
      const late = yield* Effect.flip(queue.answer(second.id, ApprovalAnswer.accept))
      assert.deepStrictEqual(late, new ApprovalQueue.NotPending({ id: second.id, because: "withdrawn" }))

      const unknown = yield* Effect.flip(queue.answer("1", ApprovalAnswer.accept))
      assert.strictEqual(
        unknown.message,
        "Nobody waits for an answer to the request 1: there is none, or it was long ago"
      )
    }))

  it.effect("does not give what was withdrawn before it was taken", () =>
    Effect.gen(function*() {
      const queue = yield* ApprovalQueue.make()
      const withdrawn = yield* ask(queue, "a")
      yield* Fiber.interrupt(withdrawn)
      yield* ask(queue, "b")
      const [{ request }] = yield* take(queue, 1)
      assert.deepStrictEqual(request, command("b"))
    }))

  it.effect("holds so many requests, and remembers so many", () =>
    Effect.gen(function*() {
      const queue = yield* ApprovalQueue.make({ capacity: 1 })
      yield* ask(queue, "a")
      const exit = yield* Effect.exit(queue.policy.decide(command("b")))
      const full = new ApprovalQueue.QueueFull({ capacity: 1 })
      assert.deepStrictEqual(exit, Exit.fail(new Approvals.ApprovalFailed({ kind: "command", cause: full })))
      assert.strictEqual(full.message, "1 requests wait for an answer, which is all that may (option `capacity`)")
      const [first] = yield* take(queue, 1)
      yield* queue.answer(first.id, ApprovalAnswer.accept)
      yield* Effect.forEach(Array.from({ length: 1024 }), () =>
        Effect.gen(function*() {
          yield* ask(queue, "c")
          const [{ id }] = yield* take(queue, 1)
          yield* queue.answer(id, ApprovalAnswer.accept)
        }))
      const forgotten = yield* Effect.flip(queue.answer(first.id, ApprovalAnswer.accept))
      assert.deepStrictEqual(forgotten, new ApprovalQueue.NotPending({ id: first.id, because: "unknown" }))
    }))

  it.effect("is the policy of a client, for others to answer", () =>
    Effect.gen(function*() {
      const queue = yield* ApprovalQueue.ApprovalQueue
      const { decide } = yield* Approvals.Approvals
      const fiber = yield* Effect.forkChild(decide(command("a")), { startImmediately: true })
      const [pending] = yield* take(queue, 1)
      const codec = Schema.toCodecJson(ApprovalQueue.Pending)
      const sent: unknown = JSON.parse(JSON.stringify(yield* Schema.encodeEffect(codec)(pending)))
      const { id } = yield* Schema.decodeUnknownEffect(codec)(sent)
      yield* queue.answer(id, ApprovalAnswer.acceptForSession)
      assert.deepStrictEqual(yield* Fiber.join(fiber), ApprovalAnswer.acceptForSession)
    }).pipe(Effect.provide(ApprovalQueue.layer())))
})
