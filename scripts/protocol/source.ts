/**
 * The protocol as the CLI itself describes it: definitions in JSON Schema, and tables of methods.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Rules from "./rules.ts"

/** What we read of JSON Schema ourselves. */
export interface JsonSchema {
  readonly [key: string]: unknown
  readonly $ref?: string
  readonly description?: string
  readonly enum?: ReadonlyArray<string>
  readonly anyOf?: ReadonlyArray<JsonSchema>
  readonly oneOf?: ReadonlyArray<JsonSchema>
  readonly properties?: Definitions
  readonly required?: ReadonlyArray<string>
}

export interface Definitions {
  readonly [name: string]: JsonSchema
}

export interface Method {
  readonly description: string | undefined
  /** The name of a definition. */
  readonly params: string | undefined
  readonly isOptional: boolean
  /** The name of a definition. Notifications have none. */
  readonly result: string | undefined
  readonly isExperimental: boolean
  /** The params that need the capability `experimentalApi`. */
  readonly experimentalParams: ReadonlyArray<string>
}

export const kinds = ["clientRequests", "clientNotifications", "serverRequests", "serverNotifications"] as const

export interface Protocol extends Readonly<Record<typeof kinds[number], Readonly<Record<string, Method>>>> {
  readonly version: string
  readonly definitions: Definitions
  /** Fields that need the capability `experimentalApi`, as `Definition.field`. */
  readonly experimentalFields: ReadonlySet<string>
}

/** Asks the CLI. It needs no network, and less than a second. */
export const read = (command: string): Protocol => {
  const folder = mkdtempSync(join(tmpdir(), "effect-codex-protocol-"))
  try {
    const run = (...args: ReadonlyArray<string>): string => {
      const env = { ...process.env, CODEX_HOME: folder }
      const { error, status, stderr, stdout } = spawnSync(command, args, { env, encoding: "utf8", timeout: 30_000 })
      if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${error?.message ?? stderr}`)
      return stdout
    }
    const types = join(folder, "types")
    run("app-server", "generate-ts", "--out", types, "--experimental")
    const schema = (name: string, ...args: ReadonlyArray<string>): Definitions => {
      const out = join(folder, name)
      run("app-server", "generate-json-schema", "--out", out, ...args)
      const { definitions } = JSON.parse(readFileSync(join(out, "codex_app_server_protocol.schemas.json"), "utf8"))
      return rename(merge(definitions), types)
    }
    const version = run("--version").trim().replace(/^codex-cli /, "")
    return describe(version, schema("all", "--experimental"), schema("stable"))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Definitions have two homes; a name in both means the same. */
const merge = ({ v2, ...v1 }: Definitions & { readonly v2: Definitions }): Definitions => {
  const bare = (one: JsonSchema | undefined) => JSON.stringify({ ...one, $schema: undefined, title: undefined })
  for (const name of Object.keys(v1)) {
    if (name in v2 && bare(v1[name]) !== bare(v2[name])) throw new Error(`Two definitions of ${name}`)
  }
  return JSON.parse(JSON.stringify({ ...v1, ...v2 }).replaceAll("#/definitions/v2/", "#/definitions/"))
}

/**
 * The JSON Schema of the CLI has the fields of some definitions in `snake_case` that are in `camelCase` on the wire and
 * in the TypeScript that the CLI also gives (0.169: `ThreadTimelineEntry` and two others).
 */
const rename = (definitions: Definitions, types: string): Definitions => {
  const renamed = Object.entries(definitions).map(([name, definition]) => {
    const file = ["v2", "."].map((home) => join(types, home, `${name}.ts`)).find((path) => existsSync(path))
    const text = file === undefined ? "" : readFileSync(file, "utf8")
    const isField = (field: string) => new RegExp(`\\b${field}"?\\??: `).test(text)
    const right = (field: string): string => {
      if (!field.includes("_") || isField(field)) return field
      const camel = field.replaceAll(/(?<=\w)_(\w)/g, (_, letter: string) => letter.toUpperCase())
      return isField(camel) ? camel : field
    }
    const visit = ({ properties, required, ...rest }: JsonSchema): JsonSchema => ({
      ...rest,
      ...required === undefined ? {} : { required: required.map(right) },
      ...properties === undefined
        ? {}
        : { properties: Object.fromEntries(Object.entries(properties).map(([field, type]) => [right(field), type])) },
      ...rest.oneOf === undefined ? {} : { oneOf: rest.oneOf.map(visit) },
      ...rest.anyOf === undefined ? {} : { anyOf: rest.anyOf.map(visit) }
    })
    return [name, visit(definition)]
  })
  return Object.fromEntries(renamed)
}

const describe = (version: string, all: Definitions, stable: Definitions): Protocol => {
  const experimentalFields = new Set(
    Object.entries(all).flatMap(([name, { properties = {} }]) => {
      const known = stable[name]
      const isNew = (field: string) => known !== undefined && known.properties?.[field] === undefined
      return Object.keys(properties).filter(isNew).map((field) => `${name}.${field}`)
    })
  )
  const unclaimed = new Set(Object.keys(all).filter((name) => name.endsWith("Response") && name !== "JSONRPCResponse"))

  const table = (union: string, hasResult: boolean): Readonly<Record<string, Method>> => {
    const stableMethods = new Set(variantsOf(stable, union).map(({ method }) => method))
    return Object.fromEntries(
      variantsOf(all, union).map(({ description, isOptional, method, params }) => {
        const result = hasResult ? resultOf(method, params) : undefined
        if (result !== undefined) {
          if (all[result] === undefined) throw new Error(`What does ${method} give? Say so in rules.ts.`)
          unclaimed.delete(result)
        }
        return [method, {
          description,
          params,
          isOptional,
          result,
          isExperimental: !stableMethods.has(method),
          experimentalParams: Object.keys(params === undefined ? {} : all[params]?.properties ?? {})
            .filter((field) => experimentalFields.has(`${params}.${field}`))
        }]
      })
    )
  }
  const protocol = {
    version,
    clientRequests: table("ClientRequest", true),
    clientNotifications: table("ClientNotification", false),
    serverRequests: table("ServerRequest", true),
    serverNotifications: table("ServerNotification", false),
    definitions: all,
    experimentalFields
  }
  if (unclaimed.size > 0) throw new Error(`Which methods give ${[...unclaimed].join(", ")}? Say so in rules.ts.`)
  return protocol
}

const variantsOf = (definitions: Definitions, union: string) =>
  (definitions[union]?.oneOf ?? []).map(({ description, properties = {}, required = [] }) => {
    const { method, params = {} } = properties
    const refs = [params, ...params.anyOf ?? []].flatMap(({ $ref }) => $ref?.split("/").at(-1) ?? [])
    return { description, method: String(method?.enum?.[0]), params: refs[0], isOptional: !required.includes("params") }
  })

const resultOf = (method: string, params: string | undefined): string => {
  const words = method.split("/").map((word) => word.charAt(0).toUpperCase() + word.slice(1))
  return Rules.results[method] ?? `${params?.replace(/Params$/, "") ?? words.join("")}Response`
}
