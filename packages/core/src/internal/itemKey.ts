/**
 * By what the items of a turn are told apart.
 *
 * @internal
 */
import * as Predicate from "effect/Predicate"
import type { CodexItem } from "../CodexItem.ts"

/** An unknown item most likely has an id too; one that has none is never the same as one of the `count` before it. */
export const itemKey = (item: CodexItem, count: number): string => {
  if (item.type !== "unknown") return item.id
  const { raw } = item
  return Predicate.hasProperty(raw, "id") && typeof raw.id === "string" ? raw.id : `unknown ${count}`
}
