/**
 * Reads no more of a rollout than is needed: its first line, and lines from its end.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type * as PlatformError from "effect/PlatformError"

/** So much is read at a time. */
const chunkBytes = 64 * 1024

/** A longer line holds what the agent saw or made, not what is looked for, and is passed over. */
const maxLineBytes = 4 * 1024 * 1024

const newline = 10

/** The first line, or its beginning if it is longer than lines may be. */
export const firstLine = Effect.fnUntraced(function*(
  file: FileSystem.File
): Effect.fn.Return<string, PlatformError.PlatformError> {
  let line = new Uint8Array()
  while (line.length < maxLineBytes) {
    const bytes = yield* read(file, line.length, chunkBytes)
    const end = bytes.indexOf(newline)
    line = concat(line, end === -1 ? bytes : bytes.subarray(0, end))
    if (end !== -1 || bytes.length === 0) break
  }
  return new TextDecoder().decode(line)
})

/** What `pick` finds in the last line, of the first `end` bytes, in which it finds something. */
export const findLast = Effect.fnUntraced(function*<A>(
  file: FileSystem.File,
  end: number,
  pick: (line: string) => A | undefined
): Effect.fn.Return<A | undefined, PlatformError.PlatformError> {
  const decoder = new TextDecoder()
  let position = end
  // The end of a line whose beginning is yet to be read.
  let rest = new Uint8Array()
  while (position > 0) {
    const start = Math.max(0, position - chunkBytes)
    const block = concat(yield* read(file, start, position - start), rest)
    const cut = start === 0 ? -1 : block.indexOf(newline)
    if (cut === -1 && start > 0) {
      rest = block.length > maxLineBytes ? new Uint8Array() : block
    } else {
      const found = lastOf(decoder.decode(block.subarray(cut + 1)), pick)
      if (found !== undefined) return found
      rest = block.subarray(0, Math.max(0, cut))
    }
    position = start
  }
  return undefined
})

const lastOf = <A>(text: string, pick: (line: string) => A | undefined): A | undefined => {
  for (const line of text.split("\n").toReversed()) {
    const found = pick(line)
    if (found !== undefined) return found
  }
  return undefined
}

/** Up to so many bytes: fewer at the end of the file only. */
const read = Effect.fnUntraced(function*(file: FileSystem.File, position: number, size: number) {
  let bytes = new Uint8Array()
  while (bytes.length < size) {
    const more = yield* file.readAlloc(size - bytes.length, { position: BigInt(position + bytes.length) })
    if (Option.isNone(more)) break
    bytes = concat(bytes, more.value)
  }
  return bytes
})

const concat = (self: Uint8Array, that: Uint8Array): Uint8Array<ArrayBuffer> => {
  const both = new Uint8Array(self.length + that.length)
  both.set(self)
  both.set(that, self.length)
  return both
}
