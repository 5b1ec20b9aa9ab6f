/**
 * Plays a cassette: what `CodexRecorder` recorded happens again, without Codex, a network or a process.
 *
 * It stands where processes are spawned, so that the real transports run over it, unchanged. What the program sends is
 * compared with the recording. Where that has a name, such as `<workspace 1>`, anything will do, the same each time, and
 * what Codex says of it is told of what is there now.
 *
 * **Example** (A test)
 *
 * ```ts
 * import * as Codex from "@effect-codex/core/Codex"
 * import * as Cassette from "@effect-codex/testing/Cassette"
 * import * as CodexReplay from "@effect-codex/testing/CodexReplay"
 * import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
 * import { assert, it } from "@effect/vitest"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 *
 * const replay = Layer.unwrap(Effect.map(Cassette.load("test/cassettes/status.jsonl"), (cassette) =>
 *   CodexReplay.layer(cassette, { defaults: { sandbox: "read-only" } }))).pipe(Layer.provide(NodeFileSystem.layer))
 *
 * it.effect("summarises", () =>
 *   Effect.gen(function*() {
 *     const turn = yield* Codex.run("Summarise the repository")
 *     assert.strictEqual(turn.status, "completed")
 *     yield* CodexReplay.verify
 *   }).pipe(Effect.provide(replay)))
 * ```
 *
 * A program that sends something else fails with what differs, as Codex would have ended: `- ` is what was recorded,
 * `+ ` what was sent. Then record it again.
 *
 * @since 0.1.0
 */
import * as Approvals from "@effect-codex/core/appserver/ApprovalServing"
import * as AppServerTransport from "@effect-codex/core/appserver/AppServerTransport"
import * as Client from "@effect-codex/core/appserver/Client"
import type { Duplex } from "@effect-codex/core/appserver/Connection"
import type * as ConnectionError from "@effect-codex/core/appserver/ConnectionError"
import * as Codex from "@effect-codex/core/Codex"
import * as CodexCli from "@effect-codex/core/CodexCli"
import type { CodexError } from "@effect-codex/core/CodexError"
import type { CodexOptions } from "@effect-codex/core/CodexOptions"
import type { CodexTransport } from "@effect-codex/core/CodexTransport"
import * as ExecTransport from "@effect-codex/core/exec/ExecTransport"
import * as ProcessGuard from "@effect-codex/core/ProcessGuard"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as PlatformError from "effect/PlatformError"
import type * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type Cassette, cliVersion } from "./Cassette.ts"
import * as Player from "./internal/cassettePlayer.ts"
import * as Processes from "./internal/cassetteProcesses.ts"
import * as FakeFiles from "./internal/fakeFiles.ts"
import * as RecordedProcess from "./internal/recordedProcess.ts"
import * as ReplayedConnection from "./internal/replayedConnection.ts"
import * as ReplayedProcess from "./internal/replayedProcess.ts"

// =============================================================================
// Options
// =============================================================================

/**
 * How a cassette is played.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /**
   * `"strict"` (the default): everything that was sent has to be sent, and nothing else; messages that do not wait for
   * each other may change places. `"lenient"`: what is asked for is answered as it was recorded, whatever the
   * parameters; what was not recorded is passed over, but for a request, which fails.
   */
  readonly mode?: "strict" | "lenient" | undefined
  /** `"recorded"`: Codex takes its time, by Effect's clock (`TestClock`). `"none"` (the default): it takes none. */
  readonly timing?: "recorded" | "none" | undefined
  /** The version of the CLI that the cassette should be of. Default: the one that this SDK was made for. */
  readonly cliVersion?: string | undefined
  /** What to do with a cassette of another version: `"warn"` in the log (the default), `"fail"`, or nothing. */
  readonly onOtherVersion?: "warn" | "fail" | "ignore" | undefined
}

// =============================================================================
// Errors
// =============================================================================

/**
 * The cassette is of another CLI than it should be: record it again.
 *
 * @category errors
 * @since 0.1.0
 */
export class OtherVersion extends Schema.TaggedError<OtherVersion>("@effect-codex/testing/CodexReplay/OtherVersion")(
  "OtherVersion",
  { recorded: Schema.String, expected: Schema.String }
) {
  override get message(): string {
    return `The cassette is of Codex CLI ${this.recorded}, and not of ${this.expected}: record it again`
  }
}

/**
 * The program and the cassette are not the same.
 *
 * @category errors
 * @since 0.1.0
 */
export class ReplayMismatch
  extends Schema.TaggedError<ReplayMismatch>("@effect-codex/testing/CodexReplay/ReplayMismatch")("ReplayMismatch", {
    problems: Schema.Array(Schema.String)
  })
{
  override get message(): string {
    return this.problems.join("\n")
  }
}

// =============================================================================
// Service
// =============================================================================

/**
 * The cassette that is played.
 *
 * @category services
 * @since 0.1.0
 */
export class CodexReplay extends Context.Service<CodexReplay, {
  /** Fails unless the program sent all that was recorded, and nothing else (in lenient mode: nothing that failed). */
  readonly verify: Effect.Effect<void, ReplayMismatch>
  /** The next connection to an app-server, for a program that makes its own, by a WebSocket say. */
  readonly duplex: Effect.Effect<Duplex, ConnectionError.ConnectionError, Scope.Scope>
}>()("@effect-codex/testing/CodexReplay") {}

/**
 * Fails unless the program sent all that was recorded, and nothing else.
 *
 * @category testing
 * @since 0.1.0
 */
