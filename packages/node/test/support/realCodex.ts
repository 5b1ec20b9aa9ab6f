/**
 * The real Codex CLI, driven by the SDK, with a scripted model.
 */
import * as NodeCodex from "@effect-codex/node/NodeCodex"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { existsSync, readFileSync } from "node:fs"
import { createServer } from "node:http"

/** Codex, the model behind it, and files to work on. */
export const layer = (
  script: FakeModel.Script,
  options: NodeCodex.Options & { readonly model?: string } & Omit<FakeModel.Options, "model"> = {}
) => {
  const { maxRequests, requestMaxRetries, streamIdleTimeout, streamMaxRetries, ...codex } = options
  return FakeModel.layerWith(
    script,
    (cli) =>
      NodeCodex.layer({
        skipGitRepoCheck: true,
        sandbox: "danger-full-access",
        ...codex,
        env: { ...cli.env, ...codex.env }
      }),
    { maxRequests, requestMaxRetries, streamIdleTimeout, streamMaxRetries }
  ).pipe(Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })))
}

/** A directory of this test alone. */
export const makeWorkspace = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped())

/** Whether a process is there and not a zombie, which nobody has reaped yet. */
export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))
  } catch {
    return false
  }
}

/** Waits until `condition` holds; dies when it does not within so many milliseconds. */
export const until = (condition: () => boolean, millis = 20_000): Effect.Effect<void> =>
  Effect.suspend(() => condition() ? Effect.void : Effect.fail(`not within ${millis} ms: ${String(condition)}`)).pipe(
    Effect.retry(Schedule.max([Schedule.spaced("10 millis"), Schedule.during(millis)])),
    Effect.orDie
  )

/** Waits until every file holds a process id, and gives the ids. */
export const pidsIn = (files: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<number>> =>
  Effect.map(
    until(() => files.every((file) => existsSync(file) && readFileSync(file, "utf8").endsWith("\n"))),
    () => files.map((file) => Number(readFileSync(file, "utf8")))
  )
