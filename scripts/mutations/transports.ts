/**
 * Bugs of the transports and of the connection to an app-server.
 */
import { bug, bugs, connections, contract, processes, programs, scripts } from "./bug.ts"

const exec = "core/src/exec/ExecTransport.ts"
const internal = "core/src/internal"

export const execBugs = [
  bug(
    "exec: the last line is lost if nothing ends it",
    programs,
    exec,
    "onHalt: (splitter) => splitter.end().map((line) => toEvent(line, options))",
    "onHalt: () => []"
  ),
  bug(
    "exec: events that come together are reversed",
    programs,
    exec,
    "events.push(toEvent(line, options))",
    "events.unshift(toEvent(line, options))"
  ),
  bug(
    "exec: what nobody knows is dropped",
    contract.exec,
    exec,
    "for (const line of splitter.push(chunk)) events.push(toEvent(line, options))",
    "events.push(...splitter.push(chunk).map((line) => toEvent(line, options)).filter(({ type }) => type !== \"unknown\"))"
  ),
  bug(
    "exec: a CLI that dies amid a turn is no failure",
    contract.exec,
    exec,
    "progress.finished ? Stream.empty : Stream.fromEffect(unfinished)",
    "Option.isSome(Option.some(unfinished)) ? Stream.empty : Stream.fromEffect(unfinished)"
  ),
  bug(
    "exec: stderr brings a secret into the failure",
    contract.exec,
    exec,
    "hide(yield* stderr.text)",
    "yield* stderr.text"
  ),
  bug(
    "exec: the cause of a failed turn has a secret",
    contract.exec,
    exec,
    "message: hide(event.error.message)",
    "message: event.error.message"
  ),
  bug(
    "exec: a stop does not let the CLI end its turn",
    scripts.exec,
    exec,
    "killSignal: \"SIGINT\"",
    "killSignal: \"SIGTERM\""
  ),
  bug(
    "exec: a resumed thread is a new one",
    contract.exec,
    `${internal}/execCommand.ts`,
    "if (thread !== undefined) return [\"resume\", thread, \"-\"]\n",
    ""
  ),
  bug(
    "exec: what the agent has started is left",
    processes,
    "node/src/internal/processTree.ts",
    "round < 300",
    "round < 0"
  ),
  bug(
    "exec: an orphan of a command is left",
    processes,
    "node/src/internal/processTree.ts",
    "(process) => marked.has(process.pid) || isKnown(tree, process)",
    "(process) => isKnown(tree, process)"
  )
]

