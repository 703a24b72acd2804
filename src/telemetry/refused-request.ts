import type { Logger } from 'pino'

/** A request that was refused before it became an operation: operations have observers of their own. */
export interface RefusedRequest {
  requestId: string
  transport: 'http' | 'websocket'
  /** The HTTP status of the answer; null for a message over an open WebSocket. */
  status: number | null
  code: string
  /** As the caller got it. */
  message: string
}

/** Logs one line for each refused request. */
export function logRefusedRequests(log: Logger): (refused: RefusedRequest) => void {
  return ({ message, ...refused }) => log.info({ ...refused, reason: message }, 'request refused')
}
