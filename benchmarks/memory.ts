/**
 * A great many events to a consumer that pauses: what stays in memory, and whether the producer waits meanwhile.
 */
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { cell, type Report, type Sizes } from "./report.ts"
import * as Stage from "./stage.ts"
import { spread } from "./statistics.ts"

interface Sample {
  readonly idle: number
  readonly peak: number
  readonly lost: number
  readonly written: number
  readonly seconds: number
  /** Bytes that the producer got rid of after one second of the pause, and after three. */
  readonly before?: number
  readonly after?: number
}

const eventBytes = 460

export const measure = async ({ megabytes, rounds = 1 }: Pick<Sizes, "megabytes" | "rounds">): Promise<Report> => {
  const events = Math.ceil(megabytes * 2 ** 20 / eventBytes)
  const progress = join(Stage.directory, "progress")
  const producer = fileURLToPath(new URL("fixtures/producer.ts", import.meta.url))
  const env = {
    PRODUCER_EVENTS: String(events),
    PRODUCER_EVENT_BYTES: String(eventBytes),
    PRODUCER_PROGRESS: progress
  }
  const samples: Array<Sample> = []
  for (let round = 0; round < rounds; round++) {
    const sample = (await Stage.run("memory", env, producer, progress, String(events))).result as Sample
    if (sample.lost !== 0) throw new Error(`${sample.lost} of ${events} events were lost`)
    if (sample.before === undefined || sample.before !== sample.after) {
      throw new Error(`The producer went on while the consumer paused: ${sample.before}, ${sample.after} bytes`)
    }
    samples.push(sample)
  }
  const added = spread(samples.map(({ idle, peak }) => peak - idle))
  const column = (read: (sample: Sample) => number) => cell(spread(samples.map(read)), 0)
  return {
    title: `Memory: ${megabytes} MB of events, a consumer that pauses; none lost, the producer blocked meanwhile`,
    columns: ["", "idle MB", "peak MB", "added MB", "seconds"],
    rows: [[
      "Codex.stream",
      column(({ idle }) => idle),
      column(({ peak }) => peak),
      cell(added, 0),
      column(({ seconds }) => seconds)
    ]],
    figures: { "memory.slow_consumer_mb": added.median }
  }
}
