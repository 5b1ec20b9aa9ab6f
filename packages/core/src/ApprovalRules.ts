/**
 * A policy of rules: which commands, which folders and which hosts of the network.
 *
 * Rules are plain data, so that they may come from a file (`Schema.decodeUnknownEffect(ApprovalRules.Rules)`).
 *
 * What a request is about is looked at one by one: each command of a command line, each file that is changed. To each
 * applies the first rule that matches it. One "no" is a "no" to the request; one without a rule leaves the request to
 * the policy `orElse`, which declines unless you say otherwise; else it is accepted.
 *
 * **Example** (Tests and reading are fine, secrets are not)
 *
 * ```ts
 * import * as ApprovalRules from "@effect-codex/core/ApprovalRules"
 *
 * const layer = ApprovalRules.layer([
 *   ApprovalRules.command(["git", "status"]),
 *   ApprovalRules.command(["npm", "test"], "acceptForSession"),
 *   ApprovalRules.folder("/srv/shop/.env", "decline"),
 *   ApprovalRules.folder("/srv/shop"),
 *   ApprovalRules.host("*.example.org")
 * ])
 * ```
 *
 * @since 0.1.0
 */
import type * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import type { ApprovalRequest } from "./ApprovalRequest.ts"
import * as Approvals from "./Approvals.ts"
import * as CodexError from "./CodexError.ts"
import { isAbsolute, isInside } from "./internal/filePaths.ts"

// =============================================================================
// Models
// =============================================================================

/**
 * What a rule says: the type of the `ApprovalAnswer`.
 *
 * @category models
 * @since 0.1.0
 */
export type Decision = typeof Decision.Type

/**
 * Schema of {@link Decision}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Decision = Schema.Literals(["accept", "acceptForSession", "decline", "cancel"])

/**
 * Schema of {@link Rule}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Rule = Schema.Union([
  Schema.Struct({ type: Schema.Literal("command"), prefix: Schema.NonEmptyArray(Schema.String), decision: Decision }),
  Schema.Struct({
    type: Schema.Literal("folder"),
    path: Schema.String.check(
      Schema.makeFilter((path) => isAbsolute(path) ? undefined : "must be an absolute path, such as /srv/shop")
    ),
    decision: Decision
  }),
  Schema.Struct({
    type: Schema.Literal("host"),
    host: Schema.String.check(
      Schema.makeFilter((host) =>
        /^(\*|(\*\.)?[^*\s/]+)$/.test(host) ? undefined : "must be a host, such as example.org, *.example.org or *"
      )
    ),
    decision: Decision
  })
])

/**
 * What is decided on a command, a file or a host.
 *
 * @category models
 * @since 0.1.0
 */
export type Rule = typeof Rule.Type

/**
 * Schema of a list of rules.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Rules = Schema.Array(Rule)

// =============================================================================
// Rules
// =============================================================================

/**
 * Commands that begin with these words, whatever words follow. `["git", "status"]` is no rule for `git statusx`, and the
 * line `git status; rm -rf .` has two commands, of which it is a rule for the first.
 *
 * A line is understood if it consists of plain words, of a POSIX shell, joined by `&&`, `||`, `;` and `|`. To any other
 * (variables, redirections, patterns, input to a running command) no such rule applies: so allow by these rules, and
 * don't forbid.
 *
 * What is accepted may run outside of the sandbox, if that is what the agent asks for.
 *
 * @category rules
 * @since 0.1.0
 */
export const command = (prefix: Arr.NonEmptyReadonlyArray<string>, decision: Decision = "accept"): Rule => ({
  type: "command",
  prefix,
  decision
})

/**
 * Changes of this file, or of files in this folder, at any depth. A file that is moved counts at both places.
 *
 * Paths are compared as text, so a symbolic link in the folder may lead out of it, unless {@link Options.realPath} is
 * given (`NodeApprovals.layerRules` does). A "no" ignores case, as some file systems do.
 *
 * @category rules
 * @since 0.1.0
 */
export const folder = (path: string, decision: Decision = "accept"): Rule => ({ type: "folder", path, decision })

/**
 * A host of the network: `example.org` is that one, `*.example.org` all below it, `*` all.
 *
 * @category rules
 * @since 0.1.0
 */
export const host = (host: string, decision: Decision = "accept"): Rule => ({ type: "host", host, decision })

// =============================================================================
// Constructors
// =============================================================================

/**
 * What happens beside the rules.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options<E = never, R = never, R2 = never> {
  /** Decides where no rule does (default `Approvals.declineAll`). */
  readonly orElse?: Approvals.Policy<R2> | undefined
  /** Follows symbolic links, if the files are those of this machine. The path need not exist. */
  readonly realPath?: ((path: string) => Effect.Effect<string, E, R>) | undefined
}

