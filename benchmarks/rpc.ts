/**
 * Requests to the real app-server, one after the other and 64 at a time, of a method that does next to nothing.
 */
import * as RealCodex from "./realCodex.ts"
import { cell, type Report, type Sizes } from "./report.ts"
import * as Stage from "./stage.ts"
import { alternate, ratio, spread } from "./statistics.ts"

interface Sample {
  /** Milliseconds for so many requests, one after the other. */
  readonly w1: number
  /** The same, 64 at a time. */
  readonly w64: number
}

const requests = 2000

export const measure = ({ rounds = 9 }: Sizes): Promise<Report> =>
  RealCodex.withModel(async (env) => {
    const run = async (contestant: string): Promise<Sample> =>
      (await Stage.run(contestant, { ...env, CODEX_PATH: RealCodex.path() }, String(requests))).result as Sample
    const { floor, ours } = await alternate(rounds, { ours: () => run("rpc-ours"), floor: () => run("rpc-node") })
    const against = (read: (sample: Sample) => number) => ratio(ours.map(read), floor.map(read))
    const row = (name: string, samples: ReadonlyArray<Sample>) => [
      name,
      cell(spread(samples.map(({ w1 }) => w1)), 0),
      cell(spread(samples.map(({ w64 }) => w64)), 0)
    ]
    const w1 = against((sample) => sample.w1)
    const w64 = against((sample) => sample.w64)
    return {
      title: `Requests: ${requests} to the real app-server`,
      columns: ["", "one at a time, ms", "64 at a time, ms"],
      rows: [row("Client.request", ours), row("bare Node, unchecked", floor), [
        "ours ÷ this",
        cell(w1, 3),
        cell(w64, 3)
      ]],
      figures: { "rpc.vs_floor_w1": w1.median, "rpc.vs_floor_w64": w64.median }
    }
  })
