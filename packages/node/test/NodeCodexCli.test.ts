import * as CodexCli from "@effect-codex/core/CodexCli"
import type * as CodexError from "@effect-codex/core/CodexError"
import * as NodeCodexCli from "@effect-codex/node/NodeCodexCli"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it, layer } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as Redacted from "effect/Redacted"
import * as CodexBinary from "../src/internal/codexBinary.ts"
import { environment } from "../src/internal/codexEnvironment.ts"

const targets = [
  ["linux", "x64", "x86_64-unknown-linux-musl", "codex"],
  ["linux", "arm64", "aarch64-unknown-linux-musl", "codex"],
  ["darwin", "x64", "x86_64-apple-darwin", "codex"],
  ["darwin", "arm64", "aarch64-apple-darwin", "codex"],
  ["win32", "x64", "x86_64-pc-windows-msvc", "codex.exe"],
  ["win32", "arm64", "aarch64-pc-windows-msvc", "codex.exe"]
] as const

const here = process.arch === "arm64" ? targets[0] : targets[1]

/**
 * A machine that is made up of files in a temporary directory. It is not of the kind that the tests run on, so that
 * what is installed here, which Node also finds through NODE_PATH, is of no use to it.
 */
const machine = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const root = yield* fs.realPath(yield* fs.makeTempDirectoryScoped())
  const at = (file: string) => path.join(root, file)

  const write = Effect.fnUntraced(function*(file: string, content: string = "native", mode: number = 0o755) {
    yield* fs.makeDirectory(path.dirname(at(file)), { recursive: true })
    yield* fs.writeFileString(at(file), content)
    yield* fs.chmod(at(file), mode)
    return at(file)
  })
  const link = Effect.fnUntraced(function*(target: string, file: string) {
    yield* fs.makeDirectory(path.dirname(at(file)), { recursive: true })
    yield* fs.symlink(at(target), at(file))
  })
  /** `@openai/codex` as npm lays it out, with its platform package beside it. */
  const install = Effect.fnUntraced(function*(
    modules: string,
    [platform, arch, triple, name]: readonly [string, string, string, string] = here,
    [bin, tools] = ["bin", "codex-path"]
  ) {
    const vendor = `${modules}/@openai/codex-${platform}-${arch}/vendor/${triple}`
    yield* write(`${modules}/@openai/codex/package.json`, "{\"name\":\"@openai/codex\"}", 0o644)
    yield* write(`${modules}/@openai/codex/bin/codex.js`, "#!/usr/bin/env node\n")
    yield* write(`${modules}/@openai/codex-${platform}-${arch}/package.json`, "{}", 0o644)
    yield* write(`${vendor}/${tools}/rg`)
    return { command: yield* write(`${vendor}/${bin}/${name}`), tools: at(`${vendor}/${tools}`) }
  })
  const host = (overrides: Partial<CodexBinary.Host> = {}): CodexBinary.Host => ({
    platform: here[0],
    arch: here[1],
    cwd: root,
    searchPath: "",
    modules: {},
    ...overrides
  })
  return { at, write, link, install, host }
})

const tried = <A, R>(effect: Effect.Effect<A, CodexError.CodexError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason._tag === "BinaryNotFound" ? reason.tried : undefined)

