/**
 * The requests of the app-server: each is answered exactly once, within a time limit, by a fiber of its own.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Message from "../appserver/JsonRpcMessage.ts"
import { isRpcError, type RpcError } from "../appserver/RpcError.ts"
import * as JsonRpcMessage from "./jsonRpcMessage.ts"

export interface Handler {
  readonly run: (request: Message.ServerRequest) => Effect.Effect<Exit.Exit<unknown, unknown>>
  readonly timeout: Duration.Input | undefined
}

export type Handle = (request: Message.ServerRequest) => Effect.Effect<Message.Answer, RpcError>

/** Why nobody's answer can be given. */
export type Reason = "unhandled" | "failed" | "timeout"

export interface Options {
  /** How many are handled at once; as many again are being refused. */
  readonly max: number
  readonly timeout: Duration.Input
  readonly defaultAnswer: (request: Message.ServerRequest, reason: Reason) => unknown
  /** What the middleware makes of the handling. */
  readonly around: (handle: Handle) => Handle
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
  readonly send: (text: string) => Effect.Effect<void>
  /** Is told what becomes of a request that is handled, with the size of its JSON. */
  readonly onProgress: (progress: Message.ServerRequestProgress, size: number) => void
  readonly onRelief: () => void
}

export class Serving {
  readonly #options: Options
  readonly #handlers = new Map<string, ReadonlyArray<Handler>>()
  readonly #handling = new Map<Message.RequestId, Fiber.Fiber<unknown>>()
  readonly #handle: Handle
  #refusing = 0

  constructor(options: Options) {
    this.#options = options
    this.#handle = options.around((request) => this.#ask(request))
  }

  /** Whether the app-server asks faster than it takes answers. */
  get isCongested(): boolean {
    return this.#refusing >= this.#options.max
  }

  /** The newest handler counts, until its scope closes. */
  handle(method: string, handler: Handler): Effect.Effect<void, never, Scope.Scope> {
    const change = (f: (handlers: ReadonlyArray<Handler>) => ReadonlyArray<Handler>) =>
      Effect.sync(() => {
        this.#handlers.set(method, f(this.#handlers.get(method) ?? []))
      })
    return Effect.acquireRelease(
      change((handlers) => [...handlers, handler]),
      () => change((handlers) => handlers.filter((other) => other !== handler))
    )
  }

  /** Returns at once. */
  serve(request: Message.ServerRequest, size: number): void {
    const { fork, max, onProgress, onRelief, send } = this.#options
    const { id } = request
    if (this.#handling.size < max) {
      onProgress({ stage: "asked", request }, size)
      const fiber = fork(Effect.andThen(Effect.yieldNow, this.#respond(request)))
      this.#handling.set(id, fiber)
      fiber.addObserver(() => {
        if (this.#handling.get(id) === fiber) this.#handling.delete(id)
        onProgress({ stage: "settled", request }, size)
      })
      return
    }
    this.#refusing++
    fork(send(JsonRpcMessage.answerText(id, refusal(-32001, "this client has too many requests to handle"))))
      .addObserver(
        () => {
          this.#refusing--
          onRelief()
        }
      )
  }

  /** The app-server does not wait for an answer any more. */
  resolve(id: Message.RequestId): void {
    this.#handling.get(id)?.interruptUnsafe()
  }

  interruptAll(): void {
    for (const fiber of this.#handling.values()) fiber.interruptUnsafe()
  }

  #respond(request: Message.ServerRequest): Effect.Effect<void> {
    const { fork, send, timeout } = this.#options
    const limit = this.#handlers.get(request.method)?.at(-1)?.timeout ?? timeout
    const encode = (answer: Message.Answer) => JsonRpcMessage.answerText(request.id, answer)
    return Effect.suspend(() => {
      // In a fiber of its own, as a handler that can't be interrupted is not waited for either.
      const handling = fork(Effect.map(this.#handle(request), encode))
      return Fiber.await(handling).pipe(
        Effect.timeoutOption(limit),
        Effect.ensuring(Effect.sync(() => handling.interruptUnsafe())),
        Effect.flatMap((exit) => {
          if (Option.isNone(exit)) return Effect.map(this.#fallBack(request, "timeout"), encode)
          return Exit.isSuccess(exit.value)
            ? Effect.succeed(exit.value.value)
            : Effect.map(this.#recover(request, exit.value.cause), encode)
        }),
        Effect.catchDefect(() => Effect.succeed(encode(noAnswer("failed")))),
        Effect.flatMap(send)
      )
    })
  }

  #ask(request: Message.ServerRequest): Effect.Effect<Message.Answer> {
    const handler = this.#handlers.get(request.method)?.at(-1)
    if (handler === undefined) return this.#fallBack(request, "unhandled")
    return Effect.flatMap(handler.run(request), (exit) =>
      Exit.isSuccess(exit)
        ? Effect.succeed<Message.Answer>({ result: exit.value })
        : this.#recover(request, exit.cause))
  }

  #recover(request: Message.ServerRequest, cause: Cause.Cause<unknown>): Effect.Effect<Message.Answer> {
    const error = Cause.squash(cause)
    if (!isRpcError(error)) return this.#fallBack(request, "failed", cause)
    const { code, data, description } = error
    return Effect.succeed({ error: { code, message: description, ...(data === undefined ? {} : { data }) } })
  }

  #fallBack(
    request: Message.ServerRequest,
    reason: Reason,
    cause: Cause.Cause<unknown> = Cause.empty
  ): Effect.Effect<Message.Answer> {
    const answer = Effect.sync(() => {
      const result = this.#options.defaultAnswer(request, reason)
      return result === undefined ? noAnswer(reason) : { result }
    })
    return reason === "unhandled"
      ? answer
      : Effect.andThen(
        Effect.logWarning(`${request.method} gets the default answer: ${problems[reason]}`, cause),
        answer
      )
  }
}

const problems: { readonly [R in Reason]: string } = {
  unhandled: "this client does not handle it",
  failed: "its handler failed",
  timeout: "its handler took too long"
}

const noAnswer = (reason: Reason): Message.Answer => refusal(reason === "unhandled" ? -32601 : -32000, problems[reason])

const refusal = (code: number, message: string): Message.Answer => ({ error: { code, message } })
