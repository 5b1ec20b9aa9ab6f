/**
 * A message that comes in a great many deltas, from the first to the last, over the real app-server, which is slower
 * than its clients are: so their processor time is told, too.
 */
import * as ModelReply from "@effect-codex/testing/ModelReply"
import * as RealCodex from "./realCodex.ts"
import { cell, type Report, type Sizes } from "./report.ts"
import * as Stage from "./stage.ts"
import { alternate, ratio, spread } from "./statistics.ts"

/** In milliseconds. */
interface Sample {
  readonly millis: number
  /** Time of the client's processor. */
  readonly cpu: number
}

const deltas = 20_000
const runsPerProcess = 4

export const measure = ({ rounds = 7 }: Sizes): Promise<Report> =>
  RealCodex.withModel(async (env) => {
    const run = async (contestant: string): Promise<Sample> => {
      const { result } = await Stage.run(
        contestant,
        { ...env, CODEX_PATH: RealCodex.path() },
        String(runsPerProcess)
      )
      const runs = result as ReadonlyArray<Sample & { readonly deltas: number }>
      const short = runs.find((run) => run.deltas !== deltas)
      if (runs.length !== runsPerProcess || short !== undefined) {
        throw new Error(`${contestant} saw ${short?.deltas ?? 0} of ${deltas} deltas`)
      }
      const later = runs.slice(1)
      return {
        millis: spread(later.map(({ millis }) => millis)).median,
        cpu: spread(later.map(({ cpu }) => cpu)).median
      }
    }
    const { floor, ours } = await alternate(rounds, {
      ours: () => run("deltas-ours"),
      floor: () => run("deltas-node")
    })
    const columns: ReadonlyArray<(sample: Sample) => number> = [({ millis }) => millis, ({ cpu }) => cpu]
    const against = (read: (sample: Sample) => number) => ratio(ours.map(read), floor.map(read))
    const row = (name: string, samples: ReadonlyArray<Sample>) => [
      name,
      cell(spread(samples.map(({ millis }) => deltas / millis * 1000)), 0),
      ...columns.map((read) => cell(spread(samples.map(read)), 0))
    ]
    return {
      title: `Deltas: ${deltas} from the real app-server`,
      columns: ["", "per second", "ms", "processor, ms"],
      rows: [
        row("Codex.stream", ours),
        row("bare Node, unchecked", floor),
        ["ours ÷ this", "", ...columns.map((read) => cell(against(read), 3))]
      ],
      figures: {
        "deltas.vs_floor": against(({ millis }) => millis).median,
        "deltas.cpu_vs_floor": against(({ cpu }) => cpu).median
      }
    }
  }, ModelReply.message(...Array.from({ length: deltas }, (_, index) => `word${index} `)))
