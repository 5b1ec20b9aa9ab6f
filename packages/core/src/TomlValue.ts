/**
 * What a configuration of Codex can hold.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * A value that TOML can hold. There is no `null` in TOML: leave a key out instead.
 *
 * @category models
 * @since 0.1.0
 */
export type TomlValue = string | number | boolean | ReadonlyArray<TomlValue> | TomlTable

/**
 * Keys and their values.
 *
 * @category models
 * @since 0.1.0
 */
export type TomlTable = { readonly [key: string]: TomlValue }

/**
 * Schema of {@link TomlTable}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const TomlTable: Schema.Codec<TomlTable> = Schema.Record(
  Schema.String,
  Schema.suspend((): Schema.Codec<TomlValue> => TomlValue)
)

/**
 * Schema of {@link TomlValue}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const TomlValue: Schema.Codec<TomlValue> = Schema.Union([
  Schema.String.check(Schema.makeFilter((text) => text.isWellFormed() ? undefined : "holds half a surrogate pair")),
  Schema.Finite,
  Schema.Boolean,
  Schema.Array(Schema.suspend((): Schema.Codec<TomlValue> => TomlValue)),
  TomlTable
]).annotate({
  message: "TOML has text, finite numbers, true, false, arrays and tables; to set nothing, leave the key out"
})
