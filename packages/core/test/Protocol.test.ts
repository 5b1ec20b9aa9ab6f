import * as Protocol from "@effect-codex/core/appserver/Protocol"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { format } from "effect/Formatter"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

const message = { type: "agentMessage", id: "m", text: "Done." }
const turn = { id: "u", status: "completed", items: [message], itemsView: "full" }
const turnCompleted = (items: ReadonlyArray<unknown>) => ({ threadId: "t", turn: { ...turn, items } })

/** What it fails with. */
const failure = <A>(result: Result.Result<A, Protocol.ProtocolError>): Protocol.ProtocolError =>
  Result.isFailure(result) ? result.failure : assert.fail("it did not fail")

describe("the tables", () => {
  it("have every method", () => {
    const requests = Object.values(Protocol.ClientRequests)
    assert.lengthOf(requests, 184)
    assert.lengthOf(requests.filter(({ experimental }) => !experimental), 109)
    assert.lengthOf(Object.keys(Protocol.ServerNotifications), 86)
    assert.lengthOf(Object.keys(Protocol.ServerRequests), 11)
    assert.deepStrictEqual(Object.keys(Protocol.ClientNotifications), ["initialized"])
  })

  it("build every schema", () => {
    const { ClientNotifications, ClientRequests, ServerNotifications, ServerRequests } = Protocol
    for (const table of [ClientRequests, ServerRequests, ServerNotifications, ClientNotifications]) {
      const facts: ReadonlyArray<{ params: Protocol.Definition<unknown>; result?: Protocol.Definition<unknown> }> =
        Object.values(table)
      for (const { params, result = params } of facts) {
        assert.isTrue(Schema.isSchema(params.schema) && Schema.isSchema(result.schema))
      }
    }
  })

  it("know what needs `experimentalApi`", () => {
    assert.isTrue(Protocol.ClientRequests["process/spawn"].experimental)
    assert.include(Protocol.ClientRequests["thread/start"].experimentalParams, "dynamicTools")
    assert.deepStrictEqual(Protocol.experimentalUses("memory/reset", undefined), ["memory/reset"])
    assert.deepStrictEqual(Protocol.experimentalUses("account/logout", undefined), [])
    assert.deepStrictEqual(Protocol.experimentalUses("thread/start", { cwd: "/", permissions: null }), [])
    assert.deepStrictEqual(
      Protocol.experimentalUses("thread/start", { cwd: "/", dynamicTools: [], permissions: "p" }),
      ["thread/start.dynamicTools", "thread/start.permissions"]
    )
    const stable: Protocol.StableParamsOf<"thread/start"> = { cwd: "/" }
    // @ts-expect-error dynamicTools is experimental
    const gated: Protocol.StableParamsOf<"thread/start"> = { dynamicTools: [] }
    // @ts-expect-error so is the method
    const method: Protocol.StableMethod = "process/spawn"
    assert.isDefined([stable, gated, method])
  })
})

describe("encodeParams", () => {
  it("gives the JSON", () => {
    const params: Protocol.ParamsOf<"turn/start"> = {
      threadId: "t",
      input: [{ type: "text", text: "Hi" }],
      effort: "high",
      model: undefined,
      sandboxPolicy: { type: "workspaceWrite", writableRoots: ["/a"] }
    }
    const json = Result.getOrThrow(Protocol.encodeParams("turn/start", params))
    assert.deepStrictEqual(JSON.parse(JSON.stringify(json)), JSON.parse(JSON.stringify(params)))
    assert.isUndefined(Result.getOrThrow(Protocol.encodeParams("account/logout", undefined)))
    assert.isUndefined(Result.getOrThrow(Protocol.encodeParams("account/usage/read", undefined)))
  })

  it("copies nothing that is JSON already", () => {
    const params = { limit: 1, cursor: undefined }
    assert.strictEqual(Result.getOrThrow(Protocol.encodeParams("thread/list", params)), params)
  })

  it("refuses what Codex does not take, by type and before it is sent", () => {
    const wrong = [
      // @ts-expect-error it is `danger-full-access`
      Protocol.encodeParams("thread/start", { sandbox: "SECRET" }),
      // @ts-expect-error there is no such variant
      Protocol.encodeParams("turn/start", { threadId: "t", input: [{ type: "SECRET", text: "SECRET" }] }),
      // @ts-expect-error threadId is missing
      Protocol.encodeParams("turn/start", { input: [] }),
      Protocol.encodeParams("thread/list", { limit: -1.5 })
    ]
    assert.deepStrictEqual(wrong.map((one) => failure(one).method), [
      "thread/start",
      "turn/start",
      "turn/start",
      "thread/list"
    ])
    assert.include(failure(wrong[0] ?? assert.fail()).issue, "at [\"sandbox\"]")
    for (const one of wrong) assert.notInclude(JSON.stringify(failure(one)) + failure(one).message, "SECRET")
    assert.strictEqual(
      failure(Protocol.encodeParams("thread/list", { limit: -1 })).message,
      "thread/list: Codex takes no such params: Expected a value greater than or equal to 0\n  at [\"limit\"]"
    )
    // @ts-expect-error `approval_policy` is the name of another interface
    assert.isDefined(Protocol.encodeParams("thread/start", { approval_policy: "never" }))
  })

  it("sends fields that it does not know", () => {
    const later = { threadId: "t", later: { a: 1 } }
    assert.deepStrictEqual(Result.getOrThrow(Protocol.encodeParams("thread/archive", later)), later)
  })

  it("shows secrets to nobody but the server", () => {
    const params: Protocol.ParamsOf<"account/login/start"> = { type: "apiKey", apiKey: Redacted.make("sk-SECRET") }
    assert.notInclude(`${format(params)} ${JSON.stringify(params)}`, "SECRET")
    const json = Result.getOrThrow(Protocol.encodeParams("account/login/start", params))
    assert.deepStrictEqual(json, { type: "apiKey", apiKey: "sk-SECRET" })

    const answer = { accessToken: Redacted.make("SECRET"), chatgptAccountId: "a" }
    const result = Result.getOrThrow(Protocol.encodeServerResult("account/chatgptAuthTokens/refresh", answer))
    assert.deepStrictEqual(result, { accessToken: "SECRET", chatgptAccountId: "a" })

    const environment = { environmentId: "e", execServerUrl: "wss://e", authBearerToken: Redacted.make("SECRET") }
    assert.notInclude(JSON.stringify(environment), "SECRET")
    assert.include(JSON.stringify(Result.getOrThrow(Protocol.encodeParams("environment/add", environment))), "SECRET")

    // @ts-expect-error a key must be redacted
    const error = failure(Protocol.encodeParams("account/login/start", { type: "apiKey", apiKey: "sk-SECRET" }))
    assert.notInclude(error.message + JSON.stringify(error), "SECRET")
  })
})

