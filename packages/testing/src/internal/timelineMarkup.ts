/**
 * HTML in which every text is escaped, because only markup is taken as it is.
 *
 * @internal
 */
import { visible } from "./timelineWords.ts"

/** Markup that is safe to use as it is. */
export class Html {
  readonly markup: string

  constructor(markup: string) {
    this.markup = markup
  }
}

/** Markup with values: text is made visible and escaped, for elements and for attributes in quotes. */
export const html = (
  markup: TemplateStringsArray,
  ...values: ReadonlyArray<string | number | Html | ReadonlyArray<Html>>
): Html => new Html(markup.map((part, index) => index === 0 ? part : toMarkup(values[index - 1]) + part).join(""))

/** Markup of our own. */
export const trusted = (markup: string): Html => new Html(markup)

const toMarkup = (value: string | number | Html | ReadonlyArray<Html> | undefined): string => {
  if (value instanceof Html) return value.markup
  if (typeof value === "object") return value.map(({ markup }) => markup).join("")
  return visible(String(value ?? "")).replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`)
}
