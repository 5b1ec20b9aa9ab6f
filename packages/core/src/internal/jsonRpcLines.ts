/**
 * Bytes to lines, a chunk at a time.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ConnectionError from "../appserver/ConnectionError.ts"
import { LineTooLong } from "../CodexError.ts"
import { failOnceNoted } from "./failOnceNoted.ts"
import { LineSplitter } from "./lines.ts"

export const defaultMaxLineBytes = 256 * 1024 * 1024

/** The lines, and the one that was cut by the end. A line that is too long fails, behind what came before it. */
export const fromBytes = (
  bytes: Stream.Stream<Uint8Array, ConnectionError.ConnectionError>,
  maxLineBytes: number = defaultMaxLineBytes
): Stream.Stream<string, ConnectionError.ConnectionError> =>
  Stream.suspend(() => {
    let tooLong: ConnectionError.ConnectionError | undefined
    return bytes.pipe(
      Stream.mapAccumArrayEffect(
        () => new LineSplitter(),
        (splitter, chunks) => {
          const lines: Array<string> = []
          for (const chunk of chunks) {
            for (const line of splitter.push(chunk)) lines.push(line)
            if (splitter.pendingBytes > maxLineBytes) {
              tooLong = ConnectionError.fromReason(new LineTooLong({ limit: maxLineBytes }))
              if (lines.length === 0) return Effect.fail(tooLong)
              break
            }
          }
          return Effect.succeed([splitter, lines] as const)
        },
        { onHalt: (splitter) => splitter.end() }
      ),
      failOnceNoted(() => tooLong)
    )
  })
