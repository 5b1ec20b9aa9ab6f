/**
 * Which changes an item of a turn makes to files. The app-server tells them before it asks, and does not repeat them.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { FileChange } from "../ApprovalRequest.ts"
import type { JsonRpc } from "../appserver/JsonRpc.ts"
import type { Notification } from "../appserver/JsonRpcMessage.ts"

/** Which item of which thread. */
export interface Item {
  readonly threadId: string
  readonly itemId: string
}

type Items = ReadonlyMap<string, ReadonlyArray<FileChange>>

/** What was told may still be on its way to us, but not for long. */
const patience = "1 second"

/** Of the items that never complete, the oldest are forgotten. */
const capacity = 64

/** Follows the items from when this returns, and gives what looks one up. */
export const watch = Effect.fnUntraced(function*(
  peer: Pick<JsonRpc, "subscribe">
): Effect.fn.Return<
  (item: Item) => Effect.Effect<ReadonlyArray<FileChange> | undefined>,
  never,
  Scope.Scope
> {
  const items = yield* SubscriptionRef.make<Items>(new Map())
  const notifications = yield* peer.subscribe({
    methods: ["item/started", "item/fileChange/patchUpdated", "item/completed"]
  })
  yield* notifications.pipe(
    Stream.runForEach((notification) => SubscriptionRef.updateSome(items, (items) => follow(items, notification))),
    Effect.ignore,
    Effect.forkScoped
  )
  return (item) =>
    SubscriptionRef.changes(items).pipe(
      Stream.map((items) => items.get(keyOf(item))),
      Stream.filter((changes) => changes !== undefined),
      Stream.runHead,
      Effect.timeoutOption(patience),
      Effect.map((changes) => Option.getOrUndefined(Option.flatten(changes)))
    )
})

const follow = (items: Items, { method, params }: Notification): Option.Option<Items> =>
  method === "item/completed"
    ? Option.map(decodeItem(params), ({ item, threadId }) => {
      const completed = keyOf({ threadId, itemId: item.id })
      return new Map([...items].filter(([key]) => key !== completed))
    })
    : Option.map(
      Option.orElse(
        Option.map(
          decodeStarted(params),
          ({ item, threadId }) => ({ threadId, itemId: item.id, changes: item.changes })
        ),
        () => decodeUpdated(params)
      ),
      (told) => new Map([...[...items].slice(1 - capacity), [keyOf(told), told.changes.map(toChange)]])
    )

const keyOf = ({ itemId, threadId }: Item): string => `${threadId} ${itemId}`

const toChange = ({ diff, kind, path }: typeof Change.Type): FileChange => ({
  path,
  change: kind.type,
  diff,
  ...(typeof kind.move_path === "string" ? { movePath: kind.move_path } : {})
})

const Change = Schema.Struct({
  path: Schema.String,
  diff: Schema.String,
  kind: Schema.Struct({ type: Schema.String, move_path: Schema.optionalKey(Schema.NullOr(Schema.String)) })
})

const fileChange = { type: Schema.Literal("fileChange"), id: Schema.String }

const decodeItem = Schema.decodeUnknownOption(
  Schema.Struct({ threadId: Schema.String, item: Schema.Struct(fileChange) })
)

const decodeStarted = Schema.decodeUnknownOption(
  Schema.Struct({
    threadId: Schema.String,
    item: Schema.Struct({ ...fileChange, changes: Schema.Array(Change) })
  })
)

const decodeUpdated = Schema.decodeUnknownOption(
  Schema.Struct({ threadId: Schema.String, itemId: Schema.String, changes: Schema.Array(Change) })
)