export const appServerBugs = [
  bug(
    "app-server: what nobody knows is dropped",
    contract.appServer,
    `${internal}/appServerEvents.ts`,
    "return [issue === undefined ? { type: \"unknown\", raw } : { type: \"unknown\", raw, issue }]",
    "return issue === undefined ? nothing : [{ type: \"unknown\", raw, issue }]"
  ),
  bugs(
    "app-server: a turn is told of other threads",
    contract.appServer,
    [
      `${internal}/appServerLink.ts`,
      "if (params.threadId === target.threadId) return true",
      "if (target.threadId !== undefined) return true"
    ],
    [`${internal}/appServerProgress.ts`, "if (threadId === own) return", "if (turnId !== undefined) return"],
    [
      `${internal}/appServerEvents.ts`,
      "    if (params.threadId !== undefined && params.threadId !== this.#options.threadId) return nothing\n" +
      "    if (params.turnId !== undefined && params.turnId !== this.#options.turnId) return nothing\n",
      ""
    ]
  ),
  bug(
    "app-server: an answer goes to another request",
    contract.appServer,
    `${internal}/jsonRpcRequests.ts`,
    "const exchange = this.#inFlight.get(id)\n",
    "const exchange = [...this.#inFlight.values()].at(-1)\n"
  ),
  bug(
    "app-server: the cause of a failed turn has a secret",
    contract.appServer,
    `${internal}/appServerEvents.ts`,
    ": this.#options.hide(textOf(error))\n",
    ": textOf(error)\n"
  ),
  bug(
    "app-server: how a command ended is lost",
    programs,
    `${internal}/appServerItems.ts`,
    "exit_code: item.exitCode ?? null",
    "exit_code: null"
  ),
  bug(
    "app-server: a turn is not interrupted",
    connections,
    `${internal}/appServerTurn.ts`,
    "Effect.isSuccess(client.request(\"turn/interrupt\", { threadId, turnId }))",
    "Effect.succeed(client === undefined)"
  ),
  bug(
    "app-server: a thread is never let go of",
    contract.appServer,
    `${internal}/appServerTurn.ts`,
    "        Thread.release(link, threadId),\n",
    "        Effect.succeed({ status: \"notLoaded\" }),\n"
  ),
  bug(
    "app-server: a kill does not reach the turn",
    contract.appServer,
    `${internal}/appServerTurn.ts`,
    "Effect.andThen(Effect.timeoutOption(interrupt(link, progress), \"1 second\"), tree.sweep)",
    "tree.sweep"
  ),
  bug(
    "app-server: a lost connection forgets the work",
    scripts.exec,
    `${internal}/appServerTurn.ts`,
    "Cause.isDone(error) ? error : CodexError.afterWork(failed(options)(error))",
    "Cause.isDone(error) ? error : failed(options)(error)"
  ),
  bug(
    "app-server: it never connects again",
    scripts.appServer,
    `${internal}/appServerLinks.ts`,
    "Effect.filterOrElse((link) => link.isAlive(),",
    "Effect.filterOrElse((link) => link.isAlive() || links !== undefined,"
  ),
  bug(
    "app-server: who does not read holds the others up",
    connections,
    `${internal}/appServerLink.ts`,
    "const capacity = 16 * 1024",
    "const capacity = 1"
  ),
  bug(
    "connection: a time limit never passes",
    connections,
    `${internal}/jsonRpcDeadlines.ts`,
    "if (member.deadline < this.#next) this.#earlier.openUnsafe()",
    ""
  ),
  bug(
    "connection: its end does not end who waits",
    connections,
    `${internal}/jsonRpcPeer.ts`,
    "    requests.fail(error)\n",
    ""
  ),
  bug(
    "approvals: none when the policy fails",
    connections,
    "core/src/appserver/ApprovalServing.ts",
    "Effect.catchCause((cause) => declined(request, \"failed\", \"the policy failed\", cause))",
    "Effect.catchCause(() => Effect.never)"
  ),
  bug(
    "approvals: a late one is a yes",
    connections,
    "core/src/appserver/ApprovalServing.ts",
    "orElse: () => declined(request, \"timeout\", `there was no answer within ${Duration.format(timeout)}`)",
    "orElse: () =>\n" +
      "          Effect.map(Effect.fromResult(Answers.encode(request, { type: \"accept\" })), (result) =>\n" +
      "            ({ result, answer: \"accept\" as const, outcome: \"timeout\" as const }))"
  ),
  bug(
    "approvals: answered twice",
    connections,
    `${internal}/jsonRpcServing.ts`,
    "        Effect.flatMap(send)\n",
    "        Effect.flatMap((text) => Effect.andThen(send(text), send(text)))\n"
  ),
  bug(
    "live turn: who is too slow misses events unawares",
    connections,
    `${internal}/observers.ts`,
    "      this.#queues.delete(queue)\n      Queue.failCauseUnsafe(queue, Cause.fail(this.#tooSlow(limit)))\n",
    "      void this.#tooSlow(limit)\n"
  ),
  bug(
    "live turn: who comes late misses what was",
    connections,
    `${internal}/turnHandle.ts`,
    "turn.observers.observe(() => turn.digest, bufferSize)",
    "turn.observers.observe(() => [], bufferSize)"
  ),
  bug(
    "fake: what a turn costs is not what the CLI says",
    scripts.real,
    "testing/src/internal/scriptThreads.ts",
    "inputTokens: left.inputTokens + right.inputTokens,",
    "inputTokens: right.inputTokens,"
  )
]
