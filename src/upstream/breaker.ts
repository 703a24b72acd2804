/** CLOSED allows all attempts, OPEN allows none, HALF_OPEN waits for the outcome of one probe. */
export type BreakerState = 'CLOSED' | 'OPEN' | 'HALF_OPEN'

/** When a breaker opens, and for how long. */
export interface BreakerOptions {
  /**
   * The breaker opens when at least `minCalls` attempts ended within `windowMs` and a share of at
   * least `failureRatio` (0 to 1) of them failed.
   */
  windowMs: number
  minCalls: number
  failureRatio: number
  /** How long it stays open at first. Each failed probe doubles the time, up to `maxOpenMs`. */
  openMs: number
  /** Also how long a probe may take before another probe is allowed. */
  maxOpenMs: number
}

/** The defaults of createBreaker. */
const BREAKER_DEFAULTS: BreakerOptions = {
  windowMs: 10_000,
  minCalls: 10,
  failureRatio: 0.5,
  openMs: 5_000,
  maxOpenMs: 30_000,
}

/** The outcome of one attempt. IGNORED says nothing about the service, e.g. because the caller left. */
export type AttemptOutcome = 'SUCCESS' | 'FAILURE' | 'IGNORED'

/** A circuit breaker: it stops attempts while most of them fail. */
export interface Breaker {
  readonly state: BreakerState
  /**
   * Returns null when no attempt is allowed now. Otherwise returns a function that the attempt must
   * call with its outcome when it has ended.
   */
  enter(): ((outcome: AttemptOutcome) => void) | null
  /**
   * Milliseconds until the next probe is allowed. 0 while the breaker is closed, and while a probe
   * is running, because it may end at any moment.
   */
  retryAfterMs(): number
}

/**
 * Creates a closed breaker. It opens when too many attempts fail. After `openMs` it allows one attempt
 * as a probe. A successful probe closes it; a failed probe opens it again for twice as long.
 */
export function createBreaker(options: Partial<BreakerOptions> = {}): Breaker {
  const { windowMs, minCalls, failureRatio, openMs, maxOpenMs } = {
    ...BREAKER_DEFAULTS,
    ...options,
  }
  let state: BreakerState = 'CLOSED'
  let counter = createRollingCounter(windowMs)
  let currentOpenMs = openMs
  let probeAtMs = 0

  function open(forMs: number): void {
    state = 'OPEN'
    currentOpenMs = forMs
    probeAtMs = performance.now() + forMs
  }

  function enterClosed(): (outcome: AttemptOutcome) => void {
    const counterAtStart = counter
    return (outcome) => {
      // Ignore an attempt that began before the breaker last opened: it says nothing about now.
      if (outcome === 'IGNORED' || state !== 'CLOSED' || counterAtStart !== counter) return
      const { calls, failures } = counter.add(outcome === 'FAILURE')
      if (calls >= minCalls && failures >= failureRatio * calls) open(openMs)
    }
  }

  function enterAsProbe(): (outcome: AttemptOutcome) => void {
    state = 'HALF_OPEN'
    probeAtMs = performance.now() + maxOpenMs
    return (outcome) => {
      if (state !== 'HALF_OPEN') return
      if (outcome === 'FAILURE') return open(Math.min(2 * currentOpenMs, maxOpenMs))
      if (outcome === 'IGNORED') {
        // Allow the next attempt as a probe at once.
        state = 'OPEN'
        probeAtMs = 0
        return
      }
      state = 'CLOSED'
      counter = createRollingCounter(windowMs)
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

/** Counts the attempts of the last `windowMs`, with a precision of a tenth of it. */
function createRollingCounter(windowMs: number) {
  let slots: { startedMs: number; calls: number; failures: number }[] = []

  return {
    /** Counts one attempt and returns the totals of the window. */
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
