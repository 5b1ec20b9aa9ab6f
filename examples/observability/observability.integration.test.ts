/**
 * The observability example against a small collector: the real CLI, offline.
 */
import * as CodexHook from "@effect-codex/core/CodexHook"
import * as NodeCodex from "@effect-codex/node/NodeCodex"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Schema from "effect/Schema"
import * as TestConsole from "effect/testing/TestConsole"
import { createServer } from "node:http"
import { layerTelemetry, otel, program } from "./main.ts"

const Attributes = Schema.Array(Schema.Struct({
  key: Schema.String,
  value: Schema.Struct({
    stringValue: Schema.optionalKey(Schema.String),
    intValue: Schema.optionalKey(Schema.Union([Schema.Finite, Schema.FiniteFromString]))
  })
}))

const Span = Schema.Struct({
  traceId: Schema.String,
  spanId: Schema.String,
  parentSpanId: Schema.optionalKey(Schema.String),
  name: Schema.String,
  attributes: Attributes
})

const Traces = Schema.Struct({
  resourceSpans: Schema.Array(Schema.Struct({
    resource: Schema.Struct({ attributes: Attributes }),
    scopeSpans: Schema.Array(Schema.Struct({ spans: Schema.Array(Span) }))
  }))
})

const Metrics = Schema.Struct({
  resourceMetrics: Schema.Array(Schema.Struct({
    scopeMetrics: Schema.Array(Schema.Struct({ metrics: Schema.Array(Schema.Struct({ name: Schema.String })) }))
  }))
})

const Logs = Schema.Struct({
  resourceLogs: Schema.Array(Schema.Struct({
    scopeLogs: Schema.Array(Schema.Struct({
      logRecords: Schema.Array(Schema.Struct({ attributes: Attributes, body: Schema.Json }))
    }))
  }))
})

const decodeTraces = (body: unknown) => Schema.decodeUnknownEffect(Traces)(body)
const decodeMetrics = (body: unknown) => Schema.decodeUnknownEffect(Metrics)(body)
const decodeLogs = (body: unknown) => Schema.decodeUnknownEffect(Logs)(body)

/** Collects what is sent to it, by path. */
const collect = Effect.gen(function*() {
  const server = yield* HttpServer.HttpServer
  const bodies: Array<readonly [path: string, body: unknown]> = []
  yield* HttpServer.serveEffect(Effect.gen(function*() {
    const request = yield* HttpServerRequest.HttpServerRequest
    bodies.push([request.url, yield* request.json])
    return HttpServerResponse.jsonUnsafe({})
  }))
  assert(!NetAddress.isUnixPathAddress(server.address))
  const { origin: url } = yield* Effect.fromResult(NetAddress.toUrl(server.address))
  return { url, at: (path: string) => bodies.filter(([at]) => at === path).map(([, body]) => body) }
})

const layerServer = NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })

it.live("one trace holds our spans and Codex's own; metrics and hook events are there too", () =>
  Effect.gen(function*() {
    const collector = yield* collect
    const layer = FakeModel.layerWith(
      [ModelReply.message("It fixes the parser.")],
      (cli) => NodeCodex.layer({ ...cli, skipGitRepoCheck: true, config: otel(collector.url) })
    ).pipe(
      Layer.provide(Layer.fresh(layerServer)),
      Layer.provide(CodexHook.layerLogger),
      Layer.provideMerge(layerTelemetry(collector.url))
    )
    // Exporters send what is left when their layer closes.
    yield* Effect.provide(program, layer)

    const traces = yield* Effect.forEach(collector.at("/v1/traces"), decodeTraces)
    const spans = traces.flatMap(({ resourceSpans }) =>
      resourceSpans.flatMap(({ resource, scopeSpans }) => {
        const service = resource.attributes.find(({ key }) => key === "service.name")?.value.stringValue
        return scopeSpans.flatMap(({ spans }) => spans.map((span) => ({ ...span, service })))
      })
    )
    const named = (name: string) => {
      const span = spans.find((span) => span.name === name)
      assert(span !== undefined, `no span ${name}`)
      return span
    }
    const ours = ["explain-commit", "Codex.run", "Codex.turn", "Codex.attempt", "codex exec"].map(named)
    for (const [index, span] of ours.entries()) {
      assert.strictEqual(span.service, "explain-commit")
      assert.strictEqual(span.parentSpanId, ours[index - 1]?.spanId)
    }
    const attribute = (span: typeof Span.Type, key: string) =>
      span.attributes.find((attribute) => attribute.key === key)?.value
    assert.deepStrictEqual(attribute(named("Codex.turn"), "gen_ai.agent.name"), { stringValue: "codex" })
    assert.deepStrictEqual(attribute(named("Codex.turn"), "codex.turn.status"), { stringValue: "completed" })
    assert.deepStrictEqual(attribute(named("Codex.turn"), "gen_ai.usage.input_tokens"), { intValue: 100 })
    assert.match(attribute(named("Codex.turn"), "gen_ai.conversation.id")?.stringValue ?? "", /^[0-9a-f-]{36}$/)

    // What Codex does itself hangs below the span of its process.
    const below = spans.filter(({ parentSpanId, service }) =>
      service === "effect_codex" && parentSpanId === named("codex exec").spanId
    )
    assert.isAbove(below.length, 0)
    assert.isTrue(below.every(({ traceId }) => traceId === named("codex exec").traceId))

    const logs = yield* Effect.forEach(collector.at("/v1/logs"), decodeLogs)
    const messages = logs.flatMap(({ resourceLogs }) =>
      resourceLogs.flatMap(({ scopeLogs }) =>
        scopeLogs.flatMap(({ logRecords }) => logRecords.map(({ body }) => JSON.stringify(body)))
      )
    )
    assert.isTrue(messages.some((message) => message.includes("attempt.started")))
    assert.isTrue(messages.some((message) => message.includes("attempt.succeeded")))

    const metrics = yield* Effect.forEach(collector.at("/v1/metrics"), decodeMetrics)
    const names = metrics.flatMap(({ resourceMetrics }) =>
      resourceMetrics.flatMap(({ scopeMetrics }) =>
        scopeMetrics.flatMap(({ metrics }) => metrics.map(({ name }) => name))
      )
    )
    assert.includeMembers(names, ["codex.turns", "codex.tokens", "codex.turn.duration"])
    assert.include(yield* TestConsole.logLines, "It fixes the parser.")
  }).pipe(Effect.scoped, Effect.provide([Layer.fresh(layerServer), TestConsole.layer])))
