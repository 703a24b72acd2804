import { setTimeout as sleep } from 'node:timers/promises'
import { UpstreamError } from './upstream-error.ts'

const MAX_RETRIES = 2

/** When withRetries retries. */
interface RetryOptions {
  /** See retryDelayMs. */
  baseDelayMs: number
  /** In the time base of `performance.now()`. No retry is made whose delay would end after it. */
  deadlineMs: number
  /** Ends the delay before a retry. Then the last failure is thrown. */
  signal: AbortSignal
  /** Called before each delay. When it returns false, the last failure is thrown. */
  mayRetry: (failure: UpstreamError) => boolean
}

/**
 * Returns the result of `attempt`, which gets its number, from 1. Retries at most twice, and only
 * after UPSTREAM_UNAVAILABLE or RATE_LIMITED. Throws the failure of the last attempt.
 */
export async function withRetries<T>(
  attempt: (number: number) => Promise<T>,
  { baseDelayMs, deadlineMs, signal, mayRetry }: RetryOptions,
): Promise<T> {
  for (let retry = 0; ; retry++) {
    try {
      return await attempt(retry + 1)
    } catch (error) {
      if (retry === MAX_RETRIES || !isTransient(error)) throw error
      const delayMs = retryDelayMs(retry, baseDelayMs, error.retryAfterMs, Math.random())
      if (performance.now() + delayMs >= deadlineMs || !mayRetry(error)) throw error
      await sleep(delayMs, undefined, { signal }).catch(() => {
        throw error
      })
    }
  }
}

function isTransient(error: unknown): error is UpstreamError {
  return (
    error instanceof UpstreamError &&
    (error.code === 'UPSTREAM_UNAVAILABLE' || error.code === 'RATE_LIMITED')
  )
}

/**
 * Returns the delay in milliseconds before retry 0, 1, …: exponential backoff with full jitter
 * (`random` is in [0, 1)), added to the delay that 0-0 asked for. The jitter prevents that clients
 * with the same Retry-After retry at the same moment.
 */
export function retryDelayMs(
  retry: number,
  baseDelayMs: number,
  retryAfterMs: number | null,
  random: number,
): number {
  return (retryAfterMs ?? 0) + random * baseDelayMs * 2 ** retry
}

/** One day. A daily quota can need that much; a longer delay is regarded as a mistake. */
const MAX_RETRY_AFTER_MS = 24 * 3_600_000

/**
 * Converts a Retry-After header, seconds or an HTTP date, to milliseconds from now (RFC 9110, 10.2.3).
 * The result is from 0 to one day. Null when the value is absent or has another format.
 */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | null {
  const delayMs = readDelayMs(value ?? '', nowMs)
  return Number.isNaN(delayMs) ? null : Math.min(MAX_RETRY_AFTER_MS, Math.max(0, delayMs))
}

function readDelayMs(value: string, nowMs: number): number {
  if (/^\d+$/.test(value)) return Number(value) * 1000
  return /^[A-Z][a-z]+,? .+$/.test(value) ? Date.parse(value) - nowMs : Number.NaN
}
