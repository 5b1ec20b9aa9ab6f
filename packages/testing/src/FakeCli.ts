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
import type { CodexTransport } from "@effect-codex/core/CodexTransport"
import * as ExecTransport from "@effect-codex/core/exec/ExecTransport"
import * as ProcessGuard from "@effect-codex/core/ProcessGuard"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as PlatformError from "effect/PlatformError"
import type * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import type { CodexScript } from "./CodexScript.ts"
import type { FakeProcess, Step } from "./FakeProcess.ts"
import * as FakeFiles from "./internal/fakeFiles.ts"
import * as FakeProcesses from "./internal/fakeProcess.ts"
import type { Program } from "./internal/fakeProcess.ts"
import * as ScriptExec from "./internal/scriptExec.ts"
import * as ScriptServer from "./internal/scriptServer.ts"
import { Threads } from "./internal/scriptThreads.ts"

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
 * Or what Codex does, by a `CodexScript`: then it is a CLI that runs `codex exec` and `codex app-server`, and all its
 * processes have the same threads.
 *
 * @category models
 * @since 0.1.0
 */
export type Script =
  | ReadonlyArray<FakeProcess | PlatformError.PlatformError>
  | ((invocation: Invocation, index: number) => FakeProcess | PlatformError.PlatformError)
  | CodexScript

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
  const transport = layerTransport(script, { cli, interruptGrace, maxLineBytes })
  return Layer.merge(Codex.layer(options), Layer.effect(FakeCli, FakeCli)).pipe(Layer.provide(transport))
}

/**
 * Provides the exec transport over a fake CLI, for what is built on any transport: `CodexLaws.layer`, for instance.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerTransport = (
  script: Script,
  options?: ExecTransport.ExecOptions & { readonly cli?: Partial<CodexCli.CodexCliConfig> | undefined }
): Layer.Layer<CodexTransport | FakeCli> => {
  const { cli, ...exec } = options ?? {}
  return Layer.merge(
    Layer.provide(ExecTransport.layer(exec), [
      Layer.succeed(CodexCli.CodexCli, { command: "codex", ...cli }),
      ProcessGuard.layerNoop
    ]),
    Layer.effect(FakeCli, FakeCli)
    // What is fake for Codex is not to replace what the test has of its own.
  ).pipe(Layer.provide(layerSpawner(script)))
}

// =============================================================================
// Time
// =============================================================================

/**
 * Runs a program under `TestClock`, and lets time pass, step by step, until it is over. It dies if that takes longer
 * than the limit. For what takes real time, such as a file that is read, no time is left: it may see hours pass.
 *
 * **Example** (A turn that hangs, and the limit that ends it)
 *
 * ```ts
 * import * as Codex from "@effect-codex/core/Codex"
 * import * as CodexScript from "@effect-codex/testing/CodexScript"
 * import * as FakeCli from "@effect-codex/testing/FakeCli"
 * import { assert, it } from "@effect/vitest"
 * import * as Effect from "effect/Effect"
 *
 * it.effect("gives up after five minutes", () =>
 *   Effect.gen(function*() {
 *     const program = Effect.flip(Codex.run("Hang", { timeout: "5 minutes" }))
 *     const { reason } = yield* FakeCli.passTime(program)
 *     assert.strictEqual(reason._tag, "TimedOut")
 *   }).pipe(Effect.provide(FakeCli.layer(CodexScript.make([CodexScript.turn(CodexScript.hang)])))))
 * ```
 *
 * @category time
 * @since 0.1.0
 */
export const passTime: {
  <A, E, R>(
    program: Effect.Effect<A, E, R>,
    options?: {
      /** How exact it is (default 1 second). */
      readonly step?: Duration.Input | undefined
      /** Default 1 hour. */
      readonly limit?: Duration.Input | undefined
    }
  ): Effect.Effect<A, E, R>
} = Effect.fnUntraced(function*<A, E, R>(
  program: Effect.Effect<A, E, R>,
  options?: { readonly step?: Duration.Input | undefined; readonly limit?: Duration.Input | undefined }
) {
  const { limit = "1 hour", step = "1 second" } = options ?? {}
  const end = (yield* Clock.currentTimeMillis) + Duration.toMillis(Duration.fromInputUnsafe(limit))
  const fiber = yield* Effect.forkChild(program)
  yield* settled
  while (fiber.pollUnsafe() === undefined) {
    if ((yield* Clock.currentTimeMillis) >= end) {
      return yield* Effect.die(
        new Error(`FakeCli.passTime: not over in ${Duration.format(Duration.fromInputUnsafe(limit))}`)
      )
    }
    yield* TestClock.adjust(step)
    // Of what it has woken it has seen the most part itself.
    yield* Effect.repeat(Effect.yieldNow, { times: 50 })
  }
  return yield* Fiber.join(fiber)
})

