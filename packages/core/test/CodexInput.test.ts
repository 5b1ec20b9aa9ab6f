import * as Codex from "@effect-codex/core/Codex"
import * as CodexInput from "@effect-codex/core/CodexInput"
import * as FakeCli from "@effect-codex/testing/FakeCli"
import * as FakeProcess from "@effect-codex/testing/FakeProcess"
import { assert, describe, it } from "@effect/vitest"
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as PlatformError from "effect/PlatformError"
import * as Schema from "effect/Schema"
import * as InputFiles from "../src/internal/inputFiles.ts"

const thread = "00000000-0000-7000-8000-00000000000a"

const invocations = Effect.flatMap(FakeCli.FakeCli, (cli) => cli.invocations)

const fake = Effect.provide(FakeCli.layer(() => FakeProcess.turn({ threadId: thread })))

describe("an input", () => {
  const parts = [
    CodexInput.text("one"),
    CodexInput.localImage("a.png"),
    CodexInput.text("two\n"),
    CodexInput.localImage("b c.png"),
    CodexInput.text("three")
  ]

  it("of parts has its texts joined by a blank line, and its images in order", () => {
    assert.strictEqual(CodexInput.textOf(parts), "one\n\ntwo\n\n\nthree")
    assert.deepStrictEqual(CodexInput.imagesOf(parts), ["a.png", "b c.png"])
  })

  it("of a text is a list of it", () => {
    assert.deepStrictEqual(CodexInput.toInput("x"), [CodexInput.text("x")])
    assert.strictEqual(CodexInput.toInput(parts), parts)
  })

  it("of a review has the text of its instructions, and no images", () => {
    const custom = CodexInput.review({ type: "custom", instructions: "Look at the tests" })
    assert.strictEqual(CodexInput.textOf(custom), "Look at the tests")
    assert.strictEqual(CodexInput.textOf(CodexInput.review({ type: "uncommitted" })), "")
    assert.deepStrictEqual(CodexInput.imagesOf(custom), [])
    assert.strictEqual(CodexInput.toInput(custom), custom)
  })

  it.effect.prop("encodes and decodes", { input: CodexInput.Input }, ({ input }) =>
    Effect.gen(function*() {
      const codec = Schema.toCodecJson(CodexInput.Input)
      const json = JSON.stringify(yield* Schema.encodeEffect(codec)(input))
      assert.deepStrictEqual(yield* Schema.decodeUnknownEffect(codec)(JSON.parse(json)), input)
    }))
})

describe("the command of an input", () => {
  it.effect("has the images first, each as one argument, and the text on stdin", () =>
    Effect.gen(function*() {
      yield* Codex.run([
        CodexInput.localImage("-a b.png"),
        CodexInput.text("--what"),
        CodexInput.localImage("/c=d.png"),
        CodexInput.text("- is it?")
      ], { thread })
      const [invocation] = yield* invocations
      assert.deepStrictEqual(invocation?.args, [
        "exec",
        "--image=-a b.png",
        "--image=/c=d.png",
        "--json",
        "resume",
        thread,
        "-"
      ])
      assert.strictEqual(invocation?.stdin, "--what\n\n- is it?")
    }).pipe(fake))

  const targets: ReadonlyArray<readonly [CodexInput.ReviewTarget, args: ReadonlyArray<string>, stdin: string]> = [
    [{ type: "uncommitted" }, ["--uncommitted"], ""],
    [{ type: "base", branch: "origin/main" }, ["--base", "origin/main"], ""],
    [{ type: "commit", sha: "HEAD~1" }, ["--commit", "HEAD~1"], ""],
    [{ type: "commit", sha: "abc", title: "-t \"x\"" }, ["--commit", "abc", "--title=-t \"x\""], ""],
    [{ type: "custom", instructions: "--all\nof it" }, ["-"], "--all\nof it"]
  ]
  for (const [target, args, stdin] of targets) {
    it.effect(`reviews ${JSON.stringify(target)}`, () =>
      Effect.gen(function*() {
        yield* Codex.review(target)
        const [invocation] = yield* invocations
        assert.deepStrictEqual(invocation?.args, ["exec", "--json", "review", ...args])
        assert.strictEqual(invocation?.stdin, stdin)
      }).pipe(fake))
  }
})

