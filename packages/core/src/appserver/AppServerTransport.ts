/**
 * Runs turns over a connection to an app-server, which many turns share: `codex app-server`.
 *
 * A program for `codex exec` runs over it unchanged, and gives the same turns; its streams tell more (`item.delta`,
 * `plan.updated`, `diff.updated`, `usage.updated`, `approval.requested`, `approval.resolved`). Item ids are those of
 * Codex, not `item_0`, `item_1`, ...
 *
 * - Options that only a `codex exec` of one's own can follow are refused by name: `profile`, `worktree`,
 *   `ignoreUserConfig`, `ignoreRules`, `strictConfig`, `localProvider`, `lastMessageFile`, `extraArgs`. Any directory
 *   will do (`skipGitRepoCheck`).
 * - The agent asks nobody unless `approval` says so. What it asks then is answered by the client's `Approvals`. While the
 *   agent, or a sub-agent, waits for the answer, it is not idle (`idleTimeout`).
 * - The sandbox and the approval policy that Codex has put in force are compared with what was asked for, before the
 *   turn begins.
 * - When the stream of a turn ends, in whatever way, the turn is interrupted, as are those of its sub-agents, the
 *   commands that they left running are ended, and Codex lets go of the thread.
 * - When the connection is lost, its turns fail with the cause. When an app-server does not begin or end a turn in time,
 *   the next turn gets another connection, and this one is closed once its last turn has ended.
 * - A turn whose events are not taken holds the other turns of the connection back, once 16,384 messages wait for it.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { CodexCli, type CodexCliConfig } from "../CodexCli.ts"
import * as CodexError from "../CodexError.ts"
import type { TurnRequest } from "../CodexOptions.ts"
import { CodexTransport, type Worker } from "../CodexTransport.ts"
import * as Link from "../internal/appServerLink.ts"
import * as Links from "../internal/appServerLinks.ts"
import * as Request from "../internal/appServerRequest.ts"
import * as Thread from "../internal/appServerThread.ts"
import * as Turn from "../internal/appServerTurn.ts"
import * as ExecCommand from "../internal/execCommand.ts"
import * as InputFiles from "../internal/inputFiles.ts"
import * as Telemetry from "../internal/telemetry.ts"
import { ProcessGuard } from "../ProcessGuard.ts"
import { Client } from "./Client.ts"
import type { ClientError } from "./ClientError.ts"

// =============================================================================
// Models
// =============================================================================

/**
 * How the transport treats its turns.
 *
 * @category models
 * @since 0.1.0
 */
export interface AppServerOptions {
  /** How long Codex may take to end a turn that is stopped, with all that belongs to it (default 5 seconds). */
  readonly interruptGrace?: Duration.Input | undefined
  /**
   * How long the end of a turn may be missing once Codex says that nothing runs in its thread (default 5 seconds). Then
   * what Codex has written down of the turn counts.
   */
  readonly completionGrace?: Duration.Input | undefined
}

// =============================================================================
// Constructors
// =============================================================================

/**
 * Makes the transport out of whatever connects to an app-server.
 *
 * It connects at once, and again when a turn finds the connection lost. A client with the capability `experimentalApi`
 * can end the commands that a turn left running.
 *
 * What else is in context counts if it is there, and has to be left out for an app-server on another machine:
 * `FileSystem`, for a look at images and directories, `ProcessGuard`, for the commands of each turn, and `CodexCli`, for its secrets,
 * which are hidden from those commands and from errors.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: <R>(
  connect: Effect.Effect<Client["Service"], ClientError, R>,
  options?: AppServerOptions
) => Effect.Effect<CodexTransport["Service"], CodexError.CodexError, R | Scope.Scope> = Effect.fnUntraced(function*<R>(
  connect: Effect.Effect<Client["Service"], ClientError, R>,
  options: AppServerOptions = {}
) {
  const cli = Option.getOrElse(yield* Effect.serviceOption(CodexCli), (): CodexCliConfig => ({ command: "codex" }))
  const files = yield* Effect.serviceOption(FileSystem.FileSystem)
  const guard = Option.match(yield* Effect.serviceOption(ProcessGuard), {
    onNone: () => Effect.succeed(Thread.unguarded),
    onSome: ({ guard }) => guard
  })
  const hide = ExecCommand.hideSecrets(cli)
  const links = yield* Links.make(Effect.flatMap(connect, Link.make))
  yield* Effect.scoped(links.get)

  const start = Effect.fnUntraced(function*(request: TurnRequest, onStart: (worker: Worker) => Effect.Effect<void>) {
    yield* Effect.mapError(Effect.fromResult(Request.check(request)), CodexError.fromReason)
    if (Option.isSome(files)) {
      yield* Thread.checkDirectory(files.value, cli.command, request)
      yield* InputFiles.check(files.value, request)
    }
    return yield* Turn.open(yield* links.get, {
      request,
      cli,
      tree: yield* guard,
      hide,
      onStart,
      interruptGrace: options.interruptGrace ?? "5 seconds",
      completionGrace: options.completionGrace ?? "5 seconds"
    })
  })

  return CodexTransport.of({
    turn: (request, onStart = () => Effect.void) =>
      Stream.unwrap(start(request, onStart)).pipe(
        Stream.withSpan("codex app-server", { kind: "client", attributes: Telemetry.ofRequest(request) })
      )
  })
})

// =============================================================================
// Layers
// =============================================================================

/**
 * Provides `CodexTransport` over the {@link Client} in context. Once that has lost its connection, every turn fails.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: AppServerOptions): Layer.Layer<CodexTransport, CodexError.CodexError, Client> =>
  Layer.effect(CodexTransport, Effect.flatMap(Client, (client) => make(Effect.succeed(client), options)))

/**
 * Provides `CodexTransport` over connections of its own, see {@link make}.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConnect = <R>(
  connect: Effect.Effect<Client["Service"], ClientError, R>,
  options?: AppServerOptions
): Layer.Layer<CodexTransport, CodexError.CodexError, Exclude<R, Scope.Scope>> =>
  Layer.effect(CodexTransport, make(connect, options))
