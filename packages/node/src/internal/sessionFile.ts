/**
 * The format of the session file: version 2 of `codex_local_sdk` for Python, and what came before it, names with
 * their thread ids and nothing else. What is not understood is refused.
 *
 * What is not changed is printed as it was parsed, with the keys that are not known here: the file's own, all
 * records but the one that is stored, and in that one its own keys and the turns that it had.
 */
import { TokenUsage } from "@effect-codex/core/CodexEvent"
import * as SessionRecord from "@effect-codex/core/SessionRecord"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

export interface SessionFile {
  readonly keys: JsonObject
  readonly sessions: ReadonlyMap<string, Session>
}

interface Session {
  readonly record: SessionRecord.SessionRecord
  readonly json: RecordJson
}

/** Why a file is not understood. */
export type Refusal = { readonly version: number } | { readonly problem: string }

const currentVersion = 2

// =============================================================================
// Schemas
// =============================================================================

const EpochSeconds = Schema.Finite.check(
  Schema.isBetween({ minimum: -8.64e12, maximum: 8.64e12 }, { expected: "seconds since 1970" })
)

type JsonObject = typeof JsonObject.Type
const JsonObject = Schema.Record(Schema.String, Schema.Json)

const orNull = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))

const openStruct = <Fields extends Schema.Struct.Fields>(fields: Fields) =>
  Schema.StructWithRest(Schema.Struct(fields), [JsonObject])

type TurnJson = typeof TurnJson.Type
const TurnJson = openStruct({
  timestamp: EpochSeconds,
  operation: Schema.String,
  prompt_preview: orNull(Schema.String),
  return_code: orNull(Schema.Int),
  turn_status: orNull(Schema.String),
  duration_seconds: orNull(Schema.Finite),
  // A key that only we write, where a number of seconds is not exact.
  duration: orNull(Schema.String),
  message_preview: orNull(Schema.String)
})

type RecordJson = typeof RecordJson.Type
const RecordJson = openStruct({
  session_id: SessionRecord.SessionRecord.fields.threadId,
  created_at: EpochSeconds,
  updated_at: EpochSeconds,
  last_turn_status: orNull(Schema.String),
  turn_count: Schema.Natural,
  success_count: Schema.Natural,
  failure_count: Schema.Natural,
  turns: Schema.Array(TurnJson),
  // A key that only we write.
  thread_usage: orNull(TokenUsage)
})

const decodeDuration = Schema.decodeOption(Schema.DurationFromString)
const encodeDuration = Schema.encodeSync(Schema.DurationFromString)
const decodeText = Option.liftThrowable((content: Uint8Array) =>
  new TextDecoder("utf-8", { fatal: true }).decode(content)
)
const decodeJson = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))
const isJsonObject = Schema.is(JsonObject)
const isJsonArray = (json: Schema.Json): json is Schema.JsonArray => Array.isArray(json)
const isLegacy = Schema.is(Schema.Record(Schema.String, Schema.String))
const decodeName = Schema.decodeResult(SessionRecord.SessionName)
const decodeRecord = Schema.decodeUnknownResult(RecordJson)

// =============================================================================
// Parsing
// =============================================================================

/** A file without content holds no sessions, as one that is not there. Sessions without a time get `now`. */
export const parse = (content: Uint8Array, now: DateTime.Utc): Result.Result<SessionFile, Refusal> => {
  const text = Option.getOrUndefined(decodeText(content))
  if (text === undefined) return refuse("it is not UTF-8")
  if (text.trim() === "") return Result.succeed({ keys: {}, sessions: new Map() })
  const json = Option.getOrUndefined(decodeJson(text))
  if (!isJsonObject(json)) return refuse("it is not a JSON object")
  const { records, schema_version: version } = json
  if (version === undefined && isLegacy(json)) {
    const { session_id: _, ...empty } = toRecordJson(SessionRecord.start({ name: "", threadId: "", at: now }))
    return parseSessions({}, json, (name, session_id) => ({ ...empty, session_name: name, session_id }))
  }
  if (typeof version !== "number") return refuse("it has no `schema_version`")
  if (version !== currentVersion) return Result.fail({ version })
  return isJsonObject(records) ? parseSessions(json, records, (_, json) => json) : refuse("it has no `records`")
}

const parseSessions = (
  keys: JsonObject,
  records: JsonObject,
  toRecordJson: (name: string, json: Schema.Json) => Schema.Json
): Result.Result<SessionFile, Refusal> => {
  const sessions = new Map<string, Session>()
  for (const [name, json] of Object.entries(records)) {
    const session = Result.flatMap(
      decodeName(name),
      (name) => Result.map(decodeRecord(toRecordJson(name, json)), (json) => ({ record: toRecord(name, json), json }))
    )
    if (Result.isFailure(session)) return refuse(`session ${JSON.stringify(name)}: ${session.failure.message}`)
    sessions.set(name, session.success)
  }
  return Result.succeed({ keys, sessions })
}

const refuse = (problem: string) => Result.fail({ problem })

// =============================================================================
// Sessions
// =============================================================================

export const get = ({ sessions }: SessionFile, name: string): Option.Option<SessionRecord.SessionRecord> =>
  Option.map(Option.fromUndefinedOr(sessions.get(name)), ({ record }) => record)

