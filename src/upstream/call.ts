import type { BreakerOptions } from './breaker.ts'
import type { Method } from './http-request.ts'
import type { Route } from './route.ts'

/** Options of createUpstreamClient. */
export interface UpstreamOptions {
  /** The base URL of 0-0. It may have a path, and may end with `/v1`. */
  url: string
  /** The maximum of concurrent reads. Further reads wait in a queue; the wait counts towards their deadline. */
  maxConcurrency: number
  /** The same for creates. They have separate connections, so that slow creates do not delay reads. */
  maxCreates: number
  /** The deadline of a read, from its start to the end of the last attempt, with waits and retries. */
  getTimeoutMs: number
  /** The same for a create, which has one attempt. */
  postTimeoutMs: number
  /** See retryDelayMs. Default: 200. */
  retryBaseDelayMs?: number | undefined
  /** For the breakers, one for each route. Defaults: BREAKER_DEFAULTS. */
  breaker?: Partial<BreakerOptions> | undefined
  /** Called after each attempt, also when an open breaker refused it. For logs and metrics. */
  onCall?: ((call: UpstreamCallReport) => void) | undefined
}

/** What is logged and counted about one attempt. */
export interface UpstreamCallReport {
  method: Method
  route: Route
  /** The HTTP status. Null when no response arrived. */
  status: number | null
  /** From the start of the attempt to its end, with the wait for a connection. */
  durationMs: number
  requestId: string
  /** 1 for the first attempt. Higher numbers are retries. */
  attempt: number
  /**
   * Null on success. Otherwise an UpstreamErrorCode or one of:
   * - ABORTED: the caller left.
   * - BREAKER_OPEN: nothing was sent, because the breaker was open.
   * - QUEUE_TIMEOUT: nothing was sent, because no connection of ours became free in time.
   */
  errorCode: string | null
}

/** For whom a request to 0-0 is sent, and when to abort it. */
export interface UpstreamCall {
  /** The API key, without `Bearer `. */
  credential: string
  /** Sent as `X-Request-Id` and logged. */
  requestId: string
  /**
   * Aborts the request, which then rejects with the reason of the signal. A read can be aborted at
   * any time. A create can be aborted only until it is sent: after that it may cost money, so its
   * response must be awaited and recorded.
   */
  signal?: AbortSignal | undefined
  /** Called just before a create is sent. Until this call, 0-0 cannot have carried it out. */
  onSent?: (() => void) | undefined
}