export const verify: Effect.Effect<void, ReplayMismatch, CodexReplay> = Effect.flatMap(
  CodexReplay,
  (replay) => replay.verify
)

// =============================================================================
// Layers
// =============================================================================

/**
 * Provides a process spawner whose processes are those of the cassette, and a file system for what they are given, as
 * that of `FakeCli`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerSpawner = (cassette: Cassette, options?: Options): Layer.Layer<
  CodexReplay | ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem,
  OtherVersion
> => Layer.effectContext(make(cassette, options ?? {}))

/**
 * Provides `Codex` by the transport that was recorded first. `defaults` are the options of every run: those of the
 * recording.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  cassette: Cassette,
  options: Options & { readonly defaults?: CodexOptions | undefined } = {}
): Layer.Layer<Codex.Codex | CodexReplay, OtherVersion | CodexError> => {
  const isExec = cassette.entries.some((entry) => entry.type === "start" && entry.kind === "exec")
  const transport: Transport = isExec ? exec : AppServerTransport.layerConnect(connect(cassette))
  return Layer.merge(Layer.provide(Codex.layer(options.defaults), transport), Layer.effect(CodexReplay, CodexReplay))
    // What is fake for Codex is not to replace what the test has of its own.
    .pipe(Layer.provide(layerSpawner(cassette, options)))
}

// =============================================================================
// Internals
// =============================================================================

type Transport = Layer.Layer<
  CodexTransport,
  CodexError,
  CodexReplay | ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem
>

const exec = ExecTransport.layer().pipe(
  Layer.provide([Layer.succeed(CodexCli.CodexCli, { command: "codex" }), ProcessGuard.layerNoop])
)

/** As `NodeCodex` does. */
const connect = Effect.fnUntraced(function*({ entries }: Cassette) {
  const duplex = yield* Effect.flatMap(CodexReplay, (replay) => replay.duplex)
  const client = yield* Client.make(duplex, { defaultAnswer: Approvals.defaultAnswer, experimentalApi: true })
  yield* Approvals.serve(client.rpc)
  const isLogin = Schema.is(Schema.Struct({ method: Schema.Literal("account/login/start") }))
  if (entries.some((entry) => entry.type === "sent" && isLogin(entry.json))) {
    yield* client.account.login.start({ type: "apiKey", apiKey: Redacted.make("replayed") })
  }
  return client
})

const make = Effect.fnUntraced(function*({ entries, header }: Cassette, options: Options) {
  const { cli: recorded = "unknown" } = header
  const { cliVersion: expected = cliVersion, onOtherVersion = "warn" } = options
  if (recorded !== expected && onOtherVersion !== "ignore") {
    const error = new OtherVersion({ recorded, expected })
    if (onOtherVersion === "fail") return yield* error
    yield* Effect.logWarning(error.message)
  }

  const problems = header.omitted === undefined ? [] : [`The end of the recording is missing (option \`limit\`).`]
  const processes = Processes.processes(entries)
  const replay: Processes.Replay = {
    isStrict: options.mode !== "lenient",
    isTimed: options.timing === "recorded",
    bindings: new Map(),
    mismatch: (problem) => problems.push(problem)
  }
  let started = 0

  const choose = (kinds: ReadonlyArray<string>, given: Processes.Given | undefined): Processes.Recorded => {
    const found = Processes.choose(processes.filter(({ start }) => kinds.includes(start.kind)), given, replay)
    if ("start" in found) return found
    replay.mismatch(found.join("\n"))
    return Processes.failing(found)
  }

  const spawn = Effect.fnUntraced(function*(command: ChildProcess.Command) {
    if (command._tag === "PipedCommand") return yield* refused("Unknown")
    const language = RecordedProcess.languageOf(RecordedProcess.argsOf(command))
    if (language === undefined) return yield* refused("NotFound")
    const { cwd, stdin } = command.options
    const input = Stream.isStream(stdin) ? yield* Stream.mkString(Stream.decodeText(stdin)) : undefined
    const chosen = choose([language.kind], { args: language.args, cwd, input })
    const refusal = chosen.entries.find((entry) => entry.type === "refused")
    if (refusal !== undefined) return yield* refused(refusal.reason)
    return yield* ReplayedProcess.make(yield* Player.make(chosen, replay), 1_000_000 + started++)
  })

  const duplex = Effect.gen(function*() {
    const chosen = choose(["app-server", "connection"], undefined)
    return yield* ReplayedConnection.make(yield* Player.make(chosen, replay), chosen.start.kind)
  })

  const verify = Effect.suspend(() => {
    const unplayed = processes.flatMap((recorded) =>
      recorded.isPlayed
        ? Processes.unsent(recorded).map(({ json, text }) =>
          `Process ${recorded.start.process} was not sent:\n- ${json === undefined ? text : JSON.stringify(json)}`
        )
        : [`Process ${recorded.start.process} was not started:\n- ${recorded.start.args.join(" ")}`]
    )
    const found = replay.isStrict ? [...problems, ...unplayed] : problems
    return found.length === 0 ? Effect.void : Effect.fail(new ReplayMismatch({ problems: found }))
  })

  return Context.make(ChildProcessSpawner.ChildProcessSpawner, ChildProcessSpawner.make(spawn)).pipe(
    Context.add(CodexReplay, { verify, duplex }),
    Context.add(FileSystem.FileSystem, FakeFiles.make(new Map()))
  )
})

const refused = (_tag: PlatformError.SystemErrorTag): PlatformError.PlatformError =>
  PlatformError.systemError({ _tag, module: "CodexReplay", method: "spawn" })
