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
  mayRetry: (failure: UpstreamError) => boolean
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
      if (performance.now() + delayMs >= deadlineMs || !mayRetry(error)) throw error
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

/** The longest pause that is believed: a day. A quota may be one for each day; what is longer is a mistake. */
const MAX_RETRY_AFTER_MS = 24 * 3_600_000

/**
 * The value of a Retry-After header, seconds or a date, as milliseconds from now (RFC 9110, 10.2.3): from 0 to a day, so that
 * it can be added to any date. Null when the value is neither.
 */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | null {
  const delayMs = readDelayMs(value ?? '', nowMs)
  return Number.isNaN(delayMs) ? null : Math.min(MAX_RETRY_AFTER_MS, Math.max(0, delayMs))
}

function readDelayMs(value: string, nowMs: number): number {
  if (/^\d+$/.test(value)) return Number(value) * 1000
  return /^[A-Z][a-z]+,? .+$/.test(value) ? Date.parse(value) - nowMs : Number.NaN
}
