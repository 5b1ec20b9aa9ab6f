/**
 * Runs the real Codex CLI against the fake model, without the SDK between.
 */
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { readdirSync } from "node:fs"
import { createServer } from "node:http"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { arch, platform } from "node:process"

/** An HTTP server on a free port, with what a test needs to start processes and read files. */
export const layerServer = NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })

/** A fake model on a server of its own. */
export const layerFake = (script: FakeModel.Script, options?: FakeModel.Options) =>
  FakeModel.layer(script, options).pipe(Layer.provideMerge(layerServer))

/** The native executable inside `@openai/codex`. */
const nativeCodex = (): string => {
  const codex = createRequire(import.meta.url).resolve("@openai/codex/package.json")
  const native = createRequire(codex).resolve(`@openai/codex-${platform}-${arch}/package.json`)
  const vendor = join(dirname(native), "vendor")
  const [triple = ""] = readdirSync(vendor)
  return join(vendor, triple, "bin", platform === "win32" ? "codex.exe" : "codex")
}

const Event = Schema.Struct({
  type: Schema.String,
  thread_id: Schema.optionalKey(Schema.String),
  message: Schema.optionalKey(Schema.String),
  item: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown)),
  error: Schema.optionalKey(Schema.Struct({ message: Schema.String })),
  usage: Schema.optionalKey(Schema.Record(Schema.String, Schema.Finite))
})

const decodeEvent = Schema.decodeUnknownEffect(Schema.fromJsonString(Event))

/** A temporary directory for the agent to work in. */
export const makeWorkspace = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped())

export interface ExecOptions {
  readonly args?: ReadonlyArray<string>
  readonly prompt?: string
  readonly workspace?: string
  readonly env?: Readonly<Record<string, string>>
  /** Called with every event as it comes. */
  readonly onEvent?: (event: typeof Event.Type) => Effect.Effect<unknown>
}

/** Runs `codex exec --json` unsandboxed until it exits. */
export const codexExec = (options: ExecOptions = {}) => Effect.scoped(run(options))

const run = Effect.fnUntraced(function*(options: ExecOptions) {
  const fake = yield* FakeModel.FakeModel
  const workspace = options.workspace ?? (yield* makeWorkspace)
  const command = ChildProcess.make(
    nativeCodex(),
    ["exec", "--json", "--skip-git-repo-check", "-s", "danger-full-access", ...(options.args ?? [])],
    {
      cwd: workspace,
      env: { ...fake.cli.env, ...options.env },
      extendEnv: true,
      stdin: Stream.make(options.prompt ?? "Say hello").pipe(Stream.encodeText),
      forceKillAfter: "1 second"
    }
  )
  const codex = yield* command
  const [events, stderr, exitCode] = yield* Effect.all([
    codex.stdout.pipe(
      Stream.decodeText,
      Stream.splitLines,
      Stream.mapEffect((line) => decodeEvent(line)),
      Stream.tap((event) => options.onEvent?.(event) ?? Effect.void),
      Stream.runCollect
    ),
    codex.stderr.pipe(Stream.decodeText, Stream.mkString),
    codex.exitCode
  ], { concurrency: 3 })
  return {
    events,
    exitCode: Number(exitCode),
    stderr,
    /** Completed items, without their ids. */
    items: events.flatMap(({ item, type }) => {
      if (type !== "item.completed" || item === undefined) return []
      const { id: _, ...rest } = item
      return [rest]
    }),
    /** The messages of top-level errors, the last of which repeats that of the failed turn. */
    errors: events.flatMap((event) => event.type === "error" ? [event.message] : []),
    failure: events.find((event) => event.type === "turn.failed")?.error?.message,
    usage: events.find((event) => event.type === "turn.completed")?.usage
  }
})
