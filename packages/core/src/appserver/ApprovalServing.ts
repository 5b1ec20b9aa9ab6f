/**
 * Answers what an app-server asks over a connection, by the policy of `Approvals`.
 *
 * **Example** (A client of one's own)
 *
 * ```ts
 * import * as Approvals from "@effect-codex/core/Approvals"
 * import * as ApprovalServing from "@effect-codex/core/appserver/ApprovalServing"
 * import * as Client from "@effect-codex/core/appserver/Client"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function*() {
 *   const client = yield* Client.Client
 *   yield* ApprovalServing.serve(client.rpc)
 *   const { thread } = yield* client.thread.start({ approvalPolicy: "on-request" })
 *   yield* client.turn.start({ threadId: thread.id, input: [{ type: "text", text: "Update the dependencies" }] })
 * })
 *
 * const main = program.pipe(
 *   Effect.provide([
 *     Client.layerStdio({ defaultAnswer: ApprovalServing.defaultAnswer }),
 *     Approvals.layer(Approvals.commandsOnly)
 *   ]),
 *   Effect.scoped
 * )
 * ```
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { ApprovalRequest } from "../ApprovalRequest.ts"
import { Approvals } from "../Approvals.ts"
import { CodexHook } from "../CodexHook.ts"
import type { ApprovalAnswered, ApprovalRequested } from "../CodexHookEvent.ts"
import * as Answers from "../internal/approvalAnswers.ts"
import * as Requests from "../internal/approvalRequests.ts"
import * as FileChanges from "../internal/fileChanges.ts"
import * as HookDelivery from "../internal/hookDelivery.ts"
import type { JsonRpc } from "./JsonRpc.ts"
import type { ServerRequest } from "./JsonRpcMessage.ts"

// =============================================================================
// Options
// =============================================================================

/**
 * How requests are answered.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** How long a policy may take for one request (default 10 minutes). */
  readonly timeout?: Duration.Input | undefined
}

// =============================================================================
// Serving
// =============================================================================

/**
 * Answers all that the app-server asks, for as long as the scope is open, by the policy in context (`Approvals`), and
 * tells the hooks in context (`CodexHook`).
 *
 * A handler that is added to the connection later comes before it.
 *
 * @category serving
 * @since 0.1.0
 */
export const serve = Effect.fnUntraced(function*(
  peer: Pick<JsonRpc, "handle" | "subscribe">,
  options?: Options
): Effect.fn.Return<void, never, Scope.Scope> {
  const { decide } = yield* Approvals
  const hook = yield* HookDelivery.make(yield* CodexHook)
  const timeout = Duration.fromInputUnsafe(options?.timeout ?? "10 minutes")
  const changesOf = yield* FileChanges.watch(peer)

  const answer = Effect.fnUntraced(function*(method: Requests.Method, asked: ServerRequest) {
    const item = Requests.changedItem(asked)
    const decoded = Requests.decode(method, asked, item === undefined ? undefined : yield* changesOf(item))
    if (Result.isFailure(decoded)) {
      yield* Effect.logWarning(`${method} is declined: this version can't read it: ${decoded.failure.message}`)
      return yield* Effect.fromResult(Answers.refuse(method))
    }
    const request = decoded.success
    yield* tell(hook, request, { type: "approval.requested" })
    const startedAt = yield* Clock.currentTimeMillis
    const tellAnswered = (fields: Pick<ApprovalAnswered, "answer" | "outcome">) =>
      Effect.flatMap(
        Clock.currentTimeMillis,
        (now) =>
          tell(hook, request, { type: "approval.answered", ...fields, duration: Duration.millis(now - startedAt) })
      )

    const { result, ...said } = yield* Effect.suspend(() => decide(request)).pipe(
      Effect.flatMap((answer) =>
        Effect.map(Effect.fromResult(Answers.encode(request, answer)), (result) => ({
          result,
          answer: answer.type,
          outcome: "decided" as const
        }))
      ),
      Effect.timeoutOrElse({
        duration: timeout,
        orElse: () => declined(request, "timeout", `there was no answer within ${Duration.format(timeout)}`)
      }),
      Effect.catchCause((cause) => declined(request, "failed", "the policy failed", cause)),
      Effect.onInterrupt(() => tellAnswered({ outcome: "withdrawn" }))
    )
    yield* tellAnswered(said)
    return yield* Effect.fromResult(result)
  })

  yield* Effect.forEach(
    Requests.methods,
    (method) => peer.handle(method, (asked) => answer(method, asked), { timeout: Duration.sum(timeout, grace) }),
    { discard: true }
  )
})

/**
 * The "no" to a request in the form that the app-server wants, for the option `defaultAnswer` of a connection: it is then
 * declined in that form even if its handler can't be interrupted. `undefined` where an error is the "no".
 *
 * @category serving
 * @since 0.1.0
 */
export const defaultAnswer = ({ method }: ServerRequest): unknown =>
  Requests.isMethod(method) ? Answers.refusal(method) : undefined

// =============================================================================
// Internals
// =============================================================================

/** How much longer the connection waits for the handler than the handler for the policy. */
const grace = Duration.seconds(5)

const declined = (
  { kind, method }: ApprovalRequest,
  outcome: "failed" | "timeout",
  why: string,
  cause: Cause.Cause<unknown> = Cause.empty
) =>
  Effect.as(Effect.logWarning(`${method} (${kind}) is declined: ${why}`, cause), {
    result: Answers.refuse(method),
    answer: "decline" as const,
    outcome
  })

type Told =
  | Pick<ApprovalRequested, "type">
  | Pick<ApprovalAnswered, "answer" | "duration" | "outcome" | "type">

const tell = (
  hook: HookDelivery.HookDelivery,
  { itemId, kind, method, threadId, turnId }: ApprovalRequest,
  told: Told
): Effect.Effect<void> =>
  hook.isActive
    ? Effect.flatMap(DateTime.now, (timestamp) =>
      hook.emit({
        operation: "approval",
        timestamp,
        kind,
        method,
        ...(threadId === undefined ? {} : { threadId }),
        ...(turnId === undefined ? {} : { turnId }),
        ...(itemId === undefined ? {} : { itemId }),
        ...told
      }))
    : Effect.void
