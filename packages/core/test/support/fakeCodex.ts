/**
 * What the tests of the client share.
 */
import type { CodexError } from "@effect-codex/core/CodexError"
import type { CodexEvent } from "@effect-codex/core/CodexEvent"
import * as FakeCli from "@effect-codex/testing/FakeCli"
import * as FakeProcess from "@effect-codex/testing/FakeProcess"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"

export const threadA = "00000000-0000-7000-8000-00000000000a"
export const threadB = "00000000-0000-7000-8000-00000000000b"

export const invocations = Effect.flatMap(FakeCli.FakeCli, (cli) => cli.invocations)

/** Lets what was forked get to where only time helps. */
export const settle = Effect.flatMap(FakeCli.FakeCli, (cli) => cli.settled)

/** Settles, and then passes time. */
export const pass = (duration: Duration.Input) => Effect.andThen(settle, TestClock.adjust(duration))

/** Which thread each start was to continue: its arguments from the subcommand on. */
export const subcommands = Effect.map(invocations, (all) =>
  all.map(({ args }) => {
    const start = args.findLastIndex((arg) => ["exec", "resume", "fork", "review"].includes(arg))
    return args.slice(args[start] === "exec" ? -1 : start).join(" ")
  }))

export const prompts = Effect.map(invocations, (all) => all.map(({ stdin }) => stdin))

export const command = (id: string): Extract<CodexEvent, { readonly type: "item.completed" }>["item"] => ({
  type: "command_execution",
  id,
  command: "ls",
  aggregated_output: "a\n",
  exit_code: 0,
  status: "completed"
})

/** A turn that takes so long after it has begun. */
export const slowTurn = (duration: Duration.Input, turn: FakeProcess.Turn = {}): FakeProcess.FakeProcess => {
  const { steps } = FakeProcess.turn(turn)
  return FakeProcess.make([...steps.slice(0, 2), FakeProcess.delay(duration), ...steps.slice(2)])
}

/** A turn that begins, and then does nothing until it is stopped. */
export const hungTurn = (turn: FakeProcess.Turn = {}): FakeProcess.FakeProcess =>
  FakeProcess.make([...FakeProcess.turn(turn).steps.slice(0, -1), FakeProcess.hang])

/** The thread that an invocation asks for. */
export const resumedBy = ({ args }: FakeCli.Invocation): string | undefined =>
  args.at(-3) === "resume" ? args.at(-2) : undefined

export const tagOf = (error: CodexError) => error.reason._tag
