/**
 * The processes of a cassette, and which of them a program has started.
 *
 * @internal
 */
import type { Entry, Sent, Start } from "../Cassette.ts"
import * as Match from "./cassetteMatch.ts"
import { argsWithoutRun } from "./cassetteRun.ts"

// =============================================================================
// Models
// =============================================================================

/** What all processes of a cassette share. */
export interface Replay {
  readonly isStrict: boolean
  readonly isTimed: boolean
  /** What the names stand for. */
  bindings: Map<string, string>
  readonly mismatch: (text: string) => void
}

export interface Recorded {
  readonly start: Start
  readonly entries: ReadonlyArray<Exclude<Entry, Start>>
  isPlayed: boolean
  /** What the program did send, by its place in `entries`. */
  readonly matched: Set<number>
}

export interface Given {
  readonly args: ReadonlyArray<string>
  readonly cwd: string | undefined
  /** All that it is given on stdin, if it is given all at once. */
  readonly input: string | undefined
}

// =============================================================================
// Choosing
// =============================================================================

/** The processes of a cassette, in order. */
export const processes = (entries: ReadonlyArray<Entry>): ReadonlyArray<Recorded> =>
  entries.flatMap((start) =>
    start.type === "start"
      ? [{
        start,
        entries: entries.flatMap((entry) => entry.process === start.process && entry.type !== "start" ? [entry] : []),
        isPlayed: false,
        matched: new Set<number>()
      }]
      : []
  )

/** One that does nothing but say what is wrong. */
export const failing = (lines: ReadonlyArray<string>): Recorded => {
  const common = { at: 0, process: 0 }
  return {
    start: { type: "start", ...common, kind: "exec", args: [] },
    entries: [{ type: "stderr", ...common, text: `${lines.join("\n")}\n` }, { type: "exit", ...common, code: 1 }],
    isPlayed: true,
    matched: new Set()
  }
}

/** The first of those left that fits what is given, or what is wrong with all of them. */
export const choose = (
  recorded: ReadonlyArray<Recorded>,
  given: Given | undefined,
  replay: Replay
): Recorded | ReadonlyArray<string> => {
  const left = recorded.filter(({ isPlayed }) => !isPlayed)
  const tried = left.map((one) => compare(one, given, replay.bindings))
  const fitting = tried.find(({ differences }) => differences.length === 0)
  const same = replay.isStrict ? undefined : tried.find(({ isInput }) => isInput) ?? tried[0]
  const chosen = fitting ?? same
  if (chosen === undefined) {
    return tried[0] === undefined
      ? ["The cassette has no further process like this:", `+ ${given?.args.join(" ") ?? "a connection"}`]
      : [`Process ${tried[0].one.start.process} was started otherwise when it was recorded:`, ...tried[0].differences]
  }
  replay.bindings = new Map(chosen.bindings)
  chosen.one.isPlayed = true
  for (const index of chosen.inputs) chosen.one.matched.add(index)
  return chosen.one
}

/** Of a connection, nobody says how it came about. */
const compare = (recorded: Recorded, given: Given | undefined, bindings: Match.Bindings) => {
  if (given === undefined) return { one: recorded, inputs: [], isInput: false, bindings, differences: [] }
  const { args, cwd, input } = given
  const { start } = recorded
  const inputs = input === undefined
    ? []
    : recorded.entries.flatMap(({ type }, index) => type === "sent" ? [index] : [])
  const [text] = recorded.entries.flatMap((entry) => entry.type === "sent" ? entry.text ?? [] : [])
  const byArgs = Match.matchArgs(start.args, argsWithoutRun(args), bindings)
  const byPlace = Match.match({ cwd: start.cwd ?? null }, { cwd: cwd ?? null }, byArgs.bindings)
  // One that could not be started, or was stopped at once, has read nothing.
  const byInput = input === undefined || text === undefined
    ? byPlace
    : Match.match({ stdin: text }, { stdin: input }, byPlace.bindings)
  return {
    one: recorded,
    inputs,
    isInput: byInput !== byPlace && byInput.differences.length === 0,
    bindings: byInput.bindings,
    differences: [
      ...byArgs.differences,
      ...byPlace.differences,
      ...(byInput === byPlace ? [] : byInput.differences)
    ]
  }
}

/** What the program did not send although it was recorded. */
export const unsent = ({ entries, matched }: Recorded): ReadonlyArray<Sent> =>
  entries.flatMap((entry, index) => entry.type === "sent" && !matched.has(index) ? [entry] : [])
