/**
 * The TypeScript of a definition: its type, with the words of the CLI as comments, and its schema.
 */
import * as SchemaRepresentation from "effect/SchemaRepresentation"
import type { Definitions, Side } from "./definitions.ts"
import { isPrimitive } from "./definitions.ts"
import * as Rules from "./rules.ts"

type Representation = SchemaRepresentation.Representation

interface Code {
  readonly type: string
  readonly runtime: string
}

export interface DefinitionCode {
  readonly types: string
  readonly schema: string
}

/** How a definition is called that travels one way. */
export const nameOf = (definitions: Definitions, name: string, side: Side): string =>
  side === "server" && definitions.sides.get(name)?.has("client") === true ? `Open${name}` : name

/** A comment, or nothing. */
export const doc = (...paragraphs: ReadonlyArray<string | false | undefined>): string => {
  const text = paragraphs.filter((one) => typeof one === "string" && one !== "").join("\n\n")
  if (text === "") return ""
  const lines = text.replaceAll("*/", "*\\/").split("\n").map((line) => ` * ${line}`.trimEnd())
  return lines.length === 1 ? `/**${lines[0]?.slice(2)} */\n` : `/**\n${lines.join("\n")}\n */\n`
}

export const needsExperimental = "Needs the capability `experimentalApi`."

/** Writes definitions, one after the other. */
export const make = (definitions: Definitions, experimentalFields: ReadonlySet<string>) => {
  const { representations, sides } = definitions
  const titles = Object.values(representations).flatMap((node) => variantsOf(node).map(titleOf))
  const isUnique = (title: string) =>
    representations[title] === undefined && titles.filter((one) => one === title).length === 1

  return (name: string, side: Side): DefinitionCode => {
    const own = nameOf(definitions, name, side)
    const isOpen = side === "server"
    const hoisted: Array<string> = []

    const toCode = (node: Representation, field = ""): Code => {
      switch (node._tag) {
        case "Reference": {
          const target = nameOf(definitions, node.$ref, sides.get(node.$ref)?.has("both") === true ? "both" : side)
          return { type: target, runtime: `${target}.in(mode)` }
        }
        case "Suspend":
          return toCode(node.thunk, field)
        case "Null":
          return { type: "null", runtime: "Schema.Null" }
        case "Boolean":
          return { type: "boolean", runtime: "Schema.Boolean" }
        case "String":
          return isSecret(field)
            ? secret
            : side === "client"
            ? leaf(node)
            : { type: "string", runtime: "Schema.String" }
        case "Number":
          return side === "client" ? leaf(node) : { type: "number", runtime: "Schema.Finite" }
        case "Declaration":
          return { type: "unknown", runtime: side === "client" ? "Schema.Json" : "Schema.Unknown" }
        case "Literal":
          return literals([node])
        case "Union":
          return union(node, field)
        case "Arrays": {
          const [item] = node.rest
          if (item === undefined || node.elements.length > 0) throw new Error(`${name}: a tuple`)
          const { runtime, type } = toCode(item, field)
          return { type: `ReadonlyArray<${type}>`, runtime: `Schema.Array(${runtime})` }
        }
        case "Objects":
          return object(node)
        default:
          throw new Error(`${name}: ${node._tag}`)
      }
    }

    const isSecret = (field: string): boolean => {
      const path = `${name}.${field}`
      if (side === "server" || Rules.secrets.has(path)) return side !== "server"
      if (Rules.soundsSecret.test(field) && !Rules.notSecrets.has(path)) {
        throw new Error(`Is ${path} a secret? Say so in rules.ts.`)
      }
      return false
    }

    const object = ({ indexSignatures, propertySignatures }: SchemaRepresentation.Objects): Code => {
      const [index] = indexSignatures
      const rest = index === undefined || index.type._tag === "Never" ? undefined : toCode(index.type)
      if (propertySignatures.length === 0) {
        if (rest !== undefined) {
          return {
            type: `{ readonly [key: string]: ${rest.type} }`,
            runtime: `Schema.Record(Schema.String, ${rest.runtime})`
          }
        }
        return { type: `{ readonly [key: string]: ${isOpen ? "unknown" : "never"} }`, runtime: "struct(mode, {})" }
      }
      const fields = propertySignatures.map(({ isOptional: isOptionalNow, name: key, type }) => {
        const field = String(key)
        const isOptional = isOptionalNow || (isOpen && Rules.newer.has(`${name}.${field}`))
        // The field that tells a variant from others is not open: another value is another variant.
        const code = type._tag === "Literal" && !isOptional ? leaf(type) : toCode(type, field)
        const quoted = /^\w+$/.test(field) ? field : JSON.stringify(field)
        const comment = doc(descriptionOf(type), experimentalFields.has(`${name}.${field}`) && needsExperimental)
        const optional = isOpen ? "Schema.optionalKey" : "Schema.optional"
        return {
          type: `${comment}readonly ${quoted}${isOptional ? "?" : ""}: ${code.type}${
            isOptional && !isOpen && code.type !== "unknown" ? " | undefined" : ""
          }`,
          runtime: `${quoted}: ${isOptional ? `${optional}(${code.runtime})` : code.runtime}`
        }
      })
      const types = [
        ...fields.map(({ type }) => type),
        ...rest === undefined ? [] : ["readonly [key: string]: unknown"]
      ]
      return {
        type: `{\n${indent(types.join("\n"))}\n}`,
        runtime: `struct(mode, {\n${indent(fields.map(({ runtime }) => runtime).join(",\n"))}\n})`
      }
    }

    const union = (node: SchemaRepresentation.Union, field: string): Code => {
      const all = variantsOf(node)
      const others = all.filter(({ _tag }) => _tag !== "Null")
      const code = isPrimitive(node) ? closed(others.map((one) => toCode(one, field))) : alternatives(others, field)
      return others.length === all.length
        ? code
        : { type: `${code.type} | null`, runtime: `Schema.NullOr(${code.runtime})` }
    }

    const alternatives = (nodes: ReadonlyArray<Representation>, field: string): Code => {
      const words = nodes.filter((node) => node._tag === "Literal")
      // What the server may send anyway.
      const isCatchAll = ({ _tag, ...node }: Representation) =>
        words.length > 0 && isOpen &&
        (_tag === "String" || ("indexSignatures" in node && node.indexSignatures.length > 0))
      const members = nodes.filter((node) => node._tag !== "Literal" && !isCatchAll(node))
      const codes = members.map((node) => {
        const code = toCode(node, field)
        const title = titleOf(node)
        if (node._tag !== "Objects" || title === undefined || !isUnique(title)) return code
        const type = isOpen && own !== name ? `Open${title}` : title
        hoisted.push(`${doc(descriptionOf(node))}export interface ${type} ${code.type}\n`)
        return { ...code, type }
      })
      if (words.length > 0) codes.unshift(literals(words))
      const tag = tagOf(members)
      if (members.length === 0 || !isOpen || (codes.length === 1 && tag === undefined)) return closed(codes)
      const others = tag === undefined || tag === "type" ? "Unrecognized" : `Unrecognized<"${tag}">`
      return {
        type: oneOf([...codes.map(({ type }) => type), others]),
        runtime: `union(mode, "${tag ?? "type"}", [\n${indent(codes.map(({ runtime }) => runtime).join(",\n"))}\n])`
      }
    }

    const literals = (nodes: ReadonlyArray<SchemaRepresentation.Literal>): Code => {
      const members = nodes.map(({ literal }) => JSON.stringify(literal))
      if (isOpen) {
        return { type: oneOf([...members, "(string & {})"]), runtime: `openLiterals([${members.join(", ")}])` }
      }
      return { type: oneOf(members), runtime: `Schema.Literals([${members.join(", ")}])` }
    }

    const node = representations[name]
    if (node === undefined) throw new Error(`There is no definition ${name}`)
    const { runtime, type } = toCode(node)
    const about = own === name ? undefined : `What the server sends for {@link ${name}}, open to what it does not know.`
    const comment = doc(about, descriptionOf(node))
    const isInterface = node._tag === "Objects" && !type.startsWith("{ readonly [")
    return {
      types: [
        ...hoisted,
        `${comment}export ${
          isInterface ? `interface ${own} ${type}` : `type ${own} = ${type}`.replace("= \n", "=\n")
        }\n`
      ].join("\n"),
      schema: `export const ${own} = define((${
        runtime.includes("mode") ? "mode" : ""
      }): Schema.Codec<T.${own}, unknown> =>\n${indent(runtime)})\n`
    }
  }
}

