/**
 * Records what passes between a program and Codex: the lines of `codex exec`, and the messages of an app-server in both
 * directions.
 *
 * It stands where processes are spawned, between the transports and the machine, and changes nothing of what passes. A
 * program that it recorded once runs again without Codex, over `CodexReplay`.
 *
 * **Example** (Recording a program)
 *
 * ```ts
 * import * as Codex from "@effect-codex/core/Codex"
 * import * as ExecTransport from "@effect-codex/core/exec/ExecTransport"
 * import * as NodeCodexCli from "@effect-codex/node/NodeCodexCli"
 * import * as NodeProcessGuard from "@effect-codex/node/NodeProcessGuard"
 * import * as CodexRecorder from "@effect-codex/testing/CodexRecorder"
 * import * as NodeServices from "@effect/platform-node/NodeServices"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 *
 * const layer = Codex.layer({ sandbox: "read-only" }).pipe(
 *   Layer.provide(ExecTransport.layer()),
 *   Layer.provide([NodeCodexCli.layer(), NodeProcessGuard.layer]),
 *   Layer.provide(CodexRecorder.layerFile("test/cassettes/status.jsonl")),
 *   Layer.provide(NodeServices.layer)
 * )
 *
 * const program = Codex.run("Summarise the repository").pipe(Effect.provide(layer))
 * ```
 *
 * Taken out are the secrets in Codex's environment, what looks like a key, and what is called one; the directories of
 * work, of Codex, of the user and of this process get names, as do ids, ports and temporary files. What else a prompt or
 * the output of a command says stays: look at a cassette before you publish it.
 *
 * @since 0.1.0
 */
import type { Duplex } from "@effect-codex/core/appserver/Connection"
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import * as Cassette from "./Cassette.ts"
import { Names } from "./internal/cassetteNames.ts"
import * as RecordedProcess from "./internal/recordedProcess.ts"
import { Tape } from "./internal/tape.ts"

// =============================================================================
// Options
// =============================================================================

/**
 * What is recorded, and what is not.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** More that must not be in the cassette. */
  readonly secrets?: ReadonlyArray<Redacted.Redacted<string>> | undefined
  /** More paths of this machine, by the names that they get: `tools` becomes `<path tools>`. */
  readonly paths?: Readonly<Record<string, string>> | undefined
  /** The version of the CLI. Default: it is asked (`--version`), once, when it is started for the first time. */
  readonly cliVersion?: string | undefined
  /** How many lines are kept (default 100,000). What comes then is counted, and told in the header. */
  readonly limit?: number | undefined
}

// =============================================================================
// Service
// =============================================================================

/**
 * The recorder.
 *
 * @category services
 * @since 0.1.0
 */
export class CodexRecorder extends Context.Service<CodexRecorder, {
  /** What was recorded so far. */
  readonly cassette: Effect.Effect<Cassette.Cassette>
  /** The same connection, recorded: for a WebSocket, or one of your own. */
  readonly duplex: (duplex: Duplex) => Effect.Effect<Duplex>
}>()("@effect-codex/testing/CodexRecorder") {}

// =============================================================================
// Layers
// =============================================================================

/**
 * Records the processes of Codex that are started by the spawner that it provides. Other processes are just started.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<
  CodexRecorder | ChildProcessSpawner.ChildProcessSpawner,
  never,
  ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem
> => Layer.effectContext(make(options))

/**
 * As {@link layer}, and writes the cassette to a file when it is closed.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerFile = (path: string, options: Options = {}): Layer.Layer<
  CodexRecorder | ChildProcessSpawner.ChildProcessSpawner,
  never,
  ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem
> =>
  Layer.effectContext(Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const context = yield* make(options)
    yield* Effect.addFinalizer(() =>
      Context.get(context, CodexRecorder).cassette.pipe(
        Effect.flatMap((cassette) => fs.writeFileString(path, Cassette.toText(cassette))),
        Effect.catch((error) => Effect.logError(`The cassette ${path} could not be written: ${error.message}`))
      )
    )
    return context
  }))

/**
 * Records a connection, as `CodexRecorder.duplex` of the service does.
 *
 * @category connections
 * @since 0.1.0
 */
