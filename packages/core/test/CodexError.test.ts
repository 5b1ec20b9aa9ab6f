import * as CodexError from "@effect-codex/core/CodexError"
import * as CodexEvent from "@effect-codex/core/CodexEvent"
import * as CodexTurn from "@effect-codex/core/CodexTurn"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { inspect } from "node:util"
import { fromMessage } from "../src/internal/turnFailure.ts"

const turn = CodexTurn.fromState(
  CodexTurn.reduce(
    CodexTurn.initial(),
    CodexEvent.fromJson({ type: "item.completed", item: { type: "agent_message", id: "i", text: "top secret" } })
  ),
  Duration.zero
)

const reasons: ReadonlyArray<readonly [reason: CodexError.CodexErrorReason, transient: boolean, message: RegExp]> = [
  [
    new CodexError.BinaryNotFound({ tried: [{ source: "PATH", path: "/bin", problem: "not there" }] }),
    false,
    /Install `@openai\/codex`[\s\S]*PATH: \/bin \(not there\)/
  ],
  [
    new CodexError.SpawnFailed({ command: "codex", code: "NotFound", description: "ENOENT" }),
    false,
    /^Could not start codex: ENOENT$/
  ],
  [
    new CodexError.SpawnFailed({ command: "codex", workingDirectory: "/w", code: "Busy", description: "ETXTBSY" }),
    true,
    /^Could not start codex in \/w: ETXTBSY$/
  ],
  [
    new CodexError.Exited({ exitCode: 2, stderr: "no" }),
    false,
    /^Codex ended \(exit code 2\) before its turn did: no$/
  ],
  [
    new CodexError.Exited({ signal: "SIGKILL", stderr: "" }),
    false,
    /^Codex ended \(signal SIGKILL\) before its turn did$/
  ],
  [new CodexError.Exited({ stderr: "" }), false, /exit code unknown/],
  [new CodexError.TurnFailed({ kind: "rate_limited", description: "slow" }), true, /^The turn failed: slow$/],
  [new CodexError.TurnFailed({ kind: "unauthorized", description: "no" }), false, /^The turn failed: no$/],
  [new CodexError.TimedOut({ limit: "firstEvent", duration: Duration.seconds(1) }), true, /firstEventTimeout/],
  [new CodexError.TimedOut({ limit: "idle", duration: Duration.seconds(1) }), true, /idleTimeout/],
  [new CodexError.TimedOut({ limit: "total", duration: Duration.seconds(1) }), false, /`timeout`/],
  [new CodexError.EventUndecodable({ eventType: "\"x\"", issue: "new" }), false, /^Codex sent "x"/],
  [new CodexError.LineTooLong({ limit: 10 }), false, /10 bytes/],
  [
    new CodexError.ThreadMismatch({ requested: "a", actual: "b" }),
    false,
    /^Asked for thread a, but thread b answered$/
  ],
  [new CodexError.ThreadNotFound({ threadId: "a" }), false, /^No thread a/],
  [new CodexError.ThreadBusy({ threadId: "a" }), true, /^Another process/],
  [
    new CodexError.Unauthorized({ address: "h:1" }),
    false,
    /^The app-server at h:1 refused the token: pass the one that it was started with as `token`$/
  ],
  [new CodexError.InvalidOption({ option: "model", problem: "must not be blank" }), false, /^Option `model`: must not/]
]

describe("CodexError", () => {
  for (const [reason, transient, message] of reasons) {
    it.effect(`${reason._tag}: ${reason.message.split("\n")[0]}`, () =>
      Effect.gen(function*() {
        const error = CodexError.withTurn(CodexError.fromReason(reason), turn)
        assert.match(error.message, message)
        assert.strictEqual(error.isRetryable, transient)
        assert.isFalse(CodexError.isRetryable(CodexError.afterWork(error)))
        assert.strictEqual(CodexError.afterWork(error).turn, turn)
        assert.isTrue(CodexError.isCodexError(error))
        const codec = Schema.toCodecJson(CodexError.CodexError)
        const json: unknown = JSON.parse(JSON.stringify(yield* Schema.encodeEffect(codec)(error)))
        const decoded = yield* Schema.decodeUnknownEffect(codec)(json)
        assert.deepStrictEqual(yield* Schema.encodeEffect(codec)(decoded), json)
        assert.deepStrictEqual(decoded.turn, turn)
        assert.strictEqual(decoded.message, error.message)
      }))
  }

  it.effect("is handled by reason", () =>
    Effect.gen(function*() {
      const busy: Effect.Effect<string, CodexError.CodexError> = Effect.fail(
        CodexError.fromReason(new CodexError.ThreadBusy({ threadId: "a" }))
      )
      const handled = busy.pipe(
        Effect.catchReason("CodexError", "ThreadBusy", ({ threadId }) => Effect.succeed(threadId))
      )
      assert.strictEqual(yield* handled, "a")
    }))

  it("shows what the agent did to the program, not to a log", () => {
    const error = CodexError.withTurn(CodexError.fromReason(new CodexError.LineTooLong({ limit: 1 })), turn)
    assert.strictEqual(error.turn?.finalMessage, "top secret")
    assert.notInclude(inspect(error, { depth: 10 }), "top secret")
    assert.notInclude(JSON.stringify(error), "top secret")
    assert.deepInclude(JSON.parse(JSON.stringify(error)), { _tag: "CodexError", reason: "LineTooLong", worked: false })
    assert.notProperty(JSON.parse(JSON.stringify(CodexError.fromReason(error.reason))), "turn")
  })
})

describe("the cause of a failed turn", () => {
  const causes: ReadonlyArray<readonly [message: string, kind: CodexError.TurnFailureKind]> = [
    ["Selected model is at capacity. Please try a different model.", "overloaded"],
    ["unexpected status 502 Bad Gateway: <html>bad gateway</html>, url: http://localhost/v1/responses", "overloaded"],
    ["exceeded retry limit, last status: 500 Internal Server Error", "overloaded"],
    ["You’ve hit your usage limit. Upgrade to Pro.", "usage_limit"],
    ["Connection failed: error sending request", "disconnected"],
    ["flagged", "other"]
  ]
  for (const [message, kind] of causes) {
    it(`"${message}" is ${kind}`, () => assert.deepInclude(fromMessage(message), { kind, description: message }))
  }

  it("is taken out of a JSON body", () => {
    const body = JSON.stringify({ error: { message: "Bad thing", type: "invalid_request_error", code: null } })
    assert.deepInclude(fromMessage(body), { kind: "invalid_request", description: "Bad thing" })
  })
})
