/**
 * Bytes to lines.
 *
 * @internal
 */
export class LineCutter {
  readonly #decoder = new TextDecoder()
  #rest: Array<string> = []

  /** The lines that end in `bytes`, without their ends. */
  push(bytes: Uint8Array): ReadonlyArray<string> {
    const [first = "", ...others] = this.#decoder.decode(bytes, { stream: true }).split("\n")
    this.#rest.push(first)
    const lines: Array<string> = []
    for (const next of others) {
      lines.push(this.#rest.join(""))
      this.#rest = [next]
    }
    return lines
  }

  /** What came after the last line. */
  end(): string {
    const rest = this.#rest.join("") + this.#decoder.decode()
    this.#rest = []
    return rest
  }
}
