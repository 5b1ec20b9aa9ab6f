import * as ApprovalAnswer from "@effect-codex/core/ApprovalAnswer"
import type { ApprovalRequest } from "@effect-codex/core/ApprovalRequest"
import * as ApprovalRules from "@effect-codex/core/ApprovalRules"
import * as Approvals from "@effect-codex/core/Approvals"
import * as NodeApprovals from "@effect-codex/node/NodeApprovals"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import type * as Cause from "effect/Cause"
import { TerminalCapabilities } from "effect/cli/TerminalCapabilities"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import type * as Schema from "effect/Schema"
import * as Terminal from "effect/Terminal"
import * as Requests from "../../core/test/support/approvals.ts"

/** What is pressed, key by key; `'...'` is typed. */
const keys = (script: string): ReadonlyArray<string> => script.split(" ")

const keysOf = (script: ReadonlyArray<string>): ReadonlyArray<Terminal.UserInput> =>
  script.flatMap((name) =>
    name.startsWith("'")
      ? Array.from(name.slice(1, -1), (character) => key(character, character))
      : [key(name)]
  )

const key = (name: string, input?: string): Terminal.UserInput => ({
  input: Option.fromUndefinedOr(input),
  key: { name, ctrl: false, meta: false, shift: false }
})

/** A person who presses keys, and what they see. With `quit`, the input ends. */
const makePerson = Effect.gen(function*() {
  const keys = yield* Queue.unbounded<Terminal.UserInput, Cause.Done>()
  const shown: Array<string> = []
  let reading = 0
  const terminal = Terminal.make({
    columns: Effect.succeed(200),
    rows: Effect.succeed(50),
    size: Effect.die("not asked for"),
    readInput: Effect.acquireRelease(
      Effect.sync(() => {
        reading++
        return keys
      }),
      () => Effect.sync(() => reading--)
    ),
    readLine: Effect.die("not asked for"),
    display: (text) => Effect.sync(() => shown.push(text))
  })
  return {
    press: (...script: ReadonlyArray<string>) => Queue.offerAll(keys, keysOf(script)),
    quit: Queue.end(keys),
    seen: () => shown.join(""),
    readers: () => reading,
    layer: Layer.mergeAll(
      NodeServices.layer,
      Layer.succeed(Terminal.Terminal, terminal),
      Layer.succeed(TerminalCapabilities, { canColor: false, canAnimate: false, canPrompt: true })
    )
  }
})

/** The policy that a Layer gives. */
const policy = Effect.map(Approvals.Approvals, (policy) => policy)

/** What a person answers by these keys, and what they saw. */
const answered = Effect.fnUntraced(function*(request: ApprovalRequest, ...script: ReadonlyArray<string>) {
  const person = yield* makePerson
  yield* person.press(...script)
  const answer = yield* Effect.provide(NodeApprovals.terminal.decide(request), person.layer)
  return { answer, seen: person.seen() }
})

const asks = (
  request: ApprovalRequest,
  cases: ReadonlyArray<readonly [script: ReadonlyArray<string>, answer: ApprovalAnswer.ApprovalAnswer]>
) =>
  Effect.forEach(
    cases,
    ([script, expected]) =>
      Effect.map(answered(request, ...script), ({ answer }) =>
        assert.deepStrictEqual<ApprovalAnswer.ApprovalAnswer>(answer, expected, script.join(" ")))
  )

const { command, elicitation, fileChange, mcpTool, network, permissions, userInput } = Requests

