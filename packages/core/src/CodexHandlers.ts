/**
 * Handlers by type, for those who would rather be called than write a loop over the events.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as CodexEvent from "./CodexEvent.ts"
import type * as CodexItem from "./CodexItem.ts"

// =============================================================================
// Models
// =============================================================================

/**
 * An event that has an item.
 *
 * @category models
 * @since 0.1.0
 */
export type ItemEvent = CodexEvent.ItemStarted | CodexEvent.ItemUpdated | CodexEvent.ItemCompleted

/**
 * What to do with items, by their type.
 *
 * @category models
 * @since 0.1.0
 */
export type ItemCases<A> = {
  readonly [Type in keyof CodexItem.ByType]?: (item: CodexItem.ByType[Type], event: ItemEvent) => A
}

// =============================================================================
// Combinators
// =============================================================================

/**
 * Calls handlers as the events of a run go by, which themselves stay as they are. For each event, one after the
 * other: `event`, the one of `events` for its type, `item`, the one of `items` for its item's type. The stream
 * waits for them. A handler that fails fails the run, with its own error.
 *
 * **Example** (Commands as they end)
 *
 * ```ts
 * import * as Codex from "@effect-codex/core/Codex"
 * import * as CodexHandlers from "@effect-codex/core/CodexHandlers"
 * import * as Console from "effect/Console"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 *
 * const program = Codex.stream("Run the tests").pipe(
 *   CodexHandlers.tap({
 *     events: { "turn.completed": ({ usage }) => Console.log(`${usage.output_tokens} tokens`) },
 *     items: {
 *       command_execution: (item, event) =>
 *         event.type === "item.completed" ? Console.log(`${item.command}: ${item.exit_code}`) : Effect.void
 *     }
 *   }),
 *   Stream.runDrain
 * )
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export function tap<
  const Events extends CodexEvent.Cases<Handled>,
  const Items extends ItemCases<Handled>,
  OnEvent extends Handled = never,
  OnItem extends Handled = never
>(handlers: {
  readonly event?: ((event: CodexEvent.CodexEvent) => OnEvent) | undefined
  readonly events?: (Events & NoOthers<Events, CodexEvent.ByType>) | undefined
  readonly item?: ((item: CodexItem.CodexItem, event: ItemEvent) => OnItem) | undefined
  readonly items?: (Items & NoOthers<Items, CodexItem.ByType>) | undefined
}): <E, R>(
  self: Stream.Stream<CodexEvent.CodexEvent, E, R>
) => Stream.Stream<
  CodexEvent.CodexEvent,
  E | Effect.Error<OnEvent | Returned<Events> | OnItem | Returned<Items>>,
  R | Effect.Services<OnEvent | Returned<Events> | OnItem | Returned<Items>>
>
export function tap<E2, R2>({ event: forEvent, events = {}, item: forItem, items = {} }: Handlers<E2, R2>) {
  const onEvent = <Type extends keyof CodexEvent.ByType>(
    type: Type,
    event: CodexEvent.ByType[Type]
  ): Handled<E2, R2> => {
    const cases: CodexEvent.Cases<Handled<E2, R2>> = events
    const handler: ((event: CodexEvent.ByType[Type]) => Handled<E2, R2>) | undefined = cases[type]
    return handler === undefined ? Effect.void : handler(event)
  }
  const onItem = <Type extends keyof CodexItem.ByType>(
    type: Type,
    item: CodexItem.ByType[Type],
    event: ItemEvent
  ): Handled<E2, R2> => {
    const cases: ItemCases<Handled<E2, R2>> = items
    const handler: ((item: CodexItem.ByType[Type], event: ItemEvent) => Handled<E2, R2>) | undefined = cases[type]
    return handler === undefined ? Effect.void : handler(item, event)
  }
  const handle = Effect.fnUntraced(function*(event: CodexEvent.CodexEvent) {
    if (forEvent !== undefined) yield* forEvent(event)
    yield* onEvent(event.type, event)
    if (!("item" in event)) return
    if (forItem !== undefined) yield* forItem(event.item, event)
    yield* onItem(event.item.type, event.item, event)
  })
  return <E, R>(self: Stream.Stream<CodexEvent.CodexEvent, E, R>) => Stream.tap(self, handle)
}

// =============================================================================
// Internals
// =============================================================================

type Handled<E = unknown, R = unknown> = Effect.Effect<unknown, E, R>

interface Handlers<E, R> {
  readonly event?: ((event: CodexEvent.CodexEvent) => Handled<E, R>) | undefined
  readonly events?: CodexEvent.Cases<Handled<E, R>> | undefined
  readonly item?: ((item: CodexItem.CodexItem, event: ItemEvent) => Handled<E, R>) | undefined
  readonly items?: ItemCases<Handled<E, R>> | undefined
}

/** Refuses a misspelt type. */
type NoOthers<Cases, Known> = { readonly [Type in Exclude<keyof Cases, keyof Known>]: never }

type Returned<Cases> = {
  [Type in keyof Cases]: Cases[Type] extends (...args: never) => infer A ? A : never
}[keyof Cases]
