import { setTimeout as sleep } from 'node:timers/promises'
import { UpstreamError } from './errors.ts'

const MAX_RETRIES = 2

export interface RetryOptions {
  baseDelayMs: number
  /** On the clock of `performance.now()`: no pause begins that would end after it. */
  deadlineMs: number
  /** Ends a pause at once; the failure before it is then thrown. */
  signal: AbortSignal
  /** Asked before each retry that is otherwise due; the failure before it is thrown when the answer is no. */
  mayRetry: () => boolean
}

/** What `attempt` gives, tried again at most twice while it fails with something that may pass. */
export async function withRetries<T>(
  attempt: (number: number) => Promise<T>,
  { baseDelayMs, deadlineMs, signal, mayRetry }: RetryOptions,
): Promise<T> {
  for (let retry = 0; ; retry++) {
    try {
      return await attempt(retry + 1)
    } catch (error) {
      if (retry === MAX_RETRIES || !mayPass(error)) throw error
      const delayMs = retryDelayMs(retry, baseDelayMs, error.retryAfterMs, Math.random())
      if (performance.now() + delayMs >= deadlineMs || !mayRetry()) throw error
      await sleep(delayMs, undefined, { signal }).catch(() => {
        throw error
      })
    }
  }
}

function mayPass(error: unknown): error is UpstreamError {
  return (
    error instanceof UpstreamError &&
    (error.code === 'UPSTREAM_UNAVAILABLE' || error.code === 'RATE_LIMITED')
  )
}

/**
 * The pause before retry 0, 1, …: exponential with full jitter (`random` is in [0, 1)), on top of the pause that upstream
 * asked for, so that all who were told the same do not come back together.
 */
export function retryDelayMs(
  retry: number,
  baseDelayMs: number,
  retryAfterMs: number | null,
  random: number,
): number {
  return (retryAfterMs ?? 0) + random * baseDelayMs * 2 ** retry
}

/** The value of a Retry-After header, seconds or a date, as milliseconds from now (RFC 9110, 10.2.3); null when it is neither. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | null {
  if (value === undefined) return null
  if (/^\d+$/.test(value)) return Number(value) * 1000
  const dateMs = /^[A-Z][a-z]+,? .+$/.test(value) ? Date.parse(value) : Number.NaN
  return Number.isNaN(dateMs) ? null : Math.max(0, dateMs - nowMs)
}
