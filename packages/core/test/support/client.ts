/** A client, and the app-server at its other end, which the test plays. */
import * as Client from "@effect-codex/core/appserver/Client"
import * as Connection from "@effect-codex/core/appserver/Connection"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { serve } from "./peer.ts"

export const serverInfo = {
  userAgent: "codex/0.169.0",
  codexHome: "/home/codex/.codex",
  platformFamily: "unix",
  platformOs: "linux"
}

/** Both, when they have said what they say first. */
export const connect = Effect.fnUntraced(function*(options?: Client.Options) {
  const [near, far] = yield* Connection.inMemory
  const server = yield* serve(far)
  const connecting = yield* Effect.forkScoped(Client.make(near, options))
  const initialize = yield* server.take
  yield* server.reply(initialize, serverInfo)
  return { client: yield* Fiber.join(connecting), server, said: [initialize, yield* server.take] as const }
})