layer(NodeServices.layer)("NodeCodexCli", (it) => {
  describe("the package @openai/codex", () => {
    for (const target of targets) {
      const [platform, arch] = target
      for (const layout of [["bin", "codex-path"], ["codex", "path"]]) {
        it.effect(`has the executable of ${platform} ${arch} in ${layout[0]}`, () =>
          Effect.gen(function*() {
            const { at, host, install } = yield* machine
            const expected = yield* install("node_modules", target, layout)
            const modules = { "working directory": at("package.json") }
            assert.deepStrictEqual(yield* CodexBinary.search(host({ platform, arch, modules })), expected)
          }))
      }
    }

    it.effect("serves Android with the executable for Linux", () =>
      Effect.gen(function*() {
        const { at, host, install } = yield* machine
        const { command } = yield* install("node_modules", here)
        const modules = { here: at("package.json") }
        const found = yield* CodexBinary.search(host({ platform: "android", modules }))
        assert.strictEqual(found.command, command)
      }))

    it.effect("may hold the executable itself, without tools", () =>
      Effect.gen(function*() {
        const { at, host, write } = yield* machine
        yield* write("node_modules/@openai/codex/package.json", "{}")
        const command = yield* write(`node_modules/@openai/codex/vendor/${here[2]}/codex/codex`)
        const found = yield* CodexBinary.search(host({ modules: { here: at("package.json") } }))
        assert.deepStrictEqual(found, { command, tools: undefined })
      }))

    it.effect("is seen through the links of pnpm", () =>
      Effect.gen(function*() {
        const { at, host, install, link } = yield* machine
        const expected = yield* install("store/node_modules")
        yield* link("store/node_modules/@openai/codex", "app/node_modules/@openai/codex")
        const found = yield* CodexBinary.search(host({ modules: { here: at("app/main.js") } }))
        assert.deepStrictEqual(found, expected)
      }))

    it.effect("is taken from the first module that sees a usable one, before PATH", () =>
      Effect.gen(function*() {
        const { at, host, install, write } = yield* machine
        yield* write("bin/codex")
        yield* write("first/node_modules/@openai/codex/package.json", "{}")
        const second = yield* install("second/node_modules")
        yield* install("third/node_modules")
        const modules = {
          none: at("main.js"),
          first: at("first/a.js"),
          second: at("second/b.js"),
          third: at("third/c.js")
        }
        assert.deepStrictEqual(yield* CodexBinary.search(host({ modules, searchPath: at("bin") })), second)
      }))

    it.effect("tells all that was tried when nothing is found", () =>
      Effect.gen(function*() {
        const { at, host, install, write } = yield* machine
        yield* install("app/node_modules")
        yield* write("bin/codex", "", 0o644)
        const modules = { none: at("main.js"), app: at("app/main.js"), again: at("app/other.js") }
        const searchPath = `${at("empty")}:${at("bin")}`
        const problems = yield* tried(
          CodexBinary.search(host({ platform: "darwin", arch: "x64", modules, searchPath }))
        )
        assert.deepStrictEqual(problems, [
          { source: "none", path: at("main.js"), problem: "`@openai/codex` is not installed there" },
          {
            source: "app",
            path: at("app/node_modules/@openai/codex"),
            problem: "its optional dependency `@openai/codex-darwin-x64` is not installed"
          },
          { source: "PATH", path: at("bin/codex"), problem: "is not executable" },
          { source: "PATH", path: "codex", problem: "nothing usable in 2 directories" }
        ])
      }))

    it.effect("tells that a platform has no executable, or that it is broken", () =>
      Effect.gen(function*() {
        const { at, host, install, write } = yield* machine
        yield* install("node_modules")
        const modules = { here: at("main.js") }
        const problem = (overrides: Partial<CodexBinary.Host>) =>
          Effect.map(tried(CodexBinary.search(host({ modules, ...overrides }))), (tried) => tried?.[0]?.problem)
        assert.strictEqual(yield* problem({ platform: "freebsd", arch: "x64" }), "has no executable for freebsd-x64")
        const vendor = `node_modules/@openai/codex-linux-${here[1]}/vendor/${here[2]}`
        yield* write(`${vendor}/bin/codex`, "", 0o644)
        assert.strictEqual(yield* problem({}), `${at(vendor)}/bin/codex is not executable`)
        yield* write("node_modules/@openai/codex-win32-x64/package.json", "{}")
        const windows = at("node_modules/@openai/codex-win32-x64")
        assert.strictEqual(yield* problem({ platform: "win32", arch: "x64" }), `${windows} has no executable`)
      }))
  })

  describe("a path", () => {
    it.effect("is taken as it is, relative to the working directory", () =>
      Effect.gen(function*() {
        const { at, host, write } = yield* machine
        const command = yield* write("tools/my codex")
        const expected = { command, tools: undefined }
        assert.deepStrictEqual(yield* CodexBinary.named("path", "tools/my codex", host()), expected)
        assert.deepStrictEqual(yield* CodexBinary.named("path", command, host({ cwd: at("x") })), expected)
      }))

    it.effect("brings the tools that lie beside the executable", () =>
      Effect.gen(function*() {
        const { host, install } = yield* machine
        const expected = yield* install("node_modules")
        assert.deepStrictEqual(yield* CodexBinary.named("path", expected.command, host()), expected)
      }))

    it.effect("that cannot be used is an error", () =>
      Effect.gen(function*() {
        const { at, host, write } = yield* machine
        yield* write("directory/codex", "", 0o644)
        for (
          const [file, problem] of [
            ["missing", "does not exist"],
            ["directory", "is not a file"],
            ["directory/codex", "is not executable"]
          ] as const
        ) {
          assert.deepStrictEqual(yield* tried(CodexBinary.named("path", file, host())), [
            { source: "path", path: at(file), problem }
          ])
        }
      }))

    it.effect("to the script of the package stands for the native executable", () =>
      Effect.gen(function*() {
        const { host, install, link } = yield* machine
        const expected = yield* install("lib/node_modules")
        yield* link("lib/node_modules/@openai/codex/bin/codex.js", "bin/codex")
        assert.deepStrictEqual(yield* CodexBinary.named("CODEX_PATH", "bin/codex", host()), expected)
      }))

    it.effect("to the script of a package without an executable for this platform is an error", () =>
      Effect.gen(function*() {
        const { at, host, install } = yield* machine
        yield* install("node_modules")
        const script = "node_modules/@openai/codex/bin/codex.js"
        const problems = yield* tried(
          CodexBinary.named("CODEX_PATH", script, host({ platform: "darwin", arch: "x64" }))
        )
        assert.deepStrictEqual(problems, [{
          source: "CODEX_PATH",
          path: at(script),
          problem: `is a script for ${
            at(script)
          }, which cannot be used: its optional dependency \`@openai/codex-darwin-x64\` is not installed`
        }])
      }))

    it.effect("to a script of the user's own runs that script", () =>
      Effect.gen(function*() {
        const { host, install, write } = yield* machine
        yield* install("node_modules")
        const command = yield* write(
          "codex",
          "#!/bin/sh\nFOO=1 exec node ./node_modules/@openai/codex/bin/codex.js \"$@\"\n"
        )
        assert.deepStrictEqual(yield* CodexBinary.named("path", "codex", host()), { command, tools: undefined })
      }))
  })

  describe("PATH", () => {
    it.effect("is searched in order", () =>
      Effect.gen(function*() {
        const { at, host, write } = yield* machine
        yield* write("a/other")
        const command = yield* write("b/codex")
        yield* write("c/codex")
        const found = yield* CodexBinary.search(host({ searchPath: `:${at("a")}:b:${at("c")}` }))
        assert.strictEqual(found.command, command)
      }))

    const shims = {
      "npm's shim": [
        "lib/codex",
        `#!/bin/sh
basedir=$(dirname "$(echo "$0" | sed -e 's,\\\\,/,g')")
exec node  "$basedir/node_modules/@openai/codex/bin/codex.js" "$@"
`
      ],
      "pnpm's shim": [
        "lib/node_modules/.bin/codex",
        `#!/bin/sh
basedir="\${link%/*}"
export NODE_PATH="$basedir_abs"/'../@openai/codex/node_modules'
exec "$basedir/node"  "$basedir_abs"/'../@openai/codex/bin/codex.js' "$@"
`
      ]
    } as const
    for (const [name, [file, content]] of Object.entries(shims)) {
      it.effect(`may have ${name}, which stands for the native executable`, () =>
        Effect.gen(function*() {
          const { at, host, install, write } = yield* machine
          const expected = yield* install("lib/node_modules")
          yield* write(file, content)
          const searchPath = at(file.replace(/\/codex$/, ""))
          assert.deepStrictEqual(yield* CodexBinary.search(host({ searchPath })), expected)
        }))
    }

    const windows = targets[4]
    it.effect("on Windows holds codex.exe", () =>
      Effect.gen(function*() {
        const { at, host, write } = yield* machine
        yield* write("a/codex", "#!/bin/sh", 0o644)
        const command = yield* write("b/codex.exe", "native", 0o644)
        const found = yield* CodexBinary.search(
          host({ platform: "win32", arch: "x64", searchPath: `${at("a")};${at("b")}` })
        )
        assert.strictEqual(found.command, command)
      }))

    const commands = {
      "codex.cmd":
        "@ECHO off\r\nSET dp0=%~dp0\r\n\"%_prog%\"  \"%dp0%\\node_modules\\@openai\\codex\\bin\\codex.js\" %*\r\n",
      "node_modules/.bin/codex.cmd":
        "@ECHO off\r\n:find_dp0\r\n\"%_prog%\"  \"%dp0%\\..\\@openai\\codex\\bin\\codex.js\" %*\r\n",
      "node_modules/.pnpm/codex.cmd": "@SETLOCAL\r\n@node  \"%~dp0\\..\\@openai\\codex\\bin\\codex.js\" %*\r\n"
    }
    for (const [file, content] of Object.entries(commands)) {
      it.effect(`on Windows may hold ${file}, which stands for codex.exe`, () =>
        Effect.gen(function*() {
          const { at, host, install, write } = yield* machine
          const expected = yield* install("prefix/node_modules", windows)
          const shim = yield* write(`prefix/${file}`, content, 0o644)
          const searchPath = `${at("empty")};${shim.replace(/\/codex\.cmd$/, "")}`
          assert.deepStrictEqual(
            yield* CodexBinary.search(host({ platform: "win32", arch: "x64", searchPath })),
            expected
          )
        }))
    }

    it.effect("on Windows does not run a command file that is not known", () =>
      Effect.gen(function*() {
        const { at, host, write } = yield* machine
        const path = yield* write("a/codex.cmd", "@echo %*")
        assert.deepStrictEqual(
          yield* tried(CodexBinary.search(host({ platform: "win32", arch: "x64", searchPath: at("a") }))),
          [
            { source: "PATH", path, problem: "is a script that is not known" },
            { source: "PATH", path: "codex", problem: "nothing usable in 1 directories" }
          ]
        )
      }))
  })

  describe("layer", () => {
    const withSetting = (value: string) =>
      Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnvRecord({ CODEX_PATH: value })))

    it.effect("finds the native executable that is installed here, and its tools", () =>
      Effect.gen(function*() {
        const cli = yield* CodexCli.CodexCli
        const path = yield* Path.Path
        const fs = yield* FileSystem.FileSystem
        assert.match(cli.command, /codex(\.exe)?$/)
        assert.isTrue(path.isAbsolute(cli.command))
        assert.strictEqual(cli.extendEnv, true)
        const search = Object.entries(cli.env ?? {}).find(([name]) => /^path$/i.test(name))?.[1]
        if (typeof search !== "string") return assert.fail("there is no PATH")
        const [tools] = search.split(process.platform === "win32" ? ";" : ":")
        assert.match((yield* fs.readDirectory(tools)).join(), /\brg(\.exe)?\b/)
      }).pipe(Effect.provide(NodeCodexCli.layer()), withSetting("")))

    it.effect("takes CODEX_PATH from the configuration, and never passes it over", () =>
      Effect.gen(function*() {
        const { at, write } = yield* machine
        const command = yield* write("codex")
        assert.strictEqual((yield* NodeCodexCli.make().pipe(withSetting(command))).command, command)
        const error = yield* Effect.flip(NodeCodexCli.make().pipe(withSetting(at("missing"))))
        assert.match(error.message, /CODEX_PATH: .*missing \(does not exist\)/)
      }))

    it.effect("inherits what is named of the host's environment, and nothing else", () =>
      Effect.gen(function*() {
        const { write } = yield* machine
        const options = { path: yield* write("codex"), extendEnv: ["PATH", "NO_SUCH_VARIABLE"] }
        const cli = yield* NodeCodexCli.make(options).pipe(withSetting(""))
        assert.strictEqual(cli.extendEnv, false)
        assert.deepStrictEqual(cli.env, {
          PATH: process.env.PATH,
          CODEX_INTERNAL_ORIGINATOR_OVERRIDE: "effect_codex"
        })
      }))

    it.effect("prefers the path that the program gives, and passes on the rest", () =>
      Effect.gen(function*() {
        const { write } = yield* machine
        const command = yield* write("codex")
        const apiKey = Redacted.make("sk-secret")
        const env = { A: "1", CODEX_HOME: "/codex" }
        const options = { path: command, args: ["x.js"], env, extendEnv: false, apiKey }
        assert.deepStrictEqual(yield* NodeCodexCli.make(options).pipe(withSetting("/missing")), {
          command,
          args: ["x.js"],
          env: { ...env, CODEX_INTERNAL_ORIGINATOR_OVERRIDE: "effect_codex", CODEX_API_KEY: apiKey },
          extendEnv: false,
          codexHome: "/codex"
        })
      }))
  })
})

