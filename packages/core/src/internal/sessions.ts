/**
 * Runs and the session store.
 *
 * @internal
 */
import * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as CodexError from "../CodexError.ts"
import type { TokenUsage } from "../CodexEvent.ts"
import * as SessionRecord from "../SessionRecord.ts"
import type { SessionStore } from "../SessionStore.ts"
import type { SessionStoreError } from "../SessionStoreError.ts"

/** How a turn of a session ended. */
export interface Ending {
  readonly threadId: string | undefined
  readonly operation: string
  readonly prompt: string | undefined
  readonly message: string | undefined
  readonly status: "completed" | "failed" | "interrupted"
  readonly exitCode: number | undefined
  readonly duration: Duration.Duration
  readonly threadUsage: TokenUsage | undefined
  /** How many turns the record keeps. */
  readonly maxTurns: number | undefined
}

export interface Sessions {
  readonly get: (name: string) => Effect.Effect<Option.Option<SessionRecord.SessionRecord>, CodexError.CodexError>
  /** Keeps the thread under the name, as soon as it is known. */
  readonly remember: (name: string, threadId: string) => Effect.Effect<void, CodexError.CodexError>
  /** Keeps a turn; gives the record. There is none if the turn failed before it had a thread. */
  readonly add: (
    name: string,
    ending: Ending
  ) => Effect.Effect<Option.Option<SessionRecord.SessionRecord>, CodexError.CodexError>
}

export const make = (store: SessionStore["Service"]): Sessions => ({
  get: (name) => failing(name, store.get(name)),

  remember: (name, threadId) =>
    Effect.flatMap(DateTime.now, (at) =>
      failing(
        name,
        store.update(name, (current) => [
          undefined,
          Option.some(Option.match(current, {
            onNone: () => SessionRecord.start({ name, threadId, at }),
            onSome: (record) => record.threadId === threadId ? record : SessionRecord.withThread(record, threadId, at)
          }))
        ])
      )),

  add: Effect.fnUntraced(function*(name: string, ending: Ending) {
    const timestamp = yield* DateTime.now
    const { exitCode, maxTurns, threadId, threadUsage } = ending
    const promptPreview = previewOf(ending.prompt, SessionRecord.promptPreviewLimit)
    const messagePreview = previewOf(ending.message, SessionRecord.messagePreviewLimit)
    const turn: SessionRecord.SessionTurn = {
      timestamp,
      operation: ending.operation,
      status: ending.status,
      duration: ending.duration,
      ...(promptPreview === undefined ? {} : { promptPreview }),
      ...(messagePreview === undefined ? {} : { messagePreview }),
      ...(exitCode === undefined ? {} : { exitCode })
    }
    return yield* failing(
      name,
      store.update(name, (current) => {
        const record = Option.orElse(current, () =>
          threadId === undefined
            ? Option.none()
            : Option.some(SessionRecord.start({ name, threadId, at: timestamp })))
        const next = Option.map(record, (record) => SessionRecord.addTurn(record, turn, { maxTurns, threadUsage }))
        return [next, next]
      })
    )
  })
})

const previewOf = (text: string | undefined, limit: number) =>
  text === undefined ? undefined : SessionRecord.preview(text, limit)

const failing = <A>(session: string, effect: Effect.Effect<A, SessionStoreError>) =>
  Effect.mapError(
    effect,
    (error) =>
      CodexError.fromReason(
        new CodexError.StorageFailed({ session, storeReason: error.reason._tag, problem: error.message })
      )
  )
