/**
 * `codex app-server`, as a script has it: one connection to it.
 *
 * @internal
 */
import type * as Connection from "@effect-codex/core/appserver/Connection"
import * as Protocol from "@effect-codex/core/appserver/Protocol"
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import type { Ending, Program } from "./fakeProcess.ts"
import * as ScriptMethods from "./scriptMethods.ts"
import type { StepOf } from "./scriptSchema.ts"
import type { Told } from "./scriptTelling.ts"
import type { Threads } from "./scriptThreads.ts"

// =============================================================================
// Models
// =============================================================================

/** What came in. */
export interface Request {
  readonly method: string
  readonly params: unknown
}

export interface Options {
  /** Is told of each request. */
  readonly onRequest?: (request: Request) => void
  /** Ends the whole of it. By default, a crash ends the connection. */
  readonly crash?: (how: StepOf<"Crash">) => Effect.Effect<never>
}

// =============================================================================
// Constructors
// =============================================================================

/** Serves a connection until it ends, and ends the turns that are at work over it. */
export const serve = Effect.fnUntraced(function*(
  threads: Threads,
  duplex: Connection.Duplex,
  { crash, onRequest }: Options = {}
) {
  const scope = yield* Effect.scope
  const sent = yield* Queue.bounded<string, Cause.Done>(16)
  const crashed = yield* Deferred.make<void>()
  const pending = new Map<number, Deferred.Deferred<unknown>>()
  let isInitialized = false
  let nextRequest = 0
  let capabilities: Capabilities = {}

  const send = (message: object) => Effect.asVoid(Queue.offer(sent, JSON.stringify(message)))

  const tell = ({ method, params }: { readonly method: string; readonly params: unknown }) =>
    capabilities.optOutNotificationMethods?.includes(method) === true
      ? Effect.void
      : Effect.flatMap(Clock.currentTimeMillis, (emittedAtMs) => send({ method, params, emittedAtMs }))

  const session: ScriptMethods.Session = {
    threads,
    owner: {},
    isExperimental: () => capabilities.experimentalApi === true,
    tell: (message) => tell(encoded(message)),
    ask: Effect.fnUntraced(function*({ method, params }) {
      const id = nextRequest++
      const answer = yield* Deferred.make<unknown>()
      pending.set(id, answer)
      yield* send({ method, id, params })
      const result = yield* Effect.ensuring(Deferred.await(answer), Effect.sync(() => pending.delete(id)))
      // Nothing is told of this one.
      if (method !== "item/tool/call") {
        yield* tell({ method: "serverRequest/resolved", params: { threadId: params.threadId, requestId: id } })
      }
      return result
    }),
    garbage: (line) => Effect.asVoid(Queue.offer(sent, line)),
    future: (type, fields, of) => tell({ method: type, params: { ...of, ...fields } }),
    crash: crash ?? (() => Effect.andThen(Deferred.succeed(crashed, undefined), Effect.never)),
    fork: (effect) => Effect.forkIn(effect, scope)
  }
  const methods = ScriptMethods.make(session)

  const respond = Effect.fnUntraced(function*(message: Message) {
    const { id, method, params } = message
    if (method === undefined) {
      const answer = typeof id === "number" ? pending.get(id) : undefined
      if (answer !== undefined) yield* Deferred.succeed(answer, message.result)
      return
    }
    if (id === undefined) return
    onRequest?.({ method, params })
    const refuse = (error: string, code = -32600) => send({ error: { code, message: error }, id })
    if (method === "initialize") {
      if (isInitialized) return yield* refuse("Already initialized")
      isInitialized = true
      capabilities = capabilitiesIn(params)
      return yield* send({ id, result: serverInfo })
    }
    if (!isInitialized) return yield* refuse("Not initialized")
    if (!isMethod(method)) {
      const known = Object.keys(Protocol.ClientRequests).map((name) => `\`${name}\``).join(", ")
      return yield* refuse(`Invalid request: unknown variant \`${method}\`, expected one of ${known}`)
    }
    const reply = yield* methods(method, params)
    if (typeof reply === "string") return yield* refuse(reply)
    yield* send({ id, result: reply.result })
    if (reply.after !== undefined) yield* reply.after
  })

  const writer = yield* Effect.forkScoped(Effect.exit(Stream.run(Stream.fromQueue(sent), duplex.outgoing)))
  yield* Effect.addFinalizer(() => Effect.sync(() => closeAll(threads, session.owner)))
  yield* duplex.incoming.pipe(
    // What is no message is passed over.
    Stream.runForEach((text) => Option.match(decodeMessage(text), { onNone: () => Effect.void, onSome: respond })),
    Effect.exit,
    Effect.raceFirst(Deferred.await(crashed))
  )
  yield* Queue.end(sent)
  yield* Fiber.await(writer)
}, Effect.scoped)

/** The process: a server that ends with its stdin. */
export const program = (threads: Threads): Program => ({
  run: ({ end, input, print, printError }) =>
    serve(threads, {
      incoming: input.pipe(Stream.decodeText, Stream.splitLines),
      outgoing: Sink.forEach((text: string) => print(`${text}\n`))
    }, {
      crash: ({ exitCode, signal, stderr }) =>
        Effect.andThen(
          stderr === "" ? Effect.void : printError(stderr),
          end(signal === undefined ? { code: exitCode ?? 1 } : { signal })
        )
    }),
  talks: true,
  // It ends in order at SIGTERM, and not at SIGINT.
  on: (signal): Ending => signal === "SIGTERM" ? { code: 0 } : { signal }
})

// =============================================================================
// Internals
// =============================================================================

/** Nobody has its threads open any more. */
const closeAll = (threads: Threads, owner: object): void => {
  for (const thread of threads.all.values()) {
    if (thread.owner !== owner) continue
    for (const turn of thread.turns) if (turn.status === "inProgress") turn.status = "interrupted"
    thread.running.clear()
    threads.close(thread)
  }
}

const isMethod = (method: string): method is Protocol.ClientMethod => Object.hasOwn(Protocol.ClientRequests, method)

const Message = Schema.Struct({
  id: Schema.optionalKey(Schema.Union([Schema.Int, Schema.String])),
  method: Schema.optionalKey(Schema.String),
  params: Schema.optionalKey(Schema.Unknown),
  result: Schema.optionalKey(Schema.Unknown)
})

type Message = typeof Message.Type

const decodeMessage = Schema.decodeUnknownOption(Schema.fromJsonString(Message))

const Capabilities = Schema.Struct({
  experimentalApi: Schema.optionalKey(Schema.Boolean),
  optOutNotificationMethods: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String)))
})

type Capabilities = typeof Capabilities.Type

const decodeInitialize = Schema.decodeUnknownOption(Schema.Struct({ capabilities: Capabilities }))

const capabilitiesIn = (params: unknown): Capabilities =>
  Option.match(decodeInitialize(params), { onNone: () => ({}), onSome: ({ capabilities }) => capabilities })

const serverInfo: Protocol.InitializeResponse = {
  userAgent: "codex/0.169.0 (CodexScript)",
  codexHome: "/home/codex/.codex",
  platformFamily: "unix",
  platformOs: "linux"
}

/** An item that nobody knows yet goes out as it is. */
const encoded = (message: Told): { readonly method: string; readonly params: unknown } =>
  message.method === "item/completed" && message.params.item.type === "unrecognized"
    ? { method: message.method, params: { ...message.params, item: message.params.item.raw } }
    : message
