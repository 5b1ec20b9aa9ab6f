/**
 * Sessions in one SQLite file that several processes use.
 */
import * as SqlSessionStore from "@effect-codex/core/SqlSessionStore"
import * as NodeSqlite from "@effect-codex/node/NodeSqlite"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import { join } from "node:path"
import * as CountingProcesses from "./support/countingProcesses.ts"

it.live.each(
  [
    ["four processes lose none", CountingProcesses.loseNone],
    ["a process that is killed loses none", CountingProcesses.survivesKill]
  ] as const
)("%s", ([, test]) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const filename = join(yield* fs.makeTempDirectoryScoped(), "sessions.db")
    const layerStore = Layer.provide(SqlSessionStore.layer(), NodeSqlite.layer({ filename }))
    yield* Effect.provide(test({ kind: "sqlite", location: filename }), layerStore)
  }).pipe(Effect.provide(NodeServices.layer)))
