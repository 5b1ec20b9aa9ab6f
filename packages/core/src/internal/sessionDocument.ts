/**
 * Records as the text that stores keep: JSON with a version.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { SessionRecord } from "../SessionRecord.ts"
import * as SessionStoreError from "../SessionStoreError.ts"

const Versioned = Schema.fromJsonString(Schema.Struct({ version: Schema.Finite, records: Schema.Unknown }))

const Records = Schema.Array(SessionRecord)

const version = 1

/**
 * The records in `text`. One that has fields that this version does not know is refused: writing it again would lose
 * them.
 */
export const decode = (
  text: string,
  location: string
): Result.Result<ReadonlyArray<SessionRecord>, SessionStoreError.SessionStoreError> =>
  Result.gen(function*() {
    const unreadable = ({ message }: Schema.SchemaError) =>
      SessionStoreError.fromReason(new SessionStoreError.Unreadable({ location, problem: message }))
    const document = yield* Result.mapError(decodeVersioned(text), unreadable)
    if (document.version !== version) {
      const { version } = document
      return yield* Result.fail(
        SessionStoreError.fromReason(new SessionStoreError.UnsupportedVersion({ location, version }))
      )
    }
    return yield* Result.mapError(decodeRecords(document.records), unreadable)
  })

export const encode = (records: ReadonlyArray<SessionRecord>): Effect.Effect<string> =>
  Effect.map(Effect.orDie(encodeRecords(records)), (records) => JSON.stringify({ version, records }))

const decodeVersioned = Schema.decodeResult(Versioned, { onExcessProperty: "error" })

const decodeRecords = Schema.decodeUnknownResult(Records, { onExcessProperty: "error" })

const encodeRecords = Schema.encodeEffect(Records)
