/**
 * Tools of this program that the agent can call: a `Toolkit` of Effect, offered to a thread of an app-server.
 *
 * The arguments of the model are decoded by the tool's `parameters`, and its result is encoded by `success`: a string as
 * it is, anything else as JSON, or what `toModelOutput` makes of it, images included. Whatever goes wrong is told to the
 * model in words, and the turn goes on:
 *
 * | what                                   | what the model is told                                |
 * | -------------------------------------- | ----------------------------------------------------- |
 * | the arguments do not fit               | what was expected at each path, so that it can repair |
 * | the handler fails                      | the error's message, or else its JSON by `failure`    |
 * | it fails, with `failureMode: "return"` | the error's JSON by `failure`                         |
 * | it takes longer than the time limit    | so; the handler is interrupted                        |
 * | it dies, or fails unforeseen           | that it failed, and no more; the log has the cause    |
 *
 * Calls of one turn may run at once. Codex shows the model types, choices, required keys and descriptions of the
 * parameters, but no lengths, ranges, patterns or tuples: say these in descriptions. They are checked all the same.
 *
 * The app-server keeps the tools with the thread: one that is resumed or forked has them still, and its calls need an
 * answer. Offering them needs the capability `experimentalApi`.
 *
 * **Example** (A tool for a thread, with a client of one's own)
 *
 * ```ts
 * import * as Client from "@effect-codex/core/appserver/Client"
 * import * as DynamicTools from "@effect-codex/core/appserver/DynamicTools"
 * import * as Tool from "effect/ai/Tool"
 * import * as Toolkit from "effect/ai/Toolkit"
 * import * as Effect from "effect/Effect"
 * import * as Schema from "effect/Schema"
 *
 * const FindCustomer = Tool.make("find_customer", {
 *   description: "Finds a customer by the address of an email",
 *   parameters: Schema.Struct({ email: Schema.String }),
 *   success: Schema.Struct({ id: Schema.Int, since: Schema.DateTimeUtcFromString }),
 *   failure: Schema.String
 * })
 *
 * const toolkit = Toolkit.make(FindCustomer)
 *
 * const handlers = toolkit.toLayer({
 *   find_customer: ({ email }) => Effect.fail(`There is no customer ${email}`)
 * })
 *
 * const program = Effect.gen(function*() {
 *   const client = yield* Client.Client
 *   const tools = yield* DynamicTools.make(toolkit, { timeout: "10 seconds" })
 *   yield* DynamicTools.serve(client, tools)
 *   const { thread } = yield* client.thread.start({ dynamicTools: tools.specs })
 *   yield* client.turn.start({ threadId: thread.id, input: [{ type: "text", text: "Since when is ada@example.com?" }] })
 * })
 *
 * const main = program.pipe(
 *   Effect.provide([Client.layerStdio({ experimentalApi: true }), handlers]),
 *   Effect.scoped
 * )
 * ```
 *
 * @since 0.1.0
 */
import type * as Tool from "effect/ai/Tool"
import type * as Toolkit from "effect/ai/Toolkit"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as CodexError from "../CodexError.ts"
import * as Calls from "../internal/dynamicToolCalls.ts"
import * as Specs from "../internal/dynamicToolSpecs.ts"
import type { Operations } from "./Client.ts"
import type { Notification } from "./JsonRpcMessage.ts"
import type * as Protocol from "./Protocol.ts"

// =============================================================================
// Models
// =============================================================================

/**
 * Tools with all that their handlers need: what a thread is told of them, and how their calls are answered.
 *
 * @category models
 * @since 0.1.0
 */
export interface DynamicTools {
  /** What `thread/start` takes as `dynamicTools`. */
  readonly specs: ReadonlyArray<Protocol.DynamicToolSpec>
  /** How long one call may take. */
  readonly timeout: Duration.Duration
  /** Runs the handler of a call and gives the answer to it, whatever happens. Interrupted, it interrupts the handler. */
  readonly call: (
    params: Protocol.ServerParamsOf<"item/tool/call">
  ) => Effect.Effect<Protocol.ServerResultOf<"item/tool/call">>
}

// =============================================================================
// Options
// =============================================================================

/**
 * How tools are offered, and their calls answered.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** How long one call may take (default 1 minute). Codex itself waits for as long as it takes. */
  readonly timeout?: Duration.Input | undefined
  /**
   * Offers the tools in a namespace (default: none), in which their names can't be those of other tools. The model is
   * told its description, of at most 1024 characters.
   */
  readonly namespace?: { readonly name: string; readonly description?: string | undefined } | undefined
}

