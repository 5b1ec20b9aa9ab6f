/**
 * The quickstart as a user runs it: a process of its own, with the real Codex CLI, offline.
 */
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Stream from "effect/Stream"
import { existsSync } from "node:fs"
import { createServer } from "node:http"
import { fileURLToPath } from "node:url"
import { isAlive, makeWorkspace, pidsIn } from "../../packages/node/test/support/realCodex.ts"

const main = fileURLToPath(new URL("main.ts", import.meta.url))

type Environment = Readonly<Record<string, string | undefined>>

const start = (args: ReadonlyArray<string>, env: Environment = {}) =>
  Effect.gen(function*() {
    const child = yield* ChildProcess.make(process.execPath, [main, ...args], {
      env: { NO_COLOR: undefined, FORCE_COLOR: undefined, ...env },
      extendEnv: true,
      stdin: "ignore",
      forceKillAfter: "5 seconds"
    })
    const text = (output: typeof child.stdout) => Stream.mkString(Stream.decodeText(output))
    const ended = Effect.all({ exitCode: child.exitCode, stdout: text(child.stdout), stderr: text(child.stderr) }, {
      concurrency: 3
    })
    return { child, ended: yield* Effect.forkScoped(ended) }
  })

const run = (args: ReadonlyArray<string>, env?: Environment) =>
  Effect.scoped(Effect.flatMap(start(args, env), ({ ended }) => Fiber.join(ended)))

/** What each line tells, without the time: the label and the text. */
const rows = (stdout: string) =>
  stdout.split("\n").flatMap((line) => {
    const row = /^ {2}\d+\.\ds {3,4}(\S+) +(.*)$/.exec(line)
    return row === null ? [] : [`${row[1]}: ${row[2]}`]
  })

const workspaceOf = (stdout: string) => /^Workspace +(\S+)/m.exec(stdout)?.[1] ?? ""

const layerServer = NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })

/** The service of a `--live` run, in this process: the quickstart knows nothing of it. */
const layerService = (replies: ReadonlyArray<ModelReply.ModelReply>) =>
  FakeModel.layer(replies).pipe(Layer.provideMerge(layerServer))

describe("npm run quickstart", () => {
  it.live("shows a turn of the real CLI with a scripted model", () =>
    Effect.gen(function*() {
      const { exitCode, stderr, stdout } = yield* run([])
      assert.strictEqual(stderr, "")
      assert.strictEqual(exitCode, 0)
      assert.match(stdout, /^Codex quickstart\n\nThe model is scripted: .*--live/s)
      assert.include(stdout, "Prompt     The check fails (node check.js). Find out why, and fix it.\n")
      // Piped: no colours, no spinner, nothing to move the cursor.
      assert.notMatch(stdout, /[^\P{Cc}\n]/u)

      const [thread = "", ...items] = rows(stdout)
      assert.match(thread, /^thread: [0-9a-f-]{36}$/)
      assert.deepStrictEqual(items.map((item) => item.replace(/, (<1|\d+)s\)/, ")")), [
        "thinks: Looking at the program and its check …",
        "plan: [ ] Run the check",
        "runs: cat slug.js check.js (exit 0)",
        "runs: node check.js (exit 1)",
        "says: `slug` replaces spaces only, so an ampersand stays.",
        "plan: [x] Run the check",
        "edits: update slug.js",
        "plan: [x] Fix what it finds",
        "runs: node check.js (exit 0)",
        "plan: [x] Run the check again",
        "says: The check passes now. …"
      ])

      // What the command printed, what Git sees, and that the program is right now: the work was real.
      assert.include(stdout, "slug(\"Q & A\") is \"q-&-a\", not \"q-a\"\n")
      assert.match(stdout, /\nAnswer\n\n {2}The check passes now\.\n\n {2}`slug` replaced spaces only/)
      assert.match(stdout, /\nFiles changed\n\n {3}slug\.js \| 2 \+-\n {3}1 file changed, 1 insertion/)
      assert.include(
        stdout,
        "  +export const slug = (title) => (title.toLowerCase().match(/[a-z0-9]+/g) ?? []).join(\"-\")\n"
      )
      assert.include(stdout, "\nCheck      node check.js passes now\n")
      assert.include(stdout, "\nUsage      15,350 tokens in (12,160 cached), 464 out (105 for reasoning)\n")
      assert.match(stdout, /\nTime {7}\d+\.\ds\n$/)

      assert.include(workspaceOf(stdout), "codex-quickstart-")
      assert.isFalse(existsSync(workspaceOf(stdout)))
    }).pipe(Effect.provide(layerServer)))

  it.live("takes any prompt, in one argument or in many", () =>
    Effect.gen(function*() {
      const { exitCode, stdout } = yield* run(["Say", "hello to `$USER`", "twice"])
      assert.strictEqual(exitCode, 0)
      assert.include(stdout, "whatever the prompt says")
      assert.include(stdout, "Prompt     Say hello to `$USER` twice\n")
      assert.include(stdout, "\nCheck      node check.js passes now\n")
    }).pipe(Effect.provide(layerServer)))

  it.live("tells what is wrong in one line", () =>
    Effect.gen(function*() {
      const blank = yield* run([" "])
      assert.strictEqual(blank.exitCode, 1)
      assert.strictEqual(blank.stderr, "error: Option `input`: must have a text that is not blank\n")

      const noBinary = yield* run([], { CODEX_PATH: "/no/such/codex" })
      assert.strictEqual(noBinary.exitCode, 1)
      assert.match(noBinary.stderr, /^error: No Codex CLI was found\..*\/no\/such\/codex/s)
      assert.notInclude(noBinary.stderr, "    at ")

      const unknownFlag = yield* run(["--nope"])
      assert.strictEqual(unknownFlag.exitCode, 1)
      assert.include(unknownFlag.stderr, "--nope")
    }).pipe(Effect.provide(layerServer)))
})

