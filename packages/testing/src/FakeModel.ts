/**
 * A model that answers from a script and drives the real Codex CLI, offline.
 *
 * It is a server on the loopback interface that speaks the OpenAI Responses API, and a `CODEX_HOME` of its own whose
 * configuration sends the CLI there. The CLI does the rest as ever: it runs commands, changes files, calls MCP servers.
 *
 * **Example** (The real CLI with a scripted model)
 *
 * ```ts
 * import * as NodeCodex from "@effect-codex/node/NodeCodex"
 * import * as FakeModel from "@effect-codex/testing/FakeModel"
 * import * as ModelReply from "@effect-codex/testing/ModelReply"
 * import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
 * import * as Layer from "effect/Layer"
 * import { createServer } from "node:http"
 *
 * const layer = FakeModel.layerWith(
 *   [ModelReply.shell("echo hi > hi.txt"), ModelReply.message("Done.")],
 *   (cli) => NodeCodex.layer({ ...cli, sandbox: "workspace-write", skipGitRepoCheck: true })
 * ).pipe(Layer.provide(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })))
 * ```
 *
 * Every model request of the CLI takes one reply: an answer to a tool call is a request too. Time passes on the
 * `Clock` that the layer is built with.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import type * as Path from "effect/Path"
import type * as PlatformError from "effect/PlatformError"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as fakeHome from "./internal/fakeHome.ts"
import * as responsesServer from "./internal/responsesServer.ts"
import * as ModelReply from "./ModelReply.ts"
import * as ModelRequest from "./ModelRequest.ts"

/**
 * What the model answers: one reply per request in order, or a function of the request.
 *
 * With several threads at once, "in order" means in the order in which their requests come; a function can give
 * every thread its own script: `(request) => replies[request.threadIndex]`.
 *
 * @category models
 * @since 0.1.0
 */
export type Script =
  | ReadonlyArray<ModelReply.ModelReply>
  | ((request: ModelRequest.ModelRequest) => ModelReply.ModelReply | Effect.Effect<ModelReply.ModelReply>)

/**
 * Settings of the fake, and of the CLI's provider that leads to it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The model that the CLI asks for (default `gpt-5.5`, which CLI 0.169 knows and gives plain tools). */
  readonly model?: string | undefined
  /** How often the CLI repeats a request that failed with an HTTP status of 5xx (default 0). */
  readonly requestMaxRetries?: number | undefined
  /** How often the CLI asks again after a response that broke off, or most other HTTP errors (default 0). */
  readonly streamMaxRetries?: number | undefined
  /** How long the CLI waits for the next event of a response (default: the CLI's, 5 minutes). */
  readonly streamIdleTimeout?: Duration.Input | undefined
  /** How many requests are captured and answered before every further one is refused (default 1000). */
  readonly maxRequests?: number | undefined
}

/**
 * What the CLI must be started with to use the fake.
 *
 * @category models
 * @since 0.1.0
 */
export interface CliConfig {
  /** To be added to the environment: `CODEX_HOME`, `HOME`, `CODEX_API_KEY`, and `NO_PROXY` for the server's address. */
  readonly env: Readonly<Record<string, string>>
}

/**
 * The running fake: where it is, and what the CLI asked it.
 *
 * A CLI with the built-in provider finds it by `openai_base_url = url`. The CLI's own requests to compact a full
 * context are answered without the script and are not captured.
 *
 * @category services
 * @since 0.1.0
 */
export class FakeModel extends Context.Service<FakeModel, {
  /** Base URL of the API: `http://127.0.0.1:PORT/v1`. */
  readonly url: string
  /** The directory that the CLI keeps configuration and threads in. It is removed with the layer. */
  readonly codexHome: string
  readonly cli: CliConfig
  /** The model requests so far. */
  readonly requests: Effect.Effect<ReadonlyArray<ModelRequest.ModelRequest>>
  /** Waits for the model request at `index`, from 0. */
  readonly awaitRequest: (index: number) => Effect.Effect<ModelRequest.ModelRequest>
  /** Fails unless the script was played to its end, and had an answer to all that the CLI asked. */
  readonly verify: Effect.Effect<void, ScriptMismatch>
}>()("@effect-codex/testing/FakeModel") {}

/**
 * The script and what the CLI did with it are not the same.
 *
 * @category errors
 * @since 0.1.0
 */
export class ScriptMismatch extends Schema.TaggedError<ScriptMismatch>("@effect-codex/testing/ScriptMismatch")(
  "ScriptMismatch",
  { problems: Schema.Array(Schema.String) }
) {
  override get message() {
    return this.problems.join("\n")
  }
}

