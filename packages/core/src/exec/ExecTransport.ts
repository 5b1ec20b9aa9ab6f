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
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as PlatformError from "effect/PlatformError"
import * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { CodexCli, type CodexCliConfig } from "../CodexCli.ts"
import * as CodexConfig from "../CodexConfig.ts"
import * as CodexError from "../CodexError.ts"
import * as CodexEvent from "../CodexEvent.ts"
import type { TurnRequest } from "../CodexOptions.ts"
import { CodexTransport } from "../CodexTransport.ts"
import { LineSplitter } from "../internal/lines.ts"
import * as Stderr from "../internal/stderr.ts"
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
  CodexCli | ChildProcessSpawner.ChildProcessSpawner | ProcessGuard
> = Effect.fnUntraced(function*(options: ExecOptions = {}) {
  const cli = yield* CodexCli
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const guard = yield* ProcessGuard
  const grace = options.interruptGrace ?? defaultInterruptGrace
  const maxLineBytes = options.maxLineBytes ?? defaultMaxLineBytes
  const hide = hideSecrets(cli)

  const start = Effect.fnUntraced(function*(request: TurnRequest) {
    const tree = yield* guard.guard
    const args = yield* Effect.fromResult(toArguments(request, cli, tree)).pipe(Effect.mapError(CodexError.fromReason))
    const handle = yield* spawner.spawn(toCommand(request, cli, args, tree)).pipe(
      Effect.mapError((error) => CodexError.fromReason(spawnFailed(error, cli, request)))
    )
    yield* Effect.addFinalizer(() => stop(handle, tree, grace))
    yield* tree.attach(handle.pid)

    const stderr = yield* Stderr.tail(handle.stderr)
    const stderrEnd = yield* Effect.forkScoped(stderr.drain)

    const ended = Effect.gen(function*() {
      const status = yield* exitStatus(handle).pipe(Effect.timeoutOption(grace))
      yield* Fiber.join(stderrEnd).pipe(Effect.timeoutOption(lingering))
      return CodexError.fromReason(exited(Option.getOrElse(status, () => ({})), hide(yield* stderr.text), request))
    })

    return handle.stdout.pipe(
      endAfter(abandoned(handle, tree)),
      Stream.mapError((error) => CodexError.fromReason(readFailed(error))),
      decode({ maxLineBytes, hide, unfinished: Effect.flatMap(ended, Effect.fail) })
    )
  })

  return CodexTransport.of({ turn: (request) => Stream.unwrap(start(request)) })
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
  CodexCli | ChildProcessSpawner.ChildProcessSpawner | ProcessGuard
> => Layer.effect(CodexTransport, make(options))

// =============================================================================
// Internals: starting
// =============================================================================

const defaultInterruptGrace = Duration.seconds(3)
const defaultMaxLineBytes = 256 * 1024 * 1024

const toArguments = (
  request: TurnRequest,
  cli: CodexCliConfig,
  tree: ProcessTree
): Result.Result<Array<string>, CodexError.InvalidOption> =>
  Result.map(CodexConfig.toArguments(configOf(request, cli, tree)), (config) => [
    "exec",
    "--json",
    ...(request.model === undefined ? [] : ["--model", request.model]),
    ...(request.sandbox === undefined ? [] : ["--sandbox", request.sandbox]),
    ...(request.skipGitRepoCheck === true ? ["--skip-git-repo-check"] : []),
    ...config,
    // Flags of `exec` must come before the subcommand, which does not take all of them.
    ...(request.thread === undefined ? [] : ["resume", request.thread]),
    "-"
  ])

const configOf = (request: TurnRequest, cli: CodexCliConfig, tree: ProcessTree): CodexConfig.CodexConfig => {
  const secrets = Object.entries(cli.env ?? {}).filter(([, value]) => Redacted.isRedacted(value))
  // The agent's commands inherit the CLI's environment, as far as the user's policy lets them. Setting a variable adds
  // to that policy: a secret is blanked, as excluding it would replace the user's list, and the tree's mark is kept.
  const set = { ...Object.fromEntries(secrets.map(([name]) => [name, ""])), ...tree.env }
  return [
    request.baseUrl === undefined ? {} : { openai_base_url: request.baseUrl },
    request.config ?? {},
    Object.keys(set).length === 0 ? {} : { shell_environment_policy: { set } }
  ].reduce(CodexConfig.merge)
}

// A service may quote the key that it refuses.
const hideSecrets = (cli: CodexCliConfig) => {
  const secrets = Object.values(cli.env ?? {}).flatMap((value) =>
    Redacted.isRedacted(value) ? [Redacted.value(value)] : []
  )
  return (text: string): string =>
    secrets.reduce((text, secret) => secret === "" ? text : text.replaceAll(secret, "<redacted>"), text)
}

const toCommand = (
  request: TurnRequest,
  cli: CodexCliConfig,
  args: ReadonlyArray<string>,
  tree: ProcessTree
): ChildProcess.Command =>
  ChildProcess.make(cli.command, [...cli.args ?? [], ...args], {
    ...(request.workingDirectory === undefined ? {} : { cwd: request.workingDirectory }),
    env: { ...cli.env, ...tree.env },
    extendEnv: cli.extendEnv ?? true,
    // The stream's end closes stdin: a CLI that waits for more would wait for ever.
    stdin: Stream.encodeText(Stream.succeed(request.prompt)),
    killSignal: "SIGTERM",
    forceKillAfter: terminateGrace
  })

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

// =============================================================================
// Internals: reading
// =============================================================================

/** Bytes to events, a chunk at a time. A stream that ends before its turn does goes on to `unfinished`. */
const decode = (options: {
  readonly maxLineBytes: number
  readonly hide: (text: string) => string
  readonly unfinished: Effect.Effect<never, CodexError.CodexError>
}) =>
(
  bytes: Stream.Stream<Uint8Array, CodexError.CodexError>
): Stream.Stream<CodexEvent.CodexEvent, CodexError.CodexError> =>
  Stream.suspend(() => {
    let finished = false
    const toEvents = (lines: ReadonlyArray<string>, events: Array<CodexEvent.CodexEvent>) => {
      for (const line of lines) {
        const event = CodexEvent.fromLine(line)
        switch (event.type) {
          case "turn.completed":
            finished = true
            events.push(event)
            break
          case "turn.failed":
            finished = true
            events.push({ ...event, error: { ...event.error, message: options.hide(event.error.message) } })
            break
          case "error":
            events.push({ ...event, message: options.hide(event.message) })
            break
          default:
            events.push(event)
        }
      }
      return events
    }
    return bytes.pipe(
      Stream.mapAccumArrayEffect(
        () => new LineSplitter(),
        (splitter, chunks) => {
          const events: Array<CodexEvent.CodexEvent> = []
          for (const chunk of chunks) {
            toEvents(splitter.push(chunk), events)
            if (splitter.pendingBytes > options.maxLineBytes) {
              return Effect.fail(CodexError.fromReason(new CodexError.LineTooLong({ limit: options.maxLineBytes })))
            }
          }
          return Effect.succeed([splitter, events] as const)
        },
        { onHalt: (splitter) => toEvents(splitter.end(), []) }
      ),
      Stream.concat(Stream.suspend(() => finished ? Stream.empty : Stream.fromEffect(options.unfinished)))
    )
  })

const readFailed = (error: PlatformError.PlatformError): CodexError.Exited =>
  new CodexError.Exited({ stderr: `its output could not be read (${error.reason._tag})` })

// =============================================================================
// Internals: ending
// =============================================================================

/** How long SIGTERM is given before SIGKILL. */
const terminateGrace = Duration.seconds(1)

/** How long a pipe may stay open after the CLI has ended. */
const lingering = Duration.millis(500)

interface ExitStatus {
  readonly exitCode?: number
  readonly signal?: string
}

const exitStatus = (handle: ChildProcessSpawner.ChildProcessHandle): Effect.Effect<ExitStatus> =>
  Effect.match(handle.exitCode, {
    onSuccess: (exitCode): ExitStatus => ({ exitCode }),
    // Effect reports death by a signal as an error that names it.
    onFailure: (error): ExitStatus => {
      const signal = /\bSIG[A-Z0-9]+\b/.exec(String(error.reason.cause))
      return signal === null ? {} : { signal: signal[0] }
    }
  })

/**
 * Ends a stream of the CLI's output when `signal` does, even while it waits for a byte: a leftover that holds
 * the pipe must not hold us.
 */
const endAfter = (signal: Effect.Effect<void>) => <A, E>(self: Stream.Stream<A, E>): Stream.Stream<A, E> =>
  Stream.transformPull(
    self,
    (pull) => Effect.succeed(Effect.raceFirst(pull, Effect.flatMap(signal, () => Cause.done())))
  )

/** Completes when the CLI is gone, and what it left behind had its time to let go of the pipe. */
const abandoned = (handle: ChildProcessSpawner.ChildProcessHandle, tree: ProcessTree): Effect.Effect<void> =>
  exitStatus(handle).pipe(
    Effect.andThen(Effect.sleep(lingering)),
    Effect.andThen(tree.sweep),
    Effect.andThen(Effect.sleep(lingering))
  )

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
    if (Option.isNone(interrupted)) yield* handle.kill({ killSignal: "SIGTERM", forceKillAfter: terminateGrace })
  },
  (effect) => Effect.ignore(effect)
)

const exited = (status: ExitStatus, stderr: string, request: TurnRequest): CodexError.CodexErrorReason => {
  if (request.thread !== undefined) {
    if (stderr.includes("already has an active writer")) return new CodexError.ThreadBusy({ threadId: request.thread })
    if (stderr.includes("no rollout found for thread id")) {
      return new CodexError.ThreadNotFound({ threadId: request.thread })
    }
  }
  const tooLong = /Input exceeds the maximum length of \d+ characters/.exec(stderr)
  if (tooLong !== null) return new CodexError.InvalidOption({ option: "prompt", problem: tooLong[0] })
  return new CodexError.Exited({ ...status, stderr })
}
