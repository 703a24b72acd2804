import { onTestFinished } from 'vitest'
import type { UpstreamOptions } from '../../src/upstream/call.ts'
import { createUpstreamClient, type UpstreamClient } from '../../src/upstream/client.ts'
import { UpstreamError } from '../../src/upstream/upstream-error.ts'

/** A client of the upstream at `url` for one test, twenty reads and twenty creates at once unless told; it is closed when the test ends. */
export function startClient(url: string, options: Partial<UpstreamOptions> = {}): UpstreamClient {
  const client = createUpstreamClient({
    url,
    maxConcurrency: 20,
    maxCreates: 20,
    getTimeoutMs: 5000,
    postTimeoutMs: 5000,
    retryBaseDelayMs: 1,
    ...options,
  })
  onTestFinished(() => void client.close())
  return client
}

/** What a call failed with; throws when it succeeded, and whatever else it failed with. */
export async function failureOf(result: Promise<unknown>): Promise<UpstreamError> {
  const error = await result.then(
    () => new Error('the call succeeded'),
    (reason: unknown) => reason,
  )
  if (error instanceof UpstreamError) return error
  throw error
}
