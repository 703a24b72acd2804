import { timerDelayTo } from './timer.ts'

/**
 * Returns whether a credential has expired. `expiresAt` is in milliseconds since the epoch; null: it does not expire.
 */
export function hasExpired(expiresAt: number | null): boolean {
  return expiresAt !== null && expiresAt <= Date.now()
}

/**
 * Calls `listener` once, asynchronously, when a credential expires or when it has already expired. `expiresAt` is in
 * milliseconds since the epoch; null: it does not expire. Returns the function that cancels the call.
 */
export function onExpiry(expiresAt: number | null, listener: () => void): () => void {
  if (expiresAt === null) return () => {}
  const wait = () => setTimeout(check, timerDelayTo(expiresAt))
  let timer = wait()
  // A timer can fire one millisecond early, and the longest timer can be shorter than the remaining lifetime.
  function check() {
    if (hasExpired(expiresAt)) listener()
    else timer = wait()
  }
  return () => clearTimeout(timer)
}
