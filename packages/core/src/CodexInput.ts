/**
 * What a turn begins with: text, text and images in a list, or a review of changes.
 *
 * A plain string is text. `codex exec` takes texts and images apart: the model gets the images first, in their order,
 * and then the texts, joined by a blank line.
 *
 * **Example** (Asking about a picture)
 *
 * ```ts
 * import * as Codex from "@effect-codex/core/Codex"
 * import * as CodexInput from "@effect-codex/core/CodexInput"
 *
 * const program = Codex.run([
 *   CodexInput.text("Which of the two layouts is easier to read?"),
 *   CodexInput.localImage("before.png"),
 *   CodexInput.localImage("after.png")
 * ])
 * ```
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { GitName, Text } from "./internal/optionSchemas.ts"

// =============================================================================
// Models
// =============================================================================

/**
 * Schema of {@link Part}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Part = Schema.Union([
  Schema.Struct({ type: Schema.Literal("text"), text: Schema.String }),
  /** Relative to the working directory of the run. */
  Schema.Struct({ type: Schema.Literal("local_image"), path: Text })
]).annotate({ message: "must be `CodexInput.text` or `CodexInput.localImage`" })

/**
 * A text, or an image file.
 *
 * @category models
 * @since 0.1.0
 */
export type Part = typeof Part.Type

/**
 * Schema of {@link ReviewTarget}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ReviewTarget = Schema.Union([
  Schema.Struct({ type: Schema.Literal("uncommitted") }),
  Schema.Struct({ type: Schema.Literal("base"), branch: GitName }),
  Schema.Struct({ type: Schema.Literal("commit"), sha: GitName, title: Schema.optional(Text) }),
  Schema.Struct({ type: Schema.Literal("custom"), instructions: Text })
]).annotate({ message: "must have the type \"uncommitted\", \"base\", \"commit\" or \"custom\"" })

/**
 * What to review: what is not committed yet, what a branch would merge into `branch`, a commit, or whatever the
 * instructions say.
 *
 * @category models
 * @since 0.1.0
 */
export type ReviewTarget = typeof ReviewTarget.Type

/**
 * Schema of {@link Review}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Review = Schema.Struct({ type: Schema.Literal("review"), target: ReviewTarget })

/**
 * A review of changes, which Codex does in a thread of its own.
 *
 * @category models
 * @since 0.1.0
 */
export type Review = typeof Review.Type

/**
 * What a turn begins with.
 *
 * @category models
 * @since 0.1.0
 */
export type CodexInput = string | ReadonlyArray<Part> | Review

const hasText = (parts: ReadonlyArray<Part>): boolean =>
  parts.some((part) => part.type === "text" && part.text.trim() !== "")

/**
 * Schema of {@link CodexInput}, as a transport gets it: a list of parts that has some text, or a review.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Input = Schema.Union([
  Schema.Array(Part).check(
    Schema.makeFilter((parts) => hasText(parts) ? undefined : "must have a text that is not blank")
  ),
  Review
]).annotate({
  message: "must be a text, a list of `CodexInput.text` and `CodexInput.localImage`, or a `CodexInput.review`"
})

/**
 * Either a list of parts or a review.
 *
 * @category models
 * @since 0.1.0
 */
export type Input = typeof Input.Type

// =============================================================================
// Constructors
// =============================================================================

/**
 * A text.
 *
 * @category constructors
 * @since 0.1.0
 */
export const text = (text: string): Part => ({ type: "text", text })

/**
 * An image file; a relative path is taken from the working directory of the run.
 *
 * If it can't be read, the run fails before it starts: Codex itself would go on without it. What is in the file is
 * left to Codex: of one that it can't show to the model, it tells the model, and nobody else.
 *
 * @category constructors
 * @since 0.1.0
 */
export const localImage = (path: string): Part => ({ type: "local_image", path })

/**
 * A review of changes. The findings are the turn's final message.
 *
 * @category constructors
 * @since 0.1.0
 */
export const review = (target: ReviewTarget): Review => ({ type: "review", target })

// =============================================================================
// Converting
// =============================================================================

/**
 * A string as the list of parts that it stands for; all else as it is.
 *
 * @category converting
 * @since 0.1.0
 */
export const toInput = (input: CodexInput): Input => typeof input === "string" ? [text(input)] : input

/**
 * The texts, joined by a blank line.
 *
 * @category getters
 * @since 0.1.0
 */
export const textOf = (input: Input): string =>
  "type" in input
    ? input.target.type === "custom" ? input.target.instructions : ""
    : input.flatMap((part) => part.type === "text" ? [part.text] : []).join("\n\n")

/**
 * The paths of the images, in order.
 *
 * @category getters
 * @since 0.1.0
 */
export const imagesOf = (input: Input): ReadonlyArray<string> =>
  "type" in input ? [] : input.flatMap((part) => part.type === "local_image" ? [part.path] : [])
