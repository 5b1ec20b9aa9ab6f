/**
 * Runs each turn in a process of its own: `codex exec --json`.
 *
 * The prompt goes to stdin, which is then closed. Events come from stdout, and only as fast as they are
 * consumed. When the stream ends, in whatever way, the CLI is asked to stop (SIGINT, which makes it end the
 * agent's commands), then told (SIGTERM), then killed; and what is left of its process tree is killed too.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as PlatformError from "effect/PlatformError"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Stream from "effect/Stream"
import { CodexCli, type CodexCliConfig } from "../CodexCli.ts"
import * as CodexError from "../CodexError.ts"
import * as CodexEvent from "../CodexEvent.ts"
import type { TurnRequest } from "../CodexOptions.ts"
import { CodexTransport, type Worker } from "../CodexTransport.ts"
import * as ConfigFile from "../internal/configFile.ts"
import * as ExecCommand from "../internal/execCommand.ts"
import { exitStatus } from "../internal/exitStatus.ts"
import { failOnceNoted } from "../internal/failOnceNoted.ts"
import * as InputFiles from "../internal/inputFiles.ts"
import { LineSplitter } from "../internal/lines.ts"
import * as StartFailure from "../internal/startFailure.ts"
import * as Stderr from "../internal/stderr.ts"
import * as Telemetry from "../internal/telemetry.ts"
import { ProcessGuard, type ProcessTree } from "../ProcessGuard.ts"

// =============================================================================
// Models
// =============================================================================

/**
 * How the transport treats its processes.
 *
 * @category models
 * @since 0.1.0
 */
export interface ExecOptions {
  /** How long the CLI may take to stop after SIGINT, before it is told by SIGTERM (default 3 seconds). */
  readonly interruptGrace?: Duration.Input | undefined
  /** The longest line of output in bytes (default 256 MiB); a longer one fails the run with `LineTooLong`. */
  readonly maxLineBytes?: number | undefined
}

// =============================================================================
// Constructors
// =============================================================================

/**
 * Makes the transport out of the CLI, the spawner and the guard in context.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: (options?: ExecOptions) => Effect.Effect<
  CodexTransport["Service"],
  never,
  CodexCli | ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem | ProcessGuard
> = Effect.fnUntraced(function*(options: ExecOptions = {}) {
  const cli = yield* CodexCli
  const fs = yield* FileSystem.FileSystem
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const guard = yield* ProcessGuard
  const grace = options.interruptGrace ?? defaultInterruptGrace
  const maxLineBytes = options.maxLineBytes ?? defaultMaxLineBytes
  const hide = ExecCommand.hideSecrets(cli)

  const start = Effect.fnUntraced(function*(
    request: TurnRequest,
    onStart: (worker: Worker) => Effect.Effect<void>
  ) {
    yield* Effect.mapError(Effect.fromResult(ExecCommand.check(request)), CodexError.fromReason)
    yield* InputFiles.check(fs, request)
    const tree = yield* guard.guard
    const command = ExecCommand.make({
      cli,
      request,
      tree,
      config: yield* ConfigFile.flags(fs, {
        config: ExecCommand.configOf(cli, request, tree),
        codexHome: cli.codexHome,
        profile: request.profile,
        workingDirectory: request.workingDirectory,
        ignoreUserConfig: request.ignoreUserConfig
      }),
      schemaFile: yield* InputFiles.writeSchema(fs, request),
      env: yield* Telemetry.traceContext
    })
    const handle = yield* spawner.spawn(command).pipe(
      Effect.mapError((error) => CodexError.fromReason(spawnFailed(error, cli, request)))
    )
    yield* Effect.addFinalizer(() => stop(handle, tree, grace))
    yield* tree.attach(handle.pid)
    yield* onStart({
      command: ExecCommand.show(command),
      pid: handle.pid,
      kill: Effect.andThen(Effect.ignore(handle.kill({ killSignal: "SIGKILL" })), tree.sweep)
    })

    const stderr = yield* Stderr.tail(handle.stderr)
    const stderrEnd = yield* Effect.forkScoped(stderr.drain)

    const progress: Progress = { finished: false, failure: undefined }
    const unfinished = Effect.gen(function*() {
      const status = yield* exitStatus(handle).pipe(Effect.timeoutOption(grace))
      yield* Fiber.join(stderrEnd).pipe(Effect.timeoutOption(pipeGrace))
      const text = hide(yield* stderr.text)
      return yield* CodexError.fromReason(
        StartFailure.fromStderr(text, request) ??
          new CodexError.Exited({ ...Option.getOrUndefined(status), stderr: text })
      )
    })

    return handle.stdout.pipe(
      endAfter(abandoned(handle, tree), progress),
      Stream.mapError((error) => CodexError.fromReason(readFailed(error))),
      decode({ progress, maxLineBytes, hide }),
      Stream.concat(Stream.suspend(() => progress.finished ? Stream.empty : Stream.fromEffect(unfinished)))
    )
  })

  return CodexTransport.of({
    turn: (request, onStart = () => Effect.void) =>
      Stream.unwrap(start(request, onStart)).pipe(
        Stream.withSpan("codex exec", { kind: "client", attributes: Telemetry.ofRequest(request) })
      )
  })
})

// =============================================================================
// Layers
// =============================================================================

/**
 * Provides `CodexTransport` by `codex exec`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: ExecOptions): Layer.Layer<
  CodexTransport,
  never,
  CodexCli | ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem | ProcessGuard
> => Layer.effect(CodexTransport, make(options))

// =============================================================================
// Internals: reading
// =============================================================================

const defaultMaxLineBytes = 256 * 1024 * 1024

/** What is known of the turn while its output is read. */
interface Progress {
  /** Whether the event that ends the turn has come. */
  finished: boolean
  /** A line that is too long, behind what came before it. */
  failure: CodexError.CodexError | undefined
}

