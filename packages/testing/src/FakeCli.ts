/**
 * A fake Codex CLI, for tests of programs that run Codex: no process, no network, and time under `TestClock`.
 *
 * It stands where processes are spawned, so that the real transport runs over it, unchanged.
 *
 * **Example** (A test)
 *
 * ```ts
 * import * as Codex from "@effect-codex/core/Codex"
 * import * as FakeCli from "@effect-codex/testing/FakeCli"
 * import * as FakeProcess from "@effect-codex/testing/FakeProcess"
 * import { assert, it } from "@effect/vitest"
 * import * as Effect from "effect/Effect"
 *
 * it.effect("answers", () =>
 *   Effect.gen(function*() {
 *     const turn = yield* Codex.run("What is the answer?")
 *     assert.strictEqual(turn.finalMessage, "42")
 *
 *     const cli = yield* FakeCli.FakeCli
 *     const [invocation] = yield* cli.invocations
 *     assert.strictEqual(invocation?.stdin, "What is the answer?")
 *   }).pipe(Effect.provide(FakeCli.layer([FakeProcess.turn({ message: "42" })]))))
 * ```
 *
 * @since 0.1.0
 */
import * as Codex from "@effect-codex/core/Codex"
import * as CodexCli from "@effect-codex/core/CodexCli"
import type { ThreadStarted } from "@effect-codex/core/CodexEvent"
import type { CodexOptions } from "@effect-codex/core/CodexOptions"
import * as ExecTransport from "@effect-codex/core/exec/ExecTransport"
import * as ProcessGuard from "@effect-codex/core/ProcessGuard"
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as PlatformError from "effect/PlatformError"
import type * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import type { FakeProcess, Step } from "./FakeProcess.ts"
import * as FakeFiles from "./internal/fakeFiles.ts"

// =============================================================================
// Models
// =============================================================================

/**
 * What a fake process was given, and what became of it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Invocation {
  readonly command: string
  /** A secret among them is shown as `<redacted>`. */
  readonly args: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string | Redacted.Redacted<string> | undefined>>
  readonly cwd: string | undefined
  /** The text files that were written for it, such as the schema of its output, by path. */
  readonly files: Readonly<Record<string, string>>
  /** What it has read from its stdin. */
  readonly stdin: string
  /** The signals that it was sent, in order. */
  readonly signals: ReadonlyArray<string>
  readonly running: boolean
}

/**
 * What the CLI does each time that it is started: a process for each start in order, or the choice by what it was
 * given. A start beyond the end of a list fails.
 *
 * @category models
 * @since 0.1.0
 */
export type Script =
  | ReadonlyArray<FakeProcess | PlatformError.PlatformError>
  | ((invocation: Invocation, index: number) => FakeProcess | PlatformError.PlatformError)

// =============================================================================
// Service
// =============================================================================

/**
 * The fake CLI, to look at what it was given.
 *
 * @category services
 * @since 0.1.0
 */
export class FakeCli extends Context.Service<FakeCli, {
  /** Every start so far, in order. */
  readonly invocations: Effect.Effect<ReadonlyArray<Invocation>>
  /**
   * Goes on when all has happened that can happen without the clock. `TestClock.adjust` right after a fork moves the
   * clock before the fork has got to its first wait.
   */
  readonly settled: Effect.Effect<void>
}>()("@effect-codex/testing/FakeCli") {}

// =============================================================================
// Layers
// =============================================================================

