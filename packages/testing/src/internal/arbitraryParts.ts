/**
 * What arbitraries are made of. All of it shrinks: numbers to zero, choices to the first, texts to nothing.
 *
 * @internal
 */
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"

// =============================================================================
// Models
// =============================================================================

/** How large what is generated may be. */
export interface Size {
  /** How many items at most. */
  readonly items: number
  /** How many words a text has at most. */
  readonly words: number
}

type Optional<A> = A | undefined

// =============================================================================
// Numbers
// =============================================================================

export const between = (minimum: number, maximum: number): Arbitrary.Arbitrary<number> =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))

/** Any place in a list whose length is not known yet: take it modulo the length. */
export const place: Arbitrary.Arbitrary<number> = between(0, 1_000_000)

export const flag: Arbitrary.Arbitrary<boolean> = Arbitrary.map(between(0, 1), (bit) => bit === 1)

// =============================================================================
// Choices
// =============================================================================

/** Literals of a schema don't shrink; the place of one does. */
export const pick = <const A>(first: A, ...rest: ReadonlyArray<A>): Arbitrary.Arbitrary<A> =>
  Arbitrary.map(between(0, rest.length), (index) => index === 0 ? first : rest[index - 1] ?? first)

export const oneOf = <A>(
  first: Arbitrary.Arbitrary<A>,
  ...rest: ReadonlyArray<Arbitrary.Arbitrary<A>>
): Arbitrary.Arbitrary<A> =>
  rest.length === 0
    ? first
    : Arbitrary.flatMap(between(0, rest.length), (index) => index === 0 ? first : rest[index - 1] ?? first)

export const optional = <A>(arbitrary: Arbitrary.Arbitrary<A>): Arbitrary.Arbitrary<Optional<A>> =>
  oneOf<Optional<A>>(Arbitrary.Constant(undefined), arbitrary)

export const list = <A>(
  element: Arbitrary.Arbitrary<A>,
  maxLength: number,
  minLength = 0
): Arbitrary.Arbitrary<Array<A>> => Arbitrary.array(element, { minLength: Math.min(minLength, maxLength), maxLength })

// =============================================================================
// Texts
// =============================================================================

/** What has been hard on those who read lines, JSON, TOML, HTML or terminals, and what is not. */
const words = [
  "a",
  "Done.",
  " ",
  "\n",
  "\"",
  "\\",
  "größer",
  "\u{1f600}",
  "\u2028",
  "{\"type\":\"turn.completed\"}",
  "\r\n",
  "\t",
  "\u001b[31m",
  "<b>&amp;",
  "\u202e",
  "0"
] as const

const word = pick(...words)

/** Of some words, or none. */
export const text = ({ words: maxLength }: Size): Arbitrary.Arbitrary<string> =>
  Arbitrary.map(list(word, maxLength), (words) => words.join(""))

/** Of letters, digits, `-` and `_`, as the names of models, servers and tools are. */
export const name: Arbitrary.Arbitrary<string> = Arbitrary.map(
  Arbitrary.all([pick("a", "gpt-5", "greeter", "x_y"), between(0, 99)]),
  ([stem, number]) => number === 0 ? stem : `${stem}-${number}`
)

export const path: Arbitrary.Arbitrary<string> = pick("a.txt", "src/größer b.ts", "/tmp/x/y.md", "../\u{1f600}")

export const threadId: Arbitrary.Arbitrary<string> = Arbitrary.map(
  between(1, 0xffffffff),
  (number) => `00000000-0000-7000-8000-${number.toString(16).padStart(12, "0")}`
)

// =============================================================================
// JSON
// =============================================================================

/** Values as tools take and give them. */
export const json = (size: Size): Arbitrary.Arbitrary<Schema.Json> => {
  const leaf: Arbitrary.Arbitrary<Schema.Json> = oneOf<Schema.Json>(
    Arbitrary.Constant(null),
    flag,
    between(-9, 1_000_000),
    text(size)
  )
  const list: Arbitrary.Arbitrary<Schema.Json> = Arbitrary.array(leaf, { maxLength: 3 })
  return oneOf<Schema.Json>(
    leaf,
    list,
    Arbitrary.map(Arbitrary.all([name, oneOf(leaf, list)]), ([key, value]) => ({ [key]: value }))
  )
}