interface DecodeOptions {
  readonly progress: Progress
  readonly maxLineBytes: number
  readonly hide: (text: string) => string
}

/** Bytes to events, a chunk at a time. */
const decode = (options: DecodeOptions) =>
(
  bytes: Stream.Stream<Uint8Array, CodexError.CodexError>
): Stream.Stream<CodexEvent.CodexEvent, CodexError.CodexError> =>
  bytes.pipe(
    Stream.mapAccumArrayEffect(
      () => new LineSplitter(),
      (splitter, chunks) => {
        const { maxLineBytes, progress } = options
        const events: Array<CodexEvent.CodexEvent> = []
        for (const chunk of chunks) {
          for (const line of splitter.push(chunk)) events.push(toEvent(line, options))
          if (splitter.pendingBytes > maxLineBytes) {
            progress.failure = CodexError.fromReason(new CodexError.LineTooLong({ limit: maxLineBytes }))
            if (events.length === 0) return Effect.fail(progress.failure)
            break
          }
        }
        return Effect.succeed([splitter, events] as const)
      },
      { onHalt: (splitter) => splitter.end().map((line) => toEvent(line, options)) }
    ),
    failOnceNoted(() => options.progress.failure)
  )

const toEvent = (line: string, { hide, progress }: DecodeOptions): CodexEvent.CodexEvent => {
  const event = CodexEvent.fromLine(line)
  // Nearly all of them.
  if ("item" in event) return event
  switch (event.type) {
    case "turn.completed":
      progress.finished = true
      return event
    case "turn.failed":
      progress.finished = true
      return { ...event, error: { ...event.error, message: hide(event.error.message) } }
    case "error":
      return { ...event, message: hide(event.message) }
    default:
      return event
  }
}

const spawnFailed = (
  { reason }: PlatformError.PlatformError,
  cli: CodexCliConfig,
  request: TurnRequest
): CodexError.SpawnFailed =>
  new CodexError.SpawnFailed({
    command: cli.command,
    code: reason._tag,
    description: reason.description ?? reason._tag,
    ...(request.workingDirectory === undefined ? {} : { workingDirectory: request.workingDirectory })
  })

const readFailed = (error: PlatformError.PlatformError): CodexError.Exited =>
  new CodexError.Exited({ stderr: `its output could not be read (${error.reason._tag})` })

// =============================================================================
// Internals: ending
// =============================================================================

const defaultInterruptGrace = Duration.seconds(3)

/** How long the CLI is given to exit after its turn has ended: it still writes the thread down. */
const exitGrace = Duration.seconds(10)

/** How long a pipe may stay open after the CLI has ended. */
const pipeGrace = Duration.millis(500)

/** Completes when the CLI is gone, and what it left behind had its time to let go of the pipe. */
const abandoned = (handle: ChildProcessSpawner.ChildProcessHandle, tree: ProcessTree): Effect.Effect<void> =>
  exitStatus(handle).pipe(
    Effect.andThen(Effect.sleep(pipeGrace)),
    Effect.andThen(tree.sweep),
    Effect.andThen(Effect.sleep(pipeGrace))
  )

/** Reads on to the end of the output, but not for ever: not after the CLI is gone, nor long after its turn is. */
const endAfter =
  (abandoned: Effect.Effect<void>, progress: Progress) => <A, E>(self: Stream.Stream<A, E>): Stream.Stream<A, E> =>
    Stream.transformPull(self, (pull) => {
      // Anew for each pull: what the CLI left in the pipe may be read long after it has gone.
      const next = Effect.raceFirst(pull, Effect.flatMap(abandoned, () => Cause.done()))
      const last = Effect.timeoutOrElse(next, { duration: exitGrace, orElse: () => Cause.done() })
      return Effect.succeed(Effect.suspend(() => progress.finished ? last : next))
    })

/**
 * SIGINT makes `codex exec` end its commands before itself. SIGTERM and SIGKILL don't: the guard, which
 * sweeps the tree when the scope closes, then ends them.
 */
const stop = Effect.fnUntraced(
  function*(handle: ChildProcessSpawner.ChildProcessHandle, tree: ProcessTree, grace: Duration.Input) {
    if (!(yield* handle.isRunning)) return
    yield* tree.record(handle.pid)
    const interrupted = yield* handle.kill({ killSignal: "SIGINT" }).pipe(
      Effect.interruptible,
      Effect.timeoutOption(grace)
    )
    if (Option.isNone(interrupted)) yield* handle.kill({ killSignal: "SIGTERM", forceKillAfter: "1 second" })
  },
  (effect) => Effect.ignore(effect)
)
