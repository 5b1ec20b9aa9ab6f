/**
 * The protocol in short, one line for each method, field and word: what two versions of it are compared by.
 */
import type * as SchemaRepresentation from "effect/SchemaRepresentation"
import { variantsOf } from "./code.ts"
import type { Definitions } from "./definitions.ts"
import { kinds, type Protocol } from "./source.ts"

type Representation = SchemaRepresentation.Representation

/** What a thing is, by its name. */
export type Outline = Readonly<Record<string, string>>

export const make = (protocol: Protocol, { representations, sides }: Definitions): Outline => {
  const outline: Record<string, string> = {}

  const words = (path: string, node: Representation, isMember = false): string => {
    switch (node._tag) {
      case "Reference":
        return node.$ref
      case "Suspend":
        return words(path, node.thunk)
      case "Literal":
        return JSON.stringify(node.literal)
      case "Declaration":
        return "JSON"
      case "Union":
        return [...new Set(variantsOf(node).map((one) => words(path, one, true)))].join(" | ")
      case "Arrays":
        return node.rest.map((item) => `Array<${words(`${path}[]`, item)}>`).join()
      case "Objects": {
        const tag = node.propertySignatures.find(({ isOptional, type }) => type._tag === "Literal" && !isOptional)
        const inner = tag?.type._tag === "Literal" ? `${path}<${tag.type.literal}>` : path
        for (const { isOptional, name, type } of node.propertySignatures) {
          const field = `${inner}.${String(name)}`
          const what = `${words(field, type)}${isOptional ? " | undefined" : ""}`
          // Two variants of one name, such as an image by its URL and one by its id.
          if (what !== outline[field]) {
            outline[field] = [outline[field], what].filter((one) => one !== undefined).join(" | ")
          }
        }
        const index = node.indexSignatures.filter(({ type }) => type._tag !== "Never")
        if (index.length > 0) return index.map(({ type }) => `Record<${words(`${path}{}`, type)}>`).join()
        const keys = node.propertySignatures.map(({ name }) => String(name))
        return isMember ? `{${tag?.type._tag === "Literal" ? tag.type.literal : keys.join(", ")}}` : "object"
      }
      default:
        return node._tag.toLowerCase()
    }
  }

  for (const kind of kinds) {
    for (const [method, facts] of Object.entries(protocol[kind])) {
      const params = `${facts.params ?? "nothing"}${
        facts.isOptional && facts.params !== undefined ? " or nothing" : ""
      }`
      outline[`${kind} ${method}`] = `${params}${facts.result === undefined ? "" : ` -> ${facts.result}`}${
        facts.isExperimental ? " (experimental)" : ""
      }`
    }
  }
  for (const name of sides.keys()) {
    const node = representations[name]
    if (node !== undefined) outline[name] = words(name, node)
  }
  for (const field of protocol.experimentalFields) if (outline[field] !== undefined) outline[field] += " (experimental)"
  return Object.fromEntries(Object.entries(outline).toSorted(([a], [b]) => a < b ? -1 : 1))
}

/** What is new, gone and different, a line each. */
export const compare = (before: Outline, after: Outline): ReadonlyArray<string> => {
  const names = new Set([...Object.keys(before), ...Object.keys(after)])
  return Array.from(names).toSorted().flatMap((name) => difference(name, before[name], after[name]))
}

const difference = (name: string, before: string | undefined, after: string | undefined): ReadonlyArray<string> => {
  if (before === after) return []
  if (before === undefined) return [`+ ${name}: ${after}`]
  if (after === undefined) return [`- ${name}: ${before}`]
  const [old, now] = [before.split(" | "), after.split(" | ")]
  const gone = old.filter((one) => !now.includes(one)).map((one) => `    - ${one}`)
  const added = now.filter((one) => !old.includes(one)).map((one) => `    + ${one}`)
  return [`~ ${name}:`, ...gone, ...added]
}
