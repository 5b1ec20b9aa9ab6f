/**
 * A process of Codex to which faults happen.
 *
 * @internal
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as PlatformError from "effect/PlatformError"
import type * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import type * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import * as Bytes from "./faultBytes.ts"
import { inject, type Medium } from "./faultLines.ts"
import type { Track } from "./faultPlan.ts"
import * as Requests from "./faultRequests.ts"
import type { Ending } from "./faultSchema.ts"
import { LineCutter } from "./lineCutter.ts"
import * as ScriptFailures from "./scriptFailures.ts"

type Handle = ChildProcessSpawner.ChildProcessHandle

type Bytes = Stream.Stream<Uint8Array, PlatformError.PlatformError>

export const spawn = Effect.fnUntraced(function*(
  spawner: ChildProcessSpawner.ChildProcessSpawner["Service"],
  command: ChildProcess.StandardCommand,
  track: Track,
  kind: "exec" | "app-server"
): Effect.fn.Return<Handle, PlatformError.PlatformError, Scope.Scope> {
  const refusal = yield* track.refusal
  if (refusal !== undefined) {
    yield* track.note(refusal)
    return yield* refused(refusal.code)
  }
  const handle = yield* spawner.spawn(command)
  const state: State = { ending: undefined, isHung: false, isReading: false, isWaiting: false, reads: 0 }
  // When its end may be told: not before what happens to its last words.
  const told = yield* Deferred.make<void>()
  const stopped = yield* Deferred.make<void>()
  const die = (ending: Ending) =>
    Effect.suspend(() => {
      state.ending = ending
      return Effect.andThen(Effect.ignore(handle.kill({ killSignal: "SIGKILL" })), Deferred.succeed(told, undefined))
    })

  const source: Bytes = Stream.transformPull(handle.stdout, (pull) =>
    Effect.succeed(
      Effect.suspend(() => {
        state.isReading = true
        state.isWaiting = true
        state.reads++
        return Effect.onExit(pull, () => Effect.sync(() => void (state.isWaiting = false)))
      })
    ))
  const heard = Effect.gen(function*() {
    if (state.isReading) yield* Effect.raceFirst(Deferred.await(told), silence(state))
    if (state.isHung) yield* Deferred.await(stopped)
  })
  const output = inject(Bytes.affect(source, track), medium({ kind, state, die }), track).pipe(
    Stream.ensuring(Deferred.succeed(told, undefined))
  )
  const server = kind === "exec" || track.answersAll ? undefined : yield* overloadable(handle, output, track)

  return ChildProcessSpawner.makeHandle({
    ...handle,
    isRunning: Effect.suspend(() => {
      if (state.ending !== undefined) return Effect.succeed(false)
      return state.isHung ? Effect.map(Deferred.isDone(stopped), (stopped) => !stopped) : handle.isRunning
    }),
    exitCode: Effect.exit(handle.exitCode).pipe(
      Effect.tap(() => Effect.raceFirst(Deferred.await(stopped), heard)),
      Effect.flatMap((exit) => state.ending === undefined ? exit : endedWith(state.ending))
    ),
    kill: (options) =>
      Effect.suspend(() => {
        if (state.ending !== undefined) return Effect.void
        // What hangs may have ended long ago.
        return state.isHung ? Effect.ignore(handle.kill(options)) : handle.kill(options)
      }).pipe(Effect.ensuring(Deferred.succeed(stopped, undefined))),
    stdin: server?.stdin ?? handle.stdin,
    stdout: server?.stdout ?? output
  })
})

// =============================================================================
// What happens to it
// =============================================================================

interface State {
  /** How it is said to have ended. */
  ending: Ending | undefined
  isHung: boolean
  /** Whether anybody has read its output, and waits for more. */
  isReading: boolean
  isWaiting: boolean
  reads: number
}

const medium = ({ die, kind, state }: {
  readonly kind: "exec" | "app-server"
  readonly state: State
  readonly die: (ending: Ending) => Effect.Effect<unknown>
}): Medium<Uint8Array, PlatformError.PlatformError> => ({
  cut: Bytes.cut,
  garbage: (text) => encoder.encode(`${text}\n`),
  slowly: (line, { bytes, every }) =>
    Stream.mapEffect(Stream.fromIterable(Bytes.pieces(line, bytes)), (piece) => Effect.as(Effect.sleep(every), piece)),
  die: ({ ending, midLine }, line) =>
    Stream.concat(
      midLine && line !== undefined ? Stream.succeed(Bytes.half(line)) : Stream.empty,
      Stream.fromEffectDrain(die(ending))
    ),
  overloaded: kind === "exec"
    ? Stream.concat(Stream.succeed(encoder.encode(overloaded)), Stream.fromEffectDrain(die({ code: 1 })))
    : Stream.empty,
  hang: Effect.sync(() => {
    state.isHung = true
  })
})

/** What it left behind may hold its output open: it has said all that it will when it has said nothing for a while. */
const silence = (state: State): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { isWaiting, reads } = state
    return Effect.flatMap(
      Effect.sleep(quiet),
      () => isWaiting && state.isWaiting && state.reads === reads ? Effect.void : silence(state)
    )
  })

const quiet = "100 millis"

const overloadable = Effect.fnUntraced(function*(handle: Handle, output: Bytes, track: Track) {
  const { answers, pass } = yield* Requests.make(track)
  const cutter = new LineCutter()
  return {
    stdin: Sink.mapInputArrayEffect(handle.stdin, (chunks: ReadonlyArray<Uint8Array>) =>
      Effect.map(
        pass(chunks.flatMap((chunk) => cutter.push(chunk))),
        (lines) => [encoder.encode(lines.map((line) => `${line}\n`).join(""))] as const
      )),
    stdout: Bytes.withLines(output, Stream.map(Stream.fromQueue(answers), (line) => encoder.encode(`${line}\n`)))
  }
})

// =============================================================================
// Words
// =============================================================================

const encoder = new TextEncoder()

const { message } = ScriptFailures.toError("overloaded", "")

export const overloadEvents = [
  { type: "error" as const, message },
  { type: "turn.failed" as const, error: { message } }
]

const overloaded = overloadEvents.map((event) => `${JSON.stringify(event)}\n`).join("")

const refused = (code: PlatformError.SystemErrorTag) =>
  PlatformError.systemError({
    _tag: code,
    module: "ChildProcess",
    method: "spawn",
    description: "CodexFaults refused it"
  })

const endedWith = (ending: Ending): Effect.Effect<ChildProcessSpawner.ExitCode, PlatformError.PlatformError> =>
  "code" in ending
    ? Effect.succeed(ChildProcessSpawner.ExitCode(ending.code))
    : Effect.fail(
      PlatformError.systemError({
        _tag: "Unknown",
        module: "ChildProcess",
        method: "exitCode",
        // In the words of `@effect/platform-node`, whose only sign of a signal they are.
        cause: new Error(`Process interrupted due to receipt of signal: '${ending.signal}'`)
      })
    )
