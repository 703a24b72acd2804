import { LedgerUnavailable } from '../ledger/unavailable.ts'
import { UpstreamError } from '../upstream/upstream-error.ts'

/** Returns the entity that was read, or null when the read throws NOT_FOUND. Throws any other error. */
export async function nullIfNotFound<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading
  } catch (error) {
    if (error instanceof UpstreamError && error.code === 'NOT_FOUND') return null
    throw error
  }
}

/**
 * A rejection handler for reads that can continue without the ledger: null for LedgerUnavailable. Throws any other
 * error.
 */
export function nullIfUnavailable(error: unknown): null {
  if (error instanceof LedgerUnavailable) return null
  throw error
}
