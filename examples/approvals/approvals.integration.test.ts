/**
 * The example on the real CLI, offline: with a person who presses keys, and as a process that has no terminal.
 */
import * as Approvals from "@effect-codex/core/Approvals"
import * as NodeApprovals from "@effect-codex/node/NodeApprovals"
import * as NodeCodex from "@effect-codex/node/NodeCodex"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import type * as Cause from "effect/Cause"
import { TerminalCapabilities } from "effect/cli/TerminalCapabilities"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as Terminal from "effect/Terminal"
import { TestConsole } from "effect/testing"
import { createServer } from "node:http"
import { fileURLToPath } from "node:url"
import { makeWorkspace } from "../../packages/node/test/support/realCodex.ts"
import { layerAudit, layerRules, Line, program } from "./main.ts"

const main = fileURLToPath(new URL("main.ts", import.meta.url))

const layerServer = NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })

const { applyPatch, message, shell } = ModelReply

const addFile = (path: string) => applyPatch(`*** Begin Patch\n*** Add File: ${path}\n+hi\n*** End Patch`)

const readAudit = Effect.fnUntraced(function*(file: string) {
  const fs = yield* FileSystem.FileSystem
  const lines = (yield* fs.readFileString(file)).trimEnd().split("\n")
  return yield* Effect.forEach(lines, (line) => decodeAudit(line))
})

const decodeAudit = Schema.decodeUnknownEffect(Line)

const answersIn = (audit: Effect.Success<ReturnType<typeof readAudit>>) =>
  audit.map(({ answer, request }) => [request.kind, answer])

/** A person who presses these keys, and what they see. */
const makePerson = Effect.fnUntraced(function*(...names: ReadonlyArray<string>) {
  const keys = yield* Queue.unbounded<Terminal.UserInput, Cause.Done>()
  yield* Queue.offerAll(
    keys,
    names.map((name) => ({ input: Option.none(), key: { name, ctrl: false, meta: false, shift: false } }))
  )
  const shown: Array<string> = []
  const terminal = Terminal.make({
    columns: Effect.succeed(200),
    rows: Effect.succeed(50),
    size: Effect.die("not asked for"),
    readInput: Effect.succeed(keys),
    readLine: Effect.die("not asked for"),
    display: (text) => Effect.sync(() => shown.push(text))
  })
  const layer = Layer.mergeAll(
    NodeServices.layer,
    Layer.succeed(Terminal.Terminal, terminal),
    Layer.succeed(TerminalCapabilities, { canColor: false, canAnimate: false, canPrompt: true })
  )
  const policy = Approvals.fromFunction((request) => Effect.provide(NodeApprovals.terminal.decide(request), layer))
  return { policy, seen: () => shown.join("") }
})

