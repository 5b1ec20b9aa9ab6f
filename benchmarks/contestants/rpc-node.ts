/**
 * The floor: what Node takes to write a request, split and parse the reply, and find who waits for it.
 */
import { spawn } from "node:child_process"

const child = spawn(process.env["CODEX_PATH"] ?? "codex", ["app-server"])
child.stderr.resume()
const pending = new Map<number, () => void>()
let rest = ""
child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
  const lines = (rest + chunk).split("\n")
  rest = lines.pop() ?? ""
  for (const line of lines) {
    const message: { readonly id?: number; readonly method?: string } = JSON.parse(line)
    if (message.id === undefined || message.method !== undefined) continue
    pending.get(message.id)?.()
    pending.delete(message.id)
  }
})
let ids = 0
const request = (method: string, params: unknown) =>
  new Promise<void>((resolve) => {
    const id = ids++
    pending.set(id, resolve)
    child.stdin.write(`${JSON.stringify({ id, method, params })}\n`)
  })

await request("initialize", { clientInfo: { name: "bench", version: "0" } })
child.stdin.write(`${JSON.stringify({ method: "initialized" })}\n`)

const requests = Number(process.argv[2])
const run = async (window: number) => {
  const startedAt = performance.now()
  let left = requests
  const worker = async () => {
    while (left-- > 0) await request("thread/loaded/list", {})
  }
  await Promise.all(Array.from({ length: window }, worker))
  return performance.now() - startedAt
}
const runs: Array<{ readonly w1: number; readonly w64: number }> = []
for (let i = 0; i < Number(process.argv[3]); i++) runs.push({ w1: await run(1), w64: await run(64) })
process.stdout.write(JSON.stringify(runs))
child.stdin.end()
