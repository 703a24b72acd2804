/** One attempt to call 0-0, reported when it has ended. */
export interface UpstreamAttempt {
  /** The HTTP method. */
  method: string
  /** The path without an id, e.g. `/v1/assets`. */
  route: string
  /** The HTTP status; null when no response arrived. */
  status: number | null
  durationMs: number
  /** Counts from 1; a higher number is a retry. */
  attempt: number
  /**
   * Null on success. `ABORTED`: the caller left. `BREAKER_OPEN`: nothing was sent, because the circuit breaker is open.
   * `QUEUE_TIMEOUT`: nothing was sent, because no connection became free in time.
   */
  errorCode: string | null
}
