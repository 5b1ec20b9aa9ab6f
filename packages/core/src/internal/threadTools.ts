/**
 * The tools of open threads, by which the calls that come over a connection are answered.
 *
 * @internal
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type { Client } from "../appserver/Client.ts"
import type { DynamicTools } from "../appserver/DynamicTools.ts"

export interface ThreadTools {
  /** Answers the calls of a connection from now on. */
  readonly serve: (client: Client["Service"]) => Effect.Effect<void>
  readonly has: (threadId: string) => boolean
  readonly set: (threadId: string, tools: DynamicTools) => void
  readonly delete: (threadId: string) => void
}

export const make: Effect.Effect<ThreadTools, never, Scope.Scope> = Effect.map(Effect.scope, (scope) => {
  const served = new WeakSet<Client["Service"]>()
  const threads = new Map<string, DynamicTools>()
  return {
    serve: Effect.fnUntraced(function*(client) {
      if (served.has(client)) return
      served.add(client)
      // Loaded by those who use it.
      const DynamicTools = yield* Effect.promise(() => import("../appserver/DynamicTools.ts"))
      yield* Scope.provide(
        DynamicTools.serve(client, {
          call: (params) => {
            const tools = threads.get(params.threadId)
            if (tools !== undefined) return tools.call(params)
            const text = "The tools of this thread are not here any more."
            return Effect.succeed({ success: false, contentItems: [{ type: "inputText", text }] })
          },
          // Each call has a limit of its own.
          timeout: Duration.infinity
        }),
        scope
      )
    }),
    has: (threadId) => threads.has(threadId),
    set: (threadId, tools) => threads.set(threadId, tools),
    delete: (threadId) => threads.delete(threadId)
  }
})
