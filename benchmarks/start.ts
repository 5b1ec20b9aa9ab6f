/**
 * From the start of a program's process to the first event of its Codex, seen from outside.
 */
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createServer } from "node:http"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import * as Corpus from "./fixtures/corpus.ts"
import { cell, type Report, type Sizes } from "./report.ts"
import * as Stage from "./stage.ts"
import { alternate, ratio, spread } from "./statistics.ts"

const run = async (contestant: string, env: Readonly<Record<string, string>>) =>
  (await Stage.run(contestant, env)).firstByteAfter

export const measure = async ({ rounds }: Sizes): Promise<Report> => {
  const fake = Stage.output("start.jsonl", Corpus.lines("small", 4))
  const trivial = await alternate(rounds ?? 31, {
    ours: () => run("start-ours", fake),
    effect: () => run("start-effect", fake),
    official: () => run("start-official", fake)
  })
  const real = await withModel((env) =>
    alternate(rounds ?? 11, {
      // Ours finds the executable by itself; the official SDK depends on an older one.
      ours: () => run("start-ours", env),
      official: () => run("start-official", { ...env, CODEX_PATH: realCodex() })
    })
  )
  const row = (name: string, ours: ReadonlyArray<number>, theirs: ReadonlyArray<number>) => [
    name,
    cell(spread(theirs), 0),
    cell(ratio(ours, theirs), 3)
  ]
  return {
    title: "Start: process start to first event",
    columns: ["", "ms", "ours ÷ this"],
    rows: [
      row("Codex.stream, trivial child", trivial.ours, trivial.ours),
      row("bare Effect, trivial child", trivial.ours, trivial.effect),
      row("@openai/codex-sdk, trivial child", trivial.ours, trivial.official),
      row("Codex.stream, real Codex", real.ours, real.ours),
      row("@openai/codex-sdk, real Codex", real.ours, real.official)
    ],
    figures: {
      "start.vs_bare_effect": ratio(trivial.ours, trivial.effect).median,
      "start.vs_official": ratio(trivial.ours, trivial.official).median
    }
  }
}

/** Runs `use` with the environment that makes the real Codex ask a model which always answers at once. */
const withModel = <A>(use: (env: Readonly<Record<string, string>>) => Promise<A>): Promise<A> =>
  FakeModel.FakeModel.pipe(
    Effect.flatMap(({ cli }) => Effect.promise(() => use(cli.env))),
    Effect.provide(
      FakeModel.layer(() => ModelReply.message("Hello.")).pipe(
        Layer.provide([
          NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" }),
          NodeServices.layer
        ])
      )
    ),
    Effect.runPromise
  )

const realCodex = (): string => {
  const [triple, target] = process.platform === "darwin"
    ? ["apple-darwin", "darwin"]
    : ["unknown-linux-musl", "linux"]
  const codex = createRequire(import.meta.url).resolve("@openai/codex/package.json")
  const native = createRequire(codex).resolve(`@openai/codex-${target}-${process.arch}/package.json`)
  const arch = process.arch === "arm64" ? "aarch64" : "x86_64"
  return join(dirname(native), "vendor", `${arch}-${triple}`, "bin", "codex")
}
