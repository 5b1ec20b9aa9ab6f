/**
 * Text that may hold anything, made fit to be shown.
 *
 * @internal
 */

/**
 * Makes what a reader would not see visible, and harmless: control characters, those that turn the direction of text,
 * those without width, halves of characters. Tabs and line breaks stay, and the joiners that scripts and emoji need.
 */
export const visible = (text: string): string =>
  text.replaceAll("\r\n", "\n").replace(hidden, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)

const hidden = /[^\P{C}\n\t\u200c\u200d]|[\u2028\u2029]/gu

/** The first line that has text, at most so many characters of it; `…` tells that there is more. */
export const firstWords = (text: string, length: number): string => {
  // No more than this is looked at: an output may have megabytes.
  const start = text.slice(0, length * 4)
  const [first = "", ...others] = start.split(/[\r\n]+/).filter((line) => line.trim() !== "")
  const characters = Array.from(visible(first.trim().replaceAll("\t", " ")))
  if (characters.length > length) return `${characters.slice(0, length - 1).join("")}…`
  return others.length === 0 && start.length === text.length ? characters.join("") : `${characters.join("")} …`
}

/** Such as `3 files`, or `1,200`. */
export const count = (number: number, noun?: string): string => {
  const digits = number.toLocaleString("en-US")
  return noun === undefined ? digits : `${digits} ${noun}${number === 1 ? "" : "s"}`
}

/** Such as `0s`, `12ms`, `3.2s`, `4m05s`, `2h03m`. */
export const duration = (millis: number): string => {
  if (!Number.isFinite(millis)) return "unknown"
  if (millis < 0) return `-${duration(-millis)}`
  if (millis === 0) return "0s"
  if (millis < 1000) return `${Math.round(millis)}ms`
  if (millis < 59_950) return `${(millis / 1000).toFixed(1)}s`
  const seconds = Math.round(millis / 1000)
  const minutes = Math.floor(seconds / 60)
  return minutes < 60
    ? `${minutes}m${twoDigits(seconds % 60)}s`
    : `${Math.floor(minutes / 60)}h${twoDigits(minutes % 60)}m`
}

const twoDigits = (number: number): string => String(number).padStart(2, "0")