/**
 * Starts the fake on the `HttpServer` from context, which must be its own.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  script: Script,
  options?: Options
): Effect.fn.Return<
  FakeModel["Service"],
  PlatformError.PlatformError,
  HttpServer.HttpServer | FileSystem.FileSystem | Path.Path | Scope.Scope
> {
  const server = yield* HttpServer.HttpServer
  const { hostname, origin } = yield* serverUrl(server.address)
  const url = `${origin}/v1`
  const { codexHome, home } = yield* fakeHome.make({
    url,
    model: options?.model ?? "gpt-5.5",
    requestMaxRetries: options?.requestMaxRetries ?? 0,
    streamMaxRetries: options?.streamMaxRetries ?? 0,
    streamIdleTimeout: options?.streamIdleTimeout
  })
  const maxRequests = options?.maxRequests ?? 1000
  const requests = yield* SubscriptionRef.make<ReadonlyArray<ModelRequest.ModelRequest>>([])
  const problems = yield* Ref.make<ReadonlyArray<string>>([])

  const refuse = (problem: string) =>
    Effect.as(
      Ref.update(problems, Arr.append(problem)),
      // The CLI reports the body of a 400 word by word, and does not retry it.
      ModelReply.httpError(400, { message: problem, body: `FakeModel: ${problem}` })
    )
  const capture = (raw: ModelRequest.Raw) =>
    SubscriptionRef.modify(requests, (earlier) => {
      const request = ModelRequest.make(raw, earlier)
      return [request, earlier.length < maxRequests ? Arr.append(earlier, request) : earlier] as const
    })
  const replyTo = Effect.fnUntraced(function*(raw: ModelRequest.Raw) {
    if (ModelRequest.isCompaction(raw)) return { request: ModelRequest.make(raw, []), reply: compacted }
    const request = yield* capture(raw)
    if (request.index >= maxRequests) return { request, reply: yield* refuse(`more than ${maxRequests} requests`) }
    const reply = yield* answer(script, request).pipe(
      Effect.catchDefect((defect) => refuse(`the script failed at request ${request.index}: ${String(defect)}`))
    )
    return { request, reply: reply ?? (yield* refuse(`the script has no reply to request ${request.index}`)) }
  })
  yield* responsesServer.serve(replyTo)

  return FakeModel.of({
    url,
    codexHome,
    // Not the user's home: the login shells of the agent's commands would run their profile.
    cli: { env: { CODEX_HOME: codexHome, HOME: home, CODEX_API_KEY: "fake-key", NO_PROXY: hostname } },
    requests: SubscriptionRef.get(requests),
    awaitRequest: (index) =>
      SubscriptionRef.changes(requests).pipe(
        Stream.flatMap((all) => Stream.fromIterable(all.slice(index, index + 1))),
        Stream.runHead,
        Effect.flatMap(Effect.fromOption),
        Effect.orDie
      ),
    verify: Effect.gen(function*() {
      const found = yield* Ref.get(problems)
      const asked = (yield* SubscriptionRef.get(requests)).length
      const unplayed = isSequence(script) && asked < script.length
        ? [`the script has ${script.length} replies, and ${asked} requests came`]
        : []
      if (found.length + unplayed.length > 0) {
        return yield* new ScriptMismatch({ problems: [...found, ...unplayed] })
      }
    })
  })
})

/**
 * Starts the fake on the `HttpServer` from context, which must be its own.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (script: Script, options?: Options): Layer.Layer<
  FakeModel,
  PlatformError.PlatformError,
  HttpServer.HttpServer | FileSystem.FileSystem | Path.Path
> => Layer.effect(FakeModel, make(script, options))

/**
 * Starts the fake, and what drives the CLI against it: `(cli) => NodeCodex.layer(cli)`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerWith = <A, E, R>(
  script: Script,
  build: (cli: CliConfig) => Layer.Layer<A, E, R>,
  options?: Options
): Layer.Layer<
  A | FakeModel,
  E | PlatformError.PlatformError,
  Exclude<R, FakeModel> | HttpServer.HttpServer | FileSystem.FileSystem | Path.Path
> =>
  Layer.unwrap(Effect.map(FakeModel, (fake) => build(fake.cli))).pipe(
    Layer.provideMerge(layer(script, options))
  )

const isSequence = (script: Script): script is ReadonlyArray<ModelReply.ModelReply> => Array.isArray(script)

const answer = (
  script: Script,
  request: ModelRequest.ModelRequest
): Effect.Effect<ModelReply.ModelReply | undefined> =>
  Effect.suspend(() => {
    const reply = isSequence(script) ? script[request.index] : script(request)
    return Effect.isEffect(reply) ? reply : Effect.succeed(reply)
  })

// The two providers want the summary in two shapes: as a message, and as an item that only the service can read.
const compacted = ModelReply.concat(
  ModelReply.message("Summary of the conversation so far."),
  ModelReply.event({
    type: "response.output_item.done",
    output_index: 1,
    item: { type: "compaction", id: "cmp_0", encrypted_content: "summary" }
  })
)

const serverUrl = (address: NetAddress.SocketAddress) =>
  NetAddress.isUnixPathAddress(address)
    ? Effect.die(new Error("FakeModel needs a server on a TCP port"))
    : Effect.orDie(Effect.fromResult(NetAddress.toUrl(address)))
