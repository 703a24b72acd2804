import type { Logger } from 'pino'

/** A request that was refused before it became an operation. An OperationObserver is not told of it. */
export interface RefusedRequest {
  requestId: string
  transport: 'http' | 'websocket'
  /** The HTTP status of the response; null for a message over an open WebSocket. */
  status: number | null
  /** The error code that the caller received. */
  code: string
  /** The error message that the caller received. */
  message: string
}

/** Returns a function that logs one line for each refused request. */
export function logRefusedRequests(log: Logger): (refused: RefusedRequest) => void {
  return ({ message, ...refused }) => log.info({ ...refused, reason: message }, 'request refused')
}
