import * as AppServerTransport from "@effect-codex/core/appserver/AppServerTransport"
import * as Client from "@effect-codex/core/appserver/Client"
import * as CodexCli from "@effect-codex/core/CodexCli"
import * as CodexError from "@effect-codex/core/CodexError"
import type { CodexEvent } from "@effect-codex/core/CodexEvent"
import * as CodexInput from "@effect-codex/core/CodexInput"
import type { TurnRequest } from "@effect-codex/core/CodexOptions"
import { CodexTransport, type Worker } from "@effect-codex/core/CodexTransport"
import * as ExecTransport from "@effect-codex/core/exec/ExecTransport"
import * as ProcessGuard from "@effect-codex/core/ProcessGuard"
import type { CodexScript } from "@effect-codex/testing/CodexScript"
import * as CodexTransportContract from "@effect-codex/testing/CodexTransportContract"
import * as FakeAppServer from "@effect-codex/testing/FakeAppServer"
import * as FakeCli from "@effect-codex/testing/FakeCli"
import { assert, describe, it } from "@effect/vitest"
import type * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Struct from "effect/Struct"

// =============================================================================
// Ours
// =============================================================================

const secret = Redacted.make("sk-not-for-your-eyes")

const cliOf = (key: string | Redacted.Redacted<string>) =>
  Layer.merge(
    Layer.succeed(CodexCli.CodexCli, { command: "codex", env: { CODEX_API_KEY: key } }),
    ProcessGuard.layerNoop
  )

const exec = (script: CodexScript, key: string | Redacted.Redacted<string> = secret) =>
  ExecTransport.layer().pipe(
    Layer.provide(cliOf(key)),
    Layer.provideMerge(FakeCli.layerSpawner(script))
  )

const parseSchema = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Json))

const overExec: CodexTransportContract.Options<FakeCli.FakeCli> = {
  alive: FakeCli.FakeCli.use(({ invocations }) =>
    Effect.map(invocations, (all) => all.filter(({ running }) => running).length)
  ),
  refused: [{ approval: "on-request" }, { approval: "untrusted" }],
  outputSchema: FakeCli.FakeCli.use(Effect.fnUntraced(function*({ invocations }) {
    const last = (yield* invocations).findLast(({ args }) => args.includes("exec"))
    const file = last?.files[last.args[last.args.indexOf("--output-schema") + 1] ?? ""]
    return file === undefined ? undefined : yield* Effect.orDie(parseSchema(file))
  })),
  secret
}

const appServer = (script: CodexScript) =>
  AppServerTransport.layerConnect(
    Effect.flatMap(FakeAppServer.FakeAppServer, ({ connect }) => Client.connect(connect, { experimentalApi: true }))
  ).pipe(
    Layer.provide(cliOf(secret)),
    Layer.provideMerge(Layer.sync(FakeAppServer.FakeAppServer, () => FakeAppServer.make(script)))
  )

const asked = (methods: ReadonlyArray<string>) =>
  FakeAppServer.FakeAppServer.use(({ requests }) =>
    Effect.map(requests, (all) => all.filter(({ method }) => methods.includes(method)))
  )

const overAppServer: CodexTransportContract.Options<FakeAppServer.FakeAppServer> = {
  // Threads that are loaded.
  alive: Effect.zipWith(
    asked(["thread/start", "thread/resume", "thread/fork"]),
    asked(["thread/unsubscribe"]),
    (opened, closed) => opened.length - closed.length
  ),
  refused: [{ profile: "fast" }, { extraArgs: ["--full-auto"] }, { worktree: true }],
  outputSchema: Effect.map(asked(["turn/start"]), (requests) => {
    const params = requests.at(-1)?.params
    return Predicate.hasProperty(params, "outputSchema") ? params.outputSchema : undefined
  }),
  secret
}

describe("codex exec, a fake", () => {
  CodexTransportContract.suite(it.live, exec, overExec)
})

describe("codex exec, a fake of which nothing is known", () => {
  CodexTransportContract.suite(it.live, exec)
})

describe("codex app-server, a fake in memory", () => {
  CodexTransportContract.suite(it.live, appServer, overAppServer)
})

// =============================================================================
// Broken ones
// =============================================================================

type Transport = CodexTransport["Service"]

/** The names of the laws that these options lead to. */
const lawsOf = (options: CodexTransportContract.Options<FakeCli.FakeCli>): Array<string> => {
  const names: Array<string> = []
  CodexTransportContract.suite((name) => names.push(name), exec, options)
  return names
}

type Change = (
  transport: Transport
) => Effect.Effect<Transport, never, ChildProcessSpawner.ChildProcessSpawner | Scope.Scope>

