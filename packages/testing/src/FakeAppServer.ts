/**
 * A fake app-server in memory, for tests of programs that speak to one: no process, no socket, and time under
 * `TestClock`.
 *
 * It does what a `CodexScript` says, and speaks the protocol of CLI 0.169: what it tells, in which order, and in which
 * words it refuses. It does threads and their turns (start, resume, fork, read, list, name, archive, delete; start,
 * steer, interrupt; approvals and the client's tools). To what else it is asked it answers with an error that says so.
 * It never tells what has nothing to do with a turn, such as rate limits and the state of MCP servers.
 *
 * **Example** (A turn that is told in pieces)
 *
 * ```ts
 * import * as Codex from "@effect-codex/core/Codex"
 * import * as CodexScript from "@effect-codex/testing/CodexScript"
 * import * as FakeAppServer from "@effect-codex/testing/FakeAppServer"
 * import { assert, it } from "@effect/vitest"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 *
 * const script = CodexScript.make([CodexScript.turn(CodexScript.message("Hel", "lo"))])
 *
 * it.effect("tells what it says while it says it", () =>
 *   Effect.gen(function*() {
 *     const events = yield* Stream.runCollect(Codex.stream("Hi"))
 *     const deltas = events.flatMap((event) => event.type === "item.delta" ? [event.delta] : [])
 *     assert.deepStrictEqual(deltas, ["Hel", "lo"])
 *   }).pipe(Effect.provide(FakeAppServer.layer(script))))
 * ```
 *
 * @since 0.1.0
 */
import * as AppServerTransport from "@effect-codex/core/appserver/AppServerTransport"
import * as Client from "@effect-codex/core/appserver/Client"
import type { ClientError } from "@effect-codex/core/appserver/ClientError"
import * as Connection from "@effect-codex/core/appserver/Connection"
import * as Codex from "@effect-codex/core/Codex"
import type { CodexError } from "@effect-codex/core/CodexError"
import type { CodexOptions } from "@effect-codex/core/CodexOptions"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { CodexScript } from "./CodexScript.ts"
import * as ScriptServer from "./internal/scriptServer.ts"
import { Threads } from "./internal/scriptThreads.ts"

// =============================================================================
// Models
// =============================================================================

/**
 * What the fake was asked.
 *
 * @category models
 * @since 0.1.0
 */
export interface Request {
  readonly method: string
  readonly params: unknown
}

// =============================================================================
// Service
// =============================================================================

/**
 * The fake app-server, to connect to it and to look at what it was asked.
 *
 * @category services
 * @since 0.1.0
 */
export class FakeAppServer extends Context.Service<FakeAppServer, {
  /** A connection, until the scope closes. All connections have the same threads. */
  readonly connect: Effect.Effect<Connection.Duplex, never, Scope.Scope>
  /** Every request so far, of all connections, in order. */
  readonly requests: Effect.Effect<ReadonlyArray<Request>>
}>()("@effect-codex/testing/FakeAppServer") {}

/**
 * Makes a fake that does what the script says.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (script: CodexScript): FakeAppServer["Service"] => {
  const threads = new Threads(script)
  const requests: Array<Request> = []
  return FakeAppServer.of({
    connect: Effect.gen(function*() {
      const [near, far] = yield* Connection.inMemory
      yield* Effect.forkScoped(
        ScriptServer.serve(threads, far, { onRequest: (request) => requests.push(request) })
      )
      return near
    }),
    requests: Effect.sync(() => [...requests])
  })
}

// =============================================================================
// Layers
// =============================================================================

/**
 * Provides the fake, and a client that is connected to it.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerClient = (
  script: CodexScript,
  options?: Client.Options
): Layer.Layer<Client.Client | FakeAppServer, ClientError> =>
  Layer.effect(
    Client.Client,
    Effect.flatMap(FakeAppServer, ({ connect }) => Client.connect(connect, { experimentalApi: true, ...options }))
  ).pipe(Layer.provideMerge(Layer.sync(FakeAppServer, () => make(script))))

/**
 * Provides the fake, and `Codex` by the app-server transport over it. `defaults` are the options of every run.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  script: CodexScript,
  defaults: CodexOptions & AppServerTransport.AppServerOptions = {}
): Layer.Layer<Codex.Codex | FakeAppServer, CodexError> => {
  const { completionGrace, interruptGrace, ...options } = defaults
  const connect = Effect.flatMap(FakeAppServer, ({ connect }) => Client.connect(connect, { experimentalApi: true }))
  return Codex.layer(options).pipe(
    Layer.provide(AppServerTransport.layerConnect(connect, { completionGrace, interruptGrace })),
    Layer.provideMerge(Layer.sync(FakeAppServer, () => make(script)))
  )
}
