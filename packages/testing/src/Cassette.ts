/**
 * What passed between a program and Codex, as data and as a file that one can read: see `CodexRecorder` and
 * `CodexReplay`.
 *
 * A cassette is a file of JSON lines: a header, then an entry for each line that went either way. There are no secrets
 * in it, and nothing of the machine: what differs from run to run has a name, such as `<thread 1>` or `<workspace 1>`,
 * the same wherever it occurs, and times count from 2026-01-01T00:00:00Z on.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type * as PlatformError from "effect/PlatformError"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Comparison from "./internal/cassetteComparison.ts"

// =============================================================================
// Models
// =============================================================================

/**
 * The version of the format that is written.
 *
 * @category constants
 * @since 0.1.0
 */
export const formatVersion = 1

/**
 * The version of the Codex CLI that this SDK was made for.
 *
 * @category constants
 * @since 0.1.0
 */
export const cliVersion = "0.169.0"

/**
 * What is said of the whole.
 *
 * @category models
 * @since 0.1.0
 */
export type Header = typeof Header.Type

/**
 * Schema of {@link Header}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Header = Schema.Struct({
  /** The version of the format. */
  cassette: Schema.Int,
  /** The version of the CLI that spoke, such as `0.169.0`, if it is known. */
  cli: Schema.optionalKey(Schema.String),
  /** When it was recorded: a date and time in UTC. */
  recordedAt: Schema.String,
  /** How many entries are missing at the end, as the recorder had no room for them. */
  omitted: Schema.optionalKey(Schema.Int)
})

const common = {
  /** When, in milliseconds since the recording began. */
  at: Schema.Finite,
  /** Which process or connection, from 1. */
  process: Schema.Int
}

const line = {
  ...common,
  /** The line, if it is JSON. */
  json: Schema.optionalKey(Schema.Json),
  /** The line, if it is not; of what `codex exec` reads from its stdin, all of it. */
  text: Schema.optionalKey(Schema.String),
  /** The process ended in the middle of this line. */
  cut: Schema.optionalKey(Schema.Literal(true))
}

const start = Schema.Struct({
  type: Schema.Literal("start"),
  ...common,
  /** `connection`: one that was made elsewhere, such as a WebSocket. */
  kind: Schema.Literals(["exec", "app-server", "connection"]),
  args: Schema.Array(Schema.String),
  cwd: Schema.optionalKey(Schema.String)
})
const refused = Schema.Struct({
  type: Schema.Literal("refused"),
  ...common,
  reason: Schema.Literals(["NotFound", "PermissionDenied", "BadResource", "Unknown"])
})
const sent = Schema.Struct({ type: Schema.Literal("sent"), ...line })
const received = Schema.Struct({ type: Schema.Literal("received"), ...line })
const stderr = Schema.Struct({ type: Schema.Literal("stderr"), ...common, text: Schema.String })
const signal = Schema.Struct({ type: Schema.Literal("signal"), ...common, signal: Schema.String })
const exit = Schema.Struct({
  type: Schema.Literal("exit"),
  ...common,
  code: Schema.optionalKey(Schema.Int),
  signal: Schema.optionalKey(Schema.String),
  error: Schema.optionalKey(Schema.String)
})

/**
 * A process is started, with what matters of its command.
 *
 * @category models
 * @since 0.1.0
 */
export type Start = typeof start.Type

/**
 * A line that the program sent: a message to an app-server, or all that `codex exec` was given on stdin.
 *
 * @category models
 * @since 0.1.0
 */
export type Sent = typeof sent.Type

/**
 * A line that Codex printed.
 *
 * @category models
 * @since 0.1.0
 */
export type Received = typeof received.Type

/**
 * One thing that happened: `refused` is a process that could not be started, `signal` one that was sent to it, and
 * `exit` its end, or that of a connection.
 *
 * @category models
 * @since 0.1.0
 */
export type Entry = typeof Entry.Type

/**
 * Schema of {@link Entry}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Entry = Schema.Union([start, refused, sent, received, stderr, signal, exit])

/**
 * A recording.
 *
 * @category models
 * @since 0.1.0
 */
export type Cassette = typeof Cassette.Type

/**
 * Schema of {@link Cassette}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Cassette = Schema.Struct({ header: Header, entries: Schema.Array(Entry) })

// =============================================================================
// Errors
// =============================================================================

/**
 * A text is no cassette, or one of a format that this version cannot read.
 *
 * @category errors
 * @since 0.1.0
 */
export class CassetteError extends Schema.TaggedError<CassetteError>("@effect-codex/testing/Cassette/CassetteError")(
  "CassetteError",
  {
    /** From 1. */
    line: Schema.Int,
    problem: Schema.String
  }
) {
  override get message(): string {
    return `Line ${this.line} of the cassette: ${this.problem}`
  }
}

// =============================================================================
// Files
// =============================================================================

/**
 * Reads the text of a cassette.
 *
 * @category decoding
 * @since 0.1.0
 */
export const fromText = (text: string): Result.Result<Cassette, CassetteError> =>
  Result.gen(function*() {
    const [first = "", ...others] = text.split("\n")
    const header = yield* Result.mapError(decodeHeader(first), ({ message }) => problem(0, message))
    if (header.cassette !== formatVersion) {
      return yield* Result.fail(problem(0, `its format is ${header.cassette}, and this version reads ${formatVersion}`))
    }
    const entries: Array<Entry> = []
    for (const [index, line] of others.entries()) {
      if (line === "") continue
      entries.push(yield* Result.mapError(decodeEntry(line), ({ message }) => problem(index + 1, message)))
    }
    return { header, entries }
  })

/**
 * The text of a cassette.
 *
 * @category encoding
 * @since 0.1.0
 */
export const toText = ({ entries, header }: Cassette): string =>
  [header, ...entries].map((line) => `${JSON.stringify(line)}\n`).join("")

/**
 * Reads a file.
 *
 * @category decoding
 * @since 0.1.0
 */
export const load = (
  path: string
): Effect.Effect<Cassette, CassetteError | PlatformError.PlatformError, FileSystem.FileSystem> =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFileString(path)).pipe(
    Effect.flatMap((text) => Effect.fromResult(fromText(text)))
  )

// =============================================================================
// Comparing
// =============================================================================

/**
 * What two recordings of the same program differ in, a line for each line that only one of them has: `-` for
 * `expected`, `+` for `actual`. Times, durations, ids, the order of lines and how a process was ended do not count, as these differ from run to run.
 *
 * @category comparing
 * @since 0.1.0
 */
export const differences = (expected: Cassette, actual: Cassette): ReadonlyArray<string> => {
  const versions = expected.header.cli === actual.header.cli
    ? []
    : [`- CLI ${expected.header.cli ?? "unknown"}`, `+ CLI ${actual.header.cli ?? "unknown"}`]
  return [...versions, ...Comparison.differences(expected.entries, actual.entries)]
}

// =============================================================================
// Internals
// =============================================================================

const problem = (index: number, problem: string) => new CassetteError({ line: index + 1, problem })

const decodeHeader = Schema.decodeResult(Schema.fromJsonString(Header))

const decodeEntry = Schema.decodeResult(Schema.fromJsonString(Entry))
