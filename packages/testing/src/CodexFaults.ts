/**
 * Faults that happen to a Codex by script or by chance, for tests of what a program does then.
 *
 * They happen where processes are spawned ({@link layerSpawner}: `codex exec` and `codex app-server`, fake or real), to
 * the connections of an app-server ({@link connection}), or to any transport ({@link layerTransport}). All that is above
 * runs unchanged. Without faults nothing of what passes changes.
 *
 * A plan is data. By the same seed the same happens to the same line of the same start, whatever the time: where the
 * starts come in the same order, as under `TestClock`, a run is repeated exactly. What was done is told by
 * `CodexFaults.injected`.
 *
 * **Example** (A Codex that is killed once, and is too busy once)
 *
 * ```ts
 * import * as Codex from "@effect-codex/core/Codex"
 * import * as CodexCli from "@effect-codex/core/CodexCli"
 * import * as ExecTransport from "@effect-codex/core/exec/ExecTransport"
 * import * as ProcessGuard from "@effect-codex/core/ProcessGuard"
 * import * as CodexFaults from "@effect-codex/testing/CodexFaults"
 * import * as FakeCli from "@effect-codex/testing/FakeCli"
 * import * as FakeProcess from "@effect-codex/testing/FakeProcess"
 * import { assert, it } from "@effect/vitest"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 *
 * const plan = CodexFaults.script([
 *   [CodexFaults.death({ line: 3, signal: "SIGKILL" })],
 *   [CodexFaults.overload(2)]
 * ])
 *
 * const layer = Codex.layer().pipe(
 *   Layer.provide(ExecTransport.layer()),
 *   Layer.provide([Layer.succeed(CodexCli.CodexCli, { command: "codex" }), ProcessGuard.layerNoop]),
 *   Layer.provide(CodexFaults.layerSpawner),
 *   Layer.provideMerge(CodexFaults.layer(plan)),
 *   Layer.provide(FakeCli.layerSpawner(() => FakeProcess.turn({ message: "Hello" })))
 * )
 *
 * it.effect("tells of a Codex that was killed", () =>
 *   Effect.gen(function*() {
 *     const first = yield* Effect.flip(Codex.run("Hi"))
 *     const second = yield* Effect.flip(Codex.run("Hi"))
 *     assert.deepStrictEqual([first.reason._tag, second.reason._tag], ["Exited", "TurnFailed"])
 *
 *     const faults = yield* CodexFaults.CodexFaults
 *     assert.lengthOf(yield* faults.injected, 2)
 *   }).pipe(Effect.provide(layer)))
 * ```
 *
 * | fault         | over `codex exec` a run                                         | over an app-server                              |
 * | ------------- | --------------------------------------------------------------- | ----------------------------------------------- |
 * | `refuseStart` | fails with `SpawnFailed`                                        | `SpawnFailed`; of a connection, `ConnectFailed`  |
 * | `overload`    | fails with `TurnFailed` of the kind `overloaded`                | the request is answered with the error -32001   |
 * | `death`       | fails with `Exited`, unless the turn had ended                  | `Exited`; of a connection, `Disconnected`       |
 * | `stall`       | fails with `TimedOut`, if there is a limit                      | as over `codex exec`                            |
 * | `delay`       | takes longer                                                    | as over `codex exec`                            |
 * | `slow`        | takes longer, and gets its bytes in pieces                      | as over `codex exec`                            |
 * | `garbage`     | gets an event more, of type `unknown`                           | a stray message more                            |
 * | `cut`         | gets an `unknown` in place of an event                          | a stray message in place of one                 |
 * | `duplicate`   | gets an event twice, and comes to the same turn                 | the same                                        |
 *
 * @since 0.1.0
 */
import type { Duplex } from "@effect-codex/core/appserver/Connection"
import type { ConnectionError } from "@effect-codex/core/appserver/ConnectionError"
import { CodexTransport } from "@effect-codex/core/CodexTransport"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as FaultConnection from "./internal/faultConnection.ts"
import * as FaultPlan from "./internal/faultPlan.ts"
import * as FaultProcess from "./internal/faultProcess.ts"
import type { Fault, FaultOf, Injected, Plan, Rates, Refusal } from "./internal/faultSchema.ts"
import * as RecordedProcess from "./internal/recordedProcess.ts"

