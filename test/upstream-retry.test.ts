import { expect, test } from 'vitest'
import { parseRetryAfter, retryDelayMs } from '../src/upstream/retry.ts'

const NOW = Date.parse('2026-01-02T03:04:05Z')

test.each([
  ['0', 0],
  ['120', 120_000],
  ['Fri, 02 Jan 2026 03:04:15 GMT', 10_000],
  ['Friday, 02-Jan-26 03:04:15 GMT', 10_000],
  ['Fri, 02 Jan 2026 03:00:00 GMT', 0],
  ['-5', null],
  ['1.5', null],
  ['soon', null],
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
])('retry $retry after $retryAfterMs with luck $random waits $expected ms', (row) => {
  expect(retryDelayMs(row.retry, 100, row.retryAfterMs, row.random)).toBe(row.expected)
})
