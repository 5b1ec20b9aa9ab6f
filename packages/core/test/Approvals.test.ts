import * as ApprovalAnswer from "@effect-codex/core/ApprovalAnswer"
import type { ApprovalRequest } from "@effect-codex/core/ApprovalRequest"
import * as Approvals from "@effect-codex/core/Approvals"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import * as Requests from "./support/approvals.ts"

/** What a policy answers to one request of each kind. */
const answers = Effect.fnUntraced(function*<R>({ decide }: Approvals.Policy<R>) {
  const answers = yield* Effect.forEach(
    Requests.all,
    (request) => Effect.map(decide(request), ({ type }) => [request.kind, type] as const)
  )
  return Object.fromEntries<string>(answers)
})

const declined = {
  command: "decline",
  network: "decline",
  fileChange: "decline",
  permissions: "decline",
  mcpTool: "decline",
  elicitation: "decline",
  userInput: "decline",
  toolCall: "decline",
  tokenRefresh: "decline",
  attestation: "decline",
  currentTime: "decline"
}

class Boss extends Context.Service<Boss, { readonly says: "accept" | "cancel" }>()("Boss") {}

describe("the policy", () => {
  it.effect("is to decline everything", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* answers(yield* Approvals.Approvals), declined)
    }))

  it.effect("may be to accept what a yes is enough for", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(1_700_000_000_000)
      assert.deepStrictEqual(yield* answers(Approvals.acceptAll), {
        ...declined,
        command: "accept",
        network: "accept",
        fileChange: "accept",
        permissions: "accept",
        mcpTool: "accept",
        currentTime: "currentTime"
      })
      const { at } = yield* Approvals.acceptAll.decide(Requests.currentTime).pipe(
        Effect.filterOrFail((answer) => answer.type === "currentTime")
      )
      assert.strictEqual(at.epochMilliseconds, 1_700_000_000_000)
    }))

  it.effect("may be to accept commands only", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* answers(Approvals.commandsOnly), { ...declined, command: "accept" })
    }))

  it.effect("may be functions, with what they need, and another policy for all else", () =>
    Effect.gen(function*() {
      const policy = Approvals.make({
        command: ({ command }) =>
          Effect.map(Boss, ({ says }) => command === "git status" ? { type: says } : ApprovalAnswer.decline),
        toolCall: ({ tool }) => Effect.succeed(ApprovalAnswer.toolSuccess(`${tool}: sunny`))
      }, { orElse: Approvals.acceptAll })
      const layer = Approvals.layer(policy).pipe(Layer.provide(Layer.succeed(Boss, { says: "cancel" })))
      const given = yield* Effect.provide(Effect.flatMap(Approvals.Approvals, answers), layer)
      assert.strictEqual(given.command, "cancel")
      assert.strictEqual(given.toolCall, "toolResult")
      assert.strictEqual(given.fileChange, "accept")
      assert.strictEqual(given.userInput, "decline")
    }))

  it.effect("fails with the cause when a function does", () =>
    Effect.gen(function*() {
      const policy = Approvals.make({ command: () => Effect.fail("no idea") })
      const error = yield* Effect.flip(policy.decide(Requests.command("ls")))
      assert.strictEqual(error.cause, "no idea")
      assert.strictEqual(error.message, "There is no decision on a request of the kind \"command\"")
      const passedOn = Approvals.make({}, { orElse: policy })
      assert.deepStrictEqual(yield* Effect.flip(passedOn.decide(Requests.command("ls"))), error)
    }))

  it.effect("may be followed, with what that needs", () =>
    Effect.gen(function*() {
      const told: Array<string> = []
      const note = (request: ApprovalRequest, answer: ApprovalAnswer.ApprovalAnswer) =>
        Effect.map(Boss, ({ says }) => told.push(`${says}: ${request.kind} ${answer.type}`))
      const policy = Approvals.tap(Approvals.commandsOnly, note)
      const layer = Approvals.layer(policy).pipe(Layer.provide(Layer.succeed(Boss, { says: "cancel" })))
      const given = yield* Effect.provide(Effect.flatMap(Approvals.Approvals, answers), layer)
      assert.deepStrictEqual(given, { ...declined, command: "accept" })
      assert.lengthOf(told, Requests.all.length)
      assert.strictEqual(told[0], "cancel: command accept")
      assert.strictEqual(told[1], "cancel: network decline")
    }))

  it.effect("fails if what follows it does: there is no \"yes\" that nobody noted", () =>
    Effect.gen(function*() {
      const failing = Approvals.tap(Approvals.acceptAll, () => Effect.fail("disk full"))
      const error = yield* Effect.flip(failing.decide(Requests.command("ls")))
      assert.deepInclude(error, { _tag: "ApprovalFailed", kind: "command", cause: "disk full" })
      const dying = Approvals.tap(Approvals.acceptAll, (): Effect.Effect<void> => {
        throw new Error("oops")
      })
      assert.isTrue(Exit.isFailure(yield* Effect.exit(dying.decide(Requests.command("ls")))))
    }))

  it.effect("is followed when it fails, which means \"no\", but not when nobody waits for it", () =>
    Effect.gen(function*() {
      const told: Array<string> = []
      const following = (policy: Approvals.Policy) =>
        Approvals.tap(policy, (_, { type }) => Effect.sync(() => told.push(type)))
      for (const outcome of [Effect.fail("no idea"), Effect.die("oops"), Effect.interrupt]) {
        const policy = following(Approvals.fromFunction(() => outcome))
        assert.isTrue(Exit.isFailure(yield* Effect.exit(policy.decide(Requests.command("ls")))))
      }
      assert.deepStrictEqual(told, ["decline", "decline", "decline"])
      const patient = following(Approvals.fromFunction(() => Effect.never))
      const fiber = yield* Effect.forkChild(patient.decide(Requests.command("ls")), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      assert.lengthOf(told, 3)
    }))

  it.effect("fails when the answer does not fit", () =>
    Effect.gen(function*() {
      const policy = Approvals.fromFunction(() => Effect.succeed(ApprovalAnswer.accept))
      assert.deepStrictEqual(yield* policy.decide(Requests.command("ls")), ApprovalAnswer.accept)
      const error = yield* Effect.flip(policy.decide(Requests.userInput([])))
      assert.instanceOf(error.cause, ApprovalAnswer.AnswerMisfit)
    }))
})
