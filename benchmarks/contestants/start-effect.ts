/**
 * What whoever writes Effect pays already: the same spawner and the same runtime, without us.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Stream from "effect/Stream"

let seen = 0
const program = Effect.gen(function*() {
  const child = yield* ChildProcess.make(process.env["CODEX_PATH"] ?? "codex", ["exec", "--json", "-"], {
    stdin: Stream.encodeText(Stream.succeed("Hello"))
  })
  yield* child.stdout.pipe(
    Stream.decodeText,
    Stream.splitLines,
    Stream.runForEach((line) =>
      Effect.sync(() => {
        JSON.parse(line)
        if (seen++ === 0) process.stdout.write("1")
      })
    )
  )
})

program.pipe(Effect.scoped, Effect.provide(NodeServices.layer), NodeRuntime.runMain)