describe("an input that is refused", () => {
  const notInput =
    "input: must be a text, a list of `CodexInput.text` and `CodexInput.localImage`, or a `CodexInput.review`"
  const notPart = "input.0: must be `CodexInput.text` or `CodexInput.localImage`"
  const review = (target: unknown) => ({ type: "review", target })
  const cases: ReadonlyArray<readonly [input: unknown, message: string]> = [
    ["", "input: must have a text that is not blank"],
    [" \n", "input: must have a text that is not blank"],
    [[], "input: must have a text that is not blank"],
    [[CodexInput.text(""), CodexInput.text(" ")], "input: must have a text that is not blank"],
    [[CodexInput.localImage("a.png")], "input: must have a text that is not blank"],
    [undefined, notInput],
    [7, notInput],
    [CodexInput.text("x"), notInput],
    [["x"], notPart],
    [[{ type: "image", path: "x" }], notPart],
    [[{ type: "text" }], "input.0.text: Missing key"],
    [[CodexInput.localImage("")], "input.0.path: must not be blank"],
    [[CodexInput.localImage("a\0.png")], "input.0.path: must not contain NUL"],
    [review({ type: "all" }), "input.target: must have the type \"uncommitted\", \"base\", \"commit\" or \"custom\""],
    [review({ type: "base" }), "input.target.branch: Missing key"],
    [review({ type: "base", branch: "" }), "input.target.branch: must not be blank"],
    [review({ type: "base", branch: "--json" }), "input.target.branch: must not begin with \"-\""],
    [review({ type: "base", branch: "a b" }), "input.target.branch: must be a name of Git, which has no spaces"],
    [review({ type: "commit", sha: "-1" }), "input.target.sha: must not begin with \"-\""],
    [review({ type: "commit", sha: "a", title: "" }), "input.target.title: must not be blank"],
    [review({ type: "commit", sha: "a", title: "a\0" }), "input.target.title: must not contain NUL"],
    [review({ type: "custom", instructions: " " }), "input.target.instructions: must not be blank"]
  ]
  for (const [input, message] of cases) {
    it.effect(`${JSON.stringify(input)}: ${message}`, () =>
      Effect.gen(function*() {
        // @ts-expect-error not all of them are inputs
        const error = yield* Effect.flip(Codex.run(input))
        assert.strictEqual(error.message, message.replace(/^(.*?):/, "Option `$1`:"))
        assert.lengthOf(yield* invocations, 0)
      }).pipe(fake))
  }
})

describe("an image", () => {
  const none = Option.none()
  const file = (type: FileSystem.File.Type): FileSystem.File.Info => ({
    type,
    mtime: none,
    atime: none,
    birthtime: none,
    dev: 0n,
    ino: none,
    mode: 0o600,
    nlink: none,
    uid: none,
    gid: none,
    rdev: none,
    size: ByteSize.zero,
    blksize: none,
    blocks: none
  })
  const systemError = (_tag: PlatformError.SystemErrorTag) =>
    Effect.fail(PlatformError.systemError({ _tag, module: "FileSystem", method: "stat" }))

  const check = (path: string, files: Partial<FileSystem.FileSystem>, workingDirectory?: string) =>
    InputFiles.check(FileSystem.makeNoop(files), {
      input: [CodexInput.text("x"), CodexInput.localImage(path)],
      ...(workingDirectory === undefined ? {} : { workingDirectory })
    })

  const refusals: ReadonlyArray<readonly [path: string, Partial<FileSystem.FileSystem>, problem: string]> = [
    ["a.png", { stat: () => systemError("NotFound") }, "can't be read (NotFound)"],
    [
      "a.png",
      { stat: () => Effect.succeed(file("Directory")), access: () => Effect.void },
      "must be a file, and is a Directory"
    ],
    [
      "a.png",
      { stat: () => Effect.succeed(file("File")), access: () => systemError("PermissionDenied") },
      "can't be read (PermissionDenied)"
    ],
    ["a,b.png", {}, "has a comma in its path, at which Codex would divide it; rename the file"]
  ]
  for (const [path, files, problem] of refusals) {
    it.effect(`${path} ${problem}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(check(path, files))
        assert.strictEqual(error.message, `Option \`input\`: the image ${path} ${problem}`)
      }))
  }

  it.effect("is looked for where the CLI looks", () =>
    Effect.gen(function*() {
      const looked: Array<string> = []
      const files: Partial<FileSystem.FileSystem> = {
        stat: (path) => Effect.sync(() => looked.push(path)).pipe(Effect.as(file("File"))),
        access: () => Effect.void
      }
      yield* check("a.png", files)
      yield* check("a.png", files, "/repo")
      yield* check("../a.png", files, "sub")
      yield* check("/a.png", files, "/repo")
      yield* check("C:\\a.png", files, "D:\\repo")
      assert.deepStrictEqual(looked, ["a.png", "/repo/a.png", "sub/../a.png", "/a.png", "C:\\a.png"])
    }))
})
