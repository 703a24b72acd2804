/** The longest delay a timer of Node.js accepts: about 24.8 days. */
const MAX_TIMER_MS = 2 ** 31 - 1

/** Whether a credential has expired. `expiresAt` is in milliseconds since the epoch; null: it never expires. */
export function hasExpired(expiresAt: number | null): boolean {
  return expiresAt !== null && expiresAt <= Date.now()
}

/**
 * Calls `listener` once, asynchronously, when a credential expires, also when that was in the past.
 * Returns the function that cancels it.
 */
export function onExpiry(expiresAt: number | null, listener: () => void): () => void {
  if (expiresAt === null) return () => {}
  const wait = () => setTimeout(check, Math.min(MAX_TIMER_MS, Math.max(0, expiresAt - Date.now())))
  let timer = wait()
  // A timer may fire a millisecond early, and the longest timer may be shorter than the rest of the lifetime.
  function check() {
    if (hasExpired(expiresAt)) listener()
    else timer = wait()
  }
  return () => clearTimeout(timer)
}