/** The members of a union, and those of unions in it. */
export const variantsOf = (node: Representation): ReadonlyArray<Representation> =>
  node._tag === "Union" ? node.types.flatMap(variantsOf) : [node]

const closed = (codes: ReadonlyArray<Code>): Code => {
  const [first, ...others] = codes
  if (first === undefined) throw new Error("A union without members")
  return others.length === 0 ? first : {
    type: oneOf(codes.map(({ type }) => type)),
    runtime: `Schema.Union([${codes.map(({ runtime }) => runtime).join(", ")}])`
  }
}

/** The field of which each member has a value of its own. */
const tagOf = (members: ReadonlyArray<Representation>): string | undefined => {
  const tags = members.map((node) =>
    node._tag === "Objects"
      ? node.propertySignatures.filter(({ type }) => type._tag === "Literal").map(({ name }) => String(name))
      : []
  )
  return tags[0]?.find((tag) => tags.every((others) => others.includes(tag)))
}

const secret: Code = { type: "Redacted.Redacted<string>", runtime: "secret" }

/** A type without parts, with its checks, as Effect writes it. */
const leaf = (node: SchemaRepresentation.String | SchemaRepresentation.Number | SchemaRepresentation.Literal): Code => {
  const { annotations: _, ...bare } = node
  const [code] = SchemaRepresentation.toCodeDocument({ representations: [bare], references: {} }).codes
  if (code === undefined) throw new Error(`No code for ${node._tag}`)
  return { type: code.Type, runtime: code.runtime }
}

const annotation = (node: Representation, key: "title" | "description"): string | undefined => {
  const value = node._tag === "Reference" ? undefined : node.annotations?.[key]
  return typeof value === "string" ? value : undefined
}

/** The title as a name: `Otlp-httpOtelExporter` is `OtlpHttpOtelExporter`. */
const titleOf = (node: Representation) =>
  annotation(node, "title")?.replaceAll(/\W+(.)/g, (_, letter: string) => letter.toUpperCase())

const descriptionOf = (node: Representation) => annotation(node, "description")

const oneOf = (types: ReadonlyArray<string>): string => {
  // One of them may be such a union itself.
  const flat = types.flatMap((type) => type.startsWith("\n") ? type.split("\n  | ").slice(1) : [type])
  const line = flat.join(" | ")
  return line.length < 80 ? line : flat.map((type) => `\n  | ${type}`).join("")
}

/** A level deeper. */
export const indent = (text: string): string => text.replaceAll(/^(?=.)/gm, "  ")
