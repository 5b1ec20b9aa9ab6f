/**
 * The HTTP side of the fake model: which requests are for the model, and how a reply is sent.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Scope from "effect/Scope"
import type * as ModelReply from "../ModelReply.ts"
import type * as ModelRequest from "../ModelRequest.ts"
import * as responsesSse from "./responsesSse.ts"

/** Answers `POST /v1/responses` until the scope closes, which drops the responses that are still open. */
export const serve = Effect.fnUntraced(function*(
  replyTo: (raw: ModelRequest.Raw) => Effect.Effect<{
    readonly request: ModelRequest.ModelRequest
    readonly reply: ModelReply.ModelReply
  }>
): Effect.fn.Return<void, never, HttpServer.HttpServer | Scope.Scope> {
  const closing = yield* Deferred.make<void>()
  const app = Effect.gen(function*() {
    const http = yield* HttpServerRequest.HttpServerRequest
    // The CLI tries a WebSocket first when its provider supports them, and takes this status for a no.
    if (http.headers["upgrade"] !== undefined) return HttpServerResponse.empty({ status: 426 })
    if (http.method !== "POST" || http.url !== "/v1/responses") return HttpServerResponse.empty({ status: 404 })
    const { reply, request } = yield* replyTo({
      method: http.method,
      path: http.url,
      headers: { ...http.headers },
      body: yield* http.json
    })
    const failure = reply.parts.find((part) => part._tag === "HttpError")
    if (failure === undefined) {
      const body = responsesSse.encode(reply, request, Deferred.await(closing))
      return HttpServerResponse.stream(body, { contentType: "text/event-stream" })
    }
    const before = reply.parts.slice(0, reply.parts.indexOf(failure))
    yield* Effect.forEach(before, (part) => part._tag === "Wait" ? part.until : Effect.void, { discard: true })
    return httpError(failure.error)
  })
  yield* HttpServer.serveEffect(Effect.raceFirst(app, Effect.as(Deferred.await(closing), unavailable)))
  // A server that stops waits for its open responses: this ends them first, wherever the script holds them.
  yield* Effect.addFinalizer(() => Deferred.succeed(closing, undefined))
})

const httpError = ({ body, code, headers, message, status, type }: ModelReply.HttpError) =>
  body === undefined
    ? HttpServerResponse.jsonUnsafe(
      { error: { message, type: type ?? null, code: code ?? null, param: null } },
      { status, headers }
    )
    : HttpServerResponse.text(body, { status, headers })

const unavailable = HttpServerResponse.empty({ status: 503, headers: { connection: "close" } })
