/**
 * What has happened in a turn, in short: events that fold to the same turn as all that came.
 *
 * @internal
 */
import type { RequestId } from "../appserver/JsonRpcMessage.ts"
import type { CodexEvent, ItemDelta, TokenUsage, UsageUpdated } from "../CodexEvent.ts"
import type { CodexItem } from "../CodexItem.ts"
import { itemKey } from "./itemKey.ts"

type Notice = Extract<CodexEvent, { readonly type: "error" }>
type ItemEvent = Extract<CodexEvent, { readonly item: CodexItem }>

/** The text of an item that is not completed, in the pieces that came. */
interface Text {
  readonly delta: ItemDelta
  readonly pieces: Array<string>
}

export class TurnDigest {
  readonly #threadId: string
  readonly #items = new Map<string, ItemEvent>()
  readonly #texts = new Map<string, Map<string, Text>>()
  readonly #notices: Array<Notice> = []
  /** What the agent waits for. */
  readonly #approvals = new Map<RequestId, CodexEvent>()
  // Of these, only the last one counts.
  #plan: CodexEvent | undefined
  #diff: CodexEvent | undefined
  #usage: UsageUpdated | undefined
  #begun: CodexEvent | undefined
  #end: CodexEvent | undefined

  constructor(threadId: string) {
    this.#threadId = threadId
  }

  take(event: CodexEvent): void {
    switch (event.type) {
      case "turn.started":
        this.#begun = event
        return
      case "turn.completed":
      case "turn.failed":
        this.#end = event
        return
      case "item.started":
      case "item.updated":
      case "item.completed":
        return this.#takeItem(event)
      case "item.delta":
        return this.#takeDelta(event)
      case "error":
        this.#notices.push(event)
        return
      case "plan.updated":
        this.#plan = event
        return
      case "diff.updated":
        this.#diff = event
        return
      case "usage.updated":
        this.#usage = event
        return
      case "approval.requested":
        this.#approvals.set(event.request_id, event)
        return
      case "approval.resolved":
        this.#approvals.delete(event.request_id)
        return
      // The thread is known, and what is not known has no place in a fold.
      case "thread.started":
      case "unknown":
        return
    }
  }

  /** The tokens of the thread, if they were told. */
  get usage(): TokenUsage | undefined {
    return this.#usage?.usage
  }

  get events(): ReadonlyArray<CodexEvent> {
    return [
      { type: "thread.started", thread_id: this.#threadId },
      ...present(this.#begun),
      ...this.#notices,
      ...this.#items.values(),
      ...[...this.#texts.values()].flatMap((texts) => Array.from(texts.values(), whole)),
      ...present(this.#plan),
      ...present(this.#diff),
      ...present(this.#usage),
      ...this.#approvals.values(),
      ...present(this.#end)
    ]
  }

  #takeItem(event: ItemEvent): void {
    const { item } = event
    const id = itemKey(item, this.#items.size)
    this.#items.set(id, event)
    if (event.type === "item.completed") this.#texts.delete(id)
  }

  #takeDelta(delta: ItemDelta): void {
    const { item_id: id, kind, part = "" } = delta
    const texts = this.#texts.get(id) ?? new Map<string, Text>()
    this.#texts.set(id, texts)
    const key = `${kind} ${part}`
    const text = texts.get(key)
    if (text === undefined) texts.set(key, { delta, pieces: [delta.delta] })
    else text.pieces.push(delta.delta)
  }
}

const present = <A>(value: A | undefined): ReadonlyArray<A> => value === undefined ? [] : [value]

const whole = ({ delta, pieces }: Text): ItemDelta => ({ ...delta, delta: pieces.join("") })
