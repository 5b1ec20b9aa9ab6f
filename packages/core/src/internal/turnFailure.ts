/**
 * Reads the cause that Codex gave for a failed turn. It gives only text, so its words are all there is to go by:
 * those of CLI 0.169, each seen on the real one (`packages/testing/test/FakeModel.integration.test.ts`).
 *
 * @internal
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { TurnFailed, type TurnFailureKind } from "../CodexError.ts"

const kinds: ReadonlyArray<readonly [RegExp, TurnFailureKind]> = [
  [/status 40[13]\b|^Missing environment variable/, "unauthorized"],
  [/status: 429|status 429|^rate limit exceeded/, "rate_limited"],
  [/usage limit|^Quota exceeded|upgrade to Plus/, "usage_limit"],
  [/experiencing high demand|is at capacity|status:? 5\d\d\b/, "overloaded"],
  [/context window/, "context_window"],
  [/Incomplete response returned/, "incomplete"],
  [/^stream disconnected before completion|^Connection failed|^timeout waiting/, "disconnected"],
  [/^Invalid prompt|status 4\d\d\b|"invalid_request_error"/, "invalid_request"]
]

export const fromMessage = (message: string): TurnFailed =>
  new TurnFailed({
    kind: kinds.find(([words]) => words.test(message))?.[1] ?? "other",
    // The body of some HTTP errors is passed on as it came.
    description: Option.match(decodeBody(message), { onNone: () => message, onSome: ({ error }) => error.message })
  })

const decodeBody = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Struct({ error: Schema.Struct({ message: Schema.String }) }))
)
