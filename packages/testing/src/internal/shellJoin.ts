/**
 * A command line as the CLI shows it: words in quotes where a shell needs them.
 *
 * It quotes as the CLI's library does, a stretch at a time: plain if it can be, else in single quotes, else in double
 * quotes.
 *
 * @internal
 */

export const join = (words: ReadonlyArray<string>): string => words.map(quote).join(" ")

const quote = (word: string): string => {
  if (word === "") return "''"
  let text = ""
  for (let rest = word; rest !== "";) {
    const chunk = nextChunk(rest)
    text += chunk.text
    rest = rest.slice(chunk.length)
  }
  return text
}

type Allows = (char: string) => boolean

const plain: Allows = (char) => /[-+./:@\]_0-9A-Za-z]/.test(char)
// A backslash within single quotes is an escape to some shells; `^` may only be the first of them, for a bug of another.
const single: Allows = (char) => char !== "'" && char !== "^" && char !== "\\"
const double: Allows = (char) => !"`$!^".includes(char)

/** The longest stretch that can be written in one way. */
const nextChunk = (text: string): { readonly text: string; readonly length: number } => {
  const isCaret = text.startsWith("^")
  let allowed = { plain: !isCaret, single: true, double: !isCaret }
  let length = isCaret ? 1 : 0
  for (const char of text.slice(length)) {
    const next = {
      plain: allowed.plain && plain(char),
      single: allowed.single && single(char),
      double: allowed.double && double(char)
    }
    if (!next.plain && !next.single && !next.double) break
    allowed = next
    length += char.length
  }
  const chunk = text.slice(0, length)
  if (allowed.plain) return { text: chunk, length }
  return { text: allowed.single ? `'${chunk}'` : `"${chunk.replace(/["\\]/g, "\\$&")}"`, length }
}
