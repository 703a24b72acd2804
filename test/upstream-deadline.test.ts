import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { startDeadline } from '../src/upstream/deadline.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => void vi.useRealTimers())

test('time ends a call, and says how long it had', () => {
  const deadline = startDeadline(1_000, undefined)

  expect(deadline.endsAtMs).toBe(performance.now() + 1_000)
  vi.advanceTimersByTime(999)
  expect(deadline.signal.aborted).toBe(false)
  vi.advanceTimersByTime(1)

  expect(deadline.signal.reason).toEqual(new Error('not done within 1000 ms'))
  expect(deadline.isCallerGone()).toBe(false)
})

test('the caller ends a call, with its own reason', () => {
  const caller = new AbortController()
  const deadline = startDeadline(1_000, caller.signal)

  caller.abort('gone')

  expect(deadline.signal.reason).toBe('gone')
  expect(deadline.isCallerGone()).toBe(true)
})

test('a caller who leaves after the time was over did not end it', () => {
  const caller = new AbortController()
  const deadline = startDeadline(1_000, caller.signal)

  vi.advanceTimersByTime(1_000)
  caller.abort('gone')

  expect(deadline.isCallerGone()).toBe(false)
})

test('a caller who is ignored ends nothing, but time does', () => {
  const caller = new AbortController()
  const deadline = startDeadline(1_000, caller.signal)

  deadline.ignoreCaller()
  caller.abort('gone')
  expect(deadline.signal.aborted).toBe(false)
  vi.advanceTimersByTime(1_000)

  expect(deadline.signal.aborted).toBe(true)
  expect(deadline.isCallerGone()).toBe(false)
})

test('what has ended listens no more, to the clock or to the caller', () => {
  const { signal } = new AbortController()
  const deadline = startDeadline(1_000, signal)

  deadline.end()
  vi.advanceTimersByTime(1_000)

  expect(deadline.signal.aborted).toBe(false)
  expect(getEventListeners(signal, 'abort')).toEqual([])
})
