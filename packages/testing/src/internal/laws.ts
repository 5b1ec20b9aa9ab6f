/**
 * What each law finds in a ledger.
 *
 * @internal
 */
import * as Duration from "effect/Duration"
import * as Equal from "effect/Equal"
import type { Ledger, Turn } from "./lawsLedger.ts"

type Breaches = ReadonlyArray<string>

export const oneTurnPerThread = ({ entries }: Ledger): Breaches => {
  const open = new Map<string, ReadonlyArray<number>>()
  const found: Array<string> = []
  const enter = (turn: number, threadId: string | undefined) => {
    const there = threadId === undefined ? undefined : open.get(threadId) ?? []
    if (threadId === undefined || there === undefined || there.includes(turn)) return
    open.set(threadId, [...there, turn])
    found.push(...there.map((other) => `turn ${turn} was on thread ${threadId} while turn ${other} had not ended`))
  }
  for (const entry of entries) {
    if (entry.type === "begun") enter(entry.turn, entry.request.thread)
    if (entry.type === "thread") enter(entry.turn, entry.threadId)
    if (entry.type !== "ended") continue
    for (const [threadId, turns] of open) open.set(threadId, turns.filter((turn) => turn !== entry.turn))
  }
  return found
}

export const everyTurnEnds = ({ turns }: Ledger): Breaches =>
  turns.flatMap(({ end, number }) =>
    end === undefined
      ? [`turn ${number} goes on when the program is over`]
      : end === "silent"
      ? [`turn ${number} stopped telling, and neither completed nor failed`]
      : []
  )

export const nothingLeft = ({ running, turns }: Ledger): Breaches => [
  ...turns.filter(({ end }) => end === undefined).map(({ number }) => `turn ${number} goes on`),
  ...running.map((process) => `${process} still runs`)
]

export const noWorkTwice =
  (sameWork: (one: Turn, other: Turn) => boolean) => ({ entries, turns }: Ledger): Breaches => {
    const places = (type: "begun" | "ended") =>
      new Map(entries.flatMap((entry, index) => entry.type === type ? [[entry.turn, index] as const] : []))
    const [begun, ended] = [places("begun"), places("ended")]
    return turns.flatMap((one) =>
      !one.worked || one.end === undefined || one.end === "completed"
        ? []
        : turns
          .filter((other) =>
            (begun.get(other.number) ?? 0) > (ended.get(one.number) ?? Infinity) && sameWork(one, other)
          )
          .map((other) => `turn ${other.number} does again what turn ${one.number} had begun to do before it ended`)
    )
  }

export const isSameWork = (one: Turn, other: Turn): boolean => {
  const { request: before } = one
  const { request: after } = other
  return Equal.equals(before.input, after.input) &&
    before.workingDirectory === after.workingDirectory && before.fork === after.fork &&
    (after.thread === before.thread || after.thread === one.threadId)
}

export const tokens = (limit: number, overshoot: number | undefined) => ({ entries, turns }: Ledger): Breaches => {
  const byNumber = new Map(turns.map((turn) => [turn.number, turn]))
  const found: Array<string> = []
  let spent = 0
  for (const entry of entries) {
    if (entry.type === "begun" && spent >= limit) {
      found.push(`turn ${entry.turn} began when ${spent} of ${limit} tokens were spent`)
    }
    if (entry.type === "ended") spent += byNumber.get(entry.turn)?.tokens ?? 0
  }
  const total = turns.reduce((total, turn) => total + turn.tokens, 0)
  return overshoot !== undefined && total > limit + overshoot
    ? [...found, `${total} tokens were spent of ${limit}, and ${overshoot} more at most`]
    : found
}

export const time = (limits: {
  readonly turn?: Duration.Input | undefined
  readonly total?: Duration.Input | undefined
}) =>
({ takenAt, turns }: Ledger): Breaches => {
  const over = (what: string, taken: number, limit: Duration.Input | undefined) =>
    isOver(taken, limit) ? [`${what} took ${tellLimit(taken, limit)}`] : []
  const first = Math.min(...turns.map(({ begunAt }) => begunAt))
  const last = Math.max(...turns.map(({ endedAt = takenAt }) => endedAt))
  return [
    ...turns.flatMap(({ begunAt, endedAt = takenAt, number }) =>
      over(`turn ${number}`, endedAt - begunAt, limits.turn)
    ),
    ...(turns.length === 0 ? [] : over("all turns", last - first, limits.total))
  ]
}

export const approvals = (within: Duration.Input | undefined) => ({ takenAt, turns }: Ledger): Breaches =>
  turns.flatMap(({ approvals, end, endedAt, number }) =>
    approvals.flatMap(({ answeredAt, askedAt, kind }) => {
      const asked = `turn ${number} asked for approval (${kind})`
      // Who stops a turn takes its requests back.
      if (answeredAt === undefined && end !== "stopped") return [`${asked}, and got no answer`]
      const waited = (answeredAt ?? endedAt ?? takenAt) - askedAt
      return isOver(waited, within) ? [`${asked}, and waited ${tellLimit(waited, within)}`] : []
    })
  )

// =============================================================================
// Internals
// =============================================================================

const isOver = (millis: number, limit: Duration.Input | undefined): limit is Duration.Input =>
  limit !== undefined && millis > Duration.toMillis(limit)

const tellLimit = (millis: number, limit: Duration.Input): string =>
  `${Duration.format(Duration.millis(millis))} of ${Duration.format(Duration.fromInputUnsafe(limit))}`
