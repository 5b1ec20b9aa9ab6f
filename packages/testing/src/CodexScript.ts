/**
 * What a Codex does, as data: one script for every fake.
 *
 * A script is a list of rules, each of which says which turns it is for and what happens in them. The first rule that
 * fits a turn is played. Scripts are values with a schema: they can be generated, shrunk, stored and printed.
 *
 * **Example** (A Codex that plans once, and then fails once before it works)
 *
 * ```ts
 * import * as CodexScript from "@effect-codex/testing/CodexScript"
 *
 * const script = CodexScript.make([
 *   CodexScript.when(
 *     { prompt: "Make a plan" },
 *     CodexScript.plan([{ step: "Look", status: "pending" }]),
 *     CodexScript.message("I will look.")
 *   ),
 *   CodexScript.when({ attempt: 1 }, CodexScript.fail("overloaded")),
 *   CodexScript.turn(
 *     CodexScript.reasoning("**Looking**"),
 *     CodexScript.run("ls", { output: "a.txt\n" }),
 *     CodexScript.message("There is ", "a.txt.")
 *   )
 * ])
 * ```
 *
 * - `FakeCli.layer` plays it as `codex exec`, and `FakeCli.layerSpawner` as `codex app-server`, too, for who starts
 *   that: no process, time under `TestClock`.
 * - `FakeAppServer.layer` plays it over a connection in memory.
 * - {@link toModel} makes it the script of a `FakeModel`, which drives the real CLI.
 *
 * A program gets the same turns from all of them. On the real CLI commands run and files change in earnest: there, what
 * a command prints and how it ends is what it really does, and not what the script says. {@link crash},
 * {@link garbage} and {@link future} are for the fakes alone. Fakes have a sandbox as where the user trusts the
 * directory: `workspace-write`, unless an option says otherwise.
 *
 * A turn is a conversation of the CLI with its model: a command, a patch, a plan or a tool call ends an answer of the
 * model, which is then asked again. Each answer costs {@link usage}.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import type { ConstraintCodec, Json } from "effect/Schema"
import type * as FakeModel from "./FakeModel.ts"
import * as ScriptModel from "./internal/scriptModel.ts"
import * as ScriptOutput from "./internal/scriptOutput.ts"
import type { Change, CodexScript, FailureKind, Rule, Step, StepOf } from "./internal/scriptSchema.ts"
import type { PlanStep } from "./ModelReply.ts"

// =============================================================================
// Models
// =============================================================================

export {
  /**
   * A change of one file, and its schema. `path` is relative to where the agent works. An update replaces whole lines.
   *
   * @category models
   * @since 0.1.0
   */
  Change,
  /**
   * What a Codex does, and its schema: the first rule that fits a turn, else the fallback.
   *
   * @category models
   * @since 0.1.0
   */
  CodexScript,
  /**
   * Which turns a rule is for, and its schema: those to which all that is given applies.
   *
   * @category models
   * @since 0.1.0
   */
  Condition,
  /**
   * Each way in which a turn can fail, by what went wrong between the CLI and its model, and its schema.
   *
   * - A response that ends badly, after what it told before: `rate_limited`, `context_window`, `usage_limit`,
   *   `overloaded`, `server_error`, `invalid_prompt`, `incomplete`, `disconnected` (the connection broke),
   *   `stream_closed` (it ended in order, but too early).
   * - An HTTP error in place of a response, which then tells nothing: `invalid_request` (400), `unauthorized` (401),
   *   `too_many_requests` (429), `internal_error` (500).
   *
   * @category models
   * @since 0.1.0
   */
  FailureKind,
  /**
   * What happens in some turns, and its schema.
   *
   * @category models
   * @since 0.1.0
   */
  Rule,
  /**
   * One thing that happens in a turn, and its schema.
   *
   * @category models
   * @since 0.1.0
   */
  Step
} from "./internal/scriptSchema.ts"

// =============================================================================
// Scripts
// =============================================================================

/**
 * A script. Without a `fallback`, a turn that no rule is for fails, and says so.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  rules: ReadonlyArray<Rule>,
  options: { readonly fallback?: ReadonlyArray<Step> | undefined } = {}
): CodexScript => ({
  rules,
  fallback: options.fallback ?? [fail("invalid_request", "CodexScript: the script has no rule for this turn")]
})

/**
 * A rule for every turn that no earlier one is for.
 *
 * @category constructors
 * @since 0.1.0
 */
export const turn = (...steps: ReadonlyArray<Step>): Rule => ({ turn: steps })

/**
 * What {@link when} takes.
 *
 * @category options
 * @since 0.1.0
 */