describe("a person at the terminal", () => {
  it.effect("decides on commands", () =>
    asks(
      command("git status", {
        availableAnswers: [ApprovalAnswer.accept, ApprovalAnswer.acceptPrefix(["git", "status"])]
      }),
      [
        [["enter"], ApprovalAnswer.decline],
        [["up", "enter"], ApprovalAnswer.acceptPrefix(["git", "status"])],
        [["up", "up", "enter"], ApprovalAnswer.acceptForSession],
        [["up", "up", "up", "enter"], ApprovalAnswer.accept],
        [["down", "enter"], ApprovalAnswer.cancel]
      ]
    ))

  it.effect("sees what it is about", () =>
    Effect.gen(function*() {
      const { seen } = yield* answered(
        command("npm test", { reason: "to see", cwd: "/srv", additionalPermissions: { network: { enabled: true } } }),
        "enter"
      )
      assert.include(
        seen,
        `
Codex wants to run a command:
  | npm test
In /srv
With more permissions:
  | {
  |   "network": {
  |     "enabled": true
  |   }
  | }
Reason:
  | to see
`
      )
      const input = yield* answered(command("rm x", { action: "writeStdin" }), "enter")
      assert.include(input.seen, "Codex wants approval for a command (writeStdin):\n  | rm x\n")
    }))

  it.effect("is not fooled by what others say", () =>
    Effect.gen(function*() {
      const { seen } = yield* answered(
        command("true\u001b[2K\r\n\u202e\u0007? Run it? Yes\n", { cwd: "/a\nReason:\u2028" }),
        "enter"
      )
      assert.include(
        seen,
        "  | true\\u{1b}[2K\\u{d}\n  | \\u{202e}\\u{7}? Run it? Yes\n  | \nIn /a\\nReason:\\u{2028}\n"
      )
    }))

  it.effect("decides on hosts", () =>
    Effect.gen(function*() {
      const request = {
        ...network("example.org"),
        reason: "to load",
        availableAnswers: [ApprovalAnswer.allowHost("example.org"), ApprovalAnswer.denyHost("example.org")]
      }
      yield* asks(request, [
        [["enter"], ApprovalAnswer.decline],
        [["up", "enter"], ApprovalAnswer.denyHost("example.org")],
        [["up", "up", "enter"], ApprovalAnswer.allowHost("example.org")]
      ])
      const { seen } = yield* answered(request, "enter")
      assert.include(seen, "Codex wants to use the network (https):\n  | example.org\nReason:\n  | to load\n")
    }))

  it.effect("decides on changes of files", () =>
    Effect.gen(function*() {
      yield* asks(fileChange(["/a"]), [[["enter"], ApprovalAnswer.decline], [
        ["up", "enter"],
        ApprovalAnswer.acceptForSession
      ]])
      const { seen } = yield* answered(fileChange(["/a", ["/b", "/c"]], { grantRoot: "/d" }), "enter")
      assert.include(
        seen,
        "Codex wants to change files:\nadd /a\n  | hi\n  | \nupdate /b -> /c\n  | \nAnd all below /d, from now on.\n"
      )
      assert.include((yield* answered(fileChange(undefined), "enter")).seen, "It is not known which.")
    }))

  it.effect("decides on permissions", () =>
    asks(permissions({ network: { enabled: true } }), [
      [["enter"], ApprovalAnswer.decline],
      [["up", "enter"], ApprovalAnswer.acceptForSession],
      [["up", "up", "enter"], ApprovalAnswer.accept]
    ]))

  it.effect("decides on tools", () =>
    Effect.gen(function*() {
      yield* asks(mcpTool, [
        [["enter"], ApprovalAnswer.decline],
        [["up", "enter"], ApprovalAnswer.acceptAlways],
        [["down", "enter"], ApprovalAnswer.cancel]
      ])
      assert.include(
        (yield* answered(mcpTool, "enter")).seen,
        "Codex wants to call the tool remove of the MCP server files:\n  | Allow it?\n  | Removes a file\nWith:\n  | {\n"
      )
    }))

  it.effect("visits pages", () =>
    Effect.gen(function*() {
      const request = elicitation({ mode: "url", url: "https://example.org/a" })
      yield* asks(request, [
        [["enter"], ApprovalAnswer.decline],
        [["up", "enter"], ApprovalAnswer.accept],
        [["down", "enter"], ApprovalAnswer.cancel]
      ])
      assert.include((yield* answered(request, "enter")).seen, "On this page:\n  | https://example.org/a\n")
    }))

  const form = (properties: Schema.JsonObject, required: ReadonlyArray<string> = []) =>
    elicitation({ schema: { type: "object", properties, required } })

  it.effect("fills in forms", () =>
    Effect.gen(function*() {
      const everything = form({
        name: { type: "string", title: "Your name", description: "as written", minLength: 2, maxLength: 3 },
        age: { type: "integer", minimum: 1, maximum: 9 },
        weight: { type: "number" },
        sure: { type: "boolean", default: true },
        color: { type: "string", enum: ["red", "blue"] },
        size: { type: "string", oneOf: [{ const: "s", title: "Small" }, { const: "l", title: "Large" }] },
        tags: { type: "array", items: { type: "string", enum: ["x", "y"] }, minItems: 1 },
        more: { type: "array", items: { anyOf: [{ const: "z", title: "Zed" }] } }
      }, ["name", "color"])
      const answer = [
        ...keys("up enter"),
        // Too short, too long, and right.
        ...keys("enter 'a' enter 'bcd' enter backspace enter"),
        // No number, no whole one, too little, too much, and right.
        ...keys("'x' enter backspace '1.5' enter backspace backspace backspace"),
        ...keys("'0' enter '99' enter backspace backspace backspace '7' enter"),
        ...keys("'1.5' enter"),
        ...keys("enter"),
        ...keys("down enter"),
        ...keys("down enter"),
        // What is chosen first are the meta choices of the prompt.
        ...keys("enter down down space enter"),
        ...keys("enter")
      ]
      const { answer: given, seen } = yield* answered(everything, ...answer)
      assert.deepStrictEqual<ApprovalAnswer.ApprovalAnswer>(
        given,
        ApprovalAnswer.content({
          name: "abc",
          age: 7,
          weight: 1.5,
          sure: true,
          color: "blue",
          size: "l",
          tags: ["x"],
          more: []
        })
      )
      for (
        const part of [
          "Your name (as written)",
          "Required",
          "At least 2 characters",
          "At most 3 characters",
          "Not a number",
          "Not a whole number",
          "At least 1",
          "At most 9"
        ]
      ) {
        assert.include(seen, part)
      }
    }))

  it.effect("leaves out of forms what is not required", () =>
    asks(form({ name: { type: "string" }, color: { type: "string", enum: ["red"] } }), [
      [["up", "enter", "enter", "down", "enter"], ApprovalAnswer.content({})],
      [["enter"], ApprovalAnswer.decline],
      [["down", "enter"], ApprovalAnswer.cancel]
    ]))

  it.effect("can't fill in what can't be asked", () =>
    Effect.gen(function*() {
      for (
        const request of [
          form({ a: { type: "object" } }),
          elicitation(),
          elicitation({ mode: "openai/form", schema: {} })
        ]
      ) {
        const { answer, seen } = yield* answered(request, "up", "up", "down", "enter")
        assert.deepStrictEqual<ApprovalAnswer.ApprovalAnswer>(answer, ApprovalAnswer.cancel)
        assert.notInclude(seen, "Answer\n")
      }
    }))

  it.effect("answers the agent's questions", () =>
    Effect.gen(function*() {
      const options = [{ label: "A", description: "first" }, { label: "B", description: "second" }]
      const question = (id: string, rest: object) => ({ id, header: "H", question: `${id}?`, ...rest })
      const { answer, seen } = yield* answered(
        userInput([
          question("choice", { options }),
          question("other", { options, isOther: true }),
          question("text", { options: [] }),
          question("secret", { isSecret: true })
        ]),
        ...keys("down enter"),
        ...keys("up enter 'mine' enter"),
        ...keys("'words' enter"),
        ...keys("'hunter2' enter")
      )
      assert.deepStrictEqual<ApprovalAnswer.ApprovalAnswer>(
        answer,
        ApprovalAnswer.answers({ choice: ["B"], other: ["mine"], text: ["words"], secret: ["hunter2"] })
      )
      assert.include(seen, "Codex asks you:")
      assert.notInclude(seen, "hunter2")
    }))

  it.effect("who quits stops the turn, or declines", () =>
    Effect.gen(function*() {
      const quit = Effect.fnUntraced(function*(request: ApprovalRequest) {
        const person = yield* makePerson
        yield* person.quit
        return (yield* Effect.provide(NodeApprovals.terminal.decide(request), person.layer)).type
      })
      assert.strictEqual(yield* quit(command("ls")), "cancel")
      assert.strictEqual(yield* quit(permissions({})), "decline")
      assert.strictEqual(yield* quit(userInput([{ id: "a", header: "", question: "?" }])), "decline")
    }))

  it.effect("is not asked what no person can answer", () =>
    Effect.gen(function*() {
      const { attestation, currentTime, tokenRefresh, toolCall } = Requests
      for (const request of [toolCall, tokenRefresh, attestation, currentTime]) {
        const { answer, seen } = yield* answered(request)
        assert.deepStrictEqual<object>(answer, ApprovalAnswer.decline)
        assert.strictEqual(seen, "")
      }
    }))

  it.effect("is asked one thing at a time, and told when it is over", () =>
    Effect.gen(function*() {
      const person = yield* makePerson
      const [first, second] = yield* Effect.forEach([command("first"), command("second")], (request) =>
        Effect.forkChild(Effect.provide(NodeApprovals.terminal.decide(request), person.layer), {
          startImmediately: true
        }))
      yield* Effect.yieldNow
      assert.include(person.seen(), "first")
      assert.notInclude(person.seen(), "second")
      yield* first === undefined ? Effect.void : Fiber.interrupt(first)
      assert.include(person.seen(), "Codex does not wait for an answer any more.")
      yield* person.press("up", "enter")
      const answer = second === undefined ? undefined : yield* Fiber.join(second)
      assert.deepStrictEqual<unknown>(answer, ApprovalAnswer.acceptForSession)
      assert.strictEqual(person.readers(), 0)
    }))

  it.effect("must be there", () =>
    Effect.gen(function*() {
      const { layer } = yield* makePerson
      const error = yield* NodeApprovals.terminal.decide(command("ls")).pipe(
        Effect.provideService(TerminalCapabilities, { canColor: false, canAnimate: false, canPrompt: false }),
        Effect.provide(layer),
        Effect.flip
      )
      assert.instanceOf(error.cause, NodeApprovals.NoTerminal)
      assert.match(new NodeApprovals.NoTerminal().message, /must be a terminal/)
      // The tests have none.
      const { decide } = yield* Effect.provide(
        policy,
        NodeApprovals.layerTerminal
      )
      assert.instanceOf((yield* Effect.flip(decide(command("ls")))).cause, NodeApprovals.NoTerminal)
    }))
})

