/** Session files for tests, each in a directory of its own. */
import * as SessionRecord from "@effect-codex/core/SessionRecord"
import * as NodeSessionStore from "@effect-codex/node/NodeSessionStore"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"

export const Live = Layer.merge(NodeFileSystem.layer, NodePath.layer)

/** A session file that is not there yet, or has this content. */
export const make = Effect.fnUntraced(function*(content?: string | Uint8Array) {
  const fs = yield* FileSystem.FileSystem
  const directory = yield* Effect.flatMap(fs.makeTempDirectoryScoped(), fs.realPath)
  const file = `${directory}/sessions.json`
  if (content !== undefined) yield* fs.writeFile(file, Buffer.from(content))
  return {
    directory,
    file,
    lock: `${file}.effect-lock`,
    open: NodeSessionStore.makeFile(file, { lockTimeout: "100 millis" }),
    bytes: Effect.map(fs.readFile(file), (content) => Buffer.from(content).toString("latin1")),
    text: fs.readFileString(file),
    /** What is in the directory. */
    names: Effect.map(fs.readDirectory(directory), (names) => names.toSorted())
  }
})

export const record = (name: string, threadId = "a thread") =>
  SessionRecord.start({ name, threadId, at: DateTime.makeUnsafe(0) })
