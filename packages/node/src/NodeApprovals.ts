/**
 * Approvals by the person at the terminal, and rules that know the files of this machine.
 *
 * **Example** (What no rule allows is asked)
 *
 * ```ts
 * import * as ApprovalRules from "@effect-codex/core/ApprovalRules"
 * import * as NodeApprovals from "@effect-codex/node/NodeApprovals"
 *
 * const layer = NodeApprovals.layerRules([
 *   ApprovalRules.command(["npm", "test"]),
 *   ApprovalRules.folder("/srv/shop")
 * ], { orElse: NodeApprovals.terminal })
 * ```
 *
 * @since 0.1.0
 */
import * as ApprovalAnswer from "@effect-codex/core/ApprovalAnswer"
import type { ApprovalRequest, RequestOf } from "@effect-codex/core/ApprovalRequest"
import * as ApprovalRules from "@effect-codex/core/ApprovalRules"
import * as Approvals from "@effect-codex/core/Approvals"
import type { CodexError } from "@effect-codex/core/CodexError"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Prompt from "effect/cli/Prompt"
import { TerminalCapabilities } from "effect/cli/TerminalCapabilities"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import type { PlatformError } from "effect/PlatformError"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import * as Terminal from "effect/Terminal"
import { choicesOf, type Choosable, questionOf } from "./internal/approvalQuestions.ts"
import * as FormPrompts from "./internal/formPrompts.ts"
import { visibleLine } from "./internal/visibleText.ts"

// =============================================================================
// Errors
// =============================================================================

/**
 * There is nobody to ask: input or output is no terminal. Requests are declined.
 *
 * @category errors
 * @since 0.1.0
 */
export class NoTerminal extends Schema.TaggedError<NoTerminal>("@effect-codex/node/NodeApprovals/NoTerminal")(
  "NoTerminal",
  {}
) {
  override get message(): string {
    return "Input and output must be a terminal to ask somebody: use another policy of `Approvals` where they are not"
  }
}

// =============================================================================
// Policies
// =============================================================================

/**
 * Asks the person at the terminal, one question at a time, and shows what the agent and others say as text only. Esc and
 * Ctrl-C stop the turn where that can be answered, and else are a "no".
 *
 * What no person can answer (results of tools, tokens, attestations, the time) is declined.
 *
 * @category policies
 * @since 0.1.0
 */
export const terminal: Approvals.Policy<Prompt.Environment> = Approvals.fromFunction(
  Effect.fnUntraced(function*(request: ApprovalRequest) {
    switch (request.kind) {
      case "toolCall":
      case "tokenRefresh":
      case "attestation":
      case "currentTime":
        return ApprovalAnswer.decline
    }
    if (!(yield* TerminalCapabilities).canPrompt) return yield* new NoTerminal()
    const asking = request.kind === "userInput" ? askUser(request) : askApproval(request)
    const quit = ApprovalAnswer.fits(request.kind, ApprovalAnswer.cancel)
      ? ApprovalAnswer.cancel
      : ApprovalAnswer.decline
    const turns = yield* Turns
    return yield* turns.withPermit(asking.pipe(
      Effect.catchTag("QuitError", () => Effect.succeed(quit)),
      Effect.onInterrupt(() => Effect.ignore(show("Codex does not wait for an answer any more.")))
    ))
  })
)

// =============================================================================
// Paths
// =============================================================================

/**
 * Where a path really leads, all symbolic links followed, even if there is nothing yet. Fails if a link leads nowhere.
 *
 * @category paths
 * @since 0.1.0
 */
export const realPath = (path: string): Effect.Effect<string, PlatformError, FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const { basename, dirname, join, resolve } = yield* Path.Path

    const follow = (path: string): Effect.Effect<string, PlatformError> =>
      Effect.catch(fs.realPath(path), (error) =>
        Effect.matchEffect(fs.readLink(path), {
          // What is written to it is created where it leads, wherever that is.
          onSuccess: () => Effect.fail(error),
          onFailure: () =>
            dirname(path) === path
              ? Effect.fail(error)
              : Effect.map(follow(dirname(path)), (parent) => join(parent, basename(path)))
        }))
    return yield* follow(resolve(path))
  })

// =============================================================================
// Layers
// =============================================================================

/**
 * Gives a client the person at the terminal.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerTerminal: Layer.Layer<never> = Layer.provide(Approvals.layer(terminal), NodeServices.layer)

/**
 * Gives a client a policy of rules (`ApprovalRules.make`) that follows symbolic links: for an app-server on this machine.
 * Fails with `InvalidOption` if a rule is none.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerRules = <R = never>(
  rules: ReadonlyArray<ApprovalRules.Rule>,
  options?: Omit<ApprovalRules.Options<never, never, R>, "realPath">
): Layer.Layer<never, CodexError | PlatformError, Exclude<R, NodeServices.NodeServices>> =>
  Layer.provide(ApprovalRules.layer(rules, { ...options, realPath }), NodeServices.layer)

// =============================================================================
// Internals
// =============================================================================

/** There is one terminal. */
const Turns = Context.Reference<Semaphore.Semaphore>("@effect-codex/node/NodeApprovals/Turns", {
  defaultValue: () => Semaphore.makeUnsafe(1)
})

const show = (text: string) => Effect.flatMap(Terminal.Terminal, ({ display }) => display(`\n${text}\n`))

const askApproval = Effect.fnUntraced(function*(request: Choosable) {
  const form = request.kind === "elicitation" && request.mode === "form"
    ? FormPrompts.ofSchema(request.schema)
    : Option.none()
  const { message, text } = questionOf(request)
  yield* show(text)
  const chosen = yield* Prompt.Select<ApprovalAnswer.ApprovalAnswer | FormPrompts.Asking>({
    message,
    choices: [
      ...Option.match(form, { onNone: () => [], onSome: (form) => [{ title: "Answer", value: form }] }),
      ...choicesOf(request)
    ]
  })
  return Effect.isEffect(chosen) ? ApprovalAnswer.content(yield* chosen) : chosen
})

const askUser = Effect.fnUntraced(function*({ questions }: RequestOf<"userInput">) {
  yield* show("Codex asks you:")
  const answers = yield* Effect.forEach(
    questions,
    (question) => Effect.map(askQuestion(question), (answer) => [question.id, [answer]] as const)
  )
  return ApprovalAnswer.answers(Object.fromEntries(answers))
})

const askQuestion = Effect.fnUntraced(function*(question: RequestOf<"userInput">["questions"][number]) {
  const message = visibleLine(question.question)
  const options = question.options ?? []
  const chosen = options.length === 0 ? undefined : yield* Prompt.Select<string | undefined>({
    message,
    choices: [
      ...options.map(({ description, label }) => ({
        title: visibleLine(label),
        description: visibleLine(description),
        value: label
      })),
      ...(question.isOther === true ? [{ title: "Something else", value: undefined }] : [])
    ]
  })
  return chosen ?? (yield* question.isSecret === true ? Prompt.Password({ message }) : Prompt.String({ message }))
})
