/**
 * What the events of a turn mean for the run: the same over every transport.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import * as CodexError from "../CodexError.ts"
import type { CodexEvent, TokenUsage } from "../CodexEvent.ts"
import * as CodexItem from "../CodexItem.ts"
import type { TurnRequest } from "../CodexOptions.ts"
import { fromMessage } from "./turnFailure.ts"

interface State {
  threadId: string | undefined
  /** Whether the agent may have acted. */
  worked: boolean
  /** The cause that a failed turn gave. */
  failure: string | undefined
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
    const state: State = { threadId: undefined, worked: false, failure: undefined }
    const strict = request.strict === true

    return self.pipe(
      Stream.mapArrayEffect(Effect.fnUntraced(function*(events) {
        for (const event of events) {
          if ("item" in event) {
            if (strict && event.item.type === "unknown") return yield* undecodable(event.item)
            if (!state.worked) state.worked = CodexItem.isWork(event.item)
            continue
          }
          switch (event.type) {
            case "thread.started":
              if (request.thread !== undefined && event.thread_id !== request.thread.toLowerCase()) {
                return yield* CodexError.fromReason(
                  new CodexError.ThreadMismatch({ requested: request.thread, actual: event.thread_id })
                )
              }
              state.threadId = event.thread_id
              yield* observer.onThread(event.thread_id)
              break
            case "turn.completed":
              state.failure = undefined
              if (state.threadId !== undefined) observer.onUsage(state.threadId, event.usage)
              break
            case "turn.failed":
              state.failure = event.error.message
              break
            case "unknown":
              if (strict) return yield* undecodable(event)
              state.worked = true
              break
            default:
          }
        }
        return events
      })),
      Stream.concat(Stream.suspend(() =>
        state.failure === undefined ? Stream.empty : Stream.fail(CodexError.fromReason(fromMessage(state.failure)))
      )),
      Stream.mapError((error) =>
        state.worked ? CodexError.afterWork(error) : error
      )
    )
  })

const undecodable = ({ issue, raw }: Extract<CodexEvent | CodexItem.CodexItem, { readonly type: "unknown" }>) =>
  Effect.fail(CodexError.fromReason(
    new CodexError.EventUndecodable({
      eventType: Predicate.hasProperty(raw, "type") && typeof raw.type === "string" ? `"${raw.type}"` : "a line",
      issue: issue ?? "its type is not known"
    })
  ))
