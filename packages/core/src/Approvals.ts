/**
 * Who answers what the agent asks us.
 *
 * Nobody does, unless you say so: {@link declineAll} is the default. A {@link Policy} decides: one of those here, one of
 * `ApprovalRules`, an `ApprovalQueue` that somebody else answers, `NodeApprovals.terminal` of `@effect-codex/node`, or
 * functions of your own ({@link make}). {@link layer} gives it to the client.
 *
 * Every request is answered, and in time: where a policy fails, dies, takes longer than the time limit, or gives an
 * answer that does not fit, the answer is "no" ({@link ApprovalRequest} says what that means), and a warning is logged. A
 * policy is interrupted when the agent does not wait for it any more. The `CodexHook` is told of each request and each
 * answer, as far as it keeps up; for a record that has every "yes", see {@link tap}.
 *
 * Whether the agent asks at all is up to the thread's approval policy.
 *
 * **Example** (Some commands, and changes that are short)
 *
 * ```ts
 * import * as ApprovalAnswer from "@effect-codex/core/ApprovalAnswer"
 * import * as Approvals from "@effect-codex/core/Approvals"
 * import * as Effect from "effect/Effect"
 *
 * const policy = Approvals.make({
 *   command: ({ commands }) =>
 *     Effect.succeed(
 *       commands?.every(([program]) => program === "npm") === true ? ApprovalAnswer.accept : ApprovalAnswer.decline
 *     ),
 *   fileChange: ({ changes }) =>
 *     Effect.succeed(changes?.length === 1 ? ApprovalAnswer.acceptForSession : ApprovalAnswer.cancel)
 * })
 *
 * const layer = Approvals.layer(policy)
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as ApprovalAnswer from "./ApprovalAnswer.ts"
import type { ApprovalRequest, RequestOf } from "./ApprovalRequest.ts"

// =============================================================================
// Models
// =============================================================================

/**
 * Decides, request by request. To each kind of request there are answers of its own.
 *
 * @category models
 * @since 0.1.0
 */
export interface Policy<out R = never> {
  readonly decide: <Request extends ApprovalRequest>(
    request: Request
  ) => Effect.Effect<ApprovalAnswer.AnswerTo<Request["kind"]>, ApprovalFailed, R>
}

/**
 * What is answered to each kind of request.
 *
 * @category models
 * @since 0.1.0
 */
export type Handlers<E = unknown, R = never> = {
  readonly [Kind in ApprovalAnswer.ApprovalKind]?:
    | ((request: RequestOf<Kind>) => Effect.Effect<ApprovalAnswer.AnswerTo<Kind>, E, R>)
    | undefined
}

// =============================================================================
// Errors
// =============================================================================

/**
 * There is no decision, for whatever cause: the agent is told "no".
 *
 * @category errors
 * @since 0.1.0
 */
export class ApprovalFailed extends Schema.TaggedError<ApprovalFailed>("@effect-codex/core/Approvals/ApprovalFailed")(
  "ApprovalFailed",
  { kind: Schema.String, cause: Schema.Defect() }
) {
  override get message(): string {
    return `There is no decision on a request of the kind "${this.kind}"`
  }
}

// =============================================================================
// Service
// =============================================================================

/**
 * The policy of the clients that are made where this is provided; {@link declineAll} by default.
 *
 * @category services
 * @since 0.1.0
 */
export const Approvals: Context.Reference<Policy> = Context.Reference<Policy>("@effect-codex/core/Approvals", {
  defaultValue: () => declineAll
})

// =============================================================================
// Constructors
// =============================================================================

/**
 * A function for each kind of request; `orElse` decides on the others (default {@link declineAll}).
 *
 * @category constructors
 * @since 0.1.0
 */
export function make<const H extends Handlers<unknown, unknown>, R = never>(
  handlers: H & { readonly [Kind in Exclude<keyof H, ApprovalAnswer.ApprovalKind>]: never },
  options?: { readonly orElse?: Policy<R> | undefined }
): Policy<
  | R
  | { [Kind in keyof H]: H[Kind] extends (request: never) => infer Decided ? Effect.Services<Decided> : never }[keyof H]
>
export function make<E, R>(
  handlers: Handlers<E, R>,
  { orElse = declineAll }: { readonly orElse?: Policy<R> | undefined } = {}
): Policy<R> {
  const decide = <Kind extends ApprovalAnswer.ApprovalKind>(
    kind: Kind,
    request: RequestOf<Kind>
  ): Effect.Effect<ApprovalAnswer.ApprovalAnswer, E | ApprovalFailed, R> =>
    handlers[kind]?.(request) ?? orElse.decide(request)
  return fromFunction((request) => decide(request.kind, request))
}

