/**
 * The floor: what Node takes to read, split and parse what the app-server tells, and nothing else.
 */
import { spawn } from "node:child_process"

interface Message {
  readonly id?: number
  readonly method?: string
  readonly params?: { readonly item?: { readonly type: string } }
  readonly result?: { readonly thread?: { readonly id: string } }
}

const child = spawn(process.env["CODEX_PATH"] ?? "codex", ["app-server"])
child.stderr.resume()
const pending = new Map<number, (message: Message) => void>()
let notified: (message: Message) => void = () => {}
let rest = ""
child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
  const lines = (rest + chunk).split("\n")
  rest = lines.pop() ?? ""
  for (const line of lines) {
    const message: Message = JSON.parse(line)
    if (message.id === undefined) notified(message)
    else pending.get(message.id)?.(message)
  }
})
let ids = 0
const request = (method: string, params: unknown) =>
  new Promise<Message>((resolve) => {
    const id = ids++
    pending.set(id, resolve)
    child.stdin.write(`${JSON.stringify({ id, method, params })}\n`)
  })

await request("initialize", { clientInfo: { name: "bench", version: "0" } })
child.stdin.write(`${JSON.stringify({ method: "initialized" })}\n`)

const runs: Array<{ readonly millis: number; readonly cpu: number; readonly deltas: number }> = []
for (let run = 0; run < Number(process.argv[2]); run++) {
  const { result } = await request("thread/start", {})
  let startedAt = 0
  let cpu = process.cpuUsage()
  let deltas = 0
  const completed = new Promise<void>((resolve) => {
    notified = ({ method, params }) => {
      if (method === "item/agentMessage/delta") {
        if (deltas++ > 0) return
        startedAt = performance.now()
        cpu = process.cpuUsage()
      } else if (method === "item/completed" && params?.item?.type === "agentMessage") {
        const millis = performance.now() - startedAt
        const { system, user } = process.cpuUsage(cpu)
        runs.push({ millis, cpu: (system + user) / 1000, deltas })
      } else if (method === "turn/completed") resolve()
    }
  })
  await request("turn/start", { threadId: result?.thread?.id, input: [{ type: "text", text: "Hello" }] })
  await completed
}
process.stdout.write(JSON.stringify(runs))
child.stdin.end()
