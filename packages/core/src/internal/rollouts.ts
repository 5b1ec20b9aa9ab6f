/**
 * The rollouts in a home directory of Codex.
 *
 * @internal
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import type * as PlatformError from "effect/PlatformError"
import type { TokenUsage } from "../CodexEvent.ts"
import { zeroUsage } from "../CodexTurn.ts"
import * as Rollout from "./rollout.ts"
import * as RolloutFile from "./rolloutFile.ts"

// =============================================================================
// Models
// =============================================================================

/** What could not be read, and why. */
export interface Unreadable {
  readonly path: string
  readonly problem: string
}

export interface Entry extends Rollout.Rollout {
  readonly isArchived: boolean
}

export interface Dated extends Entry {
  readonly updatedAt: DateTime.Utc
}

export interface Ends {
  readonly header: Rollout.Header | undefined
  readonly turn: Rollout.Turn | undefined
}

export interface Rollouts {
  readonly list: (options: {
    readonly includeArchived: boolean
  }) => Effect.Effect<ReadonlyArray<Entry>, Unreadable>
  readonly date: (entry: Entry) => Effect.Effect<Dated, Unreadable>
  /** What its two ends say: nothing if it is compressed. */
  readonly read: (entry: Entry) => Effect.Effect<Ends, Unreadable>
  /** The names of threads, by their ids. */
  readonly names: Effect.Effect<ReadonlyMap<string, string>>
  /** The total at the end of `entry`, or, if it says none, of what came before it, which is among `others`. */
  readonly total: (
    entry: Entry,
    others: ReadonlyArray<Entry>
  ) => Effect.Effect<Option.Option<TokenUsage>, Unreadable>
}

// =============================================================================
// Constructors
// =============================================================================

export const make = Effect.fnUntraced(function*(
  home: string
): Effect.fn.Return<Rollouts, never, FileSystem.FileSystem | Path.Path> {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path

  const listIn = (name: "sessions" | "archived_sessions"): Effect.Effect<ReadonlyArray<Entry>, Unreadable> => {
    const directory = path.join(home, name)
    return fs.readDirectory(directory, { recursive: true }).pipe(
      Effect.catchIf(
        isNotFound,
        (error) => Effect.flatMap(fs.exists(directory), (exists) => exists ? Effect.fail(error) : Effect.succeed([]))
      ),
      // Something in it went away while it was listed.
      Effect.retry({ times: 3, while: isNotFound }),
      Effect.mapError(unreadable(directory)),
      Effect.map((names) =>
        names.flatMap((file) => {
          const rollout = Rollout.fromPath(path.join(directory, file))
          return rollout === undefined ? [] : [{ ...rollout, isArchived: name === "archived_sessions" }]
        })
      )
    )
  }

  const open = <A>(
    { path }: Entry,
    use: (file: FileSystem.File, size: number) => Effect.Effect<A, PlatformError.PlatformError>
  ): Effect.Effect<A, Unreadable> =>
    fs.open(path).pipe(
      Effect.flatMap((file) => Effect.flatMap(file.stat, ({ size }) => use(file, Number(size)))),
      Effect.scoped,
      Effect.mapError(unreadable(path))
    )

  const totalAt: (
    entry: Entry,
    others: ReadonlyArray<Entry>,
    end: number
  ) => Effect.Effect<Option.Option<TokenUsage>, Unreadable> = Effect.fnUntraced(function*(entry, others, end) {
    if (entry.isCompressed) return Option.none()
    const { header, total } = yield* open(
      entry,
      Effect.fnUntraced(function*(file, size) {
        const total = yield* RolloutFile.findLast(file, Math.min(size, end), Rollout.total)
        return total === undefined ? { header: yield* headerOf(file) } : { total }
      })
    )
    if (total !== undefined) return Option.some(total)
    if (header?.thread === undefined) return Option.none()
    const { base } = header
    if (base === undefined) return Option.some(zeroUsage)
    const before = others.find((other) => Rollout.segment(other) === base.segment)
    if (before === undefined) return Option.none()
    return yield* totalAt(before, others.filter((other) => other !== before), base.end)
  })

  return {
    list: ({ includeArchived }) =>
      Effect.map(
        Effect.all([listIn("sessions"), includeArchived ? listIn("archived_sessions") : Effect.succeed([])]),
        (lists) => lists.flat()
      ),

    date: (entry) =>
      fs.stat(entry.path).pipe(
        Effect.mapError(unreadable(entry.path)),
        Effect.map(({ mtime }) => ({
          ...entry,
          updatedAt: Option.match(mtime, { onNone: () => epoch, onSome: DateTime.fromDateUnsafe })
        }))
      ),

    read: Effect.fnUntraced(function*(entry) {
      if (entry.isCompressed) return { header: undefined, turn: undefined }
      const ends = yield* open(
        entry,
        (file, size) => Effect.all({ header: headerOf(file), turn: RolloutFile.findLast(file, size, Rollout.turn) })
      )
      if (ends.header !== undefined) return ends
      return yield* Effect.fail<Unreadable>({ path: entry.path, problem: "it does not begin as a thread does" })
    }),

    names: fs.readFileString(path.join(home, "session_index.jsonl")).pipe(
      Effect.tapError((error) => isNotFound(error) ? Effect.void : Effect.logDebug("No names of threads", error)),
      Effect.orElseSucceed(() => ""),
      Effect.map(Rollout.names)
    ),

    total: (entry, others) => totalAt(entry, others, Infinity)
  }
})

// =============================================================================
// Combinators
// =============================================================================

/** One per thread: the one that Codex goes on with. */
export const current = (entries: ReadonlyArray<Entry>): ReadonlyArray<Entry> => {
  const byThread = new Map<string, Entry>()
  for (const entry of entries) {
    const other = byThread.get(entry.threadId)
    if (other === undefined || Rollout.isSuperseded(other, entry)) byThread.set(entry.threadId, entry)
  }
  return [...byThread.values()]
}

// =============================================================================
// Internals
// =============================================================================

const epoch = DateTime.makeUnsafe(0)

const isNotFound = ({ reason }: PlatformError.PlatformError): boolean => reason._tag === "NotFound"

const unreadable = (path: string) => ({ reason }: PlatformError.PlatformError): Unreadable => ({
  path,
  problem: reason._tag
})

const headerOf = (file: FileSystem.File) => Effect.map(RolloutFile.firstLine(file), Rollout.header)