// =============================================================================
// Models
// =============================================================================

export {
  /**
   * One thing that goes wrong, and its schema. Lines, and requests, are counted from 0.
   *
   * @category models
   * @since 0.1.0
   */
  Fault,
  /**
   * A fault that has happened, and its schema: to which start, from 0, and of what.
   *
   * @category models
   * @since 0.1.0
   */
  Injected,
  /**
   * Which faults happen, and its schema.
   *
   * @category models
   * @since 0.1.0
   */
  Plan,
  /**
   * How likely each kind of fault is, from 0 (the default) to 1, and its schema: for each line that Codex says, and for
   * the end of what it says; `refuseStart` for each start; `overload` for each request to an app-server, and for each
   * line of `codex exec` behind its first two.
   *
   * @category models
   * @since 0.1.0
   */
  Rates
} from "./internal/faultSchema.ts"

// =============================================================================
// Faults
// =============================================================================

/**
 * Codex is not started, or not connected to, and the system says why (default `PermissionDenied`). A run may be tried
 * again when it is `Busy`.
 *
 * @category faults
 * @since 0.1.0
 */
export const refuseStart = (code: Refusal = "PermissionDenied"): FaultOf<"RefuseStart"> => ({
  _tag: "RefuseStart",
  code
})

/**
 * There is too much to do. `codex exec` says in place of its line `at` (default 2, behind the beginning of the turn) that
 * the turn failed since its model is at capacity, and ends. To an app-server the request `at` never gets: it is answered
 * with the error -32001. The first request of a connection is `initialize`.
 *
 * @category faults
 * @since 0.1.0
 */
export const overload = (at = 2): FaultOf<"Overload"> => ({ _tag: "Overload", at })

/**
 * A line comes so much later.
 *
 * @category faults
 * @since 0.1.0
 */
export const delay = (line: number, duration: Duration.Input): FaultOf<"Delay"> => ({
  _tag: "Delay",
  line,
  duration: Duration.fromInputUnsafe(duration)
})

/**
 * A line comes in pieces of so many bytes, each after so much time.
 *
 * @category faults
 * @since 0.1.0
 */
export const slow = (
  line: number,
  { bytes, every }: { readonly bytes: number; readonly every: Duration.Input }
): FaultOf<"Slow"> => ({ _tag: "Slow", line, bytes, every: Duration.fromInputUnsafe(every) })

/**
 * Neither a line nor what follows it comes, and Codex does not end until it is stopped.
 *
 * @category faults
 * @since 0.1.0
 */
export const stall = (line: number): FaultOf<"Stall"> => ({ _tag: "Stall", line })

/**
 * Only the first half of a line comes, as a line of its own.
 *
 * @category faults
 * @since 0.1.0
 */
export const cut = (line: number): FaultOf<"Cut"> => ({ _tag: "Cut", line })

/**
 * A line comes twice.
 *
 * @category faults
 * @since 0.1.0
 */
export const duplicate = (line: number): FaultOf<"Duplicate"> => ({ _tag: "Duplicate", line })

/**
 * Before a line another one comes, which is no JSON.
 *
 * @category faults
 * @since 0.1.0
 */
export const garbage = (line: number, text: string = FaultPlan.garbage): FaultOf<"Garbage"> => ({
  _tag: "Garbage",
  line,
  text
})

/**
 * Codex dies before a line, or in the middle of it, by an exit code or a signal. A real process is killed, whatever it is
 * said to have died of.
 *
 * @category faults
 * @since 0.1.0
 */
export const death = (
  options:
    & { readonly line: number; readonly midLine?: boolean | undefined }
    & (
      | { readonly code: number }
      | { readonly signal: string }
    )
): FaultOf<"Death"> => ({
  _tag: "Death",
  line: options.line,
  midLine: options.midLine ?? false,
  ending: "code" in options ? { code: options.code } : { signal: options.signal }
})

// =============================================================================
// Plans
// =============================================================================

/**
 * The faults of each start, in the order of the starts. Those of one line happen in the order in which they are given.
 * One of a line that never comes never happens: `injected` does not tell of it.
 *
 * @category plans
 * @since 0.1.0
 */
