/**
 * Laws of what a transport keeps to itself.
 *
 * @internal
 */
import type { Worker } from "@effect-codex/core/CodexTransport"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { format } from "effect/Formatter"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import * as CodexScript from "../CodexScript.ts"
import * as Law from "./transportLaw.ts"

export const laws: ReadonlyArray<Law.Law> = [
  {
    name: "keeps its secret out of failures and of what it tells of its worker",
    mend: "Take secrets out of what Codex says of a failure, on stderr too, and keep them out of `worker.command`.",
    needs: ["secret"],
    script: (secret) =>
      CodexScript.make([
        CodexScript.when({ prompt: "Refuse." }, CodexScript.fail("invalid_request", `The key ${secret} is not valid.`)),
        // A real CLI can't crash, and fails in other words.
        CodexScript.turn(CodexScript.crash({ stderr: `panic with ${secret}\n` }))
      ]),
    test: Effect.fnUntraced(function*({ secret, turn }) {
      const workers: Array<Worker> = []
      for (const prompt of ["Refuse.", "Crash."]) {
        const { events, exit } = yield* Law.run(
          turn(prompt, {}, (worker) => Effect.sync(() => void workers.push(worker)))
        )
        const leaks = (what: unknown) => format(what).includes(secret)
        yield* Law.expect(!leaks(events), `the secret is in an event, at "${prompt}"`)
        const reason = Option.map(Exit.findErrorOption(exit), ({ reason }) => Object.entries(reason))
        const cause = Option.map(Exit.getCause(exit), Cause.pretty)
        yield* Law.expect(!leaks([reason, cause]), `the secret is in the failure, at "${prompt}"`)
      }
      const shown = workers.flatMap(({ command = [] }) => command)
      yield* Law.expect(!shown.some((word) => word.includes(secret)), "the secret is in `worker.command`")
    })
  },
  {
    name: "keeps prompts and answers out of spans and logs",
    mend: "Put names, ids, numbers and kinds on spans and logs, never what was asked or answered.",
    script: () => CodexScript.make([CodexScript.turn(CodexScript.message("A marzipan answer."))]),
    test: Effect.fnUntraced(function*({ turn }) {
      const spans: Array<Tracer.NativeSpan> = []
      const logs: Array<unknown> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          spans.push(span)
          return span
        }
      })
      const logger = Logger.make(({ fiber, message }) => {
        logs.push([message, fiber.getRef(References.CurrentLogAnnotations)])
      })
      const { events } = yield* Law.run(turn("A marzipan question.")).pipe(
        Effect.withTracer(tracer),
        Effect.provideService(Logger.CurrentLoggers, new Set([logger])),
        Effect.provideService(References.MinimumLogLevel, "All")
      )
      yield* Law.expectEqual("the answer", Law.textsOf(events), ["A marzipan answer."], events)
      const telling = spans.find(({ attributes, events, name }) =>
        /marzipan/.test(format([name, Object.fromEntries(attributes), events]))
      )
      yield* Law.expect(telling === undefined, `the span "${telling?.name}" has the prompt or the answer`)
      yield* Law.expect(!/marzipan/.test(format(logs)), "the prompt or the answer is in a log")
    })
  }
]
