import { onTestFinished, vi } from 'vitest'

export interface TestClock {
  /** The time at which the clock was stopped, in milliseconds since the epoch. */
  readonly start: number
  /** Sets the clock to `ms` milliseconds after its start. */
  set(ms: number): void
}

/** Stops `Date` for this test, so that times are exact. Timers and sockets keep running. */
export function stopClock(): TestClock {
  const start = Date.now()
  vi.useFakeTimers({ toFake: ['Date'], now: start })
  onTestFinished(() => void vi.useRealTimers())
  return { start, set: (ms) => void vi.setSystemTime(start + ms) }
}
