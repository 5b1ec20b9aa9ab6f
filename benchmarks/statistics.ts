/**
 * What the samples of a measure come to. Contestants take turns, and a ratio is taken within each round, so that
 * what the machine does meanwhile slows both sides of it.
 */

export interface Spread {
  readonly median: number
  /** The middle half of the samples lies between these two. */
  readonly low: number
  readonly high: number
}

export const spread = (samples: ReadonlyArray<number>): Spread => {
  const sorted = samples.toSorted((a, b) => a - b)
  const at = (share: number) => {
    const place = (sorted.length - 1) * share
    const below = sorted[Math.floor(place)] ?? Number.NaN
    const above = sorted[Math.ceil(place)] ?? Number.NaN
    return below + (above - below) * (place - Math.floor(place))
  }
  return { median: at(0.5), low: at(0.25), high: at(0.75) }
}

export const ratio = (ours: ReadonlyArray<number>, theirs: ReadonlyArray<number>): Spread =>
  spread(ours.map((sample, round) => sample / (theirs[round] ?? Number.NaN)))

/** Runs the contestants in turn, in another order each round. The first round warms the machine and does not count. */
export const alternate = async <Name extends string, A>(
  rounds: number,
  contestants: Readonly<Record<Name, () => Promise<A>>>
): Promise<Record<Name, Array<A>>> => {
  const names = Object.keys(contestants) as Array<Name>
  const samples = Object.fromEntries(names.map((name) => [name, new Array<A>()])) as Record<Name, Array<A>>
  for (let round = 0; round <= rounds; round++) {
    for (let place = 0; place < names.length; place++) {
      const name = names[(round + place) % names.length]
      if (name === undefined) continue
      const sample = await contestants[name]()
      if (round > 0) samples[name].push(sample)
    }
  }
  return samples
}
