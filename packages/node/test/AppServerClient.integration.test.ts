/**
 * The typed client on the real app-server.
 */
import * as Client from "@effect-codex/core/appserver/Client"
import * as Commands from "@effect-codex/core/appserver/Commands"
import * as ConnectionError from "@effect-codex/core/appserver/ConnectionError"
import * as Login from "@effect-codex/core/appserver/Login"
import * as Protocol from "@effect-codex/core/appserver/Protocol"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as RealAppServer from "./support/realAppServer.ts"
import { isAlive, makeWorkspace } from "./support/realCodex.ts"

const unrestricted: Pick<Commands.ExecOptions, "sandboxPolicy"> = { sandboxPolicy: { type: "dangerFullAccess" } }

const bash = (script: string, options: Omit<Commands.ExecOptions, "command"> = {}) =>
  Commands.exec({ command: ["bash", "-c", script], ...unrestricted, ...options })

/** All the output, and the exit code. */
const run = Effect.fnUntraced(function*(command: Commands.Command) {
  const [text, exitCode] = yield* Effect.all([Stream.mkString(Commands.text(command.output)), command.exitCode])
  return [text, exitCode] as const
})

describe("a client of the real app-server", () => {
  it.live("is introduced, reads the configuration, and lists models page by page", () =>
    Effect.gen(function*() {
      const client = yield* Client.Client
      assert.match(client.serverInfo.userAgent, /^effect_codex\/0\.169/)
      const { config } = yield* client.config.read()
      assert.strictEqual(config.model, "gpt-5.5")
      const { data } = yield* client.model.list({ includeHidden: true })
      const paged = yield* Stream.runCollect(client.paginate("model/list", { includeHidden: true, limit: 2 }))
      assert.isAbove(data.length, 2)
      assert.deepStrictEqual(paged, data)
    }).pipe(Effect.provide(RealAppServer.layer([]))))

  it.live("gets all that a turn tells, though it looks only afterwards", () =>
    Effect.gen(function*() {
      const client = yield* Client.Client
      const notifications = yield* client.notifications()
      const { sandbox, thread } = yield* client.thread.start({ sandbox: "read-only", cwd: yield* makeWorkspace })
      assert.strictEqual(sandbox.type, "readOnly")
      const completed = yield* client.waitFor("turn/completed", ({ threadId }) => threadId === thread.id)
      const { turn } = yield* client.turn.start({ threadId: thread.id, input: [{ type: "text", text: "Hello" }] })
      assert.strictEqual((yield* completed).turn.status, "completed")

      const told = yield* notifications.pipe(
        Stream.takeUntil(({ method }) => method === "turn/completed"),
        Stream.runCollect
      )
      assert.deepStrictEqual(told.filter(({ method }) => method === "unrecognized"), [])
      const ofTurn = told.flatMap((notification) => {
        switch (notification.method) {
          case "thread/started":
            return [["thread/started", notification.params.thread.id]]
          case "turn/started":
          case "turn/completed":
            return [[notification.method, notification.params.turn.id]]
          case "item/agentMessage/delta":
            return [["delta", notification.params.delta]]
          case "item/completed":
            return notification.params.item.type === "agentMessage" ? [["message", notification.params.item.text]] : []
          default:
            return []
        }
      })
      assert.deepStrictEqual(ofTurn, [
        ["thread/started", thread.id],
        ["turn/started", turn.id],
        ["delta", "Hi, "],
        ["delta", "there."],
        ["message", "Hi, there."],
        ["turn/completed", turn.id]
      ])
    }).pipe(Effect.provide(RealAppServer.layer([ModelReply.message("Hi, ", "there.")]))))

  it.live("is not told what it opts out of", () =>
    Effect.gen(function*() {
      const client = yield* Client.Client
      const notifications = yield* client.notifications()
      const { thread } = yield* client.thread.start({ cwd: yield* makeWorkspace })
      yield* client.turn.start({ threadId: thread.id, input: [{ type: "text", text: "Hello" }] })
      const told = yield* notifications.pipe(
        Stream.takeUntil(({ method }) => method === "turn/completed"),
        Stream.runCollect
      )
      assert.deepStrictEqual(told.filter(({ method }) => method === "item/agentMessage/delta"), [])
    }).pipe(
      Effect.provide(RealAppServer.layer([ModelReply.message("Hi, ", "there.")], {
        optOutNotificationMethods: ["item/agentMessage/delta"]
      }))
    ))

  it.live("is told what Codex dislikes in its configuration", () =>
    Effect.gen(function*() {
      const { configWarnings } = yield* Client.Client
      const [warning] = yield* configWarnings.pipe(
        Stream.filter(({ summary }) => summary.includes("made_up_key")),
        Stream.take(1),
        Stream.runCollect
      )
      assert.include(warning?.summary, "is ignored")
    }).pipe(Effect.provide(RealAppServer.layer([], { config: { made_up_key: 1 } }))))

  it.live("is refused what does not exist", () =>
    Effect.gen(function*() {
      const client = yield* Client.Client
      const unknown = yield* Effect.flip(client.rpc.request("made/up", {}))
      assert.isTrue(unknown._tag === "RpcError" && unknown.isInvalidRequest)
      const missing = yield* Effect.flip(client.thread.read({ threadId: "01984de2-8f74-7c91-a3b2-5c5e937cf318" }))
      assert.isTrue(missing._tag === "RpcError" && missing.isInvalidRequest)
    }).pipe(Effect.provide(RealAppServer.layer([]))))

  it.live("may leave out params that may be left out", () =>
    Effect.gen(function*() {
      const client = yield* Client.Client
      const unauthorized = yield* Effect.flip(client.account.rateLimits.read())
      assert.include(unauthorized.message, "authentication required")
      yield* Effect.all([
        client.account.gatewayOAuth.read(),
        client.account.read(),
        client.account.securitySetup.read(),
        client.app.list(),
        client.config.read(),
        client.config.mcpServer.reload(),
        client.configRequirements.read(),
        client.hooks.list(),
        client.mcpServerStatus.list(),
        client.skills.list(),
        client.thread.list(),
        client.windowsSandbox.readiness()
      ])
    }).pipe(Effect.provide(RealAppServer.layer([]))))

  it.live("knows what is experimental, and need not ask", () =>
    Effect.gen(function*() {
      const client = yield* Client.Client
      assert.strictEqual((yield* Effect.flip(client.memory.status()))._tag, "ExperimentalApiRequired")
      const withTools = yield* Effect.flip(client.thread.start({ dynamicTools: [] }))
      assert.strictEqual(withTools._tag, "ExperimentalApiRequired")

      // Others complain of their params first.
      const paramless = Object.entries(Protocol.ClientRequests).flatMap(([method, { experimental, params }]) =>
        experimental && params.decode({})._tag === "Success" ? [method] : []
      )
      assert.isAbove(paramless.length, 10)
      const errors = yield* Effect.forEach(paramless, (method) => Effect.flip(client.rpc.request(method, {})))
      assert.deepStrictEqual(errors.filter(({ message }) => !message.includes("requires experimentalApi")), [])
    }).pipe(Effect.provide(RealAppServer.layer([]))))

  it.live("fails with the words of an app-server that does not get as far", () =>
    Effect.gen(function*() {
      const client = Effect.map(Client.Client, ({ serverInfo }) => serverInfo)
      const error = yield* Effect.flip(Effect.provide(client, RealAppServer.layer([], { args: ["--made-up"] })))
      assert.isTrue(ConnectionError.isConnectionError(error) && error.reason._tag === "Exited")
      assert.include(error.message, "exit code 2")
      assert.include(error.message, "--made-up")
    }))
})