describe("decodeResult", () => {
  it("gives what is known in full as it came", () => {
    const json = { turn: { ...turn, later: true } }
    const result = Result.getOrThrow(Protocol.decodeResult("turn/start", json))
    assert.strictEqual<unknown>(result, json)
    const [item] = result.turn.items
    // A type guard, also with what is unrecognized in the union.
    assert.strictEqual(item?.type === "agentMessage" ? item.text : undefined, "Done.")
  })

  it("names method and path of what it cannot decode, not the values", () => {
    const error = failure(Protocol.decodeResult("turn/start", { turn: { ...turn, id: { a: "SECRET" } } }))
    assert.strictEqual(
      error.message,
      "turn/start: Codex sent result that this version cannot decode: Expected string\n  at [\"turn\"][\"id\"]"
    )
    assert.notInclude(JSON.stringify(error), "SECRET")
    assert.deepInclude(error, { part: "result", direction: "received" })
  })

  it("takes what older servers did not send as absent", () => {
    const json = { userAgent: "codex/0.115.0", platformFamily: "unix", platformOs: "linux" }
    assert.strictEqual<unknown>(Result.getOrThrow(Protocol.decodeResult("initialize", json)), json)
  })
})

describe("what the server may send tomorrow", () => {
  const encode = (value: Protocol.TurnCompletedNotification) =>
    Result.getOrThrow(Protocol.Schemas.TurnCompletedNotification.encode(value))
  const completed = (items: ReadonlyArray<unknown>) =>
    Result.getOrThrow(Protocol.decodeNotification("turn/completed", turnCompleted(items)))

  it("another item", () => {
    const raw = { type: "hologram", id: "h", depth: [1] }
    const { turn } = completed([raw, message])
    assert.deepStrictEqual<unknown>(turn.items, [{ type: "unrecognized", raw }, message])
    assert.deepStrictEqual(encode(completed([raw, message])), turnCompleted([raw, message]))
  })

  it("a known item without its shape", () => {
    const raw = { type: "agentMessage", id: "m", text: { parts: "SECRET" } }
    const [item] = completed([raw]).turn.items
    assert.deepStrictEqual<unknown>(item, { type: "unrecognized", raw, issue: "Expected string\n  at [\"text\"]" })
    assert.deepStrictEqual(encode(completed([raw])), turnCompleted([raw]))
  })

  it("an item that says it is unrecognized", () => {
    const raw = { type: "unrecognized", raw: 1 }
    assert.deepStrictEqual<unknown>(completed([raw]).turn.items, [{ type: "unrecognized", raw }])
  })

  it("other fields, beside a variant that is not known", () => {
    const items = [{ ...message, later: 1 }, { type: "hologram" }]
    const { turn } = completed(items)
    assert.deepStrictEqual<unknown>(turn.items[0], items[0])
    assert.deepStrictEqual(encode(completed(items)), turnCompleted(items))
  })

  it("another word, and another variant told by another field", () => {
    const decode = Schema.decodeUnknownSync(Schema.Tuple([
      Protocol.Schemas.OpenAskForApproval.schema,
      Protocol.Schemas.OpenAskForApproval.schema,
      Protocol.Schemas.CodexErrorInfo.schema,
      Protocol.Schemas.OpenFileSystemSpecialPath.schema
    ]))
    const [word, policy, error, path] = decode(["sometimes", { weekly: 1 }, { tooWarm: 1 }, { kind: "attic" }])
    assert.strictEqual(word, "sometimes")
    assert.deepInclude(policy, { type: "unrecognized", raw: { weekly: 1 } })
    assert.deepInclude(error, { type: "unrecognized", raw: { tooWarm: 1 } })
    assert.deepStrictEqual<unknown>(path, { kind: "unrecognized", raw: { kind: "attic" } })
  })

  it.effect.prop(
    "any other variant survives",
    { rest: Schema.Record(Schema.String, Schema.Json) },
    ({ rest }) =>
      Effect.sync(() => {
        const raw = { ...rest, type: "hologram" }
        assert.deepStrictEqual(encode(completed([raw])), turnCompleted([raw]))
      })
  )
})