/** The laws that a transport breaks, with what a test of theirs says. */
const brokenLaws = Effect.fnUntraced(function*(layer: (script: CodexScript) => ReturnType<typeof exec>) {
  const found: Array<Effect.Effect<ReadonlyArray<readonly [law: string, error: unknown]>>> = []
  CodexTransportContract.suite(
    (law, test) =>
      found.push(Effect.match(test(), { onFailure: (error) => [[law, error] as const], onSuccess: () => [] })),
    layer,
    { ...overExec, timeout: "2 seconds" }
  )
  return (yield* Effect.all(found, { concurrency: "unbounded" })).flat()
})

/** A transport that does something else with each turn. */
const turning = (turn: (transport: Transport) => Transport["turn"]): Change => (transport) =>
  Effect.sync(() => ({ turn: turn(transport) }))

/** A transport whose turns tell something else. */
const telling = (
  change: (events: Stream.Stream<CodexEvent, CodexError.CodexError>) => Stream.Stream<CodexEvent, CodexError.CodexError>
): Change => turning(({ turn }) => (request, onStart) => change(turn(request, onStart)))

/** A transport that asks for something else. */
const asking = (change: (request: TurnRequest) => TurnRequest): Change =>
  turning(({ turn }) => (request, onStart) => turn(change(request), onStart))

const each = (change: (event: CodexEvent) => ReadonlyArray<CodexEvent>) =>
  telling(Stream.flatMap((event) => Stream.fromIterable(change(event))))

/** A transport that lets go of its turn, or not, by how the turn's scope was closed. */
const leaking = (leaks: (exit: Exit.Exit<unknown, unknown>) => boolean): Change =>
  Effect.fnUntraced(function*({ turn }) {
    const scope = yield* Effect.scope
    return {
      turn: (request, onStart) =>
        Stream.unwrap(Effect.gen(function*() {
          const queue = yield* Queue.bounded<CodexEvent, CodexError.CodexError | Cause.Done>(1)
          const fiber = yield* Effect.forkIn(Stream.runIntoQueue(turn(request, onStart), queue), scope)
          yield* Effect.addFinalizer((exit) => leaks(exit) ? Effect.void : Fiber.interrupt(fiber))
          return Stream.fromQueue(queue)
        }))
    }
  })

const isEnd = ({ type }: CodexEvent) => type === "turn.completed" || type === "turn.failed"

const isOfCommand = (event: CodexEvent) => event.type === "item.completed" && event.item.type === "command_execution"

const promptOf = ({ input }: TurnRequest) => CodexInput.textOf(input)

const inSecret = "keeps its secret out of failures and of what it tells of its worker"