export const list = ({ sessions }: SessionFile): ReadonlyArray<SessionRecord.SessionRecord> =>
  Array.from(sessions.values(), ({ record }) => record)

/** The file with `next` in place of what it has under the name. */
export const set = (
  file: SessionFile,
  name: string,
  next: Option.Option<SessionRecord.SessionRecord>
): SessionFile => {
  const sessions = new Map(file.sessions)
  if (Option.isSome(next)) {
    const { thread_usage: _, ...kept } = sessions.get(name)?.json ?? {}
    sessions.set(name, { record: next.value, json: { ...kept, ...toRecordJson(next.value) } })
  } else {
    sessions.delete(name)
  }
  return { ...file, sessions }
}

// =============================================================================
// Printing
// =============================================================================

/** The text of the file: with sorted keys, in ASCII, and a line for each value. */
export const print = ({ keys, sessions }: SessionFile): string => {
  const records = Object.fromEntries(Array.from(sessions, ([name, { json }]) => [name, json]))
  return `${printJson({ ...keys, schema_version: currentVersion, records }, "\n")}\n`
}

// `JSON.stringify` puts keys that are numbers before all others.
const printJson = (json: Schema.Json, newline: string): string => {
  if (typeof json !== "object" || json === null) return printScalar(json)
  const indented = `${newline}  `
  const [open, close, lines] = isJsonArray(json)
    ? ["[", "]", json.map((item) => printJson(item, indented))]
    : ["{", "}", Object.keys(json).toSorted().map((key) => `${printScalar(key)}: ${printJson(json[key], indented)}`)]
  return lines.length === 0 ? open + close : `${open}${indented}${lines.join(`,${indented}`)}${newline}${close}`
}

const printScalar = (json: string | number | boolean | null): string =>
  JSON.stringify(json).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`
  )

// =============================================================================
// Records
// =============================================================================

const toRecord = (name: string, json: RecordJson): SessionRecord.SessionRecord => ({
  name,
  threadId: json.session_id,
  createdAt: fromSeconds(json.created_at),
  updatedAt: fromSeconds(json.updated_at),
  ...present(json.last_turn_status, (lastTurnStatus) => ({ lastTurnStatus })),
  turnCount: json.turn_count,
  successCount: json.success_count,
  failureCount: json.failure_count,
  turns: json.turns.map(toTurn),
  ...present(json.thread_usage, (threadUsage) => ({ threadUsage }))
})

const toRecordJson = (record: SessionRecord.SessionRecord): RecordJson => ({
  session_id: record.threadId,
  session_name: record.name,
  created_at: toSeconds(record.createdAt),
  updated_at: toSeconds(record.updatedAt),
  last_turn_status: record.lastTurnStatus ?? null,
  turn_count: record.turnCount,
  success_count: record.successCount,
  failure_count: record.failureCount,
  turns: record.turns.map(toTurnJson),
  ...present(record.threadUsage, (thread_usage) => ({ thread_usage }))
})

/** Turns that were parsed, and from what. */
const parsed = new WeakMap<SessionRecord.SessionTurn, TurnJson>()

const toTurn = (json: TurnJson): SessionRecord.SessionTurn => {
  const turn = {
    timestamp: fromSeconds(json.timestamp),
    operation: json.operation,
    ...present(json.prompt_preview, (promptPreview) => ({ promptPreview })),
    ...present(json.message_preview, (messagePreview) => ({ messagePreview })),
    ...present(json.return_code, (exitCode) => ({ exitCode })),
    ...present(json.turn_status, (status) => ({ status })),
    duration: toDuration(json)
  }
  parsed.set(turn, json)
  return turn
}

const toTurnJson = (turn: SessionRecord.SessionTurn): TurnJson =>
  parsed.get(turn) ?? {
    timestamp: toSeconds(turn.timestamp),
    operation: turn.operation,
    prompt_preview: turn.promptPreview ?? null,
    return_code: turn.exitCode ?? null,
    turn_status: turn.status ?? null,
    ...toDurationJson(turn.duration),
    message_preview: turn.messagePreview ?? null
  }

const toDuration = (json: Pick<TurnJson, "duration" | "duration_seconds">): Duration.Duration =>
  Option.getOrElse(
    Option.flatMap(Option.fromNullishOr(json.duration), decodeDuration),
    () => Duration.seconds(json.duration_seconds ?? 0)
  )

const toDurationJson = (duration: Duration.Duration) => {
  const seconds = Duration.toSeconds(duration)
  const json = { duration_seconds: Number.isFinite(seconds) ? seconds : null }
  return Duration.equals(toDuration(json), duration) ? json : { ...json, duration: encodeDuration(duration) }
}

const present = <A, B extends object>(value: A | null | undefined, toField: (value: A) => B): B | {} =>
  value === null || value === undefined ? {} : toField(value)

const toSeconds = (at: DateTime.Utc): number => DateTime.toEpochMillis(at) / 1000

// To the nearest millisecond, also where a product of all of it would be off by one.
const fromSeconds = (seconds: number): DateTime.Utc => {
  const whole = Math.floor(seconds)
  return DateTime.makeUnsafe(whole * 1000 + Math.round((seconds - whole) * 1000))
}
