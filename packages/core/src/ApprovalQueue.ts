/**
 * Approvals that somebody else answers: another fiber, a web page, a system that keeps them.
 *
 * **Example** (Answering in another fiber)
 *
 * ```ts
 * import * as ApprovalAnswer from "@effect-codex/core/ApprovalAnswer"
 * import * as ApprovalQueue from "@effect-codex/core/ApprovalQueue"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 *
 * const worker = Effect.gen(function*() {
 *   const queue = yield* ApprovalQueue.ApprovalQueue
 *   yield* Stream.runForEach(queue.pending, ({ id, request }) =>
 *     queue.answer(id, request.kind === "command" ? ApprovalAnswer.accept : ApprovalAnswer.decline))
 * })
 *
 * const layer = ApprovalQueue.layer()
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as ApprovalAnswer from "./ApprovalAnswer.ts"
import { ApprovalRequest } from "./ApprovalRequest.ts"
import * as Approvals from "./Approvals.ts"

// =============================================================================
// Models
// =============================================================================

/**
 * Schema of {@link Pending}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Pending = Schema.Struct({ id: Schema.String, request: ApprovalRequest })

/**
 * A request that waits for its answer. No two have the same `id`, those of earlier and other processes included.
 *
 * @category models
 * @since 0.1.0
 */
export type Pending = typeof Pending.Type

// =============================================================================
// Errors
// =============================================================================

/**
 * Nobody waits for an answer to this request: it has been `answered`; it is not waited for any more, as its time was up
 * or its turn ended (`withdrawn`); or it is `unknown`, or too old to be remembered.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotPending extends Schema.TaggedError<NotPending>("@effect-codex/core/ApprovalQueue/NotPending")(
  "NotPending",
  { id: Schema.String, because: Schema.Literals(["answered", "withdrawn", "unknown"]) }
) {
  override get message(): string {
    return `Nobody waits for an answer to the request ${this.id}: ${because[this.because]}`
  }
}

/**
 * Too many requests wait already.
 *
 * @category errors
 * @since 0.1.0
 */
export class QueueFull extends Schema.TaggedError<QueueFull>("@effect-codex/core/ApprovalQueue/QueueFull")(
  "QueueFull",
  { capacity: Schema.Int }
) {
  override get message(): string {
    return `${this.capacity} requests wait for an answer, which is all that may (option \`capacity\`)`
  }
}

const because = {
  answered: "it was answered before",
  withdrawn: "its time was up, or Codex does not want it any more",
  unknown: "there is none, or it was long ago"
}

// =============================================================================
// Service
// =============================================================================

/**
 * The requests that wait for their answers.
 *
 * @category services
 * @since 0.1.0
 */
export class ApprovalQueue extends Context.Service<ApprovalQueue, {
  /**
   * Requests as they come, the oldest first. Each is given once: several streams share them. It ends when interrupted.
   */
  readonly pending: Stream.Stream<Pending>
  /** All that wait, the oldest first, whether somebody took them or not. */
  readonly list: Effect.Effect<ReadonlyArray<Pending>>
  /** Answers a request, once. An answer that does not fit leaves it waiting. */
  readonly answer: (
    id: string,
    answer: ApprovalAnswer.ApprovalAnswer
  ) => Effect.Effect<void, NotPending | ApprovalAnswer.AnswerMisfit>
  /** What puts requests into the queue. */
  readonly policy: Approvals.Policy
}>()("@effect-codex/core/ApprovalQueue") {}

// =============================================================================
// Constructors
// =============================================================================

/**
 * How much a queue holds.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** How many requests may wait (default 256); further ones are declined at once. */
  readonly capacity?: number | undefined
}

/**
 * An empty queue.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  { capacity = 256 }: Options = {}
): Effect.fn.Return<ApprovalQueue["Service"]> {
  const waiting = new Map<string, Entry>()
  const ended = new Map<string, "answered" | "withdrawn">()
  const arrival = yield* Latch.make()
  const prefix = (yield* Random.next).toString(36).slice(2)
  let count = 0

  const enter = (request: ApprovalRequest): Effect.Effect<Entry, QueueFull> =>
    Effect.suspend(() => {
      if (waiting.size >= capacity) return Effect.fail(new QueueFull({ capacity }))
      const entry = {
        pending: { id: `${prefix}-${++count}`, request },
        answer: Deferred.makeUnsafe<Answer>(),
        taken: false
      }
      waiting.set(entry.pending.id, entry)
      arrival.openUnsafe()
      return Effect.succeed(entry)
    })

  const leave = (id: string, how: "answered" | "withdrawn") => {
    if (!waiting.delete(id)) return
    ended.set(id, how)
    const [oldest] = ended.keys()
    if (ended.size > remembered && oldest !== undefined) ended.delete(oldest)
  }

  const take: Effect.Effect<Pending> = Effect.suspend(() => {
    for (const entry of waiting.values()) {
      if (entry.taken) continue
      entry.taken = true
      return Effect.succeed(entry.pending)
    }
    arrival.closeUnsafe()
    return Effect.andThen(arrival.await, take)
  })

  return ApprovalQueue.of({
    pending: Stream.fromEffectRepeat(take),
    list: Effect.sync(() => Array.from(waiting.values(), ({ pending }) => pending)),
    answer: (id, answer) =>
      Effect.suspend((): Effect.Effect<void, NotPending | ApprovalAnswer.AnswerMisfit> => {
        const entry = waiting.get(id)
        if (entry === undefined) return Effect.fail(new NotPending({ id, because: ended.get(id) ?? "unknown" }))
        const fitting = ApprovalAnswer.checkFits(entry.pending.request.kind, answer)
        if (Result.isFailure(fitting)) return Effect.fail(fitting.failure)
        leave(id, "answered")
        Deferred.doneUnsafe(entry.answer, Effect.succeed(answer))
        return Effect.void
      }),
    policy: Approvals.fromFunction((request) =>
      Effect.acquireUseRelease(
        enter(request),
        ({ answer }) => Deferred.await(answer),
        ({ pending }) => Effect.sync(() => leave(pending.id, "withdrawn"))
      )
    )
  })
})

// =============================================================================
// Layers
// =============================================================================

/**
 * An empty queue, which is the policy of the client that it is provided to. With `Layer.provideMerge` it is there for
 * those who answer, too.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options): Layer.Layer<ApprovalQueue> => {
  const queue = Layer.effect(ApprovalQueue, make(options))
  return Layer.flatMap(queue, (context) =>
    Layer.merge(
      Layer.succeedContext(context),
      Approvals.layer(Context.get(context, ApprovalQueue).policy)
    ))
}

// =============================================================================
// Internals
// =============================================================================

type Answer = ApprovalAnswer.ApprovalAnswer

interface Entry {
  readonly pending: Pending
  readonly answer: Deferred.Deferred<Answer>
  taken: boolean
}

/** Of so many requests that ended it is known how. */
const remembered = 1024
