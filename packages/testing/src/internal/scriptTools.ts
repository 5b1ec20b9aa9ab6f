/**
 * What the agent of a scripted turn does, and may do.
 *
 * @internal
 */
import * as Protocol from "@effect-codex/core/appserver/Protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Items from "./scriptItems.ts"
import type { StepOf } from "./scriptSchema.ts"
import type { Asked, Telling } from "./scriptTelling.ts"
import type { Thread } from "./scriptThreads.ts"

/** Whether the turn goes on. */
export type Outcome = "cancelled" | "done"

export const make = (thread: Thread, telling: Telling) => {
  const { active, ask, changed, completed, of, started, tell } = telling
  const now = Clock.currentTimeMillis

  /** Asks, if it needs to; the user may allow `key` for good. */
  const permission = Effect.fnUntraced(function*(
    needed: boolean,
    key: string,
    question: { readonly before: Effect.Effect<void>; readonly ask: Asked }
  ) {
    if (!needed || thread.allowed.has(key)) return "free"
    yield* question.before
    const decision = decisionOf(yield* ask(question.ask))
    if (decision === "remembered") thread.allowed.add(key)
    return decision
  })

  const run = Effect.fnUntraced(function*(id: string, step: StepOf<"Run">): Effect.fn.Return<Outcome> {
    const { approvalPolicy, cwd, sandbox } = thread.settings
    const asked = Items.command(id, step, cwd)
    const startedAtMs = yield* now
    if (step.ask !== undefined && approvalPolicy === "never") return "done"
    const decision = yield* permission(
      step.ask !== undefined && (sandbox !== "danger-full-access" || approvalPolicy === "untrusted"),
      step.command,
      {
        before: Effect.andThen(active("waitingOnApproval"), started(asked)),
        ask: {
          method: "item/commandExecution/requestApproval",
          params: {
            ...of,
            kind: "command",
            itemId: id,
            startedAtMs,
            environmentId: "local",
            reason: step.ask ?? null,
            command: asked.command,
            cwd,
            commandActions: asked.commandActions,
            proposedExecpolicyAmendment: Items.policyOf(step.command),
            availableDecisions: [
              "accept",
              { acceptWithExecpolicyAmendment: { execpolicy_amendment: Items.policyOf(step.command) } },
              "cancel"
            ]
          }
        }
      }
    )
    if (decision === "declined" || decision === "cancelled" || decision === "failed") {
      yield* completed({ ...asked, status: decision === "failed" ? "failed" : "declined" })
      yield* active()
      return decision === "cancelled" ? "cancelled" : "done"
    }
    const running = { ...asked, processId: id, source: "unifiedExecStartup" } as const
    yield* decision === "free" ? started(running) : active()
    thread.running.set(id, { turnId: of.turnId, item: running })
    if (step.duration !== undefined) {
      yield* Effect.sleep(step.duration)
      if (step.output !== "") {
        const params = { ...of, itemId: id, delta: step.output }
        yield* tell({ method: "item/commandExecution/outputDelta", params })
      }
    }
    thread.running.delete(id)
    yield* completed(Items.commandDone(running, step))
    return "done"
  })

  const changeFiles = Effect.fnUntraced(function*(
    id: string,
    step: StepOf<"ChangeFiles">
  ): Effect.fn.Return<Outcome> {
    const { approvalPolicy, cwd, sandbox } = thread.settings
    const isOutside = sandbox === "read-only" || (sandbox === "workspace-write" && step.ask === true)
    if (isOutside && approvalPolicy === "never") return "done"
    const item = Items.fileChange(id, step, cwd)
    yield* started(item)
    const decision = yield* permission(
      isOutside || approvalPolicy === "untrusted",
      JSON.stringify(item.changes.map(({ path }) => path)),
      {
        before: active("waitingOnApproval"),
        ask: {
          method: "item/fileChange/requestApproval",
          params: { ...of, itemId: id, startedAtMs: yield* now, reason: null, grantRoot: null }
        }
      }
    )
    if (decision !== "free") yield* active()
    if (decision === "declined" || decision === "cancelled" || decision === "failed") {
      yield* completed({ ...item, status: decision === "failed" ? "failed" : "declined" })
      return decision === "cancelled" ? "cancelled" : "done"
    }
    yield* completed({ ...item, status: "completed" })
    yield* changed(Items.gitDiff(step))
    return "done"
  })

  const callTool = Effect.fnUntraced(function*(id: string, step: StepOf<"CallTool">) {
    const { arguments: given, namespace, tool } = step
    if (!thread.settings.tools.has(namespace === undefined ? tool : `${namespace}.${tool}`)) return
    const item = Items.dynamicToolCall(id, step)
    yield* started(item)
    const answer = yield* ask({
      method: "item/tool/call",
      params: { ...of, callId: id, namespace: namespace ?? null, tool, arguments: given }
    })
    const result = Protocol.ServerRequests["item/tool/call"].result.decode(answer)
    const { contentItems, success } = Result.getOrElse(result, () => ({
      contentItems: [{ type: "inputText", text: "dynamic tool request failed" } as const],
      success: false
    }))
    yield* completed({ ...item, contentItems, success, status: success ? "completed" : "failed", durationMs: 0 })
  })

  return { run, changeFiles, callTool }
}

const decisionOf = (answer: unknown): "accepted" | "cancelled" | "declined" | "failed" | "remembered" => {
  const result = Protocol.ServerRequests["item/commandExecution/requestApproval"].result.decode(answer)
  if (Result.isFailure(result)) return "failed"
  switch (result.success.decision) {
    case "decline":
      return "declined"
    case "cancel":
      return "cancelled"
    case "accept":
      return "accepted"
    default:
      return "remembered"
  }
}
