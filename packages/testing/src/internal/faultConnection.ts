/**
 * A connection, and a transport, to which faults happen.
 *
 * @internal
 */
import type { Duplex } from "@effect-codex/core/appserver/Connection"
import * as ConnectionError from "@effect-codex/core/appserver/ConnectionError"
import * as CodexError from "@effect-codex/core/CodexError"
import * as CodexEvent from "@effect-codex/core/CodexEvent"
import type { CodexTransport } from "@effect-codex/core/CodexTransport"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { affect, inject } from "./faultLines.ts"
import type { Track } from "./faultPlan.ts"
import { overloadEvents } from "./faultProcess.ts"
import * as Requests from "./faultRequests.ts"
import type { Ending, FaultOf } from "./faultSchema.ts"

// =============================================================================
// Connections
// =============================================================================

export const connect = Effect.fnUntraced(function*<E, R>(self: Effect.Effect<Duplex, E, R>, track: Track) {
  const refusal = yield* track.refusal
  if (refusal !== undefined) {
    yield* track.note(refusal)
    return yield* ConnectionError.fromReason(
      new ConnectionError.ConnectFailed({ address: "CodexFaults", description: `refused (${refusal.code})` })
    )
  }
  const { incoming, outgoing } = yield* self
  const injected = inject(affect(incoming, track), {
    cut: half,
    garbage: (text) => text,
    slowly: (text, fault) => Stream.fromEffect(Effect.as(Effect.sleep(slowness(text, fault)), text)),
    die: ({ ending, midLine }, text) =>
      Stream.concat(
        midLine && text !== undefined ? Stream.succeed(half(text)) : Stream.empty,
        Stream.fail(ConnectionError.fromReason(new ConnectionError.Disconnected({ description: told(ending) })))
      ),
    overloaded: Stream.empty,
    hang: Effect.void
  }, track)
  if (track.answersAll) return { incoming: injected, outgoing }

  const { answers, pass } = yield* Requests.make(track)
  return {
    incoming: Stream.merge(injected, Stream.fromQueue(answers), { haltStrategy: "left" }),
    outgoing: Sink.fromTransform((pull, scope) => outgoing.transform(Requests.nonEmpty(pull, pass), scope))
  } satisfies Duplex
})

const half = (text: string): string => text.slice(0, Math.floor(text.length / 2))

const slowness = (text: string, { bytes, every }: FaultOf<"Slow">): Duration.Duration =>
  Duration.times(every, Math.ceil(text.length / bytes))

const told = (ending: Ending): string =>
  `CodexFaults ended it (${"code" in ending ? `exit code ${ending.code}` : `signal ${ending.signal}`})`

// =============================================================================
// Transports
// =============================================================================

export const turn = (
  transport: CodexTransport["Service"],
  start: Effect.Effect<Track>
): CodexTransport["Service"]["turn"] =>
(request, onStart) =>
  Stream.unwrap(Effect.gen(function*() {
    const track = yield* start
    const refusal = yield* track.refusal
    if (refusal !== undefined) {
      yield* track.note(refusal)
      const { code } = refusal
      return Stream.fail(CodexError.fromReason(
        new CodexError.SpawnFailed({ command: "codex", code, description: "CodexFaults refused it" })
      ))
    }
    let isOver = false
    return inject(affect(transport.turn(request, onStart), track), {
      cut: (event) => CodexEvent.fromLine(half(JSON.stringify(event))),
      garbage: CodexEvent.fromLine,
      slowly: (event, fault) =>
        Stream.fromEffect(Effect.as(Effect.sleep(slowness(JSON.stringify(event), fault)), event)),
      // Behind the last event the turn has ended.
      die: ({ ending, midLine }, event) =>
        event === undefined ? Stream.empty : Stream.concat(
          midLine ? Stream.succeed(CodexEvent.fromLine(half(JSON.stringify(event)))) : Stream.empty,
          exited(status(ending))
        ),
      overloaded: Stream.fromIterable(overloadEvents),
      hang: Effect.void
    }, track).pipe(
      Stream.mapArray((events) => {
        isOver ||= events.some(({ type }) => type === "turn.completed" || type === "turn.failed")
        return events
      }),
      Stream.concat(Stream.suspend(() => isOver ? Stream.empty : exited({ exitCode: 0 })))
    )
  }))

const exited = (status: ExitStatus) =>
  Stream.fail(CodexError.fromReason(new CodexError.Exited({ ...status, stderr: "" })))

type ExitStatus = Pick<CodexError.Exited, "exitCode" | "signal">

const status = (ending: Ending): ExitStatus => "code" in ending ? { exitCode: ending.code } : ending
