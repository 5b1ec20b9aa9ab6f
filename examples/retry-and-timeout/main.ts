/**
 * What happens when Codex is overloaded, hangs or takes too long: policies by `Schedule`, and limits of time.
 *
 *     npm run example -- retry-and-timeout     about this repository, with your Codex account
 *
 * A failed run is tried again only if another try may succeed, and, unless the policy says otherwise, only if the
 * agent did nothing yet. When a limit passes, the agent and all that it started are gone before the program goes on.
 */
import * as Codex from "@effect-codex/core/Codex"
import * as CodexHook from "@effect-codex/core/CodexHook"
import * as CodexRetry from "@effect-codex/core/CodexRetry"
import * as NodeCodex from "@effect-codex/node/NodeCodex"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"

/** For every run of the client: up to three more tries, after about 1, 2 and 4 seconds. */
export const layerRetry = CodexRetry.layer(
  CodexRetry.make({ schedule: CodexRetry.exponential({ initial: "1 second", times: 3 }) })
)

/** Tells of every retry. */
export const layerTell = CodexHook.layer((event) =>
  event.type === "retry.scheduled"
    ? Console.log(`Trying again in ${Duration.toSeconds(event.retryDelay).toFixed(0)} s. ${event.message}`)
    : Effect.void
)

/** For a single run: twice more, 10 seconds apart, and even if the agent had begun to work. It only reads. */
const patient = CodexRetry.make({
  schedule: Schedule.spaced("10 seconds").pipe(Schedule.upTo({ times: 2 })),
  while: CodexRetry.evenAfterWork
})

export const program = Effect.gen(function*() {
  const commit = yield* Codex.run("Explain the last commit")
  yield* Console.log(commit.finalMessage)

  // Without progress for two minutes, a try counts as failed.
  const slowest = yield* Codex.run("Find the slowest test", { idleTimeout: "2 minutes", retry: patient })
  yield* Console.log(slowest.finalMessage)

  // `timeout` would limit each try; this limits all tries together, and the time between them.
  yield* Codex.run("Find every bug in this repository").pipe(
    Effect.timeout("10 minutes"),
    Effect.flatMap((bugs) => Console.log(bugs.finalMessage)),
    Effect.catchTag("TimeoutError", () => Console.log("There are more than one finds in 10 minutes"))
  )
})

if (import.meta.main) {
  const layer = NodeCodex.layer({ sandbox: "read-only", idleTimeout: "5 minutes" }).pipe(
    Layer.provide([layerRetry, layerTell])
  )
  program.pipe(Effect.provide(layer), NodeRuntime.runMain)
}
