import * as ApprovalAnswer from "@effect-codex/core/ApprovalAnswer"
import * as ApprovalRequest from "@effect-codex/core/ApprovalRequest"
import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

describe("a request", () => {
  const codec = Schema.toCodecJson(ApprovalRequest.ApprovalRequest)

  it.effect.prop(
    "decodes what it encodes",
    { request: ApprovalRequest.ApprovalRequest },
    ({ request }) =>
      Effect.gen(function*() {
        const json: unknown = JSON.parse(JSON.stringify(yield* Schema.encodeEffect(codec)(request)))
        const back = yield* Schema.decodeUnknownEffect(codec)(json)
        assert.strictEqual(back.kind, request.kind)
        assert.isTrue(Equal.equals(yield* Schema.encodeEffect(codec)(back), json))
      })
  )
})

describe("an answer", () => {
  const codec = Schema.toCodecJson(ApprovalAnswer.ApprovalAnswer)

  it.effect.prop(
    "decodes what it encodes",
    { answer: ApprovalAnswer.ApprovalAnswer },
    ({ answer }) =>
      Effect.gen(function*() {
        const json: unknown = JSON.parse(JSON.stringify(yield* Schema.encodeEffect(codec)(answer)))
        const back = yield* Schema.decodeUnknownEffect(codec)(json)
        assert.strictEqual(back.type, answer.type)
        assert.isTrue(Equal.equals(yield* Schema.encodeEffect(codec)(back), json))
      })
  )

  it("shows none of its secrets", () => {
    const shown = JSON.stringify([
      ApprovalAnswer.answers({ password: ["hunter2"], other: [Redacted.make("hunter2")] }),
      ApprovalAnswer.tokens({ accessToken: Redacted.make("hunter2"), accountId: "me", planType: "pro" }),
      ApprovalAnswer.attestation(Redacted.make("hunter2"))
    ])
    assert.notInclude(shown, "hunter2")
    assert.include(shown, "pro")
  })

  it("declines every kind of request", () => {
    for (const { fields: { kind } } of ApprovalRequest.ApprovalRequest.members) {
      assert.isTrue(ApprovalAnswer.fits(kind.literal, ApprovalAnswer.decline), kind.literal)
    }
  })

  it("fits some kinds of requests, and says so of the others", () => {
    assert.isTrue(ApprovalAnswer.fits("command", ApprovalAnswer.acceptPrefix(["npm"])))
    assert.isFalse(ApprovalAnswer.fits("userInput", ApprovalAnswer.accept))
    const checked = ApprovalAnswer.checkFits("userInput", ApprovalAnswer.currentTime(DateTime.makeUnsafe(0)))
    assert.isTrue(Result.isFailure(checked))
    if (Result.isFailure(checked)) {
      assert.strictEqual(
        checked.failure.message,
        "The answer \"currentTime\" does not fit a request of the kind \"userInput\": use answers, decline"
      )
    }
  })
})
