/**
 * A command that an app-server runs: its output while it runs, and its end with the scope at the latest.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import type { Client } from "../appserver/Client.ts"
import type { ClientError } from "../appserver/ClientError.ts"
import * as Protocol from "../appserver/Protocol.ts"

/**
 * A piece of what a command writes. In a terminal (`tty`) all of it is `stdout`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Output {
  readonly stream: "stdout" | "stderr" | (string & {})
  readonly bytes: Uint8Array
  /** Whether what follows in this stream is left out, as it exceeds `outputBytesCap`. */
  readonly capReached: boolean
}

/**
 * A command that runs. It is terminated when the scope that it was started in closes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Command {
  /**
   * What it writes, as it comes; to be run once. It fails with what `exitCode` fails with.
   *
   * A command without a cap of its output waits while nobody takes it, and so does the whole connection.
   */
  readonly output: Stream.Stream<Output, ClientError>
  /**
   * Waits for its end: 124 after its time limit, 137 after `terminate`. Fails with `RpcError` if it could not be started.
   */
  readonly exitCode: Effect.Effect<number, ClientError>
  /** Writes to its stdin, if it is a `tty` or has `stdin`. */
  readonly write: (data: string | Uint8Array) => Effect.Effect<void, ClientError>
  /** Its stdin, which ends when what is written to it does. */
  readonly stdin: Sink.Sink<void, string | Uint8Array, never, ClientError>
  /** Sets the size of its terminal. */
  readonly resize: (size: Protocol.CommandExecTerminalSize) => Effect.Effect<void, ClientError>
  /** Kills it and all that it started. */
  readonly terminate: Effect.Effect<void, ClientError>
}

/** What the two ways to run a command have in common. */
export interface Session<M extends DeltaMethod> {
  readonly client: Client["Service"]
  readonly deltaMethod: M
  readonly isOwn: (delta: Protocol.NotificationOf<M>) => boolean
  /** Starts it, and waits for its end. */
  readonly run: Effect.Effect<number, ClientError, Scope.Scope>
  readonly write: (
    data: { readonly deltaBase64?: string; readonly closeStdin?: boolean }
  ) => Effect.Effect<unknown, ClientError>
  readonly resize: (size: Protocol.CommandExecTerminalSize) => Effect.Effect<unknown, ClientError>
  readonly terminate: Effect.Effect<unknown, ClientError>
}

type DeltaMethod = "command/exec/outputDelta" | "process/outputDelta"

/** How long a command that was terminated with its scope may take to end. */
const terminationGrace = "5 seconds"

/** How many pieces of output wait beside those in the connection. */
const outputCapacity = 16

export const make = Effect.fnUntraced(function*<M extends DeltaMethod>(
  session: Session<M>
): Effect.fn.Return<Command, never, Scope.Scope> {
  const { client, deltaMethod } = session
  const subscription = yield* Scope.fork(yield* Effect.scope)
  const deltas = yield* Scope.provide(client.rpc.subscribe({ methods: [deltaMethod] }), subscription)
  const running = yield* Effect.acquireRelease(
    Effect.forkScoped(session.run, { startImmediately: true }),
    (running) => {
      if (running.pollUnsafe() !== undefined) return Effect.void
      // First the output that nobody will take, and that the reply may be behind.
      return Scope.close(subscription, Exit.void).pipe(
        Effect.andThen(session.terminate),
        Effect.andThen(Fiber.await(running)),
        Effect.timeoutOption(terminationGrace),
        Effect.ignore
      )
    }
  )
  // All its output was before, if some may still be with a middleware. Its end does not wait for that.
  yield* Fiber.await(running).pipe(
    Effect.andThen(client.rpc.delivered),
    Effect.andThen(Scope.close(subscription, Exit.void)),
    Effect.forkScoped
  )
  // Taken from the connection even if nobody takes it here: most of it may be that of other commands.
  const output = yield* deltas.pipe(
    Stream.mapEffect(({ params }) => Effect.fromResult(Protocol.decodeNotification(deltaMethod, params))),
    Stream.filter(session.isOwn),
    Stream.mapEffect((delta) => Effect.fromResult(toOutput(deltaMethod, delta))),
    Stream.concat(Stream.drain(Stream.fromEffect(Fiber.join(running)))),
    Stream.toQueue({ capacity: outputCapacity })
  )
  const write = (data: string | Uint8Array) => Effect.asVoid(session.write({ deltaBase64: Base64.encode(data) }))
  return {
    output: Stream.fromQueue(output),
    exitCode: Fiber.join(running),
    write,
    stdin: Sink.mapEffect(Sink.forEach(write), () => Effect.asVoid(session.write({ closeStdin: true }))),
    resize: (size) => Effect.asVoid(session.resize(size)),
    terminate: Effect.asVoid(session.terminate)
  }
})

const toOutput = (
  method: DeltaMethod,
  { capReached, deltaBase64, stream }: Protocol.NotificationOf<DeltaMethod>
): Result.Result<Output, Protocol.ProtocolError> =>
  Result.mapBoth(Base64.decode(deltaBase64), {
    onSuccess: (bytes): Output => ({ stream, bytes, capReached }),
    onFailure: () =>
      new Protocol.ProtocolError({
        method,
        part: "params",
        direction: "received",
        issue: "no Base64 at [\"deltaBase64\"]"
      })
  })
