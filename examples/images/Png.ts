/**
 * Small pictures, drawn by the program.
 */
import { crc32, deflateSync } from "node:zlib"

type Colour = readonly [red: number, green: number, blue: number]

/** A PNG file of `width` by `height` pixels, in the colours that `paint` gives. */
export const draw = (width: number, height: number, paint: (x: number, y: number) => Colour): Uint8Array => {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 2], 8) // eight bits for each of three colours
  const rows = Array.from({ length: height }, (_, y) => [0, ...Array.from({ length: width }, (_, x) => paint(x, y))])
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(Uint8Array.from(rows.flat(2)))),
    chunk("IEND", Buffer.alloc(0))
  ])
}

const chunk = (type: string, data: Uint8Array): Uint8Array => {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(data.length)
  const checksum = Buffer.alloc(4)
  checksum.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, checksum])
}
