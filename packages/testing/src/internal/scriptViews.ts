/**
 * What a scripted app-server says of its threads.
 *
 * @internal
 */
import type * as Protocol from "@effect-codex/core/appserver/Protocol"
import * as Predicate from "effect/Predicate"
import type { Settings, Thread } from "./scriptThreads.ts"

/** What a thread is opened with. */
type Given = Pick<
  Protocol.ParamsOf<"thread/start">,
  "approvalPolicy" | "approvalsReviewer" | "config" | "cwd" | "dynamicTools" | "ephemeral" | "model" | "sandbox"
>

/** What is not said is as it was before; of a new thread, as where the user trusts the directory. */
export const settingsOf = (given: Given, before?: Settings): Settings => ({
  cwd: directory(given.cwd) ?? before?.cwd ?? "/",
  model: given.model ?? before?.model ?? "gpt-5.5",
  approvalPolicy: textOr(given.approvalPolicy, before?.approvalPolicy ?? "on-request"),
  approvalsReviewer: given.approvalsReviewer ?? before?.approvalsReviewer ?? "user",
  sandbox: given.sandbox ?? before?.sandbox ?? "workspace-write",
  networkAccess: networkOf(given.config) ?? before?.networkAccess ?? false,
  ephemeral: given.ephemeral ?? before?.ephemeral ?? false,
  tools: given.dynamicTools === undefined ? before?.tools ?? new Set() : toolsOf(given.dynamicTools)
})

// Where the server runs.
const directory = (cwd: string | null | undefined): string | undefined => cwd === "." ? "/" : cwd ?? undefined

const textOr = (value: unknown, otherwise: string): string => typeof value === "string" ? value : otherwise

const networkOf = (config: Given["config"]): boolean | undefined => {
  const table = config?.["sandbox_workspace_write"]
  return Predicate.hasProperty(table, "network_access") && typeof table.network_access === "boolean"
    ? table.network_access
    : undefined
}

const toolsOf = (tools: Given["dynamicTools"]): ReadonlySet<string> =>
  new Set(
    (tools ?? []).flatMap((tool) =>
      tool.type === "namespace" ? tool.tools.map(({ name }) => `${tool.name}.${name}`) : [tool.name]
    )
  )

export const thread = (
  { createdAt, forkedFrom, id, name, preview, settings, turns }: Thread,
  status: Protocol.ThreadStatus
): Protocol.Thread => {
  const isOpen = status.type !== "notLoaded"
  const updatedAt = Math.floor((turns.at(-1)?.completedAt ?? turns.at(-1)?.startedAt ?? createdAt) / 1000)
  return {
    id,
    sessionId: id,
    forkedFromId: forkedFrom ?? null,
    attachedToThreadId: null,
    parentThreadId: null,
    preview,
    ephemeral: settings.ephemeral,
    projectId: null,
    modelProvider: "openai",
    model: settings.model,
    reasoningEffort: null,
    createdAt: Math.floor(createdAt / 1000),
    updatedAt,
    recencyAt: updatedAt,
    status,
    path: settings.ephemeral ? null : `/home/codex/.codex/sessions/rollout-${id}.jsonl`,
    cwd: settings.cwd,
    cliVersion: "0.169.0",
    source: "vscode",
    canAcceptDirectInput: isOpen ? true : null,
    threadSource: null,
    gitInfo: null,
    name,
    turns: []
  }
}

/** What is said of a thread that has been opened. */
export const inForce = (
  { settings }: Thread,
  thread: Protocol.Thread
): Protocol.ThreadStartResponse => ({
  thread,
  model: settings.model,
  modelProvider: "openai",
  serviceTier: null,
  cwd: settings.cwd,
  runtimeWorkspaceRoots: [settings.cwd],
  instructionSources: [],
  approvalPolicy: settings.approvalPolicy,
  approvalsReviewer: settings.approvalsReviewer,
  sandbox: sandboxOf(settings),
  reasoningEffort: null
})

const sandboxOf = ({ networkAccess, sandbox }: Settings): Protocol.ThreadStartResponse["sandbox"] => {
  switch (sandbox) {
    case "danger-full-access":
      return { type: "dangerFullAccess" }
    case "read-only":
      return { type: "readOnly", networkAccess: false }
    default:
      return {
        type: "workspaceWrite",
        writableRoots: [],
        networkAccess,
        excludeTmpdirEnvVar: false,
        excludeSlashTmp: false
      }
  }
}

/** The sandbox that a turn is given, in the words of a thread. */
export const modeOf = (policy: Protocol.SandboxPolicy | null | undefined): Protocol.SandboxMode | undefined => {
  switch (policy?.type) {
    case "dangerFullAccess":
      return "danger-full-access"
    case "readOnly":
      return "read-only"
    case "workspaceWrite":
      return "workspace-write"
    default:
      return undefined
  }
}

/** A turn of which nothing is known yet. */
export const newTurn = (id: string): Protocol.Turn => ({
  id,
  rootTurnId: id,
  items: [],
  itemsView: "notLoaded",
  status: "inProgress",
  error: null,
  startedAt: null,
  completedAt: null,
  durationMs: null
})

/** What the model is told last. */
export const textOf = (input: ReadonlyArray<Protocol.UserInput>): string =>
  input.findLast((part) => part.type === "text")?.text ?? ""

/** Some of a list: a cursor is the number of what comes next. */
export const page = <A>(all: ReadonlyArray<A>, cursor: string | null | undefined, limit: number | null | undefined) => {
  const start = Number(cursor ?? 0)
  const end = start + (limit ?? 50)
  return { data: all.slice(start, end), nextCursor: end < all.length ? String(end) : null }
}