describe("npm run quickstart -- --live", () => {
  it.live("uses the service that Codex is set up for", () =>
    Effect.gen(function*() {
      const fake = yield* FakeModel.FakeModel
      const { exitCode, stderr, stdout } = yield* run(
        ["--live", "Write a note", "--sandbox", "danger-full-access"],
        fake.cli.env
      )
      assert.strictEqual(stderr, "")
      assert.strictEqual(exitCode, 0)
      assert.notInclude(stdout, "scripted")
      assert.deepStrictEqual(rows(stdout).slice(1), ["edits: add note.txt", "says: Noted."])
      assert.match(stdout, /note\.txt \| 1 \+\n/)
      assert.include(stdout, "\nCheck      node check.js still fails\n")
      assert.include(stdout, "\nUsage      200 tokens in")
      const [request] = yield* fake.requests
      assert.strictEqual(request?.prompt, "Write a note")
    }).pipe(Effect.provide(layerService([
      ModelReply.applyPatch("*** Begin Patch\n*** Add File: note.txt\n+Hello\n*** End Patch\n"),
      ModelReply.message("Noted.")
    ]))))

  it.live("lets the agent write in the workspace only, and gives the cause of a failed turn once", () =>
    Effect.gen(function*() {
      const fake = yield* FakeModel.FakeModel
      const { exitCode, stderr, stdout } = yield* run(["--live"], fake.cli.env)
      assert.strictEqual(exitCode, 1)
      assert.match(stderr, /^error: The turn failed: .*No such key.*\n$/)
      assert.deepStrictEqual(rows(stdout).slice(1), ["thinks: Hm"])
      const [request] = yield* fake.requests
      assert.include(request?.userTexts[0], `<entry access="write"><path>${workspaceOf(stdout)}</path></entry>`)
      assert.include(request?.userTexts[0], "<entry access=\"read\"><special>:root</special></entry>")
      assert.isFalse(existsSync(workspaceOf(stdout)))
    }).pipe(Effect.provide(layerService([
      ModelReply.concat(ModelReply.reasoning("Hm"), ModelReply.functionCall("get_goal", {})),
      ModelReply.httpError(401, { message: "No such key" })
    ]))))

  it.live("without an account, says so in Codex's words", () =>
    Effect.gen(function*() {
      const home = yield* makeWorkspace
      const env = { CODEX_HOME: home, CODEX_API_KEY: undefined, OPENAI_API_KEY: undefined }
      const { exitCode, stderr, stdout } = yield* run(["--live"], env)
      assert.strictEqual(exitCode, 1)
      assert.strictEqual(
        stderr,
        "error: Codex says: Not logged in. Log in by `npx codex login`, or set CODEX_API_KEY.\n"
      )
      assert.strictEqual(stdout, "")
    }).pipe(Effect.scoped, Effect.provide(layerServer)))

  it.live("Ctrl-C ends the agent and all that it runs", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const notes = yield* makeWorkspace
      yield* fs.writeFileString(`${notes}/stubborn.sh`, stubborn)
      const files = ["codex", "shell", "stubborn"].map((name) => `${notes}/${name}.pid`)
      const { child, stdout, stderr, exitCode } = yield* Effect.gen(function*() {
        const fake = yield* FakeModel.FakeModel
        const { child, ended } = yield* start(["--live", "--sandbox", "danger-full-access"], fake.cli.env)
        yield* pidsIn(files)
        yield* child.kill({ killSignal: "SIGINT" })
        return { child, ...yield* Fiber.join(ended) }
      }).pipe(
        Effect.provide(layerService([ModelReply.shell(`cd ${notes} && echo $PPID > codex.pid && . ./stubborn.sh`)]))
      )
      assert.strictEqual(exitCode, 130)
      assert.strictEqual(stderr, "Interrupted. Codex and all that it started have ended.\n")
      assert.isFalse(existsSync(workspaceOf(stdout)))
      assert.deepStrictEqual([child.pid, ...yield* pidsIn(files)].filter(isAlive), [])
    }).pipe(Effect.scoped, Effect.provide(layerServer)))
})

const stubborn = `sh -c 'trap "" INT TERM; echo $$ > stubborn.pid; while :; do sleep 1; done' &
echo $$ > shell.pid
wait
`
