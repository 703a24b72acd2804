import { describe, expect, test, vi } from 'vitest'
import type { UpstreamOptions } from '../src/upstream/call.ts'
import { parseRetryAfter, retryDelayMs, withRetries } from '../src/upstream/retry.ts'
import { createRetryBudget } from '../src/upstream/retry-budget.ts'
import { UpstreamError } from '../src/upstream/upstream-error.ts'
import { serve } from './support/serve.ts'
import { startClient } from './support/upstream-client.ts'

const NOW = Date.parse('2026-01-02T03:04:05Z')

test.each([
  ['0', 0],
  ['120', 120_000],
  ['Fri, 02 Jan 2026 03:04:15 GMT', 10_000],
  ['Friday, 02-Jan-26 03:04:15 GMT', 10_000],
  ['Fri, 02 Jan 2026 03:00:00 GMT', 0],
  ['86400', 86_400_000],
  // The longest accepted pause is one day.
  ['86401', 86_400_000],
  ['99999999999999', 86_400_000],
  ['9'.repeat(400), 86_400_000],
  ['Sat, 03 Jan 2026 03:04:05 GMT', 86_400_000],
  ['Fri, 31 Dec 9999 23:59:59 GMT', 86_400_000],
  ['-5', null],
  ['5 s', null],
  ['in 5', null],
  ['2026-01-02T03:04:15Z', null],
  [' Fri, 02 Jan 2026 03:04:15 GMT', null],
  ['1.5', null],
  ['soon', null],
  ['Fri 02 Jan 2026 03:04:15 GMT', 10_000],
  ['Soon, perhaps', null],
  ['', null],
  [undefined, null],
])('Retry-After %j is a pause of %s ms', (value, expected) => {
  expect(parseRetryAfter(value, NOW)).toBe(expected)
})

test.each([
  { retry: 0, retryAfterMs: null, random: 0, expected: 0 },
  { retry: 0, retryAfterMs: null, random: 0.5, expected: 50 },
  { retry: 1, retryAfterMs: null, random: 0.5, expected: 100 },
  { retry: 1, retryAfterMs: 3000, random: 0.5, expected: 3100 },
  { retry: 0, retryAfterMs: 3000, random: 0, expected: 3000 },
])('retry $retry after $retryAfterMs with random $random waits $expected ms', (row) => {
  expect(retryDelayMs(row.retry, 100, row.retryAfterMs, row.random)).toBe(row.expected)
})

describe('withRetries', () => {
  const unavailable = new UpstreamError('UPSTREAM_UNAVAILABLE')
  const options = () => ({
    baseDelayMs: 1,
    deadlineMs: performance.now() + 60_000,
    signal: new AbortController().signal,
    mayRetry: vi.fn((_failure: UpstreamError) => true),
  })

  /** Fails with each of `failures` in order, then succeeds. */
  const failing = (...failures: unknown[]) =>
    vi.fn(async (attempt: number) => {
      if (failures.length > 0) throw failures.shift()
      return attempt
    })

  test.each(['UPSTREAM_UNAVAILABLE', 'RATE_LIMITED'] as const)('retries %s', async (code) => {
    const attempt = failing(new UpstreamError(code))

    await expect(withRetries(attempt, options())).resolves.toBe(2)
  })

  test.each([
    new UpstreamError('NOT_FOUND'),
    new UpstreamError('UPSTREAM_REJECTED'),
    new UpstreamError('OUTCOME_UNKNOWN'),
    Object.assign(new Error('not ours'), { code: 'RATE_LIMITED' }),
    null,
  ])('does not retry %s', async (failure) => {
    const attempt = failing(failure)

    await expect(withRetries(attempt, options())).rejects.toBe(failure)
    expect(attempt).toHaveBeenCalledTimes(1)
  })

  test('makes at most three attempts', async () => {
    const last = new UpstreamError('RATE_LIMITED')
    const attempt = failing(unavailable, unavailable, last, unavailable)

    await expect(withRetries(attempt, options())).rejects.toBe(last)
    expect(attempt.mock.calls).toEqual([[1], [2], [3]])
  })

  test('calls mayRetry before each retry and stops when it returns false', async () => {
    const mayRetry = vi.fn((_failure: UpstreamError) => mayRetry.mock.calls.length < 2)
    const second = new UpstreamError('RATE_LIMITED')

    const result = withRetries(failing(unavailable, second), { ...options(), mayRetry })

    await expect(result).rejects.toBe(second)
    expect(mayRetry.mock.calls).toEqual([[unavailable], [second]])
  })

  test('does not retry or call mayRetry when the pause ends after the deadline', async () => {
    const failure = new UpstreamError('RATE_LIMITED', { retryAfterMs: 60_001 })
    const given = options()

    await expect(withRetries(failing(failure), given)).rejects.toBe(failure)
    expect(given.mayRetry).not.toHaveBeenCalled()
  })

  test('waits for Retry-After', async () => {
    const startedMs = performance.now()

    await withRetries(failing(new UpstreamError('RATE_LIMITED', { retryAfterMs: 100 })), options())

    expect(performance.now() - startedMs).toBeGreaterThan(95)
  })

  test('rejects with the last failure when its signal aborts the pause', async () => {
    const failure = new UpstreamError('RATE_LIMITED', { retryAfterMs: 30_000 })
    const caller = new AbortController()
    const mayRetry = () => {
      setImmediate(() => caller.abort())
      return true
    }

    const result = withRetries(failing(failure), { ...options(), mayRetry, signal: caller.signal })

    await expect(result).rejects.toBe(failure)
  })
})

describe('retries are at most a tenth of the requests', () => {
  const NEVER_OPEN = { minCalls: Number.POSITIVE_INFINITY }

  /** The number of attempts for `requests` reads that 0-0 answers with 500, after `before` successful reads. */
  async function countAttempts(
    { before = 0, requests }: { before?: number; requests: number },
    breaker: UpstreamOptions['breaker'],
  ) {
    let isUp = true
    let attempts = 0
    const url = await serve((_request, response) => {
      attempts++
      response.writeHead(isUp ? 200 : 500).end('{"id":"cgt-1"}')
    })
    const client = startClient(url, { breaker })
    const read = () =>
      client.getVideoTask(
        { taskId: 'cgt-1', model: null },
        { credential: 'sk-test', requestId: 'request-1' },
      )

    for (let request = 0; request < before; request++) await read()
    isUp = false
    attempts = 0
    for (let sent = 0; sent < requests; sent += 10) {
      await Promise.allSettled(Array.from({ length: 10 }, read))
    }
    return attempts
  }

  test.each([
    { before: 0, requests: 100 },
    { before: 0, requests: 200 },
    { before: 500, requests: 100 },
  ])('for $requests requests in an outage after $before successful ones', async (load) => {
    const attempts = await countAttempts(load, NEVER_OPEN)

    expect(attempts).toBeGreaterThan(1.05 * load.requests)
    expect(attempts).toBeLessThanOrEqual(1.1 * load.requests)
  })

  test('also when a breaker opens during the outage', async () => {
    const attempts = await countAttempts({ requests: 200 }, {})

    expect(attempts).toBeLessThanOrEqual(220)
  })

  test('the budget starts with five retries and gains one per twenty requests', () => {
    const budget = createRetryBudget()
    const spendAll = () => {
      let spent = 0
      while (budget.spend()) spent++
      return spent
    }

    const spent = [0, 19, 1, 40, 1000].map((requests) => {
      for (let request = 0; request < requests; request++) budget.addRequest()
      return spendAll()
    })

    expect(spent).toEqual([5, 0, 1, 2, 5])
  })
})