/**
 * Provides a process spawner all of whose processes are fake, and a file system for what they are given: every file
 * can be read, and what is written is kept in memory.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerSpawner = (
  script: Script
): Layer.Layer<FakeCli | ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem> =>
  Layer.effectContext(Effect.suspend(() => {
    const files = new Map<string, string>()
    return Effect.map(make(script, files), Context.add(FileSystem.FileSystem, FakeFiles.make(files)))
  }))

/**
 * Provides `Codex` by the exec transport over a fake CLI. `defaults` are the options of every run.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  script: Script,
  defaults?: CodexOptions & ExecTransport.ExecOptions & { readonly cli?: Partial<CodexCli.CodexCliConfig> | undefined }
): Layer.Layer<Codex.Codex | FakeCli> => {
  const { cli, interruptGrace, maxLineBytes, ...options } = defaults ?? {}
  return Layer.merge(
    Codex.layer(options).pipe(
      Layer.provide(ExecTransport.layer({ interruptGrace, maxLineBytes })),
      Layer.provide([Layer.succeed(CodexCli.CodexCli, { command: "codex", ...cli }), ProcessGuard.layerNoop])
    ),
    Layer.effect(FakeCli, FakeCli)
    // What is fake for Codex is not to replace what the test has of its own.
  ).pipe(Layer.provide(layerSpawner(script)))
}

// =============================================================================
// Internals
// =============================================================================

// Nothing here waits for anything but other fibers, each of which gets its turn in a round. An event needs some
// ten rounds from the process to the consumer.
const roundsToSettle = 500

type Ending = { readonly code: number } | { readonly signal: string }

const make = Effect.fnUntraced(function*(script: Script, files: ReadonlyMap<string, string>) {
  // The first run with an `output` loads it, for which `settled` could not wait.
  yield* Effect.promise(() => import("@effect-codex/core/CodexOutput"))
  const started: Array<Ref.Ref<Invocation>> = []

  const spawn = Effect.fnUntraced(function*(command: ChildProcess.Command) {
    if (command._tag === "PipedCommand") return yield* refused("a fake CLI runs no pipelines")
    const { options } = command
    const invocation = yield* Ref.make<Invocation>({
      command: command.command,
      args: command.args.map((arg) => Redacted.isRedacted(arg) ? "<redacted>" : arg),
      env: options.env ?? {},
      cwd: options.cwd,
      files: Object.fromEntries(files),
      stdin: "",
      signals: [],
      running: true
    })
    const index = started.push(invocation) - 1
    const process = typeof script === "function" ? script(yield* Ref.get(invocation), index) : script[index]
    if (process === undefined) return yield* refused(`the script has no process ${index + 1}`)
    if (PlatformError.isPlatformError(process)) return yield* process
    return yield* run(process, invocation, index, options.stdin)
  })

  return Context.make(ChildProcessSpawner.ChildProcessSpawner, ChildProcessSpawner.make(spawn)).pipe(
    Context.add(FakeCli, {
      invocations: Effect.suspend(() => Effect.forEach(started, Ref.get)),
      settled: Effect.repeat(Effect.yieldNow, { times: roundsToSettle })
    })
  )
})

const run = Effect.fnUntraced(function*(
  process: FakeProcess,
  invocation: Ref.Ref<Invocation>,
  index: number,
  input: ChildProcess.CommandOptions["stdin"]
) {
  // As a pipe does, these hold little: who does not read them stops the process.
  const stdout = yield* Queue.bounded<Uint8Array, PlatformError.PlatformError | Cause.Done>(1)
  const stderr = yield* Queue.bounded<Uint8Array, PlatformError.PlatformError | Cause.Done>(1)
  const ending = yield* Deferred.make<Ending>()

  const end = (how: Ending) =>
    Effect.gen(function*() {
      if (!(yield* Deferred.succeed(ending, how))) return
      yield* Ref.update(invocation, (invocation) => ({ ...invocation, running: false }))
      yield* Queue.end(stdout)
      yield* Queue.end(stderr)
    }).pipe(Effect.uninterruptible)

  const read = Stream.isStream(input) && process.readsStdin !== false
    ? Stream.runForEach(
      Stream.decodeText(input),
      (text) => Ref.update(invocation, (invocation) => ({ ...invocation, stdin: invocation.stdin + text }))
    )
    : Effect.void

  const print = (bytes: string | Uint8Array) =>
    Queue.offer(stdout, typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes)

  const take = (step: Step): Effect.Effect<unknown> => {
    switch (step._tag) {
      case "Thread":
        return Effect.flatMap(Ref.get(invocation), ({ args }) => {
          const event: ThreadStarted = { type: "thread.started", thread_id: resumed(args) ?? ownThread(index) }
          return print(`${JSON.stringify(event)}\n`)
        })
      case "Stdout":
        return print(step.bytes)
      case "Stderr":
        return Queue.offer(stderr, new TextEncoder().encode(step.text))
      case "Delay":
        return Effect.sleep(step.duration)
      case "Hang":
        return Effect.never
      case "Exit":
        return Effect.andThen(end({ code: step.code }), Effect.never)
      case "Signal":
        return Effect.andThen(end({ signal: step.signal }), Effect.never)
    }
  }

  const life = yield* Effect.ignore(read).pipe(
    Effect.andThen(Effect.forEach(process.steps, take, { discard: true })),
    Effect.andThen(end({ code: 0 })),
    Effect.raceFirst(Deferred.await(ending)),
    Effect.forkScoped
  )

  const signal = (name: string) =>
    Effect.gen(function*() {
      if (yield* Deferred.isDone(ending)) return
      yield* Ref.update(invocation, (invocation) => ({ ...invocation, signals: [...invocation.signals, name] }))
      if (name !== "SIGKILL" && process.ignores?.includes(name) === true) return
      yield* end(name === "SIGINT" ? { code: 1 } : { signal: name })
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
    pid: ChildProcessSpawner.ProcessId(1_000_000 + index),
    exitCode: Effect.flatMap(
      Deferred.await(ending),
      (ending) =>
        "code" in ending
          ? Effect.succeed(ChildProcessSpawner.ExitCode(ending.code))
          : Effect.fail(diedOf(ending.signal))
    ),
    isRunning: Effect.map(Deferred.isDone(ending), (done) => !done),
    kill,
    stdin: Sink.drain,
    stdout: Stream.fromQueue(stdout),
    stderr: Stream.fromQueue(stderr),
    all: Stream.merge(Stream.fromQueue(stdout), Stream.fromQueue(stderr)),
    getInputFd: () => Sink.drain,
    getOutputFd: () => Stream.empty,
    unref: Effect.succeed(Effect.void)
  })
})

const resumed = (args: ReadonlyArray<string>): string | undefined => {
  const index = args.indexOf("resume")
  return index === -1 ? undefined : args[index + 1]
}

const ownThread = (index: number): string => `00000000-0000-7000-8000-${String(index + 1).padStart(12, "0")}`

const refused = (description: string): PlatformError.PlatformError =>
  PlatformError.systemError({ _tag: "NotFound", module: "FakeCli", method: "spawn", description })

// In the words of `@effect/platform-node`, whose only sign of a signal they are.
const diedOf = (signal: string): PlatformError.PlatformError =>
  PlatformError.systemError({
    _tag: "Unknown",
    module: "ChildProcess",
    method: "exitCode",
    cause: new Error(`Process interrupted due to receipt of signal: '${signal}'`)
  })
