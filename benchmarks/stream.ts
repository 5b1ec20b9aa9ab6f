/**
 * Many small events from a fake executable to a consumer that looks at each: from the spawn to the last event. Each
 * contestant has a process of its own, in which it runs several times: the first run is told apart, as the others are
 * those of a program that has been up for a while.
 */
import * as Corpus from "./fixtures/corpus.ts"
import { cell, type Report, type Sizes } from "./report.ts"
import * as Stage from "./stage.ts"
import { alternate, ratio, spread } from "./statistics.ts"

interface Sample {
  readonly first: number
  /** The median of the later runs. */
  readonly later: number
  readonly memory: number
}

const runsPerProcess = 6

export const measure = async ({ events, rounds = 7 }: Sizes): Promise<Report> => {
  const env = Stage.output("stream.jsonl", Corpus.lines("small", events))
  const run = async (contestant: string): Promise<Sample> => {
    const { memory, runs } = (await Stage.run(contestant, env, String(runsPerProcess))).result as {
      readonly runs: ReadonlyArray<{ readonly millis: number; readonly events: number }>
      readonly memory: number
    }
    const short = runs.find((run) => run.events !== events)
    if (runs.length !== runsPerProcess || short !== undefined) {
      throw new Error(`${contestant} saw ${short?.events ?? 0} of ${events} events`)
    }
    const [first = Number.NaN, ...later] = runs.map(({ millis }) => millis)
    return { first, later: spread(later).median, memory }
  }
  const samples = await alternate(rounds, {
    ours: () => run("stream-ours"),
    official: () => run("stream-official"),
    floor: () => run("stream-node")
  })
  const against = (theirs: ReadonlyArray<Sample>, read: (sample: Sample) => number) =>
    ratio(samples.ours.map(read), theirs.map(read))
  const later = (sample: Sample) => sample.later
  const first = (sample: Sample) => sample.first
  const row = (name: string, theirs: ReadonlyArray<Sample>) => [
    name,
    cell(spread(theirs.map(later)), 0),
    cell(against(theirs, later), 3),
    cell(spread(theirs.map(first)), 0),
    cell(against(theirs, first), 3),
    cell(spread(theirs.map(({ memory }) => memory)), 0)
  ]
  return {
    title: `Stream: ${events} small events; later runs in a process, and its first`,
    columns: ["", "later, ms", "ours ÷ this", "first, ms", "ours ÷ this", "peak MB"],
    rows: [
      row("Codex.stream", samples.ours),
      row("@openai/codex-sdk", samples.official),
      row("bare Node, unchecked", samples.floor)
    ],
    figures: {
      "stream.vs_official": against(samples.official, later).median,
      "stream.vs_floor": against(samples.floor, later).median,
      "stream.first_vs_official": against(samples.official, first).median,
      "stream.first_vs_floor": against(samples.floor, first).median
    }
  }
}
