/**
 * The floor: what Node takes to spawn, read, split and parse, and nothing else. It loses what a real client must
 * see to: back-pressure, failures, characters cut in two.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { setTimeout } from "node:timers/promises"

const runs: Array<{ readonly millis: number; readonly events: number }> = []
for (let run = 0; run < Number(process.argv[2]); run++) {
  await setTimeout(100)
  const startedAt = performance.now()
  let events = 0
  let rest = ""
  const child = spawn(process.env["CODEX_PATH"] ?? "codex", ["exec", "--json", "-"])
  child.stdin.end("Hello")
  child.stderr.resume()
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n")
    rest = lines.pop() ?? ""
    for (const line of lines) {
      const event: { readonly type: string } = JSON.parse(line)
      events++
      if (event.type === "turn.completed") runs.push({ millis: performance.now() - startedAt, events })
    }
  })
  await once(child, "close")
}
process.stdout.write(JSON.stringify({ runs, memory: process.resourceUsage().maxRSS / 1024 }))