describe("environment", () => {
  const base = {
    given: undefined,
    host: {},
    extendEnv: true,
    tools: undefined,
    apiKey: undefined,
    platform: "linux"
  }
  const originator = { CODEX_INTERNAL_ORIGINATOR_OVERRIDE: "effect_codex" }

  it("puts the tools first on the inherited PATH", () => {
    const env = environment({ ...base, tools: "/t", host: { PATH: "/bin", Path: "/other", HOME: "/h" } })
    assert.deepStrictEqual(env, { PATH: "/t:/bin", ...originator })
  })

  it("prefers the PATH that is given, secret or not", () => {
    const host = { PATH: "/bin" }
    assert.strictEqual(environment({ ...base, tools: "/t", host, given: { PATH: "/usr" } }).PATH, "/t:/usr")
    assert.strictEqual(environment({ ...base, tools: "/t", host, given: { PATH: undefined } }).PATH, "/t")
    const secret = environment({ ...base, tools: "/t", host, given: { PATH: Redacted.make("/s") } }).PATH
    assert.isTrue(Redacted.isRedacted(secret) && Redacted.value(secret) === "/t:/s")
  })

  it("has nothing but the tools on PATH when none is inherited", () => {
    assert.strictEqual(environment({ ...base, tools: "/t" }).PATH, "/t")
    assert.strictEqual(environment({ ...base, tools: "/t", host: { PATH: "/bin" }, extendEnv: false }).PATH, "/t")
    assert.notProperty(environment({ ...base, host: { PATH: "/bin" } }), "PATH")
  })

  it("leaves one spelling of Path on Windows", () => {
    const windows = { ...base, tools: "T", platform: "win32" }
    assert.deepStrictEqual(environment({ ...windows, host: { Path: "A;B" } }), { Path: "T;A;B", ...originator })
    assert.deepStrictEqual(environment({ ...windows, host: { Path: "A" }, given: { PATH: "G" } }), {
      PATH: "T;G",
      Path: undefined,
      ...originator
    })
    assert.deepStrictEqual(environment(windows), { PATH: "T", ...originator })
  })

  it("keeps an originator that is set", () => {
    const name = "CODEX_INTERNAL_ORIGINATOR_OVERRIDE"
    assert.notProperty(environment({ ...base, host: { [name]: "mine" } }), name)
    assert.strictEqual(environment({ ...base, host: { [name]: "mine" }, extendEnv: false })[name], "effect_codex")
    assert.strictEqual(environment({ ...base, host: { [name]: "mine" }, extendEnv: [name] })[name], "mine")
    assert.strictEqual(environment({ ...base, given: { [name]: "mine" } })[name], "mine")
  })

  it("takes from the host what is named, and what is given before it", () => {
    const host = { PATH: "/bin", HOME: "/h", LANG: "C", SECRET: "s" }
    const options = { ...base, host, extendEnv: ["PATH", "HOME", "LANG", "MISSING"] }
    assert.deepStrictEqual(environment({ ...options, tools: "/t", given: { LANG: "de", HOME: undefined, A: "1" } }), {
      PATH: "/t:/bin",
      HOME: undefined,
      LANG: "de",
      A: "1",
      ...originator
    })
    assert.deepStrictEqual(environment({ ...base, host, extendEnv: [] }), originator)
    assert.deepStrictEqual(environment({ ...base, host, extendEnv: false }), originator)
  })

  it("prefers the key of the options, and keeps it secret", () => {
    const apiKey = Redacted.make("sk-secret")
    const env = environment({ ...base, apiKey, given: { CODEX_API_KEY: "other" }, host: { CODEX_API_KEY: "third" } })
    assert.strictEqual(env.CODEX_API_KEY, apiKey)
    assert.notInclude(JSON.stringify(env), "sk-secret")
  })

  it("keeps secret any other key that Codex gets", () => {
    const host = { CODEX_API_KEY: "sk-host" }
    const keyOf = (options: Partial<Parameters<typeof environment>[0]>) => {
      const key = environment({ ...base, host, ...options }).CODEX_API_KEY
      return Redacted.isRedacted(key) ? `redacted ${Redacted.value(key)}` : key
    }
    assert.strictEqual(keyOf({}), "redacted sk-host")
    assert.strictEqual(keyOf({ extendEnv: ["CODEX_API_KEY"] }), "redacted sk-host")
    assert.isUndefined(keyOf({ extendEnv: false }))
    assert.isUndefined(keyOf({ extendEnv: ["HOME"] }))
    assert.strictEqual(keyOf({ given: { CODEX_API_KEY: "sk-given" } }), "redacted sk-given")
    assert.isUndefined(keyOf({ given: { CODEX_API_KEY: undefined } }))
  })
})
