/**
 * Which parts of two sequences belong together.
 *
 * @internal
 */
import * as Equal from "effect/Equal"
import * as MutableHashMap from "effect/MutableHashMap"
import * as Option from "effect/Option"

export interface Part {
  /** Only parts of one kind belong together. */
  readonly kind: string
  readonly id: unknown
  /** How it is shown. */
  readonly text: string
  readonly value: unknown
}

export type Aligned =
  | { readonly is: "same"; readonly actual: Part }
  | { readonly is: "changed"; readonly expected: Part; readonly actual: Part }
  | { readonly is: "missing"; readonly expected: Part }
  | { readonly is: "extra"; readonly actual: Part }

/** The parts of both in order, such that as much as possible is the same, or at least alike. */
export const align = (expected: ReadonlyArray<Part>, actual: ReadonlyArray<Part>): ReadonlyArray<Aligned> => {
  // Most of two long sequences is at the ends, and the same.
  const shorter = Math.min(expected.length, actual.length)
  let head = 0
  while (head < shorter && isSame(expected[head], actual[head])) head++
  let tail = 0
  while (tail < shorter - head && isSame(expected.at(-1 - tail), actual.at(-1 - tail))) tail++
  const middle = [expected.slice(head, expected.length - tail), actual.slice(head, actual.length - tail)] as const
  return [
    ...actual.slice(0, head).map(same),
    ...(middle[0].length * middle[1].length > maxCells ? inOrder(...middle) : byLikeness(...middle)),
    ...actual.slice(actual.length - tail).map(same)
  ]
}

/** Beyond this, to align would cost more than it shows. */
const maxCells = 4_000_000

const same = (part: Part): Aligned => ({ is: "same", actual: part })

const isSame = (expected: Part | undefined, actual: Part | undefined): boolean =>
  expected?.kind === actual?.kind && Equal.equals(expected?.value, actual?.value)

const pair = (expected: Part | undefined, actual: Part | undefined): ReadonlyArray<Aligned> => {
  if (expected === undefined) return actual === undefined ? [] : [{ is: "extra", actual }]
  if (actual === undefined) return [{ is: "missing", expected }]
  if (isSame(expected, actual)) return [same(actual)]
  return expected.kind === actual.kind
    ? [{ is: "changed", expected, actual }]
    : [{ is: "missing", expected }, { is: "extra", actual }]
}

const inOrder = (expected: ReadonlyArray<Part>, actual: ReadonlyArray<Part>): ReadonlyArray<Aligned> =>
  Array.from({ length: Math.max(expected.length, actual.length) })
    .flatMap((_, index) => pair(expected[index], actual[index]))

/** The alignment that is worth most: what is the same is worth more than what looks the same, and so on. */
const byLikeness = (expected: ReadonlyArray<Part>, actual: ReadonlyArray<Part>): ReadonlyArray<Aligned> => {
  const numbers = MutableHashMap.empty<unknown, number>()
  const numberOf = ({ value }: Part): number =>
    Option.getOrElse(MutableHashMap.get(numbers, value), () => {
      const number = MutableHashMap.size(numbers)
      MutableHashMap.set(numbers, value, number)
      return number
    })
  const before = expected.map(numberOf)
  const after = actual.map(numberOf)
  const likeness = (row: number, column: number): number => {
    const [a, b] = [expected[row], actual[column]]
    if (a === undefined || a.kind !== b?.kind) return 0
    if (before[row] === after[column]) return 6
    if (a.text === b.text) return 4
    return a.id !== undefined && a.id === b.id ? 3 : 1
  }

  // worth[row][column] is that of the best alignment of what is from there on.
  const width = actual.length + 1
  const worth = new Uint32Array((expected.length + 1) * width)
  const worthAt = (row: number, column: number): number => worth[row * width + column] ?? 0
  const paired = (row: number, column: number): number => {
    const likely = likeness(row, column)
    return likely === 0 ? 0 : likely + worthAt(row + 1, column + 1)
  }
  for (let row = expected.length - 1; row >= 0; row--) {
    for (let column = actual.length - 1; column >= 0; column--) {
      worth[row * width + column] = Math.max(
        paired(row, column),
        worthAt(row + 1, column),
        worthAt(row, column + 1)
      )
    }
  }

  const result: Array<Aligned> = []
  let [row, column] = [0, 0]
  while (row < expected.length || column < actual.length) {
    const best = worthAt(row, column)
    if (best > 0 && paired(row, column) === best) result.push(...pair(expected[row++], actual[column++]))
    else if (row < expected.length && worthAt(row + 1, column) === best) {
      result.push(...pair(expected[row++], undefined))
    } else result.push(...pair(undefined, actual[column++]))
  }
  return result
}
