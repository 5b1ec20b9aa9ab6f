/**
 * The methods of the protocol as functions in nested namespaces: `thread/name/set` is `thread.name.set`.
 *
 * @internal
 */
import type * as Effect from "effect/Effect"
import type { ClientError } from "../appserver/ClientError.ts"
import type { RequestOptions } from "../appserver/JsonRpc.ts"
import * as Protocol from "../appserver/Protocol.ts"

/** What a client calls; the client itself has said `initialize`. */
export type Method = Exclude<Protocol.ClientMethod, "initialize">

/** A method that can be called without params. */
export type OptionalParamsMethod = {
  [M in Method]: undefined extends Protocol.ParamsOf<M> ? M
    : Partial<Protocol.ParamsOf<M>> extends Protocol.ParamsOf<M> ? M
    : never
}[Method]

export interface Request {
  <M extends OptionalParamsMethod>(
    method: M,
    params?: Protocol.ParamsOf<M>,
    options?: RequestOptions
  ): Effect.Effect<Protocol.ResultOf<M>, ClientError>
  <M extends Method>(
    method: M,
    params: Protocol.ParamsOf<M>,
    options?: RequestOptions
  ): Effect.Effect<Protocol.ResultOf<M>, ClientError>
}

export type Call<M extends Method> = M extends OptionalParamsMethod
  ? (params?: Protocol.ParamsOf<M>, options?: RequestOptions) => Effect.Effect<Protocol.ResultOf<M>, ClientError>
  : (params: Protocol.ParamsOf<M>, options?: RequestOptions) => Effect.Effect<Protocol.ResultOf<M>, ClientError>

/** The next part of the names that start with `Prefix`. */
type Part<Prefix extends string, M extends string = Method> = M extends `${Prefix}${infer Head}/${string}` ? Head
  : M extends `${Prefix}${infer Last}` ? Last
  : never

/** Something may be a method and a namespace, such as `command/exec`. */
export type Calls<Prefix extends string = ""> = {
  readonly [P in Part<Prefix>]:
    & (`${Prefix}${P}` extends Method ? Call<Extract<`${Prefix}${P}`, Method>> : unknown)
    & ([Part<`${Prefix}${P}/`>] extends [never] ? unknown : Calls<`${Prefix}${P}/`>)
}

/** Every method as a function. */
export function make(request: Request): Calls
export function make(request: (method: string, params: unknown, options: RequestOptions) => unknown): object {
  const root = {}
  const nodes = new Map<string, object>()
  const node = (path: string): object => {
    const existing = nodes.get(path)
    if (existing !== undefined) return existing
    const made = isMethod(path) ? (params: unknown, options: RequestOptions) => request(path, params, options) : {}
    nodes.set(path, made)
    const end = path.lastIndexOf("/")
    // Not by assignment, as a function has a `name` already.
    Object.defineProperty(end === -1 ? root : node(path.slice(0, end)), path.slice(end + 1), {
      value: made,
      enumerable: true
    })
    return made
  }
  for (const method of Object.keys(Protocol.ClientRequests)) if (isMethod(method)) node(method)
  return root
}

const isMethod = (path: string): boolean => path !== "initialize" && Object.hasOwn(Protocol.ClientRequests, path)

/**
 * Whether a method only reads, so that an app-server that was overloaded can be asked again. The app-server says that
 * it did nothing, but for a turn its word is not enough.
 */
export const isRepeatable = (method: string): boolean => readingNames.test(method)

const readingNames =
  /(^fuzzyFileSearch|\/(list|listVoices|read|readFile|readDirectory|readHistories|getMetadata|get|info|status|search|searchOccurrences|installed|detect|diagnostics|readiness))$/
