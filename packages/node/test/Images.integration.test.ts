/**
 * Images and texts on the real CLI: what the model gets, and what never gets so far.
 */
import * as Codex from "@effect-codex/core/Codex"
import * as CodexInput from "@effect-codex/core/CodexInput"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import { crc32, deflateSync } from "node:zlib"
import * as RealCodex from "./support/realCodex.ts"

// =============================================================================
// Pictures
// =============================================================================

const chunk = (type: string, data: Uint8Array): Buffer => {
  const content = Buffer.concat([Buffer.from(type), data])
  const frame = Buffer.alloc(8)
  frame.writeUInt32BE(data.length, 0)
  frame.writeUInt32BE(crc32(content), 4)
  return Buffer.concat([frame.subarray(0, 4), content, frame.subarray(4)])
}

/** A PNG of one pixel, which no other shade has. */
const png = (shade: number): Uint8Array =>
  Buffer.concat([
    Buffer.from("\u0089PNG\r\n\u001a\n", "latin1"),
    chunk("IHDR", Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0)),
    chunk("IDAT", deflateSync(Uint8Array.of(0, shade))),
    chunk("IEND", Uint8Array.of())
  ])

/** A directory with the pictures of these names. */
const makePictures = (names: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const directory = yield* fs.realPath(yield* RealCodex.makeWorkspace)
    yield* fs.makeDirectory(`${directory}/sub`)
    yield* Effect.forEach(names, (name, shade) => fs.writeFile(`${directory}/${name}`, png(shade)), { discard: true })
    return directory
  })

// =============================================================================
// What the model got
// =============================================================================

const Content = Schema.Array(Schema.Struct({
  type: Schema.String,
  text: Schema.optionalKey(Schema.String),
  image_url: Schema.optionalKey(Schema.String)
}))

const Body = Schema.Struct({ input: Schema.Array(Schema.Struct({ content: Schema.optionalKey(Content) })) })

const requests = Effect.flatMap(FakeModel.FakeModel, (model) => model.requests)

/** The last message to the model: the path and the bytes of each image, in order, and the text. */
const lastMessage = Effect.gen(function*() {
  const body = yield* Schema.decodeUnknownEffect(Body)((yield* requests).at(-1)?.body)
  const content = body.input.at(-1)?.content ?? []
  const texts = content.flatMap(({ text }) => text === undefined ? [] : [text])
  return {
    paths: texts.flatMap((text) => /^<image .*path="(.*)">$/.exec(text)?.[1] ?? []),
    images: content.flatMap(({ image_url }) => image_url === undefined ? [] : [image_url]),
    text: texts.at(-1),
    order: content.map(({ type }) => type)
  }
})

const asUrl = (bytes: Uint8Array) => `data:image/png;base64,${Buffer.from(bytes).toString("base64")}`

const yes = RealCodex.layer(() => ModelReply.message("Yes."))

// =============================================================================
// Tests
// =============================================================================

describe("images", () => {
  const names = ["b.png", "a picture.png", "x=y.png", "-dash.png", "sub/größe.png"]

  it.live("come before the texts, in their order, whatever they are called", () =>
    Effect.gen(function*() {
      const workingDirectory = yield* makePictures(names)
      const [first, second, ...others] = names.map((name) => CodexInput.localImage(name))
      if (first === undefined || second === undefined) return assert.fail("too few names")
      const input = [first, CodexInput.text("--one"), second, ...others, CodexInput.text("- two\n")]
      const { threadId: thread = "" } = yield* Codex.run("Begin", { workingDirectory })
      for (const which of [{}, { thread }, { fork: thread }]) {
        yield* Codex.run(input, { ...which, workingDirectory })
        assert.deepStrictEqual(yield* lastMessage, {
          paths: names,
          images: names.map((_, shade) => asUrl(png(shade))),
          text: "--one\n\n- two\n",
          order: [...names.flatMap(() => ["input_text", "input_image", "input_text"]), "input_text"]
        })
      }
    }).pipe(Effect.provide(yes)))

  it.live("may have absolute paths, or lie outside the working directory", () =>
    Effect.gen(function*() {
      const directory = yield* makePictures(names)
      yield* Codex.run([
        CodexInput.text("Look"),
        CodexInput.localImage("../b.png"),
        CodexInput.localImage(`${directory}/-dash.png`)
      ], { workingDirectory: `${directory}/sub`, sandbox: "read-only" })
      assert.deepInclude(yield* lastMessage, {
        images: [asUrl(png(0)), asUrl(png(3))],
        text: "Look"
      })
    }).pipe(Effect.provide(yes)))

  it.live("that can't be read are refused before anything starts", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const workingDirectory = yield* makePictures(["a.png", "c,d.png"])
      yield* fs.symlink("loop.png", `${workingDirectory}/loop.png`)
      const refused = [
        ["missing.png", "can't be read (NotFound)"],
        ["loop.png", "can't be read (BadResource)"],
        ["a.png/b.png", "can't be read (BadResource)"],
        ["sub", "must be a file, and is a Directory"],
        ["c,d.png", "has a comma in its path, at which Codex would divide it; rename the file"]
      ] as const
      for (const [path, problem] of refused) {
        const error = yield* Effect.flip(
          Codex.run([CodexInput.text("Look"), CodexInput.localImage("a.png"), CodexInput.localImage(path)], {
            workingDirectory
          })
        )
        assert.deepInclude(error.reason, {
          _tag: "InvalidOption",
          option: "input",
          problem: `the image ${path} ${problem}`
        })
      }
      const { codexHome } = yield* FakeModel.FakeModel
      assert.deepStrictEqual(yield* fs.readDirectory(codexHome), ["config.toml"])
    }).pipe(Effect.provide(yes)))

  it.live("that are none are left out by Codex, which tells the model", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const workingDirectory = yield* makePictures([])
      yield* fs.writeFileString(`${workingDirectory}/a.png`, "text")
      yield* Codex.run([CodexInput.text("Look"), CodexInput.localImage("a.png")], { workingDirectory })
      const { images, order } = yield* lastMessage
      assert.deepStrictEqual(images, [])
      assert.deepStrictEqual(order, ["input_text", "input_text", "input_text", "input_text"])
      assert.include(JSON.stringify((yield* requests).at(-1)?.body), "image content omitted")
    }).pipe(Effect.provide(yes)))
})

describe("a text", () => {
  it.live("is no flag, and no command, whatever it begins with", () =>
    Effect.gen(function*() {
      for (const text of ["-", "--help", "-m gpt-5.4", "resume", " \n- a\r\n", "a\0b"]) {
        yield* Codex.run(text)
        assert.strictEqual((yield* requests).at(-1)?.prompt, text)
      }
    }).pipe(Effect.provide(yes)))
})
