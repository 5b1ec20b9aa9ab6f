/**
 * What the events of a turn mean for the run: the same over every transport.
 *
 * @internal
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import * as CodexError from "../CodexError.ts"
import type { CodexEvent, TokenUsage } from "../CodexEvent.ts"
import * as CodexItem from "../CodexItem.ts"
import type { TurnRequest } from "../CodexOptions.ts"
import { failOnceNoted } from "./failOnceNoted.ts"
import { fromMessage } from "./turnFailure.ts"

interface State {
  threadId: string | undefined
  /** Whether the agent may have acted. */
  worked: boolean
  /** The cause that a failed turn gave. */
  turnFailure: string | undefined
  /** Why the run does not go on. */
  failure: CodexError.CodexError | undefined
}

/** What the client wants to know of a run. */
export interface Observer {
  /** The thread that answers is known; it is the one that was asked for. */
  readonly onThread: (threadId: string) => Effect.Effect<void>
  readonly onUsage: (threadId: string, total: TokenUsage) => void
}

/**
 * Fails a run whose turn failed, whose thread is another one, or, if it is strict, that has an event
 * which this version does not know.
 */
export const interpret = (request: TurnRequest, observer: Observer) =>
(
  self: Stream.Stream<CodexEvent, CodexError.CodexError>
): Stream.Stream<CodexEvent, CodexError.CodexError> =>
  Stream.suspend(() => {
    const state: State = { threadId: undefined, worked: false, turnFailure: undefined, failure: undefined }
    const strict = request.strict === true

    /** Takes in one event; gives why the run must not go on with it. */
    const take = (event: CodexEvent): CodexError.CodexErrorReason | undefined => {
      if ("item" in event) {
        if (!state.worked) state.worked = CodexItem.isWork(event.item)
        return strict && event.item.type === "unknown" ? undecodable(event.item) : undefined
      }
      switch (event.type) {
        case "thread.started":
          state.threadId = event.thread_id
          return request.thread === undefined || event.thread_id === request.thread
            ? undefined
            : new CodexError.ThreadMismatch({ requested: request.thread, actual: event.thread_id })
        case "turn.completed":
          state.turnFailure = undefined
          if (state.threadId !== undefined) observer.onUsage(state.threadId, event.usage)
          return undefined
        case "turn.failed":
          state.turnFailure = event.error.message
          return undefined
        case "unknown":
          state.worked = true
          return strict ? undecodable(event) : undefined
        default:
          return undefined
      }
    }

    return self.pipe(
      Stream.mapArrayEffect(Effect.fnUntraced(function*(events) {
        let taken = 0
        for (const event of events) {
          const reason = take(event)
          if (reason !== undefined) {
            state.failure = CodexError.fromReason(reason)
            const before = events.slice(0, taken)
            return Arr.isArrayNonEmpty(before) ? before : yield* state.failure
          }
          taken++
          if (event.type === "thread.started") yield* observer.onThread(event.thread_id)
        }
        return events
      })),
      failOnceNoted(() => state.failure),
      Stream.concat(Stream.suspend(() =>
        state.turnFailure === undefined
          ? Stream.empty
          : Stream.fail(CodexError.fromReason(fromMessage(state.turnFailure)))
      )),
      Stream.mapError((error) => state.worked ? CodexError.afterWork(error) : error)
    )
  })

const undecodable = ({ issue, raw }: Extract<CodexEvent | CodexItem.CodexItem, { readonly type: "unknown" }>) =>
  new CodexError.EventUndecodable({
    eventType: Predicate.hasProperty(raw, "type") && typeof raw.type === "string" ? `"${raw.type}"` : "a line",
    issue: issue ?? "its type is not known"
  })
