/**
 * Live threads of an app-server, on Node.
 *
 * **Example** (Showing a turn as it goes)
 *
 * ```ts
 * import * as Threads from "@effect-codex/core/appserver/Threads"
 * import * as NodeThreads from "@effect-codex/node/NodeThreads"
 * import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 *
 * const program = Effect.gen(function*() {
 *   const threads = yield* Threads.Threads
 *   const thread = yield* threads.start({ sandbox: "read-only" })
 *   const turn = yield* thread.turn("Summarise this repository")
 *   yield* Stream.runForEach(turn.events, (event) =>
 *     event.type === "item.delta" ? Effect.sync(() => process.stdout.write(event.delta)) : Effect.void)
 * }).pipe(Effect.scoped)
 *
 * program.pipe(Effect.provide(NodeThreads.layer()), NodeRuntime.runMain)
 * ```
 *
 * @since 0.1.0
 */
import type * as Threads from "@effect-codex/core/appserver/Threads"
import type { CodexError } from "@effect-codex/core/CodexError"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ConfiguredCli from "./internal/configuredCli.ts"
import type { RemoteServerOptions, ServerOptions } from "./NodeCodex.ts"
import type * as NodeCodexCli from "./NodeCodexCli.ts"

/**
 * Which Codex, and how its app-server and threads are treated.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends NodeCodexCli.Options, ServerOptions, Threads.ConnectOptions {}

/**
 * Which app-server, and how threads are treated.
 *
 * @category options
 * @since 0.1.0
 */
export interface RemoteOptions extends RemoteServerOptions, Threads.ConnectOptions {}

/**
 * Provides `Threads` by one `codex app-server`, which is started with the layer and ended with it. If it is gone before,
 * it is started again, and the open threads go on.
 *
 * The configuration is that of `NodeCodex.layer`. An `Approvals` layer is provided to this one.
 *
 * Building the layer fails with `CodexError` if there is no Codex, or if its app-server does not start.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<Threads.Threads, CodexError | Config.ConfigError> => {
  const [cli, rest] = ConfiguredCli.split(options)
  return Layer.provide(Layer.unwrap(Effect.map(appServerLayers, ({ threads }) => threads(rest))), cli)
}

/**
 * Provides `Threads` by a `codex app-server` that runs elsewhere. If the connection is lost, another one is made, and the
 * open threads go on.
 *
 * Paths are those of where the app-server runs. Building the layer fails with `CodexError` (`AppServerFailed`, or
 * `Unauthorized`) if there is no connection.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerRemote = (options: RemoteOptions): Layer.Layer<Threads.Threads, CodexError> =>
  Layer.unwrap(Effect.map(appServerLayers, ({ remoteThreads }) => remoteThreads(options)))

const appServerLayers = Effect.promise(() => import("./internal/appServerLayers.ts"))
