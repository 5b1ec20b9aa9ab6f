/**
 * A law of transports, and what it looks at.
 *
 * @internal
 */
import type { CodexError } from "@effect-codex/core/CodexError"
import type { CodexEvent, ItemCompleted, ItemStarted } from "@effect-codex/core/CodexEvent"
import * as CodexInput from "@effect-codex/core/CodexInput"
import type { TurnRequest } from "@effect-codex/core/CodexOptions"
import type { CodexTransport, Worker } from "@effect-codex/core/CodexTransport"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import { format } from "effect/Formatter"
import * as Stream from "effect/Stream"
import type { CodexScript } from "../CodexScript.ts"
import * as CodexTimeline from "../CodexTimeline.ts"

// =============================================================================
// Models
// =============================================================================

/** What a turn is asked for, beside its input. */
export type Asked = Partial<Omit<TurnRequest, "input">>

/** What a law needs the author of a transport to give. */
export type Need = "alive" | "fake" | "outputSchema" | "refused" | "secret"

export interface Law {
  readonly name: string
  /** What to mend in a transport that breaks it. */
  readonly mend: string
  readonly needs?: ReadonlyArray<Need>
  readonly script: (secret: string) => CodexScript
  readonly test: (bench: Bench) => Effect.Effect<void, Problem>
}

/** The transport, set up to be tried. */
export interface Bench {
  readonly turn: (
    prompt: string,
    asked?: Asked,
    onStart?: (worker: Worker) => Effect.Effect<void>
  ) => Stream.Stream<CodexEvent, CodexError>
  /** How many workers there are. Always none, if the author does not tell. */
  readonly alive: Effect.Effect<number>
  readonly isAliveKnown: boolean
  readonly outputSchema: Effect.Effect<unknown>
  readonly refused: ReadonlyArray<Asked>
  readonly secret: string
}

/** What is wrong. */
export class Problem extends Data.TaggedError("Problem")<{ readonly message: string }> {}

/** What a turn told, and how its stream ended. */
export interface Told {
  readonly events: ReadonlyArray<CodexEvent>
  readonly exit: Exit.Exit<void, CodexError>
}

// =============================================================================
// Constructors
// =============================================================================

export const make = (
  transport: CodexTransport["Service"],
  given: Omit<Bench, "alive" | "isAliveKnown" | "turn"> & {
    readonly request: Asked
    readonly alive: Effect.Effect<number> | undefined
  }
): Bench => ({
  ...given,
  alive: given.alive ?? Effect.succeed(0),
  isAliveKnown: given.alive !== undefined,
  turn: (prompt, asked, onStart) =>
    transport.turn({ input: CodexInput.toInput(prompt), ...given.request, ...asked }, onStart)
})

/** Runs the stream to its end. */
export const run = (stream: Stream.Stream<CodexEvent, CodexError>): Effect.Effect<Told> =>
  Effect.suspend(() => {
    const events: Array<CodexEvent> = []
    return Stream.runForEach(stream, (event) => Effect.sync(() => events.push(event))).pipe(
      Effect.exit,
      Effect.map((exit) => ({ events, exit }))
    )
  })

/** Runs a turn that has to end as Codex has it, without a failure of the transport. */
export const runToEnd = Effect.fnUntraced(function*(stream: Stream.Stream<CodexEvent, CodexError>) {
  const told = yield* run(stream)
  if (Exit.isSuccess(told.exit)) return told.events
  return yield* problem(`the stream failed: ${Cause.pretty(told.exit.cause)}`, told.events)
})

// =============================================================================
// What a turn told
// =============================================================================

export const threadOf = (events: ReadonlyArray<CodexEvent>): Effect.Effect<string, Problem> => {
  const started = events.find((event) => event.type === "thread.started")
  return started === undefined ? problem("no thread.started came", events) : Effect.succeed(started.thread_id)
}

/** What the agent has said. */
export const textsOf = (events: ReadonlyArray<CodexEvent>): ReadonlyArray<string> =>
  events.flatMap((event) =>
    event.type === "item.completed" && event.item.type === "agent_message" ? [event.item.text] : []
  )

export const isEnd = ({ type }: CodexEvent): boolean => type === "turn.completed" || type === "turn.failed"

export const isItem = (event: CodexEvent): event is ItemStarted | ItemCompleted =>
  event.type === "item.started" || event.type === "item.completed"

// =============================================================================
// Expectations
// =============================================================================

/** Fails with what is wrong, and with what came. */
export const problem = (what: string, events: ReadonlyArray<CodexEvent> = []): Effect.Effect<never, Problem> =>
  Effect.fail(new Problem({ message: events.length === 0 ? what : `${what}\n${CodexTimeline.toText(events)}` }))

export const expect = (
  holds: boolean,
  otherwise: string,
  events?: ReadonlyArray<CodexEvent>
): Effect.Effect<void, Problem> => holds ? Effect.void : problem(otherwise, events)

export const expectEqual = <A>(
  what: string,
  actual: A,
  expected: A,
  events?: ReadonlyArray<CodexEvent>
): Effect.Effect<void, Problem> =>
  expect(Equal.equals(actual, expected), `${what} should be ${format(expected)}, and is ${format(actual)}`, events)
