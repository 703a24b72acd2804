export type BreakerState = 'CLOSED' | 'OPEN' | 'HALF_OPEN'

export interface BreakerOptions {
  /** It opens once `failureRatio` or more of at least `minCalls` calls have failed within `windowMs`. */
  windowMs: number
  minCalls: number
  failureRatio: number
  /** How long it stays open at first; each probe that fails doubles it, up to `maxOpenMs`. */
  openMs: number
  /** A probe without an outcome for so long no longer holds up the next. */
  maxOpenMs: number
}

export const BREAKER_DEFAULTS: BreakerOptions = {
  windowMs: 10_000,
  minCalls: 10,
  failureRatio: 0.5,
  openMs: 5_000,
  maxOpenMs: 30_000,
}

/** What a call tells of the other side: that it answers, that it does not, or nothing, as when the caller left before. */
export type Verdict = 'ANSWERED' | 'FAILED' | 'NOTHING'

export interface Breaker {
  readonly state: BreakerState
  /** Lets a call through, to tell its verdict when it has ended; null when there is none to let through. */
  enter(): ((verdict: Verdict) => void) | null
  /** How long nobody is let through; 0 while a probe is under way, since it may end at any moment. */
  retryAfterMs(): number
}

/** Stops calls to something that fails most of them, and sends it one at a time to find out when it is back. */
export function createBreaker(options: Partial<BreakerOptions> = {}): Breaker {
  const { windowMs, minCalls, failureRatio, openMs, maxOpenMs } = {
    ...BREAKER_DEFAULTS,
    ...options,
  }
  let state: BreakerState = 'CLOSED'
  let tally = createTally(windowMs)
  let pauseMs = openMs
  let probeAtMs = 0

  function open(forMs: number): void {
    state = 'OPEN'
    pauseMs = forMs
    probeAtMs = performance.now() + forMs
  }

  function enterClosed(): (verdict: Verdict) => void {
    const joined = tally
    return (verdict) => {
      // A call from before the last outage, or from its beginning, tells nothing of the time after it.
      if (verdict === 'NOTHING' || state !== 'CLOSED' || joined !== tally) return
      const { calls, failures } = tally.add(verdict === 'FAILED')
      if (calls >= minCalls && failures >= failureRatio * calls) open(openMs)
    }
  }

  function enterAsProbe(): (verdict: Verdict) => void {
    state = 'HALF_OPEN'
    probeAtMs = performance.now() + maxOpenMs
    return (verdict) => {
      if (state !== 'HALF_OPEN') return
      if (verdict === 'FAILED') return open(Math.min(2 * pauseMs, maxOpenMs))
      if (verdict === 'NOTHING') {
        // Nothing was learnt, so the next call is the probe.
        state = 'OPEN'
        probeAtMs = 0
        return
      }
      state = 'CLOSED'
      tally = createTally(windowMs)
    }
  }

  return {
    get state() {
      return state
    },
    enter() {
      if (state === 'CLOSED') return enterClosed()
      return performance.now() < probeAtMs ? null : enterAsProbe()
    },
    retryAfterMs() {
      return state === 'OPEN' ? Math.max(0, Math.ceil(probeAtMs - performance.now())) : 0
    },
  }
}

const SLOTS = 10

/** Counts the calls of the last `windowMs`, to within a tenth of it. */
function createTally(windowMs: number) {
  let slots: { startedMs: number; calls: number; failures: number }[] = []

  return {
    add(hasFailed: boolean): { calls: number; failures: number } {
      const nowMs = performance.now()
      slots = slots.filter(({ startedMs }) => nowMs - startedMs < windowMs)
      let slot = slots.at(-1)
      if (slot === undefined || nowMs - slot.startedMs >= windowMs / SLOTS) {
        slot = { startedMs: nowMs, calls: 0, failures: 0 }
        slots.push(slot)
      }
      slot.calls++
      if (hasFailed) slot.failures++
      const sum = (of: 'calls' | 'failures') => slots.reduce((total, slot) => total + slot[of], 0)
      return { calls: sum('calls'), failures: sum('failures') }
    },
  }
}
