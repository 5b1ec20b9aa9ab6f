/**
 * Runs whose final message is decoded.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as CodexError from "../CodexError.ts"
import type { OutputOptions } from "../CodexThread.ts"
import * as CodexTurn from "../CodexTurn.ts"
import type { Client, Next } from "./conversation.ts"
import * as Run from "./run.ts"
import type { Runs } from "./runs.ts"

export const make = (runs: Runs): Client["answer"] =>
  Effect.fn("Codex.run")(function*<A>(next: Next, { output, repair = 0 }: OutputOptions<A>) {
    const ask = yield* next
    // Loaded by those who use it: it costs the start of a program some milliseconds.
    const CodexOutput = yield* Effect.promise(() => import("../CodexOutput.ts"))
    const { decode, jsonSchema } = yield* Effect.mapError(
      Effect.fromResult(CodexOutput.from(output)),
      CodexError.fromReason
    )
    const first = yield* runs.open({ ...ask, outputSchema: jsonSchema })
    if (repair > 0 && first.request.ephemeral === true) {
      return yield* CodexError.fromReason(
        new CodexError.InvalidOption({ option: "repair", problem: "an `ephemeral` thread cannot be continued" })
      )
    }
    const whole = (turn: CodexTurn.CodexTurn): CodexTurn.CodexTurn =>
      CodexTurn.withUsage(turn, CodexTurn.usageSince(first.usageBefore, turn.threadUsage))

    const attempt = (run: Run.Run, left: number): Effect.Effect<CodexTurn.WithOutput<A>, CodexError.CodexError> =>
      Effect.flatMap(runs.turn(run), (turn) => {
        const text = turn.finalMessage ?? ""
        return Effect.matchEffect(decode(text), {
          onSuccess: (output) => Effect.succeed(CodexTurn.withOutput(whole(turn), output)),
          onFailure: (issue) =>
            left > 0 ? attempt(Run.next(run, CodexOutput.repairPrompt(issue), turn), left - 1) : Effect.fail(
              new CodexError.CodexError({
                reason: new CodexError.OutputUndecodable({ text, issue }),
                turn: whole(turn),
                worked: true
              })
            )
        })
      })
    return yield* attempt(first, repair)
  }, Effect.scoped)
