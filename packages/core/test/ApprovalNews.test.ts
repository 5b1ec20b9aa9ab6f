/**
 * What an app-server asks, as events of a live turn.
 */
import * as ApprovalAnswer from "@effect-codex/core/ApprovalAnswer"
import * as Approvals from "@effect-codex/core/Approvals"
import * as ApprovalServing from "@effect-codex/core/appserver/ApprovalServing"
import * as Threads from "@effect-codex/core/appserver/Threads"
import type { CodexEvent } from "@effect-codex/core/CodexEvent"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Stream from "effect/Stream"
import * as FakeAppServer from "./support/fakeAppServer.ts"
import { settled } from "./support/peer.ts"

const { threadId } = FakeAppServer

describe("who looks on at a turn", () => {
  it.effect("is told what the agent waits for, however late they come, and not what is settled", () =>
    Effect.gen(function*() {
      const server = FakeAppServer.serveApp()
      const answered = Latch.makeUnsafe()
      const threads = yield* Threads.make(
        Effect.tap(server.connect, ({ rpc }) => ApprovalServing.serve(rpc))
      ).pipe(
        Effect.provideService(
          Approvals.Approvals,
          Approvals.fromFunction(() => Effect.as(answered.await, ApprovalAnswer.accept))
        )
      )
      const thread = yield* threads.start()
      const turn = yield* thread.turn("Work")
      const watch = Effect.gen(function*() {
        const events: Array<CodexEvent> = []
        const fiber = yield* turn.events.pipe(
          Stream.runForEach((event) => Effect.sync(() => events.push(event))),
          Effect.forkChild
        )
        yield* settled
        return { events, fiber }
      })

      yield* server.ask(7, "item/commandExecution/requestApproval", { command: "ls" })
      yield* settled
      const asked = { thread_id: threadId, request_id: 7, kind: "command", item_id: "i" }
      const late = yield* watch
      assert.deepStrictEqual(late.events.slice(1), [{ type: "approval.requested", ...asked }])

      yield* answered.open
      yield* settled
      assert.deepStrictEqual(late.events.slice(2), [{ type: "approval.resolved", ...asked }])
      const later = yield* watch
      assert.deepStrictEqual(later.events, [{ type: "thread.started", thread_id: threadId }])

      yield* server.complete()
      yield* Fiber.join(late.fiber)
      yield* Fiber.join(later.fiber)
      assert.deepStrictEqual((yield* turn.await).items, [])
    }).pipe(Effect.scoped))
})
