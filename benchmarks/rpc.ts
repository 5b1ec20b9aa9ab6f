/**
 * Requests to the real app-server, one after the other and 64 at a time, of a method that does next to nothing. As with
 * streams, the first run in a process is told apart from those of a program that has been up for a while.
 */
import * as RealCodex from "./realCodex.ts"
import { cell, type Report, type Sizes } from "./report.ts"
import * as Stage from "./stage.ts"
import { alternate, ratio, spread } from "./statistics.ts"

/** Milliseconds for so many requests. */
interface Run {
  readonly w1: number
  readonly w64: number
}

interface Sample {
  readonly first: Run
  /** The medians of the later runs. */
  readonly later: Run
}

const requests = 2000
const runsPerProcess = 6

export const measure = ({ rounds = 9 }: Sizes): Promise<Report> =>
  RealCodex.withModel(async (env) => {
    const run = async (contestant: string): Promise<Sample> => {
      const { result } = await Stage.run(
        contestant,
        { ...env, CODEX_PATH: RealCodex.path() },
        String(requests),
        String(runsPerProcess)
      )
      const [first, ...later] = result as ReadonlyArray<Run>
      if (first === undefined) throw new Error(`${contestant} made no requests`)
      const median = (read: (run: Run) => number) => spread(later.map(read)).median
      return { first, later: { w1: median(({ w1 }) => w1), w64: median(({ w64 }) => w64) } }
    }
    const { floor, ours } = await alternate(rounds, { ours: () => run("rpc-ours"), floor: () => run("rpc-node") })
    const against = (read: (sample: Sample) => number) => ratio(ours.map(read), floor.map(read))
    const columns: ReadonlyArray<(sample: Sample) => number> = [
      ({ later }) => later.w1,
      ({ later }) => later.w64,
      ({ first }) => first.w1,
      ({ first }) => first.w64
    ]
    const row = (name: string, samples: ReadonlyArray<Sample>) => [
      name,
      ...columns.map((read) => cell(spread(samples.map(read)), 0))
    ]
    return {
      title: `Requests: ${requests} to the real app-server; later runs in a process, and its first`,
      columns: ["", "one by one, ms", "64 at a time, ms", "first, one by one, ms", "first, 64 at a time, ms"],
      rows: [
        row("Client.request", ours),
        row("bare Node, unchecked", floor),
        ["ours ÷ this", ...columns.map((read) => cell(against(read), 3))]
      ],
      figures: {
        "rpc.vs_floor_w1": against(({ later }) => later.w1).median,
        "rpc.vs_floor_w64": against(({ later }) => later.w64).median,
        "rpc.first_vs_floor_w1": against(({ first }) => first.w1).median,
        "rpc.first_vs_floor_w64": against(({ first }) => first.w64).median
      }
    }
  })
