import { Client } from "@effect-codex/core/appserver/Client"
import * as Login from "@effect-codex/core/appserver/Login"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { connect } from "./support/client.ts"

const completed = (loginId: string | null, error: string | null = null) => ({
  method: "account/login/completed",
  params: { loginId, success: error === null, error }
})

/** A login that has begun, in a scope of its own. */
const begin = Effect.fnUntraced(function*<A, E>(login: Effect.Effect<A, E, Client | Scope.Scope>, result: unknown) {
  const { client, server } = yield* connect()
  const scope = yield* Scope.make()
  const beginning = yield* login.pipe(
    Effect.provideService(Client, client),
    Scope.provide(scope),
    Effect.exit,
    Effect.forkChild
  )
  const request = yield* server.take
  // Another one, and so early that nobody can have waited.
  yield* server.send(completed("another"))
  yield* server.reply(request, result)
  return { login: yield* Fiber.join(beginning), params: request.params, server, close: Scope.close(scope, Exit.void) }
})

const browser = { type: "chatgpt", loginId: "l", authUrl: "https://example.com/auth" }

describe("a login in a browser", () => {
  it.effect("gives the address, and waits until it is completed", () =>
    Effect.gen(function*() {
      const { close, login, params, server } = yield* begin(Login.chatgpt({ codexStreamlinedLogin: true }), browser)
      assert.deepStrictEqual(params, { type: "chatgpt", codexStreamlinedLogin: true })
      const { authUrl, completed: completion, loginId } = yield* login
      assert.deepStrictEqual([authUrl, loginId], ["https://example.com/auth", "l"])
      yield* server.send(completed("l"))
      yield* completion
      yield* completion
      yield* close
      yield* server.nothing
    }))

  it.effect("may fail", () =>
    Effect.gen(function*() {
      const { login, server } = yield* begin(Login.chatgpt(), browser)
      yield* server.send(completed("l", "access denied"))
      assert.deepStrictEqual(
        yield* Effect.flip((yield* login).completed),
        new Login.LoginFailed({ loginId: "l", description: "access denied" })
      )
    }))

  it.effect("may fail without a word", () =>
    Effect.gen(function*() {
      const { login, server } = yield* begin(Login.chatgpt(), browser)
      yield* server.send({ method: "account/login/completed", params: { loginId: "l", success: false } })
      assert.include((yield* Effect.flip((yield* login).completed)).message, "does not say why")
    }))

  it.effect("is cancelled with its scope", () =>
    Effect.gen(function*() {
      const { close, server } = yield* begin(Login.chatgpt(), browser)
      const closing = yield* Effect.forkChild(close)
      const cancel = yield* server.take
      assert.deepStrictEqual([cancel.method, cancel.params], ["account/login/cancel", { loginId: "l" }])
      yield* server.reply(cancel, { status: "notFound" })
      yield* Fiber.join(closing)
    }))

  it.effect("fails with the connection", () =>
    Effect.gen(function*() {
      const { close, login, server } = yield* begin(Login.chatgpt(), browser)
      yield* server.end
      assert.strictEqual((yield* Effect.flip((yield* login).completed))._tag, "ConnectionError")
      yield* close
    }))

  it.effect("is no other login", () =>
    Effect.gen(function*() {
      const { login } = yield* begin(Login.chatgpt(), { type: "apiKey" })
      assert.include((yield* Effect.flip(login)).message, "another login than the one asked for (apiKey)")
    }))
})

describe("a login on another device", () => {
  const device = {
    type: "chatgptDeviceCode",
    loginId: "l",
    userCode: "ABCD",
    verificationUrl: "https://example.com/device"
  }

  it.effect("gives the address and the code", () =>
    Effect.gen(function*() {
      const { login, params, server } = yield* begin(Login.deviceCode, device)
      assert.deepStrictEqual(params, { type: "chatgptDeviceCode" })
      const { completed: completion, loginId, userCode, verificationUrl } = yield* login
      assert.deepStrictEqual([loginId, userCode, verificationUrl], ["l", "ABCD", "https://example.com/device"])
      yield* server.send(completed("l"))
      yield* completion
    }))

  it.effect("is no other login", () =>
    Effect.gen(function*() {
      const { login } = yield* begin(Login.deviceCode, browser)
      assert.include((yield* Effect.flip(login)).message, "another login than the one asked for (chatgpt)")
    }))
})

describe("an account", () => {
  it.effect("is given by a key", () =>
    Effect.gen(function*() {
      const { login, params } = yield* begin(Login.apiKey(Redacted.make("sk-s3cret")), { type: "apiKey" })
      assert.deepStrictEqual(params, { type: "apiKey", apiKey: "sk-s3cret" })
      yield* login
    }))

  it.effect("can be read and forgotten", () =>
    Effect.gen(function*() {
      const some = yield* begin(Login.account, { account: { type: "apiKey" }, requiresOpenaiAuth: true })
      assert.deepStrictEqual(yield* some.login, Option.some({ type: "apiKey" }))
      const none = yield* begin(Login.account, { account: null, requiresOpenaiAuth: true })
      assert.deepStrictEqual(yield* none.login, Option.none())
      yield* (yield* begin(Login.logout, {})).login
    }))
})
