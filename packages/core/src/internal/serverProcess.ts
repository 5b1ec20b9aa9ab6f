/**
 * An app-server that we start, speak to over its stdio, and end.
 *
 * @internal
 */
import * as Channel from "effect/Channel"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as PlatformError from "effect/PlatformError"
import * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import type * as Pull from "effect/Pull"
import type * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import * as ConnectionError from "../appserver/ConnectionError.ts"
import { CodexCli } from "../CodexCli.ts"
import * as CodexConfig from "../CodexConfig.ts"
import { SpawnFailed } from "../CodexError.ts"
import { ProcessGuard, type ProcessTree } from "../ProcessGuard.ts"
import { endWhen } from "./endWhen.ts"
import * as ExecCommand from "./execCommand.ts"
import { type ExitStatus, exitStatus } from "./exitStatus.ts"
import * as JsonRpcLines from "./jsonRpcLines.ts"
import * as Stderr from "./stderr.ts"

const defaultGrace = Duration.seconds(3)

/** How long a pipe may stay open after the app-server has ended. */
const pipeGrace = Duration.millis(500)

/** As `Connection.StdioOptions`. */
export interface Options {
  readonly config?: CodexConfig.CodexConfig | undefined
  readonly args?: ReadonlyArray<string> | undefined
  readonly workingDirectory?: string | undefined
  readonly shutdownGrace?: Duration.Input | undefined
  readonly maxLineBytes?: number | undefined
}

export interface ServerProcess {
  readonly pid: number
  readonly incoming: Stream.Stream<string, ConnectionError.ConnectionError>
  readonly outgoing: Sink.Sink<void, string, unknown, ConnectionError.ConnectionError>
}

export const start = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<
  ServerProcess,
  ConnectionError.ConnectionError,
  CodexCli | ChildProcessSpawner.ChildProcessSpawner | ProcessGuard | Scope.Scope
> {
  const cli = yield* CodexCli
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const { guard } = yield* ProcessGuard
  const grace = options.shutdownGrace ?? defaultGrace
  const hide = ExecCommand.hideSecrets(cli)

  const tree = yield* guard
  const config = ExecCommand.configOf(cli, { input: [], config: options.config ?? {} }, tree)
  const flags = yield* Effect.mapError(
    Effect.fromResult(CodexConfig.toArguments(config)),
    ConnectionError.fromReason
  )
  const args = [...cli.args ?? [], "app-server", ...flags, ...options.args ?? []]
  const handle = yield* spawner.spawn(ChildProcess.make(cli.command, args, {
    ...(options.workingDirectory === undefined ? {} : { cwd: options.workingDirectory }),
    env: { ...cli.env, ...tree.env },
    extendEnv: cli.extendEnv ?? true,
    forceKillAfter: "1 second"
  })).pipe(
    Effect.mapError(({ reason }) =>
      ConnectionError.fromReason(
        new SpawnFailed({
          command: cli.command,
          code: reason._tag,
          description: reason.description ?? reason._tag,
          ...(options.workingDirectory === undefined ? {} : { workingDirectory: options.workingDirectory })
        })
      )
    )
  )
  yield* tree.attach(handle.pid)

  // All that goes on until the app-server has ended comes before its finalizer.
  const stderr = yield* Stderr.tail(handle.stderr)
  const stderrEnd = yield* Effect.forkScoped(stderr.drain)
  const stdout = yield* endWhen(
    // Not `Stream.toPull`, which sees to it that one pulls at a time: only one does.
    yield* Channel.toPullScoped(Stream.toChannel(handle.stdout), yield* Effect.scope),
    exitStatus(handle).pipe(
      Effect.andThen(Effect.sleep(pipeGrace)),
      // What a server that was killed left behind may hold the pipe.
      Effect.andThen(tree.sweep),
      Effect.andThen(Effect.sleep(pipeGrace))
    )
  )
  yield* Effect.addFinalizer(() => stop(handle, { tree, stdout, grace }))

  const ended = Effect.gen(function*() {
    const status = yield* exitStatus(handle).pipe(Effect.timeoutOption(grace))
    yield* Fiber.join(stderrEnd).pipe(Effect.timeoutOption(pipeGrace))
    const text = hide(yield* stderr.text)
    return yield* ConnectionError.fromReason(
      new ConnectionError.Exited({ ...Option.getOrElse(status, (): ExitStatus => ({})), stderr: text })
    )
  })

  return {
    pid: handle.pid,
    incoming: Stream.fromPull(Effect.succeed(stdout)).pipe(
      Stream.mapError(() => brokenPipe("stdout")),
      (bytes) => JsonRpcLines.fromBytes(bytes, options.maxLineBytes),
      Stream.concat(Stream.fromEffect(ended))
    ),
    outgoing: handle.stdin.pipe(
      Sink.mapInputArray((texts: ReadonlyArray<string>) => [encoder.encode(texts.map((text) => `${text}\n`).join(""))]),
      Sink.mapError(() => brokenPipe("stdin"))
    )
  }
})

const encoder = new TextEncoder()

const brokenPipe = (name: string) =>
  ConnectionError.fromReason(new ConnectionError.Disconnected({ description: `its ${name} is closed` }))

interface Stop {
  readonly tree: ProcessTree
  readonly stdout: Pull.Pull<unknown, PlatformError.PlatformError>
  readonly grace: Duration.Input
}

/**
 * The end of stdin and SIGTERM make the app-server end its commands before itself. SIGINT does not; nor does SIGKILL,
 * after which the guard, which sweeps the tree when the scope closes, ends them.
 */
const stop = Effect.fnUntraced(
  function*(handle: ChildProcessSpawner.ChildProcessHandle, { grace, stdout, tree }: Stop) {
    if (!(yield* handle.isRunning)) return
    yield* tree.record(handle.pid)
    const exited = yield* Effect.ignoreCause(Stream.run(Stream.empty, handle.stdin)).pipe(
      Effect.andThen(exitStatus(handle)),
      // Nobody reads any more, but it may have to write before it can end.
      Effect.raceFirst(Effect.andThen(Effect.ignoreCause(Effect.forever(stdout)), Effect.never)),
      Effect.interruptible,
      Effect.timeoutOption(grace)
    )
    if (Option.isNone(exited)) yield* handle.kill({ killSignal: "SIGTERM", forceKillAfter: "1 second" })
  },
  (effect) => Effect.ignore(effect)
)
