import * as Connection from "@effect-codex/core/appserver/Connection"
import * as ConnectionError from "@effect-codex/core/appserver/ConnectionError"
import { InvalidOption, LineTooLong, Unauthorized } from "@effect-codex/core/CodexError"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Socket from "effect/socket/Socket"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { settled } from "./support/peer.ts"
import * as ServerProcess from "./support/serverProcess.ts"

const encoder = new TextEncoder()

const reasonOf = <A, R>(effect: Effect.Effect<A, ConnectionError.ConnectionError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason)

describe("stdio", () => {
  it.effect("starts the CLI's app-server, with configuration that hides keys from its commands", () =>
    Effect.gen(function*() {
      const server = yield* ServerProcess.make()
      const { pid } = yield* server.provide(
        Connection.stdio({ config: { model: "m" }, args: ["--enable", "x"], workingDirectory: "/srv" })
      )
      assert.strictEqual(pid, 42)
      assert.strictEqual(server.commands.length, 1)
      const [command] = server.commands
      assert.deepStrictEqual([command?.command, command?.args, command?.options.cwd], [
        "codex",
        [
          "before",
          "app-server",
          "--config",
          "model=\"m\"",
          "--config",
          "shell_environment_policy.set.KEY=\"\"",
          "--config",
          "shell_environment_policy.set.MARK=\"tree\"",
          "--enable",
          "x"
        ],
        "/srv"
      ])
      assert.deepStrictEqual(command?.options.env?.MARK, "tree")
      assert.deepStrictEqual(command?.options.extendEnv, false)
      assert.deepStrictEqual(server.events, ["attach 42"])
    }))

  it.effect.prop(
    "gives the messages whole, however their bytes are cut, and the line that was cut by the end",
    {
      texts: Schema.Array(Schema.String),
      sizes: Schema.Array(Schema.Int),
      isEnded: Schema.Boolean
    },
    ({ isEnded, sizes, texts }) =>
      Effect.gen(function*() {
        const server = yield* ServerProcess.make()
        const { incoming } = yield* server.provide(Connection.stdio())
        const lines = texts.map((text) => JSON.stringify({ text: text.toWellFormed() }))
        const bytes = encoder.encode(lines.join("\n") + (isEnded ? "\n" : ""))
        yield* Effect.forkChild(Effect.gen(function*() {
          for (let start = 0, index = 0; start < bytes.length; index++) {
            const size = 1 + Math.abs(sizes[index % Math.max(1, sizes.length)] ?? 0) % 7
            yield* Queue.offer(server.stdout, bytes.subarray(start, start + size))
            start += size
          }
          yield* server.exit(0)
        }))
        const seen: Array<string> = []
        const reason = yield* reasonOf(Stream.runForEach(incoming, (line) => Effect.sync(() => seen.push(line))))
        assert.deepStrictEqual(seen, lines)
        assert.deepStrictEqual(reason, new ConnectionError.Exited({ exitCode: 0, stderr: "" }))
      }).pipe(Effect.scoped)
  )

  it.effect("sends each message as a line, as fast as it is taken", () =>
    Effect.gen(function*() {
      const server = yield* ServerProcess.make()
      const { outgoing } = yield* server.provide(Connection.stdio())
      yield* Stream.run(Stream.make("{\"a\":\"ü\"}", "{}", "{\"b\":1}"), outgoing)
      assert.strictEqual(yield* server.stdin, "{\"a\":\"ü\"}\n{}\n{\"b\":1}\n")
    }))

  it.effect("fails behind what came before a line that is too long", () =>
    Effect.gen(function*() {
      for (const lines of [["{}\n", `"${"x".repeat(100)}`], [`{}\n"${"x".repeat(100)}`]]) {
        const server = yield* ServerProcess.make()
        const { incoming } = yield* server.provide(Connection.stdio({ maxLineBytes: 50 }))
        yield* Effect.forkChild(Effect.forEach(lines, (line) => Queue.offer(server.stdout, encoder.encode(line))))
        const seen: Array<string> = []
        const reason = yield* reasonOf(Stream.runForEach(incoming, (line) => Effect.sync(() => seen.push(line))))
        assert.deepStrictEqual([seen, reason], [["{}"], new LineTooLong({ limit: 50 })])
      }
    }))

  it.effect("tells how the app-server ended and what it said, without secrets", () =>
    Effect.gen(function*() {
      for (const [how, expected] of [[2, { exitCode: 2 }], ["SIGKILL", { signal: "SIGKILL" }]] as const) {
        const server = yield* ServerProcess.make()
        const { incoming } = yield* server.provide(Connection.stdio())
        yield* Queue.offer(server.stderr, encoder.encode("\u001b[2mthe key sk-secret is bad\u001b[0m\n"))
        yield* server.exit(how)
        assert.deepStrictEqual(
          yield* reasonOf(Stream.runDrain(incoming)),
          new ConnectionError.Exited({ ...expected, stderr: "the key <redacted> is bad" })
        )
      }
    }))

  it.effect("does not wait for pipes that the dead app-server's children hold, and sweeps them", () =>
    Effect.gen(function*() {
      const server = yield* ServerProcess.make({ leavesPipes: true })
      const { incoming } = yield* server.provide(Connection.stdio())
      const fiber = yield* Effect.forkChild(reasonOf(Stream.runDrain(incoming)))
      yield* settled
      yield* server.exit("SIGKILL")
      yield* settled
      yield* TestClock.adjust("500 millis")
      assert.deepStrictEqual(server.events, ["attach 42", "sweep"])
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("500 millis")
      yield* settled
      yield* TestClock.adjust("500 millis")
      assert.deepStrictEqual(yield* Fiber.join(fiber), new ConnectionError.Exited({ signal: "SIGKILL", stderr: "" }))
    }))

  it.effect("fails when the output can't be read", () =>
    Effect.gen(function*() {
      const server = yield* ServerProcess.make()
      const { incoming } = yield* server.provide(Connection.stdio())
      yield* Queue.fail(server.stdout, ServerProcess.failure("EIO"))
      assert.deepStrictEqual(
        yield* reasonOf(Stream.runDrain(incoming)),
        new ConnectionError.Disconnected({ description: "its stdout is closed" })
      )
    }))

  it.effect("ends the app-server by the end of its stdin, and sweeps", () =>
    Effect.gen(function*() {
      const server = yield* ServerProcess.make()
      yield* Effect.scoped(Effect.asVoid(server.provide(Connection.stdio())))
      assert.deepStrictEqual(server.events, ["attach 42", "record 42", "EOF", "sweep"])
    }))

  it.effect("takes what the app-server still has to say before it ends", () =>
    Effect.gen(function*() {
      const server = yield* ServerProcess.make({
        onEnd: ({ exit, stdout }) =>
          Effect.andThen(
            Effect.forEach(Array.from({ length: 100 }), () => Queue.offer(stdout, encoder.encode("{}\n"))),
            exit(0)
          )
      })
      yield* Effect.scoped(Effect.asVoid(server.provide(Connection.stdio())))
      assert.deepStrictEqual(server.events, ["attach 42", "record 42", "EOF", "sweep"])
    }))

  it.effect("tells an app-server that does not end, then kills it", () =>
    Effect.gen(function*() {
      for (
        const [ignores, times, events] of [
          [[], ["2999 millis", "1 millis"], ["SIGTERM"]],
          [["SIGTERM"], ["3999 millis", "1 millis"], ["SIGTERM", "SIGKILL"]]
        ] as const
      ) {
        const server = yield* ServerProcess.make({ onEnd: () => Effect.never, ignores })
        const closing = yield* Effect.forkChild(Effect.scoped(Effect.asVoid(server.provide(Connection.stdio()))))
        yield* settled
        yield* TestClock.adjust(times[0])
        yield* settled
        assert.isUndefined(closing.pollUnsafe())
        yield* TestClock.adjust(times[1])
        yield* Fiber.join(closing)
        assert.deepStrictEqual(server.events, ["attach 42", "record 42", "EOF", ...events, "sweep"])
      }
    }))

  it.effect("has nothing to end when the app-server has ended", () =>
    Effect.gen(function*() {
      const server = yield* ServerProcess.make()
      yield* Effect.scoped(Effect.gen(function*() {
        yield* server.provide(Connection.stdio())
        yield* server.exit(0)
      }))
      assert.deepStrictEqual(server.events, ["attach 42", "sweep"])
    }))

  it.effect("refuses a configuration that can't be said", () =>
    Effect.gen(function*() {
      const server = yield* ServerProcess.make()
      const reason = yield* reasonOf(server.provide(Connection.stdio({ config: { a: Number.NaN } })))
      assert.strictEqual(reason._tag, "InvalidOption")
      assert.deepStrictEqual(server.commands, [])
    }))
})

