/**
 * Which faults happen where. What is decided for a place depends on the plan and on the place, and on nothing else.
 *
 * @internal
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { Ending, Fault, FaultOf, Injected, Plan, Refusal } from "./faultSchema.ts"

type RandomPlan = Extract<Plan, { readonly _tag: "Random" }>

/** A fault that happens to a line. */
export type LineFault = Exclude<Fault, { readonly _tag: "RefuseStart" }>

/** What happens to one start, and the record of what did. */
export interface Track {
  readonly refusal: Effect.Effect<FaultOf<"RefuseStart"> | undefined>
  /** Of a line that comes from Codex; the one behind the last is the end of what it says. */
  readonly atLine: (line: number) => Effect.Effect<ReadonlyArray<LineFault>>
  /** Of a request to an app-server. */
  readonly atRequest: (index: number) => Effect.Effect<FaultOf<"Overload"> | undefined>
  /** Whether requests need not be looked at. */
  readonly answersAll: boolean
  readonly note: (fault: Fault) => Effect.Effect<void>
}

export const track = (
  plan: Plan,
  start: Pick<Injected, "start" | "what">,
  record: (injected: Injected) => void
): Track => ({
  ...(plan._tag === "Script" ? scripted(plan.starts[start.start] ?? [], start.what) : random(plan, start)),
  note: (fault) => Effect.sync(() => record({ ...start, fault }))
})

// =============================================================================
// Scripts
// =============================================================================

const scripted = (faults: ReadonlyArray<Fault>, what: Injected["what"]): Omit<Track, "note"> => {
  const overloads = faults.filter((fault) => fault._tag === "Overload")
  return {
    refusal: Effect.succeed(faults.find((fault) => fault._tag === "RefuseStart")),
    atLine: (line) => Effect.succeed(faults.filter((fault): fault is LineFault => lineOf(fault, what) === line)),
    atRequest: (index) => Effect.succeed(overloads.find(({ at }) => at === index)),
    answersAll: overloads.length === 0
  }
}

const lineOf = (fault: Fault, what: Injected["what"]): number | undefined => {
  if ("line" in fault) return fault.line
  return fault._tag === "Overload" && hasTurn(what) ? fault.at : undefined
}

/** Whether what is started is one turn. Else it is asked for turns. */
const hasTurn = (what: Injected["what"]): boolean => what === "exec" || what === "turn"

// =============================================================================
// Chance
// =============================================================================

const random = (plan: RandomPlan, { start, what }: Pick<Injected, "start" | "what">): Omit<Track, "note"> => {
  const { rates } = plan
  const at = <A>(place: string, decision: Effect.Effect<A>) =>
    Random.withSeed(decision, `${plan.seed}/${start}/${place}`)
  return {
    refusal: at(
      "start",
      Effect.gen(function*() {
        if (!(yield* happens(rates.refuseStart))) return undefined
        return { _tag: "RefuseStart" as const, code: yield* Random.choice(refusals) }
      })
    ),
    atLine: (line) => at(`line/${line}`, faultsOfLine(plan, line, hasTurn(what))),
    atRequest: (index) =>
      at(`request/${index}`, happens(rates.overload)).pipe(
        Effect.map((happens) => happens ? { _tag: "Overload" as const, at: index } : undefined)
      ),
    answersAll: (rates.overload ?? 0) === 0
  }
}

/** The CLI does not get to its model before it has told these. */
const firstLinesOfTurn = 2

const faultsOfLine = Effect.fnUntraced(function*({ longestDelay, rates }: RandomPlan, line: number, hasTurn: boolean) {
  const faults: Array<LineFault> = []
  // Each is drawn, so that a rate changes nothing of the other kinds.
  const delay = yield* Random.next
  if (yield* happens(rates.delay)) {
    faults.push({ _tag: "Delay", line, duration: part(longestDelay, delay) })
  }
  if (yield* happens(rates.garbage)) faults.push({ _tag: "Garbage", line, text: garbage })
  if (yield* happens(rates.stall)) faults.push({ _tag: "Stall", line })
  if ((yield* happens(rates.overload)) && hasTurn && line >= firstLinesOfTurn) {
    faults.push({ _tag: "Overload", at: line })
  }
  const ending = yield* Random.choice(endings)
  const midLine = yield* Random.nextBoolean
  if (yield* happens(rates.death)) faults.push({ _tag: "Death", line, ending, midLine })
  if (yield* happens(rates.cut)) faults.push({ _tag: "Cut", line })
  if (yield* happens(rates.duplicate)) faults.push({ _tag: "Duplicate", line })
  const pieces = yield* Random.nextIntBetween(2, 8)
  if (yield* happens(rates.slow)) {
    faults.push({ _tag: "Slow", line, bytes: 64, every: part(longestDelay, 1 / (10 * pieces)) })
  }
  return faults
})

/** In whole milliseconds: what is no such depends on the time of day, by its rounding. */
const part = (duration: Duration.Duration, of: number): Duration.Duration =>
  Duration.millis(Math.round(Duration.toMillis(duration) * of))

const happens = (rate = 0): Effect.Effect<boolean> => Effect.map(Random.next, (chance) => chance < rate)

/** A line that is none of Codex's. */
export const garbage = "\u0000{]garbage"

const refusals: NonEmptyReadonlyArray<Refusal> = ["Busy", "PermissionDenied", "Unknown"]

// What the CLI ends with: a failure, a panic, a kill, a crash.
const endings: NonEmptyReadonlyArray<Ending> = [{ code: 1 }, { code: 101 }, { signal: "SIGKILL" }, {
  signal: "SIGSEGV"
}]
