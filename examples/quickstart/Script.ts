/**
 * What the scripted model does: it looks for the fault in the sample program, and repairs it.
 *
 * The real Codex CLI plays it: it runs each command and applies the patch, as it would for the real model.
 */
import * as NodeCodex from "@effect-codex/node/NodeCodex"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createServer } from "node:http"

/** One reply per request of the CLI. `pause` is how long the model thinks before each. */
export const replies = (pause: Duration.Input): ReadonlyArray<ModelReply.ModelReply> => [
  ModelReply.concat(
    ModelReply.delay(pause),
    ModelReply.reasoning("**Looking at the program and its check**\n\nThen the check itself can tell what is wrong."),
    plan("in_progress", "pending", "pending"),
    ModelReply.shell("cat slug.js check.js"),
    ModelReply.usage({ inputTokens: 2150, cachedInputTokens: 0, outputTokens: 96, reasoningOutputTokens: 41 })
  ),
  ModelReply.concat(
    ModelReply.delay(pause),
    ModelReply.shell("node check.js"),
    ModelReply.usage({ inputTokens: 2290, cachedInputTokens: 2048, outputTokens: 28, reasoningOutputTokens: 0 })
  ),
  ModelReply.concat(
    ModelReply.delay(pause),
    ModelReply.message("`slug` replaces spaces only, so an ampersand stays."),
    plan("completed", "in_progress", "pending"),
    ModelReply.applyPatch(patch),
    ModelReply.usage({ inputTokens: 2470, cachedInputTokens: 2176, outputTokens: 187, reasoningOutputTokens: 64 })
  ),
  ModelReply.concat(
    ModelReply.delay(pause),
    plan("completed", "completed", "in_progress"),
    ModelReply.shell("node check.js"),
    ModelReply.usage({ inputTokens: 2710, cachedInputTokens: 2432, outputTokens: 52, reasoningOutputTokens: 0 })
  ),
  ModelReply.concat(
    ModelReply.delay(pause),
    plan("completed", "completed", "completed"),
    ModelReply.usage({ inputTokens: 2830, cachedInputTokens: 2688, outputTokens: 40, reasoningOutputTokens: 0 })
  ),
  ModelReply.concat(
    ModelReply.delay(pause),
    ModelReply.message(answer),
    ModelReply.usage({ inputTokens: 2900, cachedInputTokens: 2816, outputTokens: 61, reasoningOutputTokens: 0 })
  )
]

/** A Codex whose model plays the script: slowly enough to follow when someone watches. */
export const layer = Layer.unwrap(
  Effect.map(TerminalCapabilities.TerminalCapabilities, ({ canAnimate }) =>
    FakeModel.layerWith(
      replies(canAnimate ? "700 millis" : 0),
      // A login shell may set PATH anew, and so lose the Node that runs us.
      (cli) => NodeCodex.layer({ ...cli, config: { allow_login_shell: false } })
    ))
).pipe(Layer.provide(Layer.orDie(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" }))))

// =============================================================================
// Internals
// =============================================================================

type Status = ModelReply.PlanStep["status"]

const plan = (run: Status, fix: Status, rerun: Status): ModelReply.ModelReply =>
  ModelReply.updatePlan([
    { step: "Run the check", status: run },
    { step: "Fix what it finds", status: fix },
    { step: "Run the check again", status: rerun }
  ])

const patch = `*** Begin Patch
*** Update File: slug.js
@@
-export const slug = (title) => title.toLowerCase().replaceAll(" ", "-")
+export const slug = (title) => (title.toLowerCase().match(/[a-z0-9]+/g) ?? []).join("-")
*** End Patch
`

const answer = `The check passes now.

\`slug\` replaced spaces only, so "Q & A" became "q-&-a". It now
takes the words and numbers of a title and joins them with dashes.`
