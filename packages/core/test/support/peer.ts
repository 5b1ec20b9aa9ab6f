/** A peer, and the app-server at its other end, which the test plays. */
import * as Connection from "@effect-codex/core/appserver/Connection"
import * as JsonRpc from "@effect-codex/core/appserver/JsonRpc"
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

const Message = Schema.fromJsonString(Schema.Struct({
  id: Schema.optionalKey(Schema.Union([Schema.Int, Schema.String])),
  method: Schema.optionalKey(Schema.String),
  params: Schema.optionalKey(Schema.Json),
  trace: Schema.optionalKey(Schema.Json),
  result: Schema.optionalKey(Schema.Json),
  error: Schema.optionalKey(Schema.Struct({
    code: Schema.Int,
    message: Schema.String,
    data: Schema.optionalKey(Schema.Json)
  }))
}))

export type Message = typeof Message.Type

/** What the app-server does. Its replies are given by hand. */
export const serve = Effect.fnUntraced(function*(duplex: Connection.Duplex) {
  const sent = yield* Queue.bounded<string, Cause.Done>(16)
  yield* Effect.forkScoped(Effect.exit(Stream.run(Stream.fromQueue(sent), duplex.outgoing)))
  const got = yield* Queue.unbounded<Message, Cause.Done>()
  yield* duplex.incoming.pipe(
    Stream.runForEach((text) =>
      Effect.flatMap(Schema.decodeEffect(Message)(text), (message) => Queue.offer(got, message))
    ),
    Effect.ensuring(Queue.end(got)),
    Effect.forkScoped
  )
  const send = (message: object | string) =>
    Queue.offer(sent, typeof message === "string" ? message : JSON.stringify(message))
  return {
    /** The next message of the peer. */
    take: Queue.take(got),
    /** How many messages wait to be taken. */
    waiting: Queue.size(got),
    /** Fails if there is one. */
    nothing: settled.pipe(
      Effect.andThen(Queue.poll(got)),
      Effect.flatMap((message) => message._tag === "None" ? Effect.void : Effect.die(message.value))
    ),
    send,
    reply: (to: Message, result: unknown = { to: to.method ?? null }) => send({ id: to.id, result }),
    /** The connection ends, as when the app-server does. */
    end: Queue.end(sent)
  }
})

export type Server = Effect.Success<ReturnType<typeof serve>>

export const connect = Effect.fnUntraced(function*(options?: JsonRpc.Options) {
  const [client, server] = yield* Connection.inMemory
  return { peer: yield* JsonRpc.make(client, options), server: yield* serve(server) }
})

/** Goes on when all has happened that can happen without the clock. */
export const settled = Effect.repeat(Effect.yieldNow, { times: 200 })
