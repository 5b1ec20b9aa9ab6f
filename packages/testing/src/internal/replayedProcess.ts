/**
 * A process that a cassette plays.
 *
 * @internal
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as PlatformError from "effect/PlatformError"
import type * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import type { Ending, Player } from "./cassettePlayer.ts"
import { LineCutter } from "./lineCutter.ts"

export const make = Effect.fnUntraced(function*(player: Player, pid: number) {
  const { ending } = player
  const lines = new LineCutter()
  const kill = Effect.fnUntraced(function*({ killSignal = "SIGTERM" }: ChildProcess.KillOptions = {}) {
    yield* player.end(killSignal === "SIGINT" ? { code: 1 } : { signal: killSignal })
  })
  yield* Effect.addFinalizer(() => kill({ killSignal: "SIGKILL" }))
  return ChildProcessSpawner.makeHandle({
    pid: ChildProcessSpawner.ProcessId(pid),
    exitCode: Effect.flatMap(Deferred.await(ending), exitCode),
    isRunning: Effect.map(Deferred.isDone(ending), (done) => !done),
    kill,
    stdin: Sink.onExit(
      Sink.forEach((bytes: Uint8Array) => Effect.forEach(lines.push(bytes), player.send, { discard: true })),
      () => player.end({ code: 0 })
    ),
    stdout: bytesOf(player.stdout),
    stderr: bytesOf(player.stderr),
    all: Stream.merge(bytesOf(player.stdout), bytesOf(player.stderr)),
    getInputFd: () => Sink.drain,
    getOutputFd: () => Stream.empty,
    unref: Effect.succeed(Effect.void)
  })
})

const bytesOf = (texts: Player["stdout"]) => Stream.encodeText(Stream.fromQueue(texts))

const exitCode = ({ code = 0, signal }: Ending) =>
  signal === undefined ? Effect.succeed(ChildProcessSpawner.ExitCode(code)) : Effect.fail(diedOf(signal))

// In the words of `@effect/platform-node`, whose only sign of a signal they are.
const diedOf = (signal: string): PlatformError.PlatformError =>
  PlatformError.systemError({
    _tag: "Unknown",
    module: "ChildProcess",
    method: "exitCode",
    cause: new Error(`Process interrupted due to receipt of signal: '${signal}'`)
  })
