/**
 * What Codex's record of a thread tells: its "rollout", a file of JSON lines that only grows.
 *
 * - The name is `rollout-<local time>-<thread id>.jsonl`. A thread that was taken back to an earlier turn goes on in
 *   a new file, `…-<thread id>_<revision>.jsonl`, that begins where the old one is cut off. Old rollouts may be
 *   compressed (`.jsonl.zst`).
 * - The first line says what thread it is (`session_meta`); each turn has a line that says where and with what model
 *   (`turn_context`); each answer of the model has one with the thread's total so far (`token_count`).
 * - A fork begins with a pointer to where it left its parent (`history_base`), or, if an older CLI began the parent,
 *   with a copy of the parent's lines.
 *
 * @internal
 */
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

// =============================================================================
// Names
// =============================================================================

/** What the name of a rollout tells. */
export interface Rollout {
  readonly path: string
  readonly threadId: string
  /** Which version of the thread's history this is, if not the first. Later ones sort after earlier ones. */
  readonly revision: string | undefined
  readonly isCompressed: boolean
}

const uuid = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
const namePattern = new RegExp(`(?:^|[/\\\\])rollout-[^/\\\\]+?-(${uuid})(?:_(${uuid}))?\\.jsonl(\\.zst)?$`)

/** The rollout at `path`, if its name is that of one. */
export const fromPath = (path: string): Rollout | undefined => {
  const [, threadId, revision, compressed] = namePattern.exec(path) ?? []
  return threadId === undefined ? undefined : { path, threadId, revision, isCompressed: compressed !== undefined }
}

/** The name by which a `history_base` points to this rollout. */
export const segment = ({ revision, threadId }: Rollout): string => revision ?? threadId

/** Of two rollouts of one thread: whether Codex goes on with `that`, not with `self`. */
export const isSuperseded = (self: Rollout, that: Rollout): boolean => {
  const [mine, other] = [self.revision ?? "", that.revision ?? ""]
  return mine === other ? self.isCompressed : mine < other
}

/** When the thread began, if its id tells, as ids of version 7 do. */
export const createdAt = (threadId: string): DateTime.Utc | undefined =>
  threadId[14] === "7"
    ? DateTime.makeUnsafe(Number.parseInt(threadId.slice(0, 8) + threadId.slice(9, 13), 16))
    : undefined

// =============================================================================
// Lines
// =============================================================================

/** What a rollout says of its thread. */
export interface Thread {
  readonly directory?: string
  readonly modelProvider?: string
  readonly source?: string
  readonly parentThreadId?: string
  readonly forkedFrom?: string
  readonly cliVersion?: string
  readonly gitBranch?: string
}

/** What the first line of a rollout says. */
export interface Header {
  readonly timestamp: DateTime.Utc | undefined
  /** Nothing, if the line has another form than those that are known. */
  readonly thread: Thread | undefined
  /** Where the history before this rollout is: in the first `end` bytes of another one. */
  readonly base: { readonly segment: string; readonly end: number } | undefined
}

/** There is no header in a line that is no JSON object: Codex does not take it for one either. */
export const header = (line: string): Header | undefined => {
  const stamped = Option.getOrUndefined(decodeStamped(line))
  if (stamped === undefined) return undefined
  const timestamp = Option.getOrUndefined(DateTime.make(String(stamped.timestamp)))
  const meta = Option.getOrUndefined(decodeSessionMeta(line))?.payload
  if (meta === undefined) return { timestamp, thread: undefined, base: undefined }
  const { base, git, source, ...thread } = meta
  const [kind, parentThreadId] = [kindOf(source), parentOf(source)]
  return {
    timestamp,
    base,
    thread: {
      ...(kind === undefined ? {} : { source: kind }),
      ...(parentThreadId === undefined ? {} : { parentThreadId }),
      ...(git?.branch === undefined ? {} : { gitBranch: git.branch }),
      ...thread
    }
  }
}

/** Whether Codex began the thread for a purpose of its own. */
export const isSubAgent = (thread: Thread | undefined): boolean =>
  thread?.source === "subagent" || thread?.source === "internal"