export const script = (starts: ReadonlyArray<ReadonlyArray<Fault>>): Plan => ({ _tag: "Script", starts })

/**
 * Faults by chance, the same for the same seed. No line is later than `longestDelay` (default 1 second) by one delay.
 *
 * @category plans
 * @since 0.1.0
 */
export const random = (
  options: {
    readonly seed: string | number
    readonly rates: Rates
    readonly longestDelay?: Duration.Input | undefined
  }
): Plan => ({
  _tag: "Random",
  seed: options.seed,
  rates: options.rates,
  longestDelay: Duration.fromInputUnsafe(options.longestDelay ?? "1 second")
})

// =============================================================================
// Service
// =============================================================================

/**
 * The faults of a plan. Its starts are counted over all that it happens to.
 *
 * @category services
 * @since 0.1.0
 */
export class CodexFaults extends Context.Service<CodexFaults, {
  /** What has happened so far, in order. */
  readonly injected: Effect.Effect<ReadonlyArray<Injected>>
  /** The same spawner, whose processes of Codex have faults. */
  readonly spawner: (
    spawner: ChildProcessSpawner.ChildProcessSpawner["Service"]
  ) => ChildProcessSpawner.ChildProcessSpawner["Service"]
  /** The same connection, with faults. Each time that it is made is a start. */
  readonly connection: <E, R>(connect: Effect.Effect<Duplex, E, R>) => Effect.Effect<Duplex, E | ConnectionError, R>
  /** The same transport, with faults. Each turn is a start, and each event a line. */
  readonly transport: (transport: CodexTransport["Service"]) => CodexTransport["Service"]
}>()("@effect-codex/testing/CodexFaults") {}

/**
 * Makes the faults of a plan.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (plan: Plan): CodexFaults["Service"] => {
  const injected: Array<Injected> = []
  let starts = 0
  const start = (what: Injected["what"]) =>
    Effect.sync(() => FaultPlan.track(plan, { start: starts++, what }, (fault) => injected.push(fault)))
  return CodexFaults.of({
    injected: Effect.sync(() => [...injected]),
    spawner: (spawner) =>
      ChildProcessSpawner.make(Effect.fnUntraced(function*(command: ChildProcess.Command) {
        const language = command._tag === "PipedCommand"
          ? undefined
          : RecordedProcess.languageOf(RecordedProcess.argsOf(command))
        if (command._tag === "PipedCommand" || language === undefined) return yield* spawner.spawn(command)
        return yield* FaultProcess.spawn(spawner, command, yield* start(language.kind), language.kind)
      })),
    connection: (connect) => Effect.flatMap(start("connection"), (track) => FaultConnection.connect(connect, track)),
    transport: (transport) => CodexTransport.of({ turn: FaultConnection.turn(transport, start("turn")) })
  })
}

// =============================================================================
// Layers
// =============================================================================

/**
 * Provides the faults of a plan, for the others here to inject.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (plan: Plan): Layer.Layer<CodexFaults> => Layer.sync(CodexFaults, () => make(plan))

/**
 * Provides a spawner whose processes of Codex have faults, over the one in context. Other processes are just started.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerSpawner: Layer.Layer<
  ChildProcessSpawner.ChildProcessSpawner,
  never,
  ChildProcessSpawner.ChildProcessSpawner | CodexFaults
> = Layer.effect(
  ChildProcessSpawner.ChildProcessSpawner,
  Effect.flatMap(CodexFaults, ({ spawner }) => Effect.map(ChildProcessSpawner.ChildProcessSpawner, spawner))
)

/**
 * Provides a transport with faults over the one in context, whatever that is.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerTransport: Layer.Layer<CodexTransport, never, CodexTransport | CodexFaults> = Layer.effect(
  CodexTransport,
  Effect.flatMap(CodexFaults, ({ transport }) => Effect.map(CodexTransport, transport))
)

/**
 * Makes connections with faults: for a WebSocket, a fake, or one of your own.
 *
 * @category connections
 * @since 0.1.0
 */
export const connection = <E, R>(
  connect: Effect.Effect<Duplex, E, R>
): Effect.Effect<Duplex, E | ConnectionError, R | CodexFaults> =>
  Effect.flatMap(CodexFaults, (faults) => faults.connection(connect))
