/**
 * Lists that the app-server gives page by page.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { ClientError } from "../appserver/ClientError.ts"
import type * as Protocol from "../appserver/Protocol.ts"
import type { Method, OptionalParamsMethod, Request } from "./clientCalls.ts"

interface Page<out A> {
  readonly data: ReadonlyArray<A>
  readonly nextCursor?: string | null
}

export type PaginatedMethod = {
  [M in Method]: "nextCursor" extends keyof Protocol.ResultOf<M> ? M : never
}[Method]

export type ElementOf<M extends PaginatedMethod> = Protocol.ResultOf<M>["data"] extends ReadonlyArray<infer A> ? A
  : never

export interface Paginate {
  <M extends PaginatedMethod & OptionalParamsMethod>(
    method: M,
    params?: Protocol.ParamsOf<M>
  ): Stream.Stream<ElementOf<M>, ClientError>
  <M extends PaginatedMethod>(method: M, params: Protocol.ParamsOf<M>): Stream.Stream<ElementOf<M>, ClientError>
}

export function make(request: Request): Paginate
export function make(
  request: (method: string, params: object | undefined) => Effect.Effect<Page<unknown>, ClientError>
): (method: string, params: object | undefined) => Stream.Stream<unknown, ClientError> {
  return (method, params) =>
    Stream.paginate(params, (params) =>
      Effect.map(request(method, params), ({ data, nextCursor }) => {
        const next = Option.map(Option.fromNullishOr(nextCursor), (cursor): object => ({ ...params, cursor }))
        return [data, next] as const
      }))
}
