/**
 * Runs a fake process: what it does is an Effect, and it ends as a process does.
 *
 * @internal
 */
import type * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as PlatformError from "effect/PlatformError"
import type * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Queue from "effect/Queue"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"

// =============================================================================
// Models
// =============================================================================

export type Ending = { readonly code: number } | { readonly signal: string }

/** What a process does. At its end it exits with 0. */
export interface Program {
  readonly run: (stdio: Stdio) => Effect.Effect<unknown>
  /** Whether it reads a stdin that is written to while it runs. Otherwise it reads what it is given at once, if anything. */
  readonly talks: boolean
  /** How it ends at a signal, if it does. Nothing ignores SIGKILL. */
  readonly on: (signal: string) => Ending | undefined
}

/** What a process has. */
export interface Stdio {
  readonly args: ReadonlyArray<string>
  readonly cwd: string | undefined
  /** Its stdin, to be read once. */
  readonly input: Stream.Stream<Uint8Array>
  readonly print: (bytes: string | Uint8Array) => Effect.Effect<void>
  readonly printError: (text: string) => Effect.Effect<void>
  readonly end: (how: Ending) => Effect.Effect<never>
}

/** Who looks at it. */
export interface Watcher {
  readonly read: (text: string) => Effect.Effect<void>
  readonly signalled: (signal: string) => Effect.Effect<void>
  readonly ended: Effect.Effect<void>
}

// =============================================================================
// Constructors
// =============================================================================

export const run = Effect.fnUntraced(function*(
  program: Program,
  command: ChildProcess.StandardCommand,
  args: ReadonlyArray<string>,
  pid: number,
  watcher: Watcher
) {
  const { cwd, stdin } = command.options
  // As a pipe does, these hold little: who does not read them stops the process.
  const stdout = yield* Queue.bounded<Uint8Array, PlatformError.PlatformError | Cause.Done>(1)
  const stderr = yield* Queue.bounded<Uint8Array, PlatformError.PlatformError | Cause.Done>(1)
  const written = yield* Queue.bounded<Uint8Array, Cause.Done>(1)
  const ending = yield* Deferred.make<Ending>()

  const end = (how: Ending) =>
    Effect.gen(function*() {
      if (!(yield* Deferred.succeed(ending, how))) return
      yield* watcher.ended
      yield* Queue.end(stdout)
      yield* Queue.end(stderr)
      yield* Queue.end(written)
    }).pipe(Effect.uninterruptible)

  const input = Stream.isStream(stdin)
    ? Stream.catchCause(stdin, () => Stream.empty)
    : program.talks
    ? Stream.fromQueue(written)
    : Stream.empty
  const decoder = new TextDecoder()

  const life = yield* program.run({
    args,
    cwd,
    input: Stream.tap(input, (bytes) => watcher.read(decoder.decode(bytes, { stream: true }))),
    print: (bytes) => Effect.asVoid(Queue.offer(stdout, typeof bytes === "string" ? encoder.encode(bytes) : bytes)),
    printError: (text) => Effect.asVoid(Queue.offer(stderr, encoder.encode(text))),
    end: (how) => Effect.andThen(end(how), Effect.never)
  }).pipe(
    Effect.andThen(end({ code: 0 })),
    Effect.raceFirst(Deferred.await(ending)),
    Effect.forkScoped
  )

  const signal = (name: string) =>
    Effect.gen(function*() {
      if (yield* Deferred.isDone(ending)) return
      yield* watcher.signalled(name)
      const how = name === "SIGKILL" ? { signal: name } : program.on(name)
      if (how !== undefined) yield* end(how)
    })

  const kill = Effect.fnUntraced(function*(options?: ChildProcess.KillOptions) {
    yield* signal(options?.killSignal ?? "SIGTERM")
    if (options?.forceKillAfter !== undefined) {
      yield* Deferred.await(ending).pipe(Effect.timeoutOrElse({
        duration: options.forceKillAfter,
        orElse: () => signal("SIGKILL")
      }))
    }
    yield* Deferred.await(ending)
    yield* Fiber.await(life)
  })

  yield* Effect.addFinalizer(() => signal("SIGKILL"))

  return ChildProcessSpawner.makeHandle({
    pid: ChildProcessSpawner.ProcessId(pid),
    exitCode: Effect.flatMap(
      Deferred.await(ending),
      (ending) =>
        "code" in ending
          ? Effect.succeed(ChildProcessSpawner.ExitCode(ending.code))
          : Effect.fail(diedOf(ending.signal))
    ),
    isRunning: Effect.map(Deferred.isDone(ending), (done) => !done),
    kill,
    stdin: program.talks
      ? Sink.forEach((bytes: Uint8Array) => Queue.offer(written, bytes)).pipe(Sink.ensuring(Queue.end(written)))
      : Sink.drain,
    stdout: Stream.fromQueue(stdout),
    stderr: Stream.fromQueue(stderr),
    all: Stream.merge(Stream.fromQueue(stdout), Stream.fromQueue(stderr)),
    getInputFd: () => Sink.drain,
    getOutputFd: () => Stream.empty,
    unref: Effect.succeed(Effect.void)
  })
})

// =============================================================================
// Internals
// =============================================================================

const encoder = new TextEncoder()

// In the words of `@effect/platform-node`, whose only sign of a signal they are.
const diedOf = (signal: string): PlatformError.PlatformError =>
  PlatformError.systemError({
    _tag: "Unknown",
    module: "ChildProcess",
    method: "exitCode",
    cause: new Error(`Process interrupted due to receipt of signal: '${signal}'`)
  })
