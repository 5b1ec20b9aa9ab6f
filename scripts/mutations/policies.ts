/**
 * Bugs of what a client does with turns: limits, retries, threads, sessions, hooks.
 */
import { bug, cassettes, connections, laws, programs, stores } from "./bug.ts"

const internal = "core/src/internal"

export const policyBugs = [
  bug(
    "a turn that failed is a success",
    laws,
    `${internal}/outcome.ts`,
    "? Stream.fail(CodexError.fromReason(fromMessage(turnFailure)))",
    "? Stream.empty"
  ),
  bug(
    "a turn that stops telling is a success",
    programs,
    `${internal}/outcome.ts`,
    ": outcome.completed\n          ? Stream.empty",
    ": outcome.started\n          ? Stream.empty"
  ),
  bug(
    "a failure loses what the turn had come to",
    cassettes,
    `${internal}/runs.ts`,
    "(turn) => Effect.fail(CodexError.withTurn(error, turn))",
    "() => Effect.fail(error)"
  ),
  bug(
    "an item that changes is there twice",
    programs,
    "core/src/CodexTurn.ts",
    "order: HashMap.has(state.items, id) ? state.order : Chunk.append(state.order, id)",
    "order: Chunk.append(state.order, id)"
  ),
  bug(
    "tokens of earlier turns are counted again",
    programs,
    `${internal}/runs.ts`,
    "usageBefore: yield* usageOf(request, record)",
    "usageBefore: CodexTurn.zeroUsage"
  ),
  bug(
    "retry: work is done twice",
    laws,
    `${internal}/outcome.ts`,
    "outcome.worked ? CodexError.afterWork(error) : error",
    "error"
  ),
  bug(
    "retry: a stream tells a second try behind the first",
    programs,
    `${internal}/runs.ts`,
    "            Schedule.while(() => !attempt.outcome.started),\n",
    ""
  ),
  bug(
    "threads: two turns at once on one",
    programs,
    `${internal}/runs.ts`,
    "if (request.thread !== undefined) yield* enter(request.thread)\n",
    ""
  ),
  bug(
    "threads: any will do",
    programs,
    `${internal}/outcome.ts`,
    "thread === undefined ? answered !== fork : answered === thread",
    "thread !== undefined || answered !== fork"
  ),
  bug(
    "limits: the time of a run never ends",
    programs,
    `${internal}/limits.ts`,
    "consider(\"total\", request.timeout,",
    "consider(\"total\", undefined,"
  ),
  bug(
    "limits: idle time never ends",
    programs,
    `${internal}/limits.ts`,
    "asked.size === 0 ? request.idleTimeout : undefined",
    "undefined"
  ),
  bug(
    "limits: who waits for an approval is idle",
    connections,
    `${internal}/limits.ts`,
    "asked.size === 0 ? request.idleTimeout : undefined",
    "request.idleTimeout"
  ),
  bug(
    "sessions: a turn that fails is not recorded",
    programs,
    `${internal}/attempts.ts`,
    "if (run.session === undefined) return\n",
    "if (run.session === undefined || status === \"failed\") return\n"
  ),
  bug(
    "sessions: a turn is recorded twice",
    programs,
    `${internal}/runs.ts`,
    "        if (finished) return Effect.void\n",
    ""
  ),
  bug(
    "sessions: each turn has a thread of its own",
    programs,
    `${internal}/runs.ts`,
    "const thread = record?.threadId ?? merged.thread",
    "const { thread } = merged"
  ),
  bug(
    "sessions: processes overwrite each other's records",
    stores.file,
    "node/src/internal/fileLock.ts",
    "if (!found?.isAbandoned) return yield* new Held({ owner: found?.owner ?? \"several processes\" })",
    "if (!found?.isAbandoned) return"
  ),
  bug(
    "sessions: a store keeps what was removed",
    stores.memory,
    "core/src/SessionStore.ts",
    "        else records.delete(name)\n",
    ""
  ),
  bug(
    "hooks: one that fails fails the run",
    laws,
    `${internal}/hookDelivery.ts`,
    "Effect.forEach(emits, (emit) => emit(event), { discard: true })",
    "Effect.forEach(hooks, (hook) => Effect.orDie(hook(event)), { discard: true })"
  ),
  bug(
    "hooks: one that has failed hears nothing more",
    programs,
    `${internal}/hookDelivery.ts`,
    "      Effect.catchCause((cause) => Effect.andThen(Metric.update(dropped(\"failed\"), 1), complain(cause))),\n",
    ""
  )
]