export const duplex = (duplex: Duplex): Effect.Effect<Duplex, never, CodexRecorder> =>
  Effect.flatMap(CodexRecorder, (recorder) => recorder.duplex(duplex))

// =============================================================================
// Internals
// =============================================================================

const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<
  Context.Context<CodexRecorder | ChildProcessSpawner.ChildProcessSpawner>,
  never,
  ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem | Scope.Scope
> {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const clock = yield* Clock.Clock
  const names = new Names(clock.currentTimeMillisUnsafe())
  yield* learn(names, options)
  const tape = new Tape({ names, now: () => clock.currentTimeMillisUnsafe(), limit: options.limit ?? 100_000 })
  const version = versions(spawner, options.cliVersion)

  const spawn = Effect.fnUntraced(function*(command: ChildProcess.Command) {
    if (command._tag === "PipedCommand") return yield* spawner.spawn(command)
    const language = RecordedProcess.languageOf(RecordedProcess.argsOf(command))
    if (language === undefined) return yield* spawner.spawn(command)
    names.environment(command.options.env ?? {})
    names.path("codex", command.command, true)
    yield* version.ask(command, language.index)
    return yield* RecordedProcess.spawn(spawner, command, tape.start({ ...language, cwd: command.options.cwd }))
  })

  const recorder = CodexRecorder.of({
    cassette: Effect.map(version.get, (cli) => tape.cassette(Cassette.formatVersion, cli)),
    duplex: ({ incoming, outgoing }) =>
      Effect.sync(() => {
        const track = tape.start({ kind: "connection", args: [], cwd: undefined })
        return {
          incoming: incoming.pipe(
            Stream.mapArray((texts) => {
              for (const text of texts) track.line("received", text)
              return texts
            }),
            Stream.onExit((exit) =>
              Effect.sync(() => {
                if (Exit.isSuccess(exit)) track.add({ type: "exit" })
                else if (!Exit.hasInterrupts(exit)) track.connectionLost(lossOf(exit))
              })
            )
          ),
          outgoing: Sink.mapInputArray(outgoing, (texts) => {
            for (const text of texts) track.line("sent", text)
            return texts
          })
        }
      })
  })
  return Context.make(CodexRecorder, recorder).pipe(
    Context.add(ChildProcessSpawner.ChildProcessSpawner, ChildProcessSpawner.make(spawn))
  )
})

/** What is known of this machine from the start. */
const learn = Effect.fnUntraced(function*(names: Names, { paths = {}, secrets = [] }: Options) {
  const fs = yield* FileSystem.FileSystem
  for (const secret of secrets) names.secret(Redacted.value(secret))
  for (const [name, path] of Object.entries(paths)) names.path(`path ${name}`, path, true)
  const here = yield* Effect.option(fs.realPath("."))
  names.path("cwd", Option.getOrUndefined(here), true)
  for (const name of ["CODEX_HOME", "HOME", "USERPROFILE"]) {
    const value = yield* Effect.option(Config.String(name))
    names.environment({ [name]: Option.getOrUndefined(value) })
  }
  const key = yield* Effect.option(Config.Redacted("CODEX_API_KEY"))
  if (Option.isSome(key)) names.secret(Redacted.value(key.value))
})

/** The version of the CLI, which is asked before it is started for the first time. */
const versions = (spawner: ChildProcessSpawner.ChildProcessSpawner["Service"], given: string | undefined) => {
  let version = given
  let isAsked = given !== undefined
  return {
    get: Effect.sync(() => version),
    ask: ({ args, command, options: { env = {}, extendEnv } }: ChildProcess.StandardCommand, first: number) =>
      Effect.suspend(() => {
        if (isAsked) return Effect.void
        isAsked = true
        return spawner.string(
          ChildProcess.make(command, [...args.slice(0, first), "--version"], { env, extendEnv, stdin: "ignore" })
        ).pipe(
          Effect.timeout("10 seconds"),
          Effect.map((text) => {
            version = /\d+\.\d+\.\d+\S*/.exec(text)?.[0]
          }),
          // A CLI that cannot say it will say why when it is started.
          Effect.ignore
        )
      })
  }
}

const lossOf = (exit: Exit.Exit<unknown, { readonly message: string }>): string =>
  Option.match(Exit.findErrorOption(exit), { onNone: () => "it was lost", onSome: ({ message }) => message })
