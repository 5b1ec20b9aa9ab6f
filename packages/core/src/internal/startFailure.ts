/**
 * Why `codex exec` ended without a turn. It tells only on stderr, and only in words: those of CLI 0.169.
 *
 * @internal
 */
import * as CodexError from "../CodexError.ts"
import type { TurnRequest } from "../CodexOptions.ts"

/** What tells which thread, and where it works. */
export type Asked = Pick<TurnRequest, "fork" | "thread" | "workingDirectory">

/** The cause that stderr tells, if it is one that a program can act on. */
export const fromStderr = (stderr: string, request: Asked): CodexError.CodexErrorReason | undefined => {
  const threadId = request.thread ?? request.fork
  if (threadId !== undefined) {
    if (stderr.includes("already has an active writer")) return new CodexError.ThreadBusy({ threadId })
    if (stderr.includes("no rollout found for thread id")) return new CodexError.ThreadNotFound({ threadId })
    if (stderr.includes("is archived")) return new CodexError.ThreadArchived({ threadId })
  }
  const tooLong = /Input exceeds the maximum length of \d+ characters/.exec(stderr)
  if (tooLong !== null) return new CodexError.InvalidOption({ option: "input", problem: tooLong[0] })
  if (stderr.includes("Not inside a trusted directory")) {
    return new CodexError.InvalidOption({
      option: "workingDirectory",
      problem: `${request.workingDirectory ?? "it"} is no Git repository, nor trusted: ` +
        "set `skipGitRepoCheck`, or run `git init` there"
    })
  }
  return undefined
}
