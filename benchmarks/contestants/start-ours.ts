import * as Codex from "@effect-codex/core/Codex"
import * as NodeCodex from "@effect-codex/node/NodeCodex"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

let seen = 0
const program = Codex.stream("Hello", { skipGitRepoCheck: true }).pipe(
  Stream.runForEach(() =>
    Effect.sync(() => {
      if (seen++ === 0) process.stdout.write("1")
    })
  )
)

program.pipe(Effect.provide(NodeCodex.layer()), NodeRuntime.runMain)
