/**
 * From the start of a program's process to the first event of its Codex, seen from outside.
 */
import * as Corpus from "./fixtures/corpus.ts"
import * as RealCodex from "./realCodex.ts"
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
  const real = await RealCodex.withModel((env) =>
    alternate(rounds ?? 11, {
      // Ours finds the executable by itself; the official SDK depends on an older one.
      ours: () => run("start-ours", env),
      official: () => run("start-official", { ...env, CODEX_PATH: RealCodex.path() })
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