export interface When {
  /** The prompt contains this text, or matches this pattern. Of a prompt of several texts, it is the last one. */
  readonly prompt?: string | RegExp | undefined
  /** The thread: its number, from 0 in the order of their first turns; or whether it begins, or goes on. */
  readonly thread?: number | "new" | "resumed" | undefined
  /** The number of the turn in its thread, from 0. A fork goes on counting. */
  readonly turn?: number | undefined
  /** How often this very prompt has been given, in whatever thread, this time included: 2 is the first retry. */
  readonly attempt?: number | undefined
}

/**
 * A rule for some turns.
 *
 * @category constructors
 * @since 0.1.0
 */
export const when = ({ attempt, prompt, thread, turn }: When, ...steps: ReadonlyArray<Step>): Rule => ({
  when: {
    ...(prompt === undefined
      ? {}
      : { prompt: typeof prompt === "string" ? { includes: prompt } : { source: prompt.source, flags: prompt.flags } }),
    ...(thread === undefined ? {} : { thread }),
    ...(turn === undefined ? {} : { turn }),
    ...(attempt === undefined ? {} : { attempt })
  },
  turn: steps
})

// =============================================================================
// What the agent does
// =============================================================================

/**
 * The agent says something. Several strings are told as that many deltas of one message.
 *
 * @category steps
 * @since 0.1.0
 */
export const message = (...deltas: ReadonlyArray<string>): StepOf<"Message"> => ({ _tag: "Message", deltas })

/**
 * The agent answers with a value, in the form in which it is read by `Codex.run(prompt, { output: schema })`. Throws if
 * the schema cannot encode it, or is none that `output` takes.
 *
 * **Example** (An answer with a type)
 *
 * ```ts
 * import * as CodexScript from "@effect-codex/testing/CodexScript"
 * import * as Schema from "effect/Schema"
 *
 * const Risks = Schema.Array(Schema.Struct({ file: Schema.String, why: Schema.String }))
 *
 * const script = CodexScript.make([
 *   CodexScript.turn(CodexScript.answer(Risks, [{ file: "save.ts", why: "It loses data." }]))
 * ])
 * ```
 *
 * @category steps
 * @since 0.1.0
 */
export const answer = <A>(schema: ConstraintCodec<A, unknown>, value: A): StepOf<"Message"> =>
  message(ScriptOutput.encode(schema, value))

/**
 * A summary of the agent's reasoning.
 *
 * @category steps
 * @since 0.1.0
 */
export const reasoning = (summary: string): StepOf<"Reasoning"> => ({ _tag: "Reasoning", summary })

/**
 * What {@link run} takes.
 *
 * @category options
 * @since 0.1.0
 */
export interface RunOptions {
  /** What it prints, in a fake (default nothing). */
  readonly output?: string | undefined
  /** How it ends, in a fake (default 0). */
  readonly exitCode?: number | undefined
  /** How long it takes, in a fake (default no time). */
  readonly duration?: Duration.Input | undefined
  /**
   * The agent asks to run it outside of the sandbox, and says why. It is asked of the client only where the approval
   * policy lets the agent ask and there is a sandbox; with the policy `never`, as in `codex exec`, Codex refuses it and
   * tells nothing.
   */
  readonly ask?: string | undefined
}

/**
 * The agent runs a command by a shell.
 *
 * @category steps
 * @since 0.1.0
 */
export const run = (command: string, { ask, duration, exitCode = 0, output = "" }: RunOptions = {}): StepOf<"Run"> => ({
  _tag: "Run",
  command,
  output,
  exitCode,
  ...(duration === undefined ? {} : { duration: Duration.fromInputUnsafe(duration) }),
  ...(ask === undefined ? {} : { ask })
})

/**
 * A new file.
 *
 * @category changes
 * @since 0.1.0
 */
export const add = (path: string, content: string): Change => ({ kind: "add", path, content })

/**
 * Other lines in a file: `from` are whole lines that it has.
 *
 * @category changes
 * @since 0.1.0
 */
export const update = (path: string, from: string, to: string): Change => ({ kind: "update", path, from, to })

/**
 * A file less.
 *
 * @category changes
 * @since 0.1.0
 */
const remove = (path: string): Change => ({ kind: "delete", path })

export {
  /**
   * A file less.
   *
   * @category changes
   * @since 0.1.0
   */
  remove as delete
}

/**
 * The agent changes files by one patch. In the sandbox `read-only`, and elsewhere when `ask` says that the files lie
 * outside of where it may write, it needs an approval, which the policy `never` refuses without a word.
 *
 * @category steps
 * @since 0.1.0
 */
export const changeFiles = (
  changes: readonly [Change, ...ReadonlyArray<Change>],
  options: { readonly ask?: boolean | undefined } = {}
): StepOf<"ChangeFiles"> => ({
  _tag: "ChangeFiles",
  changes,
  ...(options.ask === undefined ? {} : { ask: options.ask })
})

/**
 * The agent calls a tool of an MCP server. The real CLI must have that server, and gets its real result.
 *
 * @category steps
 * @since 0.1.0
 */
