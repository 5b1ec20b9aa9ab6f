/**
 * What every session store keeps to.
 *
 * @internal
 */
import * as SessionRecord from "@effect-codex/core/SessionRecord"
import * as SessionStore from "@effect-codex/core/SessionStore"
import type * as SessionStoreError from "@effect-codex/core/SessionStoreError"
import * as Arbitrary from "effect/Arbitrary"
import * as Data from "effect/Data"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { format } from "effect/Formatter"
import * as Option from "effect/Option"

export class ContractViolation extends Data.TaggedError("ContractViolation")<{ readonly message: string }> {}

export type Violation = ContractViolation | SessionStoreError.SessionStoreError

const at = DateTime.makeUnsafe(0)

export const sample = SessionRecord.start({ name: "a sample", threadId: "thread", at })

const addTurn = (name: string): SessionStore.Update<void> => (current) => [
  undefined,
  Option.some(
    SessionRecord.addTurn(Option.getOrElse(current, () => ({ ...sample, name })), {
      timestamp: at,
      operation: "run",
      status: "completed",
      duration: Duration.seconds(1)
    })
  )
]

/** Adds turns, each in an update of its own. */
export const addTurns = Effect.fnUntraced(function*(name: string, times: number) {
  const store = yield* SessionStore.SessionStore
  yield* Effect.replicateEffect(store.update(name, addTurn(name)), times, { discard: true })
})

export const turnCount = Effect.fnUntraced(function*(name: string) {
  const store = yield* SessionStore.SessionStore
  return Option.match(yield* store.get(name), { onNone: () => 0, onSome: (record) => record.turnCount })
})

const names = [
  ..."a A a.b a/b a\\b ../a /a . .. a:b con a%2Fb % _ * ? \" ` $1 {} null true".split(" "),
  ..."__proto__ constructor toString ä a\u0308 日本語 שלום 🙂 \u{10ffff} \uffff \u007f a\u00a0b a\nb".split(" "),
  "'; DROP TABLE sessions; --",
  "x".repeat(200),
  "日".repeat(200),
  "🙂".repeat(100)
]

const badNames = ["", " ", " a", "a ", "a\n", "a\0b", "a\ud800b", "\udc00", "x".repeat(201)]

export const expectEqual = <A>(actual: A, expected: A): Effect.Effect<void, ContractViolation> =>
  Equal.equals(actual, expected)
    ? Effect.void
    : new ContractViolation({ message: `Expected ${format(expected)}, but it was ${format(actual)}` })

export const expectStored = Effect.fnUntraced(function*(record: SessionRecord.SessionRecord) {
  const store = yield* SessionStore.SessionStore
  yield* expectEqual(yield* store.get(record.name), Option.some(record))
})

const expectReason = Effect.fnUntraced(function*<A>(
  effect: Effect.Effect<A, SessionStoreError.SessionStoreError>,
  reason: SessionStoreError.SessionStoreErrorReason["_tag"]
) {
  const error = yield* Effect.flip(effect).pipe(
    Effect.mapError(() => new ContractViolation({ message: `Expected a failure with ${reason}` }))
  )
  yield* expectEqual(error.reason._tag, reason)
})

