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

/** What is known of an attempt while it runs. */
export interface Outcome {
  /** Whether an event came. */
  started: boolean
  threadId: string | undefined
  /** Whether the agent may have acted. */
  worked: boolean
  completed: boolean
  /** The agent's last message. */
  lastMessage: string | undefined
  /** The thread's total. */
  threadUsage: TokenUsage | undefined
}

export const make = (): Outcome => ({
  started: false,
  threadId: undefined,
  worked: false,
  completed: false,
  lastMessage: undefined,
  threadUsage: undefined
})

/**
 * Fails a run whose turn failed, whose thread is another one, or, if it is strict, that has an event
 * which this version does not know. Notes what happens in `outcome`; `onThread` is told which thread answers,
 * once it is known to be the one that was asked for.
 */
export const interpret = (
  request: TurnRequest,
  outcome: Outcome,
  onThread: (threadId: string) => Effect.Effect<void, CodexError.CodexError>
) =>
(
  self: Stream.Stream<CodexEvent, CodexError.CodexError>
): Stream.Stream<CodexEvent, CodexError.CodexError> =>
  Stream.suspend(() => {
    /** The cause that a failed turn gave. */
    let turnFailure: string | undefined
    /** Why the run does not go on. */
    let failure: CodexError.CodexError | undefined
    const strict = request.strict === true
    const asked = request.thread ?? request.fork

    /** Takes in one event; gives why the run must not go on with it. */
    const take = (event: CodexEvent): CodexError.CodexErrorReason | undefined => {
      if ("item" in event) {
        const { item } = event
        if (!outcome.worked) outcome.worked = CodexItem.isWork(item)
        if (item.type === "agent_message") outcome.lastMessage = item.text
        return strict && item.type === "unknown" ? undecodable(item) : undefined
      }
      switch (event.type) {
        case "thread.started":
          if (!isAskedFor(request, event.thread_id)) return mismatch(request, event.thread_id)
          outcome.threadId = event.thread_id
          return undefined
        case "turn.completed":
          turnFailure = undefined
          // Without a name it may be any thread.
          if (outcome.threadId === undefined && asked !== undefined) {
            return new CodexError.ThreadMismatch({ requested: asked, actual: "without an id" })
          }
          outcome.completed = true
          outcome.threadUsage = event.usage
          return undefined
        case "turn.failed":
          outcome.completed = false
          turnFailure = event.error.message
          return undefined
        case "unknown":
          outcome.worked = true
          return strict ? undecodable(event) : undefined
        default:
          return undefined
      }
    }

    return self.pipe(
      Stream.mapArrayEffect(Effect.fnUntraced(function*(events) {
        let taken = 0
        outcome.started = true
        for (const event of events) {
          const reason = take(event)
          if (reason !== undefined) {
            failure = CodexError.fromReason(reason)
            const before = events.slice(0, taken)
            return Arr.isArrayNonEmpty(before) ? before : yield* failure
          }
          taken++
          if (event.type === "thread.started") yield* onThread(event.thread_id)
        }
        return events
      })),
      failOnceNoted(() => failure),
      Stream.concat(Stream.suspend(() =>
        turnFailure !== undefined
          ? Stream.fail(CodexError.fromReason(fromMessage(turnFailure)))
          // No transport should do that.
          : outcome.completed
          ? Stream.empty
          : Stream.fail(CodexError.fromReason(new CodexError.Exited({ stderr: "" })))
      )),
      Stream.mapError((error) => outcome.worked ? CodexError.afterWork(error) : error)
    )
  })

const isAskedFor = ({ fork, thread }: TurnRequest, answered: string): boolean =>
  thread === undefined ? answered !== fork : answered === thread

const mismatch = ({ fork, thread = `a copy of ${fork}` }: TurnRequest, actual: string) =>
  new CodexError.ThreadMismatch({ requested: thread, actual })

const undecodable = ({ issue, raw }: Extract<CodexEvent | CodexItem.CodexItem, { readonly type: "unknown" }>) =>
  new CodexError.EventUndecodable({
    eventType: Predicate.hasProperty(raw, "type") && typeof raw.type === "string" ? `"${raw.type}"` : "a line",
    issue: issue ?? "its type is not known"
  })
