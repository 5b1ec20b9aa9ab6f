/**
 * Shows a turn on the terminal while it happens. Piped, it is the same lines, without colours and spinner.
 */
import type { CodexEvent } from "@effect-codex/core/CodexEvent"
import * as CodexTurn from "@effect-codex/core/CodexTurn"
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Terminal from "effect/Terminal"
import * as Render from "./Render.ts"

/** How to draw here, for an agent that works in `directory`. */
export const view = Effect.fnUntraced(
  function*(directory: string): Effect.fn.Return<Render.View, never, Terminal.Terminal> {
    const { canAnimate, canColor } = yield* TerminalCapabilities.TerminalCapabilities
    const columns = yield* (yield* Terminal.Terminal).columns
    // A line that fills the last column makes some terminals begin the next one.
    return { color: canColor, columns: canAnimate && columns > 0 ? columns - 1 : 120, directory }
  }
)

export const print = (lines: ReadonlyArray<string>): Effect.Effect<void, never, Stdio.Stdio> => write(join(lines))

/** Shows the events as they come, and gives the turn that they make. */
export const watch = Effect.fnUntraced(function*<E, R>(
  view: Render.View,
  events: Stream.Stream<CodexEvent, E, R>
): Effect.fn.Return<CodexTurn.CodexTurn, E, R | Stdio.Stdio> {
  const { canAnimate } = yield* TerminalCapabilities.TerminalCapabilities
  const startedAt = yield* Clock.currentTimeMillis
  let screen = Render.initial(startedAt)
  let turn = CodexTurn.initial()

  /** Puts lines above the status line, and draws that anew. */
  const show = (lines: ReadonlyArray<string>, status: string) =>
    write((canAnimate ? clearLine : "") + join(lines) + status)
  const animated = (now: number) => canAnimate ? Render.status(view, screen, now) : ""

  const tick = Clock.currentTimeMillis.pipe(Effect.flatMap((now) => show([], animated(now))))
  const onEvent = Effect.fnUntraced(function*(event: CodexEvent) {
    const now = yield* Clock.currentTimeMillis
    const [next, lines] = Render.onEvent(view, screen, event, now)
    screen = next
    turn = CodexTurn.reduce(turn, event)
    yield* show(lines, animated(now))
  })
  const end = Clock.currentTimeMillis.pipe(Effect.flatMap((now) => show(Render.onCut(view, screen, now), "")))

  const ticks = canAnimate ? Stream.as(Stream.tick(Render.frameMillis), tick) : Stream.empty
  // One stream of things to do: nothing is drawn by two at once.
  yield* Stream.map(events, onEvent).pipe(
    Stream.merge(ticks, { haltStrategy: "left" }),
    Stream.runForEach((draw) => draw),
    Effect.ensuring(end)
  )
  return CodexTurn.fromState(turn, Duration.millis((yield* Clock.currentTimeMillis) - startedAt))
})

const clearLine = "\r\u001b[2K"

const join = (lines: ReadonlyArray<string>): string => lines.map((line) => `${line}\n`).join("")

// When nobody reads any more (`| head`), there is nothing left to do.
const write = (text: string): Effect.Effect<void, never, Stdio.Stdio> =>
  Effect.flatMap(Stdio.Stdio, (stdio) => Stream.run(Stream.succeed(text), stdio.stdout())).pipe(
    Effect.catch(() => Effect.interrupt)
  )