// =============================================================================
// Internals
// =============================================================================

// Nothing here waits for anything but other fibers, each of which gets its turn in a round. An event needs some
// ten rounds from the process to the consumer.
const settled = Effect.repeat(Effect.yieldNow, { times: 500 })

const make = Effect.fnUntraced(function*(script: Script, files: ReadonlyMap<string, string>) {
  // The first run with an `output` loads it, for which `settled` could not wait.
  yield* Effect.promise(() => import("@effect-codex/core/CodexOutput"))
  const started: Array<Ref.Ref<Invocation>> = []
  const choose = chooser(script)

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
    const process = choose(yield* Ref.get(invocation), index) ?? refused(`the script has no process ${index + 1}`)
    const update = (change: (invocation: Invocation) => Partial<Invocation>) =>
      Ref.update(invocation, (invocation) => ({ ...invocation, ...change(invocation) }))
    if (PlatformError.isPlatformError(process)) {
      yield* update(() => ({ running: false }))
      return yield* process
    }
    const program = "run" in process ? process : programOf(process, index)
    return yield* FakeProcesses.run(program, command, (yield* Ref.get(invocation)).args, 1_000_000 + index, {
      read: (text) => update(({ stdin }) => ({ stdin: stdin + text })),
      signalled: (signal) => update(({ signals }) => ({ signals: [...signals, signal] })),
      ended: update(() => ({ running: false }))
    })
  })

  return Context.make(ChildProcessSpawner.ChildProcessSpawner, ChildProcessSpawner.make(spawn)).pipe(
    Context.add(FakeCli, {
      invocations: Effect.suspend(() => Effect.forEach(started, Ref.get)),
      settled
    })
  )
})

/** Gives the process of each start. */
const chooser = (
  script: Script
): (invocation: Invocation, index: number) => FakeProcess | Program | PlatformError.PlatformError | undefined => {
  if (typeof script === "function") return script
  if (!("rules" in script)) return (_, index) => script[index]
  const threads = new Threads(script)
  return ({ args }) => args.includes("app-server") ? ScriptServer.program(threads) : ScriptExec.make(threads)
}

/** A process that takes its steps. */
const programOf = (process: FakeProcess, index: number): Program => ({
  run: ({ args, end, input, print, printError }) => {
    const take = (step: Step): Effect.Effect<unknown> => {
      switch (step._tag) {
        case "Thread": {
          const event: ThreadStarted = { type: "thread.started", thread_id: resumed(args) ?? ownThread(index) }
          return print(`${JSON.stringify(event)}\n`)
        }
        case "Stdout":
          return print(step.bytes)
        case "Stderr":
          return printError(step.text)
        case "Delay":
          return Effect.sleep(step.duration)
        case "Hang":
          return Effect.never
        case "Exit":
          return end({ code: step.code })
        case "Signal":
          return end({ signal: step.signal })
      }
    }
    const read = process.readsStdin === false ? Effect.void : Stream.runDrain(input)
    return Effect.andThen(read, Effect.forEach(process.steps, take, { discard: true }))
  },
  talks: false,
  on: (signal) => {
    if (process.ignores?.includes(signal) === true) return undefined
    return signal === "SIGINT" ? { code: 1 } : { signal }
  }
})

const resumed = (args: ReadonlyArray<string>): string | undefined => {
  const index = args.indexOf("resume")
  return index === -1 ? undefined : args[index + 1]
}

const ownThread = (index: number): string => `00000000-0000-7000-8000-${String(index + 1).padStart(12, "0")}`

const refused = (description: string): PlatformError.PlatformError =>
  PlatformError.systemError({ _tag: "NotFound", module: "FakeCli", method: "spawn", description })
