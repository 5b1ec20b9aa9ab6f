/**
 * How a process ended.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type { ChildProcessHandle } from "effect/process/ChildProcessSpawner"

export interface ExitStatus {
  readonly exitCode?: number
  readonly signal?: string
}

export const exitStatus = (handle: ChildProcessHandle): Effect.Effect<ExitStatus> =>
  Effect.match(handle.exitCode, {
    onSuccess: (exitCode): ExitStatus => ({ exitCode }),
    // Effect reports death by a signal as an error that names it.
    onFailure: (error): ExitStatus => {
      const signal = /\bSIG[A-Z0-9]+\b/.exec(String(error.reason.cause))
      return signal === null ? {} : { signal: signal[0] }
    }
  })