/** A WebSocket whose other end is in the test's hands. */
class FakeWebSocket implements Socket.WebSocketLike {
  readonly readyState = 0
  readonly sent: Array<string | Uint8Array> = []
  readonly #listeners = new Map<string, Set<(event: Socket.WebSocketEvent) => void>>()
  closed: number | undefined

  addEventListener(type: string, listener: (event: Socket.WebSocketEvent) => void): void {
    this.#listeners.set(type, (this.#listeners.get(type) ?? new Set()).add(listener))
  }
  removeEventListener(type: string, listener: (event: Socket.WebSocketEvent) => void): void {
    this.#listeners.get(type)?.delete(listener)
  }
  close(code?: number): void {
    this.closed = code
  }
  send(data: string | Uint8Array): void {
    this.sent.push(data)
  }
  emit(
    type: "open" | "message" | "error" | "close",
    event: Socket.WebSocketEvent & { readonly message?: string } = {}
  ) {
    for (const listener of this.#listeners.get(type) ?? []) listener(event)
  }
}

describe("webSocket", () => {
  const url = "ws://user:password@127.0.0.1:4500/path"

  const open = Effect.fnUntraced(function*(options?: Partial<Connection.WebSocketOptions>) {
    const socket = new FakeWebSocket()
    const made: Array<unknown> = []
    const fiber = yield* Effect.forkScoped(
      Connection.webSocket({ url, ...options }).pipe(
        Effect.provideService(Socket.WebSocketConstructor, (...args) => {
          made.push(args)
          return socket
        })
      )
    )
    yield* settled
    return { socket, made, connecting: Fiber.join(fiber) }
  })

  it.effect("passes messages on in both directions, with the token in a header and no other", () =>
    Effect.gen(function*() {
      const socket = yield* Effect.scoped(Effect.gen(function*() {
        const { connecting, made, socket } = yield* open({ token: Redacted.make("secret") })
        socket.emit("open")
        const { incoming, outgoing } = yield* connecting
        assert.deepStrictEqual(made, [[url, { protocols: undefined, headers: { authorization: "Bearer secret" } }]])
        yield* Stream.run(Stream.make("{}", "[]"), outgoing)
        assert.deepStrictEqual(socket.sent, ["{}", "[]"])
        socket.emit("message", { data: "{\"a\":1}" })
        socket.emit("message", { data: encoder.encode("{\"b\":\"ü\"}") })
        assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(incoming, 2)), ["{\"a\":1}", "{\"b\":\"ü\"}"])
        return socket
      }))
      assert.strictEqual(socket.closed, 1000)
      assert.deepStrictEqual((yield* open()).made, [[url, undefined]])
    }))

