/**
 * Plays what a cassette has of one process or connection.
 *
 * @internal
 */
import type * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Schema from "effect/Schema"
import * as Struct from "effect/Struct"
import type { Entry, Received, Start } from "../Cassette.ts"
import * as Match from "./cassetteMatch.ts"
import type { Recorded, Replay } from "./cassetteProcesses.ts"
import { withoutRun } from "./cassetteRun.ts"
import { isObject, type JsonObject, parse } from "./json.ts"

// =============================================================================
// Models
// =============================================================================

export interface Ending {
  readonly code?: number | undefined
  readonly signal?: string | undefined
  readonly error?: string | undefined
}

export interface Player {
  readonly stdout: Queue.Dequeue<string, Cause.Done>
  readonly stderr: Queue.Dequeue<string, Cause.Done>
  readonly ending: Deferred.Deferred<Ending>
  /** The program sends a line. */
  readonly send: (line: string) => Effect.Effect<void>
  /** Ends as it did when it was recorded, or else like this. */
  readonly end: (ending: Ending) => Effect.Effect<void>
}

// =============================================================================
// Playing
// =============================================================================

export const make = Effect.fnUntraced(function*(recorded: Recorded, replay: Replay) {
  const { entries, start: { process } } = recorded
  // As a pipe does, these hold little: who does not read them stops the process.
  const stdout = yield* Queue.bounded<string, Cause.Done>(1)
  const stderr = yield* Queue.bounded<string, Cause.Done>(1)
  const ending = yield* Deferred.make<Ending>()
  const sent = new Map<number, Deferred.Deferred<void>>()
  for (const [index, entry] of entries.entries()) {
    if (entry.type === "sent") sent.set(index, yield* Deferred.make<void>())
  }
  for (const index of recorded.matched) yield* settle(sent, index)
  /** The program's own numbers of its requests, by those that were recorded. */
  const ids = new Map<Schema.Json, Schema.Json>()

  const finish = (how: Ending) =>
    Effect.gen(function*() {
      yield* Deferred.succeed(ending, how)
      yield* Queue.end(stdout)
      yield* Queue.end(stderr)
    }).pipe(Effect.uninterruptible)

  const fail = Effect.fnUntraced(function*(lines: ReadonlyArray<string>) {
    const text = lines.join("\n")
    replay.mismatch(text)
    if (yield* Deferred.isDone(ending)) return
    yield* Queue.offer(stderr, `${text}\n`)
    yield* finish({ code: 1, error: text })
  })

  const print = (entry: Received) => {
    const line = entry.json === undefined ? entry.text ?? "" : toReply(entry.json, entries, ids)
    if (line === undefined) return Effect.void
    const text = typeof line === "string" && entry.json === undefined
      ? Match.substituteText(line, replay.bindings)
      : JSON.stringify(Match.substitute(line, replay.bindings))
    return Queue.offer(stdout, entry.cut === true ? text : `${text}\n`)
  }

  const take = (entry: Exclude<Entry, Start>, index: number): Effect.Effect<unknown> => {
    switch (entry.type) {
      case "sent": {
        const deferred = sent.get(index)
        return deferred === undefined ? Effect.void : Deferred.await(deferred)
      }
      case "received":
        return print(entry)
      case "stderr":
        return Queue.offer(stderr, Match.substituteText(entry.text, replay.bindings))
      case "exit":
        return Effect.andThen(finish(entry), Effect.never)
      // Until it comes again.
      case "signal":
        return Effect.never
      case "refused":
        return Effect.void
    }
  }

  const life = Effect.forEach(entries, (entry, index) => {
    const before = entries[index - 1]?.at ?? recorded.start.at
    const isWaiting = replay.isTimed && entry.type !== "sent" && entry.at > before
    return Effect.andThen(isWaiting ? Effect.sleep(entry.at - before) : Effect.void, take(entry, index))
  }, { discard: true })
  yield* life.pipe(Effect.andThen(Effect.never), Effect.raceFirst(Deferred.await(ending)), Effect.forkScoped)

  const send = Effect.fnUntraced(function*(line: string) {
    const json = withoutRun(parse(line) ?? line)
    const open = entries.flatMap((entry, index) =>
      entry.type === "sent" && !recorded.matched.has(index)
        ? [{ entry, index, json: entry.json ?? entry.text ?? "" }]
        : []
    )
    const tried = open.map((one) => ({ ...one, ...matchMessage(one.json, json, replay.bindings) }))
    const fitting = tried.find(({ differences }) => differences.length === 0)
    const found = fitting ?? (replay.isStrict ? undefined : open.find((one) => isSameCall(one.json, json)))
    if (found === undefined) {
      if (!replay.isStrict && !isRequest(json)) return
      const next = tried.find((one) => isSameCall(one.json, json)) ?? tried[0]
      return yield* fail(
        next === undefined
          ? [`Process ${process} was sent nothing more when it was recorded:`, `+ ${line.slice(0, 300)}`]
          : [`Process ${process} was sent otherwise when it was recorded:`, ...next.differences]
      )
    }
    if (fitting !== undefined) replay.bindings = new Map(fitting.bindings)
    if (isRequest(found.json) && isRequest(json)) ids.set(found.json.id, json.id)
    recorded.matched.add(found.index)
    // What is left out does not hold up who does not mind.
    for (const { index } of replay.isStrict ? [] : open) if (index < found.index) yield* settle(sent, index)
    yield* settle(sent, found.index)
  })

  const atEnd = entries.find((entry) => entry.type === "exit")
  const player: Player = { stdout, stderr, ending, send, end: (how) => finish(atEnd ?? how) }
  return player
})

// =============================================================================
// Internals
// =============================================================================

const settle = (sent: ReadonlyMap<number, Deferred.Deferred<void>>, index: number) => {
  const deferred = sent.get(index)
  return deferred === undefined ? Effect.void : Effect.asVoid(Deferred.succeed(deferred, undefined))
}

const isRequest = (json: Schema.Json): json is JsonObject & { readonly id: Schema.Json; readonly method: string } =>
  isObject(json) && typeof json["method"] === "string" && json["id"] !== undefined

/** Who asks numbers as it likes; the app-server's numbers are those that were recorded. */
const matchMessage = (recorded: Schema.Json, actual: Schema.Json, bindings: Match.Bindings): Match.Match =>
  isRequest(recorded) && isRequest(actual)
    ? Match.match({ ...recorded, id: 0 }, { ...actual, id: 0 }, bindings)
    : Match.match(recorded, actual, bindings)

const isSameCall = (recorded: Schema.Json, actual: Schema.Json): boolean => {
  if (!isObject(recorded) || !isObject(actual)) return false
  return recorded["method"] === actual["method"] &&
    (recorded["method"] !== undefined || recorded["id"] === actual["id"])
}

/** A reply to the request of this run; nothing for a request that was not made this time. */
const toReply = (
  json: Schema.Json,
  entries: Recorded["entries"],
  ids: ReadonlyMap<Schema.Json, Schema.Json>
): Schema.Json | undefined => {
  if (!isObject(json) || json["method"] !== undefined || json["id"] === undefined) return json
  const { id } = json
  const isOurs = entries.some((entry) =>
    entry.type === "sent" && entry.json !== undefined && isRequest(entry.json) && entry.json.id === id
  )
  if (!isOurs) return json
  const own = ids.get(id)
  return own === undefined ? undefined : Struct.assign(json, { id: own })
}
