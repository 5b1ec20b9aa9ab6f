/**
 * The chat on the real CLI, offline: with a person at a terminal, and as a process.
 */
import * as Approvals from "@effect-codex/core/Approvals"
import * as NodeThreads from "@effect-codex/node/NodeThreads"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import type { ModelRequest } from "@effect-codex/testing/ModelRequest"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { existsSync, readFileSync } from "node:fs"
import { createServer } from "node:http"
import { PassThrough } from "node:stream"
import { fileURLToPath } from "node:url"
import { stripVTControlCharacters } from "node:util"
import { isAlive, makeWorkspace, until } from "../../packages/node/test/support/realCodex.ts"
import { chat, policy } from "./main.ts"
import * as Screen from "./Screen.ts"

const main = fileURLToPath(new URL("main.ts", import.meta.url))

const layerModel = (script: FakeModel.Script) =>
  FakeModel.layer(script).pipe(
    Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" }))
  )

const { message, shell } = ModelReply

/** What is on the screen, for who waits for one thing after the other. */
const makeView = () => {
  let text = ""
  let seen = 0
  return {
    add: (chunk: unknown) => text += stripVTControlCharacters(String(chunk)),
    /** Waits for it, and gives all that came before it. */
    shows: (what: string) =>
      until(() => text.includes(what, seen)).pipe(
        Effect.catchDefect(() => Effect.die(new Error(`No ${what} in: ${text.slice(seen)}`))),
        Effect.map(() => {
          const end = text.indexOf(what, seen)
          const before = text.slice(seen, end)
          seen = end + what.length
          return before
        })
      )
  }
}

/** The chat in a terminal, in a directory of its own. */
const open = Effect.fnUntraced(function*() {
  const { cli } = yield* FakeModel.FakeModel
  const cwd = yield* makeWorkspace
  const input = new PassThrough()
  const output = new PassThrough()
  const view = makeView()
  output.on("data", view.add)
  const layer = NodeThreads.layer({
    env: cli.env,
    defaults: { approval: "untrusted", sandbox: "danger-full-access", workingDirectory: cwd }
  }).pipe(
    Layer.provide(Approvals.layer(policy)),
    Layer.provideMerge(Layer.effect(Screen.Screen, Screen.make({ input, output, terminal: true })))
  )
  const fiber = yield* Effect.forkScoped(Effect.provide(chat(undefined), layer))
  yield* view.shows("> ")
  return { cwd, fiber, shows: view.shows, press: (keys: string) => Effect.sync(() => input.write(keys)) }
})

/** A shell and its parent, which say in a file who they are. */
const lasting = "echo $$ $PPID > pids; sleep 1000; true"

const pidsOf = (cwd: string) =>
  Effect.map(
    until(() => existsSync(`${cwd}/pids`) && readFileSync(`${cwd}/pids`, "utf8").endsWith("\n")),
    () => readFileSync(`${cwd}/pids`, "utf8").split(" ").map(Number)
  )

const said = ({ userTexts }: ModelRequest) => userTexts.filter((text) => !text.startsWith("<"))

/** Answers in two halves, of which the second comes when it may. */
const inHalves = (first: string, latch: Latch.Latch, second: string) => {
  const item = { id: "msg", type: "message", role: "assistant" }
  const delta = (delta: string) =>
    ModelReply.event({ type: "response.output_text.delta", item_id: "msg", output_index: 0, content_index: 0, delta })
  const content = [{ type: "output_text", text: first + second }]
  return ModelReply.concat(
    ModelReply.event({ type: "response.output_item.added", output_index: 0, item: { ...item, content: [] } }),
    delta(first),
    ModelReply.gate(latch),
    delta(second),
    ModelReply.event({ type: "response.output_item.done", output_index: 0, item: { ...item, content } })
  )
}