describe("notification", () => {
  it("is the message itself if it is known in full", () => {
    const known = { method: "turn/completed", params: turnCompleted([message]), emittedAtMs: 1 }
    const notification = Protocol.notification(known)
    assert.strictEqual<unknown>(notification, known)
    // Also once the check is compiled, as it comes so often.
    for (let count = 0; count < 100; count++) assert.strictEqual<unknown>(Protocol.notification(known), known)
    assert.strictEqual(notification.method === "turn/completed" ? notification.params.turn.id : "", "u")
  })

  it("keeps what it does not know", () => {
    const newer = { method: "turn/completed", params: turnCompleted([{ type: "hologram" }]), emittedAtMs: 1 }
    const { method, ...rest } = Protocol.notification(newer)
    assert.strictEqual(method, "turn/completed")
    assert.deepInclude(rest, { emittedAtMs: 1 })

    const unknown = { method: "hologram/projected", params: { depth: 1 } }
    assert.deepStrictEqual<unknown>(Protocol.notification(unknown), { method: "unrecognized", raw: unknown })
    const inherited = { method: "constructor" }
    assert.deepStrictEqual<unknown>(Protocol.notification(inherited), { method: "unrecognized", raw: inherited })
    const broken = { method: "turn/completed", params: { threadId: "t" } }
    assert.deepStrictEqual<unknown>(Protocol.notification(broken), {
      method: "unrecognized",
      raw: broken,
      issue: "Missing key\n  at [\"turn\"]"
    })
    assert.strictEqual(failure(Protocol.decodeNotification("turn/completed", broken.params)).part, "params")
  })
})

describe("serverRequest", () => {
  const params = { threadId: "t", turnId: "u", itemId: "i", startedAtMs: 1 }

  it("is the message itself, or keeps it", () => {
    const known = { id: 0, method: "item/fileChange/requestApproval", params }
    assert.strictEqual<unknown>(Protocol.serverRequest(known), known)
    const decoded = Protocol.decodeServerParams("item/fileChange/requestApproval", params)
    assert.strictEqual<unknown>(Result.getOrThrow(decoded), params)
    const unknown = { id: 1, method: "item/teleport", params: {} }
    assert.deepStrictEqual<unknown>(Protocol.serverRequest(unknown), { method: "unrecognized", raw: unknown })
  })

  it("is answered in the words of the protocol", () => {
    const method = "item/commandExecution/requestApproval"
    const decision = { acceptWithExecpolicyAmendment: { execpolicy_amendment: ["ls"] } }
    assert.deepStrictEqual(Result.getOrThrow(Protocol.encodeServerResult(method, { decision })), { decision })
    // @ts-expect-error it is `decline`
    assert.strictEqual(failure(Protocol.encodeServerResult(method, { decision: "deny" })).direction, "sent")
  })
})

describe("what is generated", () => {
  const { Schemas } = Protocol
  const laws: Readonly<Record<string, Protocol.Definition<unknown>>> = {
    ThreadItem: Schemas.ThreadItem,
    OpenSandboxPolicy: Schemas.OpenSandboxPolicy,
    CodexErrorInfo: Schemas.CodexErrorInfo,
    UserInput: Schemas.UserInput,
    TurnStartParams: Schemas.TurnStartParams,
    LoginAccountParams: Schemas.LoginAccountParams,
    CommandExecutionRequestApprovalParams: Schemas.CommandExecutionRequestApprovalParams
  }
  for (const [name, definition] of Object.entries(laws)) {
    it.effect.prop(
      `${name}: decodes what it encodes`,
      { value: definition.schema },
      ({ value }) =>
        Effect.gen(function*() {
          const encoded = yield* Effect.fromResult(definition.encode(value))
          assert.deepStrictEqual(encoded, yield* Schema.encodeEffect(definition.schema)(value))
          const json: unknown = JSON.parse(JSON.stringify(encoded))
          const decoded = yield* Effect.fromResult(definition.decode(json))
          const again = yield* Effect.fromResult(definition.encode(decoded))
          assert.deepStrictEqual(JSON.parse(JSON.stringify(again)), json)
        })
    )
  }
})
