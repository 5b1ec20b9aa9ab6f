/**
 * The connection to an app-server that there is now: another one, once it is lost.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as RcRef from "effect/RcRef"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { ClientError } from "../appserver/ClientError.ts"
import * as CodexError from "../CodexError.ts"
import * as Failure from "./appServerFailure.ts"
import type { Link } from "./appServerLink.ts"

export interface Links {
  /** Connects, unless there is a connection. It is kept for as long as somebody's scope is open, and until it is lost. */
  readonly get: Effect.Effect<Link, CodexError.CodexError, Scope.Scope>
}

export const make = Effect.fnUntraced(function*<R>(
  connect: Effect.Effect<Link, ClientError, R>
): Effect.fn.Return<Links, never, R | Scope.Scope> {
  const links = yield* RcRef.make({ acquire: connect, idleTimeToLive: "Infinity" })
  const oneAtATime = yield* Semaphore.make(1)
  return {
    get: RcRef.get(links).pipe(
      Effect.filterOrElse((link) => link.isAlive(), () => Effect.andThen(RcRef.invalidate(links), RcRef.get(links))),
      Semaphore.withPermit(oneAtATime),
      Effect.mapError((error) => CodexError.fromReason(Failure.fromClient(error)))
    )
  }
})
