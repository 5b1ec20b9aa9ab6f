/**
 * The real Codex CLI fails as the script says, retries what it retries, and finds the fake by other ways too.
 */
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { codexExec, layerFake } from "./support/codexExec.ts"

const done = ModelReply.message("Done.")
const doneItem = { type: "agent_message", text: "Done." }

/** A turn that fails at once: the CLI told why, and asked the model once. */
const failsWith = Effect.fnUntraced(function*(expected: string) {
  const turn = yield* codexExec()
  assert.strictEqual(turn.exitCode, 1)
  assert.strictEqual(turn.failure?.replace(/127\.0\.0\.1:\d+/, "HOST"), expected)
  assert.deepStrictEqual(turn.errors, [turn.failure])
  assert.lengthOf(yield* (yield* FakeModel.FakeModel).requests, 1)
  return turn
})

describe("HTTP errors", () => {
  const cases: ReadonlyArray<readonly [string, ModelReply.ModelReply, string]> = [
    [
      "400",
      ModelReply.httpError(400, { message: "No.", type: "invalid_request_error" }),
      "{\"error\":{\"message\":\"No.\",\"type\":\"invalid_request_error\",\"code\":null,\"param\":null}}"
    ],
    ["400 with a body", ModelReply.httpError(400, { message: "No.", body: "plain" }), "plain"],
    [
      "401",
      ModelReply.httpError(401, { message: "Incorrect API key.", headers: { "x-request-id": "req_7" } }),
      "unexpected status 401 Unauthorized: Incorrect API key., url: http://HOST/v1/responses, request id: req_7"
    ],
    [
      "429",
      ModelReply.httpError(429, {
        message: "Slow down.",
        code: "rate_limit_exceeded",
        headers: { "x-request-id": "req_7" }
      }),
      "exceeded retry limit, last status: 429 Too Many Requests, request id: req_7"
    ],
    [
      "429 without quota",
      ModelReply.httpError(429, { message: "No quota.", code: "insufficient_quota" }),
      "Quota exceeded. Check your plan and billing details."
    ],
    [
      "500",
      ModelReply.httpError(500, { message: "Boom." }),
      "We’re currently experiencing high demand, which may cause temporary errors."
    ],
    [
      "503 overloaded",
      ModelReply.httpError(503, { message: "Busy.", code: "server_is_overloaded" }),
      "Selected model is at capacity. Please try a different model."
    ]
  ]
  for (const [name, reply, expected] of cases) {
    it.live(name, () => failsWith(expected).pipe(Effect.provide(layerFake([reply]))))
  }

  it.live("a 5xx that is repeated", () =>
    Effect.gen(function*() {
      const turn = yield* codexExec()
      assert.deepStrictEqual(turn.items, [doneItem])
      assert.deepStrictEqual(turn.errors, [])
      yield* (yield* FakeModel.FakeModel).verify
    }).pipe(
      Effect.provide(layerFake([ModelReply.httpError(500, { message: "Boom." }), done], { requestMaxRetries: 1 }))
    ))
})

