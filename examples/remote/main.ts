/**
 * An agent that works on another machine, and says here what it says while it says it.
 *
 * There, with a token of your own in a file:
 *
 *     codex app-server --listen ws://127.0.0.1:4500 --ws-auth capability-token --ws-token-file /home/me/codex.token
 *
 * Here, over a tunnel (`ssh -L 4500:127.0.0.1:4500 there`), as `ws://` hides nothing from the network:
 *
 *     CODEX_REMOTE_URL=ws://127.0.0.1:4500 CODEX_REMOTE_TOKEN=... npm run example -- remote "your prompt"
 *
 * The account, the files and the commands are those of there.
 */
import * as Codex from "@effect-codex/core/Codex"
import * as CodexError from "@effect-codex/core/CodexError"
import type { CodexEvent } from "@effect-codex/core/CodexEvent"
import * as CodexRetry from "@effect-codex/core/CodexRetry"
import * as NodeCodex from "@effect-codex/node/NodeCodex"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeStdio from "@effect/platform-node/NodeStdio"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"

/** What an event adds to what is said. */
const said = (event: CodexEvent): string => {
  switch (event.type) {
    case "item.delta":
      return event.kind === "text" ? event.delta : ""
    case "item.completed":
      return event.item.type === "agent_message" ? "\n" : ""
    default:
      return ""
  }
}

export const program = Effect.fn("remote")(function*(prompt: string) {
  const stdio = yield* Stdio.Stdio
  yield* Codex.stream(prompt).pipe(Stream.map(said), Stream.run(stdio.stdout()))
})

/**
 * A connection that was lost is made again for the next turn. A turn that finds nobody there is tried again by
 * `CodexRetry`; one whose connection is lost on the way fails, as the agent may have done something by then.
 */
export const layer = Layer.unwrap(Effect.gen(function*() {
  const url = yield* Config.String("CODEX_REMOTE_URL")
  const token = yield* Config.Redacted("CODEX_REMOTE_TOKEN")
  return NodeCodex.layerRemote({ url, token, sandbox: "read-only", idleTimeout: "5 minutes" })
})).pipe(
  Layer.provide(CodexRetry.layer(CodexRetry.make({ schedule: CodexRetry.exponential({ times: 5 }) })))
)

/** What went wrong, and what helps. */
const inWords = (error: Error): string =>
  CodexError.isCodexError(error) && error.reason._tag === "Unauthorized"
    ? `The app-server at ${error.reason.address} refused the token: ` +
      "set CODEX_REMOTE_TOKEN to what is in its --ws-token-file"
    : error.message

if (import.meta.main) {
  program(process.argv[2] ?? "Which repository is this, and what was done last?").pipe(
    Effect.provide([layer, NodeStdio.layer]),
    // In words, and without a stack.
    Effect.tapError((error) => Console.error(`error: ${inWords(error)}`)),
    NodeRuntime.runMain({ disableErrorReporting: true })
  )
}
