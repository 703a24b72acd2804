import type { BreakerOptions } from './breaker.ts'
import type { Method } from './http-request.ts'
import type { Route } from './route.ts'

/** Options of the upstream client. */
export interface UpstreamOptions {
  /** Where 0-0 is, with or without a path and with or without `/v1` at its end. */
  url: string
  /** Reads in flight at once; those beyond it wait their turn, inside their deadline. */
  maxConcurrency: number
  /** The same for creates, which have connections of their own, so that slow ones hold up no read. */
  maxCreates: number
  /** Deadlines of a whole operation: waiting, all attempts, and reading the answer. */
  getTimeoutMs: number
  postTimeoutMs: number
  retryBaseDelayMs?: number | undefined
  /** Of the breaker that each route group has; see BREAKER_DEFAULTS. */
  breaker?: Partial<BreakerOptions> | undefined
  /** Called when an attempt has ended, also when an open breaker answered it, for logs and metrics. */
  onCall?: ((call: UpstreamCallReport) => void) | undefined
}

/** What is logged and counted of one attempt. */
export interface UpstreamCallReport {
  method: Method
  route: Route
  /** Null when no answer came. */
  status: number | null
  durationMs: number
  requestId: string
  /** From 1; those beyond it are retries. */
  attempt: number
  /**
   * Null on success; `ABORTED` when the caller had left, `BREAKER_OPEN` when nothing was sent because others had failed,
   * `QUEUE_TIMEOUT` when nothing was sent because no connection of ours became free in time.
   */
  errorCode: string | null
}

/** Who calls 0-0, and when to stop. */
export interface UpstreamCall {
  /** The bare key, without `Bearer `. */
  credential: string
  requestId: string
  /**
   * Ends the operation with the signal's own reason: a read at any time, a create only until it has been sent. From then
   * on it may cost money, so it is seen through for its answer to be recorded.
   */
  signal?: AbortSignal | undefined
  /** Called when a create leaves: until then nothing can have been done, from then on it may have been. */
  onSent?: (() => void) | undefined
}
