/**
 * What faults are. `CodexFaults` tells it.
 *
 * @internal
 */
import * as Schema from "effect/Schema"

// =============================================================================
// Faults
// =============================================================================

const line = Schema.Natural

/** How a process ends: by itself, or by a signal. */
export type Ending = typeof Ending.Type

export const Ending = Schema.Union([
  Schema.Struct({ code: Schema.Int }),
  Schema.Struct({ signal: Schema.NonEmptyString })
])

/** What the system says when it does not start a process. */
export type Refusal = typeof Refusal.Type

export const Refusal = Schema.Literals(["NotFound", "PermissionDenied", "Busy", "Unknown"])

export type Fault = typeof Fault.Type

export const Fault = Schema.TaggedUnion({
  RefuseStart: { code: Refusal },
  Overload: { at: Schema.Natural },
  Delay: { line, duration: Schema.Duration },
  Garbage: { line, text: Schema.String },
  Stall: { line },
  Death: { line, ending: Ending, midLine: Schema.Boolean },
  Cut: { line },
  Duplicate: { line },
  Slow: { line, bytes: Schema.Int.check(Schema.isGreaterThan(0)), every: Schema.Duration }
})

export type FaultOf<Tag extends Fault["_tag"]> = Extract<Fault, { readonly _tag: Tag }>

// =============================================================================
// Plans
// =============================================================================

const Rate = Schema.optionalKey(Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 })))

/** How likely each kind of fault is, from 0 (the default) to 1. */
export type Rates = typeof Rates.Type

export const Rates = Schema.Struct({
  refuseStart: Rate,
  overload: Rate,
  delay: Rate,
  garbage: Rate,
  stall: Rate,
  death: Rate,
  cut: Rate,
  duplicate: Rate,
  slow: Rate
})

export type Plan = typeof Plan.Type

export const Plan = Schema.TaggedUnion({
  Script: { starts: Schema.Array(Schema.Array(Fault)) },
  Random: { seed: Schema.Union([Schema.String, Schema.Int]), rates: Rates, longestDelay: Schema.Duration }
})

// =============================================================================
// Records
// =============================================================================

export type Injected = typeof Injected.Type

export const Injected = Schema.Struct({
  start: Schema.Natural,
  what: Schema.Literals(["exec", "app-server", "connection", "turn"]),
  fault: Fault
})