export const callMcpTool = (
  server: string,
  tool: string,
  call: {
    readonly arguments?: Readonly<Record<string, Json>> | undefined
    /** The text that the tool gives (default none). */
    readonly text?: string | undefined
    readonly structuredContent?: Json | undefined
    /** Why the call fails, in place of a result. */
    readonly error?: string | undefined
  } = {}
): StepOf<"CallMcpTool"> => ({
  _tag: "CallMcpTool",
  server,
  tool,
  arguments: call.arguments ?? {},
  result: call.error !== undefined ? { error: call.error } : {
    content: call.text === undefined ? [] : [{ type: "text", text: call.text }],
    ...(call.structuredContent === undefined ? {} : { structuredContent: call.structuredContent })
  }
})

/**
 * The agent calls a tool of the client (`DynamicTools`), which answers. Where a thread has no such tool, as in
 * `codex exec`, Codex tells nothing of it.
 *
 * @category steps
 * @since 0.1.0
 */
export const callTool = (
  tool: string,
  call: {
    readonly arguments?: Readonly<Record<string, Json>> | undefined
    readonly namespace?: string | undefined
  } = {}
): StepOf<"CallTool"> => ({
  _tag: "CallTool",
  tool,
  arguments: call.arguments ?? {},
  ...(call.namespace === undefined ? {} : { namespace: call.namespace })
})

/**
 * A search of the web.
 *
 * @category steps
 * @since 0.1.0
 */
export const search = (query: string): StepOf<"Search"> => ({ _tag: "Search", query })

/**
 * The agent writes its plan anew.
 *
 * @category steps
 * @since 0.1.0
 */
export const plan = (
  plan: ReadonlyArray<PlanStep>,
  options: { readonly explanation?: string | undefined } = {}
): StepOf<"Plan"> => ({
  _tag: "Plan",
  plan,
  ...(options.explanation === undefined ? {} : { explanation: options.explanation })
})

/**
 * What the answer of the model costs in which this stands, in place of 100 tokens in (40 of them cached) and 20 out
 * (5 of them reasoning).
 *
 * @category steps
 * @since 0.1.0
 */
export const usage = (tokens: Partial<Omit<StepOf<"Usage">, "_tag">>): StepOf<"Usage"> => ({
  _tag: "Usage",
  inputTokens: 100,
  cachedInputTokens: 40,
  outputTokens: 20,
  reasoningOutputTokens: 5,
  ...tokens
})

// =============================================================================
// Time and failure
// =============================================================================

/**
 * Nothing happens for a while, by the Clock.
 *
 * @category steps
 * @since 0.1.0
 */
export const wait = (duration: Duration.Input): StepOf<"Wait"> => ({
  _tag: "Wait",
  duration: Duration.fromInputUnsafe(duration)
})

/**
 * Nothing happens any more, until the turn is stopped.
 *
 * @category steps
 * @since 0.1.0
 */
export const hang: StepOf<"Hang"> = { _tag: "Hang" }

/**
 * The turn fails. `message` is what the service says; for some kinds, Codex has its own words instead. Of
 * `incomplete` it is the reason, such as `max_output_tokens`.
 *
 * @category steps
 * @since 0.1.0
 */
export const fail = (kind: FailureKind, message = "It failed."): StepOf<"Fail"> => ({ _tag: "Fail", kind, message })

/**
 * The CLI dies: of a signal, or by itself with an exit code (default 101, as when it panics). Over a connection that is
 * not a process, the connection ends. Only a fake can.
 *
 * @category steps
 * @since 0.1.0
 */
export const crash = (
  how: {
    readonly exitCode?: number | undefined
    readonly signal?: string | undefined
    readonly stderr?: string | undefined
  } = {}
): StepOf<"Crash"> => ({
  _tag: "Crash",
  stderr: how.stderr ?? "",
  ...(how.signal === undefined ? { exitCode: how.exitCode ?? 101 } : { signal: how.signal })
})

/**
 * A line that is not JSON. Only a fake can.
 *
 * @category steps
 * @since 0.1.0
 */
export const garbage = (line = "garbage"): StepOf<"Garbage"> => ({ _tag: "Garbage", line })

/**
 * An event, or an item that is completed, of a type that is not known yet. Only a fake can.
 *
 * @category steps
 * @since 0.1.0
 */
export const future = (
  what: "event" | "item",
  type: string,
  fields: Readonly<Record<string, Json>> = {}
): StepOf<"Future"> => ({ _tag: "Future", what, type, fields })

// =============================================================================
// Converting
// =============================================================================

/**
 * The script of a `FakeModel`, with which the real CLI does what the script says. What only a fake can do fails the
 * turn, and says so. Each call gives a script that counts anew.
 *
 * @category converting
 * @since 0.1.0
 */
export const toModel = (script: CodexScript): Extract<FakeModel.Script, Function> => ScriptModel.make(script)
