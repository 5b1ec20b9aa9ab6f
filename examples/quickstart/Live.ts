/**
 * The real service: Codex with the user's account.
 */
import { CodexCli } from "@effect-codex/core/CodexCli"
import * as NodeCodex from "@effect-codex/node/NodeCodex"
import * as NodeCodexCli from "@effect-codex/node/NodeCodexCli"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

/** There is no account for Codex to use. `said` is what Codex answered to `codex login status`. */
export class NoAccount extends Schema.TaggedError<NoAccount>()("NoAccount", { said: Schema.String }) {
  override get message(): string {
    return `Codex says: ${this.said}. Log in by \`npx codex login\`, or set CODEX_API_KEY.`
  }
}

/**
 * Asks Codex whether it is logged in. Without an account a turn fails only after Codex has tried to reach the
 * service for a while.
 */
export const requireAccount = Effect.gen(function*() {
  const key = yield* Config.option(Config.Redacted("CODEX_API_KEY"))
  if (Option.isSome(key)) return
  const cli = yield* CodexCli
  const codex = yield* ChildProcess.make(cli.command, [...cli.args ?? [], "login", "status"], {
    env: cli.env,
    extendEnv: cli.extendEnv ?? true,
    stdin: "ignore"
  })
  const output = yield* Stream.mkString(Stream.decodeText(codex.all))
  if ((yield* codex.exitCode) !== 0) {
    return yield* new NoAccount({ said: output.trim().split("\n").at(-1) ?? "no" })
  }
}).pipe(Effect.scoped)

/** A Codex with an account. */
export const layer = Layer.effectDiscard(requireAccount).pipe(
  Layer.provide(NodeCodexCli.layer()),
  Layer.merge(NodeCodex.layer())
)
