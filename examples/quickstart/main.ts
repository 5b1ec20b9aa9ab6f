/**
 * The quickstart: a real Codex turn, as a stream of typed events, shown while it happens.
 *
 *     npm run quickstart                             the model is scripted, the Codex CLI and its work are real
 *     npm run quickstart -- --live "your prompt"     the real model, with your Codex account
 */
import * as Codex from "@effect-codex/core/Codex"
import { SandboxMode } from "@effect-codex/core/CodexOptions"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Argument from "effect/cli/Argument"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Live from "./Live.ts"
import * as Render from "./Render.ts"
import * as Screen from "./Screen.ts"
import * as Script from "./Script.ts"
import * as Workspace from "./Workspace.ts"

const quickstart = Command.make(
  "quickstart",
  {
    words: Argument.String("prompt").pipe(
      Argument.withDescription("What the agent is to do in the sample workspace (default: repair it)"),
      Argument.variadic()
    ),
    live: Flag.Boolean("live").pipe(
      Flag.withDescription("Ask the real model, with your Codex account"),
      Flag.withDefault(false)
    ),
    sandbox: Flag.Literals("sandbox", SandboxMode.literals).pipe(
      Flag.withDescription("What the agent may touch (default: the workspace; everything if the model is scripted)"),
      Flag.optional
    )
  },
  Effect.fn(function*({ live, sandbox, words }) {
    const prompt = words.length === 0 ? Workspace.task : words.join(" ")
    const workspace = yield* Workspace.make
    const view = yield* Screen.view(workspace.directory)
    yield* Screen.print(Render.header(view, { prompt, scripted: !live }))

    const events = Codex.stream(prompt, {
      workingDirectory: workspace.directory,
      // The script is ours, and not every machine that runs it (a container, say) can make a sandbox.
      sandbox: Option.getOrElse(sandbox, () => live ? "workspace-write" : "danger-full-access"),
      idleTimeout: "5 minutes"
    })
    const turn = yield* Screen.watch(view, events)

    const diff = yield* workspace.diff
    const repaired = yield* workspace.isRepaired
    yield* Screen.print(Render.summary(view, turn, { diff, repaired }))
  }, Effect.scoped)
).pipe(
  Command.withDescription("Runs a Codex turn in a temporary workspace, and shows what the agent does"),
  Command.provide(({ live }) => live ? Live.layer : Script.layer)
)

Command.run(quickstart, { version: "0.1.0" }).pipe(
  // What is wrong with the arguments is told already.
  Effect.tapError((error) => CliError.isCliError(error) ? Effect.void : Console.error(Render.failure(error))),
  Effect.tapDefect((defect) => Console.error(Render.failure(defect))),
  Effect.onInterrupt(() => Console.error("Interrupted. Codex and all that it started have ended.")),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain({ disableErrorReporting: true })
)
