/**
 * What is not the same over `codex exec` and over an app-server, because Codex itself makes the difference. All else is.
 *
 * Each difference says what it is, and takes it out of an outcome so that two can be compared.
 *
 * Beside these, of which a turn shows nothing:
 *
 * - Options that only `codex exec` can follow are refused by name over an app-server.
 * - An app-server works in any directory; `codex exec` wants one that is trusted, or `skipGitRepoCheck`.
 * - A feature that there is not fails `codex exec`, and is passed over by an app-server.
 * - Of a configuration that is wrong, `codex exec` tells on stderr before it ends (`Exited`); an app-server answers
 *   with an error (`AppServerFailed`).
 * - The model is told relative paths of images by `codex exec`, and whole ones by an app-server.
 * - Over an app-server there are the events `item.delta`, `plan.updated`, `diff.updated`, `usage.updated`,
 *   `approval.requested` and `approval.resolved`.
 */
import * as Schema from "effect/Schema"
import type { Outcome } from "./transports.ts"

/** An outcome as plain data. */
const Plain = Schema.fromJsonString(Schema.StructWithRest(
  Schema.Struct({ items: Schema.Array(Schema.Record(Schema.String, Schema.Unknown)) }),
  [Schema.Record(Schema.String, Schema.Unknown)]
))

export type Plain = typeof Plain.Type

export interface Difference {
  readonly name: string
  readonly without: (plain: Plain) => Plain
}

export const differences: ReadonlyArray<Difference> = [
  {
    name: "`codex exec` tells a warning about the configuration twice",
    without: (plain) => ({
      ...plain,
      items: plain.items.filter((item, index, items) =>
        item["type"] !== "error" || !items.slice(0, index).some(({ message }) => message === item["message"])
      )
    })
  },
  {
    name: "an app-server tells what an agent looked at, for which `codex exec` has no words",
    without: (plain) => ({ ...plain, items: plain.items.filter(({ type }) => type !== "unknown") })
  },
  {
    name: "`codex exec` counts items (`item_0`), an app-server has ids of its own",
    without: (plain) => ({ ...plain, items: plain.items.map((item, index) => ({ ...item, id: index })) })
  }
]

/** What every two runs differ in: the thread, the directory, and how long they took. */
const plain = ({ directory, error, turn }: Outcome): Plain => {
  const { items = [], notices, status, threadId = "no thread", threadUsage, usage } = turn ?? {}
  const data = {
    status,
    items,
    error: turn?.error,
    notices,
    usage,
    threadUsage,
    reason: error?.reason,
    worked: error?.worked
  }
  const text = JSON.stringify(data).replaceAll(directory, "<directory>").replaceAll(threadId, "<thread>")
  return Schema.decodeSync(Plain)(text)
}

/** What is left to be the same. */
export const common = (outcome: Outcome): Plain =>
  differences.reduce((plain, { without }) => without(plain), plain(outcome))
