/**
 * A stdio MCP server with one tool, `greet`: the least that the CLI needs, and quick to start.
 */
import { createInterface } from "node:readline"

interface Request {
  readonly id?: number
  readonly method?: string
  readonly params?: { readonly protocolVersion?: string; readonly arguments?: { readonly name?: string } }
}

const isRequest = (u: unknown): u is Request => typeof u === "object" && u !== null

const result = ({ method, params }: Request): object => {
  switch (method) {
    case "initialize":
      return {
        protocolVersion: params?.protocolVersion,
        capabilities: { tools: {} },
        serverInfo: { name: "greeter", version: "1" }
      }
    case "tools/list": {
      const inputSchema = { type: "object", properties: { name: { type: "string" } }, required: ["name"] }
      return { tools: [{ name: "greet", description: "Greets", inputSchema, annotations: { readOnlyHint: true } }] }
    }
    case "tools/call":
      return { content: [{ type: "text", text: `Hello, ${params?.arguments?.name}!` }] }
    default:
      return {}
  }
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const request: unknown = JSON.parse(line)
  if (!isRequest(request) || request.id === undefined) return
  process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", id: request.id, result: result(request) })}\n`)
})
