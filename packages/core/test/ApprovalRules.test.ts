import * as ApprovalAnswer from "@effect-codex/core/ApprovalAnswer"
import type { ApprovalRequest } from "@effect-codex/core/ApprovalRequest"
import * as ApprovalRules from "@effect-codex/core/ApprovalRules"
import * as Approvals from "@effect-codex/core/Approvals"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { lineOf } from "../src/internal/shellWords.ts"
import * as Requests from "./support/approvals.ts"

const decide = Effect.fnUntraced(function*(
  rules: ReadonlyArray<ApprovalRules.Rule>,
  request: ApprovalRequest,
  options?: ApprovalRules.Options
) {
  const policy = yield* ApprovalRules.make(rules, options)
  return (yield* policy.decide(request)).type
})

const decides = (
  rules: ReadonlyArray<ApprovalRules.Rule>,
  cases: ReadonlyArray<readonly [request: ApprovalRequest, expected: string]>
) =>
  Effect.forEach(
    cases,
    ([request, expected]) =>
      Effect.map(decide(rules, request), (answer) => assert.strictEqual(answer, expected, JSON.stringify(request)))
  )

const { command, fileChange, network } = Requests

describe("a rule for commands", () => {
  it.effect("is one for all that begin with its words, and for nothing else on the line", () =>
    decides([ApprovalRules.command(["git", "status"])], [
      [command("git status"), "accept"],
      [command("git status --short"), "accept"],
      [command("/bin/bash -lc 'git status'"), "accept"],
      [command("bash -lc 'git status && git status -s | git status'"), "accept"],
      [command("git"), "decline"],
      [command("git statusx"), "decline"],
      [command("'git status'"), "decline"],
      [command("/tmp/git status"), "decline"],
      [command("git -c core.pager=evil status"), "decline"],
      [command("bash -lc 'git status; rm -rf .'"), "decline"],
      [command("bash -lc 'git status && rm -rf .'"), "decline"],
      [command("bash -lc 'git status\nrm -rf .'"), "decline"],
      [command("bash -lc 'git status | sh'"), "decline"],
      [command("bash -lc 'git status $(rm -rf .)'"), "decline"],
      [command("bash -lc 'git status > ~/.bashrc'"), "decline"],
      [command("bash -lc 'git status & rm -rf .'"), "decline"],
      [command("/tmp/bash -lc 'git status'"), "decline"],
      [command("env git status"), "decline"],
      [command("git status", { action: "writeStdin" }), "decline"],
      [network("git status"), "decline"],
      [fileChange(["git status"]), "decline"]
    ]))

  it.effect.prop(
    "never lets another command through",
    {
      prefix: Schema.NonEmptyArray(Schema.Literals(["a", "b", "$c", "d e"])),
      words: Schema.NonEmptyArray(Schema.Literals(["a", "b", "$c", "d e", "&&", ";"]))
    },
    ({ prefix, words }) =>
      Effect.gen(function*() {
        const begins = prefix.every((word, index) => word === words[index])
        const rules = [ApprovalRules.command(prefix)]
        assert.strictEqual(yield* decide(rules, command(lineOf(words))), begins ? "accept" : "decline")
        const twice = command(lineOf(["bash", "-c", `${lineOf(prefix)}; ${lineOf(words)}`]))
        assert.strictEqual(yield* decide(rules, twice), begins ? "accept" : "decline")
      })
  )

  it.effect("may say no, or yes for the session: of a line, the strictest counts", () =>
    decides([
      ApprovalRules.command(["git", "push"], "cancel"),
      ApprovalRules.command(["git", "reset"], "decline"),
      ApprovalRules.command(["git", "log"], "acceptForSession"),
      ApprovalRules.command(["git"])
    ], [
      [command("git log -1"), "acceptForSession"],
      [command("bash -c 'git log; git log -1'"), "acceptForSession"],
      [command("bash -c 'git log; git status'"), "accept"],
      [command("bash -c 'git log; git reset'"), "decline"],
      [command("bash -c 'git reset; git push; git log'"), "cancel"],
      [command("bash -c 'git reset; ls'"), "decline"],
      [command("bash -c 'git log; ls'"), "decline"]
    ]))
})

