/**
 * The lines of a process, as bytes. What nothing happens to passes as it comes, even in the middle of a line.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Affected } from "./faultLines.ts"
import type { LineFault, Track } from "./faultPlan.ts"

const newline = 0x0a

export const affect = <E>(
  bytes: Stream.Stream<Uint8Array, E>,
  track: Track
): Stream.Stream<Affected<Uint8Array>, E> =>
  Stream.suspend(() => {
    const lines = new Lines(track)
    return Stream.concat(
      Stream.mapAccumArrayEffect(bytes, () => lines, (lines, chunks) =>
        Effect.map(
          Effect.forEach(chunks, (chunk) => lines.push(chunk)),
          (affected) => [lines, affected.flat()] as const
        )),
      Stream.unwrap(Effect.map(Effect.suspend(() => lines.end()), Stream.fromIterable))
    )
  })

class Lines {
  readonly #track: Track
  #next = 0
  /** What happens to the line that has not ended yet. */
  #faults: ReadonlyArray<LineFault> | undefined = undefined
  /** What has come of it, if something happens to it. */
  #held: Array<Uint8Array> = []

  constructor(track: Track) {
    this.#track = track
  }

  push = Effect.fnUntraced({ self: this }, function*(chunk: Uint8Array) {
    const affected: Array<Affected<Uint8Array>> = []
    let passed = 0
    let at = 0
    const pass = () => {
      if (passed < at) affected.push({ line: chunk.subarray(passed, at), faults: [] })
    }
    while (at < chunk.length) {
      const faults = this.#faults ??= yield* this.#track.atLine(this.#next++)
      const end = chunk.indexOf(newline, at) + 1
      const isWhole = end > 0
      const to = isWhole ? end : chunk.length
      if (faults.length > 0) {
        pass()
        this.#held.push(chunk.subarray(at, to))
        if (isWhole) affected.push({ line: this.#take(), faults })
        passed = to
      }
      if (isWhole) this.#faults = undefined
      at = to
    }
    pass()
    return affected
  })

  /** The line that was not ended, and the end itself. */
  end = Effect.fnUntraced({ self: this }, function*() {
    const affected: Array<Affected<Uint8Array>> = []
    if (this.#held.length > 0) affected.push({ line: this.#take(), faults: this.#faults ?? [] })
    affected.push({ line: undefined, faults: yield* this.#track.atLine(this.#next++) })
    return affected
  })

  #take(): Uint8Array {
    const line = join(this.#held)
    this.#held = []
    return line
  }
}

/** Half of a line, as a line. */
export const cut = (line: Uint8Array): Uint8Array => join([half(line), Uint8Array.of(newline)])

/** Half of a line, without its end. */
export const half = (line: Uint8Array): Uint8Array => line.subarray(0, Math.floor(line.length / 2))

/** In pieces of so many bytes. */
export const pieces = (line: Uint8Array, bytes: number): ReadonlyArray<Uint8Array> =>
  Array.from(
    { length: Math.ceil(line.length / bytes) },
    (_, index) => line.subarray(index * bytes, (index + 1) * bytes)
  )

/** Puts whole lines between the lines of others. */
export const withLines = <E>(
  bytes: Stream.Stream<Uint8Array, E>,
  lines: Stream.Stream<Uint8Array>
): Stream.Stream<Uint8Array, E> =>
  Stream.suspend(() => {
    let isWhole = true
    let held: Array<Uint8Array> = []
    return Stream.merge(
      Stream.map(bytes, (bytes) => ({ bytes, isOurs: false })),
      Stream.map(lines, (bytes) => ({ bytes, isOurs: true })),
      { haltStrategy: "left" }
    ).pipe(
      Stream.mapArray((chunk) => {
        const all: Array<Uint8Array> = []
        for (const { bytes, isOurs } of chunk) {
          if (isOurs) held.push(bytes)
          else {
            all.push(bytes)
            isWhole = bytes.length === 0 ? isWhole : bytes.at(-1) === newline
          }
          if (isWhole) {
            all.push(...held)
            held = []
          }
        }
        return [join(all)]
      })
    )
  })

const join = (chunks: ReadonlyArray<Uint8Array>): Uint8Array => {
  const [first, ...others] = chunks
  if (first !== undefined && others.length === 0) return first
  const joined = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0))
  let offset = 0
  for (const chunk of chunks) {
    joined.set(chunk, offset)
    offset += chunk.length
  }
  return joined
}