describe("a command on the real app-server", () => {
  it.live("gives its output as it comes, and reads what is written to it", () =>
    Effect.gen(function*() {
      const command = yield* bash("echo ready; cat; echo oops >&2; exit 3", { stdin: true })
      const ready = yield* Effect.forkChild(Stream.runHead(Commands.text(command.output)))
      assert.deepStrictEqual(yield* Fiber.join(ready), Option.some("ready\n"))

      const another = yield* bash("cat; echo oops >&2; exit 3", { stdin: true })
      yield* Stream.run(Stream.make("a\n", new TextEncoder().encode("b\n")), another.stdin)
      const output = yield* Stream.runCollect(another.output)
      const of = (stream: string) =>
        Commands.text(Stream.fromIterable(output.filter((piece) => piece.stream === stream)))
      assert.strictEqual(yield* Stream.mkString(of("stdout")), "a\nb\n")
      assert.strictEqual(yield* Stream.mkString(of("stderr")), "oops\n")
      assert.strictEqual(yield* another.exitCode, 3)
    }).pipe(Effect.provide(RealAppServer.layer([]))))

  it.live("has a terminal, which can be resized", () =>
    Effect.gen(function*() {
      const command = yield* bash("stty size; read line; stty size; echo $line", {
        tty: true,
        size: { rows: 10, cols: 20 }
      })
      yield* command.resize({ rows: 33, cols: 44 })
      yield* command.write("typed\n")
      const [text, exitCode] = yield* run(command)
      assert.strictEqual(exitCode, 0)
      assert.match(text, /33 44\r\ntyped\r\n$/)
    }).pipe(Effect.provide(RealAppServer.layer([]))))

  it.live("is ended by its time limit, by `terminate`, and by its scope, with what it started", () =>
    Effect.gen(function*() {
      const slow = yield* bash("sleep 1000", { timeout: "50 millis" })
      assert.strictEqual(yield* slow.exitCode, 124)
      const terminated = yield* bash("sleep 1000", { timeout: "none" })
      yield* terminated.terminate
      assert.strictEqual(yield* terminated.exitCode, 137)
      assert.include((yield* Effect.flip(terminated.write("late"))).message, "command/exec/write")

      const pids = yield* Effect.scoped(Effect.gen(function*() {
        const { output } = yield* bash("sleep 1000 & echo $$ $!; wait", { timeout: "none" })
        const first = yield* Stream.runHead(Commands.text(output))
        return Option.getOrThrow(first).trim().split(" ").map(Number)
      }))
      assert.strictEqual(pids.length, 2)
      assert.deepStrictEqual(pids.filter(isAlive), [])
    }).pipe(Effect.provide(RealAppServer.layer([]))))

  it.live("waits while nobody takes its output, and can still be ended", () =>
    Effect.gen(function*() {
      const client = yield* Client.Client
      const stuck = client.thread.loaded.list({}, { timeout: "300 millis" }).pipe(
        Effect.flip,
        Effect.retry(Schedule.spaced("10 millis"))
      )
      const [pid, closing] = yield* Effect.scoped(Effect.gen(function*() {
        const { output } = yield* bash("echo $$; exec yes", { timeout: "none", outputBytesCap: "none" })
        const first = yield* Stream.runHead(Commands.text(output))
        assert.strictEqual((yield* stuck)._tag, "RequestTimedOut")
        return [Number(/^\d+/.exec(Option.getOrThrow(first))), yield* Clock.currentTimeMillis] as const
      }))
      assert.isBelow((yield* Clock.currentTimeMillis) - closing, 4000)
      assert.isFalse(isAlive(pid))
      assert.deepStrictEqual((yield* client.thread.loaded.list()).data, [])
    }).pipe(Effect.provide(RealAppServer.layer([]))))

  it.live("gives as much as it may, and says where it left off", () =>
    Effect.gen(function*() {
      const command = yield* bash("printf 123456789", { outputBytesCap: 5 })
      const output = yield* Stream.runCollect(command.output)
      assert.deepStrictEqual(output.map(({ bytes, capReached }) => [String.fromCodePoint(...bytes), capReached]), [
        ["12345", true]
      ])
      const all = yield* bash("head -c 3000000 /dev/zero", { outputBytesCap: "none" })
      const size = Stream.runFold(all.output, () => 0, (sum, { bytes }) => sum + bytes.length)
      assert.strictEqual(yield* size, 3_000_000)
    }).pipe(Effect.provide(RealAppServer.layer([]))))

  it.live("fails if it can't be started", () =>
    Effect.gen(function*() {
      const command = yield* Commands.exec({ command: ["/made/up"], ...unrestricted })
      assert.include((yield* Effect.flip(command.exitCode)).message, "No such file or directory")
    }).pipe(Effect.provide(RealAppServer.layer([]))))

  it.live("can be a process outside the sandbox", () =>
    Effect.gen(function*() {
      const cwd = yield* makeWorkspace
      const echo = yield* Commands.spawn({ command: ["bash", "-c", "pwd; cat; exit 4"], cwd, stdin: true })
      yield* Stream.run(Stream.make("a\n"), echo.stdin)
      assert.deepStrictEqual(yield* run(echo), [`${cwd}\na\n`, 4])

      const terminal = yield* Commands.spawn({ command: ["bash", "-c", "read; stty size"], cwd, tty: true })
      yield* terminal.resize({ rows: 3, cols: 4 })
      yield* terminal.write("\n")
      assert.include((yield* run(terminal))[0], "3 4")

      const killed = yield* Commands.spawn({ command: ["sleep", "1000"], cwd, timeout: "none" })
      yield* killed.terminate
      assert.strictEqual(yield* killed.exitCode, 137)
      const missing = yield* Commands.spawn({ command: ["/made/up"], cwd })
      assert.include((yield* Effect.flip(missing.exitCode)).message, "No such file or directory")
    }).pipe(Effect.provide(RealAppServer.layer([], { experimentalApi: true }))))
})

