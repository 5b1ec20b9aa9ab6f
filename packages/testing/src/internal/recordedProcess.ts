/**
 * A process whose words are recorded while they pass.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as PlatformError from "effect/PlatformError"
import * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { secret } from "./cassettePatterns.ts"
import type { Track } from "./tape.ts"

/** The arguments as one may show them. */
export const argsOf = ({ args }: ChildProcess.StandardCommand): ReadonlyArray<string> =>
  args.map((arg) => Redacted.isRedacted(arg) ? secret : arg)

/** Whether a command speaks one of the two languages, and which; arguments before it are those of a wrapper. */
export const languageOf = (args: ReadonlyArray<string>) => {
  const index = args.findIndex((arg, index) =>
    arg === "app-server" || (arg === "exec" && args.indexOf("--json", index) !== -1)
  )
  return index === -1
    ? undefined
    : { kind: args[index] === "exec" ? "exec" as const : "app-server" as const, args: args.slice(index + 1), index }
}

export const spawn = Effect.fnUntraced(function*(
  spawner: ChildProcessSpawner.ChildProcessSpawner["Service"],
  command: ChildProcess.StandardCommand,
  track: Track
): Effect.fn.Return<ChildProcessSpawner.ChildProcessHandle, PlatformError.PlatformError, Scope.Scope> {
  const { stdin } = command.options
  const ending = { at: 0, isKnown: false, isTold: false }
  let unread = 2
  let isOver = false
  let status: { readonly code?: number; readonly signal?: string } = {}
  const tell = () => {
    if (!ending.isKnown || ending.isTold) return
    ending.isTold = true
    track.end("received")
    track.stderrEnd()
    track.add({ type: "exit", ...status }, ending.at)
  }
  const isRead = Effect.sync(() => {
    unread--
    if (unread === 0) tell()
  })
  let waitForEnd: Effect.Effect<void> = Effect.void
  // Before the process's own finalizer is added, which ends it.
  yield* Effect.addFinalizer(() =>
    Effect.andThen(Effect.timeoutOption(Effect.interruptible(waitForEnd), "1 second"), Effect.sync(tell))
  )

  const handle = yield* spawner.spawn(
    Stream.isStream(stdin)
      ? ChildProcess.make(command.command, command.args, { ...command.options, stdin: recordedInput(stdin, track) })
      : command
  ).pipe(Effect.tapError((error) => Effect.sync(() => track.refused(error))))

  waitForEnd = Effect.exit(handle.exitCode).pipe(
    Effect.flatMap((exit) =>
      Effect.map(Clock.currentTimeMillis, (at) => {
        if (ending.isKnown) return
        status = statusOf(exit)
        ending.at = at
        ending.isKnown = true
        if (unread === 0) tell()
      })
    )
  )
  yield* Effect.forkScoped(waitForEnd)

  return ChildProcessSpawner.makeHandle({
    ...handle,
    kill: (options) =>
      Effect.suspend(() => {
        // One that has closed its output is about to end by itself.
        if (!ending.isKnown && !isOver) track.add({ type: "signal", signal: options?.killSignal ?? "SIGTERM" })
        return handle.kill(options)
      }),
    stdin: Sink.mapInputArray(handle.stdin, (chunks) => {
      for (const bytes of chunks) track.bytes("sent", bytes)
      return chunks
    }),
    stdout: handle.stdout.pipe(
      Stream.mapArray((chunks) => {
        for (const bytes of chunks) track.bytes("received", bytes)
        return chunks
      }),
      Stream.onEnd(Effect.sync(() => {
        isOver = true
      })),
      Stream.ensuring(isRead)
    ),
    stderr: handle.stderr.pipe(
      Stream.mapArray((chunks) => {
        for (const bytes of chunks) track.stderr(bytes)
        return chunks
      }),
      Stream.ensuring(isRead)
    )
  })
})

const recordedInput = <E>(stdin: Stream.Stream<Uint8Array, E>, track: Track): Stream.Stream<Uint8Array, E> =>
  Stream.suspend(() => {
    const decoder = new TextDecoder()
    const texts: Array<string> = []
    return stdin.pipe(
      Stream.mapArray((chunks) => {
        for (const bytes of chunks) texts.push(decoder.decode(bytes, { stream: true }))
        return chunks
      }),
      // Before its end is told, after which anything may come.
      Stream.onEnd(Effect.sync(() => track.text("sent", texts.join("") + decoder.decode())))
    )
  })

const statusOf = (exit: Exit.Exit<ChildProcessSpawner.ExitCode, PlatformError.PlatformError>) => {
  if (Exit.isSuccess(exit)) return { code: exit.value }
  // Effect reports death by a signal as an error that names it.
  const signal = /\bSIG[A-Z0-9]+\b/.exec(String(exit.cause))
  return signal === null ? {} : { signal: signal[0] }
}