describe("approvals", () => {
  const script = [
    shell("git status --short"),
    shell("npm test"),
    addFile("docs/new.md"),
    addFile("docs/legal/terms.md"),
    shell("touch released.txt"),
    shell("touch published.txt"),
    message("Done.")
  ]

  /** The program in a small project, with a policy for what the rules leave open. */
  const run = Effect.fnUntraced(function*(orElse: Approvals.Policy) {
    const fs = yield* FileSystem.FileSystem
    const project = yield* fs.realPath(yield* makeWorkspace)
    yield* (yield* ChildProcessSpawner).string(ChildProcess.make("git", ["init", "--quiet", project]))
    yield* fs.writeFileString(`${project}/package.json`, `{"scripts":{"test":"node --version"}}`)
    const audit = `${yield* makeWorkspace}/audit.jsonl`
    const layer = FakeModel.layerWith(
      script,
      ({ env }) => NodeCodex.layerAppServer({ env, sandbox: "danger-full-access", workingDirectory: project })
    ).pipe(
      Layer.provide(layerAudit(audit)),
      Layer.provide(layerRules(project, orElse)),
      Layer.provide(Layer.fresh(layerServer))
    )
    yield* Effect.provide(program, layer)
    return {
      project,
      printed: (yield* TestConsole.logLines).map(String),
      files: (yield* fs.readDirectory(project, { recursive: true })).filter((path) => !path.startsWith(".git")),
      audit: yield* readAudit(audit)
    }
  })

  it.live("goes by the rules, and asks a person what they leave open", () =>
    Effect.gen(function*() {
      // "Yes" is the first of four choices, "No" the last one, where the cursor is. Then "No".
      const { policy, seen } = yield* makePerson("up", "up", "up", "enter", "enter")
      const { audit, files, printed, project } = yield* run(policy)
      // Commands come in the words of a shell.
      assert.deepStrictEqual(printed.map((line) => line.replace(/\/\S+ -lc /, "")), [
        "completed: 'git status --short'",
        "completed: 'npm test'",
        "completed: 'touch released.txt'",
        "declined: 'touch published.txt'",
        `completed: ${project}/docs/new.md`,
        `failed: ${project}/docs/legal/terms.md`,
        "Done."
      ])
      assert.sameMembers(files, ["package.json", "docs", "docs/new.md", "released.txt"])

      const asked = seen().split("\n").filter((line) => line.startsWith("  | "))
      assert.lengthOf(asked, 2)
      assert.include(asked[0], "touch released.txt")
      assert.include(asked[1], "touch published.txt")

      assert.deepStrictEqual(answersIn(audit), [
        ["command", "accept"],
        ["command", "acceptForSession"],
        ["fileChange", "accept"],
        ["fileChange", "decline"],
        ["command", "accept"],
        ["command", "decline"]
      ])
      // In full, with what was asked.
      const commands = audit.flatMap(({ request }) => request.kind === "command" ? request.commands?.flat() ?? [] : [])
      assert.deepStrictEqual(commands.join(" "), "git status --short npm test touch released.txt touch published.txt")
      assert.strictEqual(new Set(audit.map(({ request }) => request.itemId)).size, 6)
    }).pipe(Effect.scoped, Effect.provide([layerServer, TestConsole.layer])))

  it.live("declines what the rules leave open, if there is nobody to ask", () =>
    Effect.gen(function*() {
      const { audit, files } = yield* run(Approvals.declineAll)
      assert.sameMembers(files, ["package.json", "docs", "docs/new.md"])
      assert.deepStrictEqual(answersIn(audit).slice(4), [
        ["command", "decline"],
        ["command", "decline"]
      ])
    }).pipe(Effect.scoped, Effect.provide([layerServer, TestConsole.layer])))

  it.live("as a process without a terminal does nothing unasked", () =>
    Effect.gen(function*() {
      const spawner = yield* ChildProcessSpawner
      const fs = yield* FileSystem.FileSystem
      const { cli } = yield* FakeModel.FakeModel
      for (const [args, isAsked] of [[["--unattended"], false], [[], true]] as const) {
        const project = yield* makeWorkspace
        const options = { cwd: project, env: cli.env, extendEnv: true, stdin: "ignore" } as const
        const stdout = yield* spawner.string(ChildProcess.make(process.execPath, [main, ...args], options))
        assert.match(stdout, /^declined: .*touch released\.txt.*\nDone\.\n$/m)
        // The reason is told, not only that it was declined.
        assert.strictEqual(stdout.includes("Input and output must be a terminal"), isAsked)
        assert.deepStrictEqual(yield* fs.readDirectory(project), [".codex_approvals.jsonl"])
        assert.deepStrictEqual(answersIn(yield* readAudit(`${project}/.codex_approvals.jsonl`)), [
          ["command", "decline"]
        ])
      }
    }).pipe(
      Effect.scoped,
      Effect.provide(
        FakeModel.layer(({ threadIndex }) => threadIndex === 0 ? shell("touch released.txt") : message("Done.")).pipe(
          Layer.provideMerge(layerServer)
        )
      )
    ))
})
