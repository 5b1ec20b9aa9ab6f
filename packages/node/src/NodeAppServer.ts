/**
 * Connections to an app-server that listens on a WebSocket or a unix socket, on Node.
 *
 * They go by the package `ws`. Node's own WebSocket can't reach a unix socket, hides the status by which an app-server
 * refuses a token, and reads on while nobody takes what it read. (`codex app-server proxy` is no way round: it passes
 * the WebSocket's bytes on as they are.)
 *
 * **Example** (A peer of the app-server of this machine)
 *
 * ```ts
 * import * as JsonRpc from "@effect-codex/core/appserver/JsonRpc"
 * import * as NodeAppServer from "@effect-codex/node/NodeAppServer"
 * import * as Effect from "effect/Effect"
 *
 * const peer = NodeAppServer.unixSocket().pipe(Effect.flatMap((duplex) => JsonRpc.make(duplex)))
 * ```
 *
 * @since 0.1.0
 */
import * as Connection from "@effect-codex/core/appserver/Connection"
import * as ConnectionError from "@effect-codex/core/appserver/ConnectionError"
import { LineTooLong } from "@effect-codex/core/CodexError"
import * as NodeWS from "@effect/platform-node/NodeWS"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import * as Stream from "effect/Stream"
import { createConnection } from "node:net"
import { join } from "node:path"
import { locate } from "./internal/codexHome.ts"

// =============================================================================
// Options
// =============================================================================

/**
 * Which app-server is connected to.
 *
 * @category options
 * @since 0.1.0
 */
export interface WebSocketOptions extends Connection.WebSocketOptions {
  /** The longest message in bytes (default 256 MiB); a longer one ends the connection with `LineTooLong`. */
  readonly maxLineBytes?: number | undefined
}

/**
 * Which app-server is connected to.
 *
 * @category options
 * @since 0.1.0
 */
export interface UnixSocketOptions {
  /** Default: where `codex app-server --listen unix://` listens, in the home directory of Codex. */
  readonly path?: string | undefined
  /** For an app-server that wants one. That of the CLI does not: who may use its socket may use it. */
  readonly token?: Redacted.Redacted<string> | undefined
  /** How long it may take to connect (default 10 seconds). */
  readonly openTimeout?: Duration.Input | undefined
  /** The longest message in bytes (default 256 MiB); a longer one ends the connection with `LineTooLong`. */
  readonly maxLineBytes?: number | undefined
}

// =============================================================================
// Constructors
// =============================================================================

/**
 * Connects to an app-server that listens on a WebSocket. Fails with `Unauthorized` or `ConnectFailed`.
 *
 * While nobody takes what it says, the app-server waits.
 *
 * @category constructors
 * @since 0.1.0
 */
export const webSocket = ({ maxLineBytes = defaultMaxLineBytes, ...options }: WebSocketOptions): Effect.Effect<
  Connection.Duplex,
  ConnectionError.ConnectionError,
  Scope.Scope
> => connect(options, { maxLineBytes })

/**
 * Connects to an app-server that listens on a unix socket. Fails with `ConnectFailed`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const unixSocket = (
  { maxLineBytes = defaultMaxLineBytes, path, ...options }: UnixSocketOptions = {}
): Effect.Effect<Connection.Duplex, ConnectionError.ConnectionError, Scope.Scope> =>
  Effect.suspend(() => {
    const socket = path ?? join(locate({}), "app-server-control", "app-server-control.sock")
    return connect({ ...options, url: "ws://localhost" }, { maxLineBytes, socket }).pipe(
      Effect.mapError(({ reason }) =>
        ConnectionError.fromReason(
          reason._tag === "ConnectFailed"
            ? new ConnectionError.ConnectFailed({ address: socket, description: reason.description })
            : reason
        )
      )
    )
  })

// =============================================================================
// Internals
// =============================================================================

const defaultMaxLineBytes = 256 * 1024 * 1024

interface Settings {
  readonly maxLineBytes: number
  /** The unix socket to go by, instead of the URL's host. */
  readonly socket?: string | undefined
}

const connect = (options: Connection.WebSocketOptions, { maxLineBytes, socket }: Settings) =>
  Connection.webSocket(options).pipe(
    Effect.map(({ incoming, outgoing }) => ({
      incoming: Stream.mapError(incoming, ({ reason }) =>
        ConnectionError.fromReason(
          reason._tag === "Disconnected" && reason.description === tooLong
            ? new LineTooLong({ limit: maxLineBytes })
            : reason
        )),
      outgoing
    })),
    Effect.provideService(Socket.WebSocketConstructor, (url, given) => {
      const headers = typeof given === "object" && "headers" in given ? given.headers : undefined
      return new NodeWS.WebSocket(url, {
        headers,
        maxPayload: maxLineBytes,
        perMessageDeflate: false,
        ...(socket === undefined ? {} : { createConnection: () => createConnection(socket) })
      })
    })
  )

// In the words of `ws`.
const tooLong = "Max payload size exceeded"
