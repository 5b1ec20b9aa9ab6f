import { Codex, type CodexOptions } from "@openai/codex-sdk"
import { setTimeout } from "node:timers/promises"

const path = process.env["CODEX_PATH"]
const options: CodexOptions = path === undefined ? {} : { codexPathOverride: path }
const codex = new Codex(options)
const runs: Array<{ readonly millis: number; readonly events: number }> = []
for (let run = 0; run < Number(process.argv[2]); run++) {
  await setTimeout(100)
  const startedAt = performance.now()
  let count = 0
  const { events } = await codex.startThread({ skipGitRepoCheck: true }).runStreamed("Hello")
  for await (const event of events) {
    count++
    if (event.type === "turn.completed") runs.push({ millis: performance.now() - startedAt, events: count })
  }
}
process.stdout.write(JSON.stringify({ runs, memory: process.resourceUsage().maxRSS / 1024 }))
