/**
 * The Codex CLI of this machine, with what the configuration says of it, and all that it takes to run it.
 */
import * as NodeChildProcessSpawner from "@effect/platform-node/NodeChildProcessSpawner"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as NodeCodexCli from "../NodeCodexCli.ts"
import * as NodeProcessGuard from "../NodeProcessGuard.ts"

/** The layer, and the other options. */
export const split = <O extends NodeCodexCli.Options>({ apiKey, args, env, extendEnv, path, ...others }: O) => {
  const cli = Layer.unwrap(Effect.gen(function*() {
    // A key that is given, in whatever way, is not to be replaced by one that happens to be around.
    const isGiven = apiKey !== undefined || Object.hasOwn(env ?? {}, "CODEX_API_KEY")
    const configured = isGiven ? Option.none() : yield* Config.option(Config.Redacted("CODEX_API_KEY"))
    return NodeCodexCli.layer({ path, args, env, extendEnv, apiKey: apiKey ?? Option.getOrUndefined(configured) })
  }))
  return [Layer.provideMerge(Layer.merge(cli, NodeProcessGuard.layer), platform), others] as const
}

// One that records what passes, say.
const spawner = Layer.unwrap(
  Effect.map(
    Effect.serviceOption(ChildProcessSpawner),
    Option.match({
      onNone: () => NodeChildProcessSpawner.layer,
      onSome: (given) => Layer.succeed(ChildProcessSpawner, given)
    })
  )
)

// Less to load than all of `NodeServices`, which opens the host's stdin too.
const platform = spawner.pipe(Layer.provideMerge([NodeFileSystem.layer, NodePath.layer]))
