/**
 * Names for what differs from machine to machine and from run to run, and for secrets.
 *
 * @internal
 */
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as RegularExpression from "effect/RegExp"
import type * as Schema from "effect/Schema"
import {
  assignment,
  hash,
  homes,
  isoTime,
  isSecretName,
  keyLike,
  kindOf,
  loopback,
  modelId,
  rollout,
  secret,
  temporary,
  uuid
} from "./cassettePatterns.ts"
import { mark } from "./cassetteRun.ts"
import { isList, isObject } from "./json.ts"

/** Times count from here on. */
const epoch = 1_767_225_600_000

export class Names {
  readonly #startedAt: number
  /** The kinds of paths. */
  readonly #paths = new Map<string, { readonly path: string; readonly kind: string; readonly isOnly: boolean }>()
  /** By what they stand for. */
  readonly #names = new Map<string, string>()
  readonly #counts = new Map<string, number>()
  readonly #secrets = new Set<string>()
  #literals: RegExp | undefined

  constructor(startedAt: number) {
    this.#startedAt = startedAt
  }

  /** Gives a path a name, the same each time; the only one of its kind gets no number. */
  path(kind: string, path: string | undefined, isOnly = false): void {
    // No root, and nothing relative.
    if (path === undefined || !/^(?:\/|[A-Za-z]:\\).+/.test(path) || this.#paths.has(path)) return
    // The second as it is written in JSON that is itself a string.
    for (const text of [path, JSON.stringify(path).slice(1, -1)]) this.#paths.set(text, { path, kind, isOnly })
    this.#literals = undefined
  }

  secret(value: string): void {
    if (value === "") return
    this.#secrets.add(value)
    this.#secrets.add(JSON.stringify(value).slice(1, -1))
    this.#literals = undefined
  }

  /** Learns what an environment holds. */
  environment(env: Readonly<Record<string, string | Redacted.Redacted<string> | undefined>>): void {
    for (const [name, value] of Object.entries(env)) {
      if (value === undefined) continue
      if (Redacted.isRedacted(value)) this.secret(Redacted.value(value))
      else if (isSecretName(name) && value.length >= 8) this.secret(value)
      else if (name === "CODEX_HOME") this.path("codex home", value)
      else if (name === "HOME" || name === "USERPROFILE") this.path("home", value)
    }
  }

  /** A text without what is secret or of this machine. */
  text(text: string, kind = "id"): string {
    this.#literals ??= literals(Array.from(this.#secrets), Array.from(this.#paths.keys()))
    return text
      .replaceAll(this.#literals, (found) => this.#nameOfPath(found))
      .replaceAll(keyLike, secret)
      .replaceAll(temporary, (path) => this.#nameOf("temp", path))
      .replaceAll(homes, (path) => this.#nameOf("home", path))
      .replaceAll(rollout, "<time>")
      .replaceAll(uuid, (id) => this.#nameOf(kind, id))
      .replaceAll(modelId, (id) => this.#nameOf(id.startsWith("call") ? "call" : "item", id))
      .replaceAll(hash, (hash) => this.#nameOf("hash", hash))
      .replaceAll(loopback, (_, host: string, port: string) => `${host}${this.#nameOf("port", port)}`)
      .replaceAll(isoTime, (time) => this.#isoTime(time))
  }

  /** JSON without what is secret or of this machine. */
  json(json: Schema.Json): Schema.Json {
    this.#learn(json)
    return this.#json(json, "", "")
  }

  /** The flags of a command. */
  args(args: ReadonlyArray<string>): ReadonlyArray<string> {
    return args.map((arg, index) => {
      const isThread = args[index - 1] === "resume" || args[index - 1] === "fork"
      const hidden = arg.replaceAll(
        assignment,
        (whole, name: string, middle: string) => isSecretName(name) ? `${name}${middle}"${secret}"` : whole
      )
      return this.text(hidden, isThread ? "thread" : "id")
    })
  }

  #json(json: Schema.Json, key: string, parent: string): Schema.Json {
    if (typeof json === "string") {
      if (json !== "" && isSecretName(key)) return secret
      if (key === mark) return "<tree>"
      if (key === "userAgent") return json.replace(/ .*$/s, "")
      if (/^process_?id$/i.test(key)) return this.#nameOf("process", json)
      return this.text(json, kindOf(key === "id" ? parent : key))
    }
    if (!isList(json) && !isObject(json) && this.text(String(json)) !== String(json)) return secret
    if (typeof json === "number") return this.#number(json)
    if (isList(json)) return json.map((item) => this.#json(item, key, parent))
    if (isObject(json)) {
      // As `remoteControl/status/changed` tells it.
      const hasHost = "installationId" in json
      return Object.fromEntries(
        Object.entries(json).map(([name, value]) => [
          this.text(name),
          hasHost && name === "serverName" ? "<host>" : this.#json(value, name, key)
        ])
      )
    }
    return json
  }

  /** A directory of work is named as such even where it is mentioned before. */
  #learn(json: Schema.Json): void {
    if (isList(json)) return json.forEach((item) => this.#learn(item))
    if (!isObject(json)) return
    for (const [key, value] of Object.entries(json)) {
      if (key === "cwd" && typeof value === "string") this.path("workspace", value)
      else this.#learn(value)
    }
  }

  /** Times, in seconds or milliseconds, and nothing else, are near to when this began. */
  #number(value: number): number {
    const begin = this.#startedAt
    // A clock of a test counts from 0, as much else does.
    if (begin < year) return value
    if (Math.abs(value - begin) < year) return value - begin + epoch
    if (Math.abs(value - begin / 1000) < year / 1000) return Math.round(value - begin / 1000 + epoch / 1000)
    return value
  }

  #isoTime(time: string): string {
    return DateTime.make(time).pipe(
      Option.flatMap((parsed) => DateTime.make(this.#number(DateTime.toEpochMillis(parsed)))),
      Option.match({ onNone: () => time, onSome: DateTime.formatIso })
    )
  }

  #nameOfPath(text: string): string {
    const known = this.#paths.get(text)
    if (known === undefined) return secret
    return known.isOnly ? `<${known.kind}>` : this.#nameOf(known.kind, known.path)
  }

  #nameOf(kind: string, value: string): string {
    const known = this.#names.get(value)
    if (known !== undefined) return known
    const count = (this.#counts.get(kind) ?? 0) + 1
    this.#counts.set(kind, count)
    const name = `<${kind} ${count}>`
    this.#names.set(value, name)
    return name
  }
}

// =============================================================================
// Internals
// =============================================================================

const year = 365 * 86_400_000

/** Of several that fit, the longest. A path is no part of a longer name. */
const literals = (secrets: ReadonlyArray<string>, paths: ReadonlyArray<string>): RegExp => {
  const longest = (texts: ReadonlyArray<string>) =>
    texts.toSorted((a, b) => b.length - a.length).map(RegularExpression.escape)
  return new RegExp(
    [
      ...longest(secrets),
      ...longest(paths).map((path) => `(?<![\\w.-])${path}(?![\\w-])`),
      // Nothing.
      "(?!)"
    ].join("|"),
    "g"
  )
}
