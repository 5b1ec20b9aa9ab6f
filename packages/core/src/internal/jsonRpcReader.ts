/**
 * Sorts what comes in. It never waits for who gets it, unless that one is too far behind.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type { Notification, Stray } from "../appserver/JsonRpcMessage.ts"
import * as JsonRpcMessage from "./jsonRpcMessage.ts"
import type { Requests } from "./jsonRpcRequests.ts"
import type { Serving } from "./jsonRpcServing.ts"

export interface Receivers {
  readonly requests: Requests
  readonly serving: Serving
  /** With the size of its JSON. */
  readonly notify: (notification: Notification, size: number) => void
  readonly stray: (stray: Stray) => void
}

/** Gives a message to whom it is for. */
export const dispatch = (text: string, { notify, requests, serving, stray }: Receivers): void => {
  const message = JsonRpcMessage.fromText(text)
  switch (message._tag) {
    case "Reply":
      return requests.settle(message.reply) ? undefined : stray(JsonRpcMessage.stray("unknown-id", text))
    case "Notification": {
      const resolved = JsonRpcMessage.resolvedRequest(message.notification)
      if (resolved !== undefined) serving.resolve(resolved)
      return notify(message.notification, text.length)
    }
    case "Request":
      return serving.serve(message.request, text.length)
    case "Stray":
      return stray(message.stray)
  }
}

/** Where one waits while others are behind. */
export class Gate {
  readonly #relief = Latch.makeUnsafe()

  /** Something has changed: who waits looks again. */
  readonly relieve = (): void => {
    this.#relief.openUnsafe()
  }

  /** Does `f` for one value after the other, each time as soon as `isOpen`. */
  forEach<A>(values: ReadonlyArray<A>, isOpen: () => boolean, f: (value: A) => void): Effect.Effect<void> {
    let next = 0
    const go: Effect.Effect<void> = Effect.suspend(() => {
      while (next < values.length) {
        if (!isOpen()) {
          this.#relief.closeUnsafe()
          return Effect.andThen(this.#relief.await, go)
        }
        f(values[next++])
      }
      return Effect.void
    })
    return go
  }
}