/** Where a turn works, and with which model. */
export interface Turn {
  readonly directory: string
  readonly model?: string
}

/** The turn that begins here, if one does. */
export const turn = (line: string): Turn | undefined =>
  line.includes("turn_context") ? Option.getOrUndefined(decodeTurnContext(line))?.payload : undefined

/** The thread's total, if the line says it: the fields of `turn.completed`'s `usage`. */
export const total = (line: string) =>
  line.includes("token_count")
    ? Option.getOrUndefined(decodeTokenCount(line))?.payload.info.total_token_usage
    : undefined

/** The names that `session_index.jsonl` gives to threads, of which the last one counts. */
export const names = (index: string): ReadonlyMap<string, string> =>
  new Map(
    index.split("\n").flatMap((line) => {
      const entry = Option.getOrUndefined(decodeIndexEntry(line))
      return entry === undefined ? [] : [[entry.id, entry.thread_name] as const]
    })
  )

// =============================================================================
// Internals
// =============================================================================

/** A line that says at least this. `null` says nothing. */
const decode = <S extends Schema.ConstraintDecoder<unknown>>(schema: S) =>
  Schema.decodeUnknownOption(Schema.fromJsonString(schema, { reviver: (_key, value: unknown) => value ?? undefined }))

const decodeStamped = decode(Schema.Struct({ timestamp: Schema.optional(Schema.Unknown) }))

const decodeSessionMeta = decode(Schema.Struct({
  type: Schema.Literal("session_meta"),
  payload: Schema.Struct({
    directory: Schema.optionalKey(Schema.String),
    modelProvider: Schema.optionalKey(Schema.String),
    source: Schema.optionalKey(Schema.Unknown),
    parentThreadId: Schema.optionalKey(Schema.String),
    forkedFrom: Schema.optionalKey(Schema.String),
    cliVersion: Schema.optionalKey(Schema.String),
    git: Schema.optionalKey(Schema.Struct({ branch: Schema.optionalKey(Schema.String) })),
    base: Schema.optional(
      Schema.Struct({ segment: Schema.String, end: Schema.Int }).pipe(
        Schema.encodeKeys({ segment: "thread_id", end: "end_byte_offset" })
      )
    )
  }).pipe(Schema.encodeKeys({
    directory: "cwd",
    modelProvider: "model_provider",
    parentThreadId: "parent_thread_id",
    forkedFrom: "forked_from_id",
    cliVersion: "cli_version",
    base: "history_base"
  }))
}))

const decodeTurnContext = decode(Schema.Struct({
  type: Schema.Literal("turn_context"),
  payload: Schema.Struct({ directory: Schema.String, model: Schema.optionalKey(Schema.String) }).pipe(
    Schema.encodeKeys({ directory: "cwd" })
  )
}))

const decodeTokenCount = decode(Schema.Struct({
  type: Schema.Literal("event_msg"),
  payload: Schema.Struct({
    type: Schema.Literal("token_count"),
    // Without `info`, only rate limits are told.
    info: Schema.Struct({
      total_token_usage: Schema.Struct({
        input_tokens: Schema.Finite,
        cached_input_tokens: Schema.optionalKey(Schema.Finite),
        cache_write_input_tokens: Schema.optionalKey(Schema.Finite),
        output_tokens: Schema.Finite,
        reasoning_output_tokens: Schema.optionalKey(Schema.Finite)
      })
    })
  })
}))

const decodeIndexEntry = decode(Schema.Struct({ id: Schema.String, thread_name: Schema.NonEmptyString }))

// A word, or an object whose key is the word: `{"subagent":"review"}`.
const kindOf = (source: unknown): string | undefined =>
  Predicate.isObject(source) ? Object.keys(source)[0] : Predicate.isString(source) ? source : undefined

// CLI 0.115 says it only there.
const decodeSpawned = Schema.decodeUnknownOption(Schema.Struct({
  subagent: Schema.Struct({ thread_spawn: Schema.Struct({ parent_thread_id: Schema.String }) })
}))

const parentOf = (source: unknown): string | undefined =>
  Option.getOrUndefined(decodeSpawned(source))?.subagent.thread_spawn.parent_thread_id