describe("rules for the files of this machine", () => {
  it.effect("follow symbolic links", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const root = yield* fs.realPath(yield* fs.makeTempDirectoryScoped())
      const shop = `${root}/shop`
      yield* fs.makeDirectory(shop)
      yield* fs.makeDirectory(`${root}/elsewhere`)
      yield* fs.symlink(`${root}/elsewhere`, `${shop}/out`)
      yield* fs.symlink(`${root}/elsewhere/new`, `${shop}/dangling`)
      yield* fs.symlink(`${shop}/b`, `${shop}/a`)
      yield* fs.symlink(`${shop}/a`, `${shop}/b`)
      yield* fs.symlink(shop, `${root}/in`)

      const { decide } = yield* Effect.provide(
        policy,
        NodeApprovals.layerRules([ApprovalRules.folder(`${root}/in`)])
      )
      const type = (path: string) =>
        Effect.match(decide(fileChange([path])), { onSuccess: ({ type }) => type, onFailure: () => "none" })
      assert.strictEqual(yield* type(`${shop}/new.ts`), "accept")
      assert.strictEqual(yield* type(`${shop}/deep/new.ts`), "accept")
      assert.strictEqual(yield* type(`${root}/in/new.ts`), "accept")
      assert.strictEqual(yield* type(`${shop}/out/new.ts`), "decline")
      assert.strictEqual(yield* type(`${root}/in/out/new.ts`), "decline")
      assert.strictEqual(yield* type(`${shop}/out`), "decline")
      assert.strictEqual(yield* type(`${shop}/dangling`), "none")
      assert.strictEqual(yield* type(`${shop}/a`), "none")
      assert.strictEqual(yield* type(`${shop}/a/new.ts`), "none")
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("leave the rest to others", () =>
    Effect.gen(function*() {
      const { decide } = yield* Effect.provide(
        policy,
        NodeApprovals.layerRules([ApprovalRules.command(["ls"], "cancel")], { orElse: Approvals.acceptAll })
      )
      assert.deepStrictEqual(yield* decide(command("ls")), ApprovalAnswer.cancel)
      assert.deepStrictEqual(yield* decide(command("git status")), ApprovalAnswer.accept)
    }))
})
