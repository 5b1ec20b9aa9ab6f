/**
 * What Codex says on stderr, once its noise is taken out.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"

/** Bytes of the end that are kept. */
const tailBytes = 16 * 1024

/** Drains `stderr`, for a full pipe stops the CLI, and keeps its end. */
export const tail = Effect.fnUntraced(function*<E>(stderr: Stream.Stream<Uint8Array, E>) {
  const text = yield* Ref.make("")
  const drain = stderr.pipe(
    Stream.decodeText,
    Stream.runForEach((chunk) => Ref.update(text, (kept) => (kept + chunk).slice(-tailBytes))),
    Effect.ignore
  )
  return { drain, text: Effect.map(Ref.get(text), clean) }
})

// CLI 0.169. A backtrace has no use for who does not build Codex.
const noise = [
  /^Reading (?:prompt|additional input) from stdin\.\.\.$/,
  /^WARNING: proceeding, even though we could not (?:create|update) PATH/,
  /^Stack backtrace:$/,
  /^\s+\d+: <unknown>$/,
  /^\s*$/
]

const ansi = /\u001b\[[0-9;]*[A-Za-z]/g

/** Takes out colours, and the lines that the CLI prints on every run. */
export const clean = (text: string): string =>
  text.replace(ansi, "").split(/\r?\n/).filter((line) => !noise.some((pattern) => pattern.test(line))).join("\n").trim()
