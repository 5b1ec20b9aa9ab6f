/**
 * A connection that a cassette plays.
 *
 * @internal
 */
import * as ConnectionError from "@effect-codex/core/appserver/ConnectionError"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import type { Start } from "../Cassette.ts"
import type { Player } from "./cassettePlayer.ts"

export const make = Effect.fnUntraced(function*(player: Player, kind: Start["kind"]) {
  const stderr: Array<string> = []
  const drained = yield* Effect.forkScoped(
    Stream.runForEach(Stream.fromQueue(player.stderr), (text) => Effect.sync(() => stderr.push(text)))
  )
  return {
    incoming: Stream.fromQueue(player.stdout).pipe(
      Stream.map((line) => line.replace(/\n$/, "")),
      Stream.concat(Stream.unwrap(Effect.gen(function*() {
        const { code: exitCode, error, signal } = yield* Deferred.await(player.ending)
        yield* Fiber.await(drained)
        if (error !== undefined) {
          return Stream.fail(ConnectionError.fromReason(new ConnectionError.Disconnected({ description: error })))
        }
        if (kind === "connection") return Stream.empty
        return Stream.fail(ConnectionError.fromReason(
          new ConnectionError.Exited({
            stderr: stderr.join("").trim(),
            ...(exitCode === undefined ? {} : { exitCode }),
            ...(signal === undefined ? {} : { signal })
          })
        ))
      })))
    ),
    outgoing: Sink.onExit(Sink.forEach(player.send), () => player.end({ code: 0 }))
  }
})
