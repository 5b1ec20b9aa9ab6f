/**
 * Why a turn failed over an app-server, in the words that a run has for it.
 *
 * @internal
 */
import type { ClientError } from "../appserver/ClientError.ts"
import type { ConnectionError } from "../appserver/ConnectionError.ts"
import * as CodexError from "../CodexError.ts"
import * as StartFailure from "./startFailure.ts"

/** Why there is no connection. */
export const fromConnection = ({ reason }: ConnectionError): CodexError.CodexErrorReason => {
  switch (reason._tag) {
    case "SpawnFailed":
    case "InvalidOption":
    case "LineTooLong":
    case "Unauthorized":
      return reason
    case "Exited": {
      const { exitCode, signal, stderr } = reason
      return new CodexError.Exited({
        stderr,
        ...(exitCode === undefined ? {} : { exitCode }),
        ...(signal === undefined ? {} : { signal })
      })
    }
    default:
      return new CodexError.AppServerFailed({ problem: reason.message, unreachable: reason.isTransient })
  }
}

/** Why a request that a turn needs failed. */
export const fromClient = (error: ClientError, request?: StartFailure.Asked): CodexError.CodexErrorReason => {
  switch (error._tag) {
    case "ConnectionError":
      return fromConnection(error)
    case "RpcError": {
      const known = request === undefined ? undefined : StartFailure.fromStderr(error.description, request)
      return known ?? new CodexError.AppServerFailed({ problem: error.message, unreachable: error.isOverloaded })
    }
    case "RequestTimedOut":
      return new CodexError.AppServerFailed({ problem: error.message, unreachable: !error.sent })
    case "ProtocolError":
    case "ExperimentalApiRequired":
      return new CodexError.AppServerFailed({ problem: error.message, unreachable: false })
  }
}
