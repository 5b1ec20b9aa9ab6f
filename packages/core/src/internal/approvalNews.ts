/**
 * What the app-server asks, as events of the turn that waits for the answer.
 *
 * @internal
 */
import type { Notification, RequestId, ServerRequestProgress } from "../appserver/JsonRpcMessage.ts"
import type { ApprovalRequested, ApprovalResolved } from "../CodexEvent.ts"
import * as Requests from "./approvalRequests.ts"

/** Comes among the notifications of the thread, though the app-server has none that says so. */
export class ApprovalNews implements Notification {
  readonly method = "approval"
  readonly params: { readonly threadId: string }
  readonly event: ApprovalRequested | ApprovalResolved

  constructor(event: ApprovalRequested | ApprovalResolved) {
    this.params = { threadId: event.thread_id }
    this.event = event
  }
}

/** Makes them, for one connection. What is asked for no thread is none. */
export const make = () => {
  const open = new Map<RequestId, ApprovalRequested>()
  return ({ request, stage }: ServerRequestProgress): ReadonlyArray<ApprovalNews> => {
    const { id } = request
    if (stage === "asked") {
      const { itemId, kind, threadId } = Requests.subjectOf(request)
      if (threadId === undefined) return []
      const event: ApprovalRequested = {
        type: "approval.requested",
        thread_id: threadId,
        request_id: id,
        kind,
        ...(itemId === undefined ? {} : { item_id: itemId })
      }
      open.set(id, event)
      return [new ApprovalNews(event)]
    }
    const event = open.get(id)
    open.delete(id)
    return event === undefined ? [] : [new ApprovalNews({ ...event, type: "approval.resolved" })]
  }
}
