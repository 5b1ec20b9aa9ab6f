/**
 * What two turns of one script may differ in, whoever played it. Beside this there is nothing.
 */
import * as Schema from "effect/Schema"
import type { Outcome } from "./transports.ts"

/** What of an outcome is the same whenever it is played: all but ids, directories, hosts and times. */
export const plain = ({ directory, error, turn }: Outcome): Schema.Json => {
  const { items = [], notices, status, threadId = "no thread", threadUsage, usage } = turn ?? {}
  const data = {
    status,
    items: items.map((item, index) => Object.assign({}, item, { id: index })),
    error: turn?.error,
    notices,
    usage,
    threadUsage,
    reason: error?.reason,
    worked: error?.worked
  }
  const text = JSON.stringify(data)
    .replaceAll(directory, "<directory>")
    .replaceAll(threadId, "<thread>")
    .replaceAll(/https?:\/\/[^/"]+\/v1/g, "<api>")
  return Schema.decodeSync(Schema.fromJsonString(Schema.Json))(text)
}