// =============================================================================
// Constructors
// =============================================================================

/**
 * Makes the tools of a toolkit ready for Codex. What the handlers and the schemas need is taken from context here.
 *
 * Fails with `InvalidOption` on what Codex would refuse, hide or not keep to: a name of other than 1 to 128 letters,
 * digits, `_` and `-`, or one that is Codex's own or begins with `mcp__`; parameters that are no object; a tool with
 * `needsApproval`, as Codex asks for none; a tool that the provider of a model defines.
 *
 * A `Tool.dynamic` with a JSON Schema gets the arguments as they are.
 *
 * @category constructors
 * @since 0.1.0
 */
export function make<Tools extends Record<string, Tool.Any>, E = never, R = never>(
  toolkit: Toolkit.WithHandler<Tools> | Effect.Effect<Toolkit.WithHandler<Tools>, E, R>,
  options?: Options
): Effect.Effect<DynamicTools, CodexError.CodexError | E, R | Tool.HandlerServices<Tools[keyof Tools]>>
export function make<E, R>(
  toolkit: Calls.Handling<unknown, R> | Effect.Effect<Calls.Handling<unknown, R>, E, R>,
  { namespace, timeout: limit = "1 minute" }: Options = {}
): Effect.Effect<DynamicTools, CodexError.CodexError | E, R> {
  return Effect.gen(function*() {
    const handling = Effect.isEffect(toolkit) ? yield* toolkit : toolkit
    const specs = yield* Effect.mapError(
      Effect.fromResult(Specs.make(handling.tools, namespace)),
      CodexError.fromReason
    )
    const context = yield* Effect.context<R>()
    const timeout = Duration.fromInputUnsafe(limit)
    const answers = new Map(Object.entries(Calls.make(handling, timeout)))
    const missing = (tool: string) =>
      Effect.succeed(Calls.said(false, `There is no tool ${tool}. There are: ${[...answers.keys()].join(", ")}.`))
    return {
      specs,
      timeout,
      call: ({ arguments: input, callId, namespace: asked, threadId, tool }) => {
        const answer = (asked ?? undefined) === namespace?.name ? answers.get(tool) : undefined
        if (answer === undefined) return missing(tool)
        return answer(input, callId).pipe(
          Effect.withSpan(`execute_tool ${tool}`, {
            attributes: {
              "gen_ai.operation.name": "execute_tool",
              "gen_ai.tool.name": tool,
              "gen_ai.tool.call.id": callId,
              "gen_ai.conversation.id": threadId
            }
          }),
          Effect.provideContext(context)
        )
      }
    }
  })
}

// =============================================================================
// Serving
// =============================================================================

/**
 * Answers the calls that come over a connection, of whatever thread, for as long as the scope is open. A handler is
 * interrupted when its turn is.
 *
 * Threads with tools of their own need a `call` that looks at `threadId`, and the longest `timeout` of all. What
 * `Approvals` says of calls does not count meanwhile.
 *
 * @category serving
 * @since 0.1.0
 */
export const serve = (
  client: Pick<Operations, "onServerRequest" | "rpc">,
  { call, timeout }: Pick<DynamicTools, "call" | "timeout">
): Effect.Effect<void, never, Scope.Scope> =>
  client.onServerRequest(
    "item/tool/call",
    Effect.fnUntraced(function*(params) {
      const ended = yield* client.rpc.waitFor((notification) => ends(notification, params), {
        methods: ["item/completed", "turn/completed"]
      })
      // Nobody reads the second answer.
      return yield* Effect.raceFirst(call(params), Effect.as(ended, Calls.said(false, "The turn was interrupted.")))
    }, Effect.scoped),
    { timeout: Duration.sum(timeout, grace) }
  )

// =============================================================================
// Internals
// =============================================================================

/** How much longer the connection waits than {@link DynamicTools.call}, whose handler may take time to be interrupted. */
const grace = Duration.seconds(5)

// Codex says of other requests when it waits no more (`serverRequest/resolved`), but not of this one.
const ends = (
  { params }: Notification,
  { callId, threadId, turnId }: Protocol.ServerParamsOf<"item/tool/call">
): boolean =>
  Option.exists(
    decodeEnd(params),
    (end) => end.threadId === threadId && (end.item?.id === callId || end.turn?.id === turnId)
  )

const Identified = Schema.optionalKey(Schema.Struct({ id: Schema.String }))

const decodeEnd = Schema.decodeUnknownOption(
  Schema.Struct({ threadId: Schema.String, item: Identified, turn: Identified })
)
