/**
 * The tools of a toolkit as Codex is told them, once they are known to be such that it takes them.
 *
 * @internal
 */
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Tool from "effect/ai/Tool"
import type * as JsonSchema from "effect/JsonSchema"
import * as Result from "effect/Result"
import type * as Protocol from "../appserver/Protocol.ts"
import { InvalidOption } from "../CodexError.ts"

export interface Namespace {
  readonly name: string
  readonly description?: string | undefined
}

export const make = (
  tools: Readonly<Record<string, Tool.Any>>,
  namespace: Namespace | undefined
): Result.Result<ReadonlyArray<Protocol.DynamicToolSpec>, InvalidOption> =>
  Result.gen(function*() {
    if (namespace !== undefined) {
      yield* check("namespace", nameProblem(namespace.name, 64) ?? namespaceProblem(namespace))
    }
    const functions: Array<Protocol.FunctionDynamicToolSpec> = []
    for (const [name, tool] of Object.entries(tools)) {
      const option = `tools.${name}`
      const hidden = namespace === undefined && ownTools.has(name)
      yield* check(option, nameProblem(name, 128) ?? (hidden ? hiddenProblem : kindProblem(tool)))
      const inputSchema = yield* toInputSchema(tool, option)
      functions.push({ type: "function", name, description: Tool.getDescription(tool) ?? "", inputSchema })
    }
    return namespace === undefined || functions.length === 0
      ? functions
      : [{
        type: "namespace",
        name: namespace.name,
        description: namespace.description ?? "",
        tools: functions
      }]
  })

// =============================================================================
// Names
// =============================================================================

/** What Codex 0.169 calls its own: it says nothing of a tool with such a name, and never calls it. */
const ownTools = new Set([
  "apply_patch",
  "create_goal",
  "exec_command",
  "get_goal",
  "request_user_input",
  "tool_search",
  "update_goal",
  "update_plan",
  "view_image",
  "web_search",
  "write_stdin"
])

const hiddenProblem = "Codex has a tool of this name, which would hide it: rename it, or use the option `namespace`"

const nameProblem = (name: string, limit: number): string | undefined =>
  /^[a-zA-Z0-9_-]+$/.test(name) && name.length <= limit
    ? name === "mcp" || name.startsWith("mcp__") ? "Codex keeps `mcp` and `mcp__…` for MCP servers" : undefined
    : `a name has 1 to ${limit} letters, digits, \`_\` or \`-\``

const namespaceProblem = ({ description, name }: Namespace): string | undefined =>
  reserved.has(name)
    ? `OpenAI keeps the namespace ${name} for itself`
    : description !== undefined && description.length > 1024
    ? "its description has more than 1024 characters"
    : undefined

const reserved = new Set([
  "api_tool",
  "browser",
  "computer",
  "container",
  "file_search",
  "functions",
  "image_gen",
  "multi_tool_use",
  "python",
  "submodel_delegator",
  "terminal",
  "tool_search",
  "web"
])

// =============================================================================
// Kinds and schemas
// =============================================================================

const kindProblem = (tool: Tool.Any): string | undefined =>
  Tool.isProviderDefined(tool)
    ? "a tool that the provider of a model defines can't be offered: Codex configures its own"
    : tool.needsApproval === undefined || tool.needsApproval === false
    ? undefined
    : "Codex asks for no approval of such a tool: ask in its handler, and leave `needsApproval` out"

const toInputSchema = (tool: Tool.Any, option: string): Result.Result<JsonSchema.JsonSchema, InvalidOption> =>
  Result.try({
    // OpenAI wants to see the object, which this transformer has at the root even if the schema has a name.
    try: () => Tool.getJsonSchema(tool, { transformer: LanguageModel.defaultCodecTransformer }),
    catch: (cause) => new InvalidOption({ option, problem: `its parameters have no JSON Schema: ${String(cause)}` })
  }).pipe(
    Result.filterOrFail(
      ({ type }) => type === "object",
      () => new InvalidOption({ option, problem: "its parameters must be an object, such as a `Schema.Struct`" })
    )
  )

const check = (option: string, problem: string | undefined): Result.Result<void, InvalidOption> =>
  problem === undefined ? Result.void : Result.fail(new InvalidOption({ option, problem }))
