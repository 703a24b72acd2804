import { LedgerUnavailable } from '../ledger/unavailable.ts'
import { UpstreamError } from '../upstream/errors.ts'

/** What was read, or null when 0-0 does not know it; any other failure throws. */
export async function nullIfNotFound<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading
  } catch (error) {
    if (error instanceof UpstreamError && error.code === 'NOT_FOUND') return null
    throw error
  }
}

/** For reads that go on without the ledger: null when its database is away; any other error throws. */
export function unlessAway(error: unknown): null {
  if (error instanceof LedgerUnavailable) return null
  throw error
}
