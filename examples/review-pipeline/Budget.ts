/**
 * What all turns of a program may cost together: so many tokens, and so much time from when the layer is built.
 */
import type { CodexError } from "@effect-codex/core/CodexError"
import type { CodexTurn } from "@effect-codex/core/CodexTurn"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"

/** Nothing is left of the budget. */
export class BudgetSpent extends Schema.TaggedError<BudgetSpent>()("BudgetSpent", {
  of: Schema.Literals(["tokens", "time"])
}) {
  override get message() {
    return `the budget of ${this.of} is spent`
  }
}

export class Budget extends Context.Service<Budget, {
  /**
   * Runs a turn if tokens and time are left, and stops it when the time is over. What a turn will cost is not known
   * before its end: those that have begun by then may exceed the tokens.
   */
  readonly run: <A extends CodexTurn, R>(
    turn: Effect.Effect<A, CodexError, R>
  ) => Effect.Effect<A, CodexError | BudgetSpent, R>
  /** What the turns that have ended used. */
  readonly tokens: Effect.Effect<number>
}>()("review-pipeline/Budget") {}

export const layer = (limits: { readonly tokens: number; readonly time: Duration.Input }): Layer.Layer<Budget> =>
  Layer.effect(
    Budget,
    Effect.gen(function*() {
      const tokens = yield* Ref.make(0)
      const end = (yield* Clock.currentTimeMillis) + Duration.toMillis(Duration.fromInputUnsafe(limits.time))
      const count = (turn: CodexTurn | undefined) => Ref.update(tokens, (tokens) => tokens + tokensOf(turn))

      return Budget.of({
        tokens: Ref.get(tokens),
        run: Effect.fnUntraced(function*<A extends CodexTurn, R>(turn: Effect.Effect<A, CodexError, R>) {
          if ((yield* Ref.get(tokens)) >= limits.tokens) return yield* new BudgetSpent({ of: "tokens" })
          const left = end - (yield* Clock.currentTimeMillis)
          if (left <= 0) return yield* new BudgetSpent({ of: "time" })
          return yield* turn.pipe(
            Effect.tap(count),
            Effect.tapError(({ turn }) => count(turn)),
            Effect.timeoutOrElse({ duration: left, orElse: () => Effect.fail(new BudgetSpent({ of: "time" })) })
          )
        })
      })
    })
  )

const tokensOf = (turn: CodexTurn | undefined): number =>
  turn?.usage === undefined ? 0 : turn.usage.input_tokens + turn.usage.output_tokens