describe("responses that fail", () => {
  const cases: ReadonlyArray<readonly [code: string, expected: string]> = [
    [
      "context_length_exceeded",
      "Codex ran out of room in the model's context window. Start a new thread or clear earlier history before retrying."
    ],
    ["insufficient_quota", "Quota exceeded. Check your plan and billing details."],
    ["usage_not_included", "To use Codex with your ChatGPT plan, upgrade to Plus: https://chatgpt.com/explore/plus."],
    ["invalid_prompt", "Why."],
    ["server_is_overloaded", "Selected model is at capacity. Please try a different model."],
    ["rate_limit_exceeded", "rate limit exceeded: Why."],
    ["server_error", "stream disconnected before completion: Why."]
  ]
  for (const [code, expected] of cases) {
    it.live(
      code,
      () => failsWith(expected).pipe(Effect.provide(layerFake([ModelReply.failed({ code, message: "Why." })])))
    )
  }

  it.live("incomplete, after a message", () =>
    Effect.gen(function*() {
      const turn = yield* failsWith("Incomplete response returned, reason: max_output_tokens")
      assert.deepStrictEqual(turn.items, [{ type: "agent_message", text: "Half" }])
    }).pipe(Effect.provide(layerFake([
      ModelReply.concat(ModelReply.message("Half"), ModelReply.incomplete("max_output_tokens"))
    ]))))

  it.live("a dropped connection", () =>
    failsWith(
      "stream disconnected before completion: Transport error: network error: error decoding response body"
    ).pipe(Effect.provide(layerFake([ModelReply.cutStream()]))))

  it.live("an orderly end before completion, after a message", () =>
    Effect.gen(function*() {
      const turn = yield* failsWith("stream disconnected before completion: stream closed before response.completed")
      assert.deepStrictEqual(turn.items, [{ type: "agent_message", text: "Half" }])
    }).pipe(Effect.provide(layerFake([
      ModelReply.concat(ModelReply.message("Half"), ModelReply.cutStream({ clean: true }), ModelReply.message("lost"))
    ]))))

  it.live("silence", () =>
    failsWith("stream disconnected before completion: idle timeout waiting for SSE").pipe(
      Effect.provide(layerFake([ModelReply.hang], { streamIdleTimeout: "300 millis" }))
    ))

  it.live("a broken response that is repeated", () =>
    Effect.gen(function*() {
      const turn = yield* codexExec()
      assert.deepStrictEqual(turn.items, [doneItem])
      assert.deepStrictEqual(turn.errors, [
        "Reconnecting... 1/2 (stream disconnected before completion: Transport error: network error: error decoding response body)",
        "Reconnecting... 2/2 (stream disconnected before completion: Busy.)"
      ])
      yield* (yield* FakeModel.FakeModel).verify
    }).pipe(Effect.provide(layerFake([
      ModelReply.cutStream(),
      ModelReply.failed({ code: "server_error", message: "Busy." }),
      done
    ], { streamMaxRetries: 2 }))))
})

describe("scripts", () => {
  it.live("that are too short fail the turn, and say so", () =>
    Effect.gen(function*() {
      const fake = yield* FakeModel.FakeModel
      const turn = yield* codexExec()
      assert.strictEqual(turn.failure, "FakeModel: the script has no reply to request 1")
      const error = yield* Effect.flip(fake.verify)
      assert.deepStrictEqual(error.problems, ["the script has no reply to request 1"])
    }).pipe(Effect.provide(layerFake([ModelReply.shell("true")]))))

  it.live("that throw fail the turn, and say so", () =>
    Effect.gen(function*() {
      const turn = yield* codexExec()
      assert.strictEqual(turn.failure, "FakeModel: the script failed at request 0: Error: unexpected prompt")
    }).pipe(Effect.provide(layerFake(() => {
      throw new Error("unexpected prompt")
    }))))
})

describe("other ways to the fake", () => {
  it.live("the built-in provider, by its base URL", () =>
    Effect.gen(function*() {
      const fake = yield* FakeModel.FakeModel
      const turn = yield* codexExec({
        args: ["-c", "model_provider=\"openai\"", "-c", `openai_base_url=${JSON.stringify(fake.url)}`],
        env: { CODEX_API_KEY: "another-key" }
      })
      assert.deepStrictEqual(turn.items, [doneItem])
      const [request] = yield* fake.requests
      assert.strictEqual(request?.headers["authorization"], "Bearer another-key")
      yield* fake.verify
    }).pipe(Effect.provide(layerFake([done]))))

  it.live("past a proxy", () =>
    Effect.gen(function*() {
      const proxy = "http://127.0.0.1:9"
      const turn = yield* codexExec({ env: { HTTP_PROXY: proxy, HTTPS_PROXY: proxy, ALL_PROXY: proxy } })
      assert.deepStrictEqual(turn.items, [doneItem])
    }).pipe(Effect.provide(layerFake([done]))))

  for (const provider of ["fake", "openai"]) {
    it.live(`a full context is compacted with the provider ${provider}`, () =>
      Effect.gen(function*() {
        const fake = yield* FakeModel.FakeModel
        const turn = yield* codexExec({
          args: ["-c", `model_provider="${provider}"`, "-c", `openai_base_url=${JSON.stringify(fake.url)}`]
        })
        assert.strictEqual(turn.failure, undefined)
        assert.deepStrictEqual(turn.items.at(-1), doneItem)
        yield* fake.verify
        // The call is gone from the conversation: a summary has taken its place.
        assert.deepStrictEqual((yield* fake.requests)[1]?.toolOutputs, [])
      }).pipe(Effect.provide(layerFake([
        ModelReply.concat(ModelReply.shell("true"), ModelReply.usage({ inputTokens: 265_000 })),
        done
      ]))))
  }
})
