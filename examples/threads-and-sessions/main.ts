/**
 * A conversation that goes on tomorrow: a thread that is remembered by its name, in a file.
 *
 *     npm run example -- threads-and-sessions     with your Codex account
 *     npm run example -- threads-and-sessions     again: it goes on where it was, with the next step
 *
 * The file is `.codex_sessions.json`; several processes may share it. Remove it to begin anew.
 */
import * as Codex from "@effect-codex/core/Codex"
import { SessionStore } from "@effect-codex/core/SessionStore"
import * as NodeCodex from "@effect-codex/node/NodeCodex"
import * as NodeSessionStore from "@effect-codex/node/NodeSessionStore"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"

export const program = Effect.gen(function*() {
  const thread = yield* Codex.thread({ session: "repo-plan" })
  // It has an id when it has had a turn, today or in a process of yesterday.
  if (Option.isNone(yield* thread.id)) {
    yield* thread.run("Read this repository and plan how to make its tests twice as fast, in small steps.")
  }
  const step = yield* thread.run("What is the next step that is not done yet, and how do we see that it worked?")
  yield* Console.log(step.finalMessage)

  // A fork knows all that was said. What is said there stays there: the session does not hear of it.
  const alternative = yield* thread.fork()
  const other = yield* alternative.run("Suppose no test may be changed. What would that step be then?")
  yield* Console.log(`Or else: ${other.finalMessage}`)

  const store = yield* SessionStore
  for (const { name, threadId, turnCount, updatedAt } of yield* store.list) {
    yield* Console.log(`${name}: ${turnCount} turns on thread ${threadId}, last at ${DateTime.formatIso(updatedAt)}`)
  }
})

if (import.meta.main) {
  const layer = NodeCodex.layer({ sandbox: "read-only", idleTimeout: "5 minutes" }).pipe(
    Layer.provideMerge(NodeSessionStore.layerFile(".codex_sessions.json"))
  )
  program.pipe(Effect.provide(layer), NodeRuntime.runMain)
}
