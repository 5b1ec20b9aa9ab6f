/**
 * A home directory of Codex that a test fills, as CLI 0.169 would.
 */
import * as CodexHome from "@effect-codex/core/CodexHome"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"

/** The id of a thread that began so many seconds after 2026-01-01T00:00:00Z. */
export const threadId = (seconds: number): string => {
  const time = (1_767_225_600_000 + seconds * 1000).toString(16).padStart(12, "0")
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${String(seconds).padStart(12, "0")}`
}

export const meta = (threadId: string, payload: object = {}) => ({
  timestamp: "2026-01-01T00:00:00.000Z",
  ordinal: 0,
  type: "session_meta",
  payload: { id: threadId, cwd: "/srv", source: "exec", cli_version: "0.169.0", model_provider: "openai", ...payload }
})

export const turn = (cwd: string, model = "gpt-5.5") => ({
  timestamp: "2026-01-01T00:00:00.000Z",
  type: "turn_context",
  payload: { turn_id: "turn", cwd, approval_policy: "never", model }
})

export const tokens = (input_tokens: number) => ({
  input_tokens,
  cached_input_tokens: 1,
  cache_write_input_tokens: 2,
  output_tokens: 3,
  reasoning_output_tokens: 4
})

export const tokenCount = (input: number | undefined) => ({
  timestamp: "2026-01-01T00:00:00.000Z",
  type: "event_msg",
  payload: {
    type: "token_count",
    info: input === undefined ? null : {
      total_token_usage: { ...tokens(input), total_tokens: input + 3 },
      last_token_usage: { ...tokens(999_999), total_tokens: 1_000_002 },
      model_context_window: 258_400
    },
    rate_limits: { limit_id: "codex" }
  }
})

interface RolloutOptions {
  readonly id: string
  /** Objects become JSON. Default: the first line of a thread that has no turn yet. */
  readonly lines?: ReadonlyArray<object | string>
  /** When it was written to, in seconds after 2026-01-01T00:00:00Z (default 0). */
  readonly updated?: number
  readonly revision?: string
  readonly archived?: boolean
  readonly suffix?: string
}

/** An empty home; `rollout` adds a file and gives its path. */
export const make = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const root = yield* fs.realPath(yield* fs.makeTempDirectoryScoped())
  const at = path.join(root, "home")

  const rollout = Effect.fnUntraced(function*(options: RolloutOptions) {
    const { archived = false, id, lines = [meta(id)], revision, suffix = "", updated = 0 } = options
    const directory = path.join(at, archived ? "archived_sessions" : "sessions/2026/01/01")
    const name = revision === undefined ? id : `${id}_${revision}`
    const file = path.join(directory, `rollout-2026-01-01T00-00-00-${name}.jsonl${suffix}`)
    yield* fs.makeDirectory(directory, { recursive: true })
    const texts = lines.map((line) => typeof line === "string" ? line : JSON.stringify(line))
    yield* fs.writeFileString(file, texts.length === 0 ? "" : `${texts.join("\n")}\n`)
    yield* fs.utimes(file, 1_767_225_600 + updated, 1_767_225_600 + updated)
    return file
  })

  return { root, path: at, rollout, home: yield* CodexHome.make({ path: at }) }
})
