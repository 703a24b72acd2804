/** The longest delay a timer of Node.js accepts: about 24.8 days. */
const MAX_TIMER_MS = 2 ** 31 - 1

/**
 * Returns the delay in milliseconds for a timer that fires at a time, given in milliseconds since the epoch. 0 when the
 * time has passed. A timer for a time that is further away than the longest delay fires early.
 */
export function timerDelayTo(timeMs: number): number {
  return Math.min(MAX_TIMER_MS, Math.max(0, timeMs - Date.now()))
}