/**
 * A policy of rules. Fails with `InvalidOption` if a rule is none.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*<E = never, R = never, R2 = never>(
  rules: ReadonlyArray<Rule>,
  options: Options<E, R, R2> = {}
): Effect.fn.Return<Approvals.Policy<R | R2>, CodexError.CodexError | E, R> {
  const { orElse = Approvals.declineAll } = options
  const realPath = (path: string): Effect.Effect<string, E, R> => options.realPath?.(path) ?? Effect.succeed(path)

  // Now, and not when it matters: until then the agent may have put a link in a folder's place.
  const known = yield* Effect.forEach(
    yield* Effect.fromResult(Result.mapError(decodeRules(rules), invalid)),
    (rule) => Effect.map(rule.type === "folder" ? realPath(rule.path) : Effect.succeed(""), (real) => ({ rule, real }))
  )
  const decide = (subject: Subject): Effect.Effect<Decision | undefined, E, R> =>
    Effect.map(
      subject.type === "file" ? realPath(subject.path) : Effect.succeed(""),
      (real) => known.find((known) => matches(known, { ...subject, real }))?.rule.decision
    )

  return Approvals.fromFunction((request) =>
    Effect.flatMap(Effect.forEach(subjectsOf(request), decide), (decisions) => {
      const decision = combine(decisions)
      return decision === undefined ? orElse.decide(request) : Effect.succeed({ type: decision })
    })
  )
})

// =============================================================================
// Layers
// =============================================================================

/**
 * Gives a client a policy of rules. Fails with `InvalidOption` if a rule is none.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <E = never, R = never, R2 = never>(
  rules: ReadonlyArray<Rule>,
  options?: Options<E, R, R2>
): Layer.Layer<never, CodexError.CodexError | E, R | R2> =>
  Layer.unwrap(Effect.map(make(rules, options), Approvals.layer))

// =============================================================================
// Internals
// =============================================================================

const decodeRules = Schema.decodeResult(Rules)

const formatIssue = SchemaIssue.makeFormatterStandardSchemaV1()

const invalid = ({ issue }: Schema.SchemaError): CodexError.CodexError => {
  const { message, path = [] } = formatIssue(issue).issues[0] ?? { message: "is not valid" }
  return CodexError.fromReason(
    new CodexError.InvalidOption({ option: ["rules", ...path.map(String)].join("."), problem: message })
  )
}

/** One of the things that a request is about. */
type Subject =
  | { readonly type: "command"; readonly words: ReadonlyArray<string> }
  | { readonly type: "host"; readonly host: string }
  | { readonly type: "file"; readonly path: string }

const subjectsOf = (request: ApprovalRequest): ReadonlyArray<Subject> => {
  switch (request.kind) {
    case "command":
      return request.action === "command" ? (request.commands ?? []).map((words) => ({ type: "command", words })) : []
    case "network":
      return [{ type: "host", host: request.host }]
    case "fileChange":
      return (request.changes ?? [])
        .flatMap(({ movePath, path }) => [path, movePath])
        .concat(request.changes === undefined ? [] : request.grantRoot)
        .filter((path) => path !== undefined)
        .map((path) => ({ type: "file", path }))
    default:
      return []
  }
}

interface Real {
  /** Of a file or a folder: where it really is. */
  readonly real: string
}

const matches = ({ real, rule }: Real & { readonly rule: Rule }, subject: Subject & Real): boolean => {
  switch (rule.type) {
    case "command":
      return subject.type === "command" && rule.prefix.every((word, index) => word === subject.words[index])
    case "host":
      return subject.type === "host" && matchesHost(hostName(rule.host), hostName(subject.host))
    case "folder": {
      if (subject.type !== "file") return false
      if (rule.decision === "accept" || rule.decision === "acceptForSession") return isInside(real, subject.real)
      const ignoreCase = true
      return isInside(real, subject.real, { ignoreCase }) || isInside(rule.path, subject.path, { ignoreCase })
    }
  }
}

const hostName = (host: string): string => host.toLowerCase().replace(/\.$/, "")

const matchesHost = (pattern: string, host: string): boolean =>
  pattern === "*" ||
  (pattern.startsWith("*.") ? host.endsWith(pattern.slice(1)) && host.length >= pattern.length : host === pattern)

/** `undefined` if the rules leave it to others. */
const combine = (decisions: ReadonlyArray<Decision | undefined>): Decision | undefined =>
  decisions.find((decision) => decision === "cancel") ??
    decisions.find((decision) => decision === "decline") ??
    (decisions.includes(undefined) ? undefined : decisions.find((decision) => decision === "accept") ?? decisions[0])
