/**
 * Text of others for a terminal: as what it is, and never as what it could do there.
 *
 * @internal
 */

/** Control characters, and those that hide or reorder others, are shown by their numbers. Lines stay lines. */
export const visible = (text: string): string =>
  text.replaceAll(
    /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`
  )

/** One line of it. */
export const visibleLine = (text: string): string => visible(text).replaceAll("\n", "\\n")

/** With a mark before each line, so that none passes for ours. */
export const quoted = (text: string): string => visible(text).split("\n").map((line) => `  | ${line}`).join("\n")
