/**
 * Makes a `CodexThread`.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type * as Stream from "effect/Stream"
import * as CodexError from "../CodexError.ts"
import type { CodexEvent } from "../CodexEvent.ts"
import type { CodexInput } from "../CodexInput.ts"
import * as CodexOptions from "../CodexOptions.ts"
import type { CodexRun } from "../CodexRun.ts"
import type { CodexThread, OutputOptions, TurnOptions } from "../CodexThread.ts"
import type * as CodexTurn from "../CodexTurn.ts"
import type { Ask } from "./run.ts"

/** What is asked for, once it is its turn; the next in line waits until the scope closes. */
export type Next = Effect.Effect<Ask, never, Scope.Scope>

/** The ways to run what is asked for. */
export interface Client {
  readonly run: (next: Next) => Effect.Effect<CodexTurn.CodexTurn, CodexError.CodexError>
  readonly answer: <A>(
    next: Next,
    output: OutputOptions<A>
  ) => Effect.Effect<CodexTurn.WithOutput<A>, CodexError.CodexError>
  readonly stream: (next: Next) => Stream.Stream<CodexEvent, CodexError.CodexError>
  readonly start: (next: Next) => Effect.Effect<CodexRun, CodexError.CodexError, Scope.Scope>
}

/** A thread whose first run has these options; later ones stay on the thread that answered. */
export const make = (client: Client, first: CodexOptions.CodexOptions): CodexThread => {
  const turns = Semaphore.makeUnsafe(1)
  const { fork: _, thread, ...rest } = first
  let id = thread
  let lastTurn: CodexTurn.CodexTurn | undefined

  const next = (operation: string, input: CodexInput, options: TurnOptions = {}): Next =>
    Effect.map(turns.takeScoped(1), () => ({
      operation,
      input,
      options: CodexOptions.merge(id === undefined ? first : { ...rest, thread: id }, options),
      onThread: (threadId) => Effect.sync(() => id = threadId),
      onTurn: (turn) => Effect.sync(() => lastTurn = turn)
    }))

  function run<A>(
    input: CodexInput,
    options: TurnOptions & OutputOptions<A>
  ): Effect.Effect<CodexTurn.WithOutput<A>, CodexError.CodexError>
  function run(input: CodexInput, options?: TurnOptions): Effect.Effect<CodexTurn.CodexTurn, CodexError.CodexError>
  function run(
    input: CodexInput,
    { output, repair, ...options }: TurnOptions & Partial<OutputOptions<unknown>> = {}
  ): Effect.Effect<CodexTurn.CodexTurn, CodexError.CodexError> {
    return output === undefined
      ? client.run(next("run", input, options))
      : client.answer(next("run", input, options), { output, repair })
  }

  return {
    id: Effect.sync(() => Option.fromUndefinedOr(id)),
    lastTurn: Effect.sync(() => Option.fromUndefinedOr(lastTurn)),
    run,
    stream: (input, options) => client.stream(next("stream", input, options)),
    start: (input, options) => client.start(next("start", input, options)),
    fork: (options = {}) =>
      Effect.suspend(() => {
        if (id === undefined) {
          return Effect.fail(CodexError.fromReason(
            new CodexError.InvalidOption({ option: "fork", problem: "the thread has no turn yet" })
          ))
        }
        const { session: _, ...own } = rest
        return Effect.succeed(make(client, { ...CodexOptions.merge(own, options), fork: id }))
      })
  }
}
