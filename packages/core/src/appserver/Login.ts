/**
 * How Codex is given an account: ChatGPT in a browser, a code for another device, or an API key.
 *
 * **Example** (In a browser)
 *
 * ```ts
 * import * as Login from "@effect-codex/core/appserver/Login"
 * import * as Console from "effect/Console"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function*() {
 *   const login = yield* Login.chatgpt()
 *   yield* Console.log(`Sign in at ${login.authUrl}`)
 *   yield* login.completed
 * })
 *
 * const main = Effect.timeout(Effect.scoped(program), "10 minutes")
 * ```
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Client } from "./Client.ts"
import type { ClientError } from "./ClientError.ts"
import * as Protocol from "./Protocol.ts"

// =============================================================================
// Models
// =============================================================================

/**
 * A login that somebody has to complete. It is cancelled when the scope that it was begun in closes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Login {
  readonly loginId: string
  /** Waits until somebody has. There is no time limit: `Effect.timeout` sets one. */
  readonly completed: Effect.Effect<void, ClientError | LoginFailed>
}

/**
 * A login in a browser, which has to run where the app-server does: it comes back to it.
 *
 * @category models
 * @since 0.1.0
 */
export interface BrowserLogin extends Login {
  /** Where to send the user. */
  readonly authUrl: string
}

/**
 * A login on any device.
 *
 * @category models
 * @since 0.1.0
 */
export interface DeviceLogin extends Login {
  /** Where to send the user. */
  readonly verificationUrl: string
  /** What to enter there. */
  readonly userCode: string
}

// =============================================================================
// Errors
// =============================================================================

/**
 * The login has ended, and there is no account.
 *
 * @category errors
 * @since 0.1.0
 */
export class LoginFailed extends Schema.TaggedError<LoginFailed>("@effect-codex/core/appserver/Login/LoginFailed")(
  "LoginFailed",
  { loginId: Schema.String, description: Schema.String }
) {
  override get message(): string {
    return `The login failed: ${this.description}`
  }
}

// =============================================================================
// Constructors
// =============================================================================

/**
 * Begins a login with ChatGPT in a browser.
 *
 * @category constructors
 * @since 0.1.0
 */
export const chatgpt = (
  options?: Omit<Protocol.Chatgptv2LoginAccountParams, "type">
): Effect.Effect<BrowserLogin, ClientError, Client | Scope.Scope> =>
  begin({ ...options, type: "chatgpt" }, (reply) => {
    if (reply.type !== "chatgpt") return undefined
    const { authUrl, loginId } = reply
    return { authUrl, loginId }
  })

/**
 * Begins a login with ChatGPT on another device.
 *
 * @category constructors
 * @since 0.1.0
 */
export const deviceCode: Effect.Effect<DeviceLogin, ClientError, Client | Scope.Scope> = Effect.suspend(() =>
  begin({ type: "chatgptDeviceCode" }, (reply) => {
    if (reply.type !== "chatgptDeviceCode") return undefined
    const { loginId, userCode, verificationUrl } = reply
    return { loginId, userCode, verificationUrl }
  })
)

/**
 * Gives Codex an API key, which it keeps. It does not find out whether the key is a good one.
 *
 * @category constructors
 * @since 0.1.0
 */
export const apiKey = (key: Redacted.Redacted<string>): Effect.Effect<void, ClientError, Client> =>
  Effect.flatMap(Client, (client) => Effect.asVoid(client.account.login.start({ type: "apiKey", apiKey: key })))

/**
 * Makes Codex forget its account.
 *
 * @category constructors
 * @since 0.1.0
 */
export const logout: Effect.Effect<void, ClientError, Client> = Effect.flatMap(
  Client,
  (client) => Effect.asVoid(client.account.logout())
)

// =============================================================================
// Getters
// =============================================================================

/**
 * The account that Codex has, if any.
 *
 * @category getters
 * @since 0.1.0
 */
export const account: Effect.Effect<Option.Option<Protocol.Account>, ClientError, Client> = Effect.flatMap(
  Client,
  (client) => Effect.map(client.account.read(), ({ account }) => Option.fromNullishOr(account))
)

// =============================================================================
// Internals
// =============================================================================

const begin = Effect.fnUntraced(function*<A extends Pick<Login, "loginId">>(
  params: Protocol.LoginAccountParams,
  begun: (reply: Protocol.LoginAccountResponse) => A | undefined
): Effect.fn.Return<A & Pick<Login, "completed">, ClientError, Client | Scope.Scope> {
  const client = yield* Client
  const completions = yield* client.rpc.subscribe({ methods: [completedMethod] })
  const reply = yield* client.account.login.start(params)
  const login = begun(reply)
  if (login === undefined) {
    return yield* new Protocol.ProtocolError({
      method: "account/login/start",
      part: "result",
      direction: "received",
      issue: `another login than the one asked for (${reply.type})`
    })
  }
  const { loginId } = login
  const waiting = yield* completions.pipe(
    Stream.mapEffect(({ params }) => Effect.fromResult(Protocol.decodeNotification(completedMethod, params))),
    Stream.filter((completion) => completion.loginId === loginId),
    Stream.runHead,
    Effect.flatMap(Option.match({ onNone: () => client.closed, onSome: Effect.succeed })),
    Effect.flatMap(({ error, success }) =>
      success ? Effect.void : new LoginFailed({ loginId, description: error ?? "Codex does not say why" })
    ),
    Effect.forkScoped({ startImmediately: true })
  )
  yield* Effect.addFinalizer(() =>
    waiting.pollUnsafe() === undefined ? Effect.ignore(client.account.login.cancel({ loginId })) : Effect.void
  )
  return { ...login, completed: Fiber.join(waiting) }
})

const completedMethod = "account/login/completed"