  it.effect("tells why it could not connect, and no secret of the URL", () =>
    Effect.gen(function*() {
      const address = "127.0.0.1:4500"
      const failed = (description: string) => new ConnectionError.ConnectFailed({ address, description })
      for (
        const [message, expected] of [
          ["Unexpected server response: 401", new Unauthorized({ address })],
          ["Unexpected server response: 403", failed("it answered with the HTTP status 403")],
          ["connect ECONNREFUSED 127.0.0.1:4500", failed("connect ECONNREFUSED 127.0.0.1:4500")],
          ["", failed("An error occurred during Open (is it there, and is the token the right one?)")]
        ] as const
      ) {
        const { connecting, socket } = yield* open()
        socket.emit("error", { message })
        assert.deepStrictEqual(yield* reasonOf(connecting), expected)
      }
      const { connecting } = yield* open({ openTimeout: "1 second" })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* reasonOf(connecting), failed("timeout waiting for \"open\""))
    }))

  it.effect("tells how it was lost", () =>
    Effect.gen(function*() {
      for (
        const [type, event, expected] of [
          ["close", { code: 1012, reason: "restart" }, { code: 1012, description: "it was closed (1012: restart)" }],
          ["error", { message: "read ECONNRESET" }, { description: "read ECONNRESET" }],
          ["error", {}, { description: "An error occurred during Read" }]
        ] as const
      ) {
        const { connecting, socket } = yield* open()
        socket.emit("open")
        const { incoming } = yield* connecting
        socket.emit(type, event)
        assert.deepStrictEqual(
          yield* reasonOf(Stream.runDrain(incoming)),
          new ConnectionError.Disconnected(expected)
        )
      }
    }))

  it.effect("refuses what is no URL of a WebSocket", () =>
    Effect.gen(function*() {
      const refused = new InvalidOption({ option: "url", problem: "must be like `ws://127.0.0.1:4500`" })
      for (const url of ["http://127.0.0.1:1", "ws://", "ws://127.0.0.1:port", "nope"]) {
        assert.deepStrictEqual(yield* reasonOf((yield* open({ url })).connecting), refused)
      }
    }))
})

describe("inMemory", () => {
  it.effect("gives each what the other sends, as fast as it takes it, and the end", () =>
    Effect.gen(function*() {
      const [client, server] = yield* Connection.inMemory
      let sent = 0
      const sending = yield* Effect.forkChild(
        Stream.run(
          Stream.tap(Stream.rechunk(Stream.range(1, 100), 1), () => Effect.sync(() => sent++)).pipe(Stream.map(String)),
          client.outgoing
        )
      )
      yield* settled
      assert.isBelow(sent, 20)
      assert.strictEqual((yield* Stream.runCollect(server.incoming)).length, 100)
      yield* Fiber.join(sending)
      yield* Stream.run(Stream.make("a"), server.outgoing)
      assert.deepStrictEqual(yield* Stream.runCollect(client.incoming), ["a"])
    }))

  it.effect("ends for one when the other stops sending for whatever reason", () =>
    Effect.gen(function*() {
      const [client, server] = yield* Connection.inMemory
      const sending = yield* Effect.forkChild(Stream.run(Stream.never, client.outgoing))
      const reading = yield* Effect.forkChild(Stream.runDrain(server.incoming))
      yield* settled
      yield* Fiber.interrupt(sending)
      yield* Fiber.join(reading)
    }))
})
