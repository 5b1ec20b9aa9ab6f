/**
 * Does to the lines of a Codex what was planned for them, whatever they come by.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { LineFault, Track } from "./faultPlan.ts"
import type { FaultOf } from "./faultSchema.ts"

/** How a fault shows in what carries the lines. */
export interface Medium<A, E> {
  /** The first half of a line, as a line. */
  readonly cut: (line: A) => A
  readonly garbage: (text: string) => A
  readonly slowly: (line: A, fault: FaultOf<"Slow">) => Stream.Stream<A>
  /** What precedes a death, and how it is told; then nothing follows. `line` is the one that it comes in the middle of. */
  readonly die: (fault: FaultOf<"Death">, line: A | undefined) => Stream.Stream<A, E>
  /** As `die`, for a turn that has too busy a model. */
  readonly overloaded: Stream.Stream<A, E>
  readonly hang: Effect.Effect<void>
}

/** Lines, and what happens to them; at the end it is no line. */
export interface Affected<A> {
  readonly line: A | undefined
  readonly faults: ReadonlyArray<LineFault>
}

/** Numbers the lines, each of which is one element. */
export const affect = <A, E>(lines: Stream.Stream<A, E>, track: Track): Stream.Stream<Affected<A>, E> =>
  Stream.suspend(() => {
    let next = 0
    const place = (line: A | undefined) => Effect.map(track.atLine(next++), (faults): Affected<A> => ({ line, faults }))
    return Stream.concat(
      Stream.mapEffect(lines, place),
      Stream.fromEffect(Effect.suspend(() => place(undefined)))
    )
  })

export const inject = <A, E>(
  lines: Stream.Stream<Affected<A>, E>,
  medium: Medium<A, E>,
  { note }: Track
): Stream.Stream<A, E> => {
  const first = <B, E2>(effect: Effect.Effect<unknown>, then: Stream.Stream<B, E2>) =>
    Stream.concat(Stream.fromEffectDrain(effect), then)

  // `none` is the end, before that of `lines`.
  const apply = (
    line: A | undefined,
    [fault, ...rest]: ReadonlyArray<LineFault>
  ): Stream.Stream<Option.Option<A>, E> => {
    if (fault === undefined) return line === undefined ? Stream.empty : Stream.succeed(Option.some(line))
    const noted = note(fault)
    const then = (line: A | undefined) => apply(line, rest)
    const last = (stream: Stream.Stream<A, E>) =>
      first(noted, Stream.concat(Stream.map(stream, Option.some), Stream.succeed(Option.none())))
    switch (fault._tag) {
      case "Delay":
        return first(Effect.andThen(noted, Effect.sleep(fault.duration)), then(line))
      case "Garbage":
        return first(noted, Stream.concat(Stream.succeed(Option.some(medium.garbage(fault.text))), then(line)))
      case "Stall":
        return first(Effect.andThen(noted, medium.hang), Stream.never)
      case "Death":
        return last(medium.die(fault, line))
      case "Overload":
        return last(medium.overloaded)
    }
    // These need a line.
    if (line === undefined) return then(line)
    switch (fault._tag) {
      case "Cut":
        return first(noted, then(medium.cut(line)))
      case "Duplicate":
        return first(noted, Stream.concat(Stream.succeed(Option.some(line)), then(line)))
      case "Slow":
        return first(
          noted,
          Stream.flatMap(
            then(line),
            Option.match({
              onNone: () => Stream.succeed(Option.none()),
              onSome: (line) => Stream.map(medium.slowly(line, fault), Option.some)
            })
          )
        )
    }
  }

  return lines.pipe(
    Stream.flatMap(({ faults, line }) => apply(line, faults)),
    Stream.takeWhile(Option.isSome),
    Stream.map(({ value }) => value)
  )
}
