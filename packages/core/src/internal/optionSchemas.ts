/**
 * What the values of options may be, and what is said of one that is not.
 *
 * @internal
 */
import * as Duration from "effect/Duration"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as CodexRetry from "../CodexRetry.ts"

/** Text for an argument of a process. */
export const Text = Schema.String.check(
  Schema.makeFilter((text) =>
    text.trim() === "" ? "must not be blank" : text.includes("\0") ? "must not contain NUL" : undefined
  )
)

/** Text that the CLI does not take for a flag. */
export const Word = Text.check(
  Schema.makeFilter((text) => text.startsWith("-") ? "must not begin with \"-\"" : undefined)
)

/** A name of Git, such as a branch or a commit. */
export const GitName = Word.check(
  Schema.makeFilter((name) => /\s/.test(name) ? "must be a name of Git, which has no spaces" : undefined)
)

export const ProfileName = Word.check(
  Schema.makeFilter((name) =>
    /^[\w-]+$/.test(name) ? undefined : "must be a plain name: letters, digits, \"_\" and \"-\""
  )
)

export const Features = Schema.Record(Word, Schema.Boolean).annotate({
  messageUnexpectedKey: "must be the name of a feature; `codex features list` shows them"
})

// The CLI takes any other text for a name, and silently starts a new thread when there is none of that name.
export const ThreadId = Schema.String.check(
  Schema.makeFilter((id) =>
    /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)
      ? undefined
      : "must be the id of a thread, which is a UUID; a name of your own is for `session`"
  )
)

// A CLI that can't reach its service tries again for ever.
export const BaseUrl = Text.check(
  Schema.makeFilter((url) =>
    /^https?:/i.test(url) && URL.canParse(url) ? undefined : "must be a URL that begins with http:// or https://"
  )
)

export const Limit = Schema.Duration.annotate({
  message: "must be a duration, such as \"5 minutes\", or 300000 for milliseconds"
}).check(
  Schema.makeFilter((duration) =>
    Duration.isGreaterThan(duration, Duration.zero) ? undefined : "must be longer than nothing"
  )
)

export const Policy = Schema.declare(
  (value): value is CodexRetry.Policy =>
    Predicate.hasProperty(value, "schedule") && Schedule.isSchedule(value.schedule) &&
    Predicate.hasProperty(value, "while") && typeof value.while === "function",
  { message: "must be a policy of `CodexRetry`" }
)

/** A flag of `codex exec` that nothing else says. */
export const ExtraArg = Text.check(
  Schema.makeFilter((arg) => {
    // A short flag may have its value right behind it.
    const flag = /^-[A-Za-z]|^[^=]*/.exec(arg)?.[0] ?? arg
    if (reserved.has(flag)) return `must not have ${flag}, which changes what we read or write`
    const owner = owners.find(([, ...flags]) => flags.includes(flag))
    return owner === undefined ? undefined : `must not have ${flag}: use ${owner[0]}`
  })
)

const reserved = new Set([
  "-",
  "--",
  "--json",
  "--experimental-json",
  "--color",
  "help",
  "--help",
  "-h",
  "--version",
  "-V"
])

const owners: ReadonlyArray<readonly [owner: string, ...flags: ReadonlyArray<string>]> = [
  ["`additionalDirectories`", "--add-dir"],
  ["`approval`", "--approve-for-me"],
  ["`config`", "--config", "-c"],
  ["`ephemeral`", "--ephemeral"],
  ["`features`", "--enable", "--disable"],
  ["`fork`", "fork"],
  ["`ignoreRules`", "--ignore-rules"],
  ["`ignoreUserConfig`", "--ignore-user-config"],
  ["`lastMessageFile`", "--output-last-message", "-o"],
  ["`localProvider`", "--oss", "--local-provider"],
  ["`model`", "--model", "-m"],
  ["`output`", "--output-schema"],
  ["`profile`", "--profile", "-p"],
  ["`sandbox`", "--sandbox", "-s"],
  ["`skipGitRepoCheck`", "--skip-git-repo-check"],
  ["`strictConfig`", "--strict-config"],
  ["`thread`", "resume", "--last", "--all"],
  ["`threadSource`", "--thread-source"],
  ["`workingDirectory`", "--cd", "-C"],
  ["`worktree`", "--worktree"],
  ["`CodexInput.localImage`", "--image", "-i"],
  ["`Codex.review`", "review"]
]