describe("a rule for a folder", () => {
  it.effect("is one for every file in it, wherever a path winds", () =>
    decides([ApprovalRules.folder("/srv/shop")], [
      [fileChange(["/srv/shop/a.ts", "/srv/shop/deep/er/b.ts"]), "accept"],
      [fileChange(["/srv/shop"]), "accept"],
      [fileChange(["/srv/shop/../shop/./a.ts"]), "accept"],
      [fileChange([["/srv/shop/a", "/srv/shop/b"]]), "accept"],
      [fileChange(["/srv/shop/a"], { grantRoot: "/srv/shop/b" }), "accept"],
      [fileChange(["/srv/shop/a"], { grantRoot: "/srv" }), "decline"],
      [fileChange(["/srv/shopping/a.ts"]), "decline"],
      [fileChange(["/srv/shop/../a.ts"]), "decline"],
      [fileChange(["/srv/shop/a/../../b.ts"]), "decline"],
      [fileChange(["/srv/Shop/a.ts"]), "decline"],
      [fileChange(["/srv/shop/a", "/etc/passwd"]), "decline"],
      [fileChange([["/srv/shop/a", "/etc/passwd"]]), "decline"],
      [fileChange(["work/shop/a.ts"]), "decline"],
      [fileChange(["a.ts"]), "decline"],
      [fileChange(["/srv/shop/a\0"]), "decline"],
      [fileChange([]), "decline"],
      [fileChange(undefined), "decline"],
      [fileChange(undefined, { grantRoot: "/srv/shop" }), "decline"]
    ]))

  it.effect("of Windows", () =>
    decides([ApprovalRules.folder("C:\\srv\\shop")], [
      [fileChange(["C:\\srv\\shop\\a.ts"]), "accept"],
      [fileChange(["c:/srv/shop/a.ts"]), "accept"],
      [fileChange(["C:\\srv\\shop\\..\\a.ts"]), "decline"],
      [fileChange(["C:\\srv\\shop\\.. \\a.ts"]), "decline"],
      [fileChange(["C:\\srv\\shop\\a.ts:stream"]), "decline"],
      [fileChange(["D:\\srv\\shop\\a.ts"]), "decline"],
      [fileChange(["/srv/shop/a.ts"]), "decline"],
      [fileChange(["C:srv\\shop\\a.ts"]), "decline"]
    ]))

  it.effect("may say no, in any case of letters, before another one says yes", () =>
    decides([ApprovalRules.folder("/srv/.git", "decline"), ApprovalRules.folder("/srv", "acceptForSession")], [
      [fileChange(["/srv/a.ts"]), "acceptForSession"],
      [fileChange(["/srv/.git/hooks/post-commit"]), "decline"],
      [fileChange(["/srv/.GIT/hooks/post-commit"]), "decline"],
      [fileChange(["/srv/a.ts", "/srv/x/../.git/config"]), "decline"]
    ]))

  it.effect.prop(
    "holds for whatever is below it",
    { parts: Schema.Array(Schema.Literals(["a", "b", ".", "", "..", "shop"])) },
    ({ parts }) =>
      Effect.gen(function*() {
        const path = `/srv/shop/${parts.join("/")}`
        // The same as the platform's own view of a path, by way of a URL.
        const { pathname } = new URL(path, "file:///")
        const inside = `${pathname.replaceAll(/\/+/g, "/")}/`.startsWith("/srv/shop/")
        const expected = parts.includes("") ? undefined : inside ? "accept" : "decline"
        const answer = yield* decide([ApprovalRules.folder("/srv/shop")], fileChange([path]))
        if (expected !== undefined) assert.strictEqual(answer, expected, path)
        const winding = yield* decide([ApprovalRules.folder(path)], fileChange([`${path}/x`]))
        assert.strictEqual(winding, "accept", path)
      })
  )

  it.effect("follows links if it can: where they lead is what counts", () =>
    Effect.gen(function*() {
      const realPath = (path: string) =>
        path.includes("broken") ? Effect.fail("broken") : Effect.succeed(path.replace("/link", "/../etc"))
      const policy = yield* ApprovalRules.make(
        [ApprovalRules.folder("/etc/secret", "cancel"), ApprovalRules.folder("/srv/link")],
        { realPath }
      )
      const type = (path: string) => Effect.map(policy.decide(fileChange([path])), ({ type }) => type)
      assert.strictEqual(yield* type("/etc/a"), "accept")
      assert.strictEqual(yield* type("/srv/link/a"), "accept")
      assert.strictEqual(yield* type("/srv/link/secret/a"), "cancel")
      assert.strictEqual(yield* type("/srv/a"), "decline")
      const failure = yield* Effect.flip(policy.decide(fileChange(["/srv/broken"])))
      assert.instanceOf(failure, Approvals.ApprovalFailed)
      assert.strictEqual(failure.cause, "broken")
    }))
})

