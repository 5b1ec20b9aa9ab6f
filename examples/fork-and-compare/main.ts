/**
 * One agent explores, and copies of it try different ways from there, at once. The ways are compared, and the best one
 * goes on.
 *
 *     npm run example -- fork-and-compare "Make the tests twice as fast"
 *
 * What was explored is paid for once: each copy has it in its context. Nothing is changed in the working directory.
 */
import * as Threads from "@effect-codex/core/appserver/Threads"
import * as NodeThreads from "@effect-codex/node/NodeThreads"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Arr from "effect/Array"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Order from "effect/Order"
import * as Schema from "effect/Schema"

const Plan = Schema.Struct({
  steps: Schema.Array(Schema.String),
  filesChanged: Schema.Int,
  risk: Schema.Literals(["low", "medium", "high"])
})

const risks = Plan.fields.risk.literals

/** The least risk, and of those the fewest files. */
const byMerit = Order.Struct({
  risk: Order.mapInput(Order.Number, (risk: typeof Plan.Type["risk"]) => risks.indexOf(risk)),
  filesChanged: Order.Number
})

const ways = [
  ["careful", "Plan it with the least change."],
  ["thorough", "Plan it as you would if you could begin anew."],
  ["tooling", "Plan it by changes of configuration and tools alone."]
] as const

export const program = Effect.fn("forkAndCompare")(function*(task: string) {
  const threads = yield* Threads.Threads
  const explorer = yield* threads.start()
  yield* explorer.run(`${task}. Find out what there is to know first: read, measure, and change nothing.`)

  const plans = yield* Effect.forEach(
    ways,
    Effect.fnUntraced(function*([name, way]) {
      const thread = yield* explorer.fork()
      const { output } = yield* thread.run(`${way} Change nothing yet.`, { output: Plan })
      yield* Console.log(`${name}: risk ${output.risk}, ${output.filesChanged} files`)
      return { name, thread, ...output }
    }),
    { concurrency: "unbounded" }
  )

  const [best, ...others] = Arr.sort(plans, byMerit)
  yield* best.thread.setName(`${task} (${best.name})`)
  yield* Effect.forEach(others, ({ thread }) => threads.archive(thread.id), { concurrency: "unbounded" })
  yield* Console.log(`The ${best.name} one:\n${best.steps.map((step) => `- ${step}`).join("\n")}`)
  yield* Console.log(`Go on by: codex resume ${best.thread.id}`)
}, Effect.scoped)

if (import.meta.main) {
  program(process.argv[2] ?? "Make the tests of this repository faster").pipe(
    Effect.provide(NodeThreads.layer({ defaults: { approval: "never", sandbox: "read-only" } })),
    NodeRuntime.runMain
  )
}
