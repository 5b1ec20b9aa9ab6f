import * as CodexConfig from "@effect-codex/core/CodexConfig"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Toml from "effect/encoding/Toml"
import * as FileSystem from "effect/FileSystem"
import * as PlatformError from "effect/PlatformError"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as ConfigFile from "../src/internal/configFile.ts"
import { plain, sayable } from "./support/tables.ts"

const failed = (method: string, _tag: PlatformError.SystemErrorTag) =>
  Effect.fail(PlatformError.systemError({ _tag, module: "FileSystem", method }))

const memory = (files: Map<string, string>, { cwd = "/repo/project", full = false } = {}) =>
  FileSystem.makeNoop({
    realPath: (path) => Effect.succeed(path === "." ? cwd : path),
    access: (path) => files.has(path) ? Effect.void : failed("access", "NotFound"),
    readFileString: (path) => {
      const text = files.get(path)
      return text === undefined
        ? failed("readFileString", "NotFound")
        : text === "secret"
        ? failed("readFileString", "PermissionDenied")
        : Effect.succeed(text)
    },
    writeFileString: (path, text, options) => {
      assert.deepStrictEqual(options, { flag: "wx", mode: 0o600 })
      files.set(path, full ? "" : text)
      return full ? failed("writeFileString", "Unknown") : Effect.void
    },
    remove: (path) => Effect.sync(() => void files.delete(path))
  })

const long = "x".repeat(340_000)
const config: CodexConfig.CodexConfig = { model: "m", developer_instructions: long }

const options = (more: Partial<ConfigFile.Options> = {}): ConfigFile.Options => ({
  config,
  codexHome: "/home/me/.codex",
  profile: undefined,
  workingDirectory: undefined,
  ignoreUserConfig: undefined,
  ...more
})

const assignments = (flags: ReadonlyArray<string>) => flags.filter((_, index) => index % 2 === 1)

describe("place", () => {
  it.effect.prop(
    "divides a configuration and loses nothing",
    { config: CodexConfig.CodexConfig, argument: Schema.Int, total: Schema.Int },
    ({ argument, config, total }) =>
      Effect.gen(function*() {
        const limits = { argument: Math.abs(argument), total: Math.abs(total) }
        const all = sayable(config)
        const placed = ConfigFile.place(all, limits)
        if (Result.isFailure(placed)) {
          return assert.match(
            placed.failure.option,
            /^config\.(agents|otel|permissions|sandbox_workspace_write|skills)$/
          )
        }
        const { file, flags } = placed.success
        const said = yield* Effect.fromResult(Toml.parse(assignments(flags).join("\n")))
        assert.deepStrictEqual(plain({ ...said, ...file }), plain(all))
        const sizes = flags.map((flag) => new TextEncoder().encode(flag).length + 1)
        assert.isTrue(sizes.every((size) => size <= limits.argument))
        assert.isAtMost(sizes.reduce((sum, size) => sum + size, 0), limits.total)
      })
  )

  it("files the largest first, and keeps the others' order", () => {
    assert.deepStrictEqual(
      ConfigFile.place({ b: "1", large: "x".repeat(60), a: "2", larger: "x".repeat(70) }, { argument: 99, total: 120 }),
      Result.succeed({
        flags: ["--config", "b=\"1\"", "--config", `large="${"x".repeat(60)}"`, "--config", "a=\"2\""],
        file: { larger: "x".repeat(70) }
      })
    )
  })
})

