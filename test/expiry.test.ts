import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { hasExpired, onExpiry } from '../src/model/expiry.ts'

const NOW = 1_700_000_000_000

beforeEach(() => {
  vi.useFakeTimers({ now: NOW })
  onTestFinished(() => void vi.useRealTimers())
})

test('a credential is expired from its expiry time on, and never without an expiry time', () => {
  expect([NOW - 1, NOW, NOW + 1, null].map(hasExpired)).toEqual([true, true, false, false])
})

test.for([
  ['in a second', 1_000],
  ['in 60 days, which exceeds the longest timer', 60 * 86_400_000],
] as const)('the listener of an expiry %s is called once, and not before', ([, ms]) => {
  const listener = vi.fn()
  onExpiry(NOW + ms, listener)

  vi.advanceTimersByTime(ms - 1)
  const early = listener.mock.calls.length
  vi.advanceTimersByTime(1)
  const onTime = listener.mock.calls.length
  vi.advanceTimersByTime(ms)

  expect([early, onTime, listener.mock.calls.length]).toEqual([0, 1, 1])
  expect(vi.getTimerCount()).toBe(0)
})

test('the listener of an expiry in the past is called asynchronously', () => {
  const listener = vi.fn()
  onExpiry(NOW - 5_000, listener)

  const atOnce = listener.mock.calls.length
  vi.advanceTimersByTime(1)

  expect([atOnce, listener.mock.calls.length]).toEqual([0, 1])
})

test('a clock that is set back delays the expiry', () => {
  const listener = vi.fn()
  onExpiry(NOW + 1_000, listener)

  vi.setSystemTime(NOW - 500)
  vi.advanceTimersByTime(1_499)
  const early = listener.mock.calls.length
  vi.advanceTimersByTime(1)

  expect([early, listener.mock.calls.length]).toEqual([0, 1])
})

test('a credential without an expiry starts no timer', () => {
  const cancel = onExpiry(null, vi.fn())

  expect(vi.getTimerCount()).toBe(0)
  expect(cancel()).toBeUndefined()
})

test.for([1_000, 60 * 86_400_000])('a cancelled expiry in %i ms calls no listener', (ms) => {
  const listener = vi.fn()
  const cancel = onExpiry(NOW + ms, listener)
  vi.advanceTimersByTime(ms - 1)

  cancel()
  vi.advanceTimersByTime(ms)

  expect(listener).not.toHaveBeenCalled()
  expect(vi.getTimerCount()).toBe(0)
})
