/**
 * Cuts a byte stream into lines at 0x0A, and only there: U+2028 and other separators are text.
 *
 * @internal
 */

const newline = 0x0a

/** Decodes what ends in a chunk at once, and keeps the bytes of an unfinished line until it ends. */
export class LineSplitter {
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true })
  #pending: Array<Uint8Array> = []
  #pendingBytes = 0

  /** The length in bytes of the line that has not ended yet. */
  get pendingBytes(): number {
    return this.#pendingBytes
  }

  /** The lines that `chunk` completes, without their ends; blank ones are left out. */
  push(chunk: Uint8Array): Array<string> {
    const lines: Array<string> = []
    const end = chunk.lastIndexOf(newline)
    let start = 0
    if (this.#pendingBytes > 0 && end !== -1) {
      start = chunk.indexOf(newline)
      split(this.#decoder.decode(this.#join(chunk.subarray(0, start))), lines)
    }
    if (start < end) split(this.#decoder.decode(chunk.subarray(start, end)), lines)
    if (end + 1 < chunk.length) this.#keep(chunk.subarray(end + 1))
    return lines
  }

  /** The last line, if the stream ended in the middle of one. */
  end(): Array<string> {
    const lines: Array<string> = []
    if (this.#pendingBytes > 0) split(this.#decoder.decode(this.#join(new Uint8Array(0))), lines)
    return lines
  }

  #keep(bytes: Uint8Array): void {
    this.#pending.push(bytes)
    this.#pendingBytes += bytes.length
  }

  #join(last: Uint8Array): Uint8Array {
    const joined = new Uint8Array(this.#pendingBytes + last.length)
    let offset = 0
    for (const bytes of this.#pending) {
      joined.set(bytes, offset)
      offset += bytes.length
    }
    joined.set(last, offset)
    this.#pending = []
    this.#pendingBytes = 0
    return joined
  }
}

const split = (text: string, lines: Array<string>): void => {
  let start = 0
  while (start <= text.length) {
    const end = text.indexOf("\n", start)
    const line = end === -1 ? text.slice(start) : text.slice(start, end)
    if (line !== "" && line !== "\r") lines.push(line)
    if (end === -1) return
    start = end + 1
  }
}
