/** A process in place of an app-server, which the test plays. */
import * as CodexCli from "@effect-codex/core/CodexCli"
import * as ProcessGuard from "@effect-codex/core/ProcessGuard"
import type * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as PlatformError from "effect/PlatformError"
import type * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"

export interface Options {
  /** What it does when its stdin ends; default: it exits with 0. */
  readonly onEnd?: (process: ServerProcess) => Effect.Effect<unknown>
  /** Whether somebody else has its pipes open when it has ended. */
  readonly leavesPipes?: boolean
  /** The signals that it ignores. */
  readonly ignores?: ReadonlyArray<string>
}

export interface ServerProcess {
  /** As a pipe does, it holds little. */
  readonly stdout: Queue.Queue<Uint8Array, PlatformError.PlatformError | Cause.Done>
  readonly stderr: Queue.Queue<Uint8Array, PlatformError.PlatformError | Cause.Done>
  readonly exit: (how: number | string) => Effect.Effect<void>
}

export const failure = (message: string) =>
  PlatformError.systemError({ _tag: "Unknown", module: "ChildProcess", method: "test", cause: new Error(message) })

export const make = Effect.fnUntraced(function*(options: Options = {}) {
  const stdout = yield* Queue.bounded<Uint8Array, PlatformError.PlatformError | Cause.Done>(1)
  const stderr = yield* Queue.bounded<Uint8Array, PlatformError.PlatformError | Cause.Done>(1)
  const ending = yield* Deferred.make<number | string>()
  /** What happened to it, in order. */
  const events: Array<string> = []
  const commands: Array<ChildProcess.StandardCommand> = []
  let stdin = ""

  const process: ServerProcess = {
    stdout,
    stderr,
    exit: (how) =>
      Effect.gen(function*() {
        yield* Deferred.succeed(ending, how)
        if (options.leavesPipes === true) return
        yield* Queue.end(stdout)
        yield* Queue.end(stderr)
      })
  }
  const note = (event: string) => Effect.sync(() => void events.push(event))
  const signal = (name: string) =>
    Effect.andThen(note(name), options.ignores?.includes(name) === true ? Effect.void : process.exit(name))

  const spawn = (command: ChildProcess.Command) =>
    Effect.suspend(() => {
      if (command._tag === "StandardCommand") commands.push(command)
      return Effect.succeed(ChildProcessSpawner.makeHandle({
        pid: ChildProcessSpawner.ProcessId(42),
        exitCode: Effect.flatMap(Deferred.await(ending), (how) =>
          typeof how === "number"
            ? Effect.succeed(ChildProcessSpawner.ExitCode(how))
            : Effect.fail(failure(`receipt of signal: '${how}'`))),
        isRunning: Effect.map(Deferred.isDone(ending), (done) => !done),
        kill: Effect.fnUntraced(function*(options) {
          yield* signal(options?.killSignal ?? "SIGTERM")
          if (options?.forceKillAfter !== undefined) {
            yield* Deferred.await(ending).pipe(Effect.timeoutOrElse({
              duration: options.forceKillAfter,
              orElse: () => signal("SIGKILL")
            }))
          }
          yield* Deferred.await(ending)
        }),
        stdin: Sink.forEach((bytes: Uint8Array) =>
          Effect.sync(() => {
            stdin += new TextDecoder().decode(bytes)
          })
        ).pipe(
          Sink.ensuring(
            Effect.suspend(() =>
              events.includes("EOF")
                ? Effect.void
                : Effect.andThen(note("EOF"), Effect.forkDetach(options.onEnd?.(process) ?? process.exit(0)))
            )
          )
        ),
        stdout: Stream.fromQueue(stdout),
        stderr: Stream.fromQueue(stderr),
        all: Stream.empty,
        getInputFd: () => Sink.drain,
        getOutputFd: () => Stream.empty,
        unref: Effect.succeed(Effect.void)
      }))
    })

  return {
    ...process,
    events,
    commands,
    stdin: Effect.sync(() => stdin),
    provide: <A, E, R>(effect: Effect.Effect<A, E, R>) =>
      effect.pipe(
        Effect.provideService(ChildProcessSpawner.ChildProcessSpawner, ChildProcessSpawner.make(spawn)),
        Effect.provideService(CodexCli.CodexCli, {
          command: "codex",
          args: ["before"],
          env: { KEY: Redacted.make("sk-secret"), OTHER: "plain" },
          extendEnv: false
        }),
        Effect.provideService(ProcessGuard.ProcessGuard, {
          guard: Effect.acquireRelease(
            Effect.succeed({
              env: { MARK: "tree" },
              attach: (pid: number) => note(`attach ${pid}`),
              record: (pid: number) => note(`record ${pid}`),
              sweep: note("sweep")
            }),
            ({ sweep }) => sweep
          )
        })
      )
  }
})
