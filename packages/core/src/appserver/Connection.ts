/**
 * Connections to an app-server: to one that this program starts, or to one that runs elsewhere.
 *
 * Each is a {@link Duplex}, and so may be a connection of your own. `JsonRpc.make` speaks over it.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Socket from "effect/socket/Socket"
import * as Stream from "effect/Stream"
import type { CodexCli } from "../CodexCli.ts"
import type { CodexConfig } from "../CodexConfig.ts"
import { InvalidOption, Unauthorized } from "../CodexError.ts"
import * as ServerProcess from "../internal/serverProcess.ts"
import type { ProcessGuard } from "../ProcessGuard.ts"
import * as ConnectionError from "./ConnectionError.ts"

// =============================================================================
// Models
// =============================================================================

/**
 * Two directions of messages. Each message is the text of one JSON value, without the end of the line.
 *
 * `incoming` is run once. It fails when the connection is lost; if it just ends, the connection has ended too.
 * `outgoing` is run once: it takes messages as fast as the other side does, and its end tells that none will follow.
 * For a connection that is written to one message at a time it is `Sink.forEach`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Duplex {
  readonly incoming: Stream.Stream<string, ConnectionError.ConnectionError>
  readonly outgoing: Sink.Sink<void, string, unknown, ConnectionError.ConnectionError>
}

/**
 * A connection to an app-server that this program started.
 *
 * @category models
 * @since 0.1.0
 */
export interface StdioConnection extends Duplex {
  /** The app-server's process id. */
  readonly pid: number
}

// =============================================================================
// Options
// =============================================================================

/**
 * Which app-server is started, and how it is ended.
 *
 * @category options
 * @since 0.1.0
 */
export interface StdioOptions {
  /** Configuration of all its threads, over that of its files. */
  readonly config?: CodexConfig | undefined
  /** More arguments of `codex app-server`. */
  readonly args?: ReadonlyArray<string> | undefined
  /** Where it runs. Default: where this program does. */
  readonly workingDirectory?: string | undefined
  /** How long it may take to end by itself, before it is told by SIGTERM (default 3 seconds). */
  readonly shutdownGrace?: Duration.Input | undefined
  /** The longest message in bytes (default 256 MiB); a longer one ends the connection with `LineTooLong`. */
  readonly maxLineBytes?: number | undefined
}

/**
 * Which app-server is connected to.
 *
 * @category options
 * @since 0.1.0
 */
export interface WebSocketOptions {
  /** Such as `ws://127.0.0.1:4500`. */
  readonly url: string
  /** A capability token, or a signed bearer token. */
  readonly token?: Redacted.Redacted<string> | undefined
  /** How long it may take to connect (default 10 seconds). */
  readonly openTimeout?: Duration.Input | undefined
}

// =============================================================================
// Constructors
// =============================================================================

/**
 * Starts `codex app-server` and speaks to it over its stdin and stdout.
 *
 * When the scope closes, its stdin is ended, upon which it ends its commands and itself; if it does not, it is told by
 * SIGTERM, then killed, and what is left of its process tree is killed too. What it leaves behind when it dies by
 * itself is killed a second later. Fails with `SpawnFailed` or `InvalidOption`; an app-server that ends, if only since
 * it does not like its arguments, fails `incoming` with `Exited`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const stdio = (options: StdioOptions = {}): Effect.Effect<
  StdioConnection,
  ConnectionError.ConnectionError,
  CodexCli | ChildProcessSpawner | ProcessGuard | Scope.Scope
> => ServerProcess.start(options)

/**
 * Connects to an app-server that listens on a WebSocket. Fails with `Unauthorized` or `ConnectFailed`.
 *
 * The constructor in context has to take headers if there is a `token`, and limits the length of a message. Node's and
 * the browsers' own hide why they could not connect, and read on while nobody takes what they read:
 * `NodeAppServer.webSocket` of `@effect-codex/node` does neither.
 *
 * @category constructors
 * @since 0.1.0
 */
export const webSocket = Effect.fnUntraced(function*(options: WebSocketOptions): Effect.fn.Return<
  Duplex,
  ConnectionError.ConnectionError,
  Scope.Scope | Socket.WebSocketConstructor
> {
  const { openTimeout, token, url } = options
  if (!/^wss?:\/\/[^/]/.test(url) || !URL.canParse(url)) {
    return yield* ConnectionError.fromReason(
      new InvalidOption({ option: "url", problem: "must be like `ws://127.0.0.1:4500`" })
    )
  }
  const address = new URL(url).host
  const socket = yield* Socket.makeWebSocket(url, {
    openTimeout,
    ...(token === undefined ? {} : { headers: { authorization: `Bearer ${Redacted.value(token)}` } })
  })
  const pull = yield* Effect.mapError(Socket.readerString(socket), (error) => openFailed(error, address))
  const { writeAll } = yield* socket.writer
  return {
    incoming: Stream.mapError(Stream.fromPull(Effect.succeed(pull)), lost),
    outgoing: Sink.mapError(Sink.forEachArray(writeAll), lost)
  }
})

/**
 * Two ends of a connection within this program, for tests. What one sends the other gets; when one ends or fails, the
 * other's `incoming` ends.
 *
 * @category constructors
 * @since 0.1.0
 */
export const inMemory: Effect.Effect<readonly [client: Duplex, server: Duplex]> = Effect.gen(function*() {
  const toServer = yield* Queue.bounded<string, Cause.Done>(inMemoryCapacity)
  const toClient = yield* Queue.bounded<string, Cause.Done>(inMemoryCapacity)
  return [
    { incoming: Stream.fromQueue(toClient), outgoing: Sink.ensuring(Sink.fromQueue(toServer), Queue.end(toServer)) },
    { incoming: Stream.fromQueue(toServer), outgoing: Sink.ensuring(Sink.fromQueue(toClient), Queue.end(toClient)) }
  ]
})

// =============================================================================
// Internals
// =============================================================================

const inMemoryCapacity = 16

// `ws` says why in its event; others do not tell.
const saidBy = ({ reason }: Socket.SocketError): string => {
  const message = "cause" in reason && Predicate.hasProperty(reason.cause, "message") ? reason.cause.message : undefined
  return typeof message === "string" ? message : ""
}

const openFailed = (error: Socket.SocketError, address: string): ConnectionError.ConnectionError => {
  const said = saidBy(error)
  const status = /^Unexpected server response: (\d+)$/.exec(said)?.[1]
  if (status === "401") return ConnectionError.fromReason(new Unauthorized({ address }))
  const unknown = `${error.message} (is it there, and is the token the right one?)`
  const description = status === undefined ? said || unknown : `it answered with the HTTP status ${status}`
  return ConnectionError.fromReason(new ConnectionError.ConnectFailed({ address, description }))
}

const lost = (error: Socket.SocketError): ConnectionError.ConnectionError => {
  const { reason } = error
  return ConnectionError.fromReason(
    reason._tag === "SocketCloseError"
      ? new ConnectionError.Disconnected({ code: reason.code, description: `it was closed (${reason.message})` })
      : new ConnectionError.Disconnected({ description: saidBy(error) || reason.message })
  )
}
