/**
 * How a client introduces itself and behaves.
 *
 * @internal
 */
import type * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import type * as Connection from "../appserver/Connection.ts"
import type * as JsonRpc from "../appserver/JsonRpc.ts"
import type * as Protocol from "../appserver/Protocol.ts"
import { InvalidOption } from "../CodexError.ts"

/**
 * What has to be told, as somebody would wait for it in vain.
 *
 * @category options
 * @since 0.1.0
 */
export type LifecycleMethod = (typeof lifecycleMethods)[number]

const lifecycleMethods = [
  "account/login/completed",
  "command/exec/outputDelta",
  "error",
  "item/completed",
  "item/started",
  "process/exited",
  "process/outputDelta",
  "serverRequest/resolved",
  "thread/closed",
  "thread/started",
  "thread/status/changed",
  "turn/completed",
  "turn/started"
] as const satisfies ReadonlyArray<Protocol.NotificationMethod>

/**
 * What a client says of itself, and how its connection behaves.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends JsonRpc.Options {
  /** Who the client is. Codex tells its model provider the `name`, `effect_codex` by default. */
  readonly clientInfo?: Protocol.ClientInfo | undefined
  /** Whether what is experimental can be used (default `false`): without it, it fails with `ExperimentalApiRequired`. */
  readonly experimentalApi?: boolean | undefined
  /** What the app-server shall not tell. What this library waits for can't be left out. */
  readonly optOutNotificationMethods?: ReadonlyArray<Exclude<Protocol.NotificationMethod, LifecycleMethod>> | undefined
  /** What else the client can do. */
  readonly capabilities?:
    | Omit<Protocol.InitializeCapabilities, "experimentalApi" | "optOutNotificationMethods">
    | undefined
  /** How long the app-server may take to say what it is (default 30 seconds). */
  readonly initializeTimeout?: Duration.Input | undefined
}

/**
 * Which app-server is started, and how its client behaves.
 *
 * @category options
 * @since 0.1.0
 */
export interface StdioOptions extends Options, Connection.StdioOptions {}

/** What is said to the app-server first. */
export const introduction = (
  { capabilities, clientInfo, experimentalApi, optOutNotificationMethods }: Options
): Result.Result<Protocol.InitializeParams, InvalidOption> => {
  const needed = optOutNotificationMethods?.filter(isLifecycle) ?? []
  if (needed.length > 0) {
    const problem = `must be without ${needed.join(", ")}, which this library waits for`
    return Result.fail(new InvalidOption({ option: "optOutNotificationMethods", problem }))
  }
  return Result.succeed({
    clientInfo: clientInfo ?? { name: "effect_codex", title: "effect-codex", version: "0.1.0" },
    capabilities: { ...capabilities, experimentalApi, optOutNotificationMethods }
  })
}

const isLifecycle = (given: string): boolean => lifecycleMethods.some((method) => method === given)
