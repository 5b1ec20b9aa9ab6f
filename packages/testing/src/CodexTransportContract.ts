/**
 * What every `CodexTransport` keeps to, as tests for a transport of your own.
 *
 * What Codex does in them is a {@link CodexScript}: how your transport's Codex plays one is yours to say. A transport
 * that starts processes has them played by `FakeCli.layerSpawner`, one that speaks to an app-server by
 * `FakeAppServer.make`, and one that drives the real CLI by a `FakeModel` (`CodexScript.toModel`).
 *
 * **Example** (Testing a transport)
 *
 * ```ts
 * import * as CodexCli from "@effect-codex/core/CodexCli"
 * import * as ExecTransport from "@effect-codex/core/exec/ExecTransport"
 * import * as ProcessGuard from "@effect-codex/core/ProcessGuard"
 * import type * as CodexScript from "@effect-codex/testing/CodexScript"
 * import * as CodexTransportContract from "@effect-codex/testing/CodexTransportContract"
 * import * as FakeCli from "@effect-codex/testing/FakeCli"
 * import { describe, it } from "@effect/vitest"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 *
 * // In place of `ExecTransport`, your own.
 * const layer = (script: CodexScript.CodexScript) =>
 *   ExecTransport.layer().pipe(
 *     Layer.provide([Layer.succeed(CodexCli.CodexCli, { command: "codex" }), ProcessGuard.layerNoop]),
 *     Layer.provideMerge(FakeCli.layerSpawner(script))
 *   )
 *
 * const running = FakeCli.FakeCli.use(({ invocations }) =>
 *   Effect.map(invocations, (invocations) => invocations.filter(({ running }) => running).length)
 * )
 *
 * describe("my transport", () => {
 *   CodexTransportContract.suite(it.live, layer, {
 *     alive: running,
 *     refused: [{ approval: "on-request" }]
 *   })
 * })
 * ```
 *
 * @since 0.1.0
 */
import { CodexTransport } from "@effect-codex/core/CodexTransport"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type { CodexScript } from "./CodexScript.ts"
import * as Ending from "./internal/transportEnding.ts"
import * as Law from "./internal/transportLaw.ts"
import * as Secrecy from "./internal/transportSecrecy.ts"
import * as Starting from "./internal/transportStarting.ts"
import * as Telling from "./internal/transportTelling.ts"
import * as Threads from "./internal/transportThreads.ts"
import type { Runner } from "./SessionStoreContract.ts"

// =============================================================================
// Models
// =============================================================================

export {
  /**
   * Declares a test that runs in real time, such as `it.live` of `@effect/vitest`.
   *
   * @category models
   * @since 0.1.0
   */
  type Runner
} from "./SessionStoreContract.ts"

/**
 * What a turn is asked for, beside its input.
 *
 * @category models
 * @since 0.1.0
 */
export type Asked = Law.Asked

/**
 * A law that a transport breaks: what is wrong, with what the turn told, and what to mend.
 *
 * @category errors
 * @since 0.1.0
 */
export class Violation extends Data.TaggedError("Violation")<{
  readonly law: string
  readonly problem: string
  readonly mend: string
}> {
  override get message(): string {
    return `A transport ${this.law}. But ${this.problem}\n${this.mend}`
  }
}

// =============================================================================
// Suite
// =============================================================================

/**
 * The command that the agent runs while its turn is stopped, for an `alive` that looks for processes.
 *
 * @category constants
 * @since 0.1.0
 */
export const command: string = Ending.command

/**
 * Options of {@link suite}. Of some laws the tests can only know what you tell: without these, they are left out.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options<R> {
  /** What every turn is asked for, such as a `workingDirectory`. */
  readonly request?: Asked | undefined
  /**
   * How many workers (processes, or turns over a connection) there are, looked up anew each time. Without it, the laws
   * of what is left of a turn only see that it comes to an end.
   */
  readonly alive?: Effect.Effect<number, never, R> | undefined
  /** What this transport can't do, one by one: `[{ approval: "on-request" }]`. */
  readonly refused?: ReadonlyArray<Asked> | undefined
  /** The JSON Schema that Codex was given with the last turn; `undefined` if it was given none. */
  readonly outputSchema?: Effect.Effect<unknown, never, R> | undefined
  /** A secret that the transport was given, such as its key. */
  readonly secret?: Redacted.Redacted<string> | undefined
  /**
   * Whether a real CLI plays the scripts, which neither crashes at command nor tells what is not known yet (default
   * `false`).
   */
  readonly real?: boolean | undefined
  /** How long a law may take (default 4 seconds, a little less than vitest gives to a test). */
  readonly timeout?: Duration.Input | undefined
}

/**
 * Declares the tests. Each builds the layer anew, with a script of its own. `alive` and `outputSchema` may use what the
 * layer provides beside the transport.
 *
 * @category constructors
 * @since 0.1.0
 */
export const suite = <E, A = never, R = never>(
  it: Runner<R>,
  layer: (script: CodexScript) => Layer.Layer<CodexTransport | A, E, R>,
  options: Options<A> = {}
): void => {
  const secret = options.secret === undefined ? "" : Redacted.value(options.secret)
  const given: Record<Law.Need, boolean> = {
    alive: options.alive !== undefined,
    fake: options.real !== true,
    outputSchema: options.outputSchema !== undefined,
    refused: options.refused !== undefined,
    secret: secret !== ""
  }

  const test = Effect.fnUntraced(function*({ mend, name, script, test }: Law.Law) {
    const context = yield* Layer.build(Layer.fresh(layer(script(secret))))
    const bench = Law.make(Context.get(context, CodexTransport), {
      request: options.request ?? {},
      alive: options.alive && Effect.provideContext(options.alive, context),
      outputSchema: Effect.provideContext(options.outputSchema ?? Effect.undefined, context),
      refused: options.refused ?? [],
      secret
    })
    yield* test(bench).pipe(
      Effect.timeoutOrElse({
        duration: options.timeout ?? "4 seconds",
        orElse: () => Law.problem("it did not come to an end in time.")
      }),
      Effect.mapError(({ message }) => new Violation({ law: name, problem: message, mend }))
    )
  }, Effect.scoped)

  for (const law of laws) {
    if (law.needs?.every((need) => given[need]) ?? true) it(law.name, () => test(law))
  }
}

// =============================================================================
// Internals
// =============================================================================

const laws: ReadonlyArray<Law.Law> = [
  ...Telling.laws,
  ...Starting.laws,
  ...Ending.laws,
  ...Threads.laws,
  ...Secrecy.laws
]
