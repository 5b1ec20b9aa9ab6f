/**
 * What a recorder writes on.
 *
 * @internal
 */
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import type { PlatformError } from "effect/PlatformError"
import type { Cassette, Entry, Start } from "../Cassette.ts"
import type { Names } from "./cassetteNames.ts"
import { argsWithoutRun, withoutRun } from "./cassetteRun.ts"
import { parse } from "./json.ts"
import { LineCutter } from "./lineCutter.ts"

export interface Settings {
  readonly names: Names
  /** In milliseconds. */
  readonly now: () => number
  readonly limit: number
}

export class Tape {
  readonly #settings: Settings
  readonly #startedAt: number
  readonly #entries: Array<Entry> = []
  #processes = 0
  #omitted = 0

  constructor(settings: Settings) {
    this.#settings = settings
    this.#startedAt = settings.now()
  }

  start({ args, cwd, kind }: Pick<Start, "args" | "kind"> & { readonly cwd: string | undefined }): Track {
    const { names } = this.#settings
    names.path("workspace", cwd)
    const process = ++this.#processes
    const track = new Track(names, (entry, at = this.#settings.now()) => {
      const where = { at: at - this.#startedAt, process }
      if (this.#entries.length < this.#settings.limit) this.#entries.push({ ...where, ...entry })
      else this.#omitted++
    })
    track.add({
      type: "start",
      kind,
      args: names.args(argsWithoutRun(args)),
      ...(cwd === undefined ? {} : { cwd: names.text(cwd) })
    })
    return track
  }

  cassette(formatVersion: number, cli: string | undefined): Cassette {
    const recordedAt = Option.getOrThrow(DateTime.make(this.#startedAt))
    return {
      header: {
        cassette: formatVersion,
        ...(cli === undefined ? {} : { cli }),
        recordedAt: DateTime.formatIso(recordedAt),
        ...(this.#omitted === 0 ? {} : { omitted: this.#omitted })
      },
      entries: this.#entries.slice()
    }
  }
}

/** What is common to all entries is added. */
type Said = Entry extends infer E ? E extends Entry ? Omit<E, "at" | "process"> : never : never

/** One process or connection. */
export class Track {
  readonly #names: Names
  readonly #errors = new LineCutter()
  readonly #outputs = { sent: new LineCutter(), received: new LineCutter() }
  readonly add: (said: Said, at?: number) => void

  constructor(names: Names, add: (said: Said, at?: number) => void) {
    this.#names = names
    this.add = add
  }

  bytes(type: "sent" | "received", bytes: Uint8Array): void {
    for (const line of this.#outputs[type].push(bytes)) this.line(type, line)
  }

  /** What was cut off by the end. */
  end(type: "sent" | "received"): void {
    const rest = this.#outputs[type].end()
    if (rest !== "") this.add({ type, text: this.#names.text(rest), cut: true })
  }

  line(type: "sent" | "received", line: string): void {
    if (line.trim() === "") return
    const json = parse(line)
    if (json === undefined) return this.text(type, line)
    this.add({ type, json: this.#names.json(type === "sent" ? withoutRun(json) : json) })
  }

  text(type: "sent" | "received", text: string): void {
    this.add({ type, text: this.#names.text(text) })
  }

  stderr(bytes: Uint8Array): void {
    for (const line of this.#errors.push(bytes)) this.#stderr(`${line}\n`)
  }

  stderrEnd(): void {
    const rest = this.#errors.end()
    if (rest !== "") this.#stderr(rest)
  }

  connectionLost(message: string): void {
    this.add({ type: "exit", error: this.#names.text(message) })
  }

  refused(error: PlatformError): void {
    const reason = error.reason._tag
    const isKnown = reason === "NotFound" || reason === "PermissionDenied" || reason === "BadResource"
    this.add({ type: "refused", reason: isKnown ? reason : "Unknown" })
  }

  #stderr(text: string): void {
    this.add({ type: "stderr", text: this.#names.text(text) })
  }
}
