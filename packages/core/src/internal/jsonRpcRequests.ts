/**
 * The requests of this side: a bounded number in flight, the others waiting in order.
 *
 * @internal
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { ConnectionError } from "../appserver/ConnectionError.ts"
import type * as Message from "../appserver/JsonRpcMessage.ts"
import { type RequestError, RequestTimedOut } from "../appserver/RpcError.ts"
import { Deadlines, type Limited } from "./jsonRpcDeadlines.ts"
import * as JsonRpcMessage from "./jsonRpcMessage.ts"

export interface Limit extends Limited {
  /** What the caller said, for its error. */
  readonly duration: Duration.Duration
}

export interface Options {
  /** How many are in flight at most. */
  readonly window: number
  readonly clock: Clock.Clock
  /** Hands a message to the writer. If that has to wait, gives the fiber that does. */
  readonly send: (text: string) => Fiber.Fiber<unknown> | undefined
  /** Told when a request is sent while no other is in flight. */
  readonly onAwaiting: () => void
}

interface Exchange extends Limited {
  readonly request: Message.ClientRequest
  readonly text: string
  readonly limit: Limit
  readonly resume: (outcome: Effect.Effect<unknown, RequestError>) => void
  sending: Fiber.Fiber<unknown> | undefined
}

export class Requests {
  readonly #options: Options
  readonly #deadlines: Deadlines<Exchange>
  readonly #inFlight = new Map<Message.RequestId, Exchange>()
  readonly #waiting = new Set<Exchange>()
  #failure: ConnectionError | undefined
  #lastId = 0

  constructor(options: Options) {
    this.#options = options
    this.#deadlines = new Deadlines(options.clock)
  }

  limit(duration: Duration.Duration): Limit {
    return { duration, deadline: this.#deadlines.now + Duration.toMillis(duration) }
  }

  /** Whether a reply is waited for. */
  get isAwaiting(): boolean {
    return this.#inFlight.size > 0
  }

  nextId(): number {
    return ++this.#lastId
  }

  /** Waits for a place, sends, and waits for the reply. Interruption frees the place. */
  exchange(request: Message.ClientRequest, limit: Limit): Effect.Effect<unknown, RequestError> {
    return Effect.callback((resume) => {
      if (this.#failure !== undefined) return resume(Effect.fail(this.#failure))
      if (limit.deadline <= this.#deadlines.now) return resume(Effect.fail(timedOut(request, limit, false)))
      const text = JsonRpcMessage.requestText(request)
      const exchange: Exchange = { request, text, limit, deadline: limit.deadline, resume, sending: undefined }
      this.#deadlines.add(exchange)
      if (this.#inFlight.size < this.#options.window) this.#start(exchange)
      else this.#waiting.add(exchange)
      return Effect.sync(() => this.#leave(exchange))
    })
  }

  /** Whether the reply is to a request that was sent, if only long ago. */
  settle(reply: JsonRpcMessage.Reply): boolean {
    const { error, id, result } = reply
    const exchange = this.#inFlight.get(id)
    if (exchange === undefined) return typeof id === "number" && id > 0 && id <= this.#lastId
    this.#leave(exchange)
    exchange.resume(
      error === undefined || error === null
        ? Effect.succeed(result)
        : Effect.fail(JsonRpcMessage.errorOf(exchange.request.method, error))
    )
    return true
  }

  fail(failure: ConnectionError): void {
    this.#failure = failure
    const exchanges = [...this.#inFlight.values(), ...this.#waiting]
    this.#leave(...exchanges)
    for (const { resume } of exchanges) resume(Effect.fail(failure))
  }

  /** Ends the requests that take too long. */
  get watch(): Effect.Effect<never> {
    return this.#deadlines.watch((due) => {
      const errors = due.map(({ limit, request, sending }) => {
        const isSent = sending === undefined || sending.pollUnsafe() !== undefined
        return timedOut(request, limit, isSent && this.#inFlight.has(request.id))
      })
      this.#leave(...due)
      for (const [index, { resume }] of due.entries()) resume(Effect.fail(errors[index]))
    })
  }

  #start(exchange: Exchange): void {
    this.#inFlight.set(exchange.request.id, exchange)
    exchange.sending = this.#options.send(exchange.text)
    if (this.#inFlight.size === 1) this.#options.onAwaiting()
  }

  #leave(...exchanges: ReadonlyArray<Exchange>): void {
    for (const exchange of exchanges) {
      this.#deadlines.delete(exchange)
      exchange.sending?.interruptUnsafe()
      if (!this.#inFlight.delete(exchange.request.id)) this.#waiting.delete(exchange)
    }
    for (const next of this.#waiting) {
      if (this.#inFlight.size >= this.#options.window) return
      this.#waiting.delete(next)
      this.#start(next)
    }
  }
}

const timedOut = ({ method }: Message.ClientRequest, { duration }: Limit, sent: boolean) =>
  new RequestTimedOut({ method, duration, sent })
