/**
 * Where the time and the tokens of a run go: its spans, metrics and hook events in an OpenTelemetry collector.
 *
 *     npm run example -- observability     with your Codex account, and a collector at OTEL_EXPORTER_OTLP_ENDPOINT
 *                                          (default http://127.0.0.1:4318; any OTLP collector over HTTP)
 *
 * The SDK makes spans and metrics by itself. Which exporter takes them is the program's choice: here Effect's own
 * for OTLP. Codex has spans of its own, and joins the trace of the run that started it: `otel` in its
 * configuration sends them to the same collector.
 */
import * as Codex from "@effect-codex/core/Codex"
import type { CodexConfig } from "@effect-codex/core/CodexConfig"
import * as CodexHook from "@effect-codex/core/CodexHook"
import * as NodeCodex from "@effect-codex/node/NodeCodex"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as Otlp from "effect/observability/Otlp"

export const program = Effect.gen(function*() {
  const turn = yield* Codex.run("Explain the last commit of this repository", { sandbox: "read-only" })
  yield* Console.log(turn.finalMessage)
}).pipe(Effect.withSpan("explain-commit"))

/** Sends what Effect measures and logs. Hook events, such as `retry.scheduled`, are among the logs. */
export const layerTelemetry = (collector: string) =>
  Otlp.layerJson({ baseUrl: collector, resource: { serviceName: "explain-commit" } }).pipe(
    Layer.provide(FetchHttpClient.layer)
  )

/** Lets Codex send its own spans. */
export const otel = (collector: string): CodexConfig => ({
  otel: { trace_exporter: { "otlp-http": { endpoint: `${collector}/v1/traces`, protocol: "json" } } }
})

const layer = Layer.unwrap(Effect.gen(function*() {
  const collector = yield* Config.withDefault(Config.String("OTEL_EXPORTER_OTLP_ENDPOINT"), "http://127.0.0.1:4318")
  return NodeCodex.layer({ config: otel(collector) }).pipe(
    Layer.provide(CodexHook.layerLogger),
    Layer.provideMerge(layerTelemetry(collector))
  )
}))

if (import.meta.main) program.pipe(Effect.provide(layer), NodeRuntime.runMain)
