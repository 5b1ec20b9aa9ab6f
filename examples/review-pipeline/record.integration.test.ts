import * as Cassette from "@effect-codex/testing/Cassette"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { record } from "./record.ts"

/** All but the warnings of the CLI, which depend on the machine. */
const said = (file: string) =>
  Effect.map(Cassette.load(file), ({ entries, header }) => ({
    header,
    entries: entries.filter(({ type }) => type !== "stderr")
  }))

it.live("the real CLI still says what the cassette says", () =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const file = yield* fs.makeTempFileScoped()
    yield* record(file, { live: false })

    const before = yield* said(`${import.meta.dirname}/cassettes/review.jsonl`)
    assert.deepStrictEqual(Cassette.differences(before, yield* said(file)), [])
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))
