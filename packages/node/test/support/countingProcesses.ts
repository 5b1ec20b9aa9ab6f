/**
 * Processes that add turns to a session, see `../fixtures/countTurns.ts`.
 */
import * as SessionRecord from "@effect-codex/core/SessionRecord"
import { SessionStore } from "@effect-codex/core/SessionStore"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Stream from "effect/Stream"
import { fileURLToPath } from "node:url"

export interface Location {
  readonly kind: "sqlite" | "postgres"
  readonly location: string
}

const program = fileURLToPath(new URL("../fixtures/countTurns.ts", import.meta.url))

const start = (args: ReadonlyArray<string>, begin: Deferred.Deferred<void>) =>
  ChildProcess.make(process.execPath, [program, ...args], {
    stdin: Stream.drain(Stream.fromEffect(Deferred.await(begin))),
    stderr: "inherit",
    extendEnv: true,
    forceKillAfter: "1 second"
  })

/** Adds a turn to a session, which is created if it is missing. */
export const addTurn = Effect.fnUntraced(function*(name: string) {
  const store = yield* SessionStore
  const at = yield* DateTime.now
  const turn = { timestamp: at, operation: "run", duration: Duration.zero }
  yield* store.update(name, (current) => {
    const record = Option.getOrElse(current, () => SessionRecord.start({ name, threadId: "thread", at }))
    return [undefined, Option.some(SessionRecord.addTurn(record, turn))]
  })
})

const turnCount = Effect.fnUntraced(function*(name: string) {
  const store = yield* SessionStore
  return Option.match(yield* store.get(name), { onNone: () => 0, onSome: ({ turnCount }) => turnCount })
})

/** Four processes begin at once, none of their updates is lost. */
export const loseNone = Effect.fnUntraced(
  function*({ kind, location }: Location) {
    const name = "processes"
    const times = 50
    const [everybody, begin] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
    let ready = 0
    const run = Effect.gen(function*() {
      const handle = yield* start([kind, location, name, String(times)], begin)
      yield* Stream.runForEach(
        Stream.splitLines(Stream.decodeText(handle.stdout)),
        (line) => line === "ready" && ++ready === 4 ? Deferred.succeed(everybody, undefined) : Effect.void
      )
      assert.strictEqual(yield* handle.exitCode, 0)
    })
    yield* Effect.all([
      Effect.andThen(Deferred.await(everybody), Deferred.succeed(begin, undefined)),
      ...Array.from({ length: 4 }, () => run)
    ], { concurrency: "unbounded" })
    assert.strictEqual(yield* turnCount(name), 4 * times)
  },
  Effect.scoped,
  Effect.provide(NodeServices.layer)
)

/** A process that is killed amid its updates loses none that it has told of, and leaves a record that counts on. */
export const survivesKill = Effect.fnUntraced(
  function*({ kind, location }: Location) {
    const name = "killed"
    const begin = yield* Deferred.make<void>()
    yield* Deferred.succeed(begin, undefined)
    const handle = yield* start([kind, location, name, "1000000"], begin)
    const told = yield* Stream.splitLines(Stream.decodeText(handle.stdout)).pipe(
      Stream.tap((line) => line === "30" ? handle.kill({ killSignal: "SIGKILL" }) : Effect.void),
      Stream.runLast,
      Effect.flatMap(Effect.fromOption)
    )
    const counted = yield* turnCount(name)
    assert.include([Number(told), Number(told) + 1], counted)
    yield* addTurn(name)
    assert.isAbove(yield* turnCount(name), counted)
  },
  Effect.scoped,
  Effect.provide(NodeServices.layer)
)