const broken: Record<string, readonly [law: string, change: Change]> = {
  "tells more behind the end": [
    "begins with the thread, and ends with the end of the turn",
    each((event) => event.type === "turn.completed" ? [event, { type: "error", message: "late" }] : [event])
  ],
  "tells of its thread twice": [
    "begins with the thread, and ends with the end of the turn",
    each((event) => event.type === "thread.started" ? [event, event] : [event])
  ],
  "does not tell that the turn has begun": [
    "begins with the thread, and ends with the end of the turn",
    telling(Stream.filter(({ type }) => type !== "turn.started"))
  ],
  "tells that the turn has begun when it has done something": [
    "begins with the thread, and ends with the end of the turn",
    telling(
      Stream.mapAccum(
        (): ReadonlyArray<CodexEvent> => [],
        (held, event) => event.type === "turn.started" ? [[event], []] : [[], [event, ...held]]
      )
    )
  ],
  "loses an event": [
    "tells all that Codex does, in its order",
    telling(Stream.filter((event) => !isOfCommand(event)))
  ],
  "changes the order": [
    "tells all that Codex does, in its order",
    telling(
      Stream.mapAccum(
        (): ReadonlyArray<CodexEvent> => [],
        (held, event) => isOfCommand(event) ? [[event], []] : [[], [event, ...held]]
      )
    )
  ],
  "hides that a turn has failed": [
    "tells that a turn has failed, with its cause, and what it did before",
    telling(Stream.filter(({ type }) => type !== "turn.failed"))
  ],
  "fails in place of the turn": [
    "tells that a turn has failed, with its cause, and what it did before",
    telling(Stream.mapEffect((event) =>
      event.type === "turn.failed"
        ? CodexError.fromReason(new CodexError.Exited({ stderr: event.error.message }))
        : Effect.succeed(event)
    ))
  ],
  "drops what is not taken at once": [
    "loses nothing when its consumer is slow",
    telling(Stream.buffer({ capacity: 32, strategy: "sliding" }))
  ],
  "drops what it does not know": [
    "keeps events and items that it does not know",
    telling(Stream.filter((event) => event.type !== "unknown"))
  ],
  "begins before anybody asks": [
    "starts nothing until its stream is run",
    turning(({ turn }) => (request, onStart = () => Effect.void) => {
      const worker = Deferred.makeUnsafe<Worker>()
      const kill = Effect.flatMap(Deferred.await(worker), ({ kill }) => kill)
      const begun = Effect.runFork(request.approval === undefined ? onStart({ kill }) : Effect.void)
      return turn(request, (told) => Effect.andThen(Deferred.succeed(worker, told), Fiber.join(begun)))
    })
  ],
  "begins a thread twice": [
    "hands a turn over once each time that its stream is run",
    turning(({ turn }) => (request, onStart) =>
      Stream.concat(
        (request.thread ?? request.fork) === undefined
          ? Stream.drain(Stream.takeUntil(turn(request), ({ type }) => type === "turn.started"))
          : Stream.empty,
        turn(request, onStart)
      )
    )
  ],
  "remembers what it told": [
    "hands a turn over once each time that its stream is run",
    turning(({ turn }) => (request, onStart) => {
      const told: Array<CodexEvent> = []
      const first = Stream.tap(turn(request, onStart), (event) => Effect.sync(() => told.push(event)))
      return Stream.suspend(() => told.some(isEnd) ? Stream.fromIterable(told) : first)
    })
  ],
  "tells nobody that it has begun": [
    "tells of its worker once, before the first event",
    turning(({ turn }) => (request) => turn(request))
  ],
  "tells of its worker late": [
    "tells of its worker once, before the first event",
    turning(({ turn }) => (request, onStart = () => Effect.void) => {
      let worker: Worker | undefined
      return turn(request, (told) => Effect.sync(() => void (worker = told))).pipe(
        Stream.tap(({ type }) =>
          type === "turn.started" && worker !== undefined ? Effect.forkChild(onStart(worker)) : Effect.void
        )
      )
    })
  ],
  "does without what it cannot do": [
    "refuses what it cannot do before it starts anything",
    asking(Struct.omit(["approval"]))
  ],
  "forgets the schema": [
    "hands Codex the schema of the answer, and of that turn alone",
    asking(Struct.omit(["outputSchema"]))
  ],
  "keeps something for good": [
    "leaves nothing when the turn has ended",
    Effect.fnUntraced(function*({ turn }) {
      const scope = yield* Effect.scope
      const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
      const spawn = spawner.spawn(ChildProcess.make("codex", ["app-server"])).pipe(Scope.provide(scope), Effect.ignore)
      return {
        turn: (request, onStart) => Stream.concat(turn(request, onStart), Stream.drain(Stream.fromEffect(spawn)))
      }
    })
  ],
  "leaks when it is stopped early": [
    "leaves nothing when its consumer stops early",
    leaking(Exit.isSuccess)
  ],
  "leaks when it is interrupted": [
    "leaves nothing when it is interrupted",
    leaking(Exit.hasInterrupts)
  ],
  "leaks when its consumer fails": [
    "leaves nothing when its consumer fails",
    leaking(Exit.hasFails)
  ],
  "cannot be killed": [
    "fails the turn, and leaves nothing, when its worker is killed",
    turning(({ turn }) => (request, onStart = () => Effect.void) =>
      turn(request, (worker) => onStart({ ...worker, kill: Effect.void }))
    )
  ],
  "takes a death for an end": [
    "fails when Codex dies amid a turn",
    telling(Stream.catchIf(
      ({ reason }) => reason._tag === "Exited" && reason.exitCode === 101,
      () => Stream.empty
    ))
  ],
  "dies with Codex": [
    "fails when Codex dies amid a turn",
    telling(Stream.catchIf(
      ({ reason }) => reason._tag === "Exited" && reason.exitCode === 101,
      () => Stream.die("no Codex")
    ))
  ],
  "tells another thread": [
    "goes on with the thread that it is asked for",
    turning(({ turn }) => (request, onStart) =>
      Stream.map(turn(request, onStart), (event) =>
        event.type === "thread.started" && request.thread !== undefined
          ? { ...event, thread_id: "another" }
          : event)
    )
  ],
  "begins a thread when there is none": [
    "fails when there is no such thread",
    turning(({ turn }) => (request, onStart) =>
      Stream.catchIf(
        turn(request, onStart),
        ({ reason }) => reason._tag === "ThreadNotFound",
        () => turn(Struct.omit(request, ["thread"]), onStart)
      )
    )
  ],
  "goes on with the thread in place of a copy": [
    "goes on with a copy of a thread, and leaves the thread as it is",
    asking(({ fork, ...request }) => fork === undefined ? request : { ...request, thread: fork })
  ],
  "begins a thread in place of a copy": [
    "goes on with a copy of a thread, and leaves the thread as it is",
    asking(Struct.omit(["fork"]))
  ],
  "mixes up what runs at once": [
    "keeps turns apart that run at once",
    turning(({ turn }) => {
      let current: TurnRequest | undefined
      return (request, onStart) =>
        Stream.unwrap(Effect.gen(function*() {
          current = request
          yield* Effect.yieldNow
          return turn(current, onStart)
        }))
    })
  ],
  "tells its secret in an event": [
    inSecret,
    each((event) =>
      event.type === "turn.failed"
        ? [{ ...event, error: { message: `${event.error.message} ${Redacted.value(secret)}` } }]
        : [event]
    )
  ],
  "tells its secret in a failure": [
    inSecret,
    telling(Stream.mapError((error) =>
      error.reason._tag === "Exited"
        ? CodexError.fromReason(new CodexError.Exited({ stderr: Redacted.value(secret) }))
        : error
    ))
  ],
  "tells its secret of its worker": [
    inSecret,
    turning(({ turn }) => (request, onStart = () => Effect.void) =>
      turn(request, (worker) => onStart({ ...worker, command: [`--key=${Redacted.value(secret)}`] }))
    )
  ],
  "puts the prompt on a span": [
    "keeps prompts and answers out of spans and logs",
    turning(({ turn }) => (request, onStart) =>
      Stream.withSpan(turn(request, onStart), "turn", { attributes: { prompt: promptOf(request) } })
    )
  ],
  "logs the prompt": [
    "keeps prompts and answers out of spans and logs",
    turning(({ turn }) => (request, onStart) =>
      Stream.concat(Stream.drain(Stream.fromEffect(Effect.logDebug(promptOf(request)))), turn(request, onStart))
    )
  ]
}

