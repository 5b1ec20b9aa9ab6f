/**
 * What a measure tells: a table for people, and figures by key for programs.
 */
import type { Spread } from "./statistics.ts"

export interface Report {
  readonly title: string
  readonly columns: ReadonlyArray<string>
  readonly rows: ReadonlyArray<ReadonlyArray<string>>
  readonly figures: Readonly<Record<string, number>>
}

/** How large the measures are. */
export interface Sizes {
  /** Rounds of each measure; undefined leaves it to the measure. */
  readonly rounds: number | undefined
  readonly events: number
  readonly megabytes: number
}

export const cell = ({ high, low, median }: Spread, digits: number): string =>
  `${median.toFixed(digits)} [${low.toFixed(digits)} – ${high.toFixed(digits)}]`

export const show = ({ columns, rows, title }: Report): string => {
  const lines = [columns, ...rows]
  const widths = columns.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  const format = (line: ReadonlyArray<string>) =>
    line.map((text, column) => column === 0 ? text.padEnd(widths[0] ?? 0) : text.padStart(widths[column] ?? 0)).join(
      "   "
    )
  return [title, ...lines.map((line) => `  ${format(line).trimEnd()}`), ""].join("\n")
}
