/**
 * One event: parsed and checked by its schema, against parsed only.
 */
import type { Corpus } from "./fixtures/corpus.ts"
import * as CorpusOf from "./fixtures/corpus.ts"
import { cell, type Report, type Sizes } from "./report.ts"
import * as Stage from "./stage.ts"
import { ratio, spread } from "./statistics.ts"

interface Samples {
  readonly ours: ReadonlyArray<number>
  readonly parse: ReadonlyArray<number>
}

/** Events in memory, and how often a round goes over them: some milliseconds a round. */
const corpora = {
  small: { events: 2000, passes: 5 },
  mixed: { events: 2000, passes: 2 },
  large: { events: 100, passes: 1 }
} satisfies Record<Corpus, unknown>

export const measure = async ({ rounds = 60 }: Sizes): Promise<Report> => {
  const rows: Array<ReadonlyArray<string>> = []
  const figures: Record<string, number> = {}
  for (const corpus of ["small", "mixed", "large"] as const) {
    const { events, passes } = corpora[corpus]
    const lines = CorpusOf.lines(corpus, events)
    const { BENCH_OUTPUT: file = "" } = Stage.output(`${corpus}.jsonl`, lines)
    const { result } = await Stage.run("decode", {}, file, String(rounds), String(passes))
    const { ours, parse } = result as Samples
    const compared = ratio(ours, parse)
    const bytes = lines.reduce((sum, line) => sum + line.length, 0) / lines.length
    rows.push([`${corpus}, ${bytes.toFixed(0)} B`, cell(spread(ours), 2), cell(spread(parse), 2), cell(compared, 3)])
    figures[`decode.${corpus}`] = compared.median
  }
  return {
    title: "Decode: one event, in microseconds",
    columns: ["", "CodexEvent.fromLine", "JSON.parse", "ours ÷ JSON.parse"],
    rows,
    figures
  }
}
