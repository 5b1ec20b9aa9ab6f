/**
 * `npm run bench [-- MEASURE...] [-- --rounds=N --events=N --megabytes=N]`
 *
 * Compares us with what we stand on and with the official SDK, in one run, turn by turn. Prints a table per measure,
 * a median and in brackets the middle half of the samples, and last one line of JSON with the medians. Nothing here
 * fails for being slow: machines differ, so look at the ratios.
 */
import { parseArgs } from "node:util"
import * as Decode from "./decode.ts"
import * as Deltas from "./deltas.ts"
import * as Memory from "./memory.ts"
import { type Report, show, type Sizes } from "./report.ts"
import * as Rpc from "./rpc.ts"
import * as Stage from "./stage.ts"
import * as Start from "./start.ts"
import * as Stream from "./stream.ts"
import * as Turns from "./turns.ts"

const measures: Readonly<Record<string, (sizes: Sizes) => Promise<Report>>> = {
  decode: Decode.measure,
  stream: Stream.measure,
  start: Start.measure,
  rpc: Rpc.measure,
  turns: Turns.measure,
  deltas: Deltas.measure,
  memory: Memory.measure
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string" }, events: { type: "string" }, megabytes: { type: "string" } }
})
const unknown = positionals.find((name) => !Object.hasOwn(measures, name))
if (unknown !== undefined) {
  console.error(`There is no measure "${unknown}", only ${Object.keys(measures).join(", ")}`)
  process.exit(1)
}
const sizes: Sizes = {
  rounds: values.rounds === undefined ? undefined : Number(values.rounds),
  events: Number(values.events ?? 100_000),
  megabytes: Number(values.megabytes ?? 1024)
}

Stage.prepare()
const figures: Record<string, number> = {}
for (const [name, measure] of Object.entries(measures)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue
  const report = await measure(sizes)
  console.log(show(report))
  for (const [key, figure] of Object.entries(report.figures)) figures[key] = Number(figure.toFixed(3))
}
console.log(JSON.stringify(figures))
