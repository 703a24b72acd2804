import { onTestFinished, vi } from 'vitest'

export interface TestClock {
  /** When it was stopped, in milliseconds since the epoch. */
  readonly start: number
  /** Lets it show `ms` milliseconds after its start. */
  set(ms: number): void
}

/** Stops the clock of this test, so that times are exact. Timers and sockets go on. */
export function stopClock(): TestClock {
  const start = Date.now()
  vi.useFakeTimers({ toFake: ['Date'], now: start })
  onTestFinished(() => void vi.useRealTimers())
  return { start, set: (ms) => void vi.setSystemTime(start + ms) }
}