describe("a rule for a host", () => {
  it.effect("is one for that host, or for all below it", () =>
    decides([ApprovalRules.host("packages.example.net"), ApprovalRules.host("*.example.org", "acceptForSession")], [
      [network("packages.example.net"), "accept"],
      [network("Packages.EXAMPLE.net."), "accept"],
      [network("a.example.org"), "acceptForSession"],
      [network("a.b.example.org"), "acceptForSession"],
      [network("example.org"), "decline"],
      [network("evil-example.org"), "decline"],
      [network("example.org.evil.com"), "decline"],
      [network("a.packages.example.net"), "decline"],
      [network(""), "decline"],
      [command("packages.example.net"), "decline"]
    ]))

  it.effect("is one for any", () =>
    decides([ApprovalRules.host("evil.com", "decline"), ApprovalRules.host("*")], [
      [network("evil.com"), "decline"],
      [network("10.0.0.1"), "accept"]
    ]))

  it.effect.prop(
    "does not go by how a name ends",
    {
      prefix: Schema.Literals(["a.", "a.b.", "a", "a-", "."]),
      host: Schema.Literals(["example.org", "x", "EXAMPLE.org"])
    },
    ({ host, prefix }) =>
      Effect.gen(function*() {
        const below = yield* decide([ApprovalRules.host(`*.${host}`)], network(`${prefix}${host}`))
        assert.strictEqual(below, /\w\.$/.test(prefix) ? "accept" : "decline")
        assert.strictEqual(yield* decide([ApprovalRules.host(host)], network(`${prefix}${host}`)), "decline")
      })
  )
})

describe("rules", () => {
  it.effect("leave to others what they say nothing of", () =>
    Effect.gen(function*() {
      const options = { orElse: Approvals.acceptAll }
      const rules = [ApprovalRules.command(["rm"], "decline"), ApprovalRules.command(["ls"], "acceptForSession")]
      assert.strictEqual(yield* decide(rules, command("rm x"), options), "decline")
      assert.strictEqual(yield* decide(rules, command("ls"), options), "acceptForSession")
      assert.strictEqual(yield* decide(rules, command("git status"), options), "accept")
      assert.strictEqual(yield* decide(rules, command("bash -c 'ls; git status'"), options), "accept")
      assert.strictEqual(yield* decide(rules, command("bash -c 'git status; rm x'"), options), "decline")
      assert.strictEqual(yield* decide(rules, Requests.mcpTool, options), "accept")
      for (const request of Requests.all) {
        assert.strictEqual(yield* decide([], request), "decline")
      }
    }))

  it.effect("are the policy of a client, from data", () =>
    Effect.gen(function*() {
      const file: unknown = JSON.parse(`[{ "type": "command", "prefix": ["npm", "test"], "decision": "accept" }]`)
      const rules = yield* Schema.decodeUnknownEffect(ApprovalRules.Rules)(file)
      const answer = yield* Approvals.Approvals.pipe(
        Effect.flatMap(({ decide }) => decide(command("npm test -- x"))),
        Effect.provide(ApprovalRules.layer(rules))
      )
      assert.deepStrictEqual(answer, ApprovalAnswer.accept)
    }))

  it.effect("that are none are refused", () =>
    Effect.gen(function*() {
      const refused = (rule: ApprovalRules.Rule) =>
        Effect.map(
          Effect.flip(ApprovalRules.make([ApprovalRules.command(["ls"]), rule])),
          ({ message }) => message
        )
      assert.strictEqual(
        yield* refused(ApprovalRules.folder("src")),
        "Option `rules.1.path`: must be an absolute path, such as /srv/shop"
      )
      for (const host of ["", "a.*.org", "*example.org", "https://example.org", "a b"]) {
        assert.include(yield* refused(ApprovalRules.host(host)), "Option `rules.1.host`: must be a host")
      }
    }))
})