describe("chat", () => {
  const latch = Latch.makeUnsafe()

  it.live("shows what is said while it is said, and what is typed below it", () =>
    Effect.gen(function*() {
      const { press, shows } = yield* open()
      yield* press("hi\r")
      yield* shows("One\nTwo")
      yield* press("half a li")
      yield* shows("half a li")
      yield* latch.open
      // The line that was begun is there again below the answer.
      yield* shows("Two and three\nhalf a li")
      yield* press("ne\r")
      yield* shows("You said half a line.\n")
      yield* shows("> ")
    }).pipe(
      Effect.scoped,
      Effect.provide(layerModel(({ index, prompt }) =>
        index === 0 ? inHalves("One\nTwo", latch, " and three\n") : message("You said ", `${prompt}.`)
      ))
    ))

  it.live("asks before each command, and goes by the answer", () =>
    Effect.gen(function*() {
      const { cwd, press, shows } = yield* open()
      yield* press("go\r")
      yield* shows("touch yes.txt")
      yield* shows("instead: ")
      yield* press("y\r")
      yield* shows("created\n")
      yield* shows("touch no.txt")
      yield* shows("instead: ")
      yield* press("n\r")
      yield* shows("touch other.txt")
      yield* shows("instead: ")
      yield* press("Leave other.txt alone\r")
      yield* shows("Said to the agent.")
      yield* shows("I see.\n")
      yield* shows("> ")
      const fs = yield* FileSystem.FileSystem
      assert.deepStrictEqual(yield* fs.readDirectory(cwd), ["yes.txt"])
      const requests = yield* (yield* FakeModel.FakeModel).requests
      assert.deepStrictEqual(said(requests.at(-1) ?? assert.fail("no request")), ["go", "Leave other.txt alone"])
    }).pipe(
      Effect.scoped,
      Effect.provide(layerModel(({ index, prompt }) =>
        prompt === "Leave other.txt alone"
          ? message("I see.")
          : [shell("touch yes.txt; echo created"), shell("touch no.txt"), shell("touch other.txt")][index] ??
            message("Well.")
      ))
    ))

  it.live("says what is typed to the agent at work, stops it by Ctrl-C with its command, and goes on", () =>
    Effect.gen(function*() {
      const { cwd, fiber, press, shows } = yield* open()
      yield* press("wait\r")
      yield* shows("[y]es")
      yield* press("y\r")
      const pids = yield* pidsOf(cwd)
      yield* press("faster\r")
      yield* shows("Said to the agent.")
      yield* press("\u0003")
      yield* shows("Stopping.")
      yield* shows("> ")
      assert.isFalse(isAlive(pids[0] ?? 0))

      yield* press("/name Waiting\r")
      yield* shows("> ")
      yield* press("/compact\r")
      yield* shows("What was said is a summary now.")
      yield* shows("> ")
      yield* press("/fork\r")
      yield* shows("Thread ")
      yield* shows("> ")
      yield* press("on\r")
      yield* shows("You said on.\n")
      yield* shows("> ")
      yield* press("\u0003")
      yield* Fiber.join(fiber)
      // With the chat, its app-server has ended.
      assert.isFalse(isAlive(pids[1] ?? 0))
    }).pipe(
      Effect.scoped,
      Effect.provide(
        layerModel(({ prompt }) => prompt === "wait" ? shell(lasting) : message("You said ", `${prompt}.`))
      )
    ))
})

describe("chat as a process", () => {
  const run = Effect.fnUntraced(function*(cwd: string, ...args: ReadonlyArray<string>) {
    const { cli } = yield* FakeModel.FakeModel
    const keys = yield* Queue.unbounded<Uint8Array, Cause.Done>()
    const child = yield* ChildProcess.make(process.execPath, [main, ...args], {
      cwd,
      env: cli.env,
      extendEnv: true,
      stdin: Stream.fromQueue(keys),
      forceKillAfter: "5 seconds"
    })
    const view = makeView()
    yield* Effect.forkScoped(
      Stream.runForEach(Stream.decodeText(child.all), (text) => Effect.sync(() => view.add(text)))
    )
    return {
      child,
      shows: view.shows,
      type: (line: string) => Queue.offer(keys, new TextEncoder().encode(`${line}\n`)),
      end: Queue.end(keys)
    }
  })

  it.live("outlives SIGINT while it works, leaves nothing behind, and goes on in the next process", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const { codexHome, requests } = yield* FakeModel.FakeModel
      const config = `${codexHome}/config.toml`
      // Not every machine can make a sandbox.
      yield* fs.writeFileString(config, `sandbox_mode = "danger-full-access"\n${yield* fs.readFileString(config)}`)

      const cwd = yield* makeWorkspace
      const first = yield* run(cwd)
      yield* first.shows("Thread ")
      const threadId = yield* first.shows(" in ")
      const pids: Array<number> = []
      const wait = Effect.gen(function*() {
        yield* first.type("wait")
        yield* first.shows("[y]es")
        yield* first.type("y")
        pids.push(...yield* pidsOf(cwd))
        yield* fs.remove(`${cwd}/pids`)
      })
      yield* wait
      process.kill(first.child.pid, "SIGINT")
      yield* first.shows("Stopping.")
      yield* first.shows("> ")
      assert.isFalse(isAlive(pids[0] ?? 0))
      yield* wait
      yield* first.type("/quit")
      assert.strictEqual(yield* first.child.exitCode, 0)
      assert.deepStrictEqual(pids.filter(isAlive), [])

      const second = yield* run(cwd, threadId)
      yield* second.type("on")
      yield* second.end
      yield* second.shows("You said on.")
      assert.strictEqual(yield* second.child.exitCode, 0)
      assert.deepStrictEqual(said((yield* requests).at(-1) ?? assert.fail("no request")), ["wait", "wait", "on"])

      const third = yield* run(cwd, "01a1fd9b-081b-77b3-9338-344df9dc344d")
      yield* third.shows("error: No thread 01a1fd9b-081b-77b3-9338-344df9dc344d")
      assert.strictEqual(yield* third.child.exitCode, 1)
    }).pipe(
      Effect.scoped,
      Effect.provide(
        layerModel(({ prompt }) => prompt === "wait" ? shell(lasting) : message("You said ", `${prompt}.`))
      )
    ))
})
