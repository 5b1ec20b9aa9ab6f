/**
 * The same Codex by both transports, with one scripted model behind them.
 */
import * as Codex from "@effect-codex/core/Codex"
import type * as CodexError from "@effect-codex/core/CodexError"
import type { CodexInput } from "@effect-codex/core/CodexInput"
import type { CodexOptions } from "@effect-codex/core/CodexOptions"
import type { CodexTurn } from "@effect-codex/core/CodexTurn"
import * as NodeCodex from "@effect-codex/node/NodeCodex"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import { createServer } from "node:http"

/** The transports, by name. */
export class Transports extends Context.Service<Transports, {
  readonly exec: Codex.Codex["Service"]
  readonly appServer: Codex.Codex["Service"]
  /** Gives the prompt that makes the model play these replies, in whatever thread. */
  readonly prompt: (replies: ReadonlyArray<ModelReply.ModelReply>) => string
}>()("Transports") {}

const build = <E, R>(layer: Layer.Layer<Codex.Codex, E, R>) =>
  Effect.map(Layer.build(Layer.fresh(layer)), (context) => Context.get(context, Codex.Codex))

/** Both transports over one model; `options` are those of the model, `codex` those of every run. */
export const layer = (options: FakeModel.Options = {}, codex: CodexOptions = {}) => {
  const scripts = new Map<string, ReadonlyArray<ModelReply.ModelReply>>()
  const played = new Map<string, number>()
  const script: FakeModel.Script = ({ prompt, threadId }) => {
    const of = `${threadId} ${prompt}`
    const index = played.get(of) ?? 0
    played.set(of, index + 1)
    return scripts.get(prompt)?.[index] ?? ModelReply.message(`You said: ${prompt}`)
  }
  const both = Layer.effect(
    Transports,
    Effect.gen(function*() {
      const { cli } = yield* FakeModel.FakeModel
      const defaults = { sandbox: "danger-full-access", skipGitRepoCheck: true, ...codex, env: cli.env } as const
      return {
        exec: yield* build(NodeCodex.layer(defaults)),
        appServer: yield* build(NodeCodex.layerAppServer(defaults)),
        prompt: (replies) => {
          const prompt = `Play ${scripts.size}.`
          scripts.set(prompt, replies)
          return prompt
        }
      }
    })
  )
  return both.pipe(
    Layer.provideMerge(FakeModel.layer(script, options)),
    Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" }))
  )
}

/** What became of a run: its turn, and the error if it failed. */
export interface Outcome {
  readonly turn: CodexTurn | undefined
  readonly error: CodexError.CodexError | undefined
  /** Where the agent worked. */
  readonly directory: string
}

/** Runs it by one transport, in a directory of its own that has `a.txt` and `b.txt`. */
export const play = Effect.fnUntraced(
  function*(codex: Codex.Codex["Service"], input: CodexInput, options: CodexOptions = {}) {
    const fs = yield* FileSystem.FileSystem
    const directory = yield* fs.realPath(yield* fs.makeTempDirectoryScoped())
    yield* fs.writeFileString(`${directory}/a.txt`, "old\n")
    yield* fs.writeFileString(`${directory}/b.txt`, "b\n")
    const exit = yield* Effect.exit(codex.run(input, { workingDirectory: directory, ...options }))
    if (Exit.isSuccess(exit)) return { turn: exit.value, error: undefined, directory }
    const error = yield* Effect.flip(exit)
    return { turn: error.turn, error, directory }
  },
  Effect.scoped
)
