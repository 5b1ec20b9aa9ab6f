/**
 * Turns of one short message each from the real Codex: over one app-server, and as processes.
 */
import * as RealCodex from "./realCodex.ts"
import { cell, type Report, type Sizes } from "./report.ts"
import * as Stage from "./stage.ts"
import { alternate, ratio, spread } from "./statistics.ts"

/** How many at a time, and how many in all. */
const loads = [[1, 8], [8, 24], [32, 64]] as const

export const measure = async ({ rounds = 3 }: Sizes): Promise<Report> => {
  const rows: Array<ReadonlyArray<string>> = []
  const figures: Record<string, number> = {}
  for (const [concurrency, turns] of loads) {
    const run = (transport: string) => () =>
      // A home of its own, as Codex is slower the more threads it has there.
      RealCodex.withModel(async (env) => {
        const args = [transport, String(concurrency), String(turns)]
        const { result } = await Stage.run("turns-ours", { ...env, CODEX_PATH: RealCodex.path() }, ...args)
        return result as number
      })
    const samples = await alternate(rounds, { appServer: run("appserver"), exec: run("exec") })
    const compared = ratio(samples.appServer, samples.exec)
    const perSecond = (millis: ReadonlyArray<number>) => cell(spread(millis.map((all) => turns / all * 1000)), 1)
    rows.push([`${concurrency} at a time`, perSecond(samples.appServer), perSecond(samples.exec), cell(compared, 3)])
    figures[`turns.appserver_vs_exec_c${concurrency}`] = compared.median
  }
  return {
    title: "Turns of the real Codex, per second",
    columns: ["", "one app-server", "codex exec", "time ÷ time of codex exec"],
    rows,
    figures
  }
}
