import { UpstreamError } from '../upstream/errors.ts'

/** What was read, or null when 0-0 does not know it; any other failure throws. */
export async function orNull<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading
  } catch (error) {
    if (error instanceof UpstreamError && error.code === 'NOT_FOUND') return null
    throw error
  }
}
