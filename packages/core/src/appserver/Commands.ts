/**
 * Commands that the app-server runs for this program, not for the agent: with their output as it comes, and with an
 * end that is never later than that of the scope.
 *
 * {@link exec} runs a command in the sandbox that Codex is configured with. {@link spawn}, which is experimental, runs
 * a process outside any sandbox.
 *
 * For the output as a whole, once the command has ended, there is the method itself: `client.command.exec(...)`.
 *
 * **Example** (A terminal)
 *
 * ```ts
 * import * as Commands from "@effect-codex/core/appserver/Commands"
 * import * as Console from "effect/Console"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 *
 * const program = Effect.gen(function*() {
 *   const top = yield* Commands.exec({ command: ["top"], tty: true, size: { rows: 40, cols: 120 }, timeout: "none" })
 *   yield* top.write("q")
 *   yield* Commands.text(top.output).pipe(Stream.runForEach(Console.log))
 *   return yield* top.exitCode
 * })
 *
 * const main = Effect.scoped(program)
 * ```
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as CommandSession from "../internal/commandSession.ts"
import { Client } from "./Client.ts"
import type * as Protocol from "./Protocol.ts"

// =============================================================================
// Models
// =============================================================================

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  Command,
  /**
   * @category models
   * @since 0.1.0
   */
  Output
} from "../internal/commandSession.ts"

// =============================================================================
// Options
// =============================================================================

/**
 * How a command is run.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** The program and its arguments. No shell takes them apart. */
  readonly command: ReadonlyArray<string>
  /** Whether it gets a terminal (default `false`). */
  readonly tty?: boolean | undefined
  /** The size of the terminal. */
  readonly size?: Protocol.CommandExecTerminalSize | undefined
  /** Whether it is written to (default `false`: its stdin is empty). It then may wait for the end of its stdin. */
  readonly stdin?: boolean | undefined
  /** Environment variables, beside those of the app-server; `null` removes one. */
  readonly env?: { readonly [name: string]: string | null } | undefined
  /** When it is terminated (default: the app-server's, 10 seconds). */
  readonly timeout?: Duration.Input | "none" | undefined
  /** How much of its stdout, and as much of its stderr, is given (default: the app-server's, 1 MiB). */
  readonly outputBytesCap?: number | "none" | undefined
}

/**
 * How a command is run by {@link exec}.
 *
 * @category options
 * @since 0.1.0
 */
export interface ExecOptions extends Options {
  /** Where it runs (default: where the app-server does). */
  readonly cwd?: string | undefined
  /** Its sandbox (default: that of the configuration). */
  readonly sandboxPolicy?: Protocol.SandboxPolicy | undefined
  /** Its permissions, by the name of their profile. Needs the capability `experimentalApi`. */
  readonly permissionProfile?: string | undefined
}

/**
 * How a process is run by {@link spawn}.
 *
 * @category options
 * @since 0.1.0
 */
export interface SpawnOptions extends Options {
  /** Where it runs: an absolute path. */
  readonly cwd: string
}

// =============================================================================
// Constructors
// =============================================================================

/**
 * Runs a command in a sandbox. It is on its way when this returns; whether it starts, its `exitCode` tells.
 *
 * @category constructors
 * @since 0.1.0
 */
export const exec: (options: ExecOptions) => Effect.Effect<CommandSession.Command, never, Client | Scope.Scope> = Effect
  .fnUntraced(
    function*({ outputBytesCap, stdin, timeout, ...options }) {
      const client = yield* Client
      const processId = yield* newId
      const params: Protocol.CommandExecParams = {
        ...options,
        processId,
        streamStdoutStderr: true,
        streamStdin: stdin,
        ...(timeout === "none" ? { disableTimeout: true } : { timeoutMs: toMillis(timeout) }),
        ...(outputBytesCap === "none" ? { disableOutputCap: true } : { outputBytesCap })
      }
      return yield* CommandSession.make({
        client,
        deltaMethod: "command/exec/outputDelta",
        isOwn: (delta) => delta.processId === processId,
        run: Effect.map(client.command.exec(params, { timeout: "none" }), ({ exitCode }) => exitCode),
        write: (data) => client.command.exec.write({ processId, ...data }),
        resize: (size) => client.command.exec.resize({ processId, size }),
        terminate: client.command.exec.terminate({ processId })
      })
    }
  )

/**
 * Runs a process outside any sandbox. Needs the capability `experimentalApi`.
 *
 * It is on its way when this returns; whether it starts, its `exitCode` tells.
 *
 * @category constructors
 * @since 0.1.0
 */
export const spawn: (options: SpawnOptions) => Effect.Effect<CommandSession.Command, never, Client | Scope.Scope> =
  Effect.fnUntraced(
    function*({ outputBytesCap, stdin, timeout, ...options }) {
      const client = yield* Client
      const processHandle = yield* newId
      const params: Protocol.ProcessSpawnParams = {
        ...options,
        processHandle,
        streamStdoutStderr: true,
        streamStdin: stdin,
        timeoutMs: timeout === "none" ? null : toMillis(timeout),
        outputBytesCap: outputBytesCap === "none" ? null : outputBytesCap
      }
      return yield* CommandSession.make({
        client,
        deltaMethod: "process/outputDelta",
        isOwn: (delta) => delta.processHandle === processHandle,
        run: Effect.gen(function*() {
          const exited = yield* client.waitFor("process/exited", (exit) => exit.processHandle === processHandle)
          yield* client.process.spawn(params)
          return (yield* exited).exitCode
        }),
        write: (data) => client.process.writeStdin({ processHandle, ...data }),
        resize: (size) => client.process.resizePty({ processHandle, size }),
        terminate: client.process.kill({ processHandle })
      })
    }
  )

// =============================================================================
// Converting
// =============================================================================

/**
 * The text of both streams, as it comes.
 *
 * @category converting
 * @since 0.1.0
 */
export const text = <E, R>(output: Stream.Stream<CommandSession.Output, E, R>): Stream.Stream<string, E, R> =>
  Stream.decodeText(Stream.map(output, ({ bytes }) => bytes))

// =============================================================================
// Internals
// =============================================================================

// Of this connection, so that chance is enough.
const newId = Effect.map(Random.nextInt, (n) => `effect-codex-${n}`)

const toMillis = (timeout: Duration.Input | undefined): number | undefined =>
  timeout === undefined ? undefined : Duration.toMillis(timeout)