export const laws: Record<string, Effect.Effect<void, Violation, SessionStore.SessionStore>> = {
  "gives back every record as it was stored": Effect.gen(function*() {
    const store = yield* SessionStore.SessionStore
    const result = yield* Arbitrary.checkEffect(
      Arbitrary.schema(SessionRecord.SessionRecord),
      (record) => Effect.as(Effect.andThen(store.set(record), expectStored(record)), true)
    )
    const message = Arbitrary.formatCheckFailure(result)
    if (message !== undefined) return yield* new ContractViolation({ message })
  }),

  "keeps the last record of a name until it is removed": Effect.gen(function*() {
    const store = yield* SessionStore.SessionStore
    const [name, later] = ["last", SessionRecord.withThread({ ...sample, name: "last" }, "later", at)]
    yield* expectEqual(yield* store.get(name), Option.none())
    yield* expectEqual(yield* store.remove(name), false)
    yield* store.set({ ...sample, name })
    yield* store.set(later)
    yield* expectStored(later)
    yield* expectEqual(yield* store.remove(name), true)
    yield* expectEqual(yield* store.get(name), Option.none())
    yield* expectEqual(yield* store.remove(name), false)
  }),

  "keeps names of every kind apart, and lists them in order": Effect.gen(function*() {
    const store = yield* SessionStore.SessionStore
    const records = names.map((name, index) => ({ ...sample, name, threadId: `thread ${index}` }))
    yield* Effect.forEach(records, store.set, { discard: true })
    yield* Effect.forEach(records, expectStored, { discard: true })
    const listed = (yield* store.list).filter(({ name }) => names.includes(name))
    yield* expectEqual(listed, records.toSorted((a, b) => a.name < b.name ? -1 : 1))
    yield* Effect.forEach(records, (record, index) =>
      Effect.gen(function*() {
        yield* expectEqual(yield* store.remove(record.name), true)
        yield* Effect.forEach(records.slice(index + 1, index + 3), expectStored, { discard: true })
      }), { discard: true })
    yield* expectEqual((yield* store.list).filter(({ name }) => names.includes(name)), [])
  }),

  "refuses what is no name, and a record of another name": Effect.gen(function*() {
    const store = yield* SessionStore.SessionStore
    yield* Effect.forEach(badNames, (name) =>
      Effect.gen(function*() {
        yield* expectReason(store.get(name), "InvalidName")
        yield* expectReason(store.set({ ...sample, name }), "InvalidName")
        yield* expectReason(store.remove(name), "InvalidName")
        yield* expectReason(store.update(name, addTurn(name)), "InvalidName")
      }), { discard: true })
    const another = Option.some({ ...sample, name: "another" })
    yield* store.set(sample)
    yield* expectReason(store.update(sample.name, () => [undefined, another]), "InvalidRecord")
    yield* expectReason(store.set({ ...sample, threadId: "" }), "InvalidRecord")
    yield* expectStored(sample)
  }),

  "updates: inserts, changes, leaves alone and removes, and gives the result": Effect.gen(function*() {
    const store = yield* SessionStore.SessionStore
    const name = "updated"
    const [first, second] = [{ ...sample, name }, { ...sample, name, threadId: "another" }]
    const stages = [first, second, second, undefined, undefined].map(Option.fromUndefinedOr)
    yield* store.remove(name)
    let before = Option.none<SessionRecord.SessionRecord>()
    for (const next of stages) {
      const seen = yield* store.update(name, (current) => [current, Equal.equals(current, next) ? current : next])
      yield* expectEqual(seen, before)
      yield* expectEqual(yield* store.get(name), next)
      before = next
    }
  }),

  "changes nothing when the function throws": Effect.gen(function*() {
    const store = yield* SessionStore.SessionStore
    yield* store.set(sample)
    const exit = yield* Effect.exit(store.update(sample.name, () => {
      throw new Error("no update")
    }))
    yield* expectEqual(Exit.hasDies(exit), true)
    yield* expectStored(sample)
    yield* store.update(sample.name, addTurn(sample.name))
  }),

  "keeps a history that has a bound, and counters that have none": Effect.gen(function*() {
    const store = yield* SessionStore.SessionStore
    yield* store.remove("history")
    yield* addTurns("history", SessionRecord.defaultMaxTurns + 5)
    const record = yield* store.get("history")
    const { defaultMaxTurns } = SessionRecord
    yield* expectEqual(Option.map(record, ({ turns }) => turns.length), Option.some(defaultMaxTurns))
    yield* expectEqual(Option.map(record, ({ turnCount }) => turnCount), Option.some(defaultMaxTurns + 5))
  }),

  "loses none of many concurrent updates": Effect.gen(function*() {
    const counting = ["many", "others"].flatMap((name) => Array.from({ length: 16 }, () => addTurns(name, 5)))
    const before = [yield* turnCount("many"), yield* turnCount("others")] as const
    yield* Effect.all(counting, { concurrency: "unbounded" })
    yield* expectEqual(yield* turnCount("many"), before[0] + 80)
    yield* expectEqual(yield* turnCount("others"), before[1] + 80)
  }),

  "an interrupted update is done or not, and locks nobody out": Effect.gen(function*() {
    const store = yield* SessionStore.SessionStore
    let done = yield* turnCount("interrupted")
    const updates = Effect.forever(
      Effect.tap(store.update("interrupted", addTurn("interrupted")), () => Effect.sync(() => done++))
    )
    for (let steps = 0; steps < 40; steps++) {
      const fiber = yield* Effect.forkChild(updates)
      yield* Effect.replicateEffect(Effect.yieldNow, steps, { discard: true })
      yield* Fiber.interrupt(fiber)
      const stored = yield* turnCount("interrupted")
      if (stored !== done) yield* expectEqual(stored, done + 1)
      done = stored
    }
    yield* addTurns("interrupted", 1)
    yield* expectEqual(yield* turnCount("interrupted"), done + 1)
  })
}