describe("the contract is violated by a transport that", () => {
  it.live.each(Object.entries(broken))("%s", ([, [law, change]]) =>
    Effect.gen(function*() {
      const found = yield* brokenLaws((script) =>
        Layer.effect(CodexTransport, Effect.flatMap(CodexTransport, change)).pipe(Layer.provideMerge(exec(script)))
      )
      assert.deepStrictEqual(found.map(([law]) => law), [law])
      const [[, error] = []] = found
      assert.instanceOf(error, CodexTransportContract.Violation)
      assert.strictEqual(error.law, law)
      assert.isTrue(error.message.startsWith(`A transport ${law}. But ${error.problem}\n`))
    }))

  const useless: Record<string, readonly [kept: ReadonlyArray<string>, turn: () => ReturnType<Transport["turn"]>]> = {
    "tells nothing": [[inSecret], () => Stream.empty],
    "always fails": [
      [inSecret, "fails when Codex dies amid a turn", "fails when there is no such thread"],
      () => Stream.fail(CodexError.fromReason(new CodexError.Exited({ stderr: "" })))
    ]
  }

  it.live.each(Object.entries(useless))("%s", ([, [kept, turn]]) =>
    Effect.gen(function*() {
      const found = yield* brokenLaws((script) =>
        Layer.provideMerge(Layer.succeed(CodexTransport, { turn }), exec(script))
      )
      for (const [, error] of found) assert.instanceOf(error, CodexTransportContract.Violation)
      assert.sameMembers([...found.map(([law]) => law), ...kept], lawsOf(overExec))
    }))

  it.live("does not know its secret for one", () =>
    Effect.gen(function*() {
      const found = yield* brokenLaws((script) => exec(script, Redacted.value(secret)))
      assert.deepStrictEqual(found.map(([law]) => law), [inSecret])
    }))
})

describe("the contract", () => {
  it("has no law that no transport here breaks", () => {
    const laws = new Set(Object.values(broken).map(([law]) => law))
    assert.sameMembers(lawsOf(overExec), [...laws])
  })

  it("leaves out what it can't know", () => {
    assert.sameMembers(
      lawsOf(overExec).filter((name) => !lawsOf({ real: true }).includes(name)),
      [
        "keeps events and items that it does not know",
        "refuses what it cannot do before it starts anything",
        "hands Codex the schema of the answer, and of that turn alone",
        "leaves nothing when the turn has ended",
        "fails when Codex dies amid a turn",
        "keeps its secret out of failures and of what it tells of its worker"
      ]
    )
  })

  it.live("finds out a probe that counts nothing", () =>
    Effect.gen(function*() {
      const problems: Array<Effect.Effect<string>> = []
      CodexTransportContract.suite(
        (_, test) => problems.push(Effect.match(test(), { onFailure: String, onSuccess: () => "" })),
        exec,
        { alive: Effect.succeed(0) }
      )
      const found = (yield* Effect.all(problems, { concurrency: "unbounded" })).filter((problem) => problem !== "")
      assert.lengthOf(found, 3)
      for (const problem of found) assert.include(problem, "`alive` does not count the worker of a turn")
    }))
})