/**
 * One function for all kinds of requests. If its answer does not fit the request, the cause of the failure is an
 * `AnswerMisfit`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromFunction = <E, R>(
  decide: (request: ApprovalRequest) => Effect.Effect<ApprovalAnswer.ApprovalAnswer, E, R>
): Policy<R> => ({
  decide: <Request extends ApprovalRequest>(request: Request) =>
    Effect.suspend(() => decide(request)).pipe(
      Effect.flatMap((answer) => Effect.fromResult(ApprovalAnswer.checkFits<Request["kind"]>(request.kind, answer))),
      Effect.mapError((cause) => isApprovalFailed(cause) ? cause : new ApprovalFailed({ kind: request.kind, cause }))
    )
})

// =============================================================================
// Policies
// =============================================================================

/**
 * Says "no" to everything.
 *
 * @category policies
 * @since 0.1.0
 */
export const declineAll: Policy = fromFunction(() => Effect.succeed(ApprovalAnswer.decline))

/**
 * Says "yes" to whatever a "yes" is enough for: commands, hosts, changes of files, permissions, tools of MCP servers. It
 * tells the time. What wants more than that (words, a result, tokens) is declined.
 *
 * Codex then does what it likes: for a machine that has nothing to lose.
 *
 * @category policies
 * @since 0.1.0
 */
export const acceptAll: Policy = make({
  command: () => Effect.succeed(ApprovalAnswer.accept),
  network: () => Effect.succeed(ApprovalAnswer.accept),
  fileChange: () => Effect.succeed(ApprovalAnswer.accept),
  permissions: () => Effect.succeed(ApprovalAnswer.accept),
  mcpTool: () => Effect.succeed(ApprovalAnswer.accept),
  currentTime: () => Effect.map(DateTime.now, ApprovalAnswer.currentTime)
})

/**
 * Says "yes" to all commands, which may well change files and run outside of the sandbox, and "no" to all else.
 *
 * @category policies
 * @since 0.1.0
 */
export const commandsOnly: Policy = make({ command: () => Effect.succeed(ApprovalAnswer.accept) })

// =============================================================================
// Combinators
// =============================================================================

/**
 * Runs `f` for each answer before the agent has it, and waits for it: for a record without gaps. Where `f` fails, the
 * answer is "no", so that there is no "yes" which `f` has not seen.
 *
 * A policy that fails says "no", and `f` is told so (`decline`). It is not told of a "no" because time is up, nor of a
 * request that was taken back; the `CodexHook` is. The time that `f` takes counts as the policy's.
 *
 * **Example** (What was allowed, on record)
 *
 * ```ts
 * import * as Approvals from "@effect-codex/core/Approvals"
 * import * as Effect from "effect/Effect"
 * import * as FileSystem from "effect/FileSystem"
 *
 * const recorded = Approvals.tap(
 *   Approvals.acceptAll,
 *   Effect.fnUntraced(function*({ kind, raw }, { type }) {
 *     const fs = yield* FileSystem.FileSystem
 *     yield* fs.writeFileString("approvals.jsonl", `${JSON.stringify({ kind, raw, answer: type })}\n`, { flag: "a" })
 *   })
 * )
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const tap = <R, E, R2>(
  self: Policy<R>,
  f: (request: ApprovalRequest, answer: ApprovalAnswer.ApprovalAnswer) => Effect.Effect<unknown, E, R2>
): Policy<R | R2> =>
  fromFunction((request) =>
    self.decide(request).pipe(
      Effect.tapCause(() => f(request, ApprovalAnswer.decline)),
      Effect.tap((answer) => f(request, answer))
    )
  )

// =============================================================================
// Layers
// =============================================================================

/**
 * Gives a policy to a client: `Layer.provide` it to the client's Layer.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <R>(policy: Policy<R>): Layer.Layer<never, never, R> =>
  Layer.effect(
    Approvals,
    Effect.map(Effect.context<R>(), (context) => ({
      decide: (request) => Effect.provideContext(policy.decide(request), context)
    }))
  )

// =============================================================================
// Internals
// =============================================================================

const isApprovalFailed = Schema.is(ApprovalFailed)
