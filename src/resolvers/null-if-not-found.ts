import { LedgerUnavailable } from '../ledger/unavailable.ts'
import { UpstreamError } from '../upstream/upstream-error.ts'

/** Returns what was read, or null when 0-0 does not know the entity. Throws any other error. */
export async function nullIfNotFound<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading
  } catch (error) {
    if (error instanceof UpstreamError && error.code === 'NOT_FOUND') return null
    throw error
  }
}

/** For reads that continue without the ledger: null when its storage fails. Throws any other error. */
export function nullIfUnavailable(error: unknown): null {
  if (error instanceof LedgerUnavailable) return null
  throw error
}
