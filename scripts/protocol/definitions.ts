/**
 * The definitions as Effect understands them, and which way each travels.
 */
import * as JsonSchema from "effect/JsonSchema"
import * as SchemaRepresentation from "effect/SchemaRepresentation"
import { type Definitions as Source, kinds, type Protocol } from "./source.ts"

type Representation = SchemaRepresentation.Representation

/**
 * Which way a definition travels. What we send is exact; what the server sends is open to what it may send tomorrow.
 * One that travels both ways is `both` if that makes no difference to it, or else two: its own name is what we send.
 */
export type Side = "client" | "server" | "both"

export interface Definitions {
  readonly representations: Readonly<Record<string, Representation>>
  readonly sides: ReadonlyMap<string, ReadonlySet<Side>>
}

export const make = (protocol: Protocol): Definitions => {
  const representations = represent(protocol.definitions)
  const sent = new Set<string>()
  const received = new Set<string>()
  for (const kind of kinds) {
    for (const { params, result } of Object.values(protocol[kind])) {
      const isOurs = kind.startsWith("client")
      if (params !== undefined) reach(representations, params, isOurs ? sent : received)
      if (result !== undefined) reach(representations, result, isOurs ? received : sent)
    }
  }
  const differs = (name: string): boolean => {
    const node = representations[name]
    return node !== undefined && (isOpen(node) || refsOf(node).some(differs))
  }
  const sides = new Map(
    [...new Set([...sent, ...received])].toSorted().map((name) => {
      const both: ReadonlyArray<Side> = differs(name) ? ["client", "server"] : ["both"]
      return [name, new Set<Side>(sent.has(name) && received.has(name) ? both : [sent.has(name) ? "client" : "server"])]
    })
  )
  return { representations, sides }
}

/** What `node` is made of. */
export const childrenOf = (node: Representation): ReadonlyArray<Representation> => {
  switch (node._tag) {
    case "Suspend":
      return [node.thunk]
    case "Union":
      return node.types
    case "Arrays":
      return node.rest
    case "Objects":
      return [...node.propertySignatures, ...node.indexSignatures].map(({ type }) => type)
    default:
      return []
  }
}

const refsOf = (node: Representation): ReadonlyArray<string> =>
  node._tag === "Reference" ? [node.$ref] : childrenOf(node).flatMap(refsOf)

const reach = (representations: Definitions["representations"], name: string, seen: Set<string>): void => {
  const node = representations[name]
  if (node === undefined || seen.has(name)) return
  seen.add(name)
  for (const ref of refsOf(node)) reach(representations, ref, seen)
}

/** Whether there may be more of it tomorrow: literals, and unions of more than a type and `null`. */
const isOpen = (node: Representation): boolean =>
  node._tag === "Literal" ||
  (node._tag === "Union" && node.types.filter(({ _tag }) => _tag !== "Null").length > 1 && !isPrimitive(node)) ||
  childrenOf(node).some(isOpen)

/** `string | number` will not grow. */
export const isPrimitive = (node: Representation): boolean =>
  node._tag === "String" || node._tag === "Number" || node._tag === "Boolean" || node._tag === "Null" ||
  (node._tag === "Union" && node.types.every(isPrimitive))

const represent = (definitions: Source): Definitions["representations"] => {
  const document = JsonSchema.fromSchemaDraft07({ definitions })
  const roots = Object.keys(definitions).filter((name) => !isEnvelope.test(name)).map((name) => ({
    $ref: `#/$defs/${name}`
  }))
  const [first, ...others] = SchemaRepresentation.fromJsonSchemaMultiDocument({
    dialect: document.dialect,
    schemas: [roots[0] ?? {}, ...roots.slice(1)],
    definitions: document.definitions
  }, { onEnter }).map(({ ast }) => ast)
  if (first === undefined) throw new Error("There are no definitions")
  return SchemaRepresentation.toRepresentations([first, ...others]).references
}

/** Messages as a whole are the connection's. */
const isEnvelope = /^(JSONRPC\w+|(Client|Server)(Request|Notification))$/

/**
 * Gives the fields beside alternatives to each of them, as Effect does not intersect an object with a union; and
 * says of objects that they are closed, as all of ours keep what they do not know.
 */
const onEnter = (schema: JsonSchema.JsonSchema): JsonSchema.JsonSchema => {
  const { anyOf, description, oneOf, properties, required, title } = schema
  const alternatives = oneOf ?? anyOf
  if (Array.isArray(alternatives) && properties !== undefined) {
    const complete = (one: JsonSchema.JsonSchema): JsonSchema.JsonSchema => ({
      ...one,
      title: join(one["title"], title),
      properties: Object.assign({}, properties, one["properties"]),
      required: [required ?? [], one["required"] ?? []].flat()
    })
    return {
      ...title === undefined ? {} : { title },
      ...description === undefined ? {} : { description },
      anyOf: alternatives.map(complete)
    }
  }
  if (Array.isArray(oneOf)) return { ...schema, oneOf: undefined, anyOf: oneOf }
  return schema.type === "object" ? { additionalProperties: false, ...schema } : schema
}

/** `UrlUserInput` among `ImageUserInput` is `UrlImageUserInput`. */
const join = (inner: unknown, outer: unknown): unknown => {
  if (typeof inner !== "string" || typeof outer !== "string") return inner
  const words = (title: string) => title.match(/[A-Z][^A-Z]*/g) ?? []
  const others = words(outer).toReversed()
  const own = words(inner).toReversed()
  return own.slice(own.findIndex((word, index) => word !== others[index])).toReversed().join("") + outer
}
