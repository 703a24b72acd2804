import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { startDeadline } from '../src/upstream/deadline.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => void vi.useRealTimers())

test('the deadline aborts a call with its duration in the reason', () => {
  const deadline = startDeadline(1_000, undefined)

  expect(deadline.endsAtMs).toBe(performance.now() + 1_000)
  vi.advanceTimersByTime(999)
  expect(deadline.signal.aborted).toBe(false)
  vi.advanceTimersByTime(1)

  expect(deadline.signal.reason).toEqual(new Error('not done within 1000 ms'))
  expect(deadline.isCallerGone()).toBe(false)
})

test('the caller aborts a call with its own reason', () => {
  const caller = new AbortController()
  const deadline = startDeadline(1_000, caller.signal)

  caller.abort('gone')

  expect(deadline.signal.reason).toBe('gone')
  expect(deadline.isCallerGone()).toBe(true)
})

test('a caller that aborts after the deadline does not count as gone', () => {
  const caller = new AbortController()
  const deadline = startDeadline(1_000, caller.signal)

  vi.advanceTimersByTime(1_000)
  caller.abort('gone')

  expect(deadline.isCallerGone()).toBe(false)
})

test('an ignored caller does not abort the call, but the deadline does', () => {
  const caller = new AbortController()
  const deadline = startDeadline(1_000, caller.signal)

  deadline.ignoreCaller()
  caller.abort('gone')
  expect(deadline.signal.aborted).toBe(false)
  vi.advanceTimersByTime(1_000)

  expect(deadline.signal.aborted).toBe(true)
  expect(deadline.isCallerGone()).toBe(false)
})

test('an ended deadline removes its timer and its abort listener', () => {
  const { signal } = new AbortController()
  const deadline = startDeadline(1_000, signal)

  deadline.end()
  vi.advanceTimersByTime(1_000)

  expect(deadline.signal.aborted).toBe(false)
  expect(getEventListeners(signal, 'abort')).toEqual([])
})