describe("flags", () => {
  it.effect("asks for no file while all fits", () =>
    Effect.gen(function*() {
      const fs = FileSystem.makeNoop({ access: () => Effect.void })
      assert.deepStrictEqual(
        yield* ConfigFile.flags(fs, options({ config: { model: "m" }, profile: "work" })),
        ["--profile", "work", "--config", "model=\"m\""]
      )
    }))

  it.effect("knows that Windows takes less", () =>
    Effect.gen(function*() {
      const config = { developer_instructions: "x".repeat(20_000) }
      const files = new Map<string, string>()
      const posix = yield* ConfigFile.flags(memory(files), options({ config }))
      assert.lengthOf(posix, 2)
      assert.strictEqual(files.size, 0)
      const windows = yield* ConfigFile.flags(memory(files, { cwd: "C:\\work" }), options({ config }))
      assert.match(windows.join(" "), /^--profile effect-codex-[a-z0-9]+$/)
      assert.strictEqual(files.size, 1)
    }))

  it.effect("writes what does not fit over the user's profile, and takes it away with the scope", () =>
    Effect.gen(function*() {
      const files = new Map([
        ["/home/me/.codex/work.config.toml", "model_verbosity = \"low\"\ndeveloper_instructions = \"theirs\"\n"],
        ["/home/me/.codex/config.toml", "developer_instructions = \"theirs\""],
        ["/repo/project/.codex/config.toml", "model = \"theirs\"\n[mcp_servers.a]\ncommand = \"theirs\""]
      ])
      const before = new Map(files)
      yield* Effect.scoped(Effect.gen(function*() {
        const [flag, name, ...rest] = yield* ConfigFile.flags(memory(files), options({ profile: "work" }))
        assert.strictEqual(flag, "--profile")
        assert.deepStrictEqual(rest, ["--config", "model=\"m\""])
        const text = files.get(`/home/me/.codex/${name}.config.toml`) ?? ""
        assert.deepStrictEqual(
          plain(yield* Effect.fromResult(Toml.parse(text))),
          { model_verbosity: "low", developer_instructions: long }
        )
      }))
      assert.deepStrictEqual(files, before)
    }))

  it.effect("does not take the user's own configuration for a project's", () =>
    Effect.gen(function*() {
      const files = new Map([["/home/me/.codex/config.toml", "developer_instructions = \"theirs\""]])
      yield* ConfigFile.flags(memory(files, { cwd: "/home/me/work" }), options())
      assert.strictEqual(files.size, 2)
    }))

  const home = "/home/me/.codex"
  const refused: ReadonlyArray<readonly [what: string, RegExp, Partial<ConfigFile.Options>, Record<string, string>]> = [
    ["ignoreUserConfig", /config\.developer_instructions.*`ignoreUserConfig`/, { ignoreUserConfig: true }, {}],
    ["an unknown CODEX_HOME", /config\.developer_instructions.*CODEX_HOME/, { codexHome: undefined }, {}],
    ["relative paths", /config\.skills.*relative paths/, { config: { skills: { a: long } } }, {}],
    ["what TOML cannot say", /config\.a b/, { config: { "a b": long } }, {}],
    ["a project's value", /config\.developer_instructions.*\/repo\/\.codex\/config\.toml/, {}, {
      "/repo/.codex/config.toml": "developer_instructions = \"theirs\""
    }],
    ["a project's value in a table", /config\.desktop\.a\.b.*\/srv\/\.codex\/config\.toml/, {
      workingDirectory: "/srv",
      config: { desktop: { a: { b: long } } }
    }, { "/srv/.codex/config.toml": "desktop.a.b = 1" }],
    ["a project that is no TOML", /config\.developer_instructions/, {}, { "/.codex/config.toml": "?" }],
    ["a profile that is no TOML", /profile.*understood/, { profile: "work" }, { [`${home}/work.config.toml`]: "?" }],
    ["a profile that cannot be read", /profile.*Permission/, { profile: "work" }, {
      [`${home}/work.config.toml`]: "secret"
    }],
    ["a profile that is not there", /profile.*there is no .*none\.config\.toml/, { profile: "none" }, {}],
    ["such a profile of a small configuration", /profile.*there is no/, { profile: "none", config: {} }, {}]
  ]
  it.effect.each(refused)("refuses %s", ([, message, more, files]) =>
    Effect.gen(function*() {
      const all = new Map(Object.entries(files))
      const error = yield* Effect.flip(ConfigFile.flags(memory(all), options(more)))
      assert.strictEqual(error.reason._tag, "InvalidOption")
      assert.match(error.message, message)
      assert.notInclude(error.message, "xxx")
      assert.strictEqual(all.size, Object.keys(files).length)
    }))

  it.effect("leaves no half file on a full disk", () =>
    Effect.gen(function*() {
      const files = new Map<string, string>()
      const error = yield* Effect.flip(ConfigFile.flags(memory(files, { full: true }), options()))
      assert.strictEqual(error.reason._tag, "StorageFailed")
      assert.strictEqual(files.size, 0)
    }))
})