describe("an account on the real app-server", () => {
  it.live("comes of a key, and goes with a logout", () =>
    Effect.gen(function*() {
      yield* Login.logout
      assert.deepStrictEqual(yield* Login.account, Option.none())
      yield* Login.apiKey(Redacted.make("sk-example"))
      assert.deepStrictEqual(yield* Login.account, Option.some({ type: "apiKey" }))
      yield* Login.logout
      assert.deepStrictEqual(yield* Login.account, Option.none())
    }).pipe(Effect.provide(RealAppServer.layer([]))))

  it.live("may come of a login in a browser, which is cancelled with its scope", () =>
    Effect.gen(function*() {
      const client = yield* Client.Client
      const completed = yield* client.waitFor("account/login/completed")
      const loginId = yield* Effect.scoped(Effect.gen(function*() {
        const login = yield* Login.chatgpt()
        assert.match(login.authUrl, /^https:\/\//)
        return login.loginId
      }))
      assert.deepInclude(yield* completed, { loginId, success: false })

      const login = yield* Login.chatgpt()
      assert.strictEqual((yield* client.account.login.cancel({ loginId: login.loginId })).status, "canceled")
      assert.strictEqual((yield* Effect.flip(login.completed))._tag, "LoginFailed")
    }).pipe(Effect.provide(RealAppServer.layer([]))))
})
